"""Reference values of recipes/salt, from the formulas of arXiv 2410.18779, in f64.

The mixed loss and its gradient come from PyTorch's autograd, everything else from NumPy. Where the paper leaves
something open, what is computed here is the reading that recipes/salt/method.h and bigram.h state. The bound on the
excess risk is a second transcription of bigram.h alone; that it is right follows from the two steps named there, which
bigram_test.cc holds it to.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy torch && /tmp/venv/bin/python salt.py
"""
import math

import numpy
import recipe_values
import torch

random = numpy.random.default_rng(2410)


# l_omega = (1 - omega) CE + omega * cross-entropy against softmax(teacher / rho), mean over tokens.
def mixed_loss(student, teacher, target, omega, rho, student_rho):
    z = torch.tensor(student, requires_grad=True)
    soft = torch.softmax(torch.tensor(teacher) / rho, -1)
    distilled = -(soft * torch.log_softmax(z / student_rho, -1)).sum(-1)
    one_hot = torch.nn.functional.cross_entropy(z, torch.tensor(target), reduction="none")
    loss = ((1 - omega) * one_hot + omega * distilled).mean()
    loss.backward()
    return float(loss.detach()), z.grad.numpy()


losses = []
for rows, classes, omega, rho, student_rho in ((5, 7, 0.667, 1.0, 1.0), (3, 11, 0.667, 0.25, 1.0), (4, 2, 0.3, 4.0, 1.0),
                                               (1, 5, 1.0, 0.5, 1.0), (6, 3, 0.0, 1.0, 1.0), (5, 9, 0.5, 0.25, 0.25)):
    student, teacher = random.normal(0, 2, (rows, classes)), random.normal(0, 2, (rows, classes))
    target = random.integers(0, classes, rows)
    loss, gradient = mixed_loss(student, teacher, target, omega, rho, student_rho)
    losses.append({"classes": classes, "omega": omega, "rho": rho, "student_rho": student_rho,
                   "student": student.ravel(), "teacher": teacher.ravel(), "target": target, "loss": loss,
                   "gradient": gradient.ravel()})


# omega until `constant`, over `decay` steps to 0, then 0. Linear: omega falls as a line; linear ratio: the ratio of the
# two losses' weights, omega / (1 - omega), does.
def weight(shape, omega, constant, decay, step):
    if step < constant:
        return omega
    if step >= constant + decay:
        return 0.0
    left = 1 - (step - constant) / decay
    if shape == "linear":
        return omega * left
    ratio = omega / (1 - omega) * left
    return ratio / (1 + ratio)


schedules = []
for shape, omega, constant, decay in (("step", 0.667, 7, 0), ("step", 1.0, 0, 0), ("linear", 0.667, 3, 10),
                                      ("linear", 1.0, 0, 4), ("linear_ratio", 0.667, 3, 10), ("linear_ratio", 0.3, 0, 1),
                                      ("linear_ratio", 0.99, 2, 7)):
    schedules.append({"shape": shape, "omega": omega, "constant": constant, "decay": decay,
                      "weights": [weight(shape, omega, constant, decay, s) for s in range(constant + decay + 3)]})
# The area under a whole decay of D steps, for D to infinity, divided by D.
areas = [{"omega": w, "linear": w / 2, "linear_ratio": 1 - math.log1p(w / (1 - w)) / (w / (1 - w))}
         for w in (0.1, 0.3, 0.667, 0.9)]

# S(x): a token is kept when fewer than k classes are likelier than it; the median of kept losses, others being 0, or
# left out.
scores = []
for tokens, classes, k in ((9, 12, 3), (8, 12, 1), (1, 5, 2), (16, 30, 10), (7, 6, 6), (4, 40, 1)):
    logits = random.normal(0, 2, (tokens, classes))
    target = random.integers(0, classes, tokens)
    if k == 1 and tokens == 8:
        target[:5] = logits[:5].argmax(1)
    loss = numpy.log(numpy.exp(logits).sum(1)) - logits[range(tokens), target]
    rank = (logits > logits[range(tokens), target][:, None]).sum(1)
    keep = rank < k
    kept = loss[keep]
    scores.append({"classes": classes, "k": k, "logits": logits.ravel(), "target": target, "keep": keep.astype(int),
                   "loss": loss, "score": numpy.median(numpy.where(keep, loss, 0)),
                   "score_of_kept": numpy.median(kept) if len(kept) else 0.0})

selections = []
for size, m in ((10, 3), (7, 7), (5, 1)):
    values = random.integers(0, 6, size) / 4  # with ties: the earlier row goes first
    selections.append({"scores": values, "m": m, "rows": numpy.argsort(-values, kind="stable")[:m]})

