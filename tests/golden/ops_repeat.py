"""Cases of repeat_interleave with counts."""

import torch

from ops_cases import FLOATS, W, given, x


def add():
    for axis, size in ((0, 3), (-1, 4)):
        for turn, counts in enumerate(([2, 0, 1, 3], [0, 0, 0, 0])):
            W.add(
                "repeat_interleave",
                lambda o, a, counts: torch.repeat_interleave(a, counts, o["axis"]),
                [x(3, 4), given(counts[:size], "i32" if turn else "i64")],
                {"axis": axis},
                note="counts",
                dtypes=FLOATS,
                plan="one",
            )
