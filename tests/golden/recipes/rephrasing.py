"""Reference values of recipes/rephrasing, from the description of the pipeline of arXiv 2410.20796, in f64.

Passages by a search over all cuts, overlaps and rules with sets of tuples, the best word-for-word rewriting by trying
every one, IBM Model 1 (Brown et al. 1993, with the empty word) as dense matrices.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy && /tmp/venv/bin/python rephrasing.py
"""
import itertools
import re

import numpy
import recipe_values

random = numpy.random.default_rng(2410)
VOCABULARY = ["God", "water", "heaven", "it", "and", "the", "light's", "été", "Abram", "7", "day", "evening", "ñu", "400",
              "created", "a"]


def sentence(words):
    text = " ".join(random.choice(VOCABULARY) for _ in range(words))
    return text[0].upper() + text[1:] + str(random.choice([".", "!", "?"]))


# 1. Passages. Counts: words (by white space) and characters.
COUNTS = {"words": lambda text: len(text.split()), "characters": len}


def sentence_spans(text):
    return [(m.start(), m.end()) for m in re.finditer(r"[^\s](?:[^\n.!?]*[^\s.!?])?[.!?]*", text)]


def cut(text, begin, end, limit, count):
    """A sentence that may be too long: the longest prefix that fits, at white space where there is any."""
    while begin < end and count(text[begin:end]) > limit:
        stops = [m.start() for m in re.finditer(r"\s+", text[:end]) if m.start() > begin]
        fitting = [s for s in stops if count(text[begin:s]) <= limit]
        stop = max(fitting) if fitting else max([begin + 1] + [s for s in range(begin + 1, end)
                                                               if count(text[begin:s]) <= limit])
        yield begin, stop
        begin = stop + len(text[stop:end]) - len(text[stop:end].lstrip())
    if begin < end:
        yield begin, end


def passages(text, limit, count):
    spans = []
    for begin, end in sentence_spans(text):
        if spans and count(text[spans[-1][0]:end]) <= limit:
            spans[-1] = (spans[-1][0], end)
        else:
            spans += cut(text, begin, end, limit, count)
    ends = [0] + [end for _, end in spans]
    return {"passages": [text[b:e] for b, e in spans], "before": [text[p:b] for (b, _), p in zip(spans, ends)],
            "tail": text[ends[-1]:]}


documents = []
for sizes, name, limit in [((3, 4, 5), "words", 8), ((3, 4, 5), "words", 1), ((20, 2, 2, 9), "words", 7),
                           ((5, 6, 7, 8, 9), "words", 350), ((4, 4, 4, 4), "words", 8), ((6, 7), "characters", 30),
                           ((2, 3), "characters", 4), ((1, 1, 1), "words", 2)]:
    text = "".join(sentence(n) + str(random.choice([" ", "\n", "\n\n", "  "])) for n in sizes)
    documents.append({"text": text, "count": name, "limit": limit, **passages(text, limit, COUNTS[name])})


# 2. Merging.
def merged(before, texts, tail, rewritten, policy):
    if policy == "drop_document" and None in rewritten:
        return ""
    kept = [(b, r if r is not None else t) for b, t, r in zip(before, texts, rewritten)
            if r is not None or policy == "keep_original"]
    if not kept:
        return ""
    first = next(i for i, r in enumerate(rewritten) if r is not None or policy == "keep_original")
    head = kept[0][1] if first > 0 else kept[0][0] + kept[0][1]
    return head + "".join(b + t for b, t in kept[1:]) + tail


merges = []
for document in documents:
    for policy in ("drop_passage", "keep_original", "drop_document"):
        rewritten = [None if random.random() < 0.3 else text.upper() for text in document["passages"]]
        merges.append({"text": document["text"], "count": document["count"], "limit": document["limit"],
                       "policy": policy, "rewritten": ["\0" if r is None else r for r in rewritten],
                       "merged": merged(document["before"], document["passages"], document["tail"], rewritten, policy)})


# 3. What filters and tables measure.
def raw_words(text):
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text)


def ngrams(words, n):
    return [tuple(words[i:i + n]) for i in range(len(words) - n + 1)]


def measures(source, output):
    s, o = [w.lower() for w in raw_words(source)], [w.lower() for w in raw_words(output)]
    result = {}
    for n in (1, 2, 3, 5):
        grams = ngrams(o, n)
        result[f"overlap_{n}"] = sum(g in set(ngrams(s, n)) for g in grams) / len(grams) if grams else 0
    content = {w for w in s if len(w) >= 4}
    result["content"] = len(content & set(o)) / len(content) if content else 1
    result["types"] = len(set(o)) / len(o) if o else 0
    facts = set()
    for m in re.finditer(r"[^\W_]+(?:['’][^\W_]+)*", source):
        begins = not re.sub(r"[^\S\n]+$", "", source[:m.start()]) or \
            re.search(r"[.!?:…\n\"“”]\s*$", source[:m.start()]) is not None
        if m.group()[0].isnumeric() or (m.group()[0].isupper() and not begins):
            facts.add(m.group())
    result["fidelity"] = len(facts & set(raw_words(output))) / len(facts) if facts else 1
    result["too_short"] = int(len(o) < len(s) / 3)
    result["too_long"] = int(len(o) > 2 * len(s))
    return result


