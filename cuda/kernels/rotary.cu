// CUDA kernel of the rotary embedding: a thread a pair of elements, or one of those behind the last pair.
#include "cuda/elementwise.h"
#include "tensor/ops/rotary_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

// rows: over the rows of x, cos and sin; y is contiguous, [rows, width].
template <class T, class C = accumulate_t<T>>
__global__ void rotary_kernel(const T* x, const T* cos, const T* sin, Layout<3> rows, int64_t count,
                              int64_t pairs, int64_t width, bool interleaved, T* y) {
  const int64_t i = blockIdx.x * int64_t{kElementwiseBlock} + threadIdx.x;
  const int64_t units = width - pairs, row = i / units, unit = i % units;
  if (row >= count) return;
  int64_t at[3];
  rows.offsets(row, at);
  x += at[0];
  y += row * width;
  if (unit >= pairs) {
    y[pairs + unit] = x[pairs + unit];
    return;
  }
  const int64_t first = interleaved ? 2 * unit : unit, second = interleaved ? first + 1 : unit + pairs;
  const C a = static_cast<C>(x[first]), b = static_cast<C>(x[second]);
  const C c = static_cast<C>(cos[at[1] + unit]), s = static_cast<C>(sin[at[2] + unit]);
  y[first] = static_cast<T>(a * c - b * s);
  y[second] = static_cast<T>(b * c + a * s);
}

void rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, bool interleaved, Tensor& y) {
  if (x.numel() == 0) return;
  const int last = x.dim() - 1;
  const int64_t width = x.shape().back(), pairs = cos.shape().back();
  Shape shape = x.shape(), table = x.shape();
  shape.erase(last);
  table[last] = pairs;
  Strides of_x = x.strides(), of_cos = broadcast_strides(cos.shape(), cos.strides(), table),
          of_sin = broadcast_strides(sin.shape(), sin.strides(), table);
  for (Strides* strides : {&of_x, &of_cos, &of_sin}) strides->erase(last);
  const Layout<3> rows = merged_layout<3>(shape, {of_x, of_cos, of_sin});
  const int64_t count = numel(shape);
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch(rotary_kernel<T>,
           {.grid = blocks_for(count * (width - pairs), kElementwiseBlock), .block = kElementwiseBlock},
           x.data<const T>(), cos.data<const T>(), sin.data<const T>(), rows, count, pairs, width,
           interleaved, y.data<T>());
  });
}

const RegisterKernel kRotary(rotary_embedding_kernels, ROUX_CUDA_DEVICE_TYPE, kFloating, rotary);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
