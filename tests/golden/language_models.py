"""Tiny random language models of Hugging Face transformers, for nn/models/*_test.cc: a folder for each as
save_pretrained() writes it, and inputs, logits, summed loss and the gradient of every parameter.

Run:  python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch transformers safetensors
      /tmp/venv/bin/python language_models.py [FAMILY ...]      writes language_models/<family>/ next to this file
Weights are f32 values; results are computed in f64. transformers computes rotary tables, RMSNorm, routing and the
softmax of its own attention in f32 whatever the model's dtype, so these are replaced by the same formulas in f64; the
script checks that the untouched f32 model agrees. A mixture of experts also has the load balancing loss (balance; of the
tokens with a target: balance_of_targets) and what it gives the embedding and the router (balance_grad).
Made with torch 2.15.0 (CPU), transformers 5.24.0, safetensors 0.8.0.
"""
import contextlib
import math
import os
import sys

import torch
from safetensors.torch import save_file
from transformers import (BartConfig, BartForConditionalGeneration, BertConfig, BertForMaskedLM, BloomConfig,
                          BloomForCausalLM, Gemma2Config, Gemma2ForCausalLM, Gemma3ForCausalLM, Gemma3TextConfig, GemmaConfig, GemmaForCausalLM, GPT2Config, GPT2LMHeadModel, GPTNeoXConfig,
                          GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM, MBartConfig, MBartForConditionalGeneration,
                          MistralConfig, MistralForCausalLM, MixtralConfig, MixtralForCausalLM, Olmo2Config, Olmo2ForCausalLM, OlmoeConfig,
                          OlmoeForCausalLM, Phi3Config, Phi3ForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen2MoeConfig, Qwen2MoeForCausalLM,
                          Qwen3Config, Qwen3ForCausalLM, RobertaConfig, RobertaForMaskedLM, T5Config,
                          T5ForConditionalGeneration)
from transformers.models.bloom import modeling_bloom
from transformers.models.gemma import modeling_gemma
from transformers.models.gemma2 import modeling_gemma2
from transformers.models.gemma3 import modeling_gemma3
from transformers.models.llama import modeling_llama
from transformers.models.mistral import modeling_mistral
from transformers.models.mixtral import modeling_mixtral
from transformers.models.olmo2 import modeling_olmo2
from transformers.models.olmoe import modeling_olmoe
from transformers.models.phi3 import modeling_phi3
from transformers.models.qwen2 import modeling_qwen2
from transformers.models.qwen2_moe import modeling_qwen2_moe
from transformers.models.qwen3 import modeling_qwen3
from transformers.models.t5 import modeling_t5

HERE = os.path.dirname(os.path.abspath(__file__))
V, T, B = 20, 9, 2
SOURCE_LENGTHS = [7, 4]
THETA = 10000.0
SIZES = dict(vocab_size=V, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=4,
             max_position_embeddings=16, attn_implementation="sdpa")


def rope(theta=THETA, **more):
    return {"rope_type": "default", "rope_theta": theta} | more


class Rotary64(torch.nn.Module):
    """theta: one for all layers, or by the type of layer."""

    def __init__(self, width, theta):
        super().__init__()
        thetas = theta if isinstance(theta, dict) else {None: theta}
        exponents = -torch.arange(0, width, 2, dtype=torch.float64) / width
        self.frequencies = {layer_type: value**exponents for layer_type, value in thetas.items()}

    def forward(self, x, position_ids, layer_type=None):
        angle = position_ids[..., None].double() * self.frequencies[layer_type]
        angle = torch.cat([angle, angle], -1)
        return angle.cos(), angle.sin()


class LongRope64(torch.nn.Module):
    def __init__(self, width, config):
        super().__init__()
        self.length, p = config.rope_parameters["original_max_position_embeddings"], config.rope_parameters
        exponents = -torch.arange(0, width, 2, dtype=torch.float64) / width
        self.frequencies = [p["rope_theta"] ** exponents / torch.tensor(p[key], dtype=torch.float64)
                            for key in ("short_factor", "long_factor")]
        factor = config.max_position_embeddings / self.length
        self.scale = math.sqrt(1 + math.log(factor) / math.log(self.length))

    def forward(self, x, position_ids):
        angle = position_ids[..., None].double() * self.frequencies[int(position_ids.max() >= self.length)]
        angle = torch.cat([angle, angle], -1)
        return angle.cos() * self.scale, angle.sin() * self.scale


def rms_norm64(self, x):
    return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)


def gemma_norm64(self, x):
    return (1 + self.weight) * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)


