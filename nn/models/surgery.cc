#include "nn/models/surgery.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

// What has a row for each token.
bool is_embedding(const std::string& name) {
  return name == "model.embed_tokens.weight" || name == "shared.weight";
}
bool is_head(const std::string& name) { return name == "lm_head.weight"; }
bool is_bias_of_logits(const std::string& name) {
  return name == "lm_head.bias" || name == "final_logits_bias";
}

void check_new_rows(const TransformerConfig& config, const Tensor& rows, const Tensor& head_rows) {
  for (const Tensor* x : {&rows, &head_rows}) {
    ROUX_CHECK((x == &head_rows && !x->defined()) ||
               (x->dim() == 2 && x->size(1) == config.hidden_size && is_floating(x->dtype())))
        << "grow_vocabulary: " << (x == &rows ? "rows is " : "head_rows is ")
        << (x->defined() ? to_string(x->spec()) : "undefined") << ", needed floating [n, "
        << config.hidden_size << "]";
  }
  ROUX_CHECK(!head_rows.defined() || (!config.tie_word_embeddings && head_rows.shape() == rows.shape()))
      << "grow_vocabulary: head_rows is " << head_rows.spec()
      << (config.tie_word_embeddings ? ", but the head is the embedding" : ", needed the shape of rows, ")
      << (config.tie_word_embeddings ? "" : to_string(rows.spec()));
}

void add_rows(const Tensor& rows, const Tensor& head_rows, NamedTensors* state) {
  for (auto& [name, value] : *state) {
    if (is_embedding(name)) value = cat({value, cast(rows, value.dtype())}, 0);
    if (is_head(name)) value = cat({value, cast(head_rows.defined() ? head_rows : rows, value.dtype())}, 0);
    if (is_bias_of_logits(name)) value = cat({value, expand(mean(value, 0, true), {rows.size(0)})}, 0);
  }
}

int64_t count_of(const Tensor& ids) {
  ROUX_CHECK(ids.dim() == 1 && is_integer(ids.dtype()) && ids.size(0) > 0)
      << "select_vocabulary: ids is " << ids.spec() << ", needed integers [n], n above 0";
  return ids.size(0);
}

void keep_rows(const Tensor& ids, NamedTensors* state) {
  for (auto& [name, value] : *state) {
    if (is_embedding(name) || is_head(name) || is_bias_of_logits(name)) value = index_select(value, 0, ids);
  }
}

// Dtype and device of a model's weights.
Init like(const LanguageModel& m) {
  const Tensor& weight = m.embedding_weight();
  return {.generator = nullptr, .dtype = weight.dtype(), .device = weight.device()};
}

template <class Model>
std::unique_ptr<Model> filled(std::unique_ptr<Model> made, const Model& from,
                              const std::function<void(NamedTensors*)>& edit) {
  NoGradGuard no_grad;
  NamedTensors state = from.state_dict();
  edit(&state);
  const absl::Status loaded = made->load_state_dict(state);
  ROUX_CHECK(loaded.ok()) << "remake: " << loaded.message();
  return made;
}

// order as numbers, when it is a permutation of 0 to n - 1.
std::vector<int64_t> permutation(const char* op, const Tensor& order, int64_t n) {
  ROUX_CHECK(order.shape() == Shape{n} && is_integer(order.dtype()))
      << op << ": order is " << order.spec() << ", needed integers [" << n << "]";
  std::vector<int64_t> numbers = order.to_vector<int64_t>();
  std::vector<bool> seen(static_cast<size_t>(n), false);
  for (const int64_t i : numbers) {
    ROUX_CHECK(i >= 0 && i < n && !seen[static_cast<size_t>(i)])
        << op << ": order has " << i << (i >= 0 && i < n ? " twice" : "") << ", needed each of 0 to " << n - 1
        << " once";
    seen[static_cast<size_t>(i)] = true;
  }
  return numbers;
}

// Where `path` has this tensor, its slices along the axis in another order.
void reorder(const Transformer& m, const std::string& path, int64_t axis, const Tensor& order) {
  for (const auto& [name, parameter] : m.named_parameters()) {
    if (name == path) copy_(parameter, index_select(parameter, axis, order));
  }
}

// Indices of the units of these heads, `width` each.
Tensor units_of(const std::vector<int64_t>& heads, int64_t width) {
  std::vector<int64_t> units;
  for (const int64_t head : heads) {
    for (int64_t i = 0; i < width; ++i) units.push_back(head * width + i);
  }
  return tensor(units, {static_cast<int64_t>(units.size())});
}

}  // namespace

std::unique_ptr<Transformer> remake(const Transformer& from, const TransformerConfig& config,
                                    const std::function<void(NamedTensors*)>& edit) {
  return filled(std::make_unique<Transformer>(config, like(from), from.make_mixer()), from, edit);
}

std::unique_ptr<EncoderDecoder> remake(const EncoderDecoder& from, const EncoderDecoderConfig& config,
                                       const std::function<void(NamedTensors*)>& edit) {
  return filled(std::make_unique<EncoderDecoder>(config, like(from)), from, edit);
}

