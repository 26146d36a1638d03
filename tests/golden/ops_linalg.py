"""Cases of the family linalg."""

import numpy as np
import torch

from ops_cases import W, given, x


def matrices(seed, *shape, diagonal=4.0):
    """Well conditioned: `diagonal` is added to the diagonal."""
    values = np.random.default_rng(seed).uniform(-2, 2, shape) + diagonal * np.eye(shape[-2], shape[-1])
    return given(np.round(values, 6))


def stepped(seed, *shape):
    """Distinct eigenvalues and singular values: ..., 12, 6 on the diagonal."""
    values = np.round(np.random.default_rng(seed).uniform(-2, 2, shape), 6)
    k = min(shape[-2:])
    values[..., range(k), range(k)] += 6 * np.arange(k, 0, -1)
    return given(values)


def signs(x):
    return torch.where(x.diagonal(dim1=-2, dim2=-1) < 0, -1.0, 1.0).detach()[..., None, :]


def symmetric(a):
    return (a + a.mT) / 2


def qr(o, a):
    q, r = torch.linalg.qr(a)
    s = signs(r)
    return q * s, r * s.mT


def svd(o, a):
    u, s, vh = torch.linalg.svd(a, full_matrices=False)
    return u * signs(u), s, vh * signs(u).mT


def eigh(o, a):
    values, vectors = torch.linalg.eigh(symmetric(a))
    return values, vectors * signs(vectors)


def add():
    def cases(op, ref, inputs, opt=None):
        for turn, ins in enumerate(inputs):
            W.add(op, ref, ins, opt, 2 if turn == 0 else 1, plan="full" if turn == 0 else "one", dtypes=("f64",))

    cases(
        "cholesky",
        lambda o, a: torch.linalg.cholesky(a @ a.mT),
        [[matrices(1, 2, 2)], [matrices(2, 2, 3, 3)], [x(0, 0)]],
    )
    systems = [
        [matrices(3, 2, 2), x(2, 1)],
        [matrices(4, 3, 3), x(2, 3, 1)],
        [matrices(5, 2, 1, 2, 2), x(2, 2, 1)],
    ]
    cases("solve", lambda o, a, b: torch.linalg.solve(a, b), systems)
    for upper in (0, 1):
        cases(
            "solve_triangular",
            lambda o, a, b: torch.linalg.solve_triangular(
                a.triu() if o["upper"] else a.tril(), b, upper=bool(o["upper"])
            ),
            systems if not upper else systems[:2],
            {"upper": upper},
        )
    cases(
        "lstsq",
        lambda o, a, b: torch.linalg.pinv(a) @ b,
        [
            [matrices(6, 3, 2), x(3, 1)],
            [matrices(7, 3, 5), x(2, 3, 1)],
            [matrices(8, 3, 3), x(3, 2)],
        ],
    )
    cases("pinv", lambda o, a: torch.linalg.pinv(a), [[matrices(9, 3, 2)], [matrices(10, 2, 2, 3)], [x(1, 1, low=1)]])
    cases("inv", lambda o, a: torch.linalg.inv(a), [[matrices(11, 2, 2)], [matrices(11, 2, 3, 3)], [x(0, 0)]])
    cases("logdet", lambda o, a: torch.logdet(a), [[matrices(13, 2, 2)], [matrices(12, 2, 3, 3)], [x(2, 0, 0)]])
    for values in ([[0.0, 1.0], [1.0, 0.0]], [[1.0, 2.0], [2.0, 4.0]], [[0.0, 1.0], [-1.0, 0.0]]):
        W.add(
            "logdet", lambda o, a: torch.logdet(a), [given(values)], order=0, note="sign", plan="one", dtypes=("f64",)
        )
    cases("qr", qr, [[matrices(14, 3, 2)], [matrices(15, 2, 3)], [matrices(16, 2, 3, 3)]])
    cases("svd", svd, [[stepped(17, 3, 2)], [stepped(18, 2, 3)], [stepped(19, 2, 3, 3)]])
    cases("eigh", eigh, [[stepped(20, 2, 2)], [stepped(21, 2, 3, 3)], [stepped(22, 1, 1)]])
