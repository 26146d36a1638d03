// The z-loss: keeps the logarithm of the softmax's sum near 0, where it is computed exactly.
// [Chowdhery et al. 2022, section 5: 10^-4 (log Z)^2]
#ifndef ROUX_EXAMPLES_Z_LOSS_METHOD_H_
#define ROUX_EXAMPLES_Z_LOSS_METHOD_H_

#include "tensor/tensor.h"

namespace roux::z_loss {

// Mean of (log Z)^2 over all rows, Z = sum of exp(logits). logits: [..., V] floating; a scalar.
Tensor squared_log_z(const Tensor& logits);

}  // namespace roux::z_loss

#endif  // ROUX_EXAMPLES_Z_LOSS_METHOD_H_
