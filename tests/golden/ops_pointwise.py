"""Cases of the elementwise family: values, casts, writes."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from ops_cases import FLOATS, INTEGERS, SHAPES, SPECIAL, W, In, given, grid, integers, rounded, x

INF, NAN = math.inf, math.nan


def elementwise():
    unary = {  # op: function, lower and upper bound of inputs; relu(-0) is 0
        "neg": (torch.neg, -2, 2),
        "abs": (torch.abs, -2, 2),
        "exp": (torch.exp, -5, 5),
        "log": (torch.log, 0.1, 9),
        "sqrt": (torch.sqrt, 0.1, 9),
        "rsqrt": (torch.rsqrt, 0.1, 9),
        "tanh": (torch.tanh, -3, 3),
        "sigmoid": (torch.sigmoid, -6, 6),
        "erf": (torch.erf, -2, 2),
        "relu": (lambda a: torch.relu(a) + 0.0, -2, 2),
        "silu": (F.silu, -6, 6),
    }
    for op, (fn, low, high) in unary.items():
        one(op, fn, {}, low, high)
    for kind, torch_name in (("erf", "none"), ("tanh", "tanh")):
        one("gelu", lambda a, name=torch_name: F.gelu(a, approximate=name), {"kind": kind}, -4, 4)
    for op in ("neg", "abs"):
        W.add_integers(
            op,
            lambda o, a, fn=unary[op][0]: fn(a),
            lambda k: [integers(2, 3, low=0 if k == "u8" else -9, high=9, kind=k)],
        )

    def clamp(o, a):
        """PyTorch's derivative at a bound that is met is 0, Roux's is documented as 1."""
        low, high = o.get("low", -INF), o.get("high", INF)
        return torch.where((a >= low) & (a <= high), a, torch.clamp(a, low, high).detach())

    for low, high in ((-1, 1), (0.1, 0.3), (-INF, 0.5), (1, 1)):
        # JSON knows nothing infinite: absent means infinite.
        opt = {k: v for k, v in (("low", low), ("high", high)) if math.isfinite(v)}
        W.add(
            "clamp",
            clamp,
            [x(2, 4)],
            opt,
            plan="full" if low == -1 else "short",
        )
    W.add(
        "clamp",
        clamp,
        [given(SPECIAL, grad=True)],
        {"low": -1, "high": 2},
        1,
        note="special",
        plan="one",
    )
    W.add_integers(
        "clamp", lambda o, a: a.clamp(1, 3), lambda k: [integers(2, 5, high=6, kind=k)], {"low": 1, "high": 3}
    )

    binary = {
        "add": torch.add,
        "sub": torch.sub,
        "mul": torch.mul,
        "div": torch.div,
        "pow": torch.pow,
        "maximum": torch.maximum,
        "minimum": torch.minimum,
    }
    broadcasts = (((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1, 2), (3, 1)), ((), (2, 2)), ((0, 3), (1, 3)), ((1,), (1,)))
    for op, fn in binary.items():
        low = 0.2 if op in ("pow", "div") else -2
        for turn, (a, b) in enumerate(broadcasts):
            W.add(
                op,
                lambda o, a, b, fn=fn: fn(a, b),
                [x(*a, low=low), x(*b, low=low)],
                plan="full" if turn == 0 else "short",
            )
        a, b = grid([0.0, -0.0, 1.0, -1.0, 2.0, INF, NAN])
        if op == "pow":  # a derivative to the exponent is promised for a > 0 alone
            W.add(
                op,
                lambda o, a, b: torch.pow(a, b),
                [given(a, grad=False), given(b, grad=False)],
                note="special",
                plan="one",
            )
            a, b = grid([0.5, 1.0, 2.0, 3.0])
        # max(-0, 0) has either sign, and so have the zeros of its gradient: no matter.
        W.add(
            op,
            lambda o, a, b, fn=fn: fn(a, b),
            [given(a, grad=True), given(b, grad=True)],
            order=1,
            note="special",
            plan="one",
        )
        if op != "div" and op != "pow":
            W.add_integers(
                op,
                lambda o, a, b, fn=fn: fn(a, b),
                lambda k: [integers(2, 3, low=3, high=9, kind=k), integers(3, high=4, kind=k)],
            )
    W.add(
        "pow",
        lambda o, a, b: torch.pow(a, b),
        [given([-2.0, -2.0, -2.0, 0.0, 0.0]), given([3.0, 2.0, 0.5, 2.0, 0.0], grad=False)],
        order=1,
        note="negative",
        plan="one",
    )
    W.add_integers(
        "div",
        lambda o, a, b: a.double() / b.double(),
        lambda k: [integers(2, 3, high=9, kind=k), integers(2, 3, low=1, high=9, kind=k)],
        out="f32",
    )
    mixed = [
        ("i64", "f32"),
        ("u8", "i32"),
        ("bool", "f16"),
        ("bf16", "f16"),
        ("f32", "f64"),
        ("bf16", "f32"),
        ("bool", "i64"),
        ("i32", "bf16"),
    ]
    for k, (a, b) in enumerate(mixed):
        ins = [In(d, (2, 3), 0 if d in INTEGERS else -2, 2) for d in (a, b)]
        for op in ("add", "mul", "sub", "maximum")[k % 2 :: 2]:
            W.case(
                op,
                lambda o, a, b, fn=binary[op]: fn(a.long() if a.dtype == torch.bool else a, b),
                ins,
                {},
                b,
                1 + k % 5,
                1,
                None,
                "mixed_" + a,
            )
    numbers = {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b,
        "div": lambda a, b: a / b,
        "pow": lambda a, b: a**b,
    }
    for op, fn in numbers.items():
        for b in (0.1, 3, -0.7) if op != "pow" else (0.1, 3, 2, -0.7):
            W.add(op, lambda o, a, fn=fn: fn(a, o["b"]), [x(2, 3, low=0.2)], {"b": b}, note="number")
            if op in ("sub", "div"):
                W.add(op, lambda o, b, fn=fn: fn(o["a"], b), [x(2, 3, low=0.2)], {"a": b}, note="number")
    W.add("pow", lambda o, a: a ** o["b"], [given([0.0, -0.0, -1.5, 2.0])], {"b": 2}, 1, note="special", plan="one")
    for k, b in (("i32", 3), ("i64", 3), ("u8", 3), ("i32", 0.5)):
        for op in ("add", "mul"):
            W.case(
                op,
                lambda o, a, fn=numbers[op]: fn(a.double(), o["b"]),
                [integers(2, 3, high=9, kind=k)],
                {"b": b},
                k,
                2,
                0,
                k if b == 3 else "f32",
                "number",
            )

    compare = {"eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le, "gt": torch.gt, "ge": torch.ge}
    for op, fn in compare.items():
        W.add(
            op,
            lambda o, a, b, fn=fn: fn(a, b),
            [integers_as_x(2, 3), integers_as_x(3)],
            order=0,
            out="bool",
            plan="full",
        )
        a, b = grid([0.0, -0.0, 1.0, INF, -INF, NAN])
        W.add(
            op,
            lambda o, a, b, fn=fn: fn(a, b),
            [given(a, grad=False), given(b, grad=False)],
            order=0,
            out="bool",
            note="special",
            plan="one",
        )
        W.add_integers(
            op,
            lambda o, a, b, fn=fn: fn(a, b),
            lambda k: [integers(2, 3, high=3, kind=k), integers(2, 1, high=3, kind=k)],
            out="bool",
        )
        if op in ("eq", "lt", "gt"):
            W.add(
                op,
                lambda o, a, fn=fn: fn(a, o["b"]),
                [given([0.5, 0.25, 0.75, NAN], grad=False)],
                {"b": 0.5},
                0,
                "bool",
                "number",
                "one",
            )

    for shapes, plan in (
        (((2, 3), (2, 3), (2, 3)), "full"),
        (((2, 1), (3,), (2, 3)), "short"),
        (((), (2, 2), ()), "short"),
        (((0, 2), (2,), (0, 2)), "short"),
    ):
        condition = integers(*shapes[0], high=2, kind="bool")
        W.add("where", lambda o, c, a, b: torch.where(c, a, b), [condition, x(*shapes[1]), x(*shapes[2])], plan=plan)
    W.add(
        "where",
        lambda o, c, a, b: torch.where(c, a, b),
        [given([1, 0, 1, 0], "bool"), given([1.0, NAN, INF, -0.0]), given([NAN, 2.0, NAN, -0.0])],
        order=1,
        note="special",
        plan="one",
    )


def one(op, fn, opt, low, high):
    for turn, shape in enumerate(SHAPES):
        W.add(op, lambda o, a: fn(a), [x(*shape, low=low, high=high)], opt, plan="full" if turn == 0 else "short")
    special = SPECIAL
    if opt.get("kind") == "tanh":  # whose derivative PyTorch makes NaN at infinity, where it is 1 or 0
        W.add(op, lambda o, a: fn(a), [given(SPECIAL, grad=False)], opt, 0, note="special", plan="one")
        special = [value for value in SPECIAL if not math.isinf(value)]
    W.add(op, lambda o, a: fn(a), [given(special, grad=True)], opt, 1, note="special", plan="one")
    tails = [-1e-30, 1e-30, 1e-6, -1e-6, 9.5, -9.5, 20.0, -20.0, 88.5, -88.5, 95.0, -95.0, 710.0, 3e4]
    W.add(
        op,
        lambda o, a: fn(a),
        [given(tails, grad=True)],
        opt,
        1,
        note="tails",
        plan="one",
        dtypes=("f64", "f32", "bf16"),
    )


def integers_as_x(*shape):
    """Few distinct floating values, so that comparisons meet equal ones."""
    rng = np.random.default_rng(len(shape))
    return given(rng.integers(0, 3, shape).astype(float) / 2, grad=False)


def casts():
    floats = [0.0, -0.0, 1.5, -1.5, 2.5, 100.75, -7.99, 0.1, 1e-7, 3e-5, -2e-8]
    wide = {
        "f64": [
            65519.999999,
            65520.0,
            1e39,
            -1e300,
            3.4028235677973366e38,
            1.00390625000001,
            1 + 2**-8,
            5.96e-8,
            2**-25 * 1.0000001,
            1e-45,
            1e-41,
        ],
        "f32": [65519.996, 65520.0, 3.4e38, 1.00390625, 1.0039064, 2.9802322e-08, 1e-41],
        "bf16": [65536.0, 3.3895314e38, 1e-40],
        "f16": [65504.0, 6e-8],
    }
    whole = {
        "u8": [0, 1, 127, 255],
        "i32": [0, -1, 16908289, 2**31 - 1, -(2**31), 2049, 257, 65520],
        "bool": [0, 1],
        "i64": [0, -1, 2**53 + 1, 2**63 - 1, -(2**63), 16908289, 4097, 72340172838076673, 2**24 + 1, 2**40 + 511],
    }
    for source in list(FLOATS) + list(INTEGERS):
        for target in list(FLOATS) + list(INTEGERS):
            values = floats + wide[source] if source in FLOATS else whole[source]
            if source in FLOATS and target in INTEGERS:  # beyond the target's range PyTorch promises nothing: saturated
                values = floats + [300.0, -300.0, 3e9, -3e9, 1e19, INF, -INF, NAN]
            values = [float(v) for v in rounded(np.array(values), source)] if source in FLOATS else values

            def cast(opt, a, source=source, target=target):
                if target in FLOATS and a.requires_grad:
                    return a
                if target in FLOATS:
                    return torch.tensor(
                        [float(v) for v in rounded(a.numpy().astype(np.longdouble), target)], dtype=torch.float64
                    )
                if target == "bool":
                    return a != 0
                if source in FLOATS:
                    info = np.iinfo(INTEGERS[target])
                    exact = [
                        0 if math.isnan(v) else min(max(int(max(min(v, 1e30), -1e30)), info.min), info.max)
                        for v in a.tolist()
                    ]
                    return torch.from_numpy(np.array(exact, INTEGERS[target]))
                return torch.from_numpy(a.numpy().astype(INTEGERS[target]))

            for op in ("cast", "copy_") if source != target else ("copy_",):
                W.case(
                    op,
                    cast,
                    [given(values, source, grad=False)],
                    {"to": target},
                    source,
                    len(target) % 6,
                    0,
                    target,
                    "to_" + target,
                )
            if source in FLOATS and target in FLOATS and source != target:
                W.case(
                    "cast",
                    cast,
                    [In(source, (2, 3))],
                    {"to": target},
                    source,
                    1 + len(W.lines) % 5,
                    1,
                    target,
                    "gradient_to_" + target,
                )
    for shape, source in (((2, 3), (3,)), ((2, 3), (2, 1)), ((0, 3), (3,)), ((2, 2), ())):
        W.add(
            "copy_",
            lambda o, t, s: s.expand(t.shape),
            [x(*shape, grad=False), x(*source, grad=False)],
            {"into": 1},
            0,
            plan="full" if len(source) == 1 and shape[0] else "short",
        )
    for kind in FLOATS:
        for value in (0.1, 65519.999999, 1e39, -0.0):
            W.case(
                "fill_",
                lambda o, a: torch.full_like(a, o["value"]),
                [In(kind, (2, 3), grad=False)],
                {"value": value},
                kind,
                len(W.lines) % 6,
                0,
                kind,
                "",
            )
    for kind in INTEGERS:
        W.case(
            "fill_",
            lambda o, a: torch.full_like(a, o["value"]),
            [integers(2, 3, high=2, kind=kind)],
            {"value": 1},
            kind,
            2,
            0,
            kind,
            "",
        )
    for scale, plan in ((1.0, "full"), (-0.3, "short"), (0.0, "short")):
        for shape in ((2, 3), (0, 2)):
            W.add(
                "add_",
                lambda o, a, b: a + o["scale"] * b,
                [x(*shape, grad=False), x(*shape, grad=False)],
                {"scale": scale},
                0,
                plan=plan,
            )


def add():
    elementwise()
    casts()
