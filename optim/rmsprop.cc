#include "optim/rmsprop.h"

#include <limits>
#include <utility>

#include "optim/composed.h"
#include "tensor/ops/elementwise.h"

namespace roux {

Rmsprop::Rmsprop(std::vector<ParamGroup> groups, const RmspropOptions& options)
    : Optimizer(std::move(groups),
                [options](const TensorSpec& param) {
                  StateSpecs states{{"square_avg", param}};
                  if (options.centered) states.emplace_back("grad_avg", param);
                  if (options.momentum != 0) states.emplace_back("momentum_buffer", param);
                  return states;
                }),
      options_(options) {
  optim::check_below_1("alpha", options.alpha);
  optim::check_at_least_0("eps", options.eps);
  optim::check_at_least_0("weight_decay", options.weight_decay);
  optim::check_at_least_0("momentum", options.momentum);
}

void Rmsprop::update(const Group& group, const std::vector<std::vector<Tensor>>& lists,
                     const Tensor& scalars) {
  const double alpha = options_.alpha, infinity = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < lists[0].size(); ++i) {
    const Tensor& p = lists[0][i];
    const Tensor g =
        optim::true_grad(p, lists[1][i], group.weight_decay.value_or(options_.weight_decay), scalars);
    size_t state = 2;
    const Tensor& square_avg = lists[state++][i];
    const Tensor square = square_avg * alpha + g * g * (1 - alpha);
    optim::assign(square_avg, square, scalars);
    Tensor variance = square;
    if (options_.centered) {
      const Tensor& grad_avg = lists[state++][i];
      const Tensor average = grad_avg * alpha + g * (1 - alpha);
      optim::assign(grad_avg, average, scalars);
      variance = clamp(square - average * average, 0, infinity);  // rounding may leave less than 0
    }
    Tensor direction = g / (sqrt(variance) + options_.eps);
    if (options_.momentum != 0) {
      const Tensor& buffer = lists[state][i];
      direction = buffer * options_.momentum + direction;
      optim::assign(buffer, direction, scalars);
    }
    const Tensor lr = optim::scalar_of(scalars, kLearningRate, p.dtype()) * group.lr_scale;
    optim::assign(p, p - direction * lr, scalars);
  }
}

}  // namespace roux
