"""Reference values of recipes/icl_uncertainty, from the formulas of arXiv 2405.15115's setting, in f64.

Every posterior is computed from its definition, by dense matrices of all pairs at once: N(y; X m, X S X' + s^2 I) is the
evidence, and the prediction is that of the joint Gaussian of seen and next label. The tied prior is integrated over w_1
by Gauss-Legendre panels, the inverse-gamma prior is held to SciPy's quadrature over sigma^2. Nothing is updated pair by
pair, and no truncated normal has a closed form here.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy scipy && /tmp/venv/bin/python icl_uncertainty.py
"""
import numpy
import recipe_values
import scipy
from scipy import integrate, linalg, special, stats

random = numpy.random.default_rng(2405)


# Joint Gaussian of the labels: log density of the seen ones, mean and variance of the next.
def gaussian(x, y, query, mean, covariance, variance):
    k = len(y)
    seen = x @ covariance @ x.T + variance * numpy.eye(k)
    evidence = stats.multivariate_normal(x @ mean, seen).logpdf(y) if k else 0.0
    cross = x @ covariance @ query
    gain = linalg.solve(seen, cross, assume_a="pos") if k else numpy.zeros(0)
    return (evidence, query @ mean + gain @ (y - x @ mean), query @ covariance @ query + variance - gain @ cross)


# Mean and variance of a mixture; weights from logarithms.
def mixed(log_weights, means, variances):
    g = special.softmax(numpy.array(log_weights))
    mean = (g * means).sum()
    return mean, (g * (variances + (means - mean) ** 2)).sum()


def discrete(x, y, query, sigmas, scale=1.0):
    d = len(query)
    parts = numpy.array([gaussian(x, y, query, numpy.zeros(d), scale ** 2 * numpy.eye(d), s ** 2) for s in sigmas])
    return mixed(parts[:, 0], parts[:, 1], parts[:, 2])


# sigma^2 ~ IG(a, b), w | sigma ~ N(0, sigma^2 I): mean and variance of the Student-t.
def inverse_gamma(x, y, query, a, b):
    k, d = x.shape
    precision = numpy.eye(d) + x.T @ x
    m = linalg.solve(precision, x.T @ y)
    shape, rate = a + k / 2, b + (y @ y - m @ precision @ m) / 2
    return query @ m, rate / (shape - 1) * (1 + query @ linalg.solve(precision, query))


# The same by quadrature over u = log sigma^2.
def inverse_gamma_quadrature(x, y, query, a, b):
    k, d = x.shape
    squares = y @ linalg.solve(numpy.eye(k) + x @ x.T, y) if k else 0.0

    def log_weight(u):  # up to a constant; the last u is that of the change of variables
        return -(a + 1) * u - b * numpy.exp(-u) - k / 2 * u - squares / 2 * numpy.exp(-u) + u

    _, m, unit = gaussian(x, y, query, numpy.zeros(d), numpy.eye(d), 1.0)
    top = log_weight(numpy.linspace(-8, 10, 500)).max()
    total = [sum(integrate.quad(lambda u, p=p: numpy.exp(log_weight(u) - top + p * u), low, low + 4, epsabs=0)[0]
                 for low in range(-12, 72, 4)) for p in (0, 1)]
    return m, total[1] / total[0] * unit


def pooled(x, y, query, weights, sigmas):
    log_weights = [stats.norm(x @ w, s).logpdf(y).sum() for w, s in zip(weights, sigmas)]
    return mixed(log_weights, weights @ query, sigmas ** 2)


nodes, node_weights = numpy.polynomial.legendre.leggauss(60)
edges = numpy.linspace(0, 9, 91)


# w ~ N(0, I), sigma = plus where w_1 > 0 and minus elsewhere: the other weights are Gaussian given w_1.
def tied(x, y, query, plus, minus):
    d = len(query)
    log_weights, means, variances = [], [], []
    for sign, sigma in ((1, plus), (-1, minus)):
        for low, high in zip(edges[:-1], edges[1:]):
            for node, weight in zip(nodes, node_weights):
                w1 = sign * ((high - low) / 2 * node + (high + low) / 2)
                evidence, mean, variance = gaussian(x[:, 1:], y - w1 * x[:, 0], query[1:], numpy.zeros(d - 1),
                                                    numpy.eye(d - 1), sigma ** 2)
                log_weights.append(evidence + stats.norm.logpdf(w1) + numpy.log(weight * (high - low) / 2))
                means.append(mean + w1 * query[0])
                variances.append(variance)
    return mixed(log_weights, numpy.array(means), numpy.array(variances))


