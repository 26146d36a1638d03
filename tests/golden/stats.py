"""Reference values of recipes/kit/stats, made with SciPy, statsmodels and scikit-learn.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install scipy statsmodels scikit-learn
      /tmp/venv/bin/python stats.py
Writes stats.h next to this file. Data are seeded and rounded, so that ties occur and the header holds them exactly.
"""
import os
import sys

import numpy as np
import scipy
import sklearn
import statsmodels
from scipy import stats

HERE = os.path.dirname(os.path.abspath(__file__))
lines = []


def emit(name, values, comment=""):
    values = np.asarray(values, dtype=float)
    text = ", ".join("NAN" if np.isnan(v) else repr(float(v)) for v in values.ravel())
    if comment:
        lines.append(f"// {comment}")
    if values.ndim == 0:
        lines.append(f"inline constexpr double {name} = {text};")
    else:
        lines.append(f"inline constexpr double {name}[] = {{{text}}};")


def correlations():
    rng = np.random.default_rng(1)
    x = np.round(rng.normal(size=40), 3)
    y = np.round(0.5 * x + rng.normal(size=40), 3)
    tx, ty = np.round(x), np.round(2 * y) / 2
    sx, sy = x[:9], y[:9]
    emit("kCorrX", x)
    emit("kCorrY", y)
    for name, a, b in (("Long", x, y), ("Tied", tx, ty), ("Short", sx, sy)):
        rows = [stats.pearsonr(a, b), stats.spearmanr(a, b), stats.kendalltau(a, b)]
        emit(f"kCorr{name}", [[r.statistic, r.pvalue] for r in rows],
             "Pearson, Spearman, Kendall: coefficient, p-value. Tied: x to integers, y to halves. Short: first 9.")


def intervals():
    rng = np.random.default_rng(2)
    a = np.round(rng.normal(3, 1, size=7), 3)
    b = np.round(rng.normal(2.5, 2, size=7), 3)
    c = np.round(rng.normal(2, 3, size=11), 3)
    emit("kIntervalA", a)
    emit("kIntervalB", b)
    emit("kIntervalC", c)
    emit("kStudent", stats.t.interval(0.95, 6, a.mean(), stats.sem(a)))
    emit("kPaired", stats.t.interval(0.99, 6, (a - b).mean(), stats.sem(a - b)))
    welch = stats.ttest_ind(a, c, equal_var=False)
    emit("kWelch", list(welch.confidence_interval(0.9)) + [welch.statistic, welch.pvalue])
    rows = [(0, 10), (3, 10), (10, 10), (47, 120), (1, 1)]
    emit("kWilson", [list(stats.binomtest(k, n).proportion_ci(0.95, "wilson")) for k, n in rows],
         "successes / trials: 0/10, 3/10, 10/10, 47/120, 1/1")


def distributions():
    emit("kNormalQuantile", stats.norm.ppf([1e-12, 0.025, 0.5, 0.9, 0.999999]), "p: 1e-12, 0.025, 0.5, 0.9, 0.999999")
    emit("kStudentQuantile", [stats.t.ppf(p, d) for p in (1e-6, 0.3, 0.975) for d in (1, 2.5, 30, 1e6)],
         "p in (1e-6, 0.3, 0.975), degrees in (1, 2.5, 30, 1e6)")
    emit("kStudentTwoSided", [2 * stats.t.sf(t, d) for t in (0.1, 2, 40) for d in (1, 2.5, 30, 1e6)],
         "t in (0.1, 2, 40), degrees in (1, 2.5, 30, 1e6)")
    emit("kFUpper", [stats.f.sf(f, a, b) for f in (0.2, 3, 50) for a, b in ((1, 10), (4, 3), (20, 200))],
         "f in (0.2, 3, 50), degrees in (1,10), (4,3), (20,200)")
    emit("kChiSquareUpper", [stats.chi2.sf(x, d) for x in (0.1, 5, 200) for d in (1, 4.5, 60)],
         "x in (0.1, 5, 200), degrees in (1, 4.5, 60)")
    emit("kBinomial", [f for k, n, p in ((3, 10, 0.4), (0, 7, 0.2), (55, 100, 0.5), (7, 7, 0.9))
                       for f in (stats.binom.cdf(k, n, p), stats.binom.sf(k - 1, n, p), stats.binom.pmf(k, n, p))],
         "lower, upper, pmf of (3,10,0.4), (0,7,0.2), (55,100,0.5), (7,7,0.9)")


