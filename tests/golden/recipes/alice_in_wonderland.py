"""Reference values of recipes/alice_in_wonderland: families that are built person by person and counted, Python's own
regular expressions, SciPy's distributions, tables that are enumerated.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy scipy && /tmp/venv/bin/python alice_in_wonderland.py

Beta distributions are matched by a root finder, as the authors match them, and not by the closed form; p-values of
homogeneity are counted over all tables with the same margins; the range of equal shares by enumeration of all outcomes.
"""
import itertools
import math
import re

import numpy as np
import recipe_values
import scipy
from scipy import optimize, stats

random = np.random.default_rng(24060)


# Families: (parents, sex) by person; everybody with a common parent is a sibling.
class People:
    def __init__(self):
        self.parents, self.female = [], []

    def add(self, female, parents=()):
        self.parents.append(frozenset(parents))
        self.female.append(female)
        return len(self.female) - 1

    def siblings(self, who):
        return [i for i in range(len(self.female)) if i != who and self.parents[i] & self.parents[who]]

    def children(self, who):
        return [i for i in range(len(self.female)) if who in self.parents[i]]

    def brothers(self, who):
        return [i for i in self.siblings(who) if not self.female[i]]

    def sisters(self, who):
        return [i for i in self.siblings(who) if self.female[i]]

    def cousins(self, who):
        aunts_and_uncles = {s for p in self.parents[who] for s in self.siblings(p)}
        return sorted({c for s in aunts_and_uncles for c in self.children(s)})

    def nephews_and_nieces(self, who):
        return sorted({c for s in self.siblings(who) for c in self.children(s)})


def answers(girl, brothers, sisters):
    """In the order of problems.h: brothers, sisters, siblings, boys, girls, brothers of a brother, sisters of a
    brother, brothers of a sister, sisters of a sister."""
    f = People()
    parents = (f.add(True), f.add(False))
    person = f.add(girl, parents)
    for _ in range(brothers):
        f.add(False, parents)
    for _ in range(sisters):
        f.add(True, parents)
    children = f.children(parents[0])
    a_brother, a_sister = f.brothers(person)[0], f.sisters(person)[0]
    return [len(x) for x in (f.brothers(person), f.sisters(person), f.siblings(person),
                             [c for c in children if not f.female[c]], [c for c in children if f.female[c]],
                             f.brothers(a_brother), f.sisters(a_brother), f.brothers(a_sister), f.sisters(a_sister))]


def plus(sisters, nephews, uncles, fathers_nephews, children):
    """AIW+: the cousins of Alice's sister. `nephews` of her mother's childless sister, `fathers_nephews` of her father's
    brother, who has `children` of his own."""
    f = People()
    mothers_parents, fathers_parents = (f.add(True), f.add(False)), (f.add(True), f.add(False))
    mother, aunt = f.add(True, mothers_parents), f.add(True, mothers_parents)
    brothers = [f.add(False, mothers_parents) for _ in range(uncles)]
    father, uncle = f.add(False, fathers_parents), f.add(False, fathers_parents)
    own = [f.add(True, (mother, father)) for _ in range(sisters + 1)]
    for i in range(nephews - len(own)):
        f.add(i % 2 == 0, (brothers[i % uncles],))
    if fathers_nephews > len(own):
        another = f.add(True, fathers_parents)
        for _ in range(fathers_nephews - len(own)):
            f.add(False, (another,))
    for _ in range(children):
        f.add(False, (uncle,))
    assert len(f.nephews_and_nieces(aunt)) == nephews and len(f.nephews_and_nieces(uncle)) == fathers_nephews
    return len(f.cousins(own[1]))


def family_cases():
    return [{"girl": int(girl), "brothers": n, "sisters": m, "answers": answers(girl, n, m)}
            for girl in (True, False) for n in range(1, 10) for m in range(1, 10)]


def plus_cases():
    out = []
    for sisters, nephews, uncles, fathers_nephews, children in (
            (3, 7, 2, 5, 1), (2, 6, 2, 5, 2), (3, 6, 2, 4, 1), (1, 2, 1, 2, 0), (1, 9, 3, 8, 4), (4, 5, 1, 9, 3)):
        out.append({"sisters": sisters, "nephews": nephews, "uncles": uncles, "fathers_nephews": fathers_nephews,
                    "children": children, "cousins": plus(sisters, nephews, uncles, fathers_nephews, children)})
    return out


