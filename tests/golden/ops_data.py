"""Cases of the families index, rotary and view."""

import contextlib
import math

import numpy as np
import torch
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

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


@contextlib.contextmanager
def computing_in_f64():
    """transformers makes its frequencies in f32, which it names torch.float and torch.float32."""
    names = torch.float, torch.float32
    torch.float = torch.float32 = torch.float64
    try:
        yield
    finally:
        torch.float, torch.float32 = names


def rotary_tables(o, positions):
    """cos and sin as the rotary modules of transformers have them, of half the width: they repeat it."""
    given_ones = {k: v for k, v in o.items() if k not in ("head_dim", "theta", "fraction", "type", "_dtype")}
    config = LlamaConfig(
        num_attention_heads=1,
        head_dim=o["head_dim"] if o["type"] != "default" else int(o["fraction"] * o["head_dim"]),
        max_position_embeddings=o.get("original_max_position_embeddings", 64),
        rope_parameters={
            **{k: bool(v) if k == "truncate" else v for k, v in given_ones.items()},
            "rope_type": o["type"],
            "rope_theta": o["theta"],
            "partial_rotary_factor": o["fraction"],
        },
    )
    with computing_in_f64():
        if o["type"] == "default":
            frequencies, factor = LlamaRotaryEmbedding.compute_default_rope_parameters(config)
        else:
            frequencies, factor = ROPE_INIT_FUNCTIONS[o["type"]](config, seq_len=float(positions.max()) + 1)
    assert frequencies.dtype == torch.float64
    angles = positions[..., None] * frequencies
    if positions.ndim == 2:
        angles = angles[:, None]
    return angles.cos() * factor, angles.sin() * factor


def rotations():
    def rotated(o, a, c, s):
        kept = a[..., 2 * c.shape[-1] :]
        pairs = a[..., : 2 * c.shape[-1]]
        p, q = (pairs[..., ::2], pairs[..., 1::2]) if o["interleaved"] else pairs.chunk(2, -1)
        r = p * c - q * s, q * c + p * s
        return torch.cat([torch.stack(r, -1).flatten(-2) if o["interleaved"] else torch.cat(r, -1), kept], -1)

    for turn, (shape, table, interleaved) in enumerate(
        [
            ((2, 2, 4), (2, 2), 0),
            ((2, 1, 2, 5), (2, 1, 2, 2), 1),
            ((2, 1, 2, 3), (2, 1, 2, 1), 0),
            ((2, 0, 4), (0, 2), 0),
        ]
    ):
        angles = np.arange(np.prod(table)).reshape(table) * 0.7
        W.add(
            "rotary_embedding",
            rotated,
            [x(*shape), given(np.cos(angles), grad=False), given(np.sin(angles), grad=False)],
            {"interleaved": interleaved},
            plan="full" if turn == 0 else "short",
        )
    base = {"theta": 1e4, "fraction": 1.0, "head_dim": 8}
    scaled = {"factor": 4.0, "original_max_position_embeddings": 4096}
    for o in (
        {"type": "default"},
        {"type": "default", "theta": 500.0, "fraction": 0.5, "head_dim": 20},
        {"type": "linear", "factor": 4.0},
        {"type": "dynamic", **scaled},
        {"type": "dynamic", **scaled, "original_max_position_embeddings": 512},
        {"type": "yarn", **scaled},
        {"type": "yarn", **scaled, "attention_factor": 1.5, "beta_fast": 4.0, "beta_slow": 2.0, "truncate": 0},
        {"type": "yarn", **scaled, "mscale": 2.0, "mscale_all_dim": 0.5, "fraction": 0.5, "head_dim": 21},
        {"type": "llama3", **scaled, "theta": 5e5, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
        {"type": "llama3", **scaled, "low_freq_factor": 2.0, "high_freq_factor": 3.0},
    ):
        opt = {**base, **o}
        rows = [[3, 100], [1001, 1]]
        W.add("rotary", rotary_tables, [given(rows, "i64", grad=False)], opt, 0, "f64", plan="one", dtypes=["f64"])
    W.add("rotary", rotary_tables, [given([0.5, -77.25], grad=False)], opt, 0, plan="one", dtypes=["f32"])
    W.add("rotary", rotary_tables, [given([0.5], grad=False)], opt, 0, plan="one", dtypes=["bf16", "f16"])


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


def straight_through():
    W.add(
        "straight_through",
        lambda o, hard, soft: hard + (soft - soft.detach()),
        [x(2, 2, grad=False), x(2, 2)],
        plan="full",
    )


def python_slice(a, o):
    index = [slice(None)] * a.dim()
    index[o["axis"]] = slice(o["begin"], o["end"], o["step"])
    return a[tuple(index)]


def add():
    indexing()
    rotations()
    straight_through()
    views()
