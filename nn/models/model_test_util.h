// What the tests of the language models share: comparison with Hugging Face transformers, the cache,
// causality. A Model has forward(ids, cache) and loss_sum(ids, targets).
#ifndef ROUX_NN_MODELS_MODEL_TEST_UTIL_H_
#define ROUX_NN_MODELS_MODEL_TEST_UTIL_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "autograd/autograd.h"
#include "nn/layers.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/io/safetensors.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/view.h"

namespace roux::testing {

// max |a - b| / max |b|.
inline double relative_difference(const Tensor& a, const Tensor& b) {
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

inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.spec() == b.spec() && a.to_vector<double>() == b.to_vector<double>();
}

struct Golden {  // tests/golden/language_models.py
  Tensor ids, targets, logits, loss;
  NamedTensors weights, grads;
};
inline Golden load_golden(const std::string& name) {
  const auto file = load_safetensors("tests/golden/language_models/" + name + ".safetensors");
  EXPECT_TRUE(file.ok()) << file.status();
  Golden golden;
  if (!file.ok()) return golden;
  for (const auto& [key, x] : *file) {
    if (key == "ids") golden.ids = x;
    if (key == "targets") golden.targets = x;
    if (key == "logits") golden.logits = x;
    if (key == "loss") golden.loss = x;
    if (key.rfind("weight.", 0) == 0) golden.weights.emplace_back(key.substr(7), x);
    if (key.rfind("grad.", 0) == 0) golden.grads.emplace_back(key.substr(5), x);
  }
  return golden;
}

// Parameter names, logits, summed loss and every gradient, relative to the largest value of each tensor.
template <class Model>
void expect_golden(Model& model, const std::string& name, double tolerance) {
  const Golden golden = load_golden(name);
  ASSERT_TRUE(golden.loss.defined());
  std::vector<std::string> names, expected_names;
  for (const auto& parameter : model.named_parameters()) names.push_back(parameter.first);
  for (const auto& weight : golden.weights) expected_names.push_back(weight.first);
  std::sort(names.begin(), names.end());
  std::sort(expected_names.begin(), expected_names.end());
  EXPECT_EQ(names, expected_names);
  const absl::Status loaded = model.load_state_dict(golden.weights);
  ASSERT_TRUE(loaded.ok()) << loaded;

  EXPECT_LT(relative_difference(model(golden.ids), golden.logits), tolerance);
  const Tensor loss = model.loss_sum(golden.ids, golden.targets);
  EXPECT_LT(std::abs(loss.item() / golden.loss.item() - 1), tolerance);
  backward(loss);
  for (const auto& [key, parameter] : model.named_parameters()) {
    for (const auto& [grad_key, grad] : golden.grads) {
      if (grad_key != key) continue;
      ASSERT_TRUE(parameter.grad().defined()) << key;
      EXPECT_LT(relative_difference(parameter.grad(), grad), tolerance) << key;
    }
  }
}

// i64 [rows, length] of fixed ids below `vocabulary`.
inline Tensor some_ids(int64_t rows, int64_t length, int64_t vocabulary) {
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < rows * length; ++i) ids.push_back((i * i * 7 + 3 * i + 1) % vocabulary);
  return tensor(ids, {rows, length});
}

// Three tokens, then one by one, then the rest at once: the same logits as all tokens together.
template <class Model>
void expect_cache_equals_full(const Model& model, const Tensor& ids, double tolerance) {
  NoGradGuard no_grad;
  const int64_t length = ids.size(1);
  std::vector<KVCache> cache;
  std::vector<Tensor> pieces;
  for (int64_t begin = 0; begin < length;) {
    const int64_t end = begin == 0 ? 3 : begin < length - 2 ? begin + 1 : length;
    pieces.push_back(model(ids.slice(1, begin, end), &cache));
    EXPECT_EQ(cache[0].length(), end);
    begin = end;
  }
  EXPECT_GT(pieces.size(), 3u);
  EXPECT_LT(relative_difference(cat(pieces, 1), model(ids)), tolerance);
}

// Another token at position t leaves the logits before t as they are, bit for bit, and changes those from t
// on.
template <class Model>
void expect_causal(const Model& model, const Tensor& ids, int64_t vocabulary) {
  NoGradGuard no_grad;
  const Tensor logits = model(ids);
  const int64_t length = ids.size(1);
  for (int64_t t : {int64_t{1}, length / 2, length - 1}) {
    std::vector<int64_t> changed = ids.to_vector<int64_t>();
    for (int64_t row = 0; row < ids.size(0); ++row) {
      int64_t& id = changed[static_cast<size_t>(row * length + t)];
      id = (id + 1) % vocabulary;
    }
    const Tensor other = model(tensor(changed, ids.shape()));
    EXPECT_TRUE(same_bits(other.slice(1, 0, t), logits.slice(1, 0, t))) << t;
    for (int64_t later = t; later < length; ++later) {
      EXPECT_FALSE(same_bits(other.slice(1, later, later + 1), logits.slice(1, later, later + 1))) << later;
    }
  }
}

// A bf16 model computes in bf16, has a loss near the f32 model's and f32 gradients for all parameters.
template <class Model>
void expect_bf16_near_f32(Model& bf16, const Model& f32, const Tensor& ids, const Tensor& targets) {
  ASSERT_TRUE(bf16.load_state_dict(f32.state_dict()).ok());
  EXPECT_EQ(bf16(ids).dtype(), kBF16);
  const Tensor loss = bf16.loss_sum(ids, targets);
  EXPECT_NEAR(loss.item() / f32.loss_sum(ids, targets).item(), 1, 0.01);
  backward(loss);
  for (const auto& [name, parameter] : bf16.named_parameters()) {
    ASSERT_TRUE(parameter.grad().defined()) << name;
    EXPECT_EQ(parameter.grad().dtype(), kF32) << name;
  }
}

}  // namespace roux::testing

#endif  // ROUX_NN_MODELS_MODEL_TEST_UTIL_H_
