#!/usr/bin/env python3
"""Writes unicode_forms.h: hashes of what Python's unicodedata makes of every code point and of 20,000 strings of marks, letters
and syllables, in the four normalisation forms and in lower case, and of the general category of every code point.

    python3.12 tests/golden/unicode_forms.py         # any Python whose unicodedata is of Unicode 15.0
"""
import os
import unicodedata

FORMS = ("NFC", "NFD", "NFKC", "NFKD")
RANGES = ((0x41, 0x5B), (0x61, 0x7B), (0xC0, 0x250), (0x300, 0x370), (0x590, 0x5C8), (0x900, 0xA00), (0xF40, 0xFC0), (0x1100, 0x1200),
          (0x1E00, 0x2000), (0x3041, 0x3130), (0xAC00, 0xAC80), (0xF900, 0xFB50), (0x1D150, 0x1D1D0))


def splitmix():
    state, mask = 1, (1 << 64) - 1
    while True:
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        yield z ^ (z >> 31)


def strings():
    for c in range(0x110000):
        if not 0xD800 <= c < 0xE000:
            yield chr(c)
    random = splitmix()
    for _ in range(20000):
        text = ""
        for _ in range(1 + next(random) % 8):
            low, high = RANGES[next(random) % len(RANGES)]
            text += chr(low + next(random) % (high - low))
        yield text


def fnv(parts):
    value = 0xCBF29CE484222325
    for part in parts:
        for byte in part + b"\n":
            value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def main():
    if unicodedata.unidata_version != "15.0.0":
        raise SystemExit("unicodedata is of Unicode " + unicodedata.unidata_version)
    hashes = [fnv(unicodedata.normalize(form, text).encode() for text in strings()) for form in FORMS]
    lowercase = fnv(text.lower().encode() for text in strings())
    categories = fnv(unicodedata.category(chr(c)).encode() for c in range(0x110000))
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "unicode_forms.h"), "w", encoding="utf-8") as f:
        f.write("// Made by unicode_forms.py: FNV-1a hashes of Python's unicodedata (Unicode 15.0).\n"
                "#ifndef ROUX_TESTS_GOLDEN_UNICODE_FORMS_H_\n#define ROUX_TESTS_GOLDEN_UNICODE_FORMS_H_\n\n#include <cstdint>\n\n"
                "namespace roux::golden {\n\nstruct Range {\n  char32_t low, high;\n};\nconstexpr Range kUnicodeRanges[] = {\n")
        for i in range(0, len(RANGES), 5):
            f.write("    " + " ".join("{0x%X, 0x%X}," % r for r in RANGES[i:i + 5]) + "\n")
        f.write("};\nconstexpr uint64_t kUnicodeForms[4] = {  // NFC, NFD, NFKC, NFKD\n")
        f.write("    " + ", ".join("0x%016Xu" % h for h in hashes) + "};\n")
        f.write("constexpr uint64_t kUnicodeLowercase = 0x%016Xu;  // str.lower()\n" % lowercase)
        f.write("constexpr uint64_t kUnicodeCategories = 0x%016Xu;\n\n}  // namespace roux::golden\n\n#endif  // "
                "ROUX_TESTS_GOLDEN_UNICODE_FORMS_H_\n" % categories)


if __name__ == "__main__":
    main()
