"""Adapters of PEFT on the tiny models of language_models.py, for nn/models/peft_test.cc: a folder for each as
save_pretrained() writes it, and inputs, logits, summed loss, the gradient of every adapter (and of modules_to_save) under
the names of its file, and the weights of layer 0, of the embedding and the head after merge_and_unload().

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch transformers peft safetensors
      /tmp/venv/bin/python peft_adapters.py [CASE ...]      writes peft_adapters/<case>/ next to this file
Values are f32, results are computed in f64. B and the magnitudes are drawn, as after training.
Made with torch 2.15.0 (CPU), transformers 5.24.0, peft 0.21.2, safetensors 0.8.0.
"""
import os
import sys

import torch
from language_models import B, HERE, T, V, in_f64
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

LLAMA = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CASES = {
    "llama_lora": ("llama", dict(r=2, lora_alpha=3, target_modules=["q_proj", "v_proj", "down_proj"],
                                 rank_pattern={"down_proj": 3}, alpha_pattern={"layers.1.self_attn.v_proj": 5})),
    "llama_dora": ("llama", dict(r=3, lora_alpha=4, target_modules=LLAMA, use_rslora=True, use_dora=True)),
    "llama_modules": ("llama", dict(r=2, lora_alpha=3, target_modules=["o_proj"],
                                    modules_to_save=["lm_head", "embed_tokens"])),
    "llama_embeddings": ("llama", dict(r=2, lora_alpha=3, target_modules=["embed_tokens", "lm_head", "q_proj"],
                                       rank_pattern={"embed_tokens": 3}, lora_dropout=0.1)),
    "llama_embeddings-dora": ("llama", dict(r=3, lora_alpha=4, target_modules=["embed_tokens", "lm_head"],
                                            use_rslora=True, use_dora=True)),
    "gpt2_embeddings": ("gpt2", dict(r=2, lora_alpha=3, target_modules=["wte", "wpe", "lm_head", "c_attn"],
                                     fan_in_fan_out=True)),
    "gemma3_embeddings": ("gemma3", dict(r=2, lora_alpha=3, target_modules=["embed_tokens", "lm_head"],
                                         use_dora=True)),
    "bert_embeddings": ("bert", dict(r=2, lora_alpha=3, target_modules=["word_embeddings", "decoder", "query"])),
    "t5_v1_1_head": ("t5_v1_1", dict(r=2, lora_alpha=3, target_modules=["lm_head", "q"])),
    "gpt2_lora": ("gpt2", dict(r=2, lora_alpha=3, target_modules=["c_attn", "mlp.c_proj"], fan_in_fan_out=True)),
    "gpt2_dora": ("gpt2", dict(r=2, lora_alpha=3, target_modules=["c_attn", "c_fc"], fan_in_fan_out=True,
                               use_dora=True)),
    "t5_lora": ("t5", dict(r=2, lora_alpha=3, target_modules=["q", "v", "wo"], rank_pattern={"wo": 3})),
    "bart_dora": ("bart", dict(r=3, lora_alpha=4, target_modules=["q_proj", "out_proj", "fc1"], use_dora=True)),
    "gpt_neox_dora": ("gpt_neox", dict(r=2, lora_alpha=3, target_modules=["query_key_value"], use_dora=True)),
}


def file_name(parameter):
    """base_model...q_proj.lora_A.default.weight -> base_model...q_proj.lora_A.weight, as the file has it."""
    name = parameter.replace(".modules_to_save.default", "").replace(".default", "")
    return name.removesuffix(".weight") if "lora_magnitude_vector" in name else name


def write(case):
    base_name, options = CASES[case]
    both, masked = base_name in ("t5", "t5_v1_1", "bart"), base_name == "bert"
    kind = AutoModelForSeq2SeqLM if both else AutoModelForMaskedLM if masked else AutoModelForCausalLM
    base = kind.from_pretrained(os.path.join(HERE, "language_models", base_name)).eval()
    torch.manual_seed(3)
    model = get_peft_model(base, LoraConfig(task_type="SEQ_2_SEQ_LM" if both else None if masked else "CAUSAL_LM", **options)).eval()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if not p.requires_grad:
                continue
            noise = torch.randn(p.shape, generator=generator)
            if "lora_magnitude" in name or "modules_to_save" in name:
                p.add_(0.1 * noise)
            elif "lora_B" in name or "lora_embedding_" in name:
                p.copy_(0.3 * noise)
    folder = os.path.join(HERE, "peft_adapters", case)
    model.peft_config["default"].base_model_name_or_path = base_name
    model.save_pretrained(folder)
    os.remove(os.path.join(folder, "README.md"))
    ids = torch.randint(3, V, (B, T), generator=generator)
    targets = torch.randint(0, V, (B, T), generator=generator)
    targets[0, :3] = -100
    inputs = {"input_ids": ids} if masked else {"input_ids": ids, "use_cache": False}
    if both:
        source = torch.randint(3, V, (B, T - 2), generator=generator)
        inputs = {"input_ids": source, "decoder_input_ids": ids, "use_cache": False}
    single = model(**inputs).logits.detach()
    with in_f64(base):
        model.double()
        trained = [(file_name(name), p) for name, p in model.named_parameters() if p.requires_grad]
        model.zero_grad()
        logits = model(**inputs).logits
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, V), targets.reshape(-1), reduction="sum")
        loss.backward()
        torch.testing.assert_close(single.double(), logits.detach(), rtol=0, atol=5e-5)
        out = {"ids": ids, "targets": targets, "logits": logits.detach(), "loss": loss.detach()}
        if both:
            out["source"] = source
        out |= {"grad." + name: p.grad.clone() for name, p in trained}
        adapted = {name.split(".base_layer.")[0] for name in base.state_dict() if ".base_layer." in name}
        merged = model.merge_and_unload().state_dict()
        for name in sorted(adapted):
            if ".0." in name or name.split(".")[-1] in ("embed_tokens", "lm_head"):
                out["merged." + name + ".weight"] = merged[name + ".weight"].contiguous()
    save_file(out, os.path.join(folder, "golden.safetensors"))
    for file in os.listdir(folder):
        os.chmod(os.path.join(folder, file), 0o644)
    print(folder, sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)), "bytes, loss", loss.item())


for case in sys.argv[1:] or CASES:
    write(case)
