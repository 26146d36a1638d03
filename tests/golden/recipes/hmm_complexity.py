"""Reference values of recipes/hmm_complexity (arXiv 2410.00699), in f64, each by another road than a recursion:

Kalman filter: the hidden states and words of a sequence are jointly Gaussian, so that the filtered mean is that of the
last state given the words, from the joint covariance. Forward algorithm: every path of hidden states is enumerated.
Heads: NumPy's pseudoinverse, scikit-learn's ridge, refits without each row, plain loops of gradient descent.
Risks: the formulas of the specification written out once more, and the same expectation by random matrices.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy scipy scikit-learn && /tmp/venv/bin/python hmm_complexity.py
"""
import itertools

import numpy
import recipe_values
import scipy
import scipy.linalg
import sklearn
from sklearn.linear_model import Ridge

random = numpy.random.default_rng(241000699)
inf = float("inf")


# --- risks -----------------------------------------------------------------------------------------------------------
def risk(n, p, inside, rest):
    """Isotropic Gaussian features of which p are seen; rest = omitted signal + noise, which acts as noise."""
    if p == 0:
        return rest
    if p <= n - 2:
        return rest * (1 + p / (n - p - 1))
    if p <= n + 1:
        return inf
    return inside * (1 - n / p) + rest * (1 + n / (p - n - 1))


def random_risk(n, d, p, signal, noise):
    return risk(n, p, signal * p / d, signal * (1 - p / d) + noise)


def simulated(n, d, p, signal, noise, draws):
    """Mean of the exact risk |beta - head|^2 + noise over draws of features and labels, with its standard error."""
    beta = random.standard_normal(d)
    beta *= (signal ** 0.5) / numpy.linalg.norm(beta)
    risks = []
    for _ in range(draws):
        seen = random.permutation(d)[:p]
        x = random.standard_normal((n, d))
        y = x @ beta + noise ** 0.5 * random.standard_normal(n)
        head = numpy.zeros(d)
        head[seen] = numpy.linalg.pinv(x[:, seen]) @ y
        risks.append(((beta - head) ** 2).sum() + noise)
    return numpy.mean(risks), numpy.std(risks, ddof=1) / draws ** 0.5


risks = [{"n": n, "D": d, "p": p, "signal": s, "noise": v, "risk": random_risk(n, d, p, s, v)}
         for n, d, s, v in ((20, 60, 1, 0.25), (60, 10, 1, 0.1), (60, 200, 1, 0.25), (60, 200, 1, 2), (7, 9, 0.3, 0))
         for p in sorted({0, 1, 5, n - 2, n - 1, n, n + 1, n + 2, n + 3, d}) if 0 <= p <= d]
subsets = [{"n": n, "p": p, "inside": i, "outside": o, "noise": v, "risk": risk(n, p, i, o + v)}
           for n, p, i, o, v in ((48, 4, 0.7, 0.3, 0.25), (48, 100, 0.7, 0.3, 0.25), (10, 13, 1, 0, 0.1))]
monte_carlo = []
for p in (5, 12, 40, 60):
    mean, error = simulated(20, 60, p, 1, 0.25, 4000)
    monte_carlo.append({"n": 20, "D": 60, "p": p, "signal": 1, "noise": 0.25, "mean": mean, "error": error})
limits = [{"gamma": g, "signal": s, "noise": v,
           "excess": v * g / (1 - g) if g < 1 else s * (1 - 1 / g) + v / (g - 1)}
          for g, s, v in ((0.1, 1, 0.25), (0.5, 2, 0.25), (0.95, 1, 1), (1.05, 1, 1), (2, 1, 0.25), (30, 1.5, 0.25))]
slopes = [{"n": n, "D": d, "signal": s, "noise": v,
           "rises": int(all(numpy.diff([random_risk(n, d, p, s, v) for p in range(min(n - 2, d) + 1)]) > 0)),
           "falls_at_zero": int(random_risk(n, d, 1, s, v) < random_risk(n, d, 0, s, v))}
          for n, d, s, v in ((20, 60, 1, 0.25), (60, 10, 1, 0.1), (60, 200, 1, 0.25), (60, 30, 1, 0.25), (60, 59, 1, 0.0))]

