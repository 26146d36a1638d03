// Several validation sets as the evaluation of a training.
//
//   .evaluate = [&](int64_t) {
//     return evaluate_losses({{"dev", &dev}, {"news", &news, news_rows}}, 32, part.device(), loss_sum);
//   }
#ifndef ROUX_RECIPES_KIT_TRAIN_VALIDATION_H_
#define ROUX_RECIPES_KIT_TRAIN_VALIDATION_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/train/batches.h"
#include "recipes/kit/train/train.h"
#include "tensor/tensor.h"

namespace roux::kit {

struct ValidationSet {
  std::string name;  // of the metric and the curve
  const WindowSet* windows;
  std::vector<int64_t> rows = {};  // all of them where empty
};

// `rows` windows spread evenly over the set (WindowSet::fixed_rows), with its errors.
absl::StatusOr<ValidationSet> validation_set(const std::string& name, const WindowSet& windows, int64_t rows);

// Mean loss per target of each set (evaluate_loss of training.h), in their order.
Values evaluate_losses(const std::vector<ValidationSet>& sets, int64_t rows_per_batch, Device device,
                       const std::function<Tensor(const LmBatch&)>& loss_sum);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TRAIN_VALIDATION_H_
