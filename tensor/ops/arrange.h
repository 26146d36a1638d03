// Copies of tensors in another arrangement, on every device and for all dtypes. axis arguments may be
// negative; all throw Error for one out of range. Differentiable to any order.
#ifndef ROUX_TENSOR_OPS_ARRANGE_H_
#define ROUX_TENSOR_OPS_ARRANGE_H_

#include "tensor/tensor.h"

namespace roux {

// The elements in reverse order along each of the axes. Throws Error for an axis named twice.
Tensor flip(const Tensor& x, absl::Span<const int64_t> axes);

// y[i] = x[(i - shift) mod n] along axis: what leaves at one end comes in at the other. x itself where
// nothing moves.
Tensor roll(const Tensor& x, int64_t shift, int64_t axis);

// x laid counts[i] times behind itself along axis i. counts may be longer than x's rank: axes of size 1 are
// put in front. x itself when every count is 1. Throws Error for a negative count, for fewer counts than
// axes, and for a result of kMaxRank axes that is repeated along one of them.
Tensor repeat(const Tensor& x, absl::Span<const int64_t> counts);

// Each element along axis `count` times in a row; x itself for count 1. Throws Error for a negative count, or
// x of kMaxRank axes.
Tensor repeat_interleave(const Tensor& x, int64_t count, int64_t axis);
// Element i along axis counts[i] times in a row. counts: [n] i32 or i64, n the size of the axis; their values
// are waited for, as the shape depends on them. Throws Error for a negative one, with its position.
Tensor repeat_interleave(const Tensor& x, const Tensor& counts, int64_t axis);

// Joins tensors of one shape along a new axis at position `axis` of the result; they promote.
Tensor stack(absl::Span<const Tensor> tensors, int64_t axis = 0);
inline Tensor stack(std::initializer_list<Tensor> tensors, int64_t axis = 0) {
  return stack(absl::MakeConstSpan(tensors.begin(), tensors.size()), axis);
}

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_ARRANGE_H_
