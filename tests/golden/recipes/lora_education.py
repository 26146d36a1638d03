"""Reference values of recipes/lora_education, from the paper's description (arXiv 2504.15610), in f64.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy scipy torch transformers peft
      /tmp/venv/bin/python lora_education.py

NF4 is built from SciPy's normal quantiles and rounded by brute force; adapters are PEFT's, trained by PyTorch's AdamW
under the schedule of transformers; the checks of format are Python's `re`; near duplicates are a dense TF-IDF in NumPy;
tests of preferences are SciPy's.
"""
import copy
import re

import numpy as np
import peft
import recipe_values
import scipy
import torch
import transformers
from scipy.stats import binomtest, chi2, norm

random = np.random.default_rng(250415610)


# NF4: quantiles of the normal distribution, divided by the largest. 7 negative ones, 0 and 8 positive ones (QLoRA's
# appendix E).
def levels():
    delta = 0.9677083
    negative = norm.ppf(np.linspace(1 - delta, 0.5, 8))[:-1]
    positive = -norm.ppf(np.linspace(1 - delta, 0.5, 9))[:-1]
    values = np.sort(np.r_[negative, 0.0, positive])
    return values / np.abs(values).max()


def nf4(x):
    scale = np.abs(x).max()
    codes = np.array([np.argmin(np.abs(v / scale - LEVELS)) if scale > 0 else 7 for v in x])
    return scale, codes, scale * LEVELS[codes]


LEVELS = levels()
blocks = []
for x in (random.standard_normal(64), 1e-3 * random.standard_normal(64), random.uniform(-5, 1, 64),
          np.r_[-3.0, np.zeros(63)], np.zeros(64), np.resize(0.37 * LEVELS, 64)):
    x = x.astype(np.float32).astype(np.float64)
    scale, codes, values = nf4(x)
    blocks.append({"x": x, "scale": scale, "codes": codes, "values": values})


# Parameters and bytes of adapted layers [d_in, d_out].
def adapter_parameters(shapes, rank):
    return sum(np.prod((rank, d_in)) + np.prod((d_out, rank)) for d_in, d_out in shapes)


MISTRAL = 32 * [(4096, 4096), (4096, 1024), (4096, 1024), (4096, 4096), (4096, 14336), (4096, 14336), (14336, 4096)]
sizes = []
for shapes, rank in ((MISTRAL, 16), ([(128, 128), (128, 64), (320, 128)], 8), ([(64, 1)], 1)):
    weights = int(sum(a * b for a, b in shapes))
    sizes.append({"shapes": [list(s) for s in shapes[:7]], "repeat": len(shapes) // min(7, len(shapes)), "rank": rank,
                  "adapter": int(adapter_parameters(shapes, rank)), "weights": weights,
                  # a code of 4 bits each; an f32 scale for 64, or 8 bits for 64 and an f32 scale for 256 such
                  "nf4_bits": 4 + 32 / 64, "nf4_double_bits": 4 + 8 / 64 + 32 / (64 * 256)})


# Linear decay with warm-up, as transformers' Trainer makes it of a ratio.
def rates(peak, steps, ratio):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    arguments = transformers.TrainingArguments(output_dir="unused", use_cpu=True, warmup_steps=ratio)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, arguments.get_warmup_steps(steps), steps)
    out = []
    for _ in range(steps):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return out


schedules = [{"peak": peak, "steps": steps, "ratio": ratio, "rates": rates(peak, steps, ratio)}
             for peak, steps, ratio in ((2e-4, 284, 0.03), (2e-4, 142, 0.03), (1.0, 1, 0.0), (0.5, 7, 0.0),
                                        (3e-3, 20, 0.5))]


# Two phases of training: batches of rows, mean squared error over the rows of a batch, summed over the outputs.
def two_phases(kind):
    torch.manual_seed(0)
    base = torch.nn.Sequential()
    base.add_module("q_proj", torch.nn.Linear(5, 4, bias=False, dtype=torch.float64))
    base.q_proj.weight.data = torch.tensor(WEIGHT)
    config = peft.LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj"])
    layers = peft.get_peft_model(base, config)
    layer = base.q_proj
    a, b = layer.lora_A.default.weight, layer.lora_B.default.weight
    a.data, b.data = torch.tensor(A), torch.zeros(4, 2, dtype=torch.float64)
    assert sum(p.requires_grad for p in layers.parameters()) == 2
    new = lambda: torch.optim.AdamW([a, b], lr=1.0, weight_decay=0.0)
    optimizer = new()
    losses = []
    total = sum(len(phase) for phase in BATCHES)
    for number, phase in enumerate(BATCHES):
        if number == 1:
            state = copy.deepcopy(optimizer.state_dict())
            optimizer = new()
            if kind != "adapter_only":
                optimizer.load_state_dict(state)
        rate = rates(PEAK, total, RATIO)[0 if number == 0 else len(BATCHES[0]):] if kind == "continuous" else \
            rates(PEAK, len(phase), RATIO)
        for step, rows in enumerate(phase):
            loss = (layers(torch.tensor(X[rows])) - torch.tensor(Y[rows])).square().sum() / len(rows)
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([a, b], CLIP)
            optimizer.param_groups[0]["lr"] = rate[step]
            optimizer.step()
    return {"kind": kind, "losses": losses, "a": a.detach().flatten(), "b": b.detach().flatten()}


