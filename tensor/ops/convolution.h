// Convolution along one axis: products of the taps with shifted rows, or, at strides above 1 and on devices
// without kernels for that, one product with the windows of the input, which unfold copies.
#ifndef ROUX_TENSOR_OPS_CONVOLUTION_H_
#define ROUX_TENSOR_OPS_CONVOLUTION_H_

#include "tensor/tensor.h"

namespace roux {

// Window n of a sequence holds its elements n * stride + j * dilation - before, j < size; what lies outside
// is 0. There are N = floor((T + before + after - dilation * (size - 1) - 1) / stride) + 1.
struct Windows {
  int64_t size = 1, stride = 1, dilation = 1;
  int64_t before = 0, after = 0;  // zeros at both ends
};

// The windows of the axis before the last one: x [..., T, D] floating gives [..., N, size, D]. Throws Error
// for a size, stride or dilation below 1, negative padding, and a sequence shorter than one window.
// Differentiable to any order.
Tensor unfold(const Tensor& x, const Windows& windows);
// The transpose of unfold: y [..., N, size, D] is added up at the places that the elements of the windows
// have in a sequence of `length`: [..., length, D]. Sums run over j in ascending order, in f32 for bf16 and
// f16.
Tensor fold(const Tensor& y, int64_t length, const Windows& windows);

struct Conv1dOptions {
  int64_t stride = 1, padding = 0, dilation = 1, groups = 1;
  bool causal =
      false;  // padding of dilation * (K - 1) zeros before and none after: no output sees what follows
};

// y[b, o, n] = bias[o] + sum over c and k of weight[o, c, k] x[b, g C/G + c, n stride + k dilation -
// padding], with G groups and g = floor(o G / O) the group of output o. x: [B, C, T], weight: [O, C/G, K],
// bias: [O] or undefined; the same floating dtype. Returns [B, O, N] (in memory [B, N, O]: a transposed view
// of [B, T, C], the layout of transformers, is read without a copy, and transposing the result back gives a
// contiguous one). bf16 and f16 are computed in f32 and rounded once. G = C = O (depthwise) multiplies and
// sums elements. Throws Error for shapes or dtypes that do not fit, padding beside causal, and as unfold
// does. Unfolded windows take K / stride times the memory of x. Differentiable to any order.
Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias = Tensor(),
              const Conv1dOptions& options = {});

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_CONVOLUTION_H_