terciles = []
for size in (9, 10, 11, 3):
    values = random.integers(0, 8, size) / 8
    place = numpy.empty(size, int)
    place[numpy.argsort(values, kind="stable")] = numpy.arange(size)
    terciles.append({"losses": values, "bucket": place * 3 // size})

# Forward 2 N, backward 4 N operations a token; the teacher runs forward alone, in stage 1 and on what it scores.
compute = []
for student, teacher, steps, kd, tokens, scored in (
        (2800000000, 1500000000, 208000, 36000, 2048 * 1280, 10**12), (115000, 15000, 600, 102, 512, 498560),
        (10, 10, 5, 5, 3, 0), (7, 3, 11, 0, 2, 1)):
    flops = 6 * student * tokens * steps + 2 * teacher * tokens * kd
    compute.append({"student": student, "teacher": teacher, "steps": steps, "kd_steps": kd, "tokens": tokens,
                    "flops": flops, "scored_tokens": scored, "flops_of_selection": flops + 2 * teacher * scored,
                    "baseline_steps": math.floor(flops / (6 * student * tokens) + 0.5)})

crossings = []
for at, curve, level in (([0, 10, 20, 30], [3.0, 2.0, 1.5, 1.4], 1.75), ([0, 10, 20, 30], [3.0, 2.0, 1.5, 1.4], 1.4),
                         ([5, 10], [2.0, 1.0], 2.5), ([0, 4, 8], [3.0, 1.0, 2.0], 2.0)):
    step = next((at[0] if i == 0 else at[i - 1] + (at[i] - at[i - 1]) * (curve[i - 1] - level) / (curve[i - 1] - curve[i])
                 for i in range(len(at)) if curve[i] <= level))
    crossings.append({"at": at, "curve": curve, "level": level, "step": step})


# Bigram world: truth p, teacher q, weights pi of the contexts.
def total_variation(p, q):
    return numpy.abs(p - q).sum(-1) / 2


def bigram(contexts, classes):
    pi = random.dirichlet(numpy.ones(contexts))
    p = random.dirichlet(numpy.full(classes, 0.7), contexts)
    q = random.dirichlet(numpy.full(classes, 0.7), contexts)
    return pi, p, q


# Mean and variance of l_omega(theta; c, x) with c ~ pi, x ~ p(. | c), by enumeration.
def loss_moments(pi, p, q, theta, omega):
    negative = -numpy.log(theta)
    values = (1 - omega) * negative + omega * (q * negative).sum(1, keepdims=True)
    joint = pi[:, None] * p
    mean = (joint * values).sum()
    return mean, (joint * (values - mean) ** 2).sum()


def mixtures(p, shares):
    return [(1 - a) * p + a / p.shape[1] for a in shares]


def risk_bound(pi, p, q, tables, omega, n, delta):
    largest = max(-math.log(t.min()) for t in tables)  # the losses lie in [0, largest]
    variance = max(loss_moments(pi, p, q, t, omega)[1] for t in tables)
    logarithm = math.log(2 * len(tables) / delta)
    bias = 2 * omega * largest * (pi * total_variation(p, q)).sum()
    return bias, 2 * (math.sqrt(2 * variance * logarithm / n) + largest * logarithm / (3 * n))


worlds = []
shares = [0.01] + [a / 10 for a in range(1, 11)]
for contexts, classes in ((3, 4), (5, 2), (1, 7)):
    pi, p, q = bigram(contexts, classes)
    cases = []
    for n, omega in ((10, 0.0), (10, 0.5), (1000, 0.667), (7, 1.0)):
        bias = (pi * ((q - p) ** 2).sum(1)).sum()
        variance = (1 - (p ** 2).sum(1)).sum() / n  # n pi_c samples of context c, weighted by pi_c
        mixed = (1 - omega) * p + omega * q
        mean, spread = loss_moments(pi, p, q, 0.9 * p + 0.1 / classes, omega)
        bounds = risk_bound(pi, p, q, mixtures(p, shares), omega, n, 0.05)
        cases.append({"n": n, "omega": omega, "one_hot": variance, "distilled": omega ** 2 * bias +
                      (1 - omega) ** 2 * variance, "bias": bias, "best_omega": variance / (bias + variance),
                      "best_risk": bias * variance / (bias + variance), "kl": (pi[:, None] * p * numpy.log(p / mixed)).sum(),
                      "loss_mean": mean, "loss_variance": spread, "bias_bound": bounds[0], "variance_bound": bounds[1]})
    worlds.append({"contexts": contexts, "classes": classes, "context": pi, "truth": p.ravel(), "teacher": q.ravel(),
                   "total_variation": (pi * total_variation(p, q)).sum(), "cases": cases})

# The file of --table: counts of (context, next), a teacher of counts or of the counts with `alpha` added to each.
counts = numpy.array([[8, 1, 1], [0, 5, 5], [2, 2, 6]])
tables = []
for teacher, alpha in ((None, 2.0), (numpy.array([[3, 1, 0], [1, 1, 1], [0, 0, 9]]), None)):
    p = counts / counts.sum(1, keepdims=True)
    q = counts + alpha if teacher is None else teacher
    q = q / q.sum(1, keepdims=True)
    pi = counts.sum(1) / counts.sum()
    rows = []
    for n in (30, 300):
        bias, variance = (pi * ((q - p) ** 2).sum(1)).sum(), (1 - (p ** 2).sum(1)).sum() / n
        best = variance / (bias + variance)
        for omega in (0.0, 0.5, 1.0):
            bounds = risk_bound(pi, p, q, mixtures(p, shares), omega, n, 0.05)
            rows.append({"n": n, "omega": omega, "one_hot": variance,
                         "distilled": omega ** 2 * bias + (1 - omega) ** 2 * variance, "bias_bound": bounds[0],
                         "variance_bound": bounds[1], "best_omega": best, "best_risk": bias * variance / (bias + variance)})
    tables.append({"counts": counts, "rows": rows} | ({"alpha": alpha} if teacher is None else {"teacher": teacher}))

values = {"losses": losses, "schedules": schedules, "areas": areas, "scores": scores, "selections": selections,
          "terciles": terciles, "compute": compute, "crossings": crossings, "worlds": worlds, "tables": tables}
recipe_values.write(__file__, values, numpy, torch)
