// What the tests of language models share: small models of every kind, inputs, comparisons.
#ifndef ROUX_NN_MODELS_MODEL_TEST_UTIL_H_
#define ROUX_NN_MODELS_MODEL_TEST_UTIL_H_

#include <string>
#include <utility>
#include <vector>

#include "nn/models/transformer.h"

namespace roux::testing {

// max |a - b| / max |b|.
double relative_difference(const Tensor& a, const Tensor& b);
bool same_bits(const Tensor& a, const Tensor& b);

// Fails the test, and returns zeros, where there is no such name.
Tensor named(const NamedTensors& list, const std::string& name);
std::vector<std::string> sorted_names(const NamedTensors& list);

// Gradients of all parameters by name; one that is missing fails the test.
NamedTensors gradients(const Module& model);
// Compares gradients, under the names of files, with all entries "grad.<name>" of a golden file. Names that
// hold `unseen` are those of keys' biases, which the softmax does not see: their gradient is rounding alone.
void expect_gradients(const NamedTensors& grads, const NamedTensors& golden, const std::string& unseen,
                      double tolerance);

inline constexpr int64_t kVocabulary = 40, kLayers = 2, kMaxLength = 16;
// i64 [rows, length] of fixed ids below kVocabulary.
Tensor some_ids(int64_t rows, int64_t length);

// Configurations of kLayers layers that differ in positions, residual, norm, heads, window and biases, with
// their names. GPT-2's is first, Llama's second.
std::vector<std::pair<std::string, TransformerConfig>> tiny_configs(DType dtype = kF32);
TransformerConfig named_config(const std::string& name, DType dtype = kF32);  // one of them
TransformerConfig tiny_gpt2(DType dtype = kF32);
TransformerConfig tiny_llama(DType dtype = kF32);

}  // namespace roux::testing

#endif  // ROUX_NN_MODELS_MODEL_TEST_UTIL_H_
