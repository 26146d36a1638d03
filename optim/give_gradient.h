// For tests: a parameter's gradient, through a graph as in training.
#ifndef ROUX_OPTIM_GIVE_GRADIENT_H_
#define ROUX_OPTIM_GIVE_GRADIENT_H_

#include "autograd/autograd.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"

namespace roux {

// param.grad() = gradient, that of sum(param * gradient).
inline void give_gradient(Tensor param, const Tensor& gradient) {
  param.set_grad(Tensor());
  backward(sum(param * gradient));
}

}  // namespace roux

#endif  // ROUX_OPTIM_GIVE_GRADIENT_H_
