// Draws. Element i of a result comes from word i % 4 of Philox block i / 4 of the draw (see
// tensor/generator.h and tensor/philox.h): the same values bit for bit on every device. Values are made in
// f32 (a uniform f64 in f64) and converted to the dtype.
#ifndef ROUX_TENSOR_OPS_RANDOM_H_
#define ROUX_TENSOR_OPS_RANDOM_H_

#include "tensor/generator.h"
#include "tensor/tensor.h"

namespace roux {

// Uniform in [low, high): low + u (high - low), u with 24 random bits; what rounding would carry out of the
// range becomes its first or last value. low when high equals it. Floating dtypes; on the generator's device.
// Throws Error for bounds that are not finite, a width beyond the dtype, or a range without a value of it.
Tensor uniform(const Shape& shape, double low, double high, Generator& generator, DType dtype = kF32);
// Normal with this mean and standard deviation (Box and Muller; words 0, 1 and 2, 3 of a block make two
// values each).
Tensor normal(const Shape& shape, double mean, double std, Generator& generator, DType dtype = kF32);

// One index for each row of logits: [..., V] floating, drawn with probability softmax(logits): [...] i64. Row
// r uses word r % 4 of block r / 4. Throws Error for a row without a finite largest logit, with its position.
// No gradient.
Tensor categorical(const Tensor& logits, Generator& generator);

// Each element is kept with probability 1 - p and then divided by it, else 0; 0 <= p < 1. The mask is not
// stored: backward draws it again. Differentiable to any order. [Srivastava et al. 2014]
Tensor dropout(const Tensor& x, double p, Generator& generator);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_RANDOM_H_
