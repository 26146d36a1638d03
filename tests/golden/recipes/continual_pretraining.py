"""Reference values of recipes/continual_pretraining, from the formulas of arXiv 2403.08763, in f64.

Rates are the paper's functions of its own step t = 1, 2, ...: linear warm-up eta_max t / T_w, then a cosine, or the
four phases of an infinite schedule. A run of Roux has w steps of warm-up below the peak and reaches it at its step
s = w, counted from 0, so that t = s + 1 and T_w = w + 1; the other boundaries follow the lengths of their phases.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy && /tmp/venv/bin/python continual_pretraining.py
"""
import math

import numpy
import recipe_values

random = numpy.random.default_rng(2403)


def cosine_with_warmup(t, peak, floor, t_warmup, t_end):
    if t < t_warmup:
        return peak * t / t_warmup
    if t >= t_end:
        return floor
    return floor + (peak - floor) / 2 * (1 + math.cos(math.pi * (t - t_warmup) / (t_end - t_warmup)))


def h(x, alpha):
    return 1 / math.sqrt(1 + alpha * x) - 1


def infinite(t, peak, constant, floor, t_warmup, t_cooldown, t_anneal, t_end, cooldown, alpha):
    if t < t_warmup:
        return peak * t / t_warmup
    if t < t_cooldown:
        x = (t - t_warmup) / (t_cooldown - t_warmup)
        if cooldown == "cosine":
            return constant + (peak - constant) / 2 * (1 + math.cos(math.pi * x))
        return peak + (constant - peak) / h(1, alpha) * h(x, alpha)
    if t_anneal is None or t < t_anneal:
        return constant
    if t >= t_end:
        return floor
    return constant * (floor / constant) ** ((t - t_anneal) / (t_end - t_anneal))


continual = []
for peak, floor, steps, warmup in ((3e-4, 3e-5, 100, 1), (3e-3, 3e-4, 300, 3), (1.0, 0.0, 7, 0), (2.5, 2.5, 5, 4),
                                   (1e-2, 1e-3, 41, 20), (0.7, 0.1, 1, 0)):
    rates = [cosine_with_warmup(s + 1, peak, floor, warmup + 1, steps + 1) for s in range(steps + 3)]
    continual.append({"peak": peak, "floor": floor, "steps": steps, "warmup": warmup, "rates": rates})

infinites = []
for peak, constant, floor, warmup, cooldown, hold, anneal, shape, alpha in (
        (3e-4, 1.65e-4, 3e-5, 3, 40, 50, 17, "cosine", 10), (3e-4, 1.65e-4, 3e-5, 3, 40, 50, 17, "inverse_sqrt", 10),
        (1.0, 0.5, 0.1, 0, 8, 0, 9, "inverse_sqrt", 10), (1.0, 0.5, 0.1, 5, 1, 3, 1, "cosine", 10),
        (2.0, 0.25, 0.01, 2, 33, 20, None, "inverse_sqrt", 0.3), (2.0, 2.0, 0.5, 2, 10, 10, 4, "inverse_sqrt", 100),
        (2.0, 0.5, 0.01, 7, 0, 12, 12, "cosine", 10)):
    boundaries = numpy.cumsum([warmup + 1, cooldown, hold, anneal or 0]).tolist()
    t_warmup, t_cooldown, t_anneal, t_end = boundaries
    if anneal is None:
        t_anneal = t_end = None
    steps = boundaries[3] + 4
    rates = [infinite(s + 1, peak, constant, floor, t_warmup, t_cooldown, t_anneal, t_end, shape, alpha)
             for s in range(steps)]
    infinites.append({"peak": peak, "constant": constant, "floor": floor, "warmup": warmup, "cooldown": cooldown,
                      "hold": hold, "anneal": anneal or 0, "shape": shape, "alpha": alpha, "rates": rates})

# Phases as --table takes them, each on its own steps from 0 on.
shapes = {"constant": lambda a, b, x, alpha: a,
          "linear": lambda a, b, x, alpha: a + (b - a) * x,
          "cosine": lambda a, b, x, alpha: b + (a - b) / 2 * (1 + math.cos(math.pi * x)),
          "inverse_sqrt": lambda a, b, x, alpha: a + (b - a) / h(1, alpha) * h(x, alpha),
          "exponential": lambda a, b, x, alpha: a * (b / a) ** x}
tables = []
for names in (["linear", "cosine"], ["linear", "inverse_sqrt", "constant", "exponential"], list(shapes)):
    phases, rates, rate = [], [], 0.0
    for name in names:
        start = rate if rate > 0 or name == "linear" else float(random.uniform(0.1, 1))
        end = start if name == "constant" else float(random.uniform(0.1, 1))
        steps, alpha = int(random.integers(1, 30)), float(random.uniform(0.5, 20))
        phases.append({"shape": name, "steps": steps, "from": start, "to": end, "alpha": alpha})
        rates += [shapes[name](start, end, s / steps, alpha) for s in range(steps)]
        rate = end
    tables.append({"phases": phases, "rates": rates, "end": rate})

# Losses of a comparison: D0 only, D1 only, union, and arms; what the paper's tables are made of.
outcomes = []
for _ in range(4):
    old_only, new_only, union, arm, without = (random.uniform(1, 5, 2) for _ in range(5))
    gap = lambda losses: losses.mean() - union.mean()
    outcomes.append({"old_only": old_only, "new_only": new_only, "union": union, "arm": arm,
                     "without_replay": without, "forgetting": arm[0] - old_only[0],
                     "adaptation": arm[1] - new_only[1], "mean": arm.mean(), "gap_to_union": gap(arm),
                     "share_of_gap_closed": 1 - gap(arm) / gap(without),
                     "share_of_forgetting_removed": 1 - (arm[0] - old_only[0]) / (without[0] - old_only[0])})

# Tokens of each domain: a run on D0, an update on D1 with replay at equal compute, and both sets from scratch.
accounts = []
for old_steps, new_steps, batch, length, replay in (
        (600, 300, 8, 64, 0.05), (600, 300, 8, 64, 0.25), (7, 5, 3, 11, 0.0), (132000, 132000, 1104, 2048, 0.05),
        (9, 4, 2, 5, 1.0)):
    old, new = old_steps * batch * length, new_steps * batch * length
    accounts.append({"old_steps": old_steps, "new_steps": new_steps, "batch": batch, "length": length,
                     "replay": replay, "update_tokens": new, "replayed": replay * new, "new": (1 - replay) * new,
                     "union_share_of_old": old / (old + new)})

values = {"continual": continual, "infinite": infinites, "h1": h(1, 10), "phases": tables, "outcomes": outcomes,
          "accounts": accounts}
recipe_values.write(__file__, values, numpy)