def tied_fast(x, y, query, plus, minus):
    """The same, where what does not depend on w_1 is computed once."""
    k = len(y)
    half = (edges[1:] - edges[:-1])[:, None] / 2
    points = (half * nodes + (edges[1:] + edges[:-1])[:, None] / 2).ravel()
    log_measure = numpy.log((half * node_weights).ravel())
    log_weights, means, variances = [], [], []
    rest, next_rest = x[:, 1:], query[1:]
    for sign, sigma in ((1, plus), (-1, minus)):
        seen = rest @ rest.T + sigma ** 2 * numpy.eye(k)
        w1 = sign * points
        residual = y[None, :] - w1[:, None] * x[None, :, 0]
        gain = linalg.solve(seen, rest @ next_rest) if k else numpy.zeros(0)
        solved = linalg.solve(seen, residual.T).T if k else residual
        log_weights.append(-0.5 * ((residual * solved).sum(1) + (numpy.linalg.slogdet(seen)[1] if k else 0.0)) +
                           stats.norm.logpdf(w1) + log_measure)
        means.append(residual @ gain + w1 * query[0])
        variances.append(numpy.full(len(w1), next_rest @ next_rest + sigma ** 2 - gain @ (rest @ next_rest)))
    return mixed(numpy.concatenate(log_weights), numpy.concatenate(means), numpy.concatenate(variances))


# Least squares with the classical variance of a prediction; ridge with the squared leave-one-out residual, each of
# them from a fit without that pair. Of several penalties the one with the smallest; of one pair all have the same.
def ols(x, y, query):
    k, d = x.shape
    w = linalg.lstsq(x, y)[0]
    s2 = ((y - x @ w) ** 2).sum() / (k - d)
    return w @ query, s2 * (1 + query @ linalg.solve(x.T @ x, query))


def ridge(x, y, query, penalties):
    k, d = x.shape

    def fit(a, b, penalty):
        return linalg.solve(a.T @ a + penalty * numpy.eye(d), a.T @ b)

    left_out = [numpy.mean([(y[i] - x[i] @ fit(numpy.delete(x, i, 0), numpy.delete(y, i), p)) ** 2 for i in range(k)])
                for p in penalties]
    best = int(numpy.argmin(left_out))
    return fit(x, y, penalties[best]) @ query, left_out[best]


def prompt(d, t, sigma=None, w=None):
    w = random.normal(size=d) if w is None else w
    sigma = random.uniform(0.2, 2) if sigma is None else sigma
    x = random.normal(size=(t, d))
    return x, x @ w + sigma * random.normal(size=t)


# Predictions of each label from the pairs before it, from position `first` on.
def along(x, y, predict, first=0):
    return numpy.array([predict(x[:t], y[:t], x[t]) for t in range(first, len(y))])


def case(x, y, predictions, **more):
    return {"dimension": x.shape[1], "x": x.ravel(), "y": y, "mean": predictions[:, 0],
            "variance": predictions[:, 1]} | more


linear = []
for d, t in ((1, 3), (2, 6), (3, 7), (5, 9)):
    root = random.normal(size=(d, d + 1))
    mean, covariance, variance = random.normal(size=d), root @ root.T / d, random.uniform(0.1, 3)
    x, y = prompt(d, t)
    linear.append(case(x, y, along(x, y, lambda a, b, q: gaussian(a, b, q, mean, covariance, variance)[1:]),
                       prior_mean=mean, prior_covariance=covariance.ravel(), noise=variance,
                       evidence=gaussian(x, y, x[0], mean, covariance, variance)[0]))

discretes = []
for d, t, sigmas, scale in ((2, 12, (0.3, 0.8, 2.0), 1.0), (3, 8, (0.5,), 1.0), (1, 5, (0.1, 4.0), 1.0),
                            (2, 9, (0.3, 0.8, 2.0), 3.0), (8, 11, tuple(numpy.geomspace(0.2, 2, 8)), 1.0)):
    x, y = prompt(d, t, sigma=sigmas[0])
    discretes.append(case(x, y, along(x, y, lambda a, b, q: discrete(a, b, q, sigmas, scale)), sigmas=sigmas, scale=scale))

