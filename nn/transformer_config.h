// What a Transformer is made of: sizes, and options of which GPT-2, Llama, Mistral, Qwen, Gemma, OLMo,
// GPT-NeoX, Bloom, BERT and their mixtures of experts are combinations.
//
//   TransformerConfig config;                       // Llama's options, Llama 2 7B's sizes
//   TransformerConfig config = gpt2_style();        // GPT-2's options and sizes
#ifndef ROUX_NN_TRANSFORMER_CONFIG_H_
#define ROUX_NN_TRANSFORMER_CONFIG_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "nn/layers.h"
#include "tensor/ops/rotary.h"

namespace roux {

// Whose files a model reads and writes: names and layouts of weights, fields of config.json. Says nothing
// about what the model computes.
enum class Family : uint8_t {
  kLlama,
  kMistral,
  kQwen2,
  kGemma,
  kGemma2,
  kGpt2,
  kGptNeoX,
  kBert,
  kRoberta,
  kQwen2Moe,
  kQwen3,
  kGemma3,
  kMixtral,
  kOlmoe,
  kBloom,
  kPhi3,
  kOlmo2
};

// Where a block's norms stand and what its two parts read; Block::forward has the formulas.
enum class Residual : uint8_t {
  kPreNorm,
  kPostNorm,
  kParallel,
  kParallelOneNorm,
  kSandwich,
  kReorderedNorm,  // of what the parts add alone                                     [OLMo 2, section 3.2]
};

enum class Activation : uint8_t {
  kGelu,      // by erf
  kGeluTanh,  // "gelu_new", "gelu_pytorch_tanh"
  kRelu,
  kSilu,
  kSwiglu,  // silu(gate) * up                                                              [Shazeer 2020]
  kGeglu,   // gelu_tanh(gate) * up
};

enum class Positions : uint8_t {
  kRotary,
  kLearned,
  kBuckets,  // a bias for each head and bucket of distances, shared by the layers [relative_buckets.h]
  kAlibi,    // a bias that falls with the distance, by a slope of each head     [alibi.h]
  kNone,
};

// Norms of queries and keys before positions, of TransformerConfig::norm's kind.
enum class QkNorm : uint8_t {
  kNone,
  kPerHead,  // of each head, with one weight [d] for all                                 [Qwen3, Gemma 3]
  kJoined,   // of all heads as one vector                                           [OLMo 2, OLMoE]
};

// Probabilities, in training mode only.
struct Dropout {
  double embedding = 0;  // of what enters the first block
  double attention = 0;  // of the attention weights
  double hidden = 0;     // of what attention and feed-forward add to the residual stream
  double units = 0;      // of the feed-forward units
  double output = 0;     // of what leaves the final norm

  friend bool operator==(const Dropout&, const Dropout&) = default;
};

// A mixture of experts in the place of the MLP; MixtureOfExperts (nn/moe.h) has the formula.
struct MoeConfig {
  int64_t experts = 0, per_token = 0;      // E; how many of them each token is sent to
  int64_t width = 0;                       // feed-forward units of an expert
  int64_t shared_width = 0;                // of the MLP that sees every token; 0: none
  bool shared_gate = false;                // it is multiplied by sigmoid(w x)
  bool renormalise = false;                // the weights of a token's experts are divided by their sum
  double scale = 1;                        // of what the experts add
  std::vector<int64_t> dense_layers = {};  // layers that keep an MLP, ascending

  friend bool operator==(const MoeConfig&, const MoeConfig&) = default;
};

struct TransformerConfig {  // names of config.json where it has one
  int64_t vocab_size = 32000, hidden_size = 4096, intermediate_size = 11008, num_hidden_layers = 32,
          num_attention_heads = 32;
  std::optional<int64_t> num_key_value_heads = {};  // as many as heads where not given
  std::optional<int64_t> head_dim = {};             // hidden_size / num_attention_heads where not given
  int64_t max_position_embeddings = 2048;
  // A token sees this many last tokens, itself included; in every layer, or with full_attention_every = n > 0
  // in all but the n-th, 2n-th, ... layer.
  std::optional<int64_t> sliding_window = {};
  int64_t full_attention_every = 0;
  int64_t type_vocab_size = 0;  // kinds of tokens with an embedding each (BERT's sentences A and B)

