#include "recipes/kit/train/update.h"

#include <cmath>

#include "autograd/anomaly.h"
#include "autograd/autograd.h"
#include "tensor/error.h"
#include "tensor/ops/elementwise.h"

namespace roux::kit {
namespace {

// Whether the device can be asked: meta has no values, a GPU would have to be waited for.
bool is_asked(const Tensor& loss) {
  const DeviceType type = loss.device().type;
  return type == DeviceType::kCpu || type == DeviceType::kEmulated;
}

std::string first_nan_op(const std::function<Tensor()>& forward_backward) {
  const AnomalyGuard anomaly;
  try {
    forward_backward();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

namespace internal {

StepResult update_with(Optimizer& optimizer, const StepOptions& options,
                       const std::function<Tensor()>& forward_backward) {
  StepResult result{.loss = forward_backward()};
  result.grad_norm = optimizer.step(options);
  result.lr = options.lr;
  optimizer.zero_grad();
  if (is_asked(result.loss) && (optimizer.skipped() || !std::isfinite(result.loss.item()))) {
    result.nonfinite = first_nan_op(forward_backward);
    optimizer.zero_grad();
  }
  return result;
}

Tensor backward_of_share(const Tensor& loss_sum, int64_t targets, const Tensor& so_far) {
  const Tensor loss = loss_sum / static_cast<double>(targets);
  backward(loss);
  return so_far.defined() ? so_far + loss.detach() : loss.detach();
}

void check_targets(size_t batches, int64_t targets) {
  ROUX_CHECK(targets > 0) << "update: " << batches << " micro-batches have " << targets
                          << " targets together, needed >= 1";
}

}  // namespace internal

StepResult update(Optimizer& optimizer, const StepOptions& options, const std::function<Tensor()>& loss) {
  return internal::update_with(optimizer, options, [&] {
    const Tensor value = loss();
    backward(value);
    return value.detach();
  });
}

}  // namespace roux::kit
