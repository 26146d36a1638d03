// Gradient rules of the reduce family.
#include <limits>

#include "autograd/rule.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/reduce_tables.h"
#include "tensor/ops/scan.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

void sum_backward(const SumSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor kept = reshape(grad_output, s.kept);
  grad.set(0, expand(s.scale == 1.0 ? kept : kept * s.scale, s.shape));
}

// The elements that equal the extremum share its gradient.
void extremum_backward(const ExtremumSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor x = s.x.get();
  const Tensor is_extremum = cast(eq(x, reshape(s.y.get(), s.kept)), x.dtype());
  grad.set(0, is_extremum * (reshape(grad_output, s.kept) / sum_to(is_extremum, s.kept)));
}

// The product of the others: of those before times those after.
void prod_backward(const ReducedSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor x = s.x.get();
  if (x.numel() == 0) return grad.set(0, zeros_like(x));
  Dims order, inverse = Dims::filled(x.dim(), 0);  // the reduced axes last
  for (bool reduced : {false, true}) {
    for (int i = 0; i < x.dim(); ++i) {
      if ((s.kept[i] != x.shape()[i]) != reduced) continue;
      inverse[i] = order.rank();
      order.push_back(i);
    }
  }
  const Tensor ordered =
      permute(x.dtype() == kF64 ? x : x.to(kF32), absl::MakeConstSpan(order.begin(), order.end()));
  const int64_t outputs = grad_output.numel(), n = x.numel() / outputs;
  const Tensor rows = reshape(ordered, {outputs, n}), one = ones({outputs, 1}, rows.dtype(), rows.device());
  const Tensor before = cat({one, slice(cumprod(rows, 1), 1, 0, n - 1)}, 1);
  const Tensor after = cat({slice(cumprod(rows, 1, true), 1, 1, n), one}, 1);
  const Tensor others =
      permute(reshape(before * after, ordered.shape()), absl::MakeConstSpan(inverse.begin(), inverse.end()));
  grad.set(0, (reshape(grad_output, s.kept).to(rows.dtype()) * others).to(x.dtype()));
}

// exp((x - m) - log sum exp(x - m)) with m = amax(x) where that is finite: exp(x - y) would carry the
// rounding of y, which is as coarse as m. A row of nothing but -inf has no derivative: its gradient is NaN,
// as in PyTorch.
void logsumexp_backward(const ReducedSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor x = s.x.get(), wide = x.dtype() == kF64 ? x : x.to(kF32);
  if (x.numel() == 0) return grad.set(0, zeros_like(x));
  Dims axes;
  for (int i = 0; i < x.dim(); ++i) {
    if (s.kept[i] != x.shape()[i]) axes.push_back(i);
  }
  const Tensor largest =
      amax(wide.detach(), absl::MakeConstSpan(axes.begin(), static_cast<size_t>(axes.rank())), true);
  const Tensor finite = lt(abs(largest), std::numeric_limits<double>::infinity());
  const Tensor below = wide - where(finite, largest, zeros_like(largest));
  const Tensor weights = exp(below - log(sum_to(exp(below), s.kept)));
  grad.set(0, (reshape(grad_output, s.kept).to(wide.dtype()) * weights).to(x.dtype()));
}

const RegisterGrad kSum(sum_grad, sum_backward);
const RegisterGrad kMean(mean_grad, sum_backward);
const RegisterGrad kAmax(amax_grad, extremum_backward);
const RegisterGrad kAmin(amin_grad, extremum_backward);
const RegisterGrad kProd(prod_grad, prod_backward);
const RegisterGrad kLogSumExp(logsumexp_grad, logsumexp_backward);

}  // namespace
}  // namespace roux