def least_squares():
    from scipy.optimize import nnls
    from sklearn import metrics
    rng = np.random.default_rng(3)
    a = np.round(rng.normal(size=(12, 5)), 3)
    b = np.round(a @ np.array([1.0, -2.0, 0.5, 0.0, 3.0]) + rng.normal(size=12), 3)
    emit("kNnlsA", a, "row-major [12, 5]")
    emit("kNnlsB", b)
    emit("kNnlsX", nnls(a, b)[0])
    truth = np.round(rng.uniform(1, 3, size=15), 3)
    predicted = np.round(truth + 0.2 * rng.normal(size=15), 3)
    emit("kTruth", truth)
    emit("kPredicted", predicted)
    emit("kRegression", [metrics.r2_score(truth, predicted),
                         metrics.mean_absolute_percentage_error(truth, predicted),
                         np.mean((predicted - truth) / truth), metrics.mean_squared_error(truth, predicted)],
         "R^2, MAPE, mean relative error, mean squared error")


def linear_models():
    import statsmodels.api as sm
    from sklearn.linear_model import Ridge
    rng = np.random.default_rng(4)
    x = np.round(rng.normal(size=(25, 3)), 3)
    y = np.round(2 + x @ np.array([0.7, 0.0, -1.2]) + rng.normal(size=25), 3)
    emit("kOlsX", x, "row-major [25, 3]")
    emit("kOlsY", y)
    for name, design in (("kOls", sm.add_constant(x)), ("kOlsPlain", x)):
        fit = sm.OLS(y, design).fit()
        emit(name, np.c_[fit.params, fit.bse, fit.tvalues, fit.pvalues, fit.conf_int(0.05)],
             "per coefficient: value, standard error, t, p, low, high")
        emit(name + "Model", [fit.rsquared, fit.rsquared_adj, fit.fvalue, fit.f_pvalue, fit.ssr],
             "R^2, adjusted R^2, F, p, residual sum")
    small = sm.OLS(y, sm.add_constant(x[:, :1])).fit()
    emit("kNestedF", sm.OLS(y, sm.add_constant(x)).fit().compare_f_test(small)[:2], "all three against the first: F, p")
    for name, flag in (("kRidge", True), ("kRidgePlain", False)):
        fit = Ridge(alpha=2.5, fit_intercept=flag, solver="cholesky").fit(x, y)
        emit(name, [fit.intercept_, *fit.coef_], "penalty 2.5: intercept, weights")


def resampling():
    rng = np.random.default_rng(5)
    d = np.round(rng.normal(0.4, 1, size=11), 2)
    a = np.round(rng.normal(0.0, 1, size=7), 2)
    b = np.round(rng.normal(1.0, 1, size=9), 2)
    emit("kFlip", d)
    emit("kPermA", a)
    emit("kPermB", b)
    emit("kFlipTest", [d.mean(), stats.permutation_test((d,), np.mean, permutation_type="samples",
                                                        n_resamples=np.inf).pvalue], "mean, exact p")
    mean_difference = lambda u, v: np.mean(u) - np.mean(v)
    exact = stats.permutation_test((a, b), mean_difference, n_resamples=np.inf)
    emit("kPermTest", [exact.statistic, exact.pvalue], "mean a - mean b, exact p")


