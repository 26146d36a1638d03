#include "examples/z_loss/method.h"

#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"

namespace roux::z_loss {

Tensor squared_log_z(const Tensor& logits) {
  const Tensor log_z = logsumexp(logits, -1);
  return mean(log_z * log_z);
}

}  // namespace roux::z_loss
