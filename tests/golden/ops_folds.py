"""Cases of the families reduce (smallest elements, products, variances, truths) and scan."""

import math

import torch

from ops_cases import INTEGERS, W, given, integers, x

INF, NAN = math.inf, math.nan
# Rows without a zero, with one, with two, and with a zero at either end.
ZEROS = [[1.5, -2.0, 0.5, 3.0], [1.5, 0.0, 0.5, 3.0], [1.5, 0.0, -0.5, 0.0], [0.0, 2.0, -0.5, 0.25]]


def axes_of(opt, a):
    return opt["axes"] if "axes" in opt else [opt["axis"]] if "axis" in opt else list(range(a.dim()))


def prod(opt, a):
    for axis in sorted((k % a.dim() for k in axes_of(opt, a)), reverse=True):
        a = torch.prod(a, axis, opt.get("keepdim", False))
    return a


def reductions():
    def spread(fn):
        return lambda o, a: fn(a, axes_of(o, a), correction=o.get("correction", 1), keepdim=o.get("keepdim", False))

    options = [({"axis": 1}, (2, 3)), ({"axes": [0, -1], "keepdim": True}, (2, 2, 2)), ({}, (2, 2))]
    fns = {
        "amin": lambda o, a: torch.amin(a, axes_of(o, a), o.get("keepdim", False)),
        "prod": prod,
        "var": spread(torch.var),
        "std": spread(torch.std),
    }
    for op, fn in fns.items():
        for turn, (opt, shape) in enumerate(options):
            W.add(op, fn, [x(*shape)], opt, plan="short" if turn else "few")
        if op in ("var", "std"):
            for turn, correction in enumerate((0, 0.5)):
                opt = {"axis": 0, "correction": correction, "keepdim": bool(turn)}
                W.add(op, fn, [x(3, 2)], opt, plan="short")
            offset = [[1e6 + v for v in (0.5, -1.25, 3.0, 0.0)], [2.0, 2.0, 2.0, 2.0], [1.0, INF, 0.0, NAN]]
            W.add(op, fn, [given(offset)], {"axis": 1}, 1, note="special", plan="one", dtypes=("f64", "f32"))
    W.add("amin", fns["amin"], [given([[1.0, 0.0, 0.0], [NAN, 2.0, -INF]])], {"axis": 1}, 1, note="ties", plan="one")
    W.add("prod", prod, [given(ZEROS)], {"axis": 1}, note="zeros", plan="one", dtypes=("f64", "f32"))
    W.add("prod", prod, [given(ZEROS)], {"axes": [0, 1]}, 1, note="zeros", plan="one", dtypes=("f64",))
    W.add("prod", prod, [x(2, 0)], {"axis": 1}, 1, note="empty", plan="one", dtypes=("f64",))
    for op, out in (("amin", None), ("prod", "i64")):
        W.add_integers(op, fns[op], lambda k: [integers(2, 4, low=1, high=200, kind=k)], {"axis": 1}, out)
    W.case("prod", prod, [integers(2, 3, high=2, kind="bool")], {"axis": 0}, "bool", 1, 0, "i64", "")

    def argmin(o, a):
        return torch.argmin(a, o["axis"], o.get("keepdim", False))

    W.add("argmin", argmin, [x(2, 3, grad=False)], {"axis": -1}, 0, "i64", plan="few")
    W.add("argmin", argmin, [x(3, 2, grad=False)], {"axis": 0, "keepdim": True}, 0, "i64", plan="one", dtypes=("f64",))
    for values in ([3.0, 1.0, 1.0], [NAN, 1.0, NAN], [INF, INF, INF], [1.0, -INF, -INF]):
        W.add("argmin", argmin, [given(values, grad=False)], {"axis": 0}, 0, "i64", "special", "one", ("f64", "bf16"))
    W.add_integers("argmin", argmin, lambda k: [integers(2, 5, high=4, kind=k)], {"axis": 1}, "i64")
    for op in ("any", "all"):
        fn = getattr(torch, op)

        def truth(o, a, fn=fn):
            return fn(a, axes_of(o, a), o.get("keepdim", False)) if "axis" in o or "axes" in o else fn(a)

        rows = given([[0.0, -0.0], [0.0, NAN], [1.0, 2.0]], grad=False)
        W.add(op, truth, [rows], {"axis": 1}, 0, "bool", plan="few")
        W.add_integers(op, truth, lambda k: [integers(2, 3, high=2, kind=k)], {"axis": 0}, "bool", kinds=INTEGERS)
        for opt, shape in (({"axes": [0, 1], "keepdim": True}, (2, 2)), ({}, (2, 3)), ({"axis": 0}, (0, 2))):
            W.case(op, truth, [integers(*shape, high=2, kind="bool")], opt, "bool", 2, 0, "bool", "")


def scans():
    for op, fn in (("cumsum", torch.cumsum), ("cumprod", torch.cumprod)):

        def scan(o, a, fn=fn):
            axis = o["axis"]
            return fn(a.flip(axis), axis).flip(axis) if o.get("reverse") else fn(a, axis)

        options = [
            ({"axis": 1}, (2, 3)),
            ({"axis": 0, "reverse": True}, (3, 2)),
            ({"axis": -2}, (1, 3, 2)),
            ({"axis": 0}, (0, 2)),
        ]
        for turn, (opt, shape) in enumerate(options):
            W.add(op, scan, [x(*shape)], opt, plan="short" if turn else "few")
        for reverse in (False, True):
            opt = {"axis": 1, "reverse": reverse}
            W.add(op, scan, [given(ZEROS)], opt, note="zeros", plan="one", dtypes=("f64", "f32"))
        W.add(op, scan, [given([1.0, INF, 2.0, NAN, 0.5], grad=False)], {"axis": 0}, 0, note="special", plan="one")
        W.add_integers(op, scan, lambda k: [integers(2, 4, high=9 if k != "bool" else 2, kind=k)], {"axis": 1}, "i64")
    many = [256.0] + [1.0] * 40 + [-256.0, 0.5]
    W.add("cumsum", lambda o, a: a.cumsum(0), [given(many)], {"axis": 0}, 0, note="long", plan="one", dtypes=("bf16",))


def add():
    reductions()
    scans()
