"""Cases of the families reduce and softmax."""

import math

import numpy as np
import torch

from ops_cases import W, given, integers, x

INF, NAN = math.inf, math.nan


def reductions():
    def axes_of(opt, a):
        return opt["axes"] if "axes" in opt else [opt["axis"]] if "axis" in opt else list(range(a.dim()))

    def log_sum_exp(o, a):
        """torch.logsumexp, but for the gradient: PyTorch's goes by the rounded result, which is coarse at an offset."""
        if 0 in a.shape or not a.dim():
            return torch.logsumexp(a, axes_of(o, a), o.get("keepdim", False)) if a.dim() else a * 1
        largest = torch.amax(a.detach(), axes_of(o, a), True)
        largest = torch.where(largest.isfinite(), largest, 0)
        y = largest + (a - largest).exp().sum(axes_of(o, a), True).log()
        assert torch.allclose(y, torch.logsumexp(a, axes_of(o, a), True), equal_nan=True)
        return y if o.get("keepdim") else y.sum(axes_of(o, a))

    def whole_or(fn):
        return lambda o, a: fn(a, axes_of(o, a), o.get("keepdim", False)) if a.dim() else a * 1

    fns = {
        "sum": whole_or(torch.sum),
        "mean": whole_or(torch.mean),
        "amax": whole_or(torch.amax),
        "logsumexp": log_sum_exp,
    }
    options = [
        ({"axis": -1}, (2, 3, 4)),
        ({}, (2, 3)),
        ({"axis": 0, "keepdim": True}, (3, 2)),
        ({"axes": [0, 2]}, (2, 3, 2)),
        ({"axes": [-1, 0], "keepdim": True}, (2, 2, 3)),
        ({"axis": 1}, (2, 3, 2)),
        ({}, ()),
        ({"axis": 0}, (1,)),
        ({"axes": []}, (2, 2)),
        ({"axis": 0}, (2, 0)),
        ({"axis": 1}, (2, 0)),
        ({}, (0, 2)),
    ]
    for op, fn in fns.items():
        for turn, (opt, shape) in enumerate(options):
            reduced = fn if opt.get("axes") != [] else lambda o, a: a * 1
            if op == "amax" and 0 in shape and opt != {"axis": 0}:
                continue  # an Error
            if op == "amax" and shape == (2, 0):
                W.add(op, fn, [x(*shape)], opt, 1, note="empty")
                continue
            order = 1 if op == "logsumexp" and 0 in shape else 2
            W.add(op, reduced, [x(*shape)], opt, order, plan="full" if turn == 0 else "short")
        for offset in (1e4, -1e4, 1e6):
            rows = np.round(np.random.default_rng(3).uniform(-2, 2, (3, 4)), 3) + offset
            W.add(op, fn, [given(rows)], {"axis": 1}, 1, note="offset", plan="one", dtypes=("f64", "f32", "bf16"))
        rows = [[INF, 1.0, -1.0], [-INF, 0.0, 1.0], [NAN, 1.0, INF], [-INF, -INF, 0.0], [-0.0, -0.0, -0.0]]
        W.add(op, fn, [given(rows)], {"axis": 1}, 1, note="special", plan="one")
        # Sums that need a wider accumulator than bf16 and f16.
        many = np.where(np.arange(600) % 300 == 0, 256.0, np.where(np.arange(600) < 300, 1.0, -0.5)).reshape(2, 300)
        W.add(op, fn, [given(many)], {"axis": 1}, 1, note="long", plan="one")
    W.add("amax", fns["amax"], [given([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])], {"axis": 1}, note="ties", plan="one")
    W.add(
        "logsumexp", fns["logsumexp"], [given([[-INF, -INF], [0.0, -INF]])], {"axis": 1}, 1, note="nothing", plan="one"
    )
    for op, out in (("sum", "i64"), ("amax", None)):
        W.add_integers(
            op, lambda o, a, fn=fns[op]: fn(o, a), lambda k: [integers(2, 4, high=200, kind=k)], {"axis": 1}, out
        )
    W.case("sum", fns["sum"], [integers(2, 4, high=2, kind="bool")], {"axis": 0}, "bool", 1, 0, "i64", "")

    def argmax(o, a):
        a = a.numpy()
        return torch.from_numpy(
            np.asarray(
                np.argmax(
                    np.where(np.isnan(a), INF, a) if not np.isnan(a).any() else np.isnan(a),
                    o["axis"],
                    keepdims=o.get("keepdim", False),
                )
            )
        )

    for turn, (opt, shape) in enumerate(
        [
            ({"axis": -1}, (2, 3, 4)),
            ({"axis": 0, "keepdim": True}, (3, 2)),
            ({"axis": 1}, (2, 3, 2)),
            ({"axis": 0}, (1,)),
            ({"axis": 1}, (0, 2)),
        ]
    ):
        W.add("argmax", argmax, [x(*shape, grad=False)], opt, 0, "i64", plan="full" if turn == 0 else "short")
    for values in ([1.0, 3.0, 3.0], [NAN, 1.0, NAN], [-INF, -INF, -INF], [-0.0, 0.0, -0.0], [1.0, INF, INF]):
        W.add("argmax", argmax, [given(values, grad=False)], {"axis": 0}, 0, "i64", "special", "one")
    W.add_integers("argmax", argmax, lambda k: [integers(2, 5, high=4, kind=k)], {"axis": 1}, "i64")
    for turn, (shape, to) in enumerate(
        [((2, 3, 2), (3, 1)), ((2, 3), (3,)), ((2, 3), ()), ((2, 3), (2, 3)), ((0, 3), (1, 3)), ((2, 1), (1, 1))]
    ):
        W.add(
            "sum_to",
            lambda o, a: a.sum_to_size(o["shape"]) if o["shape"] else a.sum(),
            [x(*shape)],
            {"shape": list(to)},
            plan="full" if turn == 0 else "short",
        )
    W.add_integers("sum_to", lambda o, a: a.sum(0), lambda k: [integers(2, 3, high=100, kind=k)], {"shape": [3]}, "i64")


