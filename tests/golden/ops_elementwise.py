"""More cases of the elementwise family: steps, exp and log near 0, angles, logic, remainder."""

import math

import torch
import torch.nn.functional as F

from ops_cases import INTEGERS, SPECIAL, W, given, grid, integers, x
from ops_pointwise import integers_as_x

INF, NAN = math.inf, math.nan


def unary():
    steps = {"sign": torch.sign, "round": torch.round, "floor": torch.floor, "ceil": torch.ceil}
    for op, fn in steps.items():
        W.add(op, lambda o, a, fn=fn: fn(a), [x(2, 2, low=-4, high=4)], order=1, plan="few")
        values = SPECIAL + [-0.5, 1.5, 2.5, -2.5, 0.49999, 1e9 + 0.5]
        W.add(
            op,
            lambda o, a, fn=fn: fn(a),
            [given(values, grad=False)],
            order=0,
            note="special",
            plan="one",
            dtypes=("f64", "f32"),
        )
    W.add_integers(
        "sign", lambda o, a: torch.sign(a), lambda k: [integers(2, 3, low=0 if k == "u8" else -9, high=9, kind=k)]
    )
    smooth = {
        "expm1": (torch.expm1, -5, 5),
        "log1p": (torch.log1p, -0.9, 9),
        "sin": (torch.sin, -9, 9),
        "cos": (torch.cos, -9, 9),
        # torch's own threshold, 20, shows in f64.
        "softplus": (lambda a: F.softplus(a, threshold=700), -6, 6),
        "log_sigmoid": (F.logsigmoid, -6, 6),
    }
    for op, (fn, low, high) in smooth.items():
        W.add(op, lambda o, a, fn=fn: fn(a), [x(2, 2, low=low, high=high)], plan="few")
        for note, values in (
            ("special", SPECIAL),
            ("tails", [-1e-30, 1e-6, -1e-6, 9.5, -9.5, -20.0, 88.5, -88.5, 95.0, 710.0, 3e4]),
            ("far", [-1e5, 1e6, -1e9, 3e20, 1e38]),
        ):
            if note != "far" or op in ("sin", "cos"):
                W.add(
                    op,
                    lambda o, a, fn=fn: fn(a),
                    [given(values, grad=True)],
                    order=1,
                    note=note,
                    plan="one",
                    dtypes=("f64", "f32"),
                )


def remainders():
    W.add(
        "remainder",
        lambda o, a, b: torch.remainder(a, b),
        [x(2, 2, low=-9, high=9), x(2, low=1, high=4)],
        plan="few",
    )
    a, b = grid([0.0, -0.0, 1.0, -2.5, -INF, INF, NAN])
    W.add(
        "remainder",
        lambda o, a, b: torch.remainder(a, b),
        [given(a, grad=False), given(b, grad=False)],
        order=0,
        note="special",
        plan="one",
        dtypes=("f64", "bf16"),
    )
    W.add("remainder", lambda o, a: torch.remainder(a, o["b"]), [x(2, 3)], {"b": -0.75}, note="number")
    W.add_integers(
        "remainder",
        lambda o, a, b: torch.remainder(a, b),
        lambda k: [integers(2, 3, low=0 if k == "u8" else -9, high=9, kind=k), integers(2, 3, low=1, high=5, kind=k)],
    )


def logic():
    for op in ("logical_and", "logical_or", "logical_xor", "logical_not"):
        fn = getattr(torch, op)
        count = 1 if op == "logical_not" else 2
        inputs = [integers_as_x(2, 3), integers_as_x(3)][:count]
        W.add(op, lambda o, *t, fn=fn: fn(*t), inputs, order=0, out="bool", plan="few")
        values = [given(v, grad=False) for v in grid([0.0, -0.0, 1.0, NAN])][:count]
        W.add(
            op,
            lambda o, *t, fn=fn: fn(*t),
            values,
            order=0,
            out="bool",
            note="special",
            plan="one",
            dtypes=("f64", "bf16"),
        )
        W.add_integers(
            op,
            lambda o, *t, fn=fn: fn(*t),
            lambda k: [integers(2, 3, high=3 if k != "bool" else 2, kind=k), integers(2, 1, high=2, kind=k)][:count],
            out="bool",
            kinds=INTEGERS,
        )
    for op in ("ne", "le", "ge"):
        W.add(
            op,
            lambda o, a, fn=getattr(torch, op): fn(a, o["b"]),
            [given([0.5, 0.25, 0.75, NAN], grad=False)],
            {"b": 0.5},
            0,
            "bool",
            "number",
            "one",
        )


def add():
    unary()
    remainders()
    logic()
