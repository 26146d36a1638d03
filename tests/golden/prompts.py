"""Prompt tuning and prefix tuning of PEFT on the tiny models of language_models.py, for nn/models/prompts_test.cc: the
trained weights, inputs, logits, summed loss and gradients.

Run:  /tmp/venv/bin/pip install torch transformers peft safetensors
      /tmp/venv/bin/python prompts.py      writes prompts.safetensors next to this file
Computed in f64, as there. Made with torch 2.15.0 (CPU), transformers 5.24.0, peft 0.21.2, safetensors 0.8.0.
"""
import os

import torch
from language_models import HERE, V, in_f64
from peft import PrefixTuningConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

CONFIGS = {
    "prompt": lambda: PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3),
    "prefix": lambda: PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3),
    "mlp": lambda: PrefixTuningConfig(
        task_type="CAUSAL_LM", num_virtual_tokens=3, prefix_projection=True, encoder_hidden_size=5
    ),
}


def main():
    out = {}
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(3, V, (2, 6), generator=generator)
    targets = torch.randint(0, V, (2, 6), generator=generator)
    out |= {"ids": ids, "targets": targets}
    for family in ("llama", "gpt2"):
        for kind, config in CONFIGS.items():
            base = AutoModelForCausalLM.from_pretrained(
                os.path.join(HERE, "language_models", family), dtype=torch.float32, attn_implementation="sdpa"
            )
            base.eval()
            with in_f64(base) as base64:
                model = get_peft_model(base64, config()).double().eval()
                encoder = model.prompt_encoder["default"]
                for p in encoder.parameters():
                    p.data = 0.5 * torch.randn(p.shape, generator=generator, dtype=torch.float64)
                result = model(input_ids=ids, attention_mask=torch.ones_like(ids))
                logits = result.logits[:, -ids.shape[1] :]
                loss = torch.nn.functional.cross_entropy(logits.reshape(-1, V), targets.reshape(-1), reduction="sum")
                loss.backward()
            key = f"{family}.{kind}."
            out |= {key + "logits": logits.detach().contiguous(), key + "loss": loss.detach()}
            for name, p in encoder.named_parameters():
                out |= {key + name: p.detach().clone(), key + "grad." + name: p.grad.clone()}
            print(key, loss.item(), [(name, tuple(p.shape)) for name, p in encoder.named_parameters()])
    path = os.path.join(HERE, "prompts.safetensors")
    save_file(out, path)
    os.chmod(path, 0o644)


if __name__ == "__main__":
    main()