def softmaxes():
    for op, fn in (("softmax", torch.softmax), ("log_softmax", torch.log_softmax)):
        for turn, (axis, shape) in enumerate(
            [
                (-1, (2, 3, 4)),
                (0, (3, 2)),
                (1, (2, 3, 2)),
                (-1, (1,)),
                (-1, (0, 3)),
                (1, (2, 1)),
                (0, (2, 0)),
                (-1, (2, 17)),
            ]
        ):
            W.add(
                op,
                lambda o, a, fn=fn: fn(a, o["axis"]),
                [x(*shape)],
                {"axis": axis},
                plan="full" if turn == 0 else "short",
            )
        for offset in (1e4, -1e4, 1e6, 1e8):
            rows = np.round(np.random.default_rng(3).uniform(-2, 2, (3, 4)), 3) + offset
            for order, dtypes in ((2, ("f64",)), (1, ("f32", "bf16"))):
                W.add(
                    op,
                    lambda o, a, fn=fn: fn(a, -1),
                    [given(rows)],
                    {"axis": -1},
                    order,
                    note="offset",
                    plan="one",
                    dtypes=dtypes,
                )
        rows = [
            [INF, 1.0, -1.0],
            [-INF, 0.0, 1.0],
            [NAN, 1.0, INF],
            [-INF, -INF, -INF],
            [1.0, 1.0, 1.0],
            [0.0, 300.0, -300.0],
        ]
        W.add(op, lambda o, a, fn=fn: fn(a, -1), [given(rows)], {"axis": -1}, 1, note="special", plan="one")
        W.add(
            op,
            lambda o, a, fn=fn: fn(a, -1),
            [given([[-INF, 0.0, 1.0], [5.0, -INF, -INF]])],
            {"axis": -1},
            2,
            note="masked",
            plan="one",
            dtypes=("f64", "f32"),
        )


def add():
    reductions()
    softmaxes()
