"""Cases of the families index, rotary and view."""

import math

import numpy as np
import torch

from ops_cases import INTEGERS, W, In, given, integers, x

INF, NAN = math.inf, math.nan


def indexing():
    def joined(o, *tensors):
        return torch.cat(tensors, o["axis"])

    for turn, (axis, shapes) in enumerate(
        [
            (0, ((2, 3), (1, 3))),
            (-1, ((2, 1), (2, 2), (2, 0))),
            (1, ((2, 1, 2), (2, 2, 2))),
            (0, ((3,),)),
            (0, ((0, 2), (0, 2))),
        ]
    ):
        W.add("cat", joined, [x(*s) for s in shapes], {"axis": axis}, plan="full" if turn == 0 else "short")
    W.add_integers(
        "cat",
        joined,
        lambda k: [integers(2, 2, high=9, kind=k), integers(1, 2, high=9, kind=k)],
        {"axis": 0},
        kinds=INTEGERS,
    )
    W.case(
        "cat",
        joined,
        [In("bf16", (2, 2)), In("f32", (1, 2)), integers(1, 2, high=4)],
        {"axis": 0},
        "f32",
        2,
        1,
        "f32",
        "mixed",
    )
    for turn, (axis, shape, index) in enumerate(
        [
            (1, (2, 4), (2, 3)),
            (0, (3, 2), (5, 2)),
            (-1, (2, 2, 3), (2, 2, 1)),
            (0, (3,), (4,)),
            (0, (2, 2), (0, 2)),
            (1, (0, 3), (0, 2)),
        ]
    ):
        plan, kind = "full" if turn == 0 else "short", "i32" if turn % 2 else "i64"
        at = integers(*index, high=shape[axis], kind=kind)
        W.add(
            "gather", lambda o, a, i: torch.gather(a, o["axis"], i.long()), [x(*shape), at], {"axis": axis}, plan=plan
        )
        W.add(
            "scatter_add",
            lambda o, i, s: torch.zeros(o["shape"], dtype=s.dtype).scatter_add(o["axis"], i.long(), s),
            [at, x(*index)],
            {"axis": axis, "shape": list(shape)},
            plan=plan,
        )
    for turn, (ids, v, d) in enumerate([((2, 3), 4, 3), ((), 3, 2), ((5,), 2, 1), ((0,), 3, 2), ((2, 2), 3, 0)]):
        plan, kind = "full" if turn == 0 else "short", "i32" if turn % 2 else "i64"
        W.add("embedding", lambda o, w, i: w[i.long()], [x(v, d), integers(*ids, high=v, kind=kind)], plan=plan)
        W.add(
            "embedding_backward",
            lambda o, g, i: torch.zeros(o["rows"], g.shape[-1], dtype=g.dtype).index_add(
                0, i.reshape(-1).long(), g.reshape(i.numel(), g.shape[-1])
            ),
            [x(*ids, d), integers(*ids, high=v, kind=kind)],
            {"rows": v},
            plan=plan,
        )
    many = np.where(np.arange(300) == 0, 256.0, 1.0).reshape(300, 1)
    W.add(
        "embedding_backward",
        lambda o, g, i: torch.zeros(2, 1, dtype=g.dtype).index_add(0, i, g),
        [given(many), given([1] * 300, "i64")],
        {"rows": 2},
        1,
        note="long",
        plan="one",
    )
    for op, fn in (("tril", torch.tril), ("triu", torch.triu)):
        for turn, (k, shape) in enumerate(
            [(0, (3, 4)), (1, (2, 3, 3)), (-1, (4, 3)), (5, (2, 3)), (-5, (2, 3)), (0, (0, 3)), (0, (1, 1))]
        ):
            W.add(op, lambda o, a, fn=fn: fn(a, o["k"]), [x(*shape)], {"k": k}, plan="full" if turn == 0 else "short")
        W.add_integers(
            op,
            lambda o, a, fn=fn: fn(a),
            lambda k: [integers(3, 3, high=9 if k != "bool" else 2, kind=k)],
            {"k": 0},
            kinds=INTEGERS,
        )
        W.add(
            op, lambda o, a, fn=fn: fn(a), [given([[INF, NAN], [NAN, -0.0]])], {"k": 0}, 1, note="special", plan="one"
        )
    for turn, (shape, first, theta) in enumerate(
        [((2, 3, 4), 0, 1e4), ((1, 2, 2, 6), 5, 100), ((3, 2), 1000, 1e4), ((2, 0, 4), 0, 1e4), ((1, 2), 0, 1e4)]
    ):
        angles = (first + np.arange(shape[-2]))[:, None] / theta ** (np.arange(shape[-1] // 2) * 2 / shape[-1])

        def rotated(o, a, c, s):
            p, q = a.chunk(2, -1)
            return torch.cat([p * c - q * s, q * c + p * s], -1)

        W.add(
            "rotary_embedding",
            rotated,
            [x(*shape), given(np.cos(angles), grad=False), given(np.sin(angles), grad=False)],
            plan="full" if turn == 0 else "short",
        )
        opt = {"first": first, "count": shape[-2], "head_dim": shape[-1], "theta": theta}
        W.add(
            "rotary_tables",
            lambda o, a, t=angles: (torch.from_numpy(np.cos(t)), torch.from_numpy(np.sin(t))),
            [x(1, grad=False)],
            opt,
            0,
        )


def views():
    def split(o, a):
        return torch.split(a, o["sizes"], o["axis"])

    fns = {
        "view": (
            lambda o, a: a.reshape(o["shape"]),
            [
                ({"shape": [2, 3, 2]}, (2, 6)),
                ({"shape": [-1]}, (2, 2, 2)),
                ({"shape": []}, (1, 1)),
                ({"shape": [3, 0]}, (0, 3)),
                ({"shape": [1, 2, 1]}, (2,)),
            ],
        ),
        "reshape": (
            lambda o, a: a.reshape(o["shape"]),
            [
                ({"shape": [3, 2]}, (2, 3)),
                ({"shape": [2, -1]}, (2, 2, 2)),
                ({"shape": [1]}, ()),
                ({"shape": [3, 0]}, (0, 3)),
            ],
        ),
        "contiguous": (lambda o, a: a * 1, [({}, (2, 3)), ({}, (2, 2, 2)), ({}, ()), ({}, (0, 3))]),
        "transpose": (
            lambda o, a: a.transpose(o["axis0"], o["axis1"]),
            [
                ({"axis0": 0, "axis1": -1}, (2, 3, 2)),
                ({"axis0": 1, "axis1": 1}, (2, 2)),
                ({"axis0": -2, "axis1": 0}, (2, 0, 3)),
            ],
        ),
        "permute": (
            lambda o, a: a.permute(o["axes"]),
            [
                ({"axes": [2, 0, 1]}, (2, 3, 2)),
                ({"axes": [-1, 0]}, (2, 2)),
                ({"axes": []}, ()),
                ({"axes": [1, 0]}, (0, 2)),
            ],
        ),
        "squeeze": (
            lambda o, a: a.squeeze(o["axis"]),
            [({"axis": 1}, (2, 1, 3)), ({"axis": -1}, (2, 1)), ({"axis": 0}, (1,)), ({"axis": 0}, (1, 0))],
        ),
        "unsqueeze": (
            lambda o, a: a.unsqueeze(o["axis"]),
            [({"axis": 1}, (2, 3)), ({"axis": -1}, (2, 2)), ({"axis": 0}, ()), ({"axis": 0}, (0,))],
        ),
        "expand": (
            lambda o, a: a.expand(o["shape"]),
            [
                ({"shape": [2, 3]}, (1, 3)),
                ({"shape": [2, 2, 3]}, (2, 3)),
                ({"shape": [2, 2]}, ()),
                ({"shape": [0, 3]}, (1, 3)),
                ({"shape": [2, 0]}, (2, 0)),
            ],
        ),
        "slice": (
            lambda o, a: python_slice(a, o),
            [
                ({"axis": 1, "begin": 1, "end": 4, "step": 2}, (2, 5)),
                ({"axis": 0, "begin": -3, "end": -1, "step": 1}, (4, 2)),
                ({"axis": -1, "begin": 0, "end": 99, "step": 3}, (2, 7)),
                ({"axis": 0, "begin": 3, "end": 1, "step": 1}, (4,)),
                ({"axis": 0, "begin": -99, "end": 2, "step": 1}, (3,)),
                ({"axis": 0, "begin": 0, "end": 2, "step": 1}, (0, 2)),
            ],
        ),
        "select": (
            lambda o, a: a.select(o["axis"], o["index"]),
            [
                ({"axis": 1, "index": -1}, (2, 3)),
                ({"axis": 0, "index": 1}, (2, 2, 2)),
                ({"axis": 0, "index": 0}, (1,)),
                ({"axis": 0, "index": 0}, (1, 0)),
            ],
        ),
        "split": (
            split,
            [
                ({"sizes": [1, 2], "axis": 1}, (2, 3)),
                ({"sizes": [2, 0, 1], "axis": 0}, (3, 2)),
                ({"sizes": [2], "axis": -1}, (1, 2)),
                ({"sizes": [0, 0], "axis": 0}, (0, 2)),
            ],
        ),
    }
    for op, (fn, variants) in fns.items():
        for turn, (opt, shape) in enumerate(variants):
            # The first view cuts one axis: strides of every layout allow that.
            plan = "full" if turn == 0 else "one" if op == "view" else "short"
            W.add(op, fn, [x(*shape)], opt, plan=plan)
        W.add_integers(
            op,
            lambda o, a, fn=fn: fn(o, a),
            lambda k: [integers(*variants[0][1], high=2, kind=k)],
            variants[0][0],
            kinds=INTEGERS,
        )


def python_slice(a, o):
    index = [slice(None)] * a.dim()
    index[o["axis"]] = slice(o["begin"], o["end"], o["step"])
    return a[tuple(index)]


def add():
    indexing()
    views()
