#include "tensor/ops/softmax.h"

#include "absl/strings/str_cat.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/softmax_tables.h"
#include "tensor/ops/view.h"

namespace roux {

constinit KernelTable<SoftmaxKernel> softmax_kernels("softmax"), log_softmax_kernels("log_softmax");
constinit KernelTable<SoftmaxBackwardKernel> softmax_backward_kernels("softmax_backward"),
    log_softmax_backward_kernels("log_softmax_backward");
constinit GradSlot<SoftmaxSaved> softmax_grad("softmax", "//autograd/rules"),
    log_softmax_grad("log_softmax", "//autograd/rules");

namespace {

// The axis to normalise along, counted from the front.
absl::StatusOr<int> softmax_axis(const TensorSpec& x, int64_t axis) {
  if (!is_floating(x.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("dtype is not supported: x is ", to_string(x), ", needed a floating dtype"));
  }
  return normalize_axis(axis, x);
}

Tensor normalise(const Tensor& x, int64_t axis, const KernelTable<SoftmaxKernel>& table,
                 const GradSlot<SoftmaxSaved>& slot) {
  common_device(table.op(), {x});
  const int last = x.dim() - 1, along = or_throw(softmax_axis(x.spec(), axis), table.op());
  if (along != last) {
    return contiguous(normalise(x.transpose(along, last), last, table, slot).transpose(along, last));
  }
  Tensor y = empty(x.spec(), x.device());
  {
    NoGradGuard no_grad;
    const Tensor dense = contiguous(x);
    table.run(dense, dense, y);
  }
  return slot.record({x}, y, [&] { return SoftmaxSaved{SavedTensor::output(y)}; });
}

}  // namespace

Tensor softmax(const Tensor& x, int64_t axis) { return normalise(x, axis, softmax_kernels, softmax_grad); }
Tensor log_softmax(const Tensor& x, int64_t axis) {
  return normalise(x, axis, log_softmax_kernels, log_softmax_grad);
}

namespace {

// x - max x, in f32 for bf16 and f16. The maximum is a constant that cancels in every derivative; never
// adding it to log sum exp keeps that number's digits, however large x is.
Tensor below_largest(const Tensor& x, int64_t axis, const char* op) {
  common_device(op, {x});
  or_throw(softmax_axis(x.spec(), axis), op);
  const Tensor wide = x.dtype() == kF64 ? x : x.to(kF32);
  return wide.numel() == 0 ? wide : wide - amax(wide.detach(), axis, true);
}

}  // namespace

Tensor softmax_composed(const Tensor& x, int64_t axis) {
  const Tensor exponentials = exp(below_largest(x, axis, "softmax"));
  return (exponentials / sum(exponentials, axis, true)).to(x.dtype());
}
Tensor log_softmax_composed(const Tensor& x, int64_t axis) {
  const Tensor below = below_largest(x, axis, "log_softmax");
  return (below - log(sum(exp(below), axis, true))).to(x.dtype());
}

}  // namespace roux
