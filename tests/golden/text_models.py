"""Reference values of models and measures over words, made with other packages and with plain loops.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install tokenizers sentencepiece==0.1.99 nltk scikit-learn numpy
      /tmp/venv/bin/python text_models.py
Writes text_models.json next to this file: tokenizers 0.23.3, sentencepiece 0.1.99, nltk 3.10.4, scikit-learn 1.9.1.
"""
import collections
import io
import json
import math
import os
import random

import nltk.translate
import numpy as np
import sentencepiece
import tokenizers
from sklearn.linear_model import LogisticRegression

HERE = os.path.dirname(os.path.abspath(__file__))


def corpus():
    """The first 60,000 characters of three books, their lines with single spaces."""
    lines = []
    for name in ("austen_emma.txt", "goethe_werther.txt", "web_luke_john.txt"):
        with open(os.path.join(HERE, "../../recipes/data/excerpts", name), encoding="utf-8") as file:
            text = file.read()[:60000]
        lines += [" ".join(line.split()) for line in text.split("\n")]
    return [line for line in lines if line]


def word_level(lines, pre_tokenizer, lowercase, size, least):
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(unk_token="<unk>"))
    if lowercase:
        tokenizer.normalizer = tokenizers.normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(lines, tokenizers.trainers.WordLevelTrainer(
        vocab_size=size, min_frequency=least, special_tokens=["<pad>", "<unk>", "<bos>", "<eos>"]))
    vocab = tokenizer.get_vocab()
    samples = lines[::400] + ["", "  two  spaces ", "<bos>Emma<eos>", "Emma's «Größe»,\tnever-seen 12.5%"]
    return {"tokens": sorted(vocab, key=vocab.get),
            "samples": [{"text": text, "ids": tokenizer.encode(text).ids,
                         "decoded": tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False)}
                        for text in samples]}


def unigram(lines, size):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, model_type="unigram", vocab_size=size,
        normalization_rule_name="identity", split_by_unicode_script=False, split_by_number=False,
        num_threads=1, minloglevel=2)
    sp = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    likelihood = sum(sp.get_score(i) for line in lines for i in sp.encode(line))
    return {"pieces": [sp.id_to_piece(i) for i in range(size)], "scores": [sp.get_score(i) for i in range(size)],
            "log_likelihood": likelihood, "tokens": sum(len(sp.encode(line)) for line in lines)}


def witten_bell(sequences, order, vocab_size):
    """p(token, context) by the formula, from counts of tuples."""
    counts = collections.Counter()
    for sequence in sequences:
        for i in range(len(sequence)):
            for length in range(min(i, order - 1) + 1):
                counts[tuple(sequence[i - length:i + 1])] += 1

    def probability(token, context):
        lower = 1 / vocab_size if not context else probability(token, context[1:])
        followers = [counts[context + (w,)] for w in range(vocab_size)]
        types = sum(c > 0 for c in followers)
        if types == 0:
            return lower
        return (counts[context + (token,)] + types * lower) / (sum(followers) + types)

    return probability


def ngram_lm():
    rng = random.Random(1)
    vocab_size = 7
    sequences = [[min(int(rng.expovariate(0.7)), 5) for _ in range(rng.randrange(1, 40))] for _ in range(12)]
    test = [rng.randrange(vocab_size) for _ in range(60)]
    models = []
    for order in (1, 2, 3, 5):
        probability = witten_bell(sequences, order, vocab_size)
        p = [probability(test[i], tuple(test[max(0, i - order + 1):i])) for i in range(len(test))]
        models.append({"order": order, "probabilities": p, "log_likelihood": sum(math.log(x) for x in p)})
    return {"vocab_size": vocab_size, "sequences": sequences, "test": test, "models": models}


def plain_model1(pairs, iterations, empty_word):
    targets = {f for _, fs, _ in pairs for f in fs}
    t = collections.defaultdict(lambda: 1 / len(targets))
    for _ in range(iterations):
        counts, totals = collections.Counter(), collections.Counter()
        for es, fs, weight in pairs:
            es = ([-1] if empty_word else []) + es
            for f in fs:
                total = sum(t[f, e] for e in es)
                for e in es:
                    counts[f, e] += weight * t[f, e] / total
                    totals[e] += weight * t[f, e] / total
        t = collections.defaultdict(float, {(f, e): c / totals[e] for (f, e), c in counts.items()})
    likelihood = 0
    for es, fs, weight in pairs:
        es = ([-1] if empty_word else []) + es
        likelihood += weight * sum(math.log(sum(t[f, e] for e in es) / len(es)) for f in fs)
    return t, likelihood


