// Parameters of which a rank holds a slice for good and the whole only while it computes with it (ZeRO stage
// 3, nn/parallel/sharded_parameters.h): what optimizers, reducers of gradients and checkpoints ask about
// them.
#ifndef ROUX_TENSOR_COMM_PARAMETER_SLICES_H_
#define ROUX_TENSOR_COMM_PARAMETER_SLICES_H_

#include "tensor/tensor.h"

namespace roux {

class ParameterSlices {
 public:
  virtual ~ParameterSlices();
  ParameterSlices(const ParameterSlices&) = delete;
  ParameterSlices& operator=(const ParameterSlices&) = delete;

  // The one there is; null: every parameter is whole.
  static ParameterSlices* current();

  // This rank's slice (slice_of_rank of the elements in row-major order), of rank 1; a step of an optimizer
  // writes to it. Undefined for a tensor that is whole.
  virtual Tensor slice_of(const Tensor& parameter) const = 0;
  // The values of the whole parameter in new memory; `parameter` itself where it is whole. Collective.
  virtual Tensor whole(const Tensor& parameter) const = 0;
  // To be called when slices were written.
  virtual void slices_changed() = 0;

 protected:
  ParameterSlices();  // becomes the current one; Error when there is one
};

// The device of a parameter's values, whether it is whole or not.
Device device_of(const Tensor& parameter);
// whole() of the current slices; without them `x`.
Tensor whole_value(const Tensor& x);

}  // namespace roux

#endif  // ROUX_TENSOR_COMM_PARAMETER_SLICES_H_
