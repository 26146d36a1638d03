#include "nn/models/checkpoint_families.h"

namespace roux {
namespace {

constexpr const char* kEmbedding = "model.embed_tokens.weight";

constexpr const char* kLlamaBuffers[] = {".rotary_emb.inv_freq"};
constexpr Row kLlamaHead[] = {{"lm_head", "lm_head"}};
constexpr Repeat kLlamaRepeats[] = {{"lm_head.weight", kEmbedding}};
constexpr Names kLlamaNames = {"model.", "layers", {}, {}, kLlamaHead, kLlamaRepeats, kLlamaBuffers, {}};

constexpr Row kGemma2InLayers[] = {{"mixer_norm", "post_attention_layernorm"},
                                   {"post_attention_layernorm", "pre_feedforward_layernorm"},
                                   {"mlp_norm", "post_feedforward_layernorm"}};
constexpr Names kGemma2Names = {"model.",      "layers",      {}, kGemma2InLayers, kLlamaHead,
                                kLlamaRepeats, kLlamaBuffers, {}};

constexpr Row kOlmo2InLayers[] = {{"mixer_norm", "post_attention_layernorm"},
                                  {"mlp_norm", "post_feedforward_layernorm"}};
constexpr Names kOlmo2Names = {"model.",      "layers",      {}, kOlmo2InLayers, kLlamaHead,
                               kLlamaRepeats, kLlamaBuffers, {}};

constexpr Row kMixtralInLayers[] = {{"mlp.gate", "block_sparse_moe.gate"},
                                    {"mlp.experts.*.gate_proj", "block_sparse_moe.experts.*.w1"},
                                    {"mlp.experts.*.up_proj", "block_sparse_moe.experts.*.w3"},
                                    {"mlp.experts.*.down_proj", "block_sparse_moe.experts.*.w2"}};
constexpr Names kMixtralNames = {"model.",      "layers",      {}, kMixtralInLayers, kLlamaHead,
                                 kLlamaRepeats, kLlamaBuffers, {}};

constexpr Row kPhi3InLayers[] = {{"self_attn", "self_attn.qkv_proj", Layout::kQkv},
                                 {"mlp", "mlp.gate_up_proj", Layout::kGateUp}};
constexpr Names kPhi3Names = {"model.",      "layers",      {}, kPhi3InLayers, kLlamaHead,
                              kLlamaRepeats, kLlamaBuffers, {}};

constexpr Row kGpt2Modules[] = {{"embed_tokens", "wte"}, {"embed_positions", "wpe"}, {"norm", "ln_f"}};
constexpr Row kGpt2InLayers[] = {{"input_layernorm", "ln_1"},
                                 {"post_attention_layernorm", "ln_2"},
                                 {"self_attn", "attn.c_attn", Layout::kQkv, true},
                                 {"self_attn.o_proj", "attn.c_proj", Layout::kSame, true},
                                 {"mlp.up_proj", "mlp.c_fc", Layout::kSame, true},
                                 {"mlp.down_proj", "mlp.c_proj", Layout::kSame, true}};
constexpr const char* kGpt2Buffers[] = {".attn.bias", ".attn.masked_bias"};
constexpr Names kGpt2Names = {"transformer.", "h",           kGpt2Modules, kGpt2InLayers,
                              kLlamaHead,     kLlamaRepeats, kGpt2Buffers, {}};

constexpr Row kNeoXModules[] = {{"embed_tokens", "embed_in"}, {"norm", "final_layer_norm"}};
constexpr Row kNeoXInLayers[] = {{"self_attn", "attention.query_key_value", Layout::kQkvPerHead},
                                 {"self_attn.o_proj", "attention.dense"},
                                 {"mlp.up_proj", "mlp.dense_h_to_4h"},
                                 {"mlp.down_proj", "mlp.dense_4h_to_h"}};
constexpr Row kNeoXHead[] = {{"lm_head", "embed_out"}, {"lm_head", "lm_head"}};
constexpr Repeat kNeoXRepeats[] = {{"embed_out.weight", kEmbedding}, {"lm_head.weight", kEmbedding}};
constexpr const char* kNeoXBuffers[] = {".attention.bias", ".attention.masked_bias",
                                        ".attention.rotary_emb.inv_freq"};
constexpr Names kNeoXNames = {"gpt_neox.", "layers",     kNeoXModules, kNeoXInLayers,
                              kNeoXHead,   kNeoXRepeats, kNeoXBuffers, {}};

constexpr Row kBloomModules[] = {
    {"embed_tokens", "word_embeddings"}, {"embedding_norm", "word_embeddings_layernorm"}, {"norm", "ln_f"}};
constexpr Row kBloomInLayers[] = {{"self_attn", "self_attention.query_key_value", Layout::kQkvPerHead},
                                  {"self_attn.o_proj", "self_attention.dense"},
                                  {"mlp.up_proj", "mlp.dense_h_to_4h"},
                                  {"mlp.down_proj", "mlp.dense_4h_to_h"}};
constexpr Names kBloomNames = {
    "transformer.", "h", kBloomModules, kBloomInLayers, kLlamaHead, kLlamaRepeats, {}, {}};

constexpr Row kBertModules[] = {{"embed_tokens", "embeddings.word_embeddings"},
                                {"embed_positions", "embeddings.position_embeddings"},
                                {"embed_token_types", "embeddings.token_type_embeddings"},
                                {"embedding_norm", "embeddings.LayerNorm"}};
constexpr Row kBertInLayers[] = {{"self_attn.q_proj", "attention.self.query"},
                                 {"self_attn.k_proj", "attention.self.key"},
                                 {"self_attn.v_proj", "attention.self.value"},
                                 {"self_attn.o_proj", "attention.output.dense"},
                                 {"input_layernorm", "attention.output.LayerNorm"},
                                 {"mlp.up_proj", "intermediate.dense"},
                                 {"mlp.down_proj", "output.dense"},
                                 {"post_attention_layernorm", "output.LayerNorm"}};
constexpr const char* kBertBuffers[] = {"embeddings.position_ids"};
constexpr Row kBertHead[] = {{"lm_head", "cls.predictions"},
                             {"lm_head.dense", "cls.predictions.transform.dense"},
                             {"lm_head.norm", "cls.predictions.transform.LayerNorm"}};
constexpr Repeat kBertRepeats[] = {{"cls.predictions.decoder.weight", kEmbedding},
                                   {"cls.predictions.decoder.bias", "lm_head.bias"}};
constexpr const char* kBertUnused[] = {"pooler.", "bert.pooler.", "cls.seq_relationship."};
constexpr Names kBertNames = {"bert.",   "encoder.layer", kBertModules, kBertInLayers,
                              kBertHead, kBertRepeats,    kBertBuffers, kBertUnused};

constexpr Row kRobertaHead[] = {
    {"lm_head", "lm_head"}, {"lm_head.dense", "lm_head.dense"}, {"lm_head.norm", "lm_head.layer_norm"}};
constexpr Repeat kRobertaRepeats[] = {{"lm_head.decoder.weight", kEmbedding},
                                      {"lm_head.decoder.bias", "lm_head.bias"}};
constexpr const char* kRobertaUnused[] = {"pooler.", "roberta.pooler."};
constexpr Names kRobertaNames = {"roberta.",   "encoder.layer", kBertModules, kBertInLayers,
                                 kRobertaHead, kRobertaRepeats, kBertBuffers, kRobertaUnused};

}  // namespace

const Names& names_of(Family family) {
  switch (family) {
    case Family::kGemma2:
    case Family::kGemma3:
      return kGemma2Names;
    case Family::kOlmo2:
      return kOlmo2Names;
    case Family::kMixtral:
      return kMixtralNames;
    case Family::kPhi3:
      return kPhi3Names;
    case Family::kBloom:
      return kBloomNames;
    case Family::kGpt2:
      return kGpt2Names;
    case Family::kGptNeoX:
      return kNeoXNames;
    case Family::kBert:
      return kBertNames;
    case Family::kRoberta:
      return kRobertaNames;
    default:
      return kLlamaNames;
  }
}

}  // namespace roux
