"""Reference values of recipes/regmix, from the description of arXiv 2407.01492, in f64.

Trees come from scikit-learn (best-first, exact splits) and, within the f32 gradients that it has, from LightGBM, the paper's
own package. Where two features split the rows of a node alike, neither package says which it takes: such data are drawn
again. Folds of the cross-validation are rows i with i % 4 = fold.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy scipy scikit-learn lightgbm
      /tmp/venv/bin/python regmix.py
"""
import lightgbm
import numpy
import recipe_values
import scipy
import scipy.stats
import sklearn
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import Ridge

random = numpy.random.default_rng(2407)


def mixtures(rows, domains, strength=1.0):
    return random.dirichlet(numpy.full(domains, strength), rows)


# Step 1: q ~ p^0.5, the caps min(15 p, 1), and what becomes of a draw.
shares = []
for prior, epochs in (([0.113285, 0.079609, 0.003913, 0.185376, 0.617817], 15), ([1, 1, 1], 4), ([3.0, 0.5, 0.0, 1.5], 2),
                      ([7.0], 15)):
    p = numpy.array(prior) / numpy.sum(prior)
    q = p**0.5 / numpy.sum(p**0.5)
    shares.append({"prior": prior, "epochs": epochs, "q": q, "caps": numpy.minimum(epochs * p, 1)})


def on_grid(draw, minimum):
    w = numpy.where(draw < minimum, 0.0, draw)
    w = w / w.sum()
    w = numpy.round(w / minimum) * minimum
    return w / w.sum()


grids = []
for minimum in (2e-4, 0.01, 0.03):
    for domains, strength in ((17, 0.1), (7, 0.5), (7, 5.0), (2, 1.0)):
        draw = mixtures(1, domains, strength)[0]
        grids.append({"minimum": minimum, "draw": draw, "weights": on_grid(draw, minimum)})

# Sorted by the first weight, then the second, ...; a row goes if it is within 1e-5 (L1) of the last one kept.
rows = numpy.round(mixtures(12, 4), 2)
rows = numpy.vstack([rows, rows[3], rows[3] + [4e-6, -4e-6, 0, 0], rows[7] + [0, 2e-5, -2e-5, 0], rows[0][::-1]])
kept = []
for row in sorted(rows.tolist()):
    if not kept or numpy.abs(numpy.subtract(row, kept[-1])).sum() > 1e-5:
        kept.append(row)
distinct = {"rows": rows, "kept": kept}


# Step 3: losses of some mixtures, not linear in them.
def losses(x, noise):
    a = numpy.linspace(-1.5, 1.0, x.shape[1])
    return 4 + x @ a - 0.6 * numpy.sqrt(x[:, 0]) + 0.5 * x[:, 1] * x[:, 2] + noise * random.normal(size=len(x))


def ridge(x, y, queries, penalty=1e-4):
    # The intercept is free: a of the centred rows, b of the means.
    centred = x - x.mean(axis=0)
    a = numpy.linalg.solve(centred.T @ centred + penalty * numpy.eye(x.shape[1]), centred.T @ (y - y.mean()))
    predicted = y.mean() + (queries - x.mean(axis=0)) @ a
    assert numpy.allclose(predicted, Ridge(alpha=penalty).fit(x, y).predict(queries), atol=1e-8)
    return predicted


