// Tensors from nothing or from host values. empty() is in tensor/tensor.h. None requires grad.
#ifndef ROUX_TENSOR_OPS_CREATION_H_
#define ROUX_TENSOR_OPS_CREATION_H_

#include <vector>

#include "tensor/scalar.h"
#include "tensor/tensor.h"

namespace roux {

// value is rounded once to dtype; integers are exact in i64, and beyond an integer dtype become its nearest
// limit.
Tensor full(const Shape& shape, const Scalar& value, DType dtype = kF32, Device device = kCpu);
Tensor zeros(const Shape& shape, DType dtype = kF32, Device device = kCpu);
Tensor ones(const Shape& shape, DType dtype = kF32, Device device = kCpu);
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
Tensor empty_like(const Tensor& x);  // contiguous

// begin, begin + step, ... below end (above, for a negative step). Three integers are counted exactly in i64,
// otherwise in f64. Throws Error for step 0, a wrong direction, and for an integer dtype when f64 does not
// hold every integer up to begin or end.
Tensor arange(const Scalar& begin, const Scalar& end, const Scalar& step = 1, DType dtype = kF32,
              Device device = kCpu);

// Values in row-major order; T is float, double, int32_t, int64_t or uint8_t and gives the dtype. Throws
// Error when the count is not the shape's.
template <class T>
Tensor tensor(const std::vector<T>& values, const Shape& shape, Device device = kCpu);
// A vector as f32[N].
Tensor tensor(std::initializer_list<float> values);

// x on another device (x itself if it is there). The gradient is copied back.
Tensor to_device(const Tensor& x, Device device);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_CREATION_H_
