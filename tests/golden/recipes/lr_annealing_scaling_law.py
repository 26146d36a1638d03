"""Reference values of recipes/lr_annealing_scaling_law, from the equations of arXiv 2408.11029, in f64.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy scipy torch
      /tmp/venv/bin/python lr_annealing_scaling_law.py             # about three minutes

The annealing area is the double sum of the definition where it is a value of its own, and a linear filter where it is a
step of something else; gradients are PyTorch's; fits are the paper's grid of starts with SciPy's L-BFGS-B, polished by
Nelder-Mead. The 40 losses are those that the authors published.
"""
import numpy as np
import recipe_values
import scipy
import torch
from scipy.optimize import minimize
from scipy.signal import lfilter

random = np.random.default_rng(24081)


# Schedules as dictionaries, which the test turns into those of optim/schedules.h.
def decay(shape, x):
    return {"linear": 1 - x, "cosine": (1 + np.cos(np.pi * x)) / 2, "one_minus_sqrt": 1 - np.sqrt(x)}[shape]


def rate(schedule, s):
    """The rate of step s; of the steps of the warm-up that of its end."""
    kind, peak, floor = schedule["kind"], schedule["peak"], schedule.get("floor", 0.0)
    s = max(s, schedule.get("warmup", 0))
    if kind == "constant":
        return peak
    if kind == "multi_step":
        return peak * ([factor for step, factor in schedule["drops"] if step <= s] or [1.0])[-1]
    if kind == "rewarm":
        for steps, value in ((schedule["stable"], lambda k: peak),
                             (schedule["decay"], lambda k: floor + (peak - floor) * (1 - k / schedule["decay"])),
                             (schedule["rewarm"], lambda k: floor + (schedule["second_peak"] - floor) * (k + 1) /
                              (schedule["rewarm"] + 1))):
            if s < steps:
                return value(s)
            s -= steps
        return schedule["second_peak"]
    first = {"wsd": schedule["total"] - schedule.get("decay_steps", 0)}.get(kind, schedule.get("warmup", 0))
    if s < first:
        return peak
    x = min(1.0, (s - first) / (schedule["total"] - first))
    return floor + (peak - floor) * decay(schedule.get("shape", kind), x)


def rates(schedule, last):
    return np.array([rate(schedule, s) for s in range(last + 1)])


# Equations (1) to (3).
def double_sum(eta, lam):
    n = len(eta)
    drop = np.r_[0.0, eta[:-1] - eta[1:]]
    inner = [sum(drop[k] * lam ** (i - k) for k in range(i + 1)) for i in range(n)]
    return [sum(eta[:s + 1]) for s in range(n)], [sum(inner[:s + 1]) for s in range(n)]


def areas(eta, lam):
    drop = np.r_[0.0, eta[:-1] - eta[1:]]
    return np.cumsum(eta), np.cumsum(lfilter([1.0], [1.0, -lam], drop))


def law(p, s1, s2):
    return p[0] + p[1] * s1 ** -p[2] - p[3] * s2


def huber(r, delta):
    return np.where(np.abs(r) < delta, r * r / 2, delta * np.abs(r) - delta * delta / 2)


def objective(p, points, delta):
    predicted = law(p, points[0], points[1])
    if not np.all(predicted > 0):
        return np.inf
    return np.sum(huber(np.log(points[2]) - np.log(predicted), delta))


def gradient(p, points, delta):
    p = torch.tensor(p, requires_grad=True)
    s1, s2, loss = (torch.tensor(x) for x in points)
    r = torch.log(loss) - torch.log(law(p, s1, s2))
    torch.nn.functional.huber_loss(r, torch.zeros_like(r), reduction="sum", delta=delta).backward()
    return p.grad


