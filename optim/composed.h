// What updates that are composed of public ops share: each reads the step's scalars on the device and writes
// through assign(), so that it is skipped where the fused ones are.
#ifndef ROUX_OPTIM_COMPOSED_H_
#define ROUX_OPTIM_COMPOSED_H_

#include "tensor/ops/optimizer.h"
#include "tensor/tensor.h"

namespace roux::optim {

// One of the scalars, of rank 0, in `dtype`.
Tensor scalar_of(const Tensor& scalars, StepScalar which, DType dtype);
// x = value, unless the step is skipped.
void assign(const Tensor& x, const Tensor& value, const Tensor& scalars);
// The gradient times kGradFactor, plus weight_decay * param.
Tensor true_grad(const Tensor& param, const Tensor& grad, double weight_decay, const Tensor& scalars);

// Throw Error, starting with "optimizer: " and naming `what`, unless value is finite and >= 0 (in [0, 1)).
void check_at_least_0(const char* what, double value);
void check_below_1(const char* what, double value);

}  // namespace roux::optim

#endif  // ROUX_OPTIM_COMPOSED_H_
