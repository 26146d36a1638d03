#!/usr/bin/env python3
"""Writes eval.json: samples and what the reference packages make of them.

    python3 -m venv venv && venv/bin/pip install sacrebleu==2.6.0 rouge-score==0.1.2 nltk==3.10.4 jiwer==4.0.0 \\
        rapidfuzz==3.14.6 scikit-learn==1.9.1 statsmodels==0.15.0 krippendorff==0.9.0 torchmetrics==1.9.0 \\
        netcal==1.4.0 evalplus==0.3.1 seqeval==1.2.2
    venv/bin/python tests/golden/make_eval_golden.py
"""
import collections
import json
import logging
import math
import os
import re
import string
import warnings

import jiwer
import krippendorff
import numpy as np
import sacrebleu
import torch
import torchmetrics
from evalplus.eval import estimate_pass_at_k
from netcal.metrics import ECE
from nltk.stem import PorterStemmer
from nltk.util import ngrams
from rapidfuzz import distance
from rouge_score import rouge_scorer
from seqeval import metrics as entity_metrics
from seqeval.metrics.sequence_labeling import get_entities
from sklearn import metrics
from sklearn.feature_extraction.text import TfidfVectorizer
from statsmodels.stats.inter_rater import fleiss_kappa
from torchmetrics.functional.classification import binary_calibration_error
from torchmetrics.functional.text import squad

import text_strings

HERE = os.path.dirname(os.path.abspath(__file__))
NASTY = [
    ("", ""), ("", "something here"), ("something here", ""), (" ", "\t\n"), (" a ", "a"), ("...", "...!?"), ("?!", "word"),
    ("The cat sat on the mat.", "The cat sat on the mat."), ("the cat sat", "on the mat the cat sat"), ("the the the the", "the"),
    ("prices rose 3.5%, i.e. $1,000-2,000", "prices rose by 3.5% (i.e. $1,000-2,000)."), ("a.b,c.1,d", "a. b ,c .1 , d"),
    ("..,,..", "1.,2,.3"), ("x.,y", "x,.y"), ("5-6 - 7-a a-7 -", "5 - 6-7"), ("&quot;A&amp;lt;B&gt;", "\"A<B>"), ("&amp;quot;", "\""),
    ("<skip<skipped>ped> x", "x <skipped>"), ("hyphen-\nated line\n-break", "hyphenated line break"), ("one\ntwo\nthree", "one two three"),
    ("John's dog's bone's", "john 's dog 's bone 's"), ("Zürich’s “best” — café…", "Zürich's \"best\" - cafe..."),
    ("今天天气很好。", "今天的天气很好！"), ("日本語のテキスト、カタカナ。", "日本語テキスト。カタカナ・ひらがな"), ("ひらがな", "ひらがなだけ"), ("カタカナ", "カタ"),
    ("한국어 문장입니다.", "한국어로 쓴 문장입니다."), ("中文 and English 混合, 3.5%。", "中文和 English 混合，3.5%。"), ("㈱＃１２．５，", "㈱ ＃ 12.5 ，"),
    ("👍🏽👩‍👩‍👧 ok 🇩🇪", "👍🏽👩‍👧 ok 🇩🇪🇫🇷"), ("Σίσυφος ΟΔΟΣ ΣΑΣ. Σ", "σίσυφος οδος σας. σ"), ("İstanbul IŞIK ß ẞ ǅ", "istanbul ışık ss ss ǆ"),
    ("x²+y²=z² ½ ①", "x2 + y2 = z2 1/2 (1)"), ("٣٫٥ و ٤", "3.5 و 4"), ("«Привет», сказал он.", "— Привет! — сказал он"), ("हिन्दी वाक्य।", "हिंदी वाक्य ।"),
    ("a\u0301n the\u200b an", "the an a"), ("tab\tword", "tab word"), ("a  b\u00a0c\u3000d\x1ce", "a b c d e"), ("\ufeffbom", "bom"), ("$€£¥ + − × ÷ = ≠", "€ $ - x"),
    ("a b c d e f g h i j k l", "g h i j k l a b c d e f"), ("d e f a b c", "a b c d e f"), ("b a d c f e h g", "a b c d e f g h"),
    ("the dogs were running happily.\nNobody argued generously about organizations.\n\nFinal line",
     "a dog runs happily\nnobody argues about a generous organization\nthe final lines"),
    ("police killed the gunman\nthe gunman police killed", "police kill the gunman\nthe gunman was shot down by police"),
]