def hypothesis_tests():
    from statsmodels.stats.contingency_tables import mcnemar
    from statsmodels.stats.multitest import multipletests
    rng = np.random.default_rng(6)
    d = np.round(rng.normal(0.4, 1, size=18), 3)
    tied = np.round(2 * np.append(d, [0, 0, 0.1])) / 2
    long = np.round(rng.normal(0.1, 1, size=80), 3)
    rows = [stats.wilcoxon(d, method="exact"), stats.wilcoxon(tied, method="asymptotic", correction=False),
            stats.wilcoxon(long, method="asymptotic", correction=False)]
    emit("kWilcoxonX", d)
    emit("kWilcoxonLong", long)
    emit("kWilcoxon", [[r.statistic, r.pvalue] for r in rows],
         "as is (exact); with 0, 0, 0.1 appended, to halves; the long sample")
    short = tied[:9]
    emit("kWilcoxonShort", short)
    r = stats.wilcoxon(short[short != 0])
    emit("kWilcoxonShortTest", [r.statistic, r.pvalue], "ties, at most 13: exact by SciPy's own choice")
    wide = np.round(np.random.default_rng(7).normal(0.25, 2, size=51), 4)
    halves = np.copysign(np.maximum(0.5, np.round(2 * np.abs(wide)) / 2), wide)
    emit("kWilcoxonLimitX", wide)
    rows = [stats.wilcoxon(x) for x in (wide[:50], wide, halves[:13], halves[:14], halves[:50], halves)]
    emit("kWilcoxonLimit", [[r.statistic, r.pvalue] for r in rows],
         "method by SciPy: first 50, all 51 as they are; first 13, 14, 50, all 51 as halves of 0.5 and up, tied")
    a, b = np.round(rng.normal(0, 1, size=14), 1), np.round(rng.normal(0.7, 1.4, size=19), 1)
    emit("kTwoA", a)
    emit("kTwoB", b)
    u = stats.mannwhitneyu(a, b, method="asymptotic", use_continuity=True)
    welch = stats.ttest_ind(a, b, equal_var=False)
    emit("kMannWhitney", [u.statistic, u.pvalue])
    emit("kWelchTest", [welch.statistic, welch.pvalue])
    rows = []
    for first, second in ((3, 12), (0, 5), (7, 7), (40, 61)):
        for exact in (True, False):
            m = mcnemar([[50, first], [second, 60]], exact=exact, correction=True)
            rows.append([m.statistic, m.pvalue])
    emit("kMcnemar", rows, "(3,12), (0,5), (7,7), (40,61): exact, then chi-square")
    cases = [(3, 10, 0.5), (0, 7, 0.2), (9, 10, 0.31), (55, 100, 0.5), (430, 1000, 0.4), (2, 400, 0.03), (7, 7, 0.9)]
    emit("kBinomialTest", [stats.binomtest(k, n, p).pvalue for k, n, p in cases],
         "(3,10,.5), (0,7,.2), (9,10,.31), (55,100,.5), (430,1000,.4), (2,400,.03), (7,7,.9)")
    observed, expected = np.array([16.0, 18, 16, 14, 12, 12]), np.array([16.0, 16, 16, 16, 16, 8])
    emit("kChiSquare", stats.chisquare(observed, expected))
    tables = [np.array([[10, 20, 30], [6, 9, 17]]), np.array([[12, 5], [3, 11]])]
    emit("kIndependence", [list(stats.chi2_contingency(t, correction=c)[:2]) for t in tables for c in (True, False)],
         "[[10,20,30],[6,9,17]] and [[12,5],[3,11]], with and without Yates")
    x = np.round(rng.normal(0.2, 1.1, size=30), 4)
    y = np.round(rng.normal(-0.3, 1, size=45), 4)
    emit("kKsX", x)
    emit("kKsY", y)
    emit("kKsOne", [[r.statistic, r.pvalue] for r in (stats.kstest(x, "norm", method="exact"),
                                                      stats.kstest(x[:5], "norm", method="exact"),
                                                      stats.kstest(x + 0.6, "norm", method="exact"))],
         "standard normal: all, first 5, all plus 0.6")
    emit("kKsTwo", [[r.statistic, r.pvalue] for r in (stats.ks_2samp(x, y, method="exact"),
                                                      stats.ks_2samp(x, y[:7], method="exact"),
                                                      stats.ks_2samp(x, y[:30], method="exact"))],
         "x against y, its first 7, its first 30")
    emit("kKsTail", [stats.kstwo.sf(d, n) for n, d in ((30, 0.5), (140, 0.45), (500, 0.12), (1000, 0.1), (50000, 0.02),
                                                          (5000, 0.018), (5000, 0.011))],
         "n, D: (30, 0.5), (140, 0.45), (500, 0.12), (1000, 0.1), (50000, 0.02), (5000, 0.018), (5000, 0.011)")
    p = np.array([0.04, 0.001, 0.2, 0.03, 0.03, 0.7, 0.0004])
    emit("kManyP", p)
    emit("kHolm", multipletests(p, method="holm")[1])
    emit("kBenjaminiHochberg", multipletests(p, method="fdr_bh")[1])


