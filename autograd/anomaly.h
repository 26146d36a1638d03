// Anomaly mode: every recorded op checks its outputs, every backward its gradients, and the first NaN is an
// Error that names the forward op. Slow (each value is read); for finding a NaN, not for training.
// Thread-local.
#ifndef ROUX_AUTOGRAD_ANOMALY_H_
#define ROUX_AUTOGRAD_ANOMALY_H_

#include "tensor/tables.h"

namespace roux {

bool anomaly_mode();

// { AnomalyGuard anomaly; loss = f(x); backward(loss); }
class AnomalyGuard {
 public:
  AnomalyGuard();
  ~AnomalyGuard();
  AnomalyGuard(const AnomalyGuard&) = delete;
  AnomalyGuard& operator=(const AnomalyGuard&) = delete;

 private:
  bool previous_;
};

// Throw Error naming op, position and the inputs' state when a value is NaN. Called by the graph.
void check_forward(const char* op, absl::Span<const TensorRef> inputs, absl::Span<Tensor* const> outputs);
void check_backward(const char* op, absl::Span<const Tensor> grads);

}  // namespace roux

#endif  // ROUX_AUTOGRAD_ANOMALY_H_
