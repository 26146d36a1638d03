"""How ops.py draws inputs, lets PyTorch differentiate in f64, rounds once and writes a case as one JSON line."""

import itertools
import json
import math
import zlib

import numpy as np
import torch

FLOATS = ("f64", "f32", "bf16", "f16")
INTEGERS = {"i32": np.int32, "i64": np.int64, "u8": np.uint8, "bool": np.bool_}
BITS = {"f32": (24, -126, 127), "bf16": (8, -126, 127), "f16": (11, -14, 15)}  # precision, exponents
# Memory behind an input: see laid_out() in op_case.cc.
LAYOUTS = ("contiguous", "transposed", "step", "expanded", "padded", "offset")


def rounded(values, dtype):
    """The nearest values of a floating dtype, ties to even, in one step; infinite beyond the range."""
    values = np.asarray(values)
    if dtype == "f64":
        return values.astype(np.float64)
    precision, low, high = BITS[dtype]
    with np.errstate(all="ignore"):
        exponent = np.maximum(np.frexp(values)[1] - 1, low)
        quantum = np.ldexp(np.ones_like(values), exponent - (precision - 1))
        result = np.where(np.isfinite(values), np.rint(values / quantum) * quantum, values)
        largest = (2 - 2.0 ** (1 - precision)) * 2.0**high
        result = np.where(np.abs(result) > largest, np.copysign(np.inf, result), result)
    return np.asarray(np.copysign(result, values), np.float64)


def below(value, dtype):
    """The largest value of the dtype that is less than a normal one of it."""
    precision = 53 if dtype == "f64" else BITS[dtype][0]
    exponent = math.frexp(value)[1] - precision
    return value - math.ldexp(0.5 if value > 0 and math.frexp(value)[0] == 0.5 else 1, exponent)


class In:
    """One input: `kind` is "x" (the case's floating dtype) or a dtype; drawn in [low, high), or given."""

    def __init__(self, kind, shape, low=-2.0, high=2.0, grad=None, values=None):
        self.kind, self.shape, self.low, self.high, self.values = kind, tuple(shape), low, high, values
        self.grad = (kind == "x" or kind in FLOATS) if grad is None else grad

    def draw(self, rng, dtype):
        if self.values is not None:
            values = np.asarray(self.values).reshape(self.shape)
        elif dtype in INTEGERS:
            values = rng.integers(int(self.low), int(self.high), self.shape)
        else:  # few digits, and not those of a narrower type
            values = np.round(rng.uniform(self.low, self.high, self.shape), 8 if dtype == "f64" else 5)
        return (
            np.asarray(values).astype(INTEGERS[dtype])
            if dtype in INTEGERS
            else rounded(np.asarray(values, np.float64), dtype)
        )


def x(*shape, low=-2.0, high=2.0, grad=None):
    return In("x", shape, low, high, grad)


def given(values, kind="x", grad=None, shape=None):
    return In(kind, np.shape(values) if shape is None else shape, grad=grad, values=values)


def integers(*shape, high, low=0, kind="i64"):
    return In(kind, shape, low, high)


