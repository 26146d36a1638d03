#include "optim/adafactor.h"

#include <cmath>
#include <limits>
#include <utility>

#include "optim/composed.h"
#include "tensor/error.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Tensor rms(const Tensor& x) { return sqrt(mean(x * x)); }

Shape without_axis(Shape shape, int axis) {
  shape.erase(axis);
  return shape;
}

}  // namespace

void AdafactorOptions::check() const {
  ROUX_CHECK(std::isfinite(eps1) && eps1 > 0) << "optimizer: eps1 is " << eps1 << ", needed above 0";
  optim::check_at_least_0("eps2", eps2);
  ROUX_CHECK(std::isfinite(clip_threshold) && clip_threshold > 0)
      << "optimizer: clip_threshold is " << clip_threshold << ", needed finite and above 0";
  ROUX_CHECK(std::isfinite(decay_rate) && decay_rate <= 0)
      << "optimizer: decay_rate is " << decay_rate << ", needed finite and at most 0";
  optim::check_below_1("beta1", beta1);
  optim::check_at_least_0("weight_decay", weight_decay);
  ROUX_CHECK(!warmup_init || relative_step) << "optimizer: warmup_init needs a relative_step";
}

Adafactor::Adafactor(std::vector<ParamGroup> groups, const AdafactorOptions& options)
    : Optimizer(
          std::move(groups),
          [beta1 = options.beta1](const TensorSpec& param) {
            const int rank = param.shape.rank();
            StateSpecs states{{kOwnSteps, {kF64, {1}}}};
            if (beta1 != 0) states.emplace_back("exp_avg", param);
            if (rank >= 2) {
              states.push_back({"exp_avg_sq_row", {param.dtype, without_axis(param.shape, rank - 1)}});
              states.push_back({"exp_avg_sq_col", {param.dtype, without_axis(param.shape, rank - 2)}});
            } else {
              states.emplace_back("exp_avg_sq", param);
            }
            return states;
          },
          Update::kWhole),
      options_(options) {
  options.check();
}

Tensor Adafactor::rate(const Tensor& param, const Tensor& t, double lr_scale, const Tensor& scalars) const {
  Tensor rate = optim::scalar_of(scalars, kLearningRate, kF64) * lr_scale;
  if (options_.relative_step) {
    const Tensor most = options_.warmup_init ? t * 1e-6 : full({}, 1e-2, kF64, t.device());
    rate = rate * minimum(most, rsqrt(t));
  }
  if (options_.scale_parameter) rate = rate * clamp(rms(param).to(kF64), options_.eps2, kInfinity);
  return rate;
}

void Adafactor::update(const Group& group, const std::vector<std::vector<Tensor>>& lists,
                       const Tensor& scalars) {
  for (size_t i = 0; i < lists[0].size(); ++i) {
    const Tensor &p = lists[0][i], &steps = lists[2][i];
    const DType dtype = p.dtype();
    const Tensor g = optim::true_grad(p, lists[1][i], 0, scalars);
    const Tensor t = select(steps, 0, 0) + 1;
    const Tensor decay = pow(t, options_.decay_rate);  // 1 - beta2
    const Tensor b2 = (1 - decay).to(dtype), c2 = decay.to(dtype);
    const Tensor rate = this->rate(p, t, group.lr_scale, scalars).to(dtype);

    size_t state = options_.beta1 != 0 ? 4 : 3;
    const Tensor square = g * g + options_.eps1;
    Tensor update;
    if (p.dim() >= 2) {
      const Tensor &row_avg = lists[state][i], &column_avg = lists[state + 1][i];
      const Tensor row = row_avg * b2 + mean(square, -1) * c2,
                   column = column_avg * b2 + mean(square, -2) * c2;
      optim::assign(row_avg, row, scalars);
      optim::assign(column_avg, column, scalars);
      update = g * rsqrt(row / mean(row, -1, true)).unsqueeze(-1) * rsqrt(column).unsqueeze(-2);
    } else {
      const Tensor& square_avg = lists[state][i];
      const Tensor all = square_avg * b2 + square * c2;
      optim::assign(square_avg, all, scalars);
      update = g * rsqrt(all);
    }
    update = update * (rate / clamp(rms(update) / options_.clip_threshold, 1, kInfinity));
    if (options_.beta1 != 0) {
      const Tensor& exp_avg = lists[3][i];
      update = exp_avg * options_.beta1 + update * (1 - options_.beta1);
      optim::assign(exp_avg, update, scalars);
    }
    const double weight_decay = group.weight_decay.value_or(options_.weight_decay);
    if (weight_decay != 0) update = update + p * (rate * weight_decay);
    optim::assign(p, p - update, scalars);
    optim::assign(steps, t.unsqueeze(0), scalars);
  }
}

}  // namespace roux