def fit(points, delta=1e-3, with_c=True):
    """The law's constants, C = 0 without it."""
    full = lambda p: np.r_[p, 0.0] if len(p) == 3 else p

    @np.errstate(over="ignore", invalid="ignore")  # far from the optimum
    def target(p):
        value = 1e6 * objective(full(p), points, delta) if np.all(np.isfinite(p)) and np.all(p >= 0) else np.inf
        return value if np.isfinite(value) else 1e6

    starts = [(l0, a, al, c) for l0 in (0.1, 2.1) for a in (1, 11.5, 22) for al in (0, 0.4, 0.8)
              for c in ((1, 11.5, 22) if with_c else (0,))]
    starts += [(2.62, 0.44, 0.54, 390.0), (2.0, 30.0, 0.4, 1e-3)]  # C is large for lambda 0, A for large areas
    best = None
    for start in starts:
        found = minimize(target, start[:4 if with_c else 3], method="L-BFGS-B",
                         bounds=[(0, None)] * (4 if with_c else 3),
                         options=dict(maxiter=100000, ftol=1e-14, gtol=1e-9))
        if best is None or found.fun < best.fun:
            best = found
    for _ in range(8):
        best = minimize(target, best.x, method="Nelder-Mead",
                        options=dict(xatol=1e-13, fatol=1e-15, maxiter=40000, maxfev=40000))
    return full(best.x)


def described(points, p, delta=1e-3):
    predicted = law(p, points[0], points[1])
    loss = points[2]
    return {"law": p, "objective": objective(p, points, delta),
            "r_squared": 1 - np.sum((loss - predicted) ** 2) / np.sum((loss - np.mean(loss)) ** 2),
            "mean_relative_error": np.mean(np.abs(predicted / loss - 1))}


def points_of(curves, lam, form="annealing"):
    out = []
    for schedule, last, steps, loss in curves:
        s1, s2 = areas(rates(schedule, last), lam)
        s2 = s2 if form == "annealing" else 0 * s2
        s1 = np.arange(1.0, last + 2) if form == "step_only" else s1
        out.append((s1[steps], s2[steps], np.array(loss)))
    return [np.concatenate(x) for x in zip(*out)]


def area_cases():
    out = []
    for n, lam in ((1, 0.5), (2, 0.0), (7, 1.0), (13, 0.3), (61, 0.95), (61, 0.999)):
        eta = random.uniform(1e-5, 2e-2, n)
        forward, annealing = double_sum(eta, lam)
        out.append({"eta": eta, "lambda": lam, "forward": forward, "annealing": annealing})
    return out


SCHEDULES = [
    {"kind": "constant", "peak": 3e-4, "warmup": 3},
    {"kind": "linear", "peak": 0.7, "floor": 0.05, "total": 41, "warmup": 6},
    {"kind": "cosine", "peak": 2e-4, "floor": 1e-5, "total": 57, "warmup": 5},
    {"kind": "wsd", "peak": 1.5e-2, "floor": 1e-3, "total": 49, "decay_steps": 13, "shape": "linear", "warmup": 4},
    {"kind": "wsd", "peak": 1.5e-2, "total": 49, "decay_steps": 49, "shape": "cosine"},
    {"kind": "wsd", "peak": 1.5e-2, "total": 49, "decay_steps": 1, "shape": "one_minus_sqrt"},
    {"kind": "wsd", "peak": 1.5e-2, "floor": 2e-3, "total": 49, "decay_steps": 20, "shape": "one_minus_sqrt"},
    {"kind": "multi_step", "peak": 1e-2, "drops": [[30, 0.316], [41, 0.1]], "warmup": 7},
    {"kind": "rewarm", "peak": 1e-2, "floor": 1e-3, "stable": 11, "decay": 9, "rewarm": 4, "second_peak": 6e-3},
]


