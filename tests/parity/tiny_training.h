// A Llama of a few thousand parameters, batches of it and AdamW: what the parity tests train in two ways.
#ifndef ROUX_TESTS_PARITY_TINY_TRAINING_H_
#define ROUX_TESTS_PARITY_TINY_TRAINING_H_

#include <functional>
#include <vector>

#include "nn/models/transformer.h"
#include "optim/optimizer.h"
#include "tensor/generator.h"

namespace roux::testing {

inline constexpr int64_t kVocabulary = 61;
inline constexpr int64_t kRows = 8, kLength = 40;
inline constexpr int kSteps = 20;

TransformerConfig tiny_llama(DType dtype = kF32);
TransformerConfig tiny_gpt2_with_dropout();

// Ids and targets of step `step`: [kRows, kLength] i64. Each row has its own number of targets (the others
// are -100), so that a loss divided row by row would be seen.
struct Batch {
  Tensor ids, targets;
  int64_t target_count;
};
Batch batch_of_step(int step);
Batch rows_of(const Batch& batch, int64_t begin, int64_t end);  // target_count stays that of the whole

// What a trajectory is compared by.
struct Trajectory {
  std::vector<double> loss, grad_norm;
  std::vector<std::vector<double>> parameters;  // at the end, in order
};
using LossFunction = std::function<double(const Transformer& model, const Batch& batch)>;
// kSteps steps of AdamW from the same start; `forward_backward` returns the loss and leaves the gradients.
Trajectory train(const TransformerConfig& config, const LossFunction& forward_backward);
// One forward and backward of the whole batch.
double whole_batch(const Transformer& model, const Batch& batch);

std::vector<std::vector<double>> values(const std::vector<Tensor>& tensors);

// Losses and gradient norms of all steps agree to this relative tolerance.
void expect_close(const Trajectory& a, const Trajectory& b, double tolerance);
// Everything, to the bit.
void expect_identical(const Trajectory& a, const Trajectory& b);

}  // namespace roux::testing

#endif  // ROUX_TESTS_PARITY_TINY_TRAINING_H_
