"""Reference values of recipes/llm_datasets_survey, from the definitions that arXiv 2402.18041 and the papers behind its
deduplication name: rules and masks of the filter, Jaccard similarity of sets of word 5-grams, clusters of duplicates by
comparing all pairs, the S-curve of banded MinHash (Broder 1997), runs of words in common, exposure (Carlini et al. 2019),
preference records as pairs, shares of hashed trigrams, sizes and licences of the catalogue. Plain Python and NumPy in
f64.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy && /tmp/venv/bin/python llm_datasets_survey.py
"""
import itertools
import re

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

# Filter: the first rule that drops a text, and the share of letter pairs that a reference seldom has.
WORDS = ("the children of this village knew that it was a truth, and nobody spoke before them about another house by the "
         "river; they had seen its windows and its doors in the evening light, and said so").split()
reference = " ".join(WORDS)


def letter_pairs(text):
    return [a + b for a, b in zip(text.lower(), text.lower()[1:]) if re.fullmatch("[a-z]{2}", a + b)]


def rare(text):
    known, own = letter_pairs(reference), letter_pairs(text)
    return sum(known.count(pair) / len(known) < 0.001 for pair in own) / len(own) if own else 0.0


def dropped(text):
    words = text.split()
    joined = "".join(words).encode()
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if len(words) < 5:
        return "too short"
    if sum(chr(b).isalpha() and b < 128 or b >= 128 for b in joined) < 0.6 * len(joined):
        return "few letters"
    if not 2 <= len(joined) / len(words) <= 12:
        return "mean word length"
    if sum(line[0] in "*-•" for line in lines) > 0.9 * len(lines):
        return "bullet lines"
    if len(lines) - len(set(lines)) > 0.3 * len(lines):
        return "repeated lines"
    return "gibberish" if rare(text) > 0.22 else ""


texts = ["", "two words", "été déjà vu là-bas où", "a b c d e f", "12345 678 90 12 34 word", "x" * 90 + " a b c d",
         "* one two\n- three four\n• five", "* one two\n- three four\nfive six seven",
         "read more now\nread more now\nand another line", "the same\nline\nand two\nother\nline of it"]
for length in (5, 12, 30):
    plain = " ".join(random.choice(WORDS) for _ in range(length))
    letters = list(plain)
    random.shuffle(letters)
    texts += [plain, " ".join("".join(letters).split()), plain.upper().replace(" ", "\n")]
filters = [{"text": t, "reason": dropped(t), "rare": rare(t)} for t in texts]

# Personal data: tokens without the punctuation around them.
DATE = r"[12]\d{3}[-()]+[12]\d{3}|[12]\d{3}-\d\d?-\d\d?|\d\d?-\d\d?-[12]\d{3}"


def masked_token(token):
    core = re.fullmatch(r"([.,;:!?<>\"'\[\]]*)(.*?)([.,;:!?<>\"'\[\]]*)", token, re.S)
    body = core[2]
    if re.fullmatch(r"[^@]+@[^@][^@]*\.[^@]*", body):
        body = "[EMAIL]"
    elif re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", body) and all(int(p) < 256 for p in body.split(".")):
        body = "[IP]"
    elif (re.fullmatch(r"[-+()\d]+", body) and len(re.sub(r"\D", "", body)) >= 7 and re.match(r"0|.*[-+()]", body)
          and not re.fullmatch(DATE, body.strip("()"))):
        body = "[PHONE]"
    return core[1] + body + core[3]


masks = [{"text": t, "masked": "".join(masked_token(p) if p.strip() else p for p in re.split(r"(\s)", t))}
         for t in ("Ask x.y@mail.org, or <z@a.b>!", "at 1.2.3.4; not 1.2.3.400, nor 1.2.3", "@home a@b a@@b.c",
                   "030-1234567 +49(30)1234567 (0800)123-4567", "1869-1939 (1869-1939) 2023-10-05 5-10-2023",
                   "123456 1234567 01234567 0123", "2023-1005 3023-10-05 1-2-3-4-5-6-7", "", "  \n ...", "[12-34-567]")]

# Duplicates by comparing all pairs: clusters of what is equal, or similar and similar to that.
STEMS = [[f"w{i}" for i in random.integers(0, 10**6, 60)] for _ in range(4)]
documents = []
for _ in range(24):
    text = list(STEMS[random.integers(0, 4)])
    for place in range(random.integers(0, 3)):
        text[place * 20 + random.integers(0, 20)] = f"n{random.integers(0, 10**6)}"
    documents.append((" " if random.random() < 0.5 else "  ").join(text))
