// One optimizer step of one model.
//
//   train(part, options, states, [&](int64_t step) {
//     const std::vector<Pair> pairs = pick(all, loader.next());
//     return update(optimizer, {.lr = schedule(step)}, [&] { return loss_of(pairs); });
//   });
//
// Several models: a teacher is a forward without recording inside loss(); actor and critic, min and max are
// two updates in one step.
#ifndef ROUX_RECIPES_KIT_TRAIN_UPDATE_H_
#define ROUX_RECIPES_KIT_TRAIN_UPDATE_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "optim/optimizer.h"
#include "recipes/kit/train/train.h"
#include "tensor/tensor.h"

namespace roux::kit {

// Backward of loss(), a one-element tensor, and a step; gradients are zeroed after it. If one is not finite,
// the step is skipped. If one or the loss is not finite, loss() runs again in anomaly mode to name the op, so
// it draws its batch before it is called, not in it. On a GPU nothing is named: to know would be to wait for
// every step; the same run on the CPU names the op.
StepResult update(Optimizer& optimizer, const StepOptions& options, const std::function<Tensor()>& loss);

namespace internal {

// `forward_backward` gives the detached loss.
StepResult update_with(Optimizer& optimizer, const StepOptions& options,
                       const std::function<Tensor()>& forward_backward);
Tensor backward_of_share(const Tensor& loss_sum, int64_t targets, const Tensor& so_far);
void check_targets(size_t batches, int64_t targets);

}  // namespace internal

// The same with accumulation: loss_sum(batch) of each micro-batch is divided by the targets of all of them,
// so that 1 x 8 rows equal 8 x 1 and a row with few targets does not weigh more. Batch has `target_count` and
// tokens(), as LmBatch has.
template <class Batch, class Loss>
StepResult update(Optimizer& optimizer, const StepOptions& options, const std::vector<Batch>& micro,
                  const Loss& loss_sum) {
  int64_t targets = 0, tokens = 0;
  for (const Batch& batch : micro) targets += batch.target_count, tokens += batch.tokens();
  internal::check_targets(micro.size(), targets);
  StepResult result = internal::update_with(optimizer, options, [&] {
    Tensor loss;
    for (const Batch& batch : micro) loss = internal::backward_of_share(loss_sum(batch), targets, loss);
    return loss;
  });
  result.tokens = tokens;
  return result;
}

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TRAIN_UPDATE_H_
