"""Cases of the families arrange and einsum, and of the later views."""

import torch

from ops_cases import FLOATS, INTEGERS, W, integers, x


def arrangements():
    fns = {
        "flip": (
            lambda o, a: torch.flip(a, o["axes"]),
            [({"axes": [1]}, (2, 3)), ({"axes": [-1, 0]}, (2, 3, 2)), ({"axes": [0]}, (0, 2))],
        ),
        "roll": (
            lambda o, a: torch.roll(a, o["shift"], o["axis"]),
            [({"shift": 1, "axis": 1}, (2, 3)), ({"shift": -5, "axis": 0}, (3, 2)), ({"shift": 2, "axis": 0}, (2,))],
        ),
        "repeat": (
            lambda o, a: a.repeat(o["counts"]),
            [({"counts": [1, 2]}, (2, 3)), ({"counts": [2, 3, 1]}, (1, 2)), ({"counts": [2]}, ())],
        ),
        "repeat_interleave": (
            lambda o, a: torch.repeat_interleave(a, o["count"], o["axis"]),
            [({"count": 2, "axis": 1}, (2, 2)), ({"count": 3, "axis": 0}, (2, 1)), ({"count": 2, "axis": -1}, (2, 0))],
        ),
        "chunk": (
            lambda o, a: torch.chunk(a, o["count"], o["axis"]),
            [({"count": 2, "axis": 1}, (2, 3)), ({"count": 4, "axis": 0}, (6, 1)), ({"count": 3, "axis": 0}, (2,))],
        ),
        "unbind": (lambda o, a: torch.unbind(a, o["axis"]), [({"axis": 0}, (2, 3)), ({"axis": -1}, (2, 2))]),
        "diagonal": (
            lambda o, a: torch.diagonal(a, o["offset"], o["axis0"], o["axis1"]),
            [
                ({"offset": 0, "axis0": 0, "axis1": 1}, (2, 3)),
                ({"offset": 1, "axis0": -1, "axis1": 0}, (2, 2, 3)),
                ({"offset": -1, "axis0": 0, "axis1": 1}, (3, 2)),
                ({"offset": 7, "axis0": 0, "axis1": 1}, (2, 2)),
            ],
        ),
    }
    for op, (fn, variants) in fns.items():
        for turn, (opt, shape) in enumerate(variants):
            W.add(op, fn, [x(*shape)], opt, plan="one" if turn else "few", dtypes=("f64",) if turn else FLOATS)
        opt, shape = variants[0]
        W.add_integers(op, fn, lambda k: [integers(*shape, high=2, kind=k)], opt, kinds=INTEGERS)

    def stack(o, *t):
        return torch.stack(t, o["axis"])

    W.add("stack", stack, [x(2, 2), x(2, 2)], {"axis": 1}, plan="few")
    W.add("stack", stack, [x(2), x(2), x(2)], {"axis": -1}, plan="one", dtypes=("f64",))
    W.add_integers("stack", stack, lambda k: [integers(2, high=2, kind=k)] * 2, {"axis": 0}, kinds=INTEGERS)


def sums_of_products():
    cases = [
        ("ij,kj->ik", (2, 3), (2, 3)),
        ("bhtd,bhsd->bhts", (1, 2, 2, 2), (1, 2, 3, 2)),
        ("...ij,...jk", (2, 2, 1), (1, 1, 3)),
        ("b...i, i -> ...b", (2, 2, 3), (3,)),
        ("ii->i", (3, 3)),
        ("ii", (2, 2)),
        ("iij,j->ij", (2, 2, 3), (3,)),
        ("ijk->kj", (2, 2, 2)),
        ("...i->", (2, 2)),
        ("i,j->ji", (2,), (3,)),
        ("ij,ij->i", (2, 3), (1, 3)),
        ("ij,jk,kl->il", (2, 2), (2, 3), (3, 2)),
        ("i,i,i->i", (3,), (3,), (3,)),
        ("ab,cd,bc->ad", (2, 2), (2, 2), (2, 2)),
        ("ij,jk->ik", (2, 0), (0, 2)),
    ]
    for turn, (equation, *shapes) in enumerate(cases):
        W.add(
            "einsum",
            lambda o, *t: torch.einsum(o["equation"], *t),
            [x(*s) for s in shapes],
            {"equation": equation},
            plan="one" if turn else "few",
            dtypes=("f64",) if turn else FLOATS,
        )


def add():
    arrangements()
    sums_of_products()