def logistic():
    import statsmodels.api as sm
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold
    rng = np.random.default_rng(7)
    x = np.round(rng.normal(size=(60, 4)), 3)
    y = (x @ np.array([1.2, -0.8, 0.0, 0.3]) + 0.4 + rng.logistic(size=60) > 0).astype(int)
    w = np.round(rng.uniform(0.2, 2.0, size=60), 2)
    groups = rng.integers(0, 11, size=60)
    emit("kLogisticX", x, "row-major [60, 4]")
    emit("kLogisticY", y)
    emit("kLogisticW", w)
    emit("kLogisticGroups", groups)
    plain = sm.Logit(y, sm.add_constant(x)).fit(disp=0, method="newton", tol=1e-14, maxiter=100)
    emit("kLogit", np.c_[plain.params, plain.bse, plain.tvalues, plain.pvalues],
         "no penalty: coefficient, standard error, z, p; intercept first")
    emit("kLogitLoss", -plain.llf)
    weighted = sm.GLM(y, sm.add_constant(x), family=sm.families.Binomial(), freq_weights=w).fit(tol=1e-14, maxiter=100)
    emit("kLogitWeighted", np.c_[weighted.params, weighted.bse], "with sample weights: coefficient, standard error")
    l2 = LogisticRegression(C=1 / 3.0, tol=1e-14, max_iter=100000, solver="newton-cholesky").fit(x, y, sample_weight=w)
    emit("kLogisticL2", [*l2.intercept_, *l2.coef_[0]], "l2 = 3 with sample weights: intercept, weights")
    l1 = LogisticRegression(C=1 / 4.0, l1_ratio=1, tol=1e-15, max_iter=2000000, solver="saga").fit(x, y)
    emit("kLogisticL1", [*l1.intercept_, *l1.coef_[0]], "l1 = 4: intercept, weights")
    fold = np.zeros(60)
    loss = 0.0
    for k, (train, test) in enumerate(GroupKFold(4).split(x, y, groups)):
        fold[test] = k
        model = LogisticRegression(C=0.5, tol=1e-14, max_iter=100000, solver="newton-cholesky").fit(x[train], y[train])
        loss -= model.predict_log_proba(x[test])[np.arange(len(test)), y[test]].sum()
    emit("kGroupFolds", fold, "GroupKFold(4)")
    emit("kCrossValidated", loss / 60, "mean held-out log loss, l2 = 2")


def structure():
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.neighbors import KNeighborsRegressor, NearestNeighbors
    rng = np.random.default_rng(8)
    x = np.round(np.concatenate([rng.normal(c, 1.0, size=(12, 3)) for c in (-1.5, 0.5, 2.0)]) * [1, 2, 0.5], 3)
    q = np.round(rng.normal(0, 2, size=(5, 3)), 3)
    t = np.round(rng.normal(size=36), 3)
    emit("kPoints", x, "row-major [36, 3]")
    emit("kQueries", q, "row-major [5, 3]")
    emit("kTargets", t)
    k = KMeans(n_clusters=4, init=x[[0, 9, 20, 30]], n_init=1, tol=0, algorithm="lloyd").fit(x)
    emit("kKMeansLabels", k.labels_, "4 clusters from rows 0, 9, 20, 30")
    emit("kKMeansCentres", k.cluster_centers_)
    emit("kKMeansInertia", k.inertia_)
    p = PCA(n_components=2, svd_solver="full").fit(x)
    sign = np.sign(p.components_[np.arange(2), np.abs(p.components_).argmax(axis=1)])[:, None]
    emit("kPcaComponents", p.components_ * sign)
    emit("kPcaVariance", np.r_[p.explained_variance_, p.explained_variance_ratio_])
    emit("kPcaQueries", p.transform(q) * sign.T)
    for name, metric in (("Euclidean", "euclidean"), ("Cosine", "cosine")):
        d, i = NearestNeighbors(n_neighbors=4, metric=metric, algorithm="brute").fit(x).kneighbors(q)
        emit(f"k{name}Indices", i)
        emit(f"k{name}Distances", d)
    emit("kKnnMean", [KNeighborsRegressor(4, weights=w).fit(x, t).predict(q) for w in ("uniform", "distance")],
         "uniform, then by distance")