def ibm_model1():
    rng = random.Random(2)
    pairs = []
    for _ in range(30):  # target word = source word + 10, in another order, with words put in and left out
        source = [rng.randrange(8) for _ in range(rng.randrange(1, 7))]
        target = [e + 10 for e in source if rng.random() < 0.85] + [18] * (rng.random() < 0.4)
        rng.shuffle(target)
        pairs.append((source, target, rng.choice([1, 1, 3])))
    # nltk divides the counts of a target word that a sentence has twice by its total over both.
    once = [(e, list(dict.fromkeys(f)), 1) for e, f, _ in pairs]
    t, _ = plain_model1(once, 6, True)
    theirs = nltk.translate.IBMModel1([nltk.translate.AlignedSent(f, e) for e, f, _ in once], 6).translation_table
    for (f, e), p in t.items():
        assert abs(theirs[f][None if e < 0 else e] - p) < 1e-11, (f, e)
    cases = []
    for empty_word in (True, False):
        for weighted in (True, False):
            t, likelihood = plain_model1([(e, f, w if weighted else 1) for e, f, w in pairs], 6, empty_word)
            cases.append({"empty_word": empty_word, "weighted": weighted, "log_likelihood": likelihood,
                          "table": [[f, e, p] for (f, e), p in sorted(t.items())]})
    return {"pairs": [{"source": e, "target": f, "weight": w} for e, f, w in pairs], "iterations": 6, "cases": cases}


def multinomial():
    rng = np.random.default_rng(3)
    x = np.round(rng.normal(size=(90, 3)) * [1, 10, 0.1] + [0, 50, 0], 3)
    centres = rng.normal(size=(4, 3)) * 0.8
    scores = ((x - [0, 50, 0]) / [1, 10, 0.1]) @ centres.T + rng.gumbel(size=(90, 4))
    y = scores.argmax(1)
    w = np.round(rng.uniform(0, 2, size=90), 2)
    scale = np.array([1, 10, 0.1])
    cases = []
    for l2, intercept, weighted in ((1, True, False), (5, True, True), (0.5, False, True), (0, True, True)):
        # Newton's method on the columns as they are: scikit-learn's L-BFGS stops far from the optimum there.
        fit = LogisticRegression(C=1 / l2 if l2 else np.inf, fit_intercept=intercept, solver="newton-cg", tol=1e-12,
                                 max_iter=10000).fit(x, y, sample_weight=w if weighted else None)
        weights, intercepts = fit.coef_, fit.intercept_ if intercept else np.zeros(4)
        cases.append({"l2": l2, "intercept": intercept, "weighted": weighted,
                      "weights": (weights - weights.mean(0)).ravel().tolist(),
                      "intercepts": (intercepts - intercepts.mean()).tolist(),
                      "probabilities": fit.predict_proba(x).ravel().tolist()[:40]})
    return {"x": x.ravel().tolist(), "y": y.tolist(), "w": w.tolist(), "cases": cases}


def code_mixing():
    rng = random.Random(4)
    texts = [[rng.choice([-1, 0, 0, 1, 2]) for _ in range(rng.randrange(1, 30))] for _ in range(20)]
    values = []
    for tags in texts:
        own = [t for t in tags if t >= 0]
        shares = [own.count(l) / len(own) for l in range(3)] if own else []
        runs, last = [], None
        for t in own:
            runs = runs[:-1] + [runs[-1] + 1] if t == last else runs + [1]
            last = t
        squares = sum(p * p for p in shares)
        deviation, mean = (np.std(runs), np.mean(runs)) if runs else (0, 1)
        values.append({
            "tags": tags,
            "cmi": 100 * (1 - max(shares)) if own else 0,
            "m_index": (1 - squares) / (2 * squares) if own else 0,
            "i_index": sum(a != b for a, b in zip(own, own[1:])) / (len(own) - 1) if len(own) > 1 else 0,
            "switches": sum(a >= 0 and b >= 0 and a != b for a, b in zip(tags, tags[1:])) / (len(tags) - 1)
            if len(tags) > 1 else 0,
            "burstiness": (deviation - mean) / (deviation + mean) if runs else 0})
    return values


lines = corpus()
golden = {
    "word_level": {
        "words": word_level(lines, tokenizers.pre_tokenizers.Whitespace(), False, 300, 0),
        "lowercase": word_level(lines, tokenizers.pre_tokenizers.WhitespaceSplit(), True, 10000, 30)},
    "unigram": unigram(lines, 500),
    "ngram_lm": ngram_lm(),
    "ibm_model1": ibm_model1(),
    "multinomial": multinomial(),
    "code_mixing": code_mixing(),
}
with open(os.path.join(HERE, "text_models.json"), "w", encoding="utf-8") as out:
    out.write("{\n" + ",\n".join(json.dumps(k) + ": " + json.dumps(v, ensure_ascii=False) for k, v in golden.items())
              + "\n}\n")