# --- linear-Gaussian HMM ----------------------------------------------------------------------------------------------
filters = []
for d, m, length, rho, tau in ((3, 2, 4, 0.9, 0.3), (2, 5, 4, 0.5, 1.0), (1, 1, 6, 0.99, 0.1), (4, 4, 1, 0.3, 0.2)):
    a = rho * numpy.linalg.qr(random.standard_normal((d, d)))[0]
    q = numpy.eye(d) * (1 - rho ** 2)
    w = random.standard_normal((m, d))
    x = random.standard_normal((length, m))
    # Cov(z_s, z_t) = Cov(z_s, z_s) (A^T)^(t - s) for s <= t, with Cov(z_1, z_1) = I.
    variances = [numpy.eye(d)]
    for _ in range(length - 1):
        variances.append(a @ variances[-1] @ a.T + q)
    z_cov = numpy.zeros((length * d, length * d))
    for s in range(length):
        for t in range(s, length):
            block = variances[s] @ numpy.linalg.matrix_power(a.T, t - s)
            z_cov[s * d:(s + 1) * d, t * d:(t + 1) * d] = block
            z_cov[t * d:(t + 1) * d, s * d:(s + 1) * d] = block.T
    words = numpy.kron(numpy.eye(length), w)
    means, last = [], None
    for t in range(1, length + 1):
        seen = words[:t * m]
        x_cov = seen @ z_cov @ seen.T + tau ** 2 * numpy.eye(t * m)
        cross = z_cov[(t - 1) * d:t * d] @ seen.T
        means.append(cross @ numpy.linalg.solve(x_cov, x[:t].ravel()))
        last = variances[t - 1] - cross @ numpy.linalg.solve(x_cov, cross.T)
    filters.append({"D": d, "m": m, "L": length, "rho": rho, "tau": tau, "A": a.ravel(), "W": w.ravel(),
                    "x": x.ravel(), "means": numpy.ravel(means), "P": last.ravel(),
                    "next_word": w @ a @ means[-1]})

# --- discrete HMM -----------------------------------------------------------------------------------------------------
forwards = []
for h, v, length in ((3, 4, 4), (2, 2, 7), (1, 3, 2), (5, 3, 1)):
    start, transition, emission = (random.dirichlet(numpy.ones(k), size) for k, size in ((h, None), (h, h), (v, h)))
    words = random.integers(0, v, length)
    filtered = []
    for t in range(1, length + 1):
        mass = numpy.zeros(h)
        for path in itertools.product(range(h), repeat=t):
            weight = start[path[0]] * emission[path[0], words[0]]
            for i in range(1, t):
                weight *= transition[path[i - 1], path[i]] * emission[path[i], words[i]]
            mass[path[-1]] += weight
        filtered.append(mass / mass.sum())
    forwards.append({"H": h, "V": v, "initial": start, "transition": transition.ravel(), "emission": emission.ravel(),
                     "words": words, "filtered": numpy.ravel(filtered), "log_likelihood": numpy.log(mass.sum()),
                     "next_word": emission.T @ transition.T @ filtered[-1]})

# --- heads ------------------------------------------------------------------------------------------------------------
def loo_error(x, y, penalty):
    total = 0
    for i in range(len(x)):
        rest = numpy.arange(len(x)) != i
        fit = Ridge(alpha=penalty, fit_intercept=False, solver="cholesky").fit(x[rest], y[rest])
        total += ((y[i] - fit.predict(x[i:i + 1])[0]) ** 2).sum()
    return total / len(x)


heads = []
for n, p, q in ((9, 4, 2), (5, 11, 3), (6, 6, 1), (7, 1, 1)):
    x, y = random.standard_normal((n, p)), random.standard_normal((n, q))
    penalties = (x ** 2).sum() / min(n, p) * 10.0 ** numpy.arange(-4, 2.5, 0.5)
    errors = [loo_error(x, y, penalty) for penalty in penalties]
    best = int(numpy.argmin(errors))
    rate = 1 / numpy.linalg.eigvalsh(x.T @ x)[-1]
    descent = numpy.zeros((p, q))
    for _ in range(50):
        descent -= rate * x.T @ (x @ descent - y)
    power = numpy.linalg.svd(x, compute_uv=False) ** 2
    share = power / power.sum()
    heads.append({"n": n, "p": p, "q": q, "x": x.ravel(), "y": y.ravel(), "head": (numpy.linalg.pinv(x) @ y).ravel(),
                  "penalties": penalties, "errors": errors, "best": best,
                  "ridge": Ridge(alpha=penalties[best], fit_intercept=False, solver="cholesky").fit(x, y)
                  .coef_.reshape(q, p).T.ravel(),
                  "descent": descent.ravel(), "rank": numpy.exp(-(share * numpy.log(share)).sum())})

c = random.standard_normal((4, 4))
c = c @ c.T + numpy.eye(4)
whitening = {"C": c.ravel(), "inverse_root": scipy.linalg.fractional_matrix_power(c, -0.5).ravel(),
             "root": scipy.linalg.sqrtm(c).ravel()}

# Mean and spread over labelled sets: predictions [sets, rows, q] of one target.
predictions, target = random.standard_normal((6, 5, 2)) + 0.7, random.standard_normal((5, 2))
spread = predictions.var(0, ddof=1).sum(-1).mean()
parts = {"sets": 6, "rows": 5, "q": 2, "predictions": predictions.ravel(), "target": target.ravel(), "variance": spread,
         "bias2": ((predictions.mean(0) - target) ** 2).sum(-1).mean() - spread / 6,
         "error": ((predictions - target) ** 2).sum(-1).mean()}

recipe_values.write(__file__, {"risks": risks, "subsets": subsets, "monte_carlo": monte_carlo, "limits": limits,
                               "slopes": slopes, "filters": filters, "forwards": forwards, "heads": heads,
                               "whitening": whitening, "parts": parts}, numpy, scipy, sklearn)
