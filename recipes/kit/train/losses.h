// Losses of tokens put together by rows and weights. per_token: floating [B, T], the loss of each target;
// target: i32 or i64 [B, T], kIgnoreTarget where there is none (what stands there in per_token is not read).
// All but row_losses are differentiable, to any order, and throw Error for shapes that do not fit.
#ifndef ROUX_RECIPES_KIT_TRAIN_LOSSES_H_
#define ROUX_RECIPES_KIT_TRAIN_LOSSES_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/types/span.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/train/batches.h"
#include "tensor/tensor.h"

namespace roux::kit {

// [B]: over the targets of each row; a row without targets gives 0.
Tensor sequence_sums(const Tensor& per_token, const Tensor& target);
Tensor sequence_means(const Tensor& per_token, const Tensor& target);

// sum(w l) / sum(w) over all targets, a scalar. weight: [B, T] or [B, 1], not negative; the weights of
// targets must not all be 0.
Tensor weighted_mean(const Tensor& per_token, const Tensor& weight, const Tensor& target);

// Loss of each of these rows of a set, in their order, without recording: for selection and buckets.
// token_losses(batch) gives [B, T], 0 or anything where there is no target.
struct RowLoss {
  double sum = 0;
  int64_t targets = 0;
};
std::vector<RowLoss> row_losses(const std::function<Tensor(const LmBatch&)>& token_losses,
                                const WindowSet& set, absl::Span<const int64_t> rows, int64_t rows_per_batch,
                                Device device);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TRAIN_LOSSES_H_