def objective_cases():
    out = []
    for n, delta in ((1, 1e-3), (5, 1e-3), (17, 0.02), (17, 10.0)):
        p = np.array([2.5, 0.5, 0.45, 0.7])
        points = (random.uniform(0.05, 3, n), random.uniform(0, 0.3, n), random.uniform(2.4, 4, n))
        out.append({"law": p, "s1": points[0], "s2": points[1], "loss": points[2], "delta": delta,
                    "predicted": law(p, *points[:2]), "value": objective(p, points, delta),
                    "gradient": gradient(p, points, delta)})
    low = (np.array([1.0]), np.array([10.0]), np.array([2.0]))
    out.append({"law": [1.0, 1.0, 0.5, 1.0], "s1": low[0], "s2": low[1], "loss": low[2], "delta": 1e-3,
                "predicted": law([1, 1, 0.5, 1], *low[:2]), "value": np.inf, "gradient": []})
    return out


def fit_cases():
    """Fits of noisy curves, and how each predicts a curve that it has not seen."""
    peak, total, lam, truth = 1e-2, 401, 0.97, np.array([2.1, 0.9, 0.5, 2.0])
    runs = [{"kind": "constant", "peak": peak}, {"kind": "cosine", "peak": peak, "total": total},
            {"kind": "wsd", "peak": peak, "total": total, "decay_steps": 83, "shape": "one_minus_sqrt"}]
    steps = np.arange(40, total + 1, 19)
    curves = []
    for schedule in runs:
        s1, s2 = areas(rates(schedule, total), lam)
        curves.append((schedule, total, steps,
                       law(truth, s1, s2)[steps] * (1 + 1e-3 * random.uniform(-1, 1, len(steps)))))
    shared = {"steps": steps, "last": total,
              "curves": [{"schedule": schedule, "loss": loss} for schedule, _, _, loss in curves]}
    # Two losses at one step pull the step-only law with equal force wherever it passes between them, so that its
    # minimum is no single point: it gets three.
    out = []
    for form, used, fitted_lam in (("annealing", (0, 1), 0.97), ("annealing", (1,), 0.9), ("annealing", (0, 1, 2), 0.0),
                                   ("forward_only", (0, 1), 0.97), ("step_only", (0, 1, 2), 0.97)):
        points = points_of([curves[i] for i in used], fitted_lam, form)
        found = described(points, fit(points, with_c=form == "annealing"))
        unseen = points_of([curves[2]], fitted_lam, form)
        predicted = law(found["law"], unseen[0], unseen[1])
        out.append({"form": form, "curves": used, "lambda": fitted_lam, **found, "predicted": predicted,
                    "unseen_error": np.mean(np.abs(predicted / unseen[2] - 1))})
    return {**shared, "fits": out}


def consequences():
    peak, lam, p = 1.1e-2, 0.98, np.array([2.0, 0.8, 0.5, 1.4])

    def final(schedule, total):
        s1, s2 = areas(rates(schedule, total), lam)
        return law(p, s1[-1], s2[-1])

    def wsd(total, share, shape):
        steps = min(max(1, int(np.floor(share * total + 0.5))), total)
        return {"kind": "wsd", "peak": peak, "total": total, "decay_steps": steps, "shape": shape}

    total, cycles, floors, shares = 301, [150, 225, 301, 602], [0.0, 0.05, 0.3, 1.0], [0.003, 0.1, 0.155, 0.5, 1.0]
    shapes = ["linear", "cosine", "one_minus_sqrt"]
    percent = np.arange(1, 101) / 100
    rewarm = {"kind": "rewarm", "peak": peak, "floor": 0.0, "stable": 150, "decay": 100, "rewarm": 10,
              "second_peak": 0.8 * peak}
    predicted = law(p, *areas(rates(rewarm, 500), lam))
    totals = [20, 60, 120, 250, 500, 1000]
    crossing = [t for t in totals if final({"kind": "cosine", "peak": peak, "total": t}, t) <
                final({"kind": "constant", "peak": peak}, t)]
    unit = {"kind": "wsd", "peak": peak, "total": total, "decay_steps": 77, "shape": "linear"}
    ends = [x[-1] for x in areas(rates(unit, total), lam)]
    return {
        "law": p, "lambda": lam, "peak": peak, "total": total, "final_areas": ends, "final_loss": law(p, *ends),
        "step_only_final_loss": law(p, total + 1.0, 0.0), "decay_steps": 77,
        "power_law": [p[0], p[1] * peak ** -p[2], p[2]],
        "cycles": cycles, "by_cycle": [final({"kind": "cosine", "peak": peak, "total": c}, total) for c in cycles],
        "floors": floors,
        "by_floor": [final({"kind": "cosine", "peak": peak, "floor": f * peak, "total": total}, total) for f in floors],
        "shares": shares, "by_decay": {shape: [final(wsd(total, x, shape), total) for x in shares] for shape in shapes},
        "best_share": {shape: percent[np.argmin([final(wsd(total, x, shape), total) for x in percent])]
                       for shape in shapes},
        "rewarm": rewarm, "bump_from": [0, 200, 249, 260], "last": 500,
        "bump": [np.max(predicted[s:]) - predicted[s] for s in (0, 200, 249, 260)],
        "totals": totals, "crossing": (crossing + [-1])[0],
    }


