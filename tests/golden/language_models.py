"""Tiny random GPT-2 and Llama of Hugging Face transformers, for nn/models/*_test.cc: weights, inputs, logits, loss and
the gradient of every parameter.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch transformers safetensors
      /tmp/venv/bin/python language_models.py      writes language_models/{gpt2,llama}.safetensors next to this file
Weights are f32 values; results are computed in f64. transformers computes rotary tables and RMSNorm in f32 whatever the
model's dtype, so both are replaced by the same formulas in f64; the script checks that the untouched f32 model agrees.
Made with torch 2.15.0 (CPU), transformers 5.23.0, safetensors 0.8.0.
"""
import os

import torch
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from transformers.models.llama import modeling_llama

HERE = os.path.dirname(os.path.abspath(__file__))
V, T, B = 40, 9, 2
THETA = 10000.0


class Rotary64(torch.nn.Module):
    def __init__(self, head_dim):
        super().__init__()
        self.frequency = THETA ** (-torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)

    def forward(self, x, position_ids):
        angle = position_ids[..., None].double() * self.frequency
        angle = torch.cat([angle, angle], -1)
        return angle.cos(), angle.sin()


def rms_norm64(self, x):
    return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)


def randomize(model):
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            one_dimensional_weight = p.dim() == 1 and name.endswith("weight")  # of a norm
            p.copy_(1 + 0.1 * noise if one_dimensional_weight else 0.3 * noise)


def run(model, ids, targets):
    model.zero_grad()
    logits = model(input_ids=ids, use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(logits.reshape(-1, V), targets.reshape(-1), reduction="sum")
    loss.backward()
    return logits.detach(), loss.detach(), {name: p.grad.clone() for name, p in model.named_parameters()}


def write(name, model, to_f64):
    model.eval()
    randomize(model)
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(0, V, (B, T), generator=generator)
    targets = torch.randint(0, V, (B, T), generator=generator)
    targets[0, :3] = -100
    weights = {key: p.detach().clone() for key, p in model.named_parameters()}
    single = run(model, ids, targets)
    to_f64(model.double())
    logits, loss, grads = run(model, ids, targets)
    torch.testing.assert_close(single[0].double(), logits, rtol=0, atol=2e-5)
    torch.testing.assert_close(single[1].double(), loss, rtol=1e-5, atol=0)
    for key, grad in grads.items():
        torch.testing.assert_close(single[2][key].double(), grad, rtol=0, atol=1e-5 * grad.abs().max().item() + 1e-6)
    out = {"ids": ids, "targets": targets, "logits": logits, "loss": loss}
    out |= {"weight." + key: w.contiguous() for key, w in weights.items()}
    out |= {"grad." + key: g.contiguous() for key, g in grads.items()}
    path = os.path.join(HERE, "language_models", name + ".safetensors")
    save_file(out, path)
    os.chmod(path, 0o644)
    print(path, os.path.getsize(path), "bytes, loss", loss.item())


def f64_llama(model):
    modeling_llama.LlamaRMSNorm.forward = rms_norm64
    model.model.rotary_emb = Rotary64(model.config.head_dim)


os.makedirs(os.path.join(HERE, "language_models"), exist_ok=True)
write("gpt2", GPT2LMHeadModel(GPT2Config(vocab_size=V, n_positions=16, n_embd=16, n_layer=2, n_head=2, resid_pdrop=0,
                                         attn_pdrop=0, embd_pdrop=0)), lambda model: None)
write("llama", LlamaForCausalLM(LlamaConfig(vocab_size=V, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
                                            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=16,
                                            rms_norm_eps=1e-6, tie_word_embeddings=False,
                                            rope_parameters={"rope_type": "default", "rope_theta": THETA},
                                            attn_implementation="sdpa")), f64_llama)
