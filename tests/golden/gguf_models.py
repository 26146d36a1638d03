"""Tiny models as GGUF files, for recipes/kit/models/gguf_model_test.cc: those of language_models/ as llama.cpp's
converter writes them (Qwen2's also split over three files), and Llamas with every type of block.

Run:  /tmp/venv/bin/pip install torch transformers safetensors gguf
      /tmp/venv/bin/python gguf_models.py     writes gguf_models/<name>.gguf and gguf_models/golden.safetensors
Names of tensors come from the gguf package; what llama.cpp's converter changes (the order of rows of q and k, Gemma's
norms, fused and stacked tensors, transposed matrices) is done here by hand. Logits (for BERT hidden states) are those of
the models that were converted; wherever transformers reads the architecture from GGUF, the script checks that it makes the
same of the file (it leaves out the softcaps of Gemma 2 and sizes of GPT-2). Blocks of types that the package cannot quantise to are random bytes with small scales.
Made with torch 2.15.0 (CPU), transformers 5.24.0, gguf 0.19.0.
"""
import os

import gguf
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import (AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM, LlamaConfig,
                          LlamaForCausalLM)

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "gguf_models")
TYPES = gguf.GGMLQuantizationType
ARCHITECTURES = {  # folder of language_models: architecture, whether transformers reads it from GGUF
    "llama": ("llama", True), "mistral": ("llama", False), "qwen2": ("qwen2", True), "qwen2_moe": ("qwen2moe", False),
    "gemma": ("gemma", False), "gemma2": ("gemma2", False), "gpt2": ("gpt2", False), "gpt_neox": ("gptneox", False),
    "qwen3": ("qwen3", False), "gemma3": ("gemma3", False), "mixtral": ("llama", False), "olmoe": ("olmoe", False),
    "phi3": ("phi3", False), "bloom": ("bloom", False), "bert": ("bert", False), "roberta": ("bert", False), "olmo2": ("olmo2", False)}


def rows_of_pairs(weight, heads):
    """permute() of llama.cpp's converter."""
    return (weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2)
            .reshape(weight.shape))


def converted(arch, config, state):
    """(name, array) as the converter writes them."""
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[{"gptneox": "GPTNEOX", "qwen2moe": "QWEN2MOE"}.get(
        arch, arch.upper())], config.num_hidden_layers)
    heads = config.num_attention_heads
    for name, tensor in state.items():
        array = tensor.float().numpy()
        if name.endswith((".attn.bias", ".attn.masked_bias", "inv_freq", "position_ids")) or "pooler" in name:
            continue
        if config.tie_word_embeddings and name in ("lm_head.weight", "embed_out.weight"):
            continue
        if arch == "llama" and ".q_proj." in name:
            array = rows_of_pairs(array, heads)
        if arch == "llama" and ".k_proj." in name:
            array = rows_of_pairs(array, config.num_key_value_heads)
        if arch.startswith("gemma") and name.endswith("norm.weight"):
            array = array + np.float32(1)
        if arch == "gpt2" and name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")):
            array = array.T
        if "query_key_value" in name:
            array = array.reshape(heads, 3, -1, *array.shape[1:]).swapaxes(0, 1).reshape(array.shape)
        if config.model_type == "roberta" and "position_embeddings" in name:
            array = array[config.pad_token_id + 1:]
        if name.endswith("shared_expert_gate.weight"):
            array = array[0]
        if ".experts." in name:  # transformers holds them stacked, as files do
            layer = name.split(".")[2]
            if name.endswith("gate_up_proj"):
                gate, up = np.split(array, 2, 1)
                yield f"blk.{layer}.ffn_gate_exps.weight", gate
                yield f"blk.{layer}.ffn_up_exps.weight", up
            else:
                yield f"blk.{layer}.ffn_down_exps.weight", array
            continue
        if arch == "bloom":
            name = name.removeprefix("transformer.")
        written = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if written is None:
            raise ValueError(name)
        yield written, np.ascontiguousarray(array)


