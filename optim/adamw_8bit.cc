#include "optim/adamw_8bit.h"

#include <utility>

namespace roux {
namespace {

constexpr int64_t kLeastElements = 4096;

int64_t blocks_of(int64_t elements) { return (elements + kMomentBlock - 1) / kMomentBlock; }

}  // namespace

AdamW8bit::AdamW8bit(std::vector<ParamGroup> groups, const AdamWOptions& options)
    : Optimizer(
          std::move(groups),
          [](const TensorSpec& param) {
            const TensorSpec count{kF64, {1}};
            if (param.dtype != kF32 || numel(param.shape) < kLeastElements) {
              return StateSpecs{{kOwnSteps, count}, {"exp_avg", param}, {"exp_avg_sq", param}};
            }
            const TensorSpec codes{kU8, param.shape}, absmax{kF32, {blocks_of(numel(param.shape))}};
            return StateSpecs{{kOwnSteps, count},
                              {"exp_avg", codes},
                              {"exp_avg_sq", codes},
                              {"exp_avg_absmax", absmax},
                              {"exp_avg_sq_absmax", absmax}};
          },
          Update::kWhole),
      options_(options) {
  options.check("optimizer");
}

void AdamW8bit::update(const Group& group, const std::vector<std::vector<Tensor>>& lists,
                       const Tensor& scalars) {
  AdamWOptions options = options_;
  options.lr_scale = group.lr_scale;
  options.weight_decay = group.weight_decay.value_or(options_.weight_decay);
  if (lists.size() == 5) return adamw_(lists[0], lists[1], lists[3], lists[4], lists[2], scalars, options);
  adamw_8bit_(lists[0], lists[1], lists[3], lists[4], lists[5], lists[6], lists[2], scalars, options);
}

}  // namespace roux