# The parser of the authors' runner: line ends become spaces, then the first match of two patterns.
def parse(response):
    text = response.replace("\n", " ").lower()
    for pattern in (r"answer:.*?(\d+)", r"has.*?(\d+)"):
        found = re.findall(pattern, text)
        if found:
            return found[0]
    return None


def parser_cases():
    texts = ["", "### Answer: 7", "Answer: The answer is 7.", "Alice's brother has 7 sisters", "### ANSWER:\n 12", "7",
             "answer 7", "Answer:7", "answer: none. Answer: 3", "She has two, he has 2, no 3", "has\n\n\n5", "Answer:",
             "Answer: x\r\n 10", "ANSWER: 007", "Answer: 3.5", "Answer: 1,012", "Answer: -4", "hasn't 6", "Answer:\t8",
             "Alice has 3 brothers. ### Answer: 4", "### Answer: M + 1", "perhaps 5", "answer: \u0663 then 4",
             "the Answer : 9 has 8", "Answer:\u2028 6", "Straße has 11", "ANSWER: 12 ANSWER: 13"]
    pieces = ["answer:", "Answer: ", "has", " ", "\n", "7", "12", "brother", "###", "M", ".", "sisters", "0"]
    for _ in range(120):
        texts.append("".join(random.choice(pieces, random.integers(1, 9))))
    # Python's \d takes the digits of all scripts; what is compared with the right answer is ASCII.
    texts = [t for t in texts if not re.search(r"[^\x00-\x7f]", t) or not re.search(r"(?![0-9])\d", t)]
    return [{"response": t, "parsed": parse(t) if parse(t) is not None else ""} for t in texts]


def beta_cases():
    out = []
    for k, n in ((18, 60), (1, 30), (29, 30), (15, 30), (7, 11), (59, 60), (1, 2)):
        p = k / n
        variance = p * (1 - p) / n
        # All in logarithms: no step leaves the positive numbers, and both equations have one scale.
        target = lambda l: np.log(stats.beta.stats(*np.exp(l), moments="mv")) - np.log([p, variance])
        root = optimize.root(target, np.log([1.0, 1.0]), tol=1e-14)
        alpha, beta = np.exp(root.x)
        assert np.allclose(target(np.log([alpha, beta])), 0, atol=1e-12)
        out.append({"mean": p, "variance": variance, "alpha": alpha, "beta": beta,
                    "density": stats.beta(alpha, beta).pdf([0.05, 0.3, 0.5, 0.77])})
    return out


def wilson_cases():
    out = []
    for k, n in ((0, 30), (30, 30), (15, 30), (1, 60), (18, 60), (7, 9), (0, 1), (1, 1)):
        interval = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
        out.append({"right": k, "trials": n, "low": interval.low, "high": interval.high})
    return out


# Homogeneity of shares. The exact p-value: of all tables with these margins, those with a statistic at least as large,
# each weighted by its number of arrangements.
def chi_square(right, trials):
    right, trials = np.array(right, float), np.array(trials, float)
    p = right.sum() / trials.sum()
    if p in (0.0, 1.0):
        return 0.0
    return float(np.sum((right - trials * p) ** 2 / (trials * p * (1 - p))))


def permutation_p(right, trials):
    observed, total = chi_square(right, trials), sum(right)
    weight = extreme = 0
    for table in itertools.product(*(range(min(n, total) + 1) for n in trials)):
        if sum(table) != total:
            continue
        w = math.prod(math.comb(n, k) for n, k in zip(trials, table))
        weight += w
        if chi_square(table, trials) >= observed * (1 - 1e-12):
            extreme += w
    return extreme / weight


