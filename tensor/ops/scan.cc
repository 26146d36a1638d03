#include "tensor/ops/scan.h"

#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/scan_tables.h"
#include "tensor/ops/view.h"

namespace roux {

constinit KernelTable<ScanKernel> cumsum_kernels("cumsum"), cumprod_kernels("cumprod");
constinit KernelTable<CumprodBackwardKernel> cumprod_backward_kernels("cumprod_backward");

namespace {
constexpr const char* kRules = "//autograd/rules";
}
constinit GradSlot<CumsumSaved> cumsum_grad("cumsum", kRules);
constinit GradSlot<CumprodSaved> cumprod_grad("cumprod", kRules);

namespace {

Tensor scan(const Tensor& x, int axis, bool reverse, const KernelTable<ScanKernel>& table) {
  Tensor y = empty({is_floating(x.dtype()) ? x.dtype() : kI64, x.shape()}, x.device());
  table.run(x, contiguous(x), axis, reverse, y);
  return y;
}

}  // namespace

Tensor cumsum(const Tensor& x, int64_t axis, bool reverse) {
  common_device("cumsum", {x});
  const int at = or_throw(normalize_axis(axis, x.spec()), "cumsum");
  return cumsum_grad.record({x}, scan(x, at, reverse, cumsum_kernels), [&] {
    return CumsumSaved{at, reverse};
  });
}

Tensor cumprod(const Tensor& x, int64_t axis, bool reverse) {
  common_device("cumprod", {x});
  const int at = or_throw(normalize_axis(axis, x.spec()), "cumprod");
  return cumprod_grad.record({x}, scan(x, at, reverse, cumprod_kernels), [&] {
    return CumprodSaved{x, at, reverse};
  });
}

Tensor cumprod_composed(const Tensor& x, int64_t axis, bool reverse) {
  common_device("cumprod", {x});
  const int at = or_throw(normalize_axis(axis, x.spec()), "cumprod");
  const bool floating = is_floating(x.dtype());
  Tensor y = cast(x, !floating ? kI64 : (x.dtype() == kF64 ? kF64 : kF32));
  const int64_t n = x.size(at);
  for (int64_t step = 1; step < n; step *= 2) {
    const Tensor first = slice(y, at, 0, n - step), last = slice(y, at, step, n);
    y = reverse ? cat({first * last, slice(y, at, n - step, n)}, at)
                : cat({slice(y, at, 0, step), last * first}, at);
  }
  return floating ? cast(y, x.dtype()) : y;
}

Tensor cumprod_backward(const Tensor& x, const Tensor& grad_output, int axis, bool reverse) {
  const DType wide = x.dtype() == kF64 ? kF64 : kF32;
  Tensor grad_input = empty({wide, x.shape()}, x.device());
  cumprod_backward_kernels.run(grad_input, contiguous(cast(x, wide)), contiguous(cast(grad_output, wide)),
                               axis, reverse, grad_input);
  return cast(grad_input, x.dtype());
}

}  // namespace roux
