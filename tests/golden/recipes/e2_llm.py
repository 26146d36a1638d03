"""Reference values of recipes/e2_llm, from the formulas of arXiv 2401.06951 and of the papers it is compared with
(RoFormer 2104.09864, position interpolation 2306.15595, NTK-aware scaling, YaRN 2309.00071), in f64.

A head's elements j and j + d/2 are the real and imaginary part of pair j, which position p turns by the complex number
exp(i p theta_j), theta_j = b^(-2 j / d). All scores are Re(q conj(k)) of turned q and k.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy && /tmp/venv/bin/python e2_llm.py
"""
import math

import numpy
import recipe_values

random = numpy.random.default_rng(240106951)


def positions(g, t, length, sinks):
    """(m + t_m) / g, t_m = 0 for the first `sinks` tokens."""
    m = numpy.arange(length, dtype=numpy.float64)
    return (m + numpy.where(m < sinks, 0, t)) / g


def largest_offset(g, r):
    return math.floor((g - 1) * r)


def theta(base, d):
    return base ** (-2 * numpy.arange(d // 2) / d)


def ntk(base, d, s):
    return theta(base * s ** (d / (d - 2)), d)


def yarn(base, d, s, original, fast=32, slow=1):
    """theta_j kept above `fast` turns in the original window, divided by s below `slow`, a ramp over j between."""
    dimension = lambda turns: d * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(base))
    low, high = max(math.floor(dimension(fast)), 0), min(math.ceil(dimension(slow)), d - 1)
    ramp = numpy.clip((numpy.arange(d // 2) - low) / max(high - low, 0.001), 0, 1)
    return theta(base, d) * ((1 - ramp) + ramp / s), 0.1 * math.log(s) + 1


def turned(x, p, frequencies):
    half = x.shape[-1] // 2
    z = (x[..., :half] + 1j * x[..., half:]) * numpy.exp(1j * numpy.outer(p, frequencies))
    return numpy.concatenate([z.real, z.imag], -1)


def scores(q, k, p, frequencies):
    return turned(q, p, frequencies) @ turned(k, p, frequencies).T


tables = [{"g": g, "t": t, "R": r, "length": length, "sinks": sinks, "largest_offset": largest_offset(g, r),
           "positions": positions(g, t, length, sinks)}
          for g, t, r, length, sinks in ((1, 0, 8, 8, 4), (5, 256, 64, 64, 4), (3, 7, 16, 11, 4), (2.5, 12, 8, 8, 4),
                                         (20, 76, 4, 4, 4), (4, 5, 8, 6, 0), (7, 3, 2, 1, 1), (8, 0, 16, 40, 4))]

frequencies = []
for kind, base, d, s, original in (("default", 500, 16, 1, 64), ("linear", 500, 16, 4, 64), ("ntk", 500, 16, 8, 64),
                                   ("ntk", 10000, 128, 4.5, 4096), ("yarn", 500, 16, 2, 64), ("yarn", 500, 16, 1, 64),
                                   ("yarn", 10000, 128, 16, 4096), ("yarn", 500, 16, 8, 64), ("ntk", 500, 4, 1, 64)):
    factor = 1
    if kind == "yarn":
        of_pair, factor = yarn(base, d, s, original)
    else:
        of_pair = {"default": theta(base, d), "linear": theta(base, d) / s, "ntk": ntk(base, d, s)}[kind]
    frequencies.append({"kind": kind, "theta": base, "d": d, "s": s, "L": original, "frequencies": of_pair,
                        "attention_factor": factor})

# Dynamic NTK: s = n / L of the length n of the input, at least 1.
dynamic = [{"length": n, "L": 64, "frequencies": ntk(500, 16, max(1, n / 64))} for n in (1, 63, 64, 65, 100, 512)]

attention = []
for g, t, sinks, length, d in ((1, 0, 4, 5, 8), (3, 17, 4, 9, 8), (3, 17, 0, 9, 8), (6.5, 40, 4, 7, 4)):
    q, k = random.standard_normal((2, length, d))
    attention.append({"g": g, "t": t, "sinks": sinks, "d": d, "length": length, "theta": 500, "q": q.ravel(),
                      "k": k.ravel(),
                      "scores": scores(q, k, positions(g, t, length, sinks), theta(500, d)).ravel()})


def seen_distances(scales, offsets, r, sinks, with_sinks):
    """All (p_m - p_n) >= 0 of the samples of training."""
    seen = set()
    for g in scales:
        for t in range(largest_offset(g, r) + 1) if offsets else [0]:
            p = positions(g, t, r, sinks)
            for m in range(r):
                for n in range(m + 1):
                    if with_sinks or not (n < sinks <= m):
                        seen.add(p[m] - p[n])
    return numpy.array(sorted(seen))


coverage = []
for scales, offsets, r, sinks, window, g in (((1, 2, 3), True, 6, 2, 18, 3), ((1, 2, 3), False, 6, 2, 18, 3),
                                             ((3,), True, 6, 2, 18, 3), ((1, 2, 3, 4), True, 8, 4, 40, 5),
                                             ((1,), False, 8, 4, 16, 1), ((4,), False, 8, 4, 32, 4)):
    row = {"scales": scales, "offsets": int(offsets), "R": r, "sinks": sinks, "window": window, "g": g}
    for with_sinks in (False, True):
        seen = seen_distances(scales, offsets, r, sinks, with_sinks)
        used = numpy.arange(window) / g
        near = numpy.abs(used[:, None] - seen[None, :]).min(1) <= 0.5 / g + 1e-9
        row["with_sinks" if with_sinks else "without_sinks"] = near.mean()
    coverage.append(row)

# The scale of an input of n tokens: the smallest whole one that covers it, and that of a window.
scale = [{"length": n, "R": 64, "smallest": max(1, math.ceil(n / 64)), "window": max(1.0, n / 64)}
         for n in (1, 64, 65, 96, 128, 129, 500, 512, 1024)]

values = {"tables": tables, "frequencies": frequencies, "dynamic": dynamic, "attention": attention,
          "coverage": coverage, "scale": scale}
recipe_values.write(__file__, values, numpy)
