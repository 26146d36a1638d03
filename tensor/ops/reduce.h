// Reductions over one axis, a list of axes or all of them. Axes may be negative; keepdim leaves them with
// size 1. bf16 and f16 accumulate in f32, f64 in f64, integers and bool in i64; sums run in blocks that are
// added as a tree, so the error grows with the logarithm of the count and the bits do not depend on the
// number of threads. All throw Error for an axis that is out of range or named twice.
#ifndef ROUX_TENSOR_OPS_REDUCE_H_
#define ROUX_TENSOR_OPS_REDUCE_H_

#include "tensor/tensor.h"

namespace roux {

// Sum; 0 over nothing. Floating x: its dtype; integers and bool: i64.
Tensor sum(const Tensor& x);
Tensor sum(const Tensor& x, int64_t axis, bool keepdim = false);
Tensor sum(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim = false);

// Arithmetic mean, floating x (cast integers first); NaN over nothing.
Tensor mean(const Tensor& x);
Tensor mean(const Tensor& x, int64_t axis, bool keepdim = false);
Tensor mean(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim = false);

// Largest element of numeric x; NaN wins. Equal largest elements share the gradient evenly. Throws Error when
// a reduced axis is empty.
Tensor amax(const Tensor& x);
Tensor amax(const Tensor& x, int64_t axis, bool keepdim = false);
Tensor amax(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim = false);

// Smallest element; otherwise as amax.
Tensor amin(const Tensor& x);
Tensor amin(const Tensor& x, int64_t axis, bool keepdim = false);
Tensor amin(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim = false);

// Product; 1 over nothing. Floating x: its dtype; integers and bool: i64, which wraps. The gradient is the
// product of the other elements, found without a division, so zeros do it no harm.
Tensor prod(const Tensor& x);
Tensor prod(const Tensor& x, int64_t axis, bool keepdim = false);
Tensor prod(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim = false);

// sum((x - mean(x))^2) / max(0, n - correction) over n elements, floating x; the mean is subtracted twice, so
// a common offset costs no more digits than x itself has lost. NaN where n <= correction and the sum is 0.
// Composed; computed in f32 for bf16 and f16.
Tensor var(const Tensor& x);  // correction 1
Tensor var(const Tensor& x, int64_t axis, bool keepdim = false, double correction = 1);
Tensor var(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim = false, double correction = 1);
// sqrt(var(x)); gradient 0 where that is 0, as in PyTorch.
Tensor std(const Tensor& x);
Tensor std(const Tensor& x, int64_t axis, bool keepdim = false, double correction = 1);
Tensor std(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim = false, double correction = 1);

// Whether any (all) elements are not zero; NaN is not zero. x: any dtype; bool output, no gradient. Over
// nothing false (true).
Tensor any(const Tensor& x);
Tensor any(const Tensor& x, int64_t axis, bool keepdim = false);
Tensor any(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim = false);
Tensor all(const Tensor& x);
Tensor all(const Tensor& x, int64_t axis, bool keepdim = false);
Tensor all(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim = false);

// log(sum(exp(x))), floating x, computed as m + log(sum(exp(x - m))) with m = amax(x): finite whenever the
// result is. -inf over nothing or when all elements are -inf (and then the gradient is NaN, as in PyTorch).
// The gradient does not go by the rounded result: it is that of softmax, also where m is large.
Tensor logsumexp(const Tensor& x);
Tensor logsumexp(const Tensor& x, int64_t axis, bool keepdim = false);
Tensor logsumexp(const Tensor& x, absl::Span<const int64_t> axes, bool keepdim = false);

// Index along `axis` of the first largest element (of the first NaN if there is one), i64, numeric x, no
// gradient. Throws Error when the axis is empty.
Tensor argmax(const Tensor& x, int64_t axis, bool keepdim = false);
// The same of the first smallest element.
Tensor argmin(const Tensor& x, int64_t axis, bool keepdim = false);

// The inverse of broadcasting: sums x over the axes that `shape` lacks or has with size 1, so that the result
// has `shape`, in sum's dtype (integers and bool: i64, even where nothing is summed). Throws Error unless
// shape broadcasts to x's shape.
Tensor sum_to(const Tensor& x, const Shape& shape);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_REDUCE_H_
