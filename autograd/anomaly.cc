#include "autograd/anomaly.h"

#include <cmath>
#include <utility>

namespace roux {
namespace {

thread_local bool enabled = false;

// Position of the first NaN in row-major order, or -1.
int64_t first_nan(const Tensor& x) {
  if (!x.defined() || !is_floating(x.dtype()) || x.device().type == DeviceType::kMeta) return -1;
  const std::vector<double> values = x.to_vector<double>();
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) return static_cast<int64_t>(i);
  }
  return -1;
}

}  // namespace

bool anomaly_mode() { return enabled; }
AnomalyGuard::AnomalyGuard() : previous_(std::exchange(enabled, true)) {}
AnomalyGuard::~AnomalyGuard() { enabled = previous_; }

void check_forward(const char* op, absl::Span<const TensorRef> inputs, absl::Span<Tensor* const> outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    const int64_t at = first_nan(*outputs[i]);
    if (at < 0) continue;
    for (size_t j = 0; j < inputs.size(); ++j) {
      const int64_t from = first_nan(*inputs[j]);
      ROUX_CHECK(from < 0) << op << ": input " << j << ", " << inputs[j]->spec()
                           << ", already has a NaN at element " << from
                           << " (it was not made by a recorded op)";
    }
    throw Error(std::string(op) + ": the first NaN: output " + std::to_string(i) + ", " +
                to_string(outputs[i]->spec()) + ", element " + std::to_string(at));
  }
}

void check_backward(const char* op, absl::Span<const Tensor> grads) {
  for (size_t i = 0; i < grads.size(); ++i) {
    const int64_t at = first_nan(grads[i]);
    ROUX_CHECK(at < 0) << op << ": its backward made the first NaN: gradient of input " << i << ", "
                       << grads[i].spec() << ", element " << at;
  }
}

}  // namespace roux
