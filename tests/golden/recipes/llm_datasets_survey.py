"""Reference values of recipes/llm_datasets_survey, from the definitions that arXiv 2402.18041 and the papers behind its
deduplication name: Jaccard similarity of sets of word 5-grams, the S-curve of banded MinHash (Broder 1997), exposure
(Carlini et al. 2019), preference scores as pairs. Plain Python and NumPy in f64.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy && /tmp/venv/bin/python llm_datasets_survey.py
"""
import itertools

import numpy
import recipe_values

random = numpy.random.default_rng(2402)


def grams(text):
    words = text.lower().split()
    if not words:
        return set()
    return {tuple(words[i:i + 5]) for i in range(max(1, len(words) - 4))}


similarities = []
for words, edits in ((1, 0), (4, 1), (5, 0), (7, 1), (60, 2), (61, 9), (200, 10), (199, 60)):
    text = [f"Word{i}" for i in random.integers(0, 50, words)]
    copy = list(text)
    for place in random.choice(words, edits, replace=False):
        copy[place] = f"new{random.integers(0, 1000)}"
    a, b = " ".join(text), "  ".join(copy).upper() + "\n"
    similarities.append({"a": a, "b": b, "jaccard": len(grams(a) & grams(b)) / len(grams(a) | grams(b))})

bands = [{"bands": b, "rows": r, "similarity": s, "probability": -numpy.expm1(b * numpy.log1p(-s**r)) if s < 1 else 1.0}
         for b, r in ((16, 8), (32, 4), (1, 1), (9, 13)) for s in (0.0, 0.1, 0.5, 0.7, 0.9, 1.0)]

exposures = []
for count in (1, 2, 7, 256, 1000):
    losses = random.normal(0, 1, count)
    rank = 1 + numpy.argsort(losses).tolist().index(0)
    exposures.append({"losses": losses, "exposure": numpy.log2(count) - numpy.log2(rank)})

# A copy shares s of its m shingles with the original, each has m (1 - s) of its own: s m / (s m + 2 (1 - s) m).
edits = [{"edits": e, "jaccard": s / (s + 2 * (1 - s))}
         for e in (0.0, 0.02, 0.05, 0.1, 0.3, 1.0) for s in [(1 - e)**5]]

scores = []
for count in (1, 2, 5, 12):
    values = random.integers(0, 6, count) / 2
    distances = [abs(a - b) for a, b in itertools.combinations(values, 2)]
    scores.append({"scores": values, "pairs": sum(d > 0 for d in distances), "margins": float(sum(distances))})

recipe_values.write(__file__, {"jaccard": similarities, "bands": bands, "exposure": exposures, "edits": edits,
                               "scores": scores}, numpy)