COSINE = [3.6696358, 3.3254106, 3.1908393, 3.1158533, 3.0604768, 3.020384, 2.9880967, 2.9612265, 2.9395165, 2.9195616,
          2.9030452, 2.8881907, 2.8767889, 2.8654318, 2.8565135, 2.8489892, 2.843639, 2.8398669, 2.8380618, 2.8376071]
CONSTANT = [3.6714418, 3.325626, 3.1884103, 3.111947, 3.058354, 3.0211415, 2.9874816, 2.96082, 2.9406552, 2.9241402,
            2.9054413, 2.8942103, 2.8807929, 2.8702695, 2.862175, 2.8530996, 2.8448784, 2.8383856, 2.8326995, 2.8294308]


def published():
    total, steps = 20000, np.arange(1000, 20001, 1000)
    cosine = ({"kind": "cosine", "peak": 2e-4, "total": total, "warmup": 500}, total, steps, COSINE)
    constant = ({"kind": "constant", "peak": 2e-4, "warmup": 500}, total, steps, CONSTANT)
    first_half = (*constant[:2], steps[:10], CONSTANT[:10])

    def row(curves, lam, form="annealing"):
        points = points_of(curves, lam, form)
        return {"lambda": lam, **described(points, fit(points, with_c=form == "annealing" and len(curves) > 1))}

    half = row([cosine, first_half], 0.999)
    unseen = points_of([(*constant[:2], steps[10:], CONSTANT[10:])], 0.999)
    s1, s2 = areas(rates(cosine[0], total), 0.999)
    return {"scan": [row([cosine, constant], lam) for lam in (0.0, 0.99, 0.995, 0.999, 0.9995, 0.9999)],
            "step_only": row([cosine, constant], 0.999, "step_only"),
            "forward_only": row([cosine, constant], 0.999, "forward_only"),
            "constant_only": row([constant], 0.999), "half": half,
            "second_half_error": np.mean(np.abs(law(half["law"], unseen[0], unseen[1]) / unseen[2] - 1)),
            "cosine_areas": [s1[-1], s2[-1]], "constant_area": areas(rates(constant[0], total), 0.999)[0][-1]}


residuals = np.r_[0.0, 1e-3, -1e-3, 9.99e-4, random.normal(0, 2e-3, 9), 5.0, -5.0]
recipe_values.write(__file__, {
    "areas": area_cases(),
    "rates": [{"schedule": s, "last": 55, "rates": rates(s, 55)} for s in SCHEDULES],
    "huber": [{"delta": d, "residual": residuals, "value": huber(residuals, d)} for d in (1e-3, 0.5)],
    "objective": objective_cases(),
    "fit": fit_cases(),
    "consequences": consequences(),
    "published": published(),
}, np, scipy, torch)
