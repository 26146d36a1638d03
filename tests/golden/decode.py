"""What transformers decodes with the tiny models of language_models/: greedy texts, rules, beams, cut distributions,
log-probabilities of given tokens. For recipes/kit/decode/golden_test.cc.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch transformers safetensors
      /tmp/venv/bin/python decode.py            writes decode.json next to this file
Each prompt is decoded alone, so that no padding is involved; beam scores are transformers' own.
Made with torch 2.15.0 (CPU), transformers 5.24.0.
"""
import json
import os

import torch
from transformers import (AutoModelForCausalLM, AutoModelForSeq2SeqLM, GenerationConfig, MinPLogitsWarper,
                          TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper)

HERE = os.path.dirname(os.path.abspath(__file__))
V = 20
NEW = 9
FAMILIES = {"llama": False, "gpt2": False, "gemma2": False, "t5": True, "bart": True, "mbart": True}
START = 2  # decoder_start_token_id

torch.set_num_threads(1)
generator = torch.Generator().manual_seed(3)
PROMPTS = [torch.randint(3, V, (n,), generator=generator).tolist() for n in (5, 2, 7, 4)]


def load(family, encoder_decoder):
    auto = AutoModelForSeq2SeqLM if encoder_decoder else AutoModelForCausalLM
    model = auto.from_pretrained(os.path.join(HERE, "language_models", family), dtype=torch.float32).eval()
    model.generation_config = GenerationConfig(pad_token_id=0)
    return model


def decode(model, encoder_decoder, prompt, **options):
    config = GenerationConfig(max_new_tokens=NEW, pad_token_id=0, return_dict_in_generate=True, output_scores=True,
                              use_cache=True, **options)
    if encoder_decoder:
        config.decoder_start_token_id = START
    with torch.no_grad():
        out = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.int64),
                             generation_config=config)
    begin = 1 if encoder_decoder else len(prompt)
    ends = options["eos_token_id"]
    texts = []
    for row in out.sequences[:, begin:].tolist():
        stop = next((i + 1 for i, token in enumerate(row) if token in ends), len(row))
        texts.append(row[:stop])
    return texts, (out.sequences_scores.double().tolist() if options.get("num_beams", 1) > 1 else [])


def texts(family, model, encoder_decoder):
    cases = []
    for options, ends in (({}, [5]), ({"repetition_penalty": 1.4}, [5, 17]), ({"no_repeat_ngram_size": 2}, [8, 15, 17]),
                          ({"no_repeat_ngram_size": 2, "min_new_tokens": 5}, [4, 8, 12, 15]),
                          ({"repetition_penalty": 1.2, "no_repeat_ngram_size": 1}, [3, 12])):
        found = [decode(model, encoder_decoder, p, do_sample=False, eos_token_id=ends, **options)[0][0] for p in PROMPTS]
        cases.append({"options": options, "stop_tokens": ends, "texts": found})
    return {"family": family, "cases": cases}


def beams(family, model, encoder_decoder):
    cases = []
    for ends in ([5], [5, 9, 13]):
        for length_penalty, early in ((1.0, False), (0.0, False), (2.0, "never"), (-0.5, True), (0.7, True), (1.0, "never"),
                                      (0.0, "never")):
            for rules in ({}, {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2}):
                if rules and (length_penalty, early) != (1.0, False):
                    continue
                found, scores = [], []
                for prompt in PROMPTS:
                    text, score = decode(model, encoder_decoder, prompt, do_sample=False, num_beams=3,
                                         num_return_sequences=3, eos_token_id=ends, length_penalty=length_penalty,
                                         early_stopping=early, **rules)
                    found.append(text)
                    scores.append(score)
                cases.append({"stop_tokens": ends, "length_penalty": length_penalty,
                              "early_stopping": str(early), "rules": rules, "texts": found, "scores": scores})
    return {"family": family, "cases": cases}


def cuts():
    cases = []
    for case in range(12):
        logits = 2 * torch.randn(1, 30, generator=generator, dtype=torch.float64)
        temperature, k = (0.6, 1.0, 1.7)[case % 3], (0, 7, 30, 1)[case % 4]
        p, min_p = (1.0, 0.8, 0.3, 0.95, 0.01)[case % 5], (0.0, 0.05, 0.4)[case // 4]
        scores = TemperatureLogitsWarper(temperature)(None, logits) if temperature != 1 else logits
        if k:
            scores = TopKLogitsWarper(k)(None, scores)
        if p < 1:
            scores = TopPLogitsWarper(p)(None, scores)
        if min_p:
            scores = MinPLogitsWarper(min_p)(None, scores)
        cases.append({"logits": logits[0].tolist(), "temperature": temperature, "top_k": k, "top_p": p, "min_p": min_p,
                      "probabilities": torch.softmax(scores[0], -1).tolist()})
    return cases


def log_probs(family, model, encoder_decoder):
    choices = [[3], [7, 8, 9], [7, 8], [7, 8, 11, 4], [12, 3], [7, 8, 9, 5]]
    model = model.double()
    rows = []
    for prompt in PROMPTS:
        of_prompt = []
        for choice in choices:
            with torch.no_grad():
                if encoder_decoder:
                    ids = torch.tensor([[START] + choice])
                    logits = model(input_ids=torch.tensor([prompt]), decoder_input_ids=ids).logits[0]
                else:
                    ids = torch.tensor([prompt + choice])
                    logits = model(input_ids=ids).logits[0]
            n = len(choice)
            behind = torch.log_softmax(logits[-n - 1:-1], -1)
            of_prompt.append([behind[i, token].item() for i, token in enumerate(choice)])
        rows.append(of_prompt)
    return {"family": family, "choices": choices, "log_probs": rows}


def rounded(x):
    if isinstance(x, float):
        return float(f"{x:.9g}")
    if isinstance(x, dict):
        return {key: rounded(value) for key, value in x.items()}
    return [rounded(value) for value in x] if isinstance(x, list) else x


def main():
    result = {"prompts": PROMPTS, "new_tokens": NEW, "start": START, "texts": [], "beams": [], "cuts": cuts(),
              "log_probs": []}
    for family, encoder_decoder in FAMILIES.items():
        model = load(family, encoder_decoder)
        result["texts"].append(texts(family, model, encoder_decoder))
        result["beams"].append(beams(family, model, encoder_decoder))
        result["log_probs"].append(log_probs(family, model, encoder_decoder))
    with open(os.path.join(HERE, "decode.json"), "w") as file:
        json.dump(rounded(result), file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
