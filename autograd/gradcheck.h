// Numerical checks of derivatives in f64 by central differences along random directions: for f: R^n -> R^m
// and random u, v the number v^T J u is computed from backward and from (f(x + h u) - f(x - h u)) / 2h.
#ifndef ROUX_AUTOGRAD_GRADCHECK_H_
#define ROUX_AUTOGRAD_GRADCHECK_H_

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "tensor/tensor.h"

namespace roux {

using TensorsFunction = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

struct GradcheckOptions {
  double step = 1e-6;
  double atol = 1e-6;  // on v^T J u, |u| = |v| = 1 per element, relative to its size beside rtol
  double rtol = 1e-5;
  int directions = 3;
  uint64_t seed = 0;
};

// OK when backward agrees with differences for the f64 inputs that require grad, and two backwards give the
// same bits. Outputs that are not floating are ignored. The message names output, direction and both numbers.
absl::Status gradcheck(const TensorsFunction& f, const std::vector<Tensor>& inputs,
                       const GradcheckOptions& options = {});

// The same for the gradient itself as a function of inputs and grad_outputs (second derivatives).
absl::Status gradgradcheck(const TensorsFunction& f, const std::vector<Tensor>& inputs,
                           const GradcheckOptions& options = {});

}  // namespace roux

#endif  // ROUX_AUTOGRAD_GRADCHECK_H_
