"""Reference values of recipes/diachronic_lm, from arXiv 2504.05523 and what its official code does, in f64: the
paragraph split, words, random chunks, the student's loss, DoRA, the measures of a perplexity
grid, sense change and the ranking of changed words.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy scipy torch && /tmp/venv/bin/python diachronic_lm.py
"""
import math
import string
from collections import Counter

import numpy
import recipe_values
import scipy
import torch
from scipy import stats

random = numpy.random.default_rng(250405523)
torch.set_default_dtype(torch.float64)


def split(words, budgets):
    """Each part in turn walks over what the parts before have left, and passes over what would overflow it."""
    free, parts = list(range(len(words))), []
    for budget in budgets:
        part, used = [], 0
        for i in free:
            if used + words[i] <= budget:
                part.append(i)
                used += words[i]
        parts.append(part)
        free = [i for i in free if i not in part]
    return parts + [free]


def words_of(text):
    bare = [w.strip(string.punctuation).lower() for w in text.split()]
    return [w for w in bare if w]


def student_loss(logits, target, teachers, alpha, temperature, batchmean):
    """alpha CE + (1 - alpha) T^2 KL(softmax(mean teacher logits / T) || softmax(student / T)); [B, L, V]."""
    v = logits.shape[-1]
    ce = torch.nn.functional.cross_entropy(logits.reshape(-1, v), target.reshape(-1))
    teacher = torch.stack(teachers).mean(0)
    kl = torch.nn.functional.kl_div(torch.log_softmax(logits / temperature, -1), torch.softmax(teacher / temperature, -1),
                                    reduction="batchmean") * temperature ** 2
    if not batchmean:
        kl = kl / logits.shape[1]
    return alpha * ce + (1 - alpha) * kl


def dora(w, a, b, m, s):
    v = w + s * b @ a
    return m[:, None] * v / torch.linalg.vector_norm(v, dim=1, keepdim=True).detach()


def dominance(g):
    n = len(g)
    return numpy.mean([float(g[i][j] > g[j][j]) for i in range(n) for j in range(n) if i != j])


def separation(g):
    n = len(g)
    return numpy.mean([numpy.mean([g[i][j] for i in range(n) if i != j]) - g[j][j] for j in range(n)])


def growth(g):
    """Spearman's correlation of |i - j| and the excess over the diagonal of the text's column, off the diagonal."""
    n = len(g)
    cells = [(i, j) for i in range(n) for j in range(n) if i != j]
    return stats.spearmanr([abs(i - j) for i, j in cells], [g[i][j] - g[j][j] for i, j in cells]).statistic


def neighbour_change(before, after, word, reach):
    """1 - cosine of the vectors of positive pointwise mutual information with words up to `reach` away."""
    def vector(tokens):
        pairs, total = Counter(), 0
        context = Counter()
        for i, t in enumerate(tokens):
            for j in range(max(0, i - reach), min(len(tokens), i + reach + 1)):
                if j != i:
                    total += 1
                    context[tokens[j]] += 1
                    if t == word:
                        pairs[tokens[j]] += 1
        own = sum(pairs.values())
        return {c: max(0.0, math.log(n * total / (own * context[c]))) for c, n in pairs.items()}
    a, b = vector(before), vector(after)
    norm = math.sqrt(sum(x * x for x in a.values()) * sum(x * x for x in b.values()))
    return 1 - sum(x * b.get(c, 0.0) for c, x in a.items()) / norm if norm > 0 else 1.0


def sense_change(early, late):
    """early, late: occurrences in early and late text, each (surprisal by early models, by late models)."""
    return (numpy.mean([e - l for e, l in late]) + numpy.mean([l - e for e, l in early])) / 2


def changes(differences, level):
    """Words whose differences have a mean above 0 (one-sided t-test, Benjamini-Hochberg), the largest mean first."""
    names = sorted(differences)
    p = [stats.ttest_1samp(differences[w], 0, alternative="greater").pvalue for w in names]
    q = stats.false_discovery_control(p)
    found = [(float(numpy.mean(differences[w])), w) for w, value in zip(names, q) if value <= level]
    return [w for _, w in sorted(found, key=lambda x: (-x[0], x[1]))]


def flat(t):
    return [float(x) for x in t.detach().reshape(-1)]


splits = []
for n, budgets in ((40, (300, 150, 30)), (7, (5, 5, 5)), (1, (3, 2, 1)), (25, (0, 60, 10)), (60, (10000, 10, 10))):
    words = [int(x) for x in random.integers(1, 40, n)]
    parts = split(words, budgets)
    splits.append({"words": words, "budgets": list(budgets), "parts": [{"items": p} for p in parts]})

