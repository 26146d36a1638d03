// Ops by the order of elements. Order is that of PyTorch: NaN is larger than everything else, -0 equals 0,
// and equal elements keep the order of their indices, ascending or descending. Numeric x and bool; indices
// are i64.
#ifndef ROUX_TENSOR_OPS_ORDER_H_
#define ROUX_TENSOR_OPS_ORDER_H_

#include "tensor/tensor.h"

namespace roux {

struct Ordered {
  Tensor values, indices;
};

// x in ascending (descending) order along an axis, and where each element stood: values = gather(x, axis,
// indices). Differentiable to any order in x.
Ordered sort(const Tensor& x, int64_t axis = -1, bool descending = false);
Tensor argsort(const Tensor& x, int64_t axis = -1, bool descending = false);

// The k largest (smallest) along an axis, the largest (smallest) first: the first k of sort(), found without
// sorting the rest. Differentiable to any order in x. Throws Error unless 0 <= k <= the size of the axis.
Ordered topk(const Tensor& x, int64_t k, int64_t axis = -1, bool largest = true);

// Where each value would be put into rows that are sorted in ascending order: sorted: [n] with values of any
// shape, or [..., n] with values [..., m]. Returns i64 like values: the number of elements that are less than
// the value, with `right` of those that are not greater. One dtype. No gradient.
Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool right = false);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_ORDER_H_