conjugates = []
for d, t, a, b in ((2, 7, 2.0, 1.0), (1, 4, 3.5, 0.4), (4, 9, 1.5, 2.0)):
    x, y = prompt(d, t)
    values = along(x, y, lambda p, q, r: inverse_gamma(p, q, r, a, b))
    for i in (0, t - 1):
        mean, variance = inverse_gamma_quadrature(x[:i], y[:i], x[i], a, b)
        assert abs(mean - values[i, 0]) < 1e-8 and abs(variance / values[i, 1] - 1) < 1e-6, (values[i], mean, variance)
    conjugates.append(case(x, y, values, a=a, b=b))

pools = []
for d, t, n in ((2, 12, 8), (3, 5, 1), (2, 6, 40)):
    weights, sigmas = random.normal(size=(n, d)), random.uniform(0.2, 2, size=n)
    x, y = prompt(d, t, sigmas[0], weights[0])
    pools.append(case(x, y, along(x, y, lambda a, b, q: pooled(a, b, q, weights, sigmas)), weights=weights.ravel(),
                      sigmas=sigmas))

# Kept and exchanged pairs, near and far from w_1 = 0, prompts of one weight and of three.
ties = []
for w, sigma, plus, minus, t in (((0.9, -0.4), 0.2, 0.2, 1.6, 12), ((0.9, -0.4), 1.6, 0.2, 1.6, 12),
                                 ((-1.1, 0.7), 1.6, 0.2, 1.6, 12), ((-1.1, 0.7), 0.2, 0.2, 1.6, 12),
                                 ((0.05, 1.5), 0.2, 0.2, 1.6, 6), ((-2.0,), 0.2, 0.2, 1.6, 8),
                                 ((2.2, 0.3, -1.0), 1.6, 0.4, 1.6, 9)):
    x, y = prompt(len(w), t, sigma, numpy.array(w))
    ties.append(case(x, y, along(x, y, lambda a, b, q: tied_fast(a, b, q, plus, minus)), plus=plus, minus=minus))
x, y = prompt(2, 3, 0.2, numpy.array([0.5, 0.5]))
assert numpy.allclose(tied(x[:2], y[:2], x[2], 0.2, 1.6), tied_fast(x[:2], y[:2], x[2], 0.2, 1.6), rtol=1e-12)

prior_free = []
for d, t in ((2, 12), (1, 6), (3, 9)):
    x, y = prompt(d, t)
    prior_free.append(case(x, y, along(x, y, ols, d + 1),
                           ridge=along(x, y, lambda a, b, q: ridge(a, b, q, [1.0]), 1).ravel(),
                           chosen=along(x, y, lambda a, b, q: ridge(a, b, q, [0.01, 0.1, 1.0, 10.0]), 2).ravel()))

# Prompts as tokens: [x_t ; x_(t-1) ; y_(t-1) ; first], and x and y in turn, y in coordinate 1.
formats = []
for d, t in ((2, 4), (1, 3), (3, 1)):
    x, y = prompt(d, t)
    before_x, before_y = numpy.vstack([numpy.zeros((1, d)), x[:-1]]), numpy.concatenate([[0], y[:-1]])
    first = (numpy.arange(t) == 0).astype(float)
    turns = numpy.zeros((2 * t, d))
    turns[0::2], turns[1::2, 0] = x, y
    formats.append({"dimension": d, "x": x.ravel(), "y": y, "alternating": turns.ravel(),
                    "paired": numpy.column_stack([x, before_x, before_y, first]).ravel()})

# The density loss, its derivatives, calibration.
losses = []
for _ in range(5):
    y, mean, sigma = random.normal(), random.normal(), random.uniform(0.1, 3)
    losses.append({"y": y, "mean": mean, "sigma": sigma,
                   "loss": -stats.norm(mean, sigma).logpdf(y) - numpy.log(2 * numpy.pi) / 2,
                   "by_mean": (mean - y) / sigma ** 2, "by_sigma": 1 / sigma - (y - mean) ** 2 / sigma ** 3})
z = random.normal(0.2, 1.3, size=57)
levels = numpy.arange(1, 20) / 20
calibration = {"z": z, "coverage": numpy.mean(numpy.abs(z) <= 1.96),
               "error": numpy.mean([abs(numpy.mean(stats.norm.cdf(z) <= p) - p) for p in levels])}

recipe_values.write(__file__, {"linear": linear, "discrete": discretes, "inverse_gamma": conjugates, "pool": pools,
                               "tied": ties, "prior_free": prior_free, "formats": formats, "losses": losses,
                               "calibration": calibration}, numpy, scipy)
