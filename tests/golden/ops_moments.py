"""Cases of adamw_8bit_: an element is far from the middle between two codes, so that f64 and f32 choose alike."""

import numpy as np

from ops_cases import W, given
from optimizer import dynamic_map

SIZE, BLOCK = 300, 256


def decode(codes, absmax, signed):
    return dynamic_map(signed).astype(np.float64)[codes] * absmax[np.arange(SIZE) // BLOCK]


def encode(values, signed):
    table, block = dynamic_map(signed).astype(np.float64), np.arange(SIZE) // BLOCK
    absmax = np.zeros(-(-SIZE // BLOCK))
    np.maximum.at(absmax, block, np.abs(values))
    unit, middles = values / absmax[block], (table[:-1] + table[1:]) / 2
    assert np.abs(unit[:, None] / middles - 1)[:, middles != 0].min() > 1e-6
    codes = np.searchsorted(middles, unit, "left")
    if signed:
        codes -= (values < 0) & (table[codes] == 0)
    return codes, absmax


def adamw_8bit(o, *tensors):
    p, g, codes, codes_sq, absmax, absmax_sq = (t.numpy() for t in tensors)
    if not o["finite"]:
        return [*(np.array(t) for t in (p, codes, codes_sq, absmax, absmax_sq)), np.array([o["step"] - 1.0])]
    lr = o["lr"] * o["lr_scale"]
    m = o["beta1"] * decode(codes, absmax, True) + (1 - o["beta1"]) * g * o["factor"]
    v = o["beta2"] * decode(codes_sq, absmax_sq, False) + (1 - o["beta2"]) * (g * o["factor"]) ** 2
    p = p * (1 - lr * o["weight_decay"])
    p = p - lr * m / (1 - o["beta1"] ** o["step"]) / (np.sqrt(v / (1 - o["beta2"] ** o["step"])) + o["eps"])
    (codes, absmax), (codes_sq, absmax_sq) = encode(m, True), encode(v, False)
    return [p, codes, codes_sq, absmax, absmax_sq, np.array([float(o["step"])])]


def add():
    base = {"lr": 0.1, "step": 3, "factor": 0.5, "finite": 1, "lr_scale": 0.5}
    base |= {"beta1": 0.9, "beta2": 0.95, "eps": 1e-2, "weight_decay": 0.1}
    rng = np.random.default_rng(5)
    for change in ({}, {"finite": 0}):
        p, g = (np.round(rng.uniform(-2, 2, SIZE), 3) for _ in range(2))
        codes = [rng.integers(0, 256, SIZE) for _ in range(2)]
        absmax = [np.round(rng.uniform(0.1, 1, 2), 3) for _ in range(2)]
        ins = [given(p, "f32", False), given(g, "f32", False), *(given(c, "u8") for c in codes)]
        ins += [given(a, "f32", False) for a in absmax]
        W.case("adamw_8bit_", adamw_8bit, ins, base | change, "f32", 0, 0, ["f32", "u8", "u8", "f32", "f32", "f64"], "")
