// Draws. Element i of a result comes from word i % 4 of Philox block i / 4 of the draw (see
// tensor/generator.h and tensor/philox.h): the same values bit for bit on every device. Values are made in
// f32 (a uniform f64 in f64) and converted to the dtype, where a comment does not say otherwise.
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

// Integers in [low, high): low + floor(w (high - low) / 2^64), w of words 0, 1 (low half first) or 2, 3 of a
// block; element i takes the pair i % 2 of block i / 2. No value is more likely than another by more than
// (high - low) / 2^64. dtype: i32 or i64. Throws Error for low >= high and bounds beyond the dtype.
Tensor randint(const Shape& shape, int64_t low, int64_t high, Generator& generator, DType dtype = kI64);
// 0, 1, ..., n - 1 in random order, i64[n]: the order of n words of 64 bits, drawn as for randint.
Tensor randperm(int64_t n, Generator& generator);
// 1 where a uniform draw is below p, else 0, like p: floating, probabilities (from 1 on: always). No
// gradient.
Tensor bernoulli(const Tensor& p, Generator& generator);

// Exponential with this rate: max(-ln(1 - u), 2^-25) / rate with u from uniform: above 0 before it is rounded
// to the dtype, and at most 16.7 / rate.
Tensor exponential(const Shape& shape, double rate, Generator& generator, DType dtype = kF32);
// Standard Gumbel: -ln of an exponential with rate 1; between -2.82 and 17.33.
Tensor gumbel(const Shape& shape, Generator& generator, DType dtype = kF32);
// softmax((logits + g) / temperature) along an axis, g a gumbel draw of logits' shape [Jang et al. 2017;
// Maddison et al. 2017]. hard: the one-hot vector of its largest element, with the gradient of the soft one
// (straight_through). logits: floating; bf16 and f16 are computed in f32. Differentiable to any order.
Tensor gumbel_softmax(const Tensor& logits, double temperature, Generator& generator, bool hard = false,
                      int64_t axis = -1);

// Gamma with shape parameter a > 0 (each element its own) and rate 1, like a: floating. By the rejection of
// Marsaglia and Tsang (2000), in f64: attempt k at element i draws the normal from words 0 and 1 and the
// uniform from word 2 of block i + k 2^40; below a = 1 it draws for a + 1 and multiplies by u^(1/a), u from
// word 3 of block i. Throws Error for an element that is not above 0 and finite, with its position. No
// gradient.
Tensor gamma(const Tensor& concentration, Generator& generator);
// The logarithm of such draws: those of a small a are below all numbers of their dtype.
Tensor log_gamma(const Tensor& concentration, Generator& generator);
// Beta(a, b) and, along the last axis, Dirichlet(concentration), from log_gamma draws; a and b alike. No
// gradient.
Tensor beta(const Tensor& a, const Tensor& b, Generator& generator);
Tensor dirichlet(const Tensor& concentration, Generator& generator);

// k different indices for each row of logits [..., V], one after another with probability proportional to
// e^logit among those that are left: [..., k] i64, in this order. The k largest of logits plus gumbel draws
// [Kool et al. 2019]. Throws Error for k outside [0, V], and for a row with a NaN or fewer than k logits
// above -inf (which is looked up on the host). No gradient. Of equal weights: randperm.
Tensor categorical_without_replacement(const Tensor& logits, int64_t k, Generator& generator);

// One index for each row of logits: [..., V] floating, drawn with probability softmax(logits): [...] i64. Row
// r uses word r % 4 of block r / 4. Throws Error for a row without a finite largest logit, with its position.
// No gradient.
Tensor categorical(const Tensor& logits, Generator& generator);

// Each element is kept with probability 1 - p and then divided by it, else 0; 0 <= p < 1. The mask is not
// stored: backward draws it again. Differentiable to any order. [Srivastava et al. 2014]
Tensor dropout(const Tensor& x, double p, Generator& generator);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_RANDOM_H_