def write_keys(writer, arch, config):
    layer_norm = arch in ("gpt2", "gptneox", "bloom", "bert")
    positions = getattr(config, "max_position_embeddings", 2048)  # of Bloom any number
    writer.add_context_length(positions - (2 if config.model_type == "roberta" else 0))
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(getattr(config, "n_inner", None) or
                                   getattr(config, "intermediate_size", 4 * config.hidden_size))
    writer.add_head_count(config.num_attention_heads)
    if layer_norm:
        writer.add_layer_norm_eps(getattr(config, "layer_norm_epsilon", None) or config.layer_norm_eps)
    else:
        writer.add_head_count_kv(config.num_key_value_heads)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        rope = config.rope_parameters.get("full_attention", config.rope_parameters)  # of Gemma 3 two
        writer.add_rope_freq_base(rope["rope_theta"])
    if arch in ("gemma", "gemma2", "gemma3", "qwen3"):
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    if arch == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    if getattr(config, "sliding_window", None) and arch in ("llama", "gemma2", "gemma3", "phi3"):
        writer.add_sliding_window(config.sliding_window)
    if arch == "gemma3":
        writer.add_sliding_window_pattern(config.layer_types.index("full_attention") + 1)
    if arch == "phi3":
        writer.add_rope_scaling_orig_ctx_len(config.original_max_position_embeddings)
    if arch == "olmoe" or config.model_type == "mixtral":
        writer.add_expert_count(getattr(config, "num_local_experts", None) or config.num_experts)
        writer.add_expert_used_count(config.num_experts_per_tok)
    if arch == "gptneox":
        writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
        head = config.hidden_size // config.num_attention_heads
        writer.add_rope_dimension_count(int(config.rope_parameters["partial_rotary_factor"] * head))
        writer.add_parallel_residual(config.use_parallel_residual)
    if arch == "bert":
        writer.add_causal_attention(False)
    if arch == "qwen2moe":
        writer.add_expert_count(config.num_experts)
        writer.add_expert_used_count(config.num_experts_per_tok)
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)
        writer.add_expert_shared_feed_forward_length(config.shared_expert_intermediate_size)
    write_tokens(writer, config)


