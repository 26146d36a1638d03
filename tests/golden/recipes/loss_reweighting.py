"""Reference values of recipes/loss_reweighting, from the formulas of arXiv 2502.06733, in f64.

A batch of losses l becomes h in [-d, d], a strategy's f(h), and weights softmax(f / r): the maximum over the simplex of
sum w f - r KL(w || uniform), which SciPy also finds without the closed form. Gradients with weights that are constants,
and with weights that are not, are PyTorch's; the toy regression is a loop over samples.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy scipy torch && /tmp/venv/bin/python loss_reweighting.py
"""
import numpy
import recipe_values
import scipy.optimize
import scipy.special
import torch

random = numpy.random.default_rng(2502)
STRATEGIES = {
    "uniform": lambda h, d: 0 * h,
    "lin_upper": lambda h, d: numpy.minimum(h + d, d),
    "quadratic": lambda h, d: 1 - h**2 / d**2,
    "extremes": lambda h, d: abs(h),
    "upper": lambda h, d: 0.5 * h + 0.5 * d,
}


def normalised(losses, d):
    spread = max(losses.max() - losses.min(), 1e-6)
    return 2 * d * losses / spread - d * (losses.max() + losses.min()) / spread


def weights_of(losses, strategy, r, d=1.0, clip=1.0):
    h = normalised(numpy.minimum(losses, numpy.quantile(losses, clip)), d)
    return scipy.special.softmax(STRATEGIES[strategy](h, d) / r)


# 1. Weights of every strategy: odd sizes, an outlier, equal losses, nearly equal ones, a batch of one.
batches = [random.gamma(2, 1, size) for size in (2, 3, 5, 7, 33)]
batches += [numpy.append(random.normal(2, 0.1, 8), 11.0), numpy.full(4, 2.5), numpy.array([3.25]),
            numpy.array([1.0, 1.0 + 2e-7, 1.0 - 3e-7]), numpy.linspace(1, 3, 5)]
cases = []
for losses in batches:
    for d, r, clip in ((1.0, 0.4, 1.0), (1.0, 1.0, 1.0), (2.0, 0.2, 1.0), (1.0, 1e6, 1.0), (1.0, 0.4, 0.9)):
        if len(losses) > 10 and (d, r) != (1.0, 0.4):
            continue
        case = {"losses": losses, "d": d, "r": r, "clip": clip,
                "h": normalised(numpy.minimum(losses, numpy.quantile(losses, clip)), d), "weights": {}}
        for strategy in STRATEGIES:
            case["weights"][strategy] = weights_of(losses, strategy, r, d, clip)
        case["effective_sample_size"] = {s: 1 / (w**2).sum() for s, w in case["weights"].items()}
        cases.append(case)

# 2. The optimum of the regularised problem, found numerically.
optima = []
for r in (0.2, 0.4, 1.0, 4.0):
    losses = random.gamma(2, 1, 5)
    for strategy in STRATEGIES:
        f = STRATEGIES[strategy](normalised(losses, 1.0), 1.0)
        found = scipy.optimize.minimize(
            lambda w: -(w * f).sum() + r * scipy.special.rel_entr(w, 1 / len(w)).sum(), numpy.full(5, 0.2),
            method="SLSQP", bounds=[(1e-12, 1)] * 5, constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
            options={"ftol": 1e-15, "maxiter": 1000})
        optima.append({"losses": losses, "strategy": strategy, "r": r, "weights": found.x})

# 3. Gradients of the logits of 5 sequences of 3 tokens, some of them without a target.
gradients = []
for strategy in STRATEGIES:
    logits = torch.tensor(random.normal(0, 1, (5, 3, 4)), requires_grad=True)
    targets = torch.tensor(random.integers(0, 4, (5, 3)))
    targets[0, 2] = targets[3, 1] = targets[3, 2] = -100
    per_token = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(5, 3)
    counts = (targets != -100).sum(1)
    losses = per_token.sum(1) / counts
    case = {"strategy": strategy, "logits": logits.detach().flatten(), "targets": targets.flatten(),
            "losses": losses.detach()}
    w = torch.tensor(weights_of(losses.detach().numpy(), strategy, 0.4))
    loss = (w * losses).sum()
    case["loss"] = loss.item()
    case["gradient"] = torch.autograd.grad(loss, logits, retain_graph=True)[0].flatten()
    # Not what the method does: with gradients through the weights.
    spread = losses.max() - losses.min()
    h = 2 * losses / spread - (losses.max() + losses.min()) / spread
    one = torch.tensor(1.0, dtype=torch.float64)
    f = {"uniform": 0 * h, "lin_upper": torch.minimum(h + 1, one), "quadratic": 1 - h**2, "extremes": h.abs(),
         "upper": 0.5 * h + 0.5}[strategy]
    case["gradient_through_weights"] = torch.autograd.grad(
        (torch.softmax(f / 0.4, 0) * losses).sum(), logits)[0].flatten()
    gradients.append(case)

# 4. The released code's loss: coefficient of each sequence's mean loss, averaged over ranks.
released = []
for ranks, local in ((1, 5), (2, 3), (4, 2)):
    tokens = random.integers(1, 9, (ranks, local))
    w = random.dirichlet(numpy.ones(ranks * local)).reshape(ranks, local)
    losses = random.gamma(2, 1, (ranks, local))
    each = [ranks * local * (w[k] * tokens[k] / tokens[k].sum() * losses[k]).sum() for k in range(ranks)]
    released.append({"ranks": ranks, "tokens": tokens.flatten(), "weights": w.flatten(), "losses": losses.flatten(),
                     "loss": numpy.mean(each),
                     "plain": numpy.mean([(tokens[k] / tokens[k].sum() * losses[k]).sum() for k in range(ranks)])})

# 5. The toy: SGD on weighted samples of a linear regression.
regressions = []
for strategy in STRATEGIES:
    x, truth = random.normal(0, 1, (30, 3)), random.normal(0, 1, 3)
    y = x @ truth + random.normal(0, 0.3, 30)
    rows = random.integers(0, 30, (12, 8))
    w = numpy.zeros(3)
    for step in range(12):
        loss = numpy.array([0.5 * (y[i] - w @ x[i])**2 for i in rows[step]])
        weight = weights_of(loss, strategy, 0.4)
        w = w - 0.1 * sum(weight[k] * (w @ x[i] - y[i]) * x[i] for k, i in enumerate(rows[step]))
    regressions.append({"strategy": strategy, "x": x.flatten(), "y": y, "rows": rows.flatten(), "w": w})

recipe_values.write(__file__, {"weights": cases, "optima": optima, "gradients": gradients, "released": released,
                               "regressions": regressions}, numpy, scipy, torch)
