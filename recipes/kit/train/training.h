// Beside the loop of train.h: the first batch as it is shown, evaluation, and what a step costs.
#ifndef ROUX_RECIPES_KIT_TRAIN_TRAINING_H_
#define ROUX_RECIPES_KIT_TRAIN_TRAINING_H_

#include <functional>
#include <string>

#include "absl/types/span.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/run/first_batch.h"
#include "recipes/kit/train/batches.h"
#include "tensor/tensor.h"

namespace roux::kit {

// Rows of a batch for Run::show_batch: which tokens are targets.
FirstBatch first_batch_of(const TokenBatch& batch, std::function<std::string(int64_t)> decode);

// Mean loss per target over these rows, in batches of `rows_per_batch`, without recording. Ranks share the
// batches; the result is that of one rank, bit for bit.
double evaluate_loss(const WindowSet& windows, absl::Span<const int64_t> rows, int64_t rows_per_batch,
                     Device device, const std::function<Tensor(const LmBatch&)>& loss_sum);

// Floating-point operations a second of the best of a few f32 matrix products (1024^3) on `threads` CPU
// threads: what Run::set_peak_flops takes. About 0.1 s.
double measured_peak_flops(int threads);

// What one training step needs, found by running `step` (on meta nothing is computed): parameters, optimizer
// state, gradients and activations, and their peak. Model and optimizer exist already, on `device`.
struct MemoryPlan {
  int64_t persistent = 0;  // alive before the step: parameters, optimizer state
  int64_t peak = 0;
};
MemoryPlan plan_memory(Device device, const std::function<void()>& step);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TRAIN_TRAINING_H_