def number(value):
    """JSON has no names for what is not finite."""
    if isinstance(value, (bool, np.bool_)):
        return int(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    value = float(value)
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return int(value) if value == int(value) and abs(value) < 1e6 and str(value)[0] != "-" else value


def flat(values, dtype):
    values = values.numpy(force=True) if torch.is_tensor(values) else np.asarray(values)
    if dtype in INTEGERS:
        return [number(v) for v in values.ravel()]
    values = rounded(values, dtype)
    if dtype == "f32":  # the shortest decimal that f32 reads back
        return [number(v) if not np.isfinite(v) else number(float(str(np.float32(v)))) for v in values.ravel()]
    return [number(v) for v in values.ravel()]


def promoted(dtypes):
    rank = {"bool": 0, "u8": 1, "i32": 2, "i64": 3, "bf16": 4, "f16": 4, "f32": 5, "f64": 6}
    if {"bf16", "f16"} <= set(dtypes) and max(rank[d] for d in dtypes) == 4:
        return "f32"
    return max(dtypes, key=lambda d: rank[d])


class Writer:
    def __init__(self):
        self.lines, self.counts, self.second = [], {}, 0

    def case(self, op, ref, inputs, opt, dtype, layout, order, out, note):
        """out: dtypes of the results, or None for the promoted dtype of the inputs."""
        index = self.counts[op] = self.counts.get(op, 0) + 1
        name = f"{op}/{index:02d}_{note + '_' if note else ''}{dtype}_{LAYOUTS[layout]}"
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        dtypes = [dtype if i.kind == "x" else i.kind for i in inputs]
        arrays, layouts = [], []
        for k, (i, d) in enumerate(zip(inputs, dtypes)):
            values, at = i.draw(rng, d), LAYOUTS[(layout + k) % len(LAYOUTS) if layout else 0]
            if values.ndim == 0 and at != "offset" or at == "transposed" and values.ndim < 2:
                at = "contiguous"
            if at == "expanded" and (values.size == 0 or i.values is not None):
                at = "step"
            if at == "expanded":
                values = np.broadcast_to(values[:1], values.shape)
            arrays.append(np.array(values))
            layouts.append(at)
        tensors = [torch.from_numpy(a.astype(np.float64) if d in FLOATS else a) for a, d in zip(arrays, dtypes)]
        wrt = [k for k, i in enumerate(inputs) if order and i.grad and dtypes[k] in FLOATS]
        for k in wrt:
            tensors[k].requires_grad_()
        results = ref({**opt, "_dtype": dtype}, *tensors)
        results = list(results) if isinstance(results, (tuple, list)) else [results]
        outs = out(dtypes) if callable(out) else out
        if outs is None:
            outs = promoted([d for d in dtypes if d not in INTEGERS] or dtypes)
        outs = [outs] * len(results) if isinstance(outs, str) else outs
        line = {"name": name, "op": op, "opt": {k: v for k, v in opt.items() if not k.startswith("_")}}
        line["in"] = [[d, list(a.shape), at, flat(a, d)] for a, d, at in zip(arrays, dtypes, layouts)]
        line["out"] = [[d, list(r.shape), flat(r, d)] for r, d in zip(results, outs)]
        if wrt:
            line.update(self.gradients(rng, tensors, wrt, dtypes, results, outs, order))
        self.lines.append(json.dumps(line, separators=(",", ":"), allow_nan=False))

    def gradients(self, rng, tensors, wrt, dtypes, results, outs, order):
        def like(r, d):
            return torch.from_numpy(rounded(np.round(rng.uniform(-2, 2, tuple(r.shape)), 5), d))

        def or_zero(gradients, variables):
            return [torch.zeros_like(v) if g is None else g for g, v in zip(gradients, variables)]

        variables = [tensors[k] for k in wrt]
        weights = [like(r, d).requires_grad_(order == 2) for r, d in zip(results, outs)]
        first = or_zero(
            torch.autograd.grad(results, variables, weights, create_graph=order == 2, allow_unused=True), variables
        )
        fields = {
            "wrt": wrt,
            "weight": [flat(w, d) for w, d in zip(weights, outs)],
            "grad": [flat(g, dtypes[k]) for g, k in zip(first, wrt)],
        }
        if order == 2:
            self.second += 1
            again = [like(g, dtypes[k]) for g, k in zip(first, wrt)]
            total = sum((a * g).sum() for a, g in zip(again, first))
            both = variables + weights
            second = or_zero(torch.autograd.grad(total, both, allow_unused=True), both)
            fields["weight2"] = [flat(a, dtypes[k]) for a, k in zip(again, wrt)]
            fields["grad2"] = [flat(g, d) for g, d in zip(second, [dtypes[k] for k in wrt] + list(outs))]
        return fields

    def add(self, op, ref, inputs, opt=None, order=2, out=None, note="", plan="short", dtypes=FLOATS):
        """plan "full": every layout and dtype; "short": f64 with second order, then one narrow dtype, both in
        layouts that take turns; "few": each dtype once and f64 twice, in the five layouts beside contiguous, f64 once
        with second order; "one": each of dtypes, contiguous."""
        opt = opt or {}
        turn = self.counts.get(op, 0)
        if plan == "full":
            steps = [("f64", k) for k in range(len(LAYOUTS))] + [("f32", 0)]
            steps += [(d, 1 + (turn + k) % 5) for k, d in enumerate(("f32", "bf16", "f16"))]
        elif plan == "few":
            steps = [("f64", 1), ("f32", 2), ("bf16", 3), ("f16", 4), ("f64", 5)]
        elif plan == "short":
            steps = [("f64", turn % 6), (("f32", "bf16", "f16")[turn // 2 % 3], (turn + 3) % 6)]
        else:
            steps = [(d, 0) for d in dtypes]
        for dtype, layout in steps:
            if dtype in dtypes:
                second = order if dtype == "f64" and layout < 2 or dtype == "f32" and layout == 0 else min(order, 1)
                self.case(op, ref, inputs, opt, dtype, layout, second, out, note)

    def add_integers(self, op, ref, inputs_of, opt=None, out=None, kinds=("i32", "i64", "u8")):
        for turn, kind in enumerate(kinds):
            self.case(op, ref, inputs_of(kind), opt or {}, kind, 1 + (turn + len(op)) % 5, 0, out, "")


def grid(values):
    """All pairs, as two vectors."""
    pairs = list(itertools.product(values, values))
    return [p[0] for p in pairs], [p[1] for p in pairs]


W = Writer()  # of all families
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -3.0, 2.0, math.inf, -math.inf, math.nan]
SHAPES = ((2, 3), (2, 3, 2), (5,), (), (1, 1), (0, 3))