def mixtral_router64(self, x):
    logits = torch.nn.functional.linear(x.reshape(-1, self.hidden_dim), self.weight)
    top, indices = torch.topk(logits.softmax(-1), self.top_k, dim=-1)
    return logits, top / top.sum(-1, keepdim=True), indices


def gemma3_embedding64(self, ids):
    return torch.nn.functional.embedding(ids, self.weight) * self.scalar_embed_scale


@contextlib.contextmanager
def in_f64(model):
    """The model in f64, with what transformers computes in f32 replaced, until the end of the block."""
    softmax = torch.nn.functional.softmax
    kept = [(torch.nn.functional, "softmax", lambda x, dim, dtype=None: softmax(x, dim))]
    for norm in (modeling_llama.LlamaRMSNorm, modeling_mistral.MistralRMSNorm, modeling_qwen2.Qwen2RMSNorm,
                 modeling_qwen2_moe.Qwen2MoeRMSNorm, modeling_qwen3.Qwen3RMSNorm, modeling_mixtral.MixtralRMSNorm,
                 modeling_olmo2.Olmo2RMSNorm, modeling_olmoe.OlmoeRMSNorm, modeling_phi3.Phi3RMSNorm, modeling_t5.T5LayerNorm):
        kept.append((norm, "forward", rms_norm64))
    for norm in (modeling_gemma.GemmaRMSNorm, modeling_gemma2.Gemma2RMSNorm, modeling_gemma3.Gemma3RMSNorm):
        kept.append((norm, "forward", gemma_norm64))
    kept.append((modeling_mixtral.MixtralTopKRouter, "forward", mixtral_router64))
    kept.append((modeling_gemma3.Gemma3TextScaledWordEmbedding, "forward", gemma3_embedding64))
    # Bloom writes the square root of 2 / pi in 8 digits.
    kept.append((modeling_bloom.BloomGelu, "forward", lambda self, x: torch.nn.functional.gelu(x, approximate="tanh")))
    originals = [getattr(owner, name) for owner, name, _ in kept]
    config = model.config
    if hasattr(model.base_model, "rotary_emb"):
        head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        width = int(head_dim * config.rope_parameters.get("partial_rotary_factor", 1))
        by_type = {key: value["rope_theta"] for key, value in config.rope_parameters.items() if key.endswith("_attention")}
        model.base_model.rotary_emb = Rotary64(width, by_type or config.rope_parameters["rope_theta"])
        if config.rope_parameters.get("rope_type") == "longrope":
            model.base_model.rotary_emb = LongRope64(width, config)
    for owner, name, replacement in kept:
        setattr(owner, name, replacement)
    yield model.double()
    for (owner, name, _), original in zip(kept, originals):
        setattr(owner, name, original)


def randomize(model):
    generator = torch.Generator().manual_seed(7)
    one = 0 if "Gemma" in type(model).__name__ else 1  # Gemma's norms add it
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            one_dimensional_weight = p.dim() == 1 and name.endswith("weight")  # of a norm
            p.copy_(one + 0.1 * noise if one_dimensional_weight else 0.3 * noise)
        if hasattr(model, "final_logits_bias"):
            model.final_logits_bias.copy_(0.3 * torch.randn(1, V, generator=generator))