def damaged(ref, rng):
    """Words dropped, swapped, doubled, spelt differently."""
    hyp = []
    for w in ref.split(" "):
        what = rng.below(8)
        if what == 0:
            continue
        if what == 1 and hyp:
            hyp[-1], w = w, hyp[-1]
        if what == 2:
            hyp.append(w)
        if what == 3 and len(w) > 1:
            w = w[1:] + w[0]
        hyp.append(w)
    return " ".join(hyp)


def sentences():
    pairs = []
    for i in range(96):
        kind = (8, 0, 9, 10, 8, 8, 12, 5, 8, 7, 11, 3, 8, 2, 1, 8)[i % 16]
        ref = text_strings.make_string(50000 * 13 + 13 * i + kind).decode("utf-8", "replace")[:300]
        pairs.append((damaged(ref, text_strings.Random(900 + i)), ref))
    # Long texts of few words: the limits of TER (moves tried, their distance, the beam) and words of bits.
    for i, (length, vocabulary) in enumerate([(80, 40), (150, 60), (60, 3), (120, 30), (9, 200), (190, 90)]):
        rng = text_strings.Random(7000 + i)
        words = ["w%d" % rng.below(vocabulary) for _ in range(length)]
        moved = words[length // 2:] + words[:length // 3] if i % 2 else words[length // 4:] + words[:length // 4]
        pairs.append((damaged(" ".join(moved), rng), " ".join(words if i != 4 else words * 14)))
    return pairs + NASTY


def bleu(hyps, refs, second, pairs):
    options = [{"tokenize": t} for t in ("13a", "zh", "char", "none", "intl")]
    options += [{"smooth_method": m} for m in ("none", "floor", "add-k")]
    options += [{"smooth_method": "floor", "smooth_value": 0.5}, {"smooth_method": "add-k", "smooth_value": 0.25}]
    options += [{"lowercase": True}, {"max_ngram_order": 2}, {"max_ngram_order": 6, "smooth_method": "floor"}]
    cases = []
    for o in options:
        one = sacrebleu.BLEU(**o).corpus_score(hyps, [refs])
        sentence = sacrebleu.BLEU(effective_order=True, **o)
        whole = sacrebleu.BLEU(**o)
        cases.append({
            "options": o, "score": one.score, "precisions": one.precisions, "penalty": one.bp, "lengths": [one.sys_len, one.ref_len],
            "two": sacrebleu.BLEU(**o).corpus_score(hyps, [refs, second]).score,
            "sentences": [sentence.sentence_score(h, [r]).score for h, r in pairs],
            "sentences_all_orders": [whole.sentence_score(h, [r]).score for h, r in pairs],
        })
    return {
        "cases": cases, "sentences": [sacrebleu.sentence_bleu(h, [r]).score for h, r in pairs],
        "tokens": {t: [" ".join(sacrebleu.BLEU(tokenize=t).tokenizer(h.rstrip()).split()) for h in hyps]
                   for t in ("13a", "zh", "char", "none", "intl")},
    }


def chrf(hyps, refs, second, pairs):
    options = [{}, {"word_order": 2}, {"word_order": 1}, {"lowercase": True}, {"whitespace": True}, {"eps_smoothing": True},
               {"beta": 1}, {"char_order": 4, "word_order": 3, "beta": 3, "eps_smoothing": True, "whitespace": True}]
    return [{
        "options": o, "score": sacrebleu.CHRF(**o).corpus_score(hyps, [refs]).score,
        "two": sacrebleu.CHRF(**o).corpus_score(hyps, [refs, second]).score,
        "sentences": [sacrebleu.CHRF(**o).sentence_score(h, [r]).score for h, r in pairs],
    } for o in options]


def ter(pairs):
    cases = []
    for bits in range(16):
        o = {"normalized": bool(bits & 1), "no_punct": bool(bits & 2), "asian_support": bool(bits & 4), "case_sensitive": bool(bits & 8)}
        metric = sacrebleu.TER(**o)
        used = [(h, r) for h, r in pairs if bits == 0 or len(r) < 320]  # long texts take sacreBLEU seconds each
        hyps, refs = zip(*used)
        case = {"options": o, "used": len(used), "edits": [metric.sentence_score(h, [r]).num_edits for h, r in used]}
        if bits > 0:
            case["score"] = metric.corpus_score(hyps, [refs]).score
            case["two"] = metric.corpus_score(hyps, [refs, refs[1:] + refs[:1]]).score
        if bits in (0, 3, 5, 7):
            case["tokens"] = [metric._preprocess_segment(h) for h in hyps]
        cases.append(case)
    return cases


def stems():
    with open(os.path.join(HERE, "../../recipes/data/excerpts/austen_emma.txt"), encoding="utf-8") as f:
        words = sorted(set(re.findall(r"[a-z]+", f.read().lower())))
    words = words[::3] if len(words) > 9000 else words
    # Made-up words: each rule of the algorithm on stems of every measure.
    ends = ["", "s", "es", "ies", "sses", "ed", "eed", "ied", "ing", "y", "ational", "tional", "enci", "anci", "izer", "abli", "bli",
            "alli", "entli", "eli", "ousli", "ization", "ation", "ator", "alism", "iveness", "fulness", "ousness", "aliti", "iviti",
            "biliti", "fulli", "logi", "icate", "ative", "alize", "iciti", "ical", "ful", "ness", "al", "ance", "ence", "er", "ic",
            "able", "ible", "ant", "ement", "ment", "ent", "sion", "tion", "ion", "ou", "ism", "ate", "iti", "ous", "ive", "ize", "e",
            "ll", "le", "yed", "bling", "izing", "atting", "ooing", "wed"]
    words += [s + e for s in ("tr", "geo", "plan", "sky", "yell", "controll", "oyster", "hop") for e in ends]
    words += ["sky", "skies", "dying", "lying", "tying", "news", "innings", "outing", "cannings", "howe", "proceed", "exceed", "succeed",
              "yyyy", "syzygy", "a", "is", "ies", "dies", "tied", "eed", "feed", "7th", "1990s", "x86", "ying"]
    words = [w for w in dict.fromkeys(words) if w]
    stem = PorterStemmer().stem
    return " ".join(words), " ".join(stem(w) for w in words)


def rouge(pairs):
    out = []
    kinds = ["rouge1", "rouge2", "rouge3", "rougeL", "rougeLsum"]
    for stem in (False, True):
        scorer = rouge_scorer.RougeScorer(kinds, use_stemmer=stem)
        scores = [scorer.score(r, h) for h, r in pairs]
        out.append([[[s[k].precision, s[k].recall, s[k].fmeasure] for k in kinds] for s in scores])
    return out


def normalize_answer(s):
    s = "".join(c for c in s.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", s).split())


def squad_scores(prediction, gold):
    """torchmetrics scores as SQuAD 1.1; the one difference of 2.0 is an empty answer, which must be empty."""
    p = normalize_answer(prediction)
    if not p or any(not normalize_answer(g) for g in gold):
        same = float(any(normalize_answer(g) == p for g in gold))
        f1 = [squad_scores(prediction, [g])[1] for g in gold if p and normalize_answer(g)] if len(gold) > 1 else []
        return [same, max([same] + f1)]
    score = squad({"prediction_text": prediction, "id": "1"}, {"answers": {"answer_start": [0], "text": gold}, "id": "1"})
    return [float(score["exact_match"]) / 100, float(score["f1"]) / 100]


def edits():
    pairs = []
    for i in range(400):
        rng = text_strings.Random(40000 + i)
        limit = 9 if i < 300 else 180
        letters = "abc" if i % 2 else "abcdefgh"
        a = "".join(rng.pick(letters) for _ in range(rng.below(limit)))
        b = "".join(rng.pick(letters) for _ in range(rng.below(limit)))
        if i % 4 == 3:  # neighbours swapped
            c = list(a)
            for k in range(0, len(c) - 1, 1 + rng.below(4)):
                c[k], c[k + 1] = c[k + 1], c[k]
            b = "".join(c)
        pairs.append((a, b))
    return pairs


def edit_distances(pairs):
    return [[f.distance(a, b) for a, b in pairs] for f in (distance.Levenshtein, distance.DamerauLevenshtein, distance.OSA)] + [
        [distance.LCSseq.similarity(a, b) for a, b in pairs]]


def overlap():
    pairs = sentences()
    hyps, refs = [h for h, _ in pairs], [r for _, r in pairs]
    second = refs[1:] + refs[:1]  # a second reference, from the next sentence
    words = [h.split() for h in hyps]
    made = edits()
    return {
        "hypotheses": hyps, "references": refs, "bleu": bleu(hyps, refs, second, pairs), "chrf": chrf(hyps, refs, second, pairs),
        "ter": ter(pairs), "rouge": rouge(pairs), "stems": stems(),
        "distinct": [len({g for w in words for g in ngrams(w, n)}) / sum(len(list(ngrams(w, n))) for w in words) for n in (1, 2, 3, 4)],
        "normalized": [normalize_answer(h) for h in hyps],
        "squad": [squad_scores(h, [r]) for h, r in pairs], "squad_two": [squad_scores(h, [r, s]) for h, r, s in zip(hyps, refs, second)],
        "wer": jiwer.wer(refs, hyps), "cer": jiwer.cer(refs, hyps),
        "wer_each": [jiwer.wer(r, h) if r.strip() else None for h, r in pairs],
        "cer_each": [jiwer.cer(r, h) if r.strip() else None for h, r in pairs],
        "edit_texts": made, "edit_distances": edit_distances(made), "char_distances": edit_distances(pairs),
        "word_distances": edit_distances([(h.split(), r.split()) for h, r in pairs]),
    }


def number(x):
    return None if math.isnan(x) else float(x)


def classes():
    rng = np.random.default_rng(7)
    truth = rng.integers(0, 5, 300)
    labels = [("five", truth, np.where(rng.random(300) < 0.6, truth, rng.integers(0, 4, 300)), 5)]
    labels += [("two", *[rng.integers(0, 2, 90) for _ in range(2)], 2), ("gap", *[rng.choice([0, 1, 4], 60) for _ in range(2)], 6)]
    labels += [("equal", truth, truth, 5), ("opposite", np.arange(40) % 2, 1 - np.arange(40) % 2, 2)]
    labels += [("constant prediction", truth, truth * 0 + 2, 5), ("one class", np.ones(5, int), np.ones(5, int), 3)]
    labels += [("disjoint", np.zeros(5, int), np.ones(5, int), 2), ("one item", np.array([1]), np.array([0]), 2)]

    def prf(t, p, average):
        return list(metrics.precision_recall_fscore_support(t, p, average=average, zero_division=0)[:3])

    def case(name, t, p, count):
        every = metrics.precision_recall_fscore_support(t, p, labels=range(count), zero_division=0)[:3]
        return {
            "name": name, "truth": t.tolist(), "predicted": p.tolist(), "classes": count, "accuracy": metrics.accuracy_score(t, p),
            "macro": prf(t, p, "macro"), "weighted": prf(t, p, "weighted"), "micro": prf(t, p, "micro"),
            "binary": prf(t, p, "binary") if count == 2 else None, "per_class": np.array(every).T.tolist(),
            "mcc": metrics.matthews_corrcoef(t, p),
            "kappa": [number(metrics.cohen_kappa_score(t, p, weights=w, labels=range(count))) for w in (None, "linear", "quadratic")],
        }

    return [case(*x) for x in labels]


def rankings():
    rng = np.random.default_rng(8)
    out = []
    for size, digits in ((300, 1), (200, 9), (7, 0), (2, 0), (50, 0)):
        truth = np.r_[0, 1, rng.integers(0, 2, size - 2)]
        scores = np.round(rng.normal(size=size) + truth, digits)
        out.append({"truth": truth.tolist(), "scores": scores.tolist(), "auc": metrics.roc_auc_score(truth, scores),
                    "average_precision": metrics.average_precision_score(truth, scores),
                    "rmse": metrics.root_mean_squared_error(truth, scores)})
    return out


def calibration():
    rng = np.random.default_rng(9)
    confidence = rng.random(400)
    correct = (rng.random(400) < confidence).astype(int)
    on_edges = rng.integers(0, 101, 400) / 100  # each an edge of 20 or 100 bins, or near one
    right = (rng.random(400) < on_edges).astype(int)
    probabilities = rng.dirichlet([1, 1, 1, 1], 60)
    truth = rng.integers(0, 4, 60)

    def guo(c, y, bins):
        error = 0.0
        for b in range(bins):
            inside = (c > b / bins) & (c <= (b + 1) / bins) | ((b == 0) & (c == 0))
            if inside.any():
                error += inside.mean() * abs(y[inside].mean() - c[inside].mean())
        return error

    c, y = torch.tensor(confidence), torch.tensor(correct)
    return {
        "confidence": confidence.tolist(), "correct": correct.tolist(),
        "torchmetrics": {n: float(binary_calibration_error(c, y, n_bins=n, norm="l1")) for n in (1, 10, 15)},
        "netcal": {n: float(ECE(bins=n).measure(confidence, correct)) for n in (1, 10, 15)},
        "on_edges": on_edges.tolist(), "right": right.tolist(), "guo": {n: guo(on_edges, right, n) for n in (1, 7, 10, 20, 100)},
        "brier": metrics.brier_score_loss(correct, confidence), "truth": truth.tolist(), "probabilities": probabilities.ravel().tolist(),
        "brier_multiclass": metrics.brier_score_loss(truth, probabilities, labels=range(4), scale_by_half=False),
    }


def agreement():
    rng = np.random.default_rng(10)
    tables = [rng.multinomial(6, [0.5, 0.3, 0.2], size=40), rng.multinomial(2, [0.7, 0.3], size=15), np.array([[2, 0]] * 4), np.diag([3, 3, 3, 3])]
    out = {"fleiss": [{"table": t.tolist(), "kappa": number(fleiss_kappa(t))} for t in tables], "alpha": []}
    for raters, items, missing, values in ((4, 30, 0.15, range(1, 6)), (2, 12, 0.3, (0, 0.5, 2.25, 7)), (3, 20, 0.0, range(2))):
        ratings = rng.choice(values, (raters, items)).astype(float)
        ratings[1:] = np.where(rng.random((raters - 1, items)) < 0.6, ratings[0], ratings[1:])
        ratings[rng.random((raters, items)) < missing] = np.nan
        out["alpha"].append({
            "ratings": [[number(x) for x in row] for row in ratings],
            "alpha": [krippendorff.alpha(ratings, level_of_measurement=k) for k in ("nominal", "ordinal", "interval", "ratio")]})
    return out


def likelihood():
    rng = np.random.default_rng(11)
    logits = (rng.integers(-512, 512, (40, 11)) / 64).astype(np.float32)
    logits[3] *= 100  # far apart
    targets = rng.integers(0, 11, 40)
    targets[rng.random(40) < 0.2] = -100
    x, y = torch.tensor(logits, dtype=torch.float64), torch.tensor(targets)
    meter = torchmetrics.text.Perplexity(ignore_index=-100)
    meter.update(x[None], y[None])
    return {"logits": logits.ravel().tolist(), "targets": targets.tolist(), "tokens": int((targets != -100).sum()),
            "nll": float(torch.nn.functional.cross_entropy(x, y, reduction="sum")), "perplexity": float(meter.compute())}


def entities():
    rng = text_strings.Random(12)
    texts = []
    for _ in range(60):
        tags = [rng.pick(["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-ORG"]) for _ in range(1 + rng.below(12))]
        other = [t if rng.below(4) else rng.pick(["O", "B-PER", "I-LOC"]) for t in tags]
        texts.append({"truth": tags, "predicted": other, "spans": get_entities(other)})
    truth, predicted = [t["truth"] for t in texts], [t["predicted"] for t in texts]
    return {"texts": texts, "scores": [f(truth, predicted) for f in (entity_metrics.precision_score, entity_metrics.recall_score,
                                                                     entity_metrics.f1_score)]}


def tfidf():
    texts = [h for h, _ in sentences()[:14]] + ["", "not seen anywhere"]
    cases = []
    for low, high, fitted in ((1, 1, 16), (1, 2, 16), (2, 3, 12)):
        vectorizer = TfidfVectorizer(tokenizer=str.split, token_pattern=None, lowercase=False, ngram_range=(low, high))
        vectorizer.fit(texts[:fitted])
        x = vectorizer.transform(texts)
        cases.append({"range": [low, high], "fitted": fitted, "size": len(vectorizer.vocabulary_), "products": (x @ x.T).toarray().tolist()})
    return {"texts": texts, "cases": cases}


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    grid = [(n, c, k) for n in (1, 2, 5, 20, 200) for c in {0, 1, n // 3, n - 1, n} for k in {1, 2, n // 2, n} if 1 <= k <= n]
    data = {
        "overlap": overlap(), "classes": classes(), "rankings": rankings(), "calibration": calibration(), "agreement": agreement(),
        "likelihood": likelihood(), "entities": entities(), "tfidf": tfidf(),
        "pass_at_k": [[n, c, k, float(estimate_pass_at_k(n, [c], k)[0])] for n, c, k in sorted(set(grid))],
    }
    with open(os.path.join(HERE, "eval.json"), "w", encoding="utf-8") as f:
        json.dump(data, f, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
