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


SECTIONS = [correlations, intervals, distributions, least_squares, linear_models, resampling]


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
