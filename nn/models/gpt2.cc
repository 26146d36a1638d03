#include "nn/models/gpt2.h"

#include <cmath>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "nn/attention.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/loss.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/random.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

// Projections back to the residual stream start smaller by sqrt(2 layers) (GPT-2 paper, section 2.3).
Init residual_init(const GPT2Config& config, const Init& init) {
  Init scaled = init;
  scaled.std = init.std / std::sqrt(2.0 * static_cast<double>(config.n_layer));
  return scaled;
}

bool is_mask_buffer(absl::string_view key) {
  return absl::StartsWith(key, "transformer.h.") &&
         (absl::EndsWith(key, ".attn.bias") || absl::EndsWith(key, ".attn.masked_bias"));
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  if (!(a.spec() == b.spec())) return false;
  const Tensor x = a.to(kCpu).contiguous(), y = b.to(kCpu).contiguous();
  return x.bytes() == 0 || std::memcmp(x.raw_data(), y.raw_data(), x.bytes()) == 0;
}

Tensor maybe_dropout(const Tensor& x, double p, bool training, Generator* generator) {
  if (p == 0 || !training) return x;
  ROUX_CHECK(generator != nullptr) << "gpt2: dropout " << p << " in training mode needs a generator";
  return dropout(x, p, *generator);
}

}  // namespace

GPT2Attention::GPT2Attention(const GPT2Config& config, const Init& init)
    : heads_(config.n_head),
      c_attn(config.n_embd, 3 * config.n_embd, init),
      c_proj(config.n_embd, config.n_embd, residual_init(config, init)) {
  ROUX_CHECK(config.n_head > 0 && config.n_embd % config.n_head == 0)
      << "gpt2: n_embd " << config.n_embd << " is not a multiple of n_head " << config.n_head;
  ROUX_CHECK(config.attn_pdrop == 0) << "gpt2: attn_pdrop is " << config.attn_pdrop
                                     << ", only 0 is supported";
  register_module("c_attn", c_attn);
  register_module("c_proj", c_proj);
}

Tensor GPT2Attention::forward(const Tensor& x, KVCache* cache) const {
  const int64_t d = x.size(2);
  const std::vector<Tensor> qkv = split(c_attn(x), {d, d, d}, 2);
  const Tensor y = causal_attention(split_heads(qkv[0], heads_), split_heads(qkv[1], heads_),
                                    split_heads(qkv[2], heads_), cache);
  return c_proj(merge_heads(y));
}
std::string GPT2Attention::pretty_print() const { return absl::StrCat("GPT2Attention ", heads_, " heads"); }

GPT2MLP::GPT2MLP(const GPT2Config& config, const Init& init)
    : c_fc(config.n_embd, 4 * config.n_embd, init),
      c_proj(4 * config.n_embd, config.n_embd, residual_init(config, init)) {
  register_module("c_fc", c_fc);
  register_module("c_proj", c_proj);
}
Tensor GPT2MLP::forward(const Tensor& x) const { return c_proj(gelu(c_fc(x), GeluKind::kTanh)); }
std::string GPT2MLP::pretty_print() const { return "GPT2MLP, gelu_new"; }

GPT2Block::GPT2Block(const GPT2Config& config, const Init& init)
    : dropout_(config.resid_pdrop),
      ln_1(config.n_embd, config.layer_norm_epsilon, init),
      ln_2(config.n_embd, config.layer_norm_epsilon, init),
      attn(config, init),
      mlp(config, init) {
  register_module("ln_1", ln_1);
  register_module("attn", attn);
  register_module("ln_2", ln_2);
  register_module("mlp", mlp);
}
Tensor GPT2Block::forward(const Tensor& x, KVCache* cache, Generator* generator) const {
  const Tensor h = x + maybe_dropout(attn(ln_1(x), cache), dropout_, training(), generator);
  return h + maybe_dropout(mlp(ln_2(h)), dropout_, training(), generator);
}
std::string GPT2Block::pretty_print() const { return "GPT2Block"; }

