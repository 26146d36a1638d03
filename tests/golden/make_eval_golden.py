#!/usr/bin/env python3
"""Writes eval.json: samples and what the reference packages make of them.

    python3 -m venv venv && venv/bin/pip install sacrebleu==2.6.0 rouge-score==0.1.2 jiwer==4.0.0 scikit-learn==1.9.1 \\
        krippendorff==0.9.0 statsmodels
    venv/bin/python tests/golden/make_eval_golden.py
"""
import collections
import json
import os
import re
import string

import jiwer
import krippendorff
import numpy as np
import sacrebleu
from rouge_score import rouge_scorer
from sklearn import metrics
from statsmodels.stats.inter_rater import fleiss_kappa

import text_strings

HERE = os.path.dirname(os.path.abspath(__file__))


def sentences():
    """Pairs of a reference and a damaged copy: words dropped, swapped, doubled, spelt differently."""
    pairs = []
    for i in range(60):
        kind = (8, 0, 9, 10, 8, 8)[i % 6]
        ref = text_strings.make_string(50000 * 13 + 13 * i + kind).decode("utf-8", "replace").strip() or "empty"
        rng = text_strings.Random(900 + i)
        words = ref.split(" ")
        hyp = []
        for w in words:
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
        pairs.append((" ".join(hyp), ref))
    pairs.append(("", "something here"))
    pairs.append(("The cat sat on the mat.", "The cat sat on the mat."))
    pairs.append(("prices rose 3.5%, i.e. $1,000-2,000", "prices rose by 3.5% (i.e. $1,000-2,000)."))
    pairs.append(("今天天气很好。", "今天的天气很好！"))
    return pairs


def normalize_answer(s):
    s = "".join(c for c in s.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", s).split())


def answer_f1(prediction, truth):
    p, t = normalize_answer(prediction).split(), normalize_answer(truth).split()
    if not p or not t:
        return float(p == t)
    same = sum((collections.Counter(p) & collections.Counter(t)).values())
    return 2 * same / (len(p) + len(t))


def overlap():
    pairs = sentences()
    hyps, refs = [h for h, _ in pairs], [r for _, r in pairs]
    second = refs[1:] + refs[:1]  # a second reference, from the next sentence
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)
    rouge = [scorer.score(r, h) for h, r in pairs]
    words = [h.split() for h in hyps]
    out = {
        "hypotheses": hyps, "references": refs,
        "bleu_tokens": {t: [sacrebleu.metrics.BLEU(tokenize=t).tokenizer(h.rstrip()).split() for h in hyps]
                        for t in ("13a", "zh", "char")},
        "bleu": {t: sacrebleu.corpus_bleu(hyps, [refs], tokenize=t).score for t in ("13a", "zh", "char", "none")},
        "bleu_two": sacrebleu.corpus_bleu(hyps, [refs, second]).score,
        "bleu_lower": sacrebleu.corpus_bleu(hyps, [refs], lowercase=True).score,
        "bleu_precisions": sacrebleu.corpus_bleu(hyps, [refs]).precisions,
        "bleu_penalty": sacrebleu.corpus_bleu(hyps, [refs]).bp,
        "sentence_bleu": [sacrebleu.sentence_bleu(h, [r]).score for h, r in pairs],
        "chrf": sacrebleu.corpus_chrf(hyps, [refs]).score,
        "chrf_two": sacrebleu.corpus_chrf(hyps, [refs, second]).score,
        "chrfpp": sacrebleu.corpus_chrf(hyps, [refs], word_order=2).score,
        "sentence_chrfpp": [sacrebleu.sentence_chrf(h, [r], word_order=2).score for h, r in pairs],
        "rouge": [[[s[k].precision, s[k].recall, s[k].fmeasure] for k in ("rouge1", "rouge2", "rougeL")] for s in rouge],
        "distinct": [len({tuple(w[i:i + n]) for w in words for i in range(len(w) - n + 1)})
                     / sum(max(0, len(w) - n + 1) for w in words) for n in (1, 2, 3)],
        "normalized": [normalize_answer(h) for h in hyps],
        "answer_f1": [answer_f1(h, r) for h, r in pairs],
    }
    plain = [(h, r) for h, r in pairs if all(c == " " or not c.isspace() for c in h + r)]  # jiwer splits at U+0020
    out["plain_hypotheses"] = [h for h, _ in plain]
    out["plain_references"] = [r for _, r in plain]
    out["wer"] = jiwer.wer(out["plain_references"], out["plain_hypotheses"])
    out["cer"] = jiwer.cer(out["plain_references"], out["plain_hypotheses"])
    return out


def classes():
    rng = np.random.default_rng(7)
    truth = rng.integers(0, 5, 300)
    predicted = np.where(rng.random(300) < 0.6, truth, rng.integers(0, 4, 300))
    binary = rng.integers(0, 2, 300)
    scores = np.round(rng.normal(size=300) + binary, 1)  # with ties
    confidence = np.round(rng.random(300), 3)
    correct = (rng.random(300) < confidence).astype(int)
    edges = np.linspace(0, 1, 11)
    ece = 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high) | ((low == 0) & (confidence == 0))
        if inside.any():
            ece += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    table = rng.multinomial(6, [0.5, 0.3, 0.2], size=40)
    ratings = rng.integers(1, 6, (4, 30)).astype(float)
    ratings[1:] = np.where(rng.random((3, 30)) < 0.6, ratings[0], ratings[1:])
    ratings[rng.random((4, 30)) < 0.15] = np.nan

    def prf(average):
        return list(metrics.precision_recall_fscore_support(truth, predicted, average=average, zero_division=0)[:3])

    return {
        "truth": truth.tolist(), "predicted": predicted.tolist(), "accuracy": metrics.accuracy_score(truth, predicted),
        "macro": prf("macro"), "weighted": prf("weighted"), "micro": prf("micro"),
        "per_class": np.array(metrics.precision_recall_fscore_support(truth, predicted, zero_division=0)[:3]).T.tolist(),
        "mcc": metrics.matthews_corrcoef(truth, predicted),
        "kappa": [metrics.cohen_kappa_score(truth, predicted, weights=w) for w in (None, "linear", "quadratic")],
        "binary": binary.tolist(), "scores": scores.tolist(), "auc": metrics.roc_auc_score(binary, scores),
        "rmse": metrics.root_mean_squared_error(binary, scores),
        "confidence": confidence.tolist(), "correct": correct.tolist(), "ece10": ece,
        "fleiss_table": table.tolist(), "fleiss": fleiss_kappa(table),
        "ratings": [[None if np.isnan(x) else x for x in row] for row in ratings],
        "alpha": {k: krippendorff.alpha(ratings, level_of_measurement=k) for k in ("nominal", "ordinal", "interval")},
    }


def main():
    with open(os.path.join(HERE, "eval.json"), "w", encoding="utf-8") as f:
        json.dump({"overlap": overlap(), "classes": classes()}, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
