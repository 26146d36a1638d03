#include "recipes/kit/train/losses.h"

#include <algorithm>

#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux::kit {
namespace {

void check_shapes(const Tensor& per_token, const Tensor& target, const char* name) {
  ROUX_CHECK(per_token.dim() == 2 && per_token.shape() == target.shape())
      << name << ": per_token is " << per_token.spec() << ", target is " << target.spec()
      << ", needed are two of one shape [B, T]";
}

Tensor is_ignored(const Tensor& target) { return eq(target, static_cast<double>(kIgnoreTarget)); }

// x where there is a target, else 0: not a product, which a NaN in padding would poison.
Tensor at_targets(const Tensor& x, const Tensor& ignored) { return where(ignored, zeros_like(x), x); }

}  // namespace

Tensor sequence_sums(const Tensor& per_token, const Tensor& target) {
  check_shapes(per_token, target, "sequence_sums");
  return sum(at_targets(per_token, is_ignored(target)), 1);
}

Tensor sequence_means(const Tensor& per_token, const Tensor& target) {
  check_shapes(per_token, target, "sequence_means");
  const Tensor ignored = is_ignored(target);
  const Tensor counts = sum(at_targets(ones_like(per_token), ignored), 1);
  return sum(at_targets(per_token, ignored), 1) / clamp(counts, 1, static_cast<double>(per_token.size(1)));
}

Tensor weighted_mean(const Tensor& per_token, const Tensor& weight, const Tensor& target) {
  check_shapes(per_token, target, "weighted_mean");
  ROUX_CHECK(weight.dim() == 2 && weight.size(0) == per_token.size(0) &&
             (weight.size(1) == per_token.size(1) || weight.size(1) == 1))
      << "weighted_mean: weight is " << weight.spec() << ", per_token is " << per_token.spec()
      << ", needed is a weight of [B, T] or [B, 1]";
  const Tensor ignored = is_ignored(target);
  const Tensor weights = at_targets(expand(weight, per_token.shape()), ignored);
  return sum(weights * at_targets(per_token, ignored)) / sum(weights);
}

std::vector<RowLoss> row_losses(const std::function<Tensor(const LmBatch&)>& token_losses,
                                const WindowSet& set, absl::Span<const int64_t> rows, int64_t rows_per_batch,
                                Device device) {
  ROUX_CHECK(rows_per_batch >= 1) << "row_losses: rows_per_batch is " << rows_per_batch << ", needed >= 1";
  const NoGradGuard no_grad;
  std::vector<RowLoss> out;
  for (size_t begin = 0; begin < rows.size(); begin += static_cast<size_t>(rows_per_batch)) {
    const TokenBatch tokens = set.batch(rows.subspan(begin, static_cast<size_t>(rows_per_batch)));
    const LmBatch batch = to_batch(tokens, device);
    const std::vector<double> sums = sequence_sums(token_losses(batch), batch.target).to_vector<double>();
    for (int64_t row = 0; row < tokens.rows; ++row) {
      const auto first = tokens.target.begin() + row * tokens.length;
      const auto targets =
          std::count_if(first, first + tokens.length, [](int32_t t) { return t != kIgnoreTarget; });
      out.push_back({sums[static_cast<size_t>(row)], targets});
    }
  }
  return out;
}

}  // namespace roux::kit
