// Block formats: several values of a row share a scale and have a code of a few bits each.
//
//   Tensor w = quantize(weight, kQ8_0);       // f32 [out, in] -> q8_0 [out, in / 32]
//   Tensor y = linear(x, w);                  // reads the blocks (tensor/ops/block_linear.h)
//
// An element of such a tensor is one block along the last axis, so everything that moves elements works on
// blocks: views, copies, cat, index_select, sharing and saving. Element n of a row stands for the values from
// n values_per_element(dtype) on. Bytes of an element, least significant first, and value i of it:
//
//   q4_0   18 for 32   f16 d; codes c of 4 bits, i in the low half of byte i, 16 + i in the high half
//                      d (c - 8)                                                         4.5 bits a value
//   q4_1   20 for 32   f16 d, m; codes as q4_0                     d c + m               5
//   q5_0   22 for 32   f16 d; bit i of 32 bits is c's fifth; lower bits as q4_0
//                      d (c - 16)                                                        5.5
//   q5_1   24 for 32   f16 d, m; codes as q5_0                     d c + m               6
//   q8_0   34 for 32   f16 d; signed bytes c                       d c                   8.5
//   q4_k  144 for 256  f16 d, e; 8 pairs (s, t) of 6 bits in 12 bytes; codes of 4 bits: 64 values in 32 bytes,
//                      the first half in the low halves; a pair for 32 values
//                      (d s) c - (e t)                                                   4.5
//   q5_k  176 for 256  as q4_k, with 32 bytes of fifth bits before the lower ones        5.5
//   q6_k  210 for 256  4 lower and 2 upper bits of c; 16 signed bytes s, one for 16 values; f16 d
//                      (d s) (c - 32)                                                    6.5625
//   nf4    36 for 64   codes of 4 bits, 2 i in the high half of byte i; f32 a            4.5
//                      a v[c], v the 16 quantiles of NormalFloat       [Dettmers et al. 2023, appendix E]
//   nf4_dq 33 for 64   codes as nf4; code s of 8 bits of the scale                       4.127
//                      a = m[s] g + mean                               [Dettmers et al. 2023, section 3]
//
// All but the last two are GGUF's blocks as they stand in files (ggml's reference quantisation); each product
// and sum is rounded to f32. nf4's codes are packed as bitsandbytes packs them. nf4_dq is its double
// quantisation: m is bitsandbytes' dynamic map of 8 bits, g the f32 scale of each 256 blocks in row-major
// order of the tensor that was quantised, mean that of all its scales. These stand behind the blocks, in the
// tensor's storage, and tie a block to its place: views of rows are read, index_select() gives rows as nf4,
// and copies are of whole tensors (Error for others); other ops that move elements have no kernel for it.
#ifndef ROUX_TENSOR_OPS_QUANTIZE_H_
#define ROUX_TENSOR_OPS_QUANTIZE_H_

#include "tensor/tensor.h"

namespace roux {

// The values of blocks. x: [..., N] of a block format; returns [..., N values_per_element] of `dtype`, a
// floating one: the f32 values of the formulas above, rounded once. A scale that is not finite gives values
// that are not. Throws Error on another dtype.
Tensor dequantize(const Tensor& x, DType dtype = kF32);

// How quantize() makes the scales of nf4.
enum class Nf4Scales {
  kExact,      // the largest magnitude of each block
  kQuantized,  // by QLoRA's double quantisation: the result is nf4_dq
};

// Blocks of values, rounded as the format's reference quantiser does: the scale is that of the value furthest
// from 0 (q4_0, q5_0, q8_0, nf4) or spans the values (q4_1, q5_1) and each value takes the nearest code.
// x: [..., D] of a floating dtype, D a multiple of the format's values; block_dtype: q4_0, q4_1, q5_0, q5_1,
// q8_0, nf4 or nf4_dq. Not differentiable. Throws Error on another dtype or size, and for values of a block
// that are not finite or too large for its f16 scale.
Tensor quantize(const Tensor& x, DType block_dtype, Nf4Scales scales = Nf4Scales::kExact);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_QUANTIZE_H_