documents += ["", "One two", "one  TWO", "one two three"]


def clusters(alike):
    first = list(range(len(documents)))
    for _ in documents:  # until nothing changes
        for i, j in itertools.combinations(range(len(documents)), 2):
            if alike(documents[i], documents[j]):
                first[i] = first[j] = min(first[i], first[j])
    return first


def similar(a, b):
    return bool(grams(a)) and bool(grams(b)) and len(grams(a) & grams(b)) / len(grams(a) | grams(b)) >= 0.4


duplicates = {"documents": documents, "exact": clusters(lambda a, b: a.lower().split() == b.lower().split()),
              "near": clusters(similar)}

# Review: runs of n words in common.
numbers = [f"v{i}" for i in range(80)]
corpus = [" ".join(numbers[:40]), " ".join(numbers[40:]), "short"]
items = [" ".join(numbers[a:b] + ["end"]) for a, b in ((0, 13), (5, 17), (30, 45), (39, 52), (50, 63), (3, 40), (0, 1))]


def runs(text, n):
    words = text.lower().split()
    return {tuple(words[i:i + n]) for i in range(len(words) - n + 1)}


contaminated = [{"n": n, "found": [int(any(runs(item, n) & runs(d, n) for d in corpus)) for item in items]}
                for n in (1, 5, 8, 13, 14)]

# Preferences: sorts and votes.
sorts = [{"best_first": order, "pairs": [[a, b, j - i] for (i, a), (j, b) in itertools.combinations(enumerate(order), 2)]}
         for order in ([], [3], [2, 0, 1], [int(i) for i in random.permutation(7)])]
votes = []
for raters in (1, 3, 10, 10, 10):
    a, b = random.integers(-2, 3, (2, raters))
    margin = int(numpy.sign(a - b).sum())
    votes.append({"a": a, "b": b, "pair": [[0, 1, margin]] if margin > 0 else [[1, 0, -margin]] if margin < 0 else []})

# Quality: trigrams of the bytes between two blanks, by FNV-1a.
def fnv1a(data):
    value = 0xcbf29ce484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 % 2**64
    return value


shares = []
for text, buckets in (("some Words  of a text", 16), ("x", 7), ("", 5), ("été", 31)):
    data = b" " + " ".join(text.split()).lower().encode() + b" "
    grams3 = [data[i:i + 3] for i in range(len(data) - 2)]
    shares.append({"text": text, "shares": [sum(fnv1a(g) % buckets == k for g in grams3) / max(1, len(grams3))
                                            for k in range(buckets)]})

# Catalogue: sizes under both conventions, and licences.
sizes = [{"text": t, "unit": u, "decimal": d, "binary": b} for t, u, d, b in (
    ("11519 GB", "bytes", 11519e9, 11519 * 1024**3), ("12.68 TB", "bytes", 12.68e12, 12.68 * 1024**4),
    ("4353 MB", "bytes", 4353e6, 4353 * 1024**2), ("30.4 T Tokens", "tokens", 30.4e12, 30.4e12),
    ("7 B Tokens", "tokens", 7e9, 7e9), ("15 TB Tokens", "tokens", 15e12, 15e12), ("3.3K instances", "instances", 3300, 3300),
    ("1.5M instances", "instances", 1.5e6, 1.5e6), ("1836 datasets", "datasets", 1836, 1836), ("11,038 Books", "books", 11038, 11038))]
licenses = [{"text": t, "class": c} for t, c in (
    ("MIT", "permissive"), ("Apache-2.0", "permissive"), ("BSD 2-Clause", "permissive"), ("CC0-1.0", "permissive"),
    ("CC-BY", "permissive"), ("CC-BY-2.0", "permissive"), ("CC-BY-SA", "share-alike"), ("CC-BY-SA-3.0 & GFDL", "share-alike"),
    ("GPL-3.0", "share-alike"), ("CC-BY-NC-ND-4.0", "non-commercial"), ("CC-BY-4.0 & CC-BY-NC-4.0", "non-commercial"),
    ("MIT & X Terms of Service", "custom"), ("C-UDA", "custom"), ("-", "unknown"), ("", "unknown"))]

recipe_values.write(__file__, {"jaccard": similarities, "bands": bands, "exposure": exposures, "edits": edits,
                               "scores": scores, "reference": reference, "filters": filters, "masks": masks,
                               "duplicates": duplicates, "corpus": corpus, "items": items, "contaminated": contaminated,
                               "sorts": sorts, "votes": votes, "shares": shares, "sizes": sizes, "licenses": licenses}, numpy)