Tensor rows_like(const Tensor& weight, int64_t n, Generator& generator) {
  ROUX_CHECK(weight.dim() == 2 && is_floating(weight.dtype()) && n >= 0)
      << "rows_like: weight is " << weight.spec() << ", needed floating [V, D]; n is " << n;
  NoGradGuard no_grad;
  const Tensor drawn = normal({n, weight.size(1)}, 0, 1, generator, weight.dtype()).to(weight.device());
  return mean(weight, 0, true) + sqrt(var(weight, 0, true, 0)) * drawn;
}

std::unique_ptr<Transformer> grow_vocabulary(const Transformer& m, const Tensor& rows,
                                             const Tensor& head_rows) {
  TransformerConfig config = m.config();
  check_new_rows(config, rows, head_rows);
  config.vocab_size += rows.size(0);
  return remake(m, config, [&](NamedTensors* state) { add_rows(rows, head_rows, state); });
}

std::unique_ptr<EncoderDecoder> grow_vocabulary(const EncoderDecoder& m, const Tensor& rows,
                                                const Tensor& head_rows) {
  EncoderDecoderConfig config = m.config();
  check_new_rows(config.decoder, rows, head_rows);
  config.encoder.vocab_size = config.decoder.vocab_size += rows.size(0);
  return remake(m, config, [&](NamedTensors* state) { add_rows(rows, head_rows, state); });
}

std::unique_ptr<Transformer> select_vocabulary(const Transformer& m, const Tensor& ids) {
  TransformerConfig config = m.config();
  config.vocab_size = count_of(ids);
  return remake(m, config, [&](NamedTensors* state) { keep_rows(ids, state); });
}

std::unique_ptr<EncoderDecoder> select_vocabulary(const EncoderDecoder& m, const Tensor& ids) {
  EncoderDecoderConfig config = m.config();
  config.encoder.vocab_size = config.decoder.vocab_size = count_of(ids);
  return remake(m, config, [&](NamedTensors* state) { keep_rows(ids, state); });
}

void permute_units(Transformer& m, const std::string& mlp, const Tensor& order) {
  NoGradGuard no_grad;
  int64_t units = 0;
  for (const auto& [name, parameter] : m.named_parameters()) {
    if (name == mlp + ".down_proj.weight") units = parameter.size(1);
  }
  ROUX_CHECK(units > 0) << "permute_units: there is no MLP " << mlp;
  permutation("permute_units", order, units);
  for (const char* name : {".gate_proj", ".up_proj"}) {
    reorder(m, absl::StrCat(mlp, name, ".weight"), 0, order);
    reorder(m, absl::StrCat(mlp, name, ".bias"), 0, order);
  }
  reorder(m, mlp + ".down_proj.weight", 1, order);
}

void permute_heads(Transformer& m, int64_t layer, const Tensor& order) {
  NoGradGuard no_grad;
  const TransformerConfig& c = m.config();
  ROUX_CHECK(m.block(layer).attention() != nullptr)
      << "permute_heads: layer " << layer << " has no attention";
  ROUX_CHECK(!c.distance_biased())
      << "permute_heads: the heads' biases of distances are shared by all layers";
  const std::vector<int64_t> heads = permutation("permute_heads", order, c.num_attention_heads);
  const int64_t share = c.num_attention_heads / c.kv_heads();  // queries of one key
  std::vector<int64_t> kv_heads;
  for (size_t i = 0; i < heads.size(); ++i) {
    const int64_t group = heads[i] / share;
    if (static_cast<int64_t>(i) % share == 0) kv_heads.push_back(group);
    ROUX_CHECK(group == kv_heads.back())
        << "permute_heads: order parts the heads " << kv_heads.back() * share << " to "
        << (kv_heads.back() + 1) * share - 1 << ", which share keys";
  }
  const Device device = m.embedding_weight().device();
  const Tensor queries = units_of(heads, c.head_size()).to(device),
               keys = units_of(kv_heads, c.head_size()).to(device);
  const std::string path = absl::StrCat("model.layers.", layer, ".self_attn.");
  for (const char* leaf : {".weight", ".bias"}) {
    reorder(m, absl::StrCat(path, "q_proj", leaf), 0, queries);
    reorder(m, absl::StrCat(path, "k_proj", leaf), 0, keys);
    reorder(m, absl::StrCat(path, "v_proj", leaf), 0, keys);
    if (c.qk_norm != QkNorm::kJoined) continue;
    reorder(m, absl::StrCat(path, "q_norm", leaf), 0, queries);
    reorder(m, absl::StrCat(path, "k_norm", leaf), 0, keys);
  }
  reorder(m, path + "k_smear", 0, tensor(kv_heads, {c.kv_heads()}).to(device));
  reorder(m, absl::StrCat(path, "o_proj.weight"), 1, queries);
}

}  // namespace roux