def run(model, inputs, targets):
    model.zero_grad()
    logits = model(**inputs, use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(logits.reshape(-1, V), targets.reshape(-1), reduction="sum")
    loss.backward()
    return logits.detach(), loss.detach(), gradients(model)


def gradients(model):
    """By the names of files, in which each expert has its own tensors."""
    grads = {}
    for name, p in model.named_parameters():
        grad = p.grad.clone()
        if ".experts." not in name:
            grads[name] = grad
            continue
        experts, kind = name.rsplit(".", 1)
        for e in range(grad.shape[0]):
            parts = grad[e].chunk(2) if kind == "gate_up_proj" else (grad[e],)
            for part, proj in zip(parts, ("gate_proj", "up_proj") if kind == "gate_up_proj" else ("down_proj",)):
                grads[f"{experts}.{e}.{proj}.weight"] = part
    return grads


def balance(model, ids, mask=None):
    """load_balancing_loss_func of transformers, which sums in f32, in the dtype of the model."""
    model.zero_grad()
    config = model.config
    logits = model(input_ids=ids, use_cache=False, output_router_logits=True).router_logits
    counts, sums, rows = 0, 0, 0
    for layer in logits:
        p = layer.softmax(-1)
        weight = torch.ones_like(p[:, 0]) if mask is None else mask.reshape(-1).to(p.dtype)
        chosen = torch.nn.functional.one_hot(p.topk(config.num_experts_per_tok).indices, config.num_experts).sum(1)
        counts, sums = counts + (chosen * weight[:, None]).sum(0), sums + (p * weight[:, None]).sum(0)
        rows = rows + weight.sum()
    loss = config.num_experts * (counts / rows * sums / rows).sum()
    theirs = modeling_qwen2_moe.load_balancing_loss_func(logits, config.num_experts, config.num_experts_per_tok, mask)
    torch.testing.assert_close(theirs.to(loss.dtype), loss, rtol=1e-6, atol=0)
    loss.backward()
    names = ("model.embed_tokens.weight", "model.layers.1.mlp.gate.weight")
    return loss.detach(), {"balance_grad." + name: model.get_parameter(name).grad.clone() for name in names}


def write(name, model):
    model.eval()
    randomize(model)
    folder = os.path.join(HERE, "language_models", name)
    model.save_pretrained(folder)
    if os.path.exists(os.path.join(folder, "generation_config.json")):
        os.remove(os.path.join(folder, "generation_config.json"))
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(3, V, (B, T), generator=generator)  # no padding, for whose rows transformers has no gradient
    targets = torch.randint(0, V, (B, T), generator=generator)
    targets[0, :3] = -100
    inputs, out, more = {"input_ids": ids}, {"ids": ids, "targets": targets}, {}
    if model.config.is_encoder_decoder:
        lengths = torch.tensor(SOURCE_LENGTHS, dtype=torch.int32)
        source = torch.randint(3, V, (B, max(SOURCE_LENGTHS)), generator=generator)
        seen = (torch.arange(source.shape[1])[None, :] < lengths[:, None]).long()
        inputs = {"input_ids": source, "attention_mask": seen, "decoder_input_ids": ids}
        out |= {"source": source, "source_lengths": lengths}
    single = run(model, inputs, targets)
    with in_f64(model):
        logits, loss, grads = run(model, inputs, targets)
        if model.config.model_type == "qwen2_moe":
            more["balance_of_targets"] = balance(model, ids, (targets != -100).long())[0]
            more["balance"], balance_grads = balance(model, ids)
            more |= balance_grads
    torch.testing.assert_close(single[0].double(), logits, rtol=0, atol=2e-5)
    torch.testing.assert_close(single[1].double(), loss, rtol=1e-5, atol=0)
    for key, grad in grads.items():
        torch.testing.assert_close(single[2][key].double(), grad, rtol=0, atol=1e-5 * grad.abs().max().item() + 1e-6)
    out |= {"logits": logits, "loss": loss}
    renamed = {"gpt_neox": {"lm_head": "embed_out"}, "mixtral": {
        "mlp": "block_sparse_moe", "gate_proj": "w1", "up_proj": "w3", "down_proj": "w2"}}.get(name, {})

    def file_name(key):
        for ours, theirs in renamed.items():
            key = key.replace(ours, theirs)
        return key

    out |= {"grad." + file_name(key): g.contiguous() for key, g in grads.items()} | more
    path = os.path.join(folder, "golden.safetensors")
    save_file(out, path)
    for file in os.listdir(folder):
        os.chmod(os.path.join(folder, file), 0o644)
    print(folder, sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)), "bytes, loss", loss.item())


def t5(num_layers=2, **options):
    return T5ForConditionalGeneration(T5Config(
        vocab_size=V, d_model=8, d_kv=6, d_ff=10, num_layers=num_layers, num_decoder_layers=2, num_heads=2,
        relative_attention_num_buckets=8, relative_attention_max_distance=6, dropout_rate=0,
        attn_implementation="sdpa", **options))