  Family family = Family::kLlama;
  Residual residual = Residual::kPreNorm;
  NormKind norm = NormKind::kRms;
  double norm_eps = 1e-6;
  Activation activation = Activation::kSwiglu;
  std::optional<MoeConfig> moe = {};
  Positions positions = Positions::kRotary;
  int64_t position_offset = 0;  // of the first token in the table of learned positions
  int64_t relative_attention_num_buckets = 32, relative_attention_max_distance = 128;  // of kBuckets
  Rope rope = {};
  std::optional<Rope> local_rope = {};  // in place of rope in layers with a window
  bool causal = true;
  bool cross_attention =
      false;  // between the two parts of a block, to LmInput::memory; pre- and post-norm alone
  bool qkv_bias = false, output_bias = false, mlp_bias = false;  // of q, k, v; of o; of all in the MLP
  QkNorm qk_norm = QkNorm::kNone;
  // k_j becomes (1 - g) k_j + g k_(j - 1), g = sigmoid(a number of each key-value head, 0 at first), before
  // rotary positions; the first key of a document stays.   [Olsson et al. 2022]
  bool key_smear = false;
  bool tie_word_embeddings = false;
  bool embedding_norm = false;  // what enters the first block is normalised
  bool head_transform = false,
       head_bias = false;                      // before the output weight norm(gelu(W h + b)); behind it + b
  bool scale_embedding = false;                // token embeddings are multiplied by sqrt(hidden_size)
  std::optional<double> attention_scale = {};  // of the scores; 1 / sqrt(head_dim) where not given
  std::optional<double> attention_softcap = {};  // scores become c tanh(scores / c)
  std::optional<double> logit_softcap = {};      // logits likewise
  // o_proj and down_proj start smaller by sqrt(2 layers).                    [GPT-2 paper, section 2.3]
  bool scale_residual_init = false;

  Dropout dropout = {};
  bool gradient_checkpointing = false;  // keep one tensor a layer for backward, compute the rest again
  DType compute_dtype = kF32;

  int64_t kv_heads() const { return num_key_value_heads.value_or(num_attention_heads); }
  int64_t head_size() const { return head_dim.value_or(hidden_size / num_attention_heads); }
  // The window of a layer, if it has one.
  std::optional<int64_t> window(int64_t layer) const;
  // Tokens that a row may have; none where positions have no end.
  std::optional<int64_t> context_length() const;
  // Whether positions are biases of distances, by slots, without a table of positions.
  bool distance_biased() const { return positions == Positions::kBuckets || positions == Positions::kAlibi; }
  bool has_experts(int64_t layer) const;
  // Throws Error naming the field when sizes do not fit each other, or a number is out of its range.
  void check() const;

  friend bool operator==(const TransformerConfig&, const TransformerConfig&) = default;
};

// How o_proj and down_proj start.
Init residual_init(const TransformerConfig& config, const Init& init);

// Options and sizes of the smallest published model of a family. Mistral is Llama with sliding_window, Qwen2
// with qkv_bias.
TransformerConfig gpt2_style();       // GPT-2 124M
TransformerConfig gpt_neox_style();   // Pythia 14M
TransformerConfig gemma_style();      // Gemma 2B
TransformerConfig gemma2_style();     // Gemma 2 2B
TransformerConfig bert_style();       // BERT base, with its head for masked tokens
TransformerConfig qwen2_moe_style();  // Qwen1.5-MoE-A2.7B
TransformerConfig qwen3_style();      // Qwen3 0.6B
TransformerConfig gemma3_style();     // Gemma 3 270M
TransformerConfig mixtral_style();    // Mixtral 8x7B
TransformerConfig olmoe_style();      // OLMoE 1B-7B
TransformerConfig bloom_style();      // Bloom 560M
TransformerConfig phi3_style();       // Phi-3 mini, 4k
TransformerConfig olmo2_style();      // OLMo 2 1B

}  // namespace roux

#endif  // ROUX_NN_TRANSFORMER_CONFIG_H_
