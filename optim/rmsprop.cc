#include "optim/rmsprop.h"

#include <utility>

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
  options.check("optimizer");
}

void Rmsprop::update(const Group& group, const std::vector<std::vector<Tensor>>& lists,
                     const Tensor& scalars) {
  RmspropOptions options = options_;
  options.lr_scale = group.lr_scale;
  if (group.weight_decay) options.weight_decay = *group.weight_decay;
  size_t next = 3;
  const std::vector<Tensor> none, &centres = options.centered ? lists[next++] : none,
                                  &buffers = options.momentum != 0 ? lists[next] : none;
  rmsprop_(lists[0], lists[1], lists[2], centres, buffers, scalars, options);
}

}  // namespace roux
