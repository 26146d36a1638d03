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

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "optim/optimizer.h"
#include "recipes/kit/train/train.h"
#include "tensor/comm/communicator.h"
#include "tensor/tensor.h"

namespace roux::kit {

// Backward of loss(), a one-element tensor, and a step; gradients are zeroed after it. If one is not finite,
// the step is skipped. If one or the loss is not finite, loss() runs again in anomaly mode to name the op, so
// it draws its batch before it is called, not in it. On a GPU nothing is named: to know would be to wait for
// every step; the same run on the CPU names the op. Nor is it where parameters are divided between ranks.
StepResult update(Optimizer& optimizer, const StepOptions& options, const std::function<Tensor()>& loss);

namespace internal {

// Gives the detached loss; calls its argument before each backward.
using ForwardBackward = std::function<Tensor(const std::function<void(bool last)>& before)>;
// `shared`: loss and gradients are this rank's part of a sum.
StepResult update_with(Optimizer& optimizer, const StepOptions& options, bool shared,
                       const ForwardBackward& forward_backward);
// Whether blocks are gathered (--zero=3): every rank has to make as many passes.
bool divides_parameters();
Tensor counts_nothing(const Tensor& loss_sum);  // 0 times it
Tensor backward_of_share(const Tensor& loss_sum, int64_t targets, const Tensor& so_far);
void check_targets(size_t batches, int64_t targets);
// On meta nothing is compared: rank 0 plans for all.
void check_ranks_agree(const Optimizer& optimizer, const std::vector<int64_t>& batches_targets_tokens);

// What a rank computes of a step's micro-batches: whole ones where each rank gets as many, else rows of each
// (of a Batch with row_count() and rows_between(begin, end), as LmBatch has them), else whole ones. Nothing
// where there is one that cannot be cut: then every rank computes it.
template <class Batch>
std::optional<std::vector<Batch>> share_of_rank(const std::vector<Batch>& micro, int rank, int ranks) {
  const auto count = static_cast<int64_t>(micro.size());
  std::vector<Batch> own;
  if constexpr (requires(const Batch& b) { b.rows_between(int64_t{0}, b.row_count()); }) {
    if (count % ranks != 0) {
      for (const Batch& batch : micro) {
        const auto [begin, end] = slice_of_rank(batch.row_count(), rank, ranks);
        if (begin < end) own.push_back(batch.rows_between(begin, end));
      }
      return own;
    }
  }
  if (count == 1) return std::nullopt;
  const auto [begin, end] = slice_of_rank(count, rank, ranks);
  own.assign(micro.begin() + begin, micro.begin() + end);
  return own;
}

// A batch for a pass that counts nothing: as little as can be cut.
template <class Batch>
Batch least_of(const Batch& batch) {
  if constexpr (requires { batch.rows_between(int64_t{0}, batch.row_count()); }) {
    return batch.rows_between(0, std::min<int64_t>(1, batch.row_count()));
  } else {
    return batch;
  }
}

}  // namespace internal

// The same with accumulation: loss_sum(batch) of each micro-batch is divided by the targets of all of them,
// so that 1 x 8 rows equal 8 x 1 and a row with few targets does not weigh more. Batch has `target_count` and
// tokens(), as LmBatch has.
//
// On several ranks (tensor/comm) each is given the same micro-batches and computes its share of them; loss
// and gradients are summed over the ranks while backward runs. The update above computes the same on every
// rank. Throws Error when the ranks were given batches of different sizes.
template <class Batch, class Loss>
StepResult update(Optimizer& optimizer, const StepOptions& options, const std::vector<Batch>& micro,
                  const Loss& loss_sum) {
  int64_t targets = 0, tokens = 0;
  for (const Batch& batch : micro) targets += batch.target_count, tokens += batch.tokens();
  internal::check_targets(micro.size(), targets);
  std::optional<std::vector<Batch>> share;
  if (world().size() > 1) {
    internal::check_ranks_agree(optimizer, {static_cast<int64_t>(micro.size()), targets, tokens});
    share = internal::share_of_rank(micro, world().rank(), world().size());
  }
  const std::vector<Batch>& own = share ? *share : micro;
  size_t passes = own.size();
  if (share && internal::divides_parameters()) {  // rank 0 has most
    passes = internal::share_of_rank(micro, 0, world().size())->size();
  }
  StepResult result = internal::update_with(
      optimizer, options, share.has_value(), [&](const std::function<void(bool)>& before) {
        Tensor loss;
        for (size_t i = 0; i < passes; ++i) {
          const Tensor sum = i < own.size()
                                 ? loss_sum(own[i])
                                 : internal::counts_nothing(loss_sum(internal::least_of(micro[0])));
          before(i + 1 == passes);
          loss = internal::backward_of_share(sum, targets, loss);
        }
        return loss;
      });
  result.tokens = tokens;
  return result;
}

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TRAIN_UPDATE_H_