measured = []
for a, b, share in [(30, 0, 1), (30, 0, 0.8), (21, 7, 0), (21, 6, 0), (9, 18, 0), (9, 19, 0), (0, 0, 0), (0, 3, 0),
                    (2, 2, 0.5), (40, 3, 0.7)]:
    source = "\n".join(sentence(a // 2 + i * (a % 2)) for i in range(2)) if a else ""
    kept = [w for w in source.split() if random.random() < share]
    output = " ".join(kept) + (" " if kept and b else "") + (sentence(b) if b else "")
    measured.append({"source": source, "output": output, **measures(source, output)})


# 4. Answers: between marks, or all of it; (text, ended) -> (text, truncated).
def extracted(text, ended):
    marks = [(m.group(), m.start(), m.end()) for m in re.finditer("</?rephrased>", text)]
    opens = [m for m in marks if m[0] == "<rephrased>"]
    closes = [m for m in marks if m[0] == "</rephrased>" and (not opens or m[1] > opens[0][1])]
    stop = closes[0][1] if closes else len(text)
    start = max([m[2] for m in opens if m[2] <= stop], default=0)
    return text[start:stop].strip(), int(not closes and (bool(opens) or not ended))


answers = []
for text in ["<rephrased>New text.</rephrased>", "New text.", "<rephrased>New text.", "New text.</rephrased> Done.",
             "Intro <rephrased>\nNew text.\n</rephrased>\nBye.", "<rephrased><rephrased>New text.</rephrased></rephrased>",
             "<rephrased>One.</rephrased><rephrased>Two.</rephrased>", "<rephrased></rephrased>", "", "</rephrased>",
             "<rephrased>New <rephra", "</rephrased>x<rephrased>y</rephrased>"]:
    for ended in (True, False):
        out, truncated = extracted(text, ended)
        answers.append({"answer": text, "ended": int(ended), "text": out, "truncated": truncated})

# 5. The best word-for-word rewriting: all of them are tried.
rewritings = []
for words, options, vocabulary in [(1, 1, 2), (2, 3, 4), (4, 3, 3), (5, 3, 6), (6, 2, 4)]:
    bigrams = numpy.log(random.dirichlet(numpy.ones(vocabulary), vocabulary + 1))  # last row: nothing before
    choices = [[(int(w), float(random.normal(-1, 1))) for w in
                random.choice(numpy.arange(-1, vocabulary), options, replace=False)] for _ in range(words)]

    def score(picked):
        last, total = -1, 0.0
        for word, value in picked:
            total += value
            if word >= 0:
                total, last = total + bigrams[last, word], word
        return total

    best = max(itertools.product(*choices), key=score)
    rewritings.append({"bigrams": bigrams, "words": [[w for w, _ in c] for c in choices],
                       "scores": [[s for _, s in c] for c in choices], "score": score(best),
                       "chosen": [c.index(b) for c, b in zip(choices, best)]})


# 6. IBM Model 1 by dense EM.
def ibm1(pairs, iterations):
    sources = sorted({w for s, _ in pairs for w in s})
    targets = sorted({w for _, t in pairs for w in t})
    index = {w: i + 1 for i, w in enumerate(sources)}
    table = numpy.full((len(sources) + 1, len(targets)), 1 / len(targets))
    likelihoods = []
    for iteration in range(iterations + 1):
        counts, total = numpy.zeros_like(table), 0.0
        for s, t in pairs:
            rows = [0] + [index[w] for w in s]
            for f in (targets.index(w) for w in t):
                p = table[rows, f]
                total += numpy.log(p.sum() / len(rows))
                numpy.add.at(counts[:, f], rows, p / p.sum())
        likelihoods.append(total)
        if iteration < iterations:
            table = counts / counts.sum(1, keepdims=True)
    rows = [{"source": e, "targets": targets, "t": table[i]} for i, e in enumerate([""] + sources)]
    return likelihoods, rows


models = []
for pairs, iterations in [([(["the", "house"], ["la", "casa"]), (["the", "book"], ["el", "libro"]),
                            (["a", "house"], ["una", "casa"])], 30),
                          ([([str(w) for w in random.choice(list("abcde"), n)],
                             [str(w) for w in random.choice(list("vwxyz"), m)])
                            for n, m in [(1, 1), (3, 2), (5, 7), (4, 4)]], 5),
                          ([(["x"], ["y"])], 1)]:
    likelihoods, rows = ibm1(pairs, iterations)
    models.append({"pairs": [[" ".join(s), " ".join(t)] for s, t in pairs], "iterations": iterations,
                   "log_likelihood": likelihoods, "rows": rows})

recipe_values.write(__file__, {"documents": documents, "merges": merges, "measures": measured, "answers": answers,
                               "rewritings": rewritings, "models": models}, numpy)