def tree_options(rows):
    # The paper's 31 leaves of at least 20 rows where there are rows enough, else 6 leaves of a twelfth of them.
    return (31, 20) if rows >= 240 else (6, max(1, rows // 12))


def trees(x, y, rounds, leaves, min_leaf, rate, order=0):
    return GradientBoostingRegressor(n_estimators=rounds, learning_rate=rate, max_depth=None, max_leaf_nodes=leaves,
                                     min_samples_leaf=min_leaf, random_state=order).fit(x, y)


def cv_errors(x, y, rounds, leaves, min_leaf, rate, order=0, folds=4):
    error = numpy.zeros(rounds)
    for fold in range(folds):
        out = numpy.arange(len(y)) % folds == fold
        model = trees(x[~out], y[~out], rounds, leaves, min_leaf, rate, order)
        for m, predicted in enumerate(model.staged_predict(x[out])):
            error[m] += numpy.sum((predicted - y[out]) ** 2) / len(y)
    return error


def float32(x):  # scikit-learn's trees store thresholds and rows in f32: numbers that are the same in both
    return numpy.round(x * 4096) / 4096


def fit(count, domains, noise, validated):
    leaves, min_leaf = tree_options(count)
    while True:
        x, queries = float32(mixtures(count, domains, 0.7)), float32(mixtures(9, domains, 0.7))
        y = numpy.round(losses(x, noise), 6)
        case = {"x": x, "y": y, "queries": queries, "domains": domains, "ridge": ridge(x, y, queries), "rounds": 40}
        if validated:
            error, other = (cv_errors(x, y, 60, leaves, min_leaf, 0.05, order) for order in (0, 1))
            if numpy.abs(error - other).max() > 1e-13:
                continue
            case |= {"cv": error[[0, 9, 59]], "rounds": int(numpy.argmin(error)) + 1}
        predicted = [trees(x, y, case["rounds"], leaves, min_leaf, 0.05, order).predict(queries) for order in range(3)]
        model = lightgbm.LGBMRegressor(n_estimators=case["rounds"], learning_rate=0.05, num_leaves=leaves, num_threads=1,
                                       min_child_samples=min_leaf, min_child_weight=0, min_data_in_bin=1, max_bin=1000,
                                       verbosity=-1).fit(x, y)
        if max(numpy.abs(p - predicted[0]).max() for p in predicted[1:] + [model.predict(queries)]) < 1e-5:
            return case | {"trees": predicted[0]}


# Cross-validated are those with leaves so large that ties are rare.
fits = [fit(48, 7, 0.01, False), fit(25, 5, 0.4, False), fit(60, 17, 0.0, False), fit(130, 4, 0.3, True),
        fit(240, 4, 0.2, True)]

# Step 4: the mean of the k candidates of the lowest predicted losses.
candidates = mixtures(40, 5)
predicted = losses(candidates, 0.0)
order = numpy.argsort(predicted)
simulated = {"candidates": candidates, "predicted": predicted,
             "best": [{"k": k, "weights": candidates[order[:k]].mean(axis=0)} for k in (1, 2, 7, 40)]}

# 6 operations a weight and token; scores and values of attention: 2 products forward, 4 backward, of 2 T d each.
flops = [{"weights": n, "layers": layers, "hidden": d, "length": t, "tokens": tokens,
          "flops": 6.0 * n * tokens + layers * tokens * (2 + 4) * 2.0 * t * d}
         for n, layers, d, t, tokens in ((1000, 1, 8, 4, 10), (1_100_048_384, 22, 2048, 2048, 25_000_000_000))]


# The published files, small: indices in another order, more rows in one file than in the other, a domain without losses.
def csv(header, indices, values):
    lines = [",".join(["index"] + header)]
    lines += [",".join([str(i)] + [repr(float(v)) for v in row]) for i, row in zip(indices, values)]
    return "\n".join(lines) + "\n"


domains = ["pile_cc", "github", "enron_emails"]
targets = ["github", "pile_cc"]
weight_columns = [f"train_the_pile_{d}" for d in domains]
loss_columns = [f"metric/the_pile_{d}_val_loss" for d in targets]
SETS = ("1m", "1B")


def publish():
    files, tables = {}, {}
    for name, count in (("train_1m", 98), ("test_1m", 14), ("test_1B", 10)):
        x = float32(mixtures(count, len(domains), 0.8))
        y = numpy.stack([3 + 2 * x[:, 0] + x[:, 1] ** 2, losses(x, 0.02)], axis=1)
        y = numpy.round(y - (1.5 if name.endswith("B") else 0), 6)
        kind, size = name.split("_")
        indices = numpy.arange(1, count + 1)
        files[f"{kind}_mixture_{size}.csv"] = csv(weight_columns, indices, x)
        shuffled = random.permutation(count)[: count - 2]  # two mixtures have none
        files[f"{kind}_pile_loss_{size}.csv"] = csv(loss_columns, indices[shuffled], y[shuffled])
        both = numpy.sort(shuffled)
        tables[name] = (x[both], y[both])
    spearman = {}
    x, y = tables["train_1m"]
    for j, target in enumerate(targets):
        def rho(model):
            return {s: scipy.stats.spearmanr(model(tables[f"test_{s}"][0]), tables[f"test_{s}"][1][:, j])[0] for s in SETS}

        leaves, min_leaf = tree_options(len(x))
        best, *others = (int(numpy.argmin(cv_errors(x, y[:, j], 300, leaves, min_leaf, 0.05, order))) + 1
                         for order in range(2))
        boosted = [rho(trees(x, y[:, j], best, leaves, min_leaf, 0.05, order).predict) for order in range(2)]
        if any(b != boosted[0] for b in boosted) or any(other != best for other in others):
            return None
        spearman[target] = {"linear": rho(lambda queries: ridge(x, y[:, j], queries)), "trees": boosted[0]}
    return {"files": files, "spearman": spearman}


published = None
while published is None:
    published = publish()

recipe_values.write(__file__, {"shares": shares, "grids": grids, "distinct": distinct, "fits": fits, "simulated": simulated,
                               "flops": flops, "published": published}, numpy, scipy, sklearn, lightgbm)