def boosting():
    from sklearn.ensemble import GradientBoostingRegressor
    rng = np.random.default_rng(9)
    x = rng.integers(-4096, 4096, size=(90, 3)) / 1024  # exact in float32, which scikit-learn's trees store
    y = np.round(np.sin(2 * x[:, 0]) + x[:, 1] ** 2 / 4 + 0.2 * rng.normal(size=90), 3)
    q = rng.integers(-4096, 4096, size=(12, 3)) / 1024
    emit("kBoostX", x, "row-major [90, 3]")
    emit("kBoostY", y)
    emit("kBoostQueries", q, "row-major [12, 3]")
    model = GradientBoostingRegressor(n_estimators=50, learning_rate=0.2, max_depth=3, min_samples_leaf=6).fit(x, y)
    emit("kBoosted", model.predict(q), "50 trees, learning rate 0.2, depth 3, at least 6 rows a leaf")
    emit("kBoostedTraining", model.train_score_[[0, 9, 49]], "mean squared error after 1, 10 and 50 trees")
    by_leaf = GradientBoostingRegressor(n_estimators=50, learning_rate=0.2, max_depth=None, max_leaf_nodes=6,
                                        min_samples_leaf=4, random_state=0).fit(x, y)
    emit("kBoostedByLeaf", by_leaf.predict(q), "50 trees of at most 6 leaves, the best leaf first, at least 4 rows a leaf")


def searches():
    from scipy.optimize import lsq_linear
    rng = np.random.default_rng(10)
    a = np.round(rng.normal(size=(9, 6)), 2)
    b = np.round(2 * rng.normal(size=9), 2)
    emit("kBoxA", a, "row-major [9, 6]")
    emit("kBoxB", b)
    emit("kBoxX", lsq_linear(a, b, (-0.4, 0.6), method="bvls", tol=1e-15).x, "argmin |A x - b| over [-0.4, 0.6]^6")


def sampled():
    tenths = np.arange(1, 10) / 10
    emit("kGammaDeciles", [stats.gamma.ppf(tenths, k) for k in (0.3, 1, 2.5, 40)], "shapes 0.3, 1, 2.5, 40: quantiles 0.1 .. 0.9")
    emit("kBetaDeciles", stats.beta.ppf(tenths, 0.4, 2.1), "Beta(0.4, 2.1), a margin of Dirichlet(0.4, 1.5, 0.6)")
    weights = np.arange(1, 13) ** -1.3
    emit("kZipf", weights / weights.sum(), "12 ranks, exponent 1.3")


SECTIONS = [correlations, intervals, distributions, least_squares, linear_models, resampling, hypothesis_tests,
            logistic, structure, boosting, searches, sampled]


def main():
    for section in SECTIONS:
        lines.append(f"\n// {section.__name__.replace('_', ' ')}")
        section()
    body = "\n".join(lines)
    out = f"""// Generated by stats.py (SciPy {scipy.__version__}, statsmodels {statsmodels.__version__}, scikit-learn \
{sklearn.__version__}, NumPy {np.__version__}); do not edit.
#ifndef ROUX_TESTS_GOLDEN_STATS_H_
#define ROUX_TESTS_GOLDEN_STATS_H_

#include <cmath>

namespace roux::golden {{

// clang-format off
{body}
// clang-format on

}}  // namespace roux::golden

#endif  // ROUX_TESTS_GOLDEN_STATS_H_
"""
    open(os.path.join(HERE, "stats.h"), "w").write(out)


if __name__ == "__main__":
    sys.exit(main())
