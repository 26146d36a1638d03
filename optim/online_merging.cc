#include "optim/online_merging.h"

#include <algorithm>
#include <cmath>

#include "optim/composed.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/order.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {

OnlineMergingAdamW::OnlineMergingAdamW(std::vector<ParamGroup> groups, const NamedTensors& task_vectors,
                                       const OnlineMergingOptions& options, Generator& generator)
    : Optimizer(
          groups,
          [](const TensorSpec& param) {
            return StateSpecs{{"exp_avg", param}, {"exp_avg_sq", param}, {kOwnSteps, {kF64, {1}}}};
          },
          Update::kWhole),
      options_(options),
      generator_(generator) {
  options.adamw.check("optimizer");
  ROUX_CHECK(options.merge_weight >= 0 && options.merge_weight <= 1)
      << "optimizer: merge_weight is " << options.merge_weight << ", needed 0 <= merge_weight <= 1";
  ROUX_CHECK(options.keep > 0 && options.keep <= 1)
      << "optimizer: keep is " << options.keep << ", needed 0 < keep <= 1";
  NoGradGuard no_grad;
  for (const ParamGroup& group : groups) {
    for (const auto& [name, param] : group.params) {
      const auto found =
          std::find_if(task_vectors.begin(), task_vectors.end(),
                       [&name = name](const auto& task_vector) { return task_vector.first == name; });
      ROUX_CHECK(found != task_vectors.end()) << "optimizer: there is no task vector of " << name;
      ROUX_CHECK(found->second.spec() == param.spec() && found->second.device() == param.device())
          << "optimizer: the task vector of " << name << " is " << found->second.spec() << ", needed "
          << param.spec() << " on the parameter's device";
      task_vectors_.emplace_back(param, drop(clamp(found->second, -1, 1)));
    }
  }
}

Tensor OnlineMergingAdamW::kept_of(const Tensor& x) const {
  if (options_.merging == Merging::kDare) {
    return lt(uniform(x.shape(), 0, 1, generator_, kF32), options_.keep);
  }
  const Tensor sizes = abs(x);
  const auto count = static_cast<int64_t>(std::ceil(options_.keep * static_cast<double>(x.numel())));
  return ge(sizes, amin(topk(reshape(sizes, {x.numel()}), std::max<int64_t>(count, 1)).values));
}

Tensor OnlineMergingAdamW::drop(const Tensor& x) const {
  if (options_.keep == 1 || x.numel() == 0) return x;
  const Tensor kept = where(kept_of(x), x, zeros_like(x));
  if (!options_.rescale) return kept;
  const Tensor left = sum(abs(kept));
  return kept * where(gt(left, 0), sum(abs(x)) / left, zeros_like(left));
}

const Tensor& OnlineMergingAdamW::task_vector(const Tensor& param) const {
  const auto found = std::find_if(task_vectors_.begin(), task_vectors_.end(),
                                  [&](const auto& entry) { return entry.first.impl() == param.impl(); });
  ROUX_INVARIANT(found != task_vectors_.end());
  return found->second;
}

void OnlineMergingAdamW::update(const Group& group, const std::vector<std::vector<Tensor>>& lists,
                                const Tensor& scalars) {
  AdamWOptions options = options_.adamw;
  options.lr_scale = group.lr_scale;
  options.weight_decay = 0;
  std::vector<Tensor> updates;  // AdamW on parameters of 0 leaves its update in their place
  for (const Tensor& param : lists[0]) updates.push_back(zeros_like(param));
  adamw_(updates, lists[1], lists[2], lists[3], lists[4], scalars, options);
  const double alpha = options_.merge_weight;
  const double decay = group.weight_decay.value_or(options_.adamw.weight_decay);
  for (size_t i = 0; i < updates.size(); ++i) {
    const Tensor& p = lists[0][i];
    Tensor task = task_vector(p), update = drop(updates[i]);
    if (options_.merging == Merging::kTies) {
      const Tensor majority = sign(task * alpha + update * (1 - alpha)), zero = zeros_like(p);
      task = where(eq(sign(task), majority), task, zero);
      update = where(eq(sign(update), majority), update, zero);
    }
    const Tensor merged = p + (task * alpha + update * (1 - alpha));
    const Tensor lr = optim::scalar_of(scalars, kLearningRate, p.dtype()) * group.lr_scale;
    optim::assign(p, merged * (1 - lr * decay), scalars);
  }
}

}  // namespace roux
