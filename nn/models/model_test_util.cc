#include "nn/models/model_test_util.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"

namespace roux::testing {

double relative_difference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  if (!(a.shape() == b.shape())) return INFINITY;
  const std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>();
  double difference = 0, scale = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    difference = std::max(difference, std::isfinite(x[i]) ? std::abs(x[i] - y[i]) : INFINITY);
    scale = std::max(scale, std::abs(y[i]));
  }
  return difference == 0 ? 0 : difference / scale;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.spec() == b.spec() && a.to_vector<double>() == b.to_vector<double>();
}

Tensor named(const NamedTensors& list, const std::string& name) {
  for (const auto& [key, value] : list) {
    if (key == name) return value;
  }
  ADD_FAILURE() << name << " is missing";
  return zeros({1});
}

std::vector<std::string> sorted_names(const NamedTensors& list) {
  std::vector<std::string> names;
  for (const auto& entry : list) names.push_back(entry.first);
  std::sort(names.begin(), names.end());
  return names;
}

NamedTensors gradients(const Module& model) {
  NamedTensors grads;
  for (const auto& [name, parameter] : model.named_parameters()) {
    EXPECT_TRUE(parameter.grad().defined()) << name;
    if (parameter.grad().defined()) grads.emplace_back(name, parameter.grad());
  }
  return grads;
}

void expect_gradients(const NamedTensors& grads, const NamedTensors& golden, const std::string& unseen,
                      double tolerance) {
  NamedTensors expected;
  for (const auto& [key, value] : golden) {
    if (key.rfind("grad.", 0) == 0) expected.emplace_back(key.substr(5), value);
  }
  EXPECT_EQ(sorted_names(grads), sorted_names(expected));
  for (const auto& [name, grad] : grads) {
    const bool nothing = name.find(unseen) != std::string::npos;
    const Tensor wanted = named(expected, name);
    EXPECT_LT(nothing ? amax(abs(grad)).item() : relative_difference(grad, wanted), tolerance) << name;
  }
}

Tensor some_ids(int64_t rows, int64_t length) {
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < rows * length; ++i) ids.push_back((i * i * 7 + 3 * i + 1) % kVocabulary);
  return tensor(ids, {rows, length});
}

namespace {
TransformerConfig tiny(TransformerConfig c, DType dtype) {
  c.vocab_size = kVocabulary, c.hidden_size = 16, c.intermediate_size = 24, c.num_hidden_layers = kLayers;
  c.num_attention_heads = 4, c.max_position_embeddings = kMaxLength;
  c.head_dim = std::nullopt, c.num_key_value_heads = std::nullopt;
  c.compute_dtype = dtype;
  return c;
}
}  // namespace

TransformerConfig tiny_gpt2(DType dtype) { return tiny(gpt2_style(), dtype); }

TransformerConfig tiny_llama(DType dtype) {
  TransformerConfig c = tiny({}, dtype);
  c.num_key_value_heads = 2;
  return c;
}

std::vector<std::pair<std::string, TransformerConfig>> tiny_configs(DType dtype) {
  TransformerConfig windowed = tiny_llama(dtype), neox = tiny(gpt_neox_style(), dtype),
                    gemma = tiny(gemma_style(), dtype), post_norm = tiny(bert_style(), dtype),
                    one_norm = tiny_llama(dtype), sandwich = tiny_llama(dtype), buckets = tiny_llama(dtype),
                    gemma3 = tiny(gemma3_style(), dtype), alibi = tiny(bloom_style(), dtype),
                    smeared = tiny_llama(dtype), olmo2 = tiny(olmo2_style(), dtype);
  windowed.sliding_window = 4, windowed.full_attention_every = 2, windowed.qkv_bias = true;
  neox.rope.fraction = 0.5;
  gemma.num_key_value_heads = 1, gemma.head_dim = 6;
  post_norm.causal = true, post_norm.activation = Activation::kRelu;
  post_norm.max_position_embeddings += post_norm.position_offset = 2;
  one_norm.residual = Residual::kParallelOneNorm, one_norm.positions = Positions::kNone;
  sandwich.residual = Residual::kSandwich, sandwich.attention_scale = 0.3;
  sandwich.attention_softcap = 1.5, sandwich.logit_softcap = 2, sandwich.activation = Activation::kSilu;
  buckets.positions = Positions::kBuckets, buckets.attention_scale = 1;
  buckets.relative_attention_num_buckets = 6, buckets.relative_attention_max_distance = 5;
  gemma3.num_key_value_heads = 1, gemma3.head_dim = 6;
  gemma3.sliding_window = 3, gemma3.full_attention_every = 2;
  smeared.key_smear = true, smeared.qk_norm = QkNorm::kJoined;
  return {{"gpt2", tiny_gpt2(dtype)},
          {"llama", tiny_llama(dtype)},
          {"windowed", windowed},
          {"gpt_neox", neox},
          {"gemma", gemma},
          {"post-norm", post_norm},
          {"one norm", one_norm},
          {"sandwich", sandwich},
          {"buckets", buckets},
          {"gemma3", gemma3},
          {"alibi", alibi},
          {"smeared", smeared},
          {"olmo2", olmo2}};
}

TransformerConfig named_config(const std::string& name, DType dtype) {
  for (const auto& [key, config] : tiny_configs(dtype)) {
    if (key == name) return config;
  }
  ADD_FAILURE() << "no configuration " << name;
  return {};
}

}  // namespace roux::testing