text = "The king, he hath said: (unto them) \"Go!\" -- and the king's men went; the king hath gone. O the day's end..."
other = "the king said go and the men went the king the"
words = [{"text": t, "words": [{"word": w} for w in words_of(t)]} for t in (text, other, "", " . - ", "a\tb\n'c' d-e")]

chunks = []
for n, length in ((1000, 128), (257, 128), (256, 64), (20, 3), (129, 64)):
    count = n // length - 1
    chunks.append({"n": n, "length": length, "count": count, "last": length * (count - 1) + (length - 1) + length})

losses = []
for b, length, v, alpha, temperature in ((2, 3, 5, 0.5, 1), (1, 4, 7, 0.25, 2), (3, 1, 2, 1, 1), (2, 2, 4, 0, 4)):
    logits = torch.tensor(random.normal(size=(b, length, v)), requires_grad=True)
    teachers = [torch.tensor(random.normal(size=(b, length, v)) * 2) for _ in range(2)]
    target = torch.tensor(random.integers(0, v, (b, length)))
    row = {"shape": [b, length, v], "alpha": alpha, "temperature": temperature, "logits": flat(logits), "target": target.reshape(-1),
           "teacher1": flat(teachers[0]), "teacher2": flat(teachers[1])}
    for name, batchmean in (("batchmean", True), ("mean", False)):
        loss = student_loss(logits, target, teachers, alpha, temperature, batchmean)
        row[name] = float(loss.detach())
        row[name + "_grad"] = flat(torch.autograd.grad(loss, logits)[0])
    losses.append(row)

adapters = []
for out, inner, r, s in ((4, 3, 2, 2.0), (1, 5, 1, 0.5), (6, 2, 4, 1.0)):
    w = torch.tensor(random.normal(size=(out, inner)))
    a = torch.tensor(random.normal(size=(r, inner)), requires_grad=True)
    b = torch.tensor(random.normal(size=(out, r)))
    m = torch.tensor(random.normal(size=out), requires_grad=True)
    x = torch.tensor(random.normal(size=(3, inner)))
    y = x @ dora(w, a, b, m, s).T
    ga, gm = torch.autograd.grad((y ** 2).sum(), (a, m))
    adapters.append({"out": out, "in": inner, "r": r, "scale": s, "w": flat(w), "a": flat(a), "b": flat(b), "m": flat(m),
                     "x": flat(x), "y": flat(y), "grad_a": flat(ga), "grad_m": flat(gm)})

grids = []
for n in (2, 3, 5):
    g = random.normal(2.5, 0.3, (n, n)) + 0.2 * numpy.abs(numpy.subtract.outer(range(n), range(n)))
    row = {"n": n, "grid": [float(x) for x in g.reshape(-1)], "dominance": dominance(g), "separation": separation(g)}
    if n > 2:
        row["growth"] = growth(g)
    grids.append(row)

vocabulary = ["king", "day", "the", "of", "good", "bad", "and", "went", "sin", "grace"]
neighbours = []
for n, reach in ((60, 2), (120, 4), (30, 1)):
    before = [vocabulary[int(i)] for i in random.integers(0, len(vocabulary), n)]
    after = [vocabulary[int(i)] for i in random.integers(0, len(vocabulary) - 2, n)]
    neighbours.append({"before": " ".join(before), "after": " ".join(after), "reach": reach,
                       "words": [{"word": w, "change": neighbour_change(before, after, w, reach)} for w in vocabulary]})

senses = []
for n, m in ((4, 3), (1, 1), (7, 2)):
    early, late = random.normal(8, 2, (n, 2)), random.normal(8, 2, (m, 2))
    senses.append({"early": [float(x) for x in early.reshape(-1)], "late": [float(x) for x in late.reshape(-1)],
                   "change": sense_change(early, late)})

ranked = []
for count, level in ((12, 0.05), (5, 0.2), (20, 0.01)):
    differences = {f"w{i:02d}": [float(x) for x in random.normal(random.normal(0.5, 1), 1, int(random.integers(3, 9)))]
                   for i in range(count)}
    ranked.append({"level": level, "words": [{"word": w, "differences": d} for w, d in differences.items()],
                   "ranked": [{"word": w} for w in changes(differences, level)]})

recipe_values.write(__file__, {
    "splits": splits, "words": words, "chunks": chunks,
    "losses": losses, "dora": adapters, "grids": grids, "neighbours": neighbours, "senses": senses,
    "changes": ranked}, numpy, scipy, torch)
