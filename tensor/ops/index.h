// Ops that pick or place elements. Index tensors are i32 or i64 and count from 0; an index out of range
// throws Error with the op, the value and its position. All are differentiable to any order in their floating
// arguments.
#ifndef ROUX_TENSOR_OPS_INDEX_H_
#define ROUX_TENSOR_OPS_INDEX_H_

#include "tensor/tensor.h"

namespace roux {

// Joins tensors along an axis; they promote, and all other axes are equal.
Tensor cat(absl::Span<const Tensor> tensors, int64_t axis);
inline Tensor cat(std::initializer_list<Tensor> tensors, int64_t axis) {
  return cat(absl::MakeConstSpan(tensors.begin(), tensors.size()), axis);
}

// y[i..., j, k...] = x[i..., index[i..., j, k...], k...]: y has index's shape, which equals x's but for
// `axis`.
Tensor gather(const Tensor& x, int64_t axis, const Tensor& index);
// The transpose of gather: zeros of `shape` to which source is added at the places that gather would read.
// Sums run in row-major order of index.
Tensor scatter_add(const Shape& shape, int64_t axis, const Tensor& index, const Tensor& source);

// Rows of weight: [V, D] for ids: [...]. Returns [..., D].
Tensor embedding(const Tensor& weight, const Tensor& ids);
// The transpose of embedding: [V, D] with row v the sum of the rows grad[..., D] whose id is v, in the order
// of ids (deterministic; no atomics).
Tensor embedding_backward(const Tensor& grad, const Tensor& ids, int64_t rows);

// x with the elements above (below) diagonal k of the last two axes set to 0.
Tensor tril(const Tensor& x, int64_t k = 0);
Tensor triu(const Tensor& x, int64_t k = 0);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_INDEX_H_
