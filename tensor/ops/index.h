// Ops that pick or place elements. Index tensors are i32 or i64 and count from 0; an index out of range
// throws Error with the op, the value and its position. All are differentiable to any order in their floating
// arguments.
#ifndef ROUX_TENSOR_OPS_INDEX_H_
#define ROUX_TENSOR_OPS_INDEX_H_

#include "tensor/scalar.h"
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

// Rows of weight: [V, D] for ids: [...]. Returns [..., D]. Of a block format: the values in f32.
Tensor embedding(const Tensor& weight, const Tensor& ids);
// The transpose of embedding: [V, D] with row v the sum of the rows grad[..., D] whose id is v, in the order
// of ids (deterministic; no atomics).
Tensor embedding_backward(const Tensor& grad, const Tensor& ids, int64_t rows);

// Slices of x along an axis: y's axis has index's length. index: [K].
Tensor index_select(const Tensor& x, int64_t axis, const Tensor& index);
// x with slice k of source added to slice index[k] of the axis, in the order of k. source: like x but for the
// axis, which is [K] as index is. Floating x of source's dtype.
Tensor index_add(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source);

// x with y[i..., index[i..., j, k...], k...] = source[i..., j, k...]: index and source have one shape, which
// equals x's but for `axis`, and x and source one dtype. Of several sources for one place the last one in
// row-major order counts, and it alone gets a gradient.
Tensor scatter(const Tensor& x, int64_t axis, const Tensor& index, const Tensor& source);

// x with y[indices[0][s], indices[1][s], ..., rest...] = values[s, rest...] (with `accumulate` += values):
// the indices, one for each of the first axes of x, broadcast to one shape S; values broadcast to S and the
// axes that are left, in x's dtype. Of several values for one place the last counts, or they are added in
// their order (floating dtypes).
Tensor index_put(const Tensor& x, absl::Span<const Tensor> indices, const Tensor& values,
                 bool accumulate = false);
inline Tensor index_put(const Tensor& x, std::initializer_list<Tensor> indices, const Tensor& values,
                        bool accumulate = false) {
  return index_put(x, absl::MakeConstSpan(indices.begin(), indices.size()), values, accumulate);
}

// [..., classes] of dtype (numeric): 1 at each id, 0 elsewhere. ids: [...].
Tensor one_hot(const Tensor& ids, int64_t classes, DType dtype = kF32);

// mask: bool, broadcasts with x. x with `value` where mask is true.
Tensor masked_fill(const Tensor& x, const Tensor& mask, const Scalar& value);
// The elements of x where mask is true, in row-major order: [N]. N waits for the device; Error on meta.
Tensor masked_select(const Tensor& x, const Tensor& mask);
// The places [N, rank] of the elements that are not 0, in row-major order: i64. Waits for the device; Error
// on meta. No gradient.
Tensor nonzero(const Tensor& x);

// x with the elements above (below) diagonal k of the last two axes set to 0.
Tensor tril(const Tensor& x, int64_t k = 0);
Tensor triu(const Tensor& x, int64_t k = 0);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_INDEX_H_
