// How a batch is cut changes nothing: micro-batches against one batch, packed rows against padded ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "autograd/autograd.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/train/batches.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tests/parity/tiny_training.h"

namespace roux::testing {
namespace {

// Gradients add up over micro-batches of `rows` rows.
LossFunction micro_batches(int64_t rows) {
  return [rows](const Transformer& model, const Batch& batch) {
    double loss = 0;
    for (int64_t begin = 0; begin < kRows; begin += rows)
      loss += whole_batch(model, rows_of(batch, begin, begin + rows));
    return loss;
  };
}

TEST(MicroBatches, EightOfOneRowEqualOneOfEight) {
  expect_close(train(tiny_llama(kF64), micro_batches(1)), train(tiny_llama(kF64), whole_batch), 1e-10);
  expect_close(train(tiny_llama(kF32), micro_batches(1)), train(tiny_llama(kF32), whole_batch), 1e-5);
}

TEST(MicroBatches, TwoOfFourRowsEqualOneOfEight) {
  expect_close(train(tiny_llama(kF64), micro_batches(4)), train(tiny_llama(kF64), whole_batch), 1e-10);
}

// Documents of 2 to 18 tokens.
std::vector<std::vector<int32_t>> documents() {
  std::vector<std::vector<int32_t>> out;
  for (int32_t d = 0; d < 30; ++d) {
    std::vector<int32_t> tokens;
    for (int32_t i = 0; i < 2 + d * 7 % 17; ++i) tokens.push_back((d * 31 + i * i * 3 + 1) % kVocabulary);
    out.push_back(tokens);
  }
  return out;
}

struct Result {
  double loss;
  std::vector<std::vector<double>> grads;
};
Result loss_and_gradients(DType dtype, const kit::WindowSet& windows, bool mask_documents) {
  Generator generator(5);
  const Transformer model(tiny_llama(dtype), {&generator, 0.2, dtype});
  std::vector<int64_t> rows;
  for (int64_t row = 0; row < windows.size(); ++row) rows.push_back(row);
  const kit::LmBatch batch = kit::to_batch(windows.batch(rows), kCpu);
  LmInput in{.ids = batch.input};
  if (mask_documents) in.document_begin = batch.document_begin;
  const Tensor loss = model.loss_sum(in, batch.target) / static_cast<double>(batch.target_count);
  backward(loss);
  Result result{loss.item(), {}};
  for (const Tensor& parameter : model.parameters())
    result.grads.push_back(parameter.grad().to_vector<double>());
  return result;
}

// Largest difference of any gradient, relative to the largest value of its tensor.
double gradient_difference(const Result& a, const Result& b) {
  double worst = 0;
  for (size_t p = 0; p < a.grads.size(); ++p) {
    double difference = 0, scale = 0;
    for (size_t i = 0; i < a.grads[p].size(); ++i) {
      difference = std::max(difference, std::abs(a.grads[p][i] - b.grads[p][i]));
      scale = std::max(scale, std::abs(b.grads[p][i]));
    }
    worst = std::max(worst, difference / scale);
  }
  return worst;
}

TEST(Packing, PackedEqualsPadded) {
  const auto packed = kit::WindowSet::packed(documents(), 20, "documents");
  const auto padded = kit::WindowSet::padded(documents(), 20, "documents");
  ASSERT_TRUE(packed.ok() && padded.ok());
  ASSERT_LT(packed->size() * 3, padded->size() * 2);
  for (const auto& [dtype, tolerance] : {std::pair{kF64, 1e-10}, std::pair{kF32, 1e-5}}) {
    const Result a = loss_and_gradients(dtype, *packed, true);
    const Result b = loss_and_gradients(dtype, *padded, false);
    EXPECT_NEAR(a.loss / b.loss, 1, tolerance);
    EXPECT_LT(gradient_difference(a, b), tolerance);
    // Without the mask documents would see each other.
    const Result leaking = loss_and_gradients(dtype, *packed, false);
    EXPECT_GT(gradient_difference(leaking, b), 1e-3);
  }
}

}  // namespace
}  // namespace roux::testing