def t5_v1_1():
    model = t5(num_layers=1, feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    # The published ones have a head of their own, which transformers 5 ties where it makes a new model.
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    return model


def bart(config, model, **options):
    return model(config(
        vocab_size=V, d_model=8, encoder_layers=1, encoder_ffn_dim=10, encoder_attention_heads=2, decoder_layers=2,
        decoder_ffn_dim=12, decoder_attention_heads=4, max_position_embeddings=12, dropout=0,
        attn_implementation="sdpa", **options))


def phi3(original_max_position_embeddings):
    return Phi3ForCausalLM(Phi3Config(
        **SIZES, num_key_value_heads=2, sliding_window=6, pad_token_id=0, bos_token_id=0, eos_token_id=0,
        original_max_position_embeddings=original_max_position_embeddings, rope_parameters=rope(
            rope_type="longrope", short_factor=[1.0, 1.5], long_factor=[2.0, 3.5])))


MODELS = {
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(
        vocab_size=V, n_positions=16, n_embd=16, n_layer=2, n_head=4, n_inner=20, resid_pdrop=0, attn_pdrop=0,
        embd_pdrop=0, bos_token_id=0, eos_token_id=0, attn_implementation="sdpa")),
    "llama": lambda: LlamaForCausalLM(LlamaConfig(
        **SIZES, num_key_value_heads=2, rms_norm_eps=1e-6, rope_parameters=rope())),
    "mistral": lambda: MistralForCausalLM(MistralConfig(
        **SIZES, num_key_value_heads=2, sliding_window=4, rms_norm_eps=1e-5, rope_parameters=rope(1e6))),
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(
        **SIZES, num_key_value_heads=2, tie_word_embeddings=True, rope_parameters=rope(1e6))),
    "qwen2_moe": lambda: Qwen2MoeForCausalLM(Qwen2MoeConfig(
        **SIZES | dict(intermediate_size=6), num_key_value_heads=1, tie_word_embeddings=True, rope_parameters=rope(1e6),
        decoder_sparse_step=2, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=4,
        shared_expert_intermediate_size=6, experts_implementation="eager")),
    "gpt_neox": lambda: GPTNeoXForCausalLM(GPTNeoXConfig(
        **SIZES, bos_token_id=0, eos_token_id=0, rope_parameters=rope(partial_rotary_factor=0.5))),
    "gemma": lambda: GemmaForCausalLM(GemmaConfig(
        **SIZES, num_key_value_heads=1, head_dim=6, rope_parameters=rope())),
    "gemma2": lambda: Gemma2ForCausalLM(Gemma2Config(
        **SIZES | dict(attn_implementation="eager"), num_key_value_heads=1, head_dim=6, sliding_window=4,
        query_pre_attn_scalar=10, attn_logit_softcapping=1.5, final_logit_softcapping=2.0, rope_parameters=rope())),
    "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(
        **SIZES, num_key_value_heads=2, head_dim=6, rope_parameters=rope(1e6))),
    "gemma3": lambda: Gemma3ForCausalLM(Gemma3TextConfig(
        **SIZES | dict(attn_implementation="eager", num_hidden_layers=3), num_key_value_heads=1, head_dim=6,
        sliding_window=4, layer_types=["sliding_attention", "sliding_attention", "full_attention"],
        query_pre_attn_scalar=10,
        rope_parameters={"full_attention": rope(1e6), "sliding_attention": rope()})),
    "mixtral": lambda: MixtralForCausalLM(MixtralConfig(
        **SIZES | dict(intermediate_size=6), num_key_value_heads=2, num_local_experts=4, num_experts_per_tok=2,
        rope_parameters=rope(1e6), experts_implementation="eager")),
    "olmoe": lambda: OlmoeForCausalLM(OlmoeConfig(
        **SIZES | dict(intermediate_size=4), num_key_value_heads=2, num_experts=5, num_experts_per_tok=3,
        norm_topk_prob=True, rope_parameters=rope(), experts_implementation="eager")),
    "olmo2": lambda: Olmo2ForCausalLM(Olmo2Config(
        **SIZES | dict(intermediate_size=12), num_key_value_heads=2, pad_token_id=0, eos_token_id=0, rope_parameters=rope(5e5))),
    "bloom": lambda: BloomForCausalLM(BloomConfig(
        vocab_size=V, hidden_size=12, n_layer=2, n_head=3)),
    # The 9 tokens are beyond the length that it was trained for; phi3_short's are not.
    "phi3": lambda: phi3(original_max_position_embeddings=8),
    "phi3_short": lambda: phi3(original_max_position_embeddings=12),
    "bert": lambda: BertForMaskedLM(BertConfig(
        **SIZES | dict(intermediate_size=10), hidden_dropout_prob=0, attention_probs_dropout_prob=0)),
    "roberta": lambda: RobertaForMaskedLM(RobertaConfig(
        **SIZES | dict(intermediate_size=10), type_vocab_size=1, hidden_dropout_prob=0, attention_probs_dropout_prob=0)),
    "t5": t5,
    "t5_v1_1": t5_v1_1,
    "bart": lambda: bart(BartConfig, BartForConditionalGeneration),
    "mbart": lambda: bart(MBartConfig, MBartForConditionalGeneration, scale_embedding=True),
}

if __name__ == "__main__":
    for family in sys.argv[1:] or MODELS:
        write(family, MODELS[family]())
