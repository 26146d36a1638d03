#include "optim/composed.h"

#include <cmath>

#include "tensor/error.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"

namespace roux::optim {

Tensor scalar_of(const Tensor& scalars, StepScalar which, DType dtype) {
  return select(scalars, 0, which).to(dtype);
}

void assign(const Tensor& x, const Tensor& value, const Tensor& scalars) {
  copy_(x, where(gt(scalar_of(scalars, kFinite, kF64), 0), value, x));
}

Tensor true_grad(const Tensor& param, const Tensor& grad, double weight_decay, const Tensor& scalars) {
  const Tensor scaled = grad * scalar_of(scalars, kGradFactor, grad.dtype());
  return weight_decay != 0 ? scaled + param * weight_decay : scaled;
}

void check_at_least_0(const char* what, double value) {
  ROUX_CHECK(std::isfinite(value) && value >= 0)
      << "optimizer: " << what << " is " << value << ", needed finite and at least 0";
}

void check_below_1(const char* what, double value) {
  ROUX_CHECK(value >= 0 && value < 1)
      << "optimizer: " << what << " is " << value << ", needed 0 <= " << what << " < 1";
}

}  // namespace roux::optim