WEIGHT, A = random.standard_normal((4, 5)), random.standard_normal((2, 5))
X, Y = random.standard_normal((12, 5)), random.standard_normal((12, 4))
BATCHES = [[[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11]], [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]]
PEAK, RATIO, CLIP = 0.05, 0.2, 0.3
hand_off = {"weight": WEIGHT.flatten(), "a": A.flatten(), "x": X.flatten(), "y": Y.flatten(), "batches": BATCHES,
            "peak": PEAK, "ratio": RATIO, "clip": CLIP,
            "runs": [two_phases(kind) for kind in ("adapter_only", "optimizer_state", "continuous")]}

# Format: heading, list, bold, "Action Steps".
PATTERNS = {"heading": r"(?m)^#{1,6}[ \t]+\S", "list": r"(?m)^[ \t]*(?:[-*+]|[0-9]+[.)])[ \t]+\S",
            "bold": r"\*\*[^*\n]+\*\*", "action_steps": r"(?i)\baction steps\b"}
TEXTS = ["", "plain text", "## Visa\n\n- **Fee:** $80\n\n### Action Steps\n1. Pay.",
         "#no blank\n-none\n** **\nactionsteps", "####### seven", "  # indented heading", "###### six\ttabs", "#\tTab",
         "# \n# ", "text # not at the start", "* star\n+ plus", "12) twelve", "12)twelve", "a - b", "  - nested",
         "**a*b**", "**two\nlines**", "****", "**x**", "ACTION STEPS", "Action Step", "reaction steps", "Action  Steps", "Action Steps:", "\n\n## x\n", "- ", "1.", "1. x\n", "--- rule", "**Action Steps**\n* go"]
markdown = [{"text": t, **{name: int(bool(re.search(p, t))) for name, p in PATTERNS.items()}} for t in TEXTS]


# Bowker's test of symmetry, and win/tie/loss.
def bowker(table):
    n = np.array(table, float)
    pairs = [(i, j) for i in range(len(n)) for j in range(i) if n[i, j] + n[j, i] > 0]
    statistic = sum((n[i, j] - n[j, i]) ** 2 / (n[i, j] + n[j, i]) for i, j in pairs)
    return {"counts": n.flatten(), "size": len(n), "statistic": statistic, "degrees": len(pairs),
            "p": chi2.sf(statistic, len(pairs)) if pairs else 1.0}


symmetry = [bowker(t) for t in ([[10, 5, 3], [2, 20, 7], [9, 1, 4]], [[0, 3], [8, 0]], [[4, 0], [0, 6]], [[1]],
                                [[1, 0, 0, 4], [0, 2, 0, 0], [3, 0, 1, 0], [4, 9, 0, 5]])]
preference = []
for wins, ties, losses in ((23, 18, 9), (0, 5, 0), (1, 0, 0), (7, 3, 7)):
    expected = (wins + ties + losses) / 3
    statistic = sum((k - expected) ** 2 for k in (wins, ties, losses)) / expected
    preference.append({"wins": wins, "ties": ties, "losses": losses, "thirds": statistic, "thirds_p": chi2.sf(statistic, 2),
                       "sign_p": binomtest(wins, wins + losses).pvalue if wins + losses else 1.0})


# Near duplicates: cosine of TF-IDF of words and pairs of words, as scikit-learn's TfidfVectorizer weighs them.
def tf_idf(documents):
    grams = [[" ".join(w[i:i + n]) for n in (1, 2) for i in range(len(w) - n + 1)] for w in (d.split() for d in documents)]
    names = sorted({g for d in grams for g in d})
    counts = np.array([[d.count(g) for g in names] for d in grams], float)
    x = counts * (np.log((1 + len(documents)) / (1 + (counts > 0).sum(0))) + 1)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(length > 0, length, 1)


def near_duplicates(documents, above):
    cosine = tf_idf(documents) @ tf_idf(documents).T
    dropped = [0] * len(documents)
    for i in range(len(documents)):
        dropped[i] = int(any(cosine[i, j] > above and not dropped[j] for j in range(i)))
    return dropped


WORDS = np.array("visa fee deadline loan grant rent campus course essay bank form city".split())
documents = [" ".join(random.choice(WORDS, random.integers(6, 30))) for _ in range(12)]
documents += [documents[0], documents[3] + " rent", documents[5].replace("visa", "form", 1), "", "visa", "visa",
              " ".join(reversed(documents[7].split()))]
duplicates = [{"documents": documents, "above": above, "dropped": near_duplicates(documents, above)} for above in (0.9, 0.6)]

recipe_values.write(__file__, {
    "levels": LEVELS, "blocks": blocks, "sizes": sizes, "schedules": schedules, "hand_off": hand_off, "markdown": markdown,
    "symmetry": symmetry, "preference": preference, "duplicates": duplicates,
    "reduction": [{"first": 1.0125, "last": 0.4787, "reduction": (1.0125 - 0.4787) / 1.0125}]},
    np, scipy, torch, transformers, peft)