def homogeneity_cases():
    tables = [([30, 0, 30, 0], [30] * 4), ([0] * 4, [30] * 4), ([30] * 4, [30] * 4), ([1, 0, 0, 0], [30] * 4),
              ([2, 5, 0, 9], [30] * 4), ([12, 15, 9, 14], [30] * 4), ([1, 2, 3], [5, 5, 5]), ([0, 3], [7, 7]),
              ([3, 0, 1, 2, 0], [6] * 5), ([5, 1, 4], [5, 6, 7]), ([10, 20, 5], [30, 40, 20]), ([0, 4, 1], [9, 4, 2])]
    for _ in range(10):
        n = int(random.integers(4, 13))
        tables.append((random.binomial(n, random.uniform(0.05, 0.95), 4).tolist(), [n] * 4))
    out = []
    for right, trials in tables:
        p = sum(right) / sum(trials)
        expected = min(min(n * p, n * (1 - p)) for n in trials)
        if 0 < p < 1:
            reference = stats.chi2_contingency([right, [n - k for n, k in zip(trials, right)]], correction=False)
            assert abs(reference.statistic - chi_square(right, trials)) < 1e-9
            approximate = reference.pvalue
        else:
            approximate = 1.0
        out.append({"right": right, "trials": trials, "statistic": chi_square(right, trials),
                    "exact": int(expected < 5), "approximate_p": approximate,
                    "p": approximate if expected >= 5 else permutation_p(right, trials) if 0 < p < 1 else 1.0})
    return out


def fluctuation_cases():
    out = []
    for right, n in (([30, 0, 15, 3], 30), ([5, 5, 5, 5], 30), ([1, 0], 4), ([2, 7, 11, 3, 9], 12)):
        shares = np.array(right) / n
        out.append({"right": right, "trials": n, "range": np.ptp(shares), "deviation": np.std(shares, ddof=1),
                    "robustness": 1 - np.ptp(shares)})
    return out


# max - min of equal shares: by enumeration where that is possible, else by the distribution function.
def range_p(cells, n, p, observed):
    pmf = stats.binom(n, p).pmf(np.arange(n + 1))
    if (n + 1) ** cells <= 200000:
        return sum(math.prod(pmf[k] for k in ks) for ks in itertools.product(range(n + 1), repeat=cells)
                   if max(ks) - min(ks) >= observed)
    below = 0.0  # P(range < observed): all within [a, a + observed - 1] and at least one at a
    for a in range(n + 1):
        window, above = pmf[a:a + observed].sum(), pmf[a + 1:a + observed].sum()
        below += window ** cells - above ** cells
    return 1 - below


def range_cases():
    return [{"cells": c, "trials": n, "p": p, "observed": r, "tail": range_p(c, n, p, r)}
            for c, n, p, r in ((4, 6, 0.3, 3), (3, 10, 0.5, 5), (2, 30, 0.05, 2), (4, 20, 0.2, 7), (4, 30, 0.3, 10),
                               (4, 30, 0.1, 8), (4, 60, 0.45, 12), (5, 3, 0.9, 1))]


# Probabilities of integers when texts are drawn token by token: a random chain over a small vocabulary, whose texts
# are summed up by enumeration. Tokens spell digits and a space in several ways; "." ends.
TOKENS = [" ", "1", "0", " 1", "10", "2", ".", " 10", "12"]


def integer_cases():
    out = []
    for _ in range(3):
        first = random.dirichlet(np.full(len(TOKENS), 0.7))
        chain = random.dirichlet(np.full(len(TOKENS), 0.7), len(TOKENS))
        probability = {}

        def walk(text, last, p):
            # 1 is finished by the first token that does not begin with a digit; behind the others nothing is looked at.
            number = re.fullmatch(r" (\d+)", text)
            if number and number[1] != "1":
                probability[number[1]] = probability.get(number[1], 0) + p
            row = first if last is None else chain[last]
            for token, spelt in enumerate(TOKENS):
                q = p * row[token]
                if number and number[1] == "1" and not spelt[0].isdigit():
                    probability["1"] = probability.get("1", 0) + q
                elif re.fullmatch(r" ?\d{0,2}", text + spelt):
                    walk(text + spelt, token, q)

        walk("", None, 1.0)
        masses = [probability.get(str(n), 0.0) for n in range(13)]
        out.append({"first": first, "chain": chain.flatten(), "masses": masses,
                    "probabilities": np.array(masses) / sum(masses)})
    return out


recipe_values.write(__file__, {
    "tokens": TOKENS, "families": family_cases(), "plus": plus_cases(), "parser": parser_cases(), "beta": beta_cases(),
    "wilson": wilson_cases(), "homogeneity": homogeneity_cases(), "fluctuation": fluctuation_cases(),
    "range": range_cases(), "integers": integer_cases()}, np, scipy)