def write_tokens(writer, config):
    tokens = [chr(ord("a") + i) for i in range(config.vocab_size - 2)] + ["ab", "<|end|>"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([1] * (config.vocab_size - 1) + [3])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(config.vocab_size - 1)


def write(name, arch, config, tensors):
    path = os.path.join(FOLDER, name + ".gguf")
    writer = gguf.GGUFWriter(path, arch)
    write_keys(writer, arch, config)
    for tensor, array, kind in tensors:
        writer.add_tensor(tensor, array, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def logits_of(model, ids):
    with torch.no_grad():
        out = model(ids, **({} if model.config.model_type in ("bert", "roberta") else {"use_cache": False}))
    return out.logits if hasattr(out, "logits") else out.last_hidden_state


def check_with_transformers(name, ids, logits):
    model = AutoModelForCausalLM.from_pretrained(FOLDER, gguf_file=name + ".gguf", dtype=torch.float32).eval()
    torch.testing.assert_close(logits_of(model, ids), logits, rtol=0, atol=2e-5 * logits.abs().max().item())


def of_folder(name, out):
    arch, known = ARCHITECTURES[name]
    folder = os.path.join(HERE, "language_models", name)
    config = AutoConfig.from_pretrained(folder)
    if arch in ("gemma2", "gemma3"):
        config.query_pre_attn_scalar = config.head_dim  # no key can say another
    if arch == "olmoe":
        config.norm_topk_prob = False  # likewise
    kind = AutoModel if arch == "bert" else AutoModelForCausalLM
    if arch == "qwen2moe":  # the format has experts in all layers or none
        config.decoder_sparse_step = 1
        torch.manual_seed(2)
        model = kind.from_config(config).eval()
        with torch.no_grad():
            for p in model.parameters():
                p.copy_(0.3 * torch.randn(p.shape) + (p.dim() == 1))
    else:
        more = {"experts_implementation": "eager"} if name in ("mixtral", "olmoe") else {}
        model = kind.from_pretrained(folder, config=config, dtype=torch.float32, **more).eval()
    tensors = [(key, array, None) for key, array in converted(arch, config, model.state_dict())]
    if arch == "phi3":
        for length in ("short", "long"):
            factors = np.array(config.rope_parameters[length + "_factor"], np.float32)
            tensors.append((f"rope_factors_{length}.weight", factors, None))
    write(name, arch, config, tensors)
    ids = load_file(os.path.join(folder, "golden.safetensors"))["ids"]
    logits = logits_of(model, ids)
    if known:
        check_with_transformers(name, ids, logits)
    out |= {name + ".ids": ids, name + ".logits": logits}


def of_t5(name, out):
    folder = os.path.join(HERE, "language_models", name)
    config = AutoConfig.from_pretrained(folder)
    config.relative_attention_max_distance = 128  # no key can say another
    model = AutoModelForSeq2SeqLM.from_pretrained(folder, config=config, dtype=torch.float32).eval()
    path = os.path.join(FOLDER, name + ".gguf")
    writer = gguf.GGUFWriter(path, "t5")
    writer.add_context_length(512)
    writer.add_embedding_length(config.d_model)
    writer.add_feed_forward_length(config.d_ff)
    writer.add_block_count(config.num_layers)
    if config.num_decoder_layers != config.num_layers:
        writer.add_decoder_block_count(config.num_decoder_layers)
    writer.add_head_count(config.num_heads)
    writer.add_key_length(config.d_kv)
    writer.add_value_length(config.d_kv)
    writer.add_layer_norm_eps(config.layer_norm_epsilon)
    writer.add_relative_attn_buckets_count(config.relative_attention_num_buckets)
    writer.add_layer_norm_rms_eps(config.layer_norm_epsilon)
    writer.add_decoder_start_token_id(0)
    write_tokens(writer, config)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.T5, max(config.num_layers, config.num_decoder_layers))
    state = model.state_dict()
    for key, tensor in state.items():
        tied = key == "lm_head.weight" and torch.equal(tensor, state["shared.weight"])
        if tied or "coder.embed_tokens" in key:
            continue
        writer.add_tensor(names.get_name(key, try_suffixes=(".weight", ".bias")), tensor.float().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    golden = load_file(os.path.join(folder, "golden.safetensors"))
    with torch.no_grad():
        logits = model(input_ids=golden["source"], decoder_input_ids=golden["ids"], use_cache=False).logits
    out |= {name + ".ids": golden["ids"], name + ".source": golden["source"], name + ".logits": logits}


def split_qwen2():
    """The tensors of qwen2.gguf over three files as llama-gguf-split writes them, the keys in the first."""
    reader = gguf.GGUFReader(os.path.join(FOLDER, "qwen2.gguf"))
    config = AutoConfig.from_pretrained(os.path.join(HERE, "language_models", "qwen2"))
    for part in range(3):
        writer = gguf.GGUFWriter(os.path.join(FOLDER, f"qwen2-split-{part + 1:05}-of-00003.gguf"), "qwen2")
        if part == 0:
            write_keys(writer, "qwen2", config)
        writer.add_uint16(gguf.Keys.Split.LLM_KV_SPLIT_NO, part)
        writer.add_uint16(gguf.Keys.Split.LLM_KV_SPLIT_COUNT, 3)
        writer.add_int32(gguf.Keys.Split.LLM_KV_SPLIT_TENSORS_COUNT, len(reader.tensors))
        share = -(-len(reader.tensors) // 3)
        for tensor in reader.tensors[part * share:(part + 1) * share]:
            writer.add_tensor(tensor.name, tensor.data.reshape(tuple(reversed(tensor.shape.tolist()))))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def random_blocks(generator, shape, kind):
    """Bytes of blocks whose scales (f16, at the places that the format has them) are between 2^-9 and 2^-7."""
    values, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = generator.integers(0, 256, (*shape[:-1], shape[-1] // values, size), dtype=np.uint8)
    places = {TYPES.Q4_K: (0, 2), TYPES.Q5_K: (0, 2), TYPES.Q6_K: (208,)}[kind]
    for at in places:
        scale = np.exp2(generator.uniform(-11 if kind == TYPES.Q6_K else -9, -9, blocks.shape[:-1])).astype(np.float16)
        blocks[..., at:at + 2] = scale[..., None].view(np.uint8)
    return blocks.reshape(*shape[:-1], -1)


def with_blocks(name, hidden, kinds, out):
    """A Llama whose matrices have these types in turn; its logits are those of the dequantised values."""
    config = LlamaConfig(vocab_size=24, hidden_size=hidden, intermediate_size=32, num_hidden_layers=1,
                         num_attention_heads=8, num_key_value_heads=1, max_position_embeddings=32, rms_norm_eps=1e-5,
                         tie_word_embeddings=True)
    torch.manual_seed(3)
    model = LlamaForCausalLM(config).eval()
    generator = np.random.default_rng(5)
    tensors, values = [], {}
    for key, array in converted("llama", config, model.state_dict()):
        if array.ndim == 1:
            tensors.append((key, 1 + array * 0, None))
            continue
        kind = kinds[len(tensors) % len(kinds)]
        if array.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] != 0:
            kind = TYPES.Q8_0
        try:
            data = gguf.quants.quantize(array * np.float32(3), kind)
        except NotImplementedError:
            data = random_blocks(generator, array.shape, kind)
        values[key] = gguf.quants.dequantize(data, kind)
        tensors.append((key, data, kind))
    write(name, "llama", config, tensors)
    ids = torch.randint(0, 24, (2, 11))
    model = AutoModelForCausalLM.from_pretrained(FOLDER, gguf_file=name + ".gguf", dtype=torch.float32).eval()
    out |= {name + ".ids": ids, name + ".logits": logits_of(model, ids)}
    out |= {name + ".values." + key: torch.from_numpy(value[:1].copy()) for key, value in values.items()}


def main():
    os.makedirs(FOLDER, exist_ok=True)
    out = {}
    for name in ARCHITECTURES:
        of_folder(name, out)
    split_qwen2()
    for name in ("t5", "t5_v1_1"):
        of_t5(name, out)
    with_blocks("half_types", 32, [TYPES.F16, TYPES.BF16], out)
    with_blocks("small_blocks", 64, [TYPES.Q4_0, TYPES.Q4_1, TYPES.Q5_0, TYPES.Q5_1, TYPES.Q8_0], out)
    with_blocks("k_blocks", 256, [TYPES.Q4_K, TYPES.Q5_K, TYPES.Q6_K], out)
    save_file({key: value.contiguous() for key, value in out.items()}, os.path.join(FOLDER, "golden.safetensors"))
    for file in sorted(os.listdir(FOLDER)):
        os.chmod(os.path.join(FOLDER, file), 0o644)
        print(file, os.path.getsize(os.path.join(FOLDER, file)), "bytes")


if __name__ == "__main__":
    main()
