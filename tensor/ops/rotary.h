// Rotary position embedding (RoFormer), in the half-split layout of Hugging Face's Llama: pair i of a head is
// (x[i], x[i + d/2]) and is rotated by position * theta^(-2i/d).                                  [Su et al.
// 2021]
#ifndef ROUX_TENSOR_OPS_ROTARY_H_
#define ROUX_TENSOR_OPS_ROTARY_H_

#include <utility>

#include "tensor/tensor.h"

namespace roux {

// y[..., i] = x[..., i] cos - x[..., i + d/2] sin and y[..., i + d/2] = x[..., i + d/2] cos + x[..., i] sin.
// x: [..., T, d] floating, d even; cos and sin: [T, d/2] of x's dtype. bf16 and f16 are computed in f32.
// Differentiable to any order in x; cos and sin are constants.
Tensor rotary_embedding(const Tensor& x, const Tensor& cos, const Tensor& sin);

// {cos, sin} of positions first .. first + count - 1: [count, head_dim / 2]; angles are computed in f64.
std::pair<Tensor, Tensor> rotary_tables(int64_t first, int64_t count, int64_t head_dim, double theta = 10000,
                                        DType dtype = kF32, Device device = kCpu);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_ROTARY_H_
