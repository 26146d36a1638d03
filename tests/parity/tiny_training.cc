#include "tests/parity/tiny_training.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/autograd.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"

namespace roux::testing {

TransformerConfig tiny_llama(DType dtype) {
  TransformerConfig config;
  config.vocab_size = kVocabulary;
  config.hidden_size = 32;
  config.intermediate_size = 48;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.max_position_embeddings = kLength;
  config.compute_dtype = dtype;
  return config;
}

TransformerConfig tiny_gpt2_with_dropout() {
  TransformerConfig config = gpt2_style();
  config.vocab_size = kVocabulary;
  config.max_position_embeddings = kLength;
  config.hidden_size = 32;
  config.intermediate_size = 128;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.dropout = {.embedding = 0.1, .attention = 0.1, .hidden = 0.1};
  return config;
}

Batch batch_of_step(int step) {
  std::vector<int64_t> ids, targets;
  int64_t count = 0;
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t i = 0; i < kLength; ++i) {
      const int64_t n = (step * kRows + row) * kLength + i;
      ids.push_back((n * n * 5 + n / 7) % kVocabulary);
      const bool ignored = i < row * 4;
      targets.push_back(ignored ? -100 : (3 * ids.back() + 1) % kVocabulary);
      count += !ignored;
    }
  }
  return {tensor(ids, {kRows, kLength}), tensor(targets, {kRows, kLength}), count};
}

Batch rows_of(const Batch& batch, int64_t begin, int64_t end) {
  return {batch.ids.slice(0, begin, end), batch.targets.slice(0, begin, end), batch.target_count};
}

double whole_batch(const Transformer& model, const Batch& batch) {
  const Tensor loss = model.loss_sum(batch.ids, batch.targets) / static_cast<double>(batch.target_count);
  backward(loss);
  return loss.item();
}

std::vector<std::vector<double>> values(const std::vector<Tensor>& tensors) {
  std::vector<std::vector<double>> out;
  for (const Tensor& x : tensors) out.push_back(x.to_vector<double>());
  return out;
}

Trajectory train(const TransformerConfig& config, const LossFunction& forward_backward) {
  Generator generator(11);
  const Transformer model(config, {&generator, 0.1, config.compute_dtype});
  AdamW optimizer({{model.named_parameters()}}, {.weight_decay = 0.1});
  Trajectory trajectory;
  for (int step = 0; step < kSteps; ++step) {
    trajectory.loss.push_back(forward_backward(model, batch_of_step(step)));
    trajectory.grad_norm.push_back(optimizer.step({.lr = 3e-3, .max_grad_norm = 1}).item());
    optimizer.zero_grad();
  }
  trajectory.parameters = values(model.parameters());
  return trajectory;
}

void expect_close(const Trajectory& a, const Trajectory& b, double tolerance) {
  ASSERT_EQ(a.loss.size(), b.loss.size());
  EXPECT_LT(b.loss.back(), 0.8 * b.loss.front()) << "the model learns nothing, so the test says little";
  for (size_t step = 0; step < a.loss.size(); ++step) {
    EXPECT_NEAR(a.loss[step] / b.loss[step], 1, tolerance) << "loss of step " << step;
    EXPECT_NEAR(a.grad_norm[step] / b.grad_norm[step], 1, tolerance) << "gradient norm of step " << step;
  }
}

void expect_identical(const Trajectory& a, const Trajectory& b) {
  EXPECT_EQ(a.loss, b.loss);
  EXPECT_EQ(a.grad_norm, b.grad_norm);
  EXPECT_TRUE(a.parameters == b.parameters);
}

}  // namespace roux::testing
