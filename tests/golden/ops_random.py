"""Draws as tensor/ops/random.h defines them, in NumPy f64: Philox 4x32-10 (Salmon et al. 2011), Box and Muller."""

import numpy as np
import torch

from ops_cases import below, rounded

MASK = 0xFFFFFFFF


def words(opt, count):
    """Word i % 4 of block i / 4 for i < count."""
    result = []
    for block in range((count + 3) // 4):
        c = [block & MASK, block >> 32, opt["offset"] & MASK, opt["offset"] >> 32]
        k = [opt["seed"] & MASK, opt["seed"] >> 32]
        for _ in range(10):
            a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
            c = [(b >> 32) ^ c[1] ^ k[0], b & MASK, (a >> 32) ^ c[3] ^ k[1], a & MASK]
            k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
        result += c
    return np.array(result[:count], np.float64)


def unit(values):
    """[0, 1) with 24 bits."""
    return np.floor(values / 256) * 2.0**-24


def uniform(opt, x):
    """Rounding never reaches the excluded upper bound: the last value below it stands there."""
    u = unit(words(opt, x.numel())).reshape(x.shape)
    values = rounded(opt["low"] + u * (opt["high"] - opt["low"]), opt["_dtype"])
    return torch.from_numpy(np.where(values >= opt["high"], below(opt["high"], opt["_dtype"]), values))


def normal(opt, x):
    count = x.numel()
    u = unit(words(opt, (count + 3) // 4 * 4)).reshape(-1, 2)
    radius, angle = np.sqrt(-2 * np.log(u[:, 0] + 2.0**-24)), 2 * np.pi * u[:, 1]
    z = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).ravel()[:count]
    return torch.from_numpy(opt["mean"] + opt["std"] * z.reshape(x.shape))


def categorical(opt, logits):
    rows = logits.reshape(-1, logits.shape[-1]).numpy()
    u = unit(words(opt, len(rows)))
    e = np.exp(rows - rows.max(1, keepdims=True)) if len(rows) else rows
    drawn = [int(np.searchsorted(np.cumsum(row), v * row.sum(), side="right")) for row, v in zip(e, u)]
    return torch.from_numpy(np.array(drawn, np.int64).reshape(logits.shape[:-1]))


def dropout(opt, x):
    kept = torch.from_numpy((unit(words(opt, x.numel())) >= opt["p"]).reshape(tuple(x.shape)))
    return torch.where(kept, x / (1 - opt["p"]), torch.zeros((), dtype=x.dtype))
