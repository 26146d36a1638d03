"""Cases of document_bounds."""

import torch

from ops_cases import W, given


def bounds(opt, ids):
    """By runs of equal neighbours, row by row."""
    rows = []
    for row in ids:
        _, lengths = torch.unique_consecutive(row, return_counts=True)
        ends = torch.cumsum(lengths, 0)
        rows.append(torch.repeat_interleave(ends if opt["end"] else ends - lengths, lengths))
    return torch.stack(rows)


def add():
    for end in (0, 1):
        W.add_integers(
            "document_bounds",
            bounds,
            lambda kind: [given([[4, 4, 1, 1, 1, 4], [0, 1, 2, 2, 9, 9], [5, 5, 5, 5, 5, 5]], kind)],
            {"end": end},
            out="i32",
            kinds=("i32", "i64"),
        )
