"""Cases of the family order, and of those of index that select and place by slices, masks and lists."""

import math

import torch

from ops_cases import INTEGERS, W, given, integers, x

INF, NAN = math.inf, math.nan
TIES = [[1.0, 0.0, -0.0, 1.0, 0.0, 1.0], [NAN, -INF, INF, NAN, 2.0, -INF]]


def ordered(o, a):
    return torch.sort(a, dim=o["axis"], descending=o["descending"], stable=True)


def first(o, a):
    """Of equal elements the first ones, which torch.topk leaves open."""
    return [
        part.narrow(o["axis"], 0, o["k"])
        for part in torch.sort(a, dim=o["axis"], descending=o["largest"], stable=True)
    ]


def ordering():
    for turn, (axis, shape) in enumerate([(-1, (2, 5)), (0, (4, 3)), (1, (2, 3, 2)), (0, (1,)), (-1, (0, 3)), (0, (0, 2))]):
        for descending in (False, True):
            opt, plan = {"axis": axis, "descending": descending}, "full" if turn == 0 and descending else "short"
            W.add("sort", lambda o, a: ordered(o, a)[0], [x(*shape)], opt, plan=plan)
            W.add("argsort", lambda o, a: ordered(o, a)[1], [x(*shape)], opt, 0, "i64")
    for descending in (False, True):
        opt = {"axis": 1, "descending": descending}
        W.add("sort", lambda o, a: ordered(o, a)[0], [given(TIES)], opt, 1, note="special", plan="one")
        W.add("argsort", lambda o, a: ordered(o, a)[1], [given(TIES)], opt, 0, "i64", note="special", plan="one")
        W.add_integers(
            "argsort", lambda o, a: ordered(o, a)[1], lambda k: [integers(3, 7, high=2, kind=k)], opt, "i64", INTEGERS
        )
    for turn, (k, axis, shape) in enumerate([(2, -1, (2, 5)), (3, 0, (4, 3)), (0, 1, (2, 3)), (3, -1, (3,)), (1, 1, (2, 2, 2))]):
        for largest in (True, False):
            opt, plan = {"k": k, "axis": axis, "largest": largest}, "full" if turn == 0 and largest else "short"
            W.add("topk", lambda o, a: first(o, a)[0], [x(*shape)], opt, plan=plan)
            W.add("topk", lambda o, a: first(o, a)[1], [x(*shape)], {**opt, "indices": True}, 0, "i64")
    for largest in (True, False):
        opt = {"k": 4, "axis": 1, "largest": largest, "indices": True}
        W.add("topk", lambda o, a: first(o, a)[1], [given(TIES)], opt, 0, "i64", note="special", plan="one")
    rows = [[-1.0, 0.0, 0.5, 0.5, 2.0], [-INF, -1.0, -1.0, 3.0, INF]]
    for right in (False, True):
        for a, v in ((rows, [[0.5, -2.0, 3.0], [-1.0, INF, -INF]]), (rows[0], [[-0.0, 0.75], [2.0, 0.5]])):
            W.add(
                "searchsorted",
                lambda o, a, v: torch.searchsorted(a.contiguous(), v.contiguous(), right=o["right"]),
                [given(a, grad=False), given(v, grad=False)],
                {"right": right},
                0,
                "i64",
            )


def put(o, a, *rest):
    *indices, values = rest
    return a.index_put([i.long() for i in indices], values, o["accumulate"])


def placing():
    for turn, (axis, shape, count) in enumerate(
        [(0, (4, 3), 5), (-1, (2, 3), 2), (1, (2, 3, 2), 4), (0, (3,), 3), (1, (2, 3), 0), (0, (2, 0), 3)]
    ):
        plan, kind = "full" if turn == 0 else "short", "i32" if turn % 2 else "i64"
        at, source = integers(count, high=shape[axis], kind=kind), list(shape)
        source[axis] = count
        opt = {"axis": axis}
        W.add("index_select", lambda o, a, i: a.index_select(o["axis"], i.long()), [x(*shape), at], opt, plan=plan)
        W.add(
            "index_add",
            lambda o, a, i, s: a.index_add(o["axis"], i.long(), s),
            [x(*shape), at, x(*source)],
            opt,
            plan=plan,
        )
    # Without repeated places, which PyTorch leaves open.
    for turn, (axis, shape, at) in enumerate(
        [(1, (2, 4), [[3, 0], [1, 2]]), (0, (3, 2), [[2, 0], [1, 2]]), (-1, (3,), [1]), (0, (2, 2), [])]
    ):
        index = given(at, "i64", shape=(0, 2) if not at else None)
        W.add(
            "scatter",
            lambda o, a, i, s: a.scatter(o["axis"], i, s),
            [x(*shape), index, x(*index.shape)],
            {"axis": axis},
            plan="full" if turn == 0 else "short",
        )
    for turn, (shape, indices, values) in enumerate(
        [
            ((4, 3), [[2, 0, 3]], (3, 3)),
            ((4, 3), [[2, 0, 3], [1, 1, 0]], (3,)),
            ((3, 4, 2), [[[0], [2]], [3, 1]], (2, 1, 2)),
            ((3, 2), [[1, 2]], ()),
        ]
    ):
        ins = [x(*shape), *(given(i, "i64") for i in indices), x(*values)]
        W.add("index_put", put, ins, {"accumulate": False}, plan="full" if turn == 0 else "short")
        W.add("index_put", put, ins, {"accumulate": True})
    again = [x(3, 2), given([2, 0, 2, 2], "i64"), x(4, 2)]
    W.add("index_put", put, again, {"accumulate": True}, note="repeated", plan="full")
    for kind in ("i32", "i64"):
        for shape in ((2, 3), (), (0,)):
            W.case(
                "one_hot",
                lambda o, i: torch.nn.functional.one_hot(i.long(), o["classes"]),
                [integers(*shape, high=5, kind=kind)],
                {"classes": 5},
                kind,
                0,
                0,
                "f32",
                "",
            )
    for turn, (shape, mask) in enumerate([((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1, 2), (2, 1)), ((0, 2), (2,))]):
        ins, plan = [x(*shape), integers(*mask, high=2, kind="bool")], "full" if turn == 0 else "short"
        W.add("masked_fill", lambda o, a, m: a.masked_fill(m, o["value"]), ins, {"value": -1.5}, plan=plan)
        W.add("masked_select", lambda o, a, m: a.masked_select(m), ins, plan=plan)
    for shape in ((3, 2), (5,), (2, 2, 2), (0, 2)):
        W.add_integers(
            "nonzero", lambda o, a: a.nonzero(), lambda k: [integers(*shape, high=2, kind=k)], None, "i64", INTEGERS
        )
    W.add("nonzero", lambda o, a: a.nonzero(), [given([0.0, -0.0, NAN, -INF, 1e-3])], None, 0, "i64")


def add():
    ordering()
    placing()