GPT2Model::GPT2Model(const GPT2Config& config, const Init& init)
    : config_(config),
      wte(config.vocab_size, config.n_embd, init),
      wpe(config.n_positions, config.n_embd, init),
      h_(config.n_layer, [&] { return std::make_unique<GPT2Block>(config, init); }),
      ln_f(config.n_embd, config.layer_norm_epsilon, init) {
  register_module("wte", wte);
  register_module("wpe", wpe);
  register_module("h", h_);
  register_module("ln_f", ln_f);
}

Tensor GPT2Model::forward(const Tensor& ids, std::vector<KVCache>* cache, Generator* generator) const {
  ROUX_CHECK(ids.defined() && ids.dim() == 2) << "gpt2: ids must be [B, T]";
  if (cache != nullptr) cache->resize(h_.size());
  const int64_t seen = cache != nullptr && !cache->empty() ? cache->front().length() : 0;
  const int64_t length = ids.size(1);
  ROUX_CHECK(seen + length <= config_.n_positions)
      << "gpt2: " << seen + length << " tokens, n_positions is " << config_.n_positions;
  const Tensor positions =
      arange(static_cast<double>(seen), static_cast<double>(seen + length), 1, kI64, ids.device());
  Tensor x = cast(wte(ids) + wpe(positions), config_.compute_dtype);
  x = maybe_dropout(x, config_.embd_pdrop, training(), generator);
  for (size_t i = 0; i < h_.size(); ++i) {
    const GPT2Block* const block = &h_[i];
    KVCache* const layer_cache = cache != nullptr ? &(*cache)[i] : nullptr;
    x = run_layer(
        config_.gradient_checkpointing && cache == nullptr,
        [=](const Tensor& input) { return (*block)(input, layer_cache, generator); }, x, generator);
  }
  return ln_f(x);
}
std::string GPT2Model::pretty_print() const {
  return absl::StrCat("GPT2Model ", h_.size(), " layers, d ", config_.n_embd);
}

GPT2LMHeadModel::GPT2LMHeadModel(const GPT2Config& config, const Init& init)
    : config_(config), transformer(config, init) {
  register_module("transformer", transformer);
}

Tensor GPT2LMHeadModel::forward(const Tensor& ids, std::vector<KVCache>* cache, Generator* generator) const {
  const Tensor h = transformer(ids, cache, generator);
  return linear(h, cast(transformer.token_embedding(), h.dtype()));
}

Tensor GPT2LMHeadModel::loss_sum(const Tensor& ids, const Tensor& targets, Generator* generator) const {
  const Tensor h = transformer(ids, nullptr, generator);
  return linear_cross_entropy(h, cast(transformer.token_embedding(), h.dtype()), targets,
                              {.reduction = Reduction::kSum});
}
absl::Status GPT2LMHeadModel::load_pretrained(const NamedTensors& checkpoint) {
  constexpr absl::string_view kPrefix = "transformer.", kEmbedding = "transformer.wte.weight";
  NamedTensors state;
  Tensor head, embedding;
  for (const auto& [name, value] : checkpoint) {
    if (name == "lm_head.weight") {
      head = value;
      continue;
    }
    const std::string key = absl::StartsWith(name, kPrefix) ? name : absl::StrCat(kPrefix, name);
    if (is_mask_buffer(key)) continue;
    for (const auto& earlier : state) {
      if (earlier.first == key) {
        return absl::InvalidArgumentError(
            absl::StrCat("gpt2: ", key, " is given with and without its prefix"));
      }
    }
    if (key == kEmbedding) embedding = value;
    state.emplace_back(key, value);
  }
  if (head.defined() && !embedding.defined()) {
    state.emplace_back(kEmbedding, head);
  } else if (head.defined() && !same_bytes(head, embedding)) {
    return absl::InvalidArgumentError(absl::StrCat("gpt2: lm_head.weight, ", to_string(head.spec()),
                                                   ", is not wte.weight, ", to_string(embedding.spec()),
                                                   ": this model ties them"));
  }
  return load_state_dict(state);
}

std::string GPT2LMHeadModel::pretty_print() const {
  return absl::StrCat("GPT2LMHeadModel, ", num_parameters(), " parameters");
}

}  // namespace roux
