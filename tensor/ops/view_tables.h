// Gradient slots of the view family; views have no kernels (copies use the cast table).
#ifndef ROUX_TENSOR_OPS_VIEW_TABLES_H_
#define ROUX_TENSOR_OPS_VIEW_TABLES_H_

#include "tensor/ops/view.h"
#include "tensor/tables.h"

namespace roux {

struct ShapeSaved {
  Shape shape;  // of the input
};
struct PermuteSaved {
  Dims axes;
};
struct SliceSaved {
  Shape shape;  // of the input
  int axis;
  int64_t begin, step;
};
struct SplitSaved {
  std::vector<TensorSpec> pieces;
  int axis;
  Device device;
};
struct ContiguousSaved {};
struct DiagonalSaved {
  Shape shape;  // of the input
  int64_t offset;
  int axis0, axis1;
};

extern constinit GradSlot<ShapeSaved> view_grad, expand_grad;
extern constinit GradSlot<PermuteSaved> permute_grad;
extern constinit GradSlot<SliceSaved> slice_grad;
extern constinit GradSlot<SplitSaved> split_grad;
extern constinit GradSlot<ContiguousSaved> contiguous_grad;
extern constinit GradSlot<ContiguousSaved> straight_through_grad;  // to input 0, `soft`

// The gradient of slice: zeros of `shape` with x written at the slice. Differentiable (its gradient is
// slice).
Tensor slice_backward(const Tensor& x, const SliceSaved& saved);
extern constinit GradSlot<SliceSaved> slice_backward_grad;

// The same of diagonal.
Tensor diagonal_backward(const Tensor& x, const DiagonalSaved& saved);
extern constinit GradSlot<DiagonalSaved> diagonal_grad, diagonal_backward_grad;

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_VIEW_TABLES_H_
