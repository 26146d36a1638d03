"""Writes the reference values of a recipe: <slug>.json beside <slug>.py.

    import recipe_values
    recipe_values.write(__file__, {"areas": [...], ...}, numpy, scipy)    # and the packages they were made with

`python3 <slug>.py` writes the file, `python3 <slug>.py --check` compares with the committed one (relative 1e-9 of the
largest number of a list, for other versions of a package differ in the last digits). At most 100 kB. Infinities and NaN
are strings ("inf", "-inf", "nan"), as JSON has none; tests/golden/recipe_values.h reads them back.
"""
import json
import math
import os
import sys

LIMIT = 100_000  # bytes


def plain(value):
    if hasattr(value, "tolist"):  # arrays and scalars of NumPy and PyTorch
        value = value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def difference(a, b, scale, where):
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return next(filter(None, (difference(a[k], b[k], 0, f"{where}.{k}") for k in a)), None)
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        numbers = [abs(x) for x in a if isinstance(x, (int, float))]
        return next(filter(None, (difference(x, y, max(numbers, default=0), f"{where}[{i}]")
                                  for i, (x, y) in enumerate(zip(a, b)))), None)
    if isinstance(a, float) and isinstance(b, (int, float)):
        return None if abs(a - b) <= 1e-9 * max(scale, abs(a)) else f"{where}: {a!r}, committed {b!r}"
    return None if a == b else f"{where}: {a!r}, committed {b!r}"


def write(script, values, *packages):
    values = plain(values)
    made_with = ", ".join(f"{package.__name__} {package.__version__}" for package in packages)
    path = os.path.splitext(os.path.abspath(script))[0] + ".json"
    if "--check" in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            committed = json.load(file)
        committed.pop("made_with")
        found = difference(values, committed, 0, "")
        sys.exit(f"{path}{found}" if found else None)
    lines = [json.dumps({"made_with": made_with})[1:-1]]
    lines += [json.dumps({key: value}, separators=(",", ":"), ensure_ascii=False, allow_nan=False)[1:-1]
              for key, value in values.items()]
    text = "{" + ",\n".join(lines) + "}\n"
    size = len(text.encode())
    if size > LIMIT:
        sys.exit(f"{path} would have {size} bytes, at most {LIMIT} are committed")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
