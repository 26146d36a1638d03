#include "recipes/kit/train/validation.h"

#include <numeric>
#include <utility>

#include "recipes/kit/train/training.h"
#include "tensor/error.h"

namespace roux::kit {

absl::StatusOr<ValidationSet> validation_set(const std::string& name, const WindowSet& windows,
                                             int64_t rows) {
  ROUX_ASSIGN_OR_RETURN(std::vector<int64_t> fixed, windows.fixed_rows(rows));
  return ValidationSet{name, &windows, std::move(fixed)};
}

Values evaluate_losses(const std::vector<ValidationSet>& sets, int64_t rows_per_batch, Device device,
                       const std::function<Tensor(const LmBatch&)>& loss_sum) {
  Values values;
  for (const ValidationSet& set : sets) {
    std::vector<int64_t> rows = set.rows;
    if (rows.empty()) {
      rows.resize(static_cast<size_t>(set.windows->size()));
      std::iota(rows.begin(), rows.end(), 0);
    }
    values.emplace_back(set.name, evaluate_loss(*set.windows, rows, rows_per_batch, device, loss_sum));
  }
  return values;
}

}  // namespace roux::kit
