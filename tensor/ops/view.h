// Views: the same storage under another shape, no copy (contiguous and reshape copy when they must). All
// dtypes; all differentiable to any order. axis arguments may be negative. A view shares the version of its
// base.
#ifndef ROUX_TENSOR_OPS_VIEW_H_
#define ROUX_TENSOR_OPS_VIEW_H_

#include "tensor/tensor.h"

namespace roux {

// The same elements in row-major order under `shape`; one size may be -1 (inferred). view throws Error when
// x's strides do not allow it without a copy; reshape then copies.
Tensor view(const Tensor& x, const Shape& shape);
Tensor reshape(const Tensor& x, const Shape& shape);
Tensor contiguous(const Tensor& x);  // x itself when it is contiguous
Tensor transpose(const Tensor& x, int64_t axis0, int64_t axis1);
Tensor permute(const Tensor& x, absl::Span<const int64_t> axes);  // axis i of the result is axis axes[i] of x
Tensor squeeze(const Tensor& x, int64_t axis);                    // that axis must have size 1
Tensor unsqueeze(const Tensor& x, int64_t axis);                  // a new axis of size 1 at position axis
Tensor expand(const Tensor& x, const Shape& shape);               // broadcast by stride 0
// Elements begin, begin + step, ... below end along axis. Negative begin and end count from the end, both are
// clamped as in Python; step >= 1.
Tensor slice(const Tensor& x, int64_t axis, int64_t begin, int64_t end, int64_t step = 1);
Tensor select(const Tensor& x, int64_t axis, int64_t index);  // one element of an axis, which is removed
// Consecutive pieces of the given sizes, which must add up to the axis.
std::vector<Tensor> split(const Tensor& x, absl::Span<const int64_t> sizes, int64_t axis);
// Consecutive pieces of ceil(n / count) elements along axis, the last one shorter; fewer than count where
// that is enough. count >= 1.
std::vector<Tensor> chunk(const Tensor& x, int64_t count, int64_t axis);
std::vector<Tensor> unbind(const Tensor& x, int64_t axis);  // every element of the axis, which is removed
// The elements whose index along axis1 is that along axis0 plus offset, as the last axis of the result, which
// loses the two. Empty beyond the corners.
Tensor diagonal(const Tensor& x, int64_t offset = 0, int64_t axis0 = 0, int64_t axis1 = 1);

// The counterpart of Tensor::detach: the data of `hard`, and a gradient that goes to `soft` as it comes, as
// if the two were equal [Bengio et al. 2013]: straight_through(rounded, x), straight_through(one_hot, p).
// Both of one floating spec; hard gets no gradient. Throws Error where the specs differ.
Tensor straight_through(const Tensor& hard, const Tensor& soft);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_VIEW_H_
