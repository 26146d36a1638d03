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


def wide_words(opt, count):
    """64 bits each: words 2i (low half) and 2i + 1."""
    pairs = words(opt, 2 * count).reshape(-1, 2).astype(np.uint64)
    return [int(low) | int(high) << 32 for low, high in pairs]


def randint(opt, x):
    steps = [(w * (opt["high"] - opt["low"])) >> 64 for w in wide_words(opt, x.numel())]
    return torch.tensor([opt["low"] + s for s in steps], dtype=torch.int64).reshape(x.shape)


def randperm(opt, x):
    keys = wide_words(opt, x.numel())
    return torch.tensor(sorted(range(len(keys)), key=lambda i: keys[i]), dtype=torch.int64)


def bernoulli(opt, p):
    return torch.from_numpy(1.0 * (unit(words(opt, p.numel())) < p.detach().numpy().ravel())).reshape(p.shape)


def unit_exponential(opt, x):
    return torch.from_numpy(np.maximum(-np.log(1 - unit(words(opt, x.numel()))), 2.0**-25)).reshape(x.shape)


def exponential(opt, x):
    return unit_exponential(opt, x) / opt["rate"]


def gumbel(opt, x):
    return -unit_exponential(opt, x).log()


def gumbel_softmax(opt, logits):
    soft = ((logits + gumbel(opt, logits)) / opt["temperature"]).softmax(opt["axis"])
    if not opt["hard"]:
        return soft
    hard = torch.zeros_like(soft).scatter(opt["axis"], soft.argmax(opt["axis"], keepdim=True), 1.0)
    return hard + (soft - soft.detach())


def log_gamma(opt, concentration):
    """Marsaglia and Tsang (2000): attempt k of element i reads block i + k 2^40."""

    def block(index):
        c = [index & MASK, index >> 32, opt["offset"] & MASK, opt["offset"] >> 32]
        k = [opt["seed"] & MASK, opt["seed"] >> 32]
        for _ in range(10):
            a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
            c = [(b >> 32) ^ c[1] ^ k[0], b & MASK, (a >> 32) ^ c[3] ^ k[1], a & MASK]
            k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
        return unit(np.array(c, np.float64))

    def draw(i, a):
        d = (a + 1 if a < 1 else a) - 1 / 3
        for attempt in range(100):
            u = block(i + (attempt << 40))
            z = np.sqrt(-2 * np.log(u[0] + 2.0**-24)) * np.cos(2 * np.pi * u[1])
            v = (1 + z / np.sqrt(9 * d)) ** 3
            if v > 0 and np.log(u[2] + 2.0**-24) < z * z / 2 + d - d * v + d * np.log(v):
                boost = np.log(block(i)[3] + 2.0**-24) / a if a < 1 else 0
                return np.log(d * v) + boost

    values = [draw(i, a) for i, a in enumerate(concentration.detach().numpy().ravel())]
    return torch.tensor(values, dtype=torch.float64).reshape(concentration.shape)


def gamma(opt, concentration):
    return log_gamma(opt, concentration).exp()


def beta(opt, a, b):
    return torch.sigmoid(log_gamma(opt, a) - log_gamma({**opt, "offset": opt["offset"] + 1}, b))


def dirichlet(opt, concentration):
    return log_gamma(opt, concentration).softmax(-1)


def categorical_without_replacement(opt, logits):
    return (logits + gumbel(opt, logits)).topk(opt["k"], dim=-1).indices
