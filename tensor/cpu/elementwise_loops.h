// The loops behind all CPU elementwise kernels. Op is a functor on the compute type (f32 for bf16 and f16,
// else the dtype's own type).
//
// Each op and dtype compiles to one function, a loop over contiguous arrays that the compiler vectorises;
// layout is handled once for all of them (elementwise_loops.cc), other layouts pass through small buffers.
#ifndef ROUX_TENSOR_CPU_ELEMENTWISE_LOOPS_H_
#define ROUX_TENSOR_CPU_ELEMENTWISE_LOOPS_H_

#include "tensor/cpu/stream.h"
#include "tensor/cpu/strided_loop.h"
#include "tensor/cpu/wide.h"
#include "tensor/dtype.h"

namespace roux::cpu {

// n elements, contiguous; out does not overlap the inputs.
using UnaryFlat = void(const void* in, void* out, int64_t n, const void* op);
using BinaryFlat = void(const void* a, const void* b, void* out, int64_t n);

template <class In, class Out, class Op>
ROUX_FLAT_LOOP void unary_flat(const void* in, void* out, int64_t n, const void* op) {
  const In* __restrict from = static_cast<const In*>(in);
  Out* __restrict to = static_cast<Out*>(out);
  const Op apply = *static_cast<const Op*>(op);
  for (int64_t i = 0; i < n; ++i) to[i] = static_cast<Out>(apply(static_cast<compute_t<In>>(from[i])));
}
template <class In, class Out, class Op>
ROUX_FLAT_LOOP void binary_flat(const void* a, const void* b, void* out, int64_t n) {
  using C = compute_t<In>;
  const In* va = static_cast<const In*>(a);
  const In* vb = static_cast<const In*>(b);
  Out* __restrict to = static_cast<Out*>(out);
  for (int64_t i = 0; i < n; ++i) {
    to[i] = static_cast<Out>(Op{}(static_cast<C>(va[i]), static_cast<C>(vb[i])));
  }
}

// For loops that compute much per element: exponentials and their like.
template <class In, class Out, class Op>
ROUX_TARGET_AVX512 ROUX_FLAT_LOOP void unary_flat_avx512(const void* in, void* out, int64_t n,
                                                         const void* op) {
  const In* __restrict from = static_cast<const In*>(in);
  Out* __restrict to = static_cast<Out*>(out);
  const Op apply = *static_cast<const Op*>(op);
  for (int64_t i = 0; i < n; ++i) to[i] = static_cast<Out>(apply(static_cast<compute_t<In>>(from[i])));
}
template <class In, class Out, class Op>
ROUX_TARGET_AVX512 ROUX_FLAT_LOOP void binary_flat_avx512(const void* a, const void* b, void* out,
                                                          int64_t n) {
  using C = compute_t<In>;
  const In* va = static_cast<const In*>(a);
  const In* vb = static_cast<const In*>(b);
  Out* __restrict to = static_cast<Out*>(out);
  for (int64_t i = 0; i < n; ++i) {
    to[i] = static_cast<Out>(Op{}(static_cast<C>(va[i]), static_cast<C>(vb[i])));
  }
}

// Runs a flat function over tensors of any strides; inputs broadcast to y's shape. `streamed`: a large result
// goes past the caches, which helps loops that wait for memory and slows down those that compute much.
void run_unary(const Tensor& x, Tensor& y, UnaryFlat* flat, const void* op, bool streamed = false);
void run_binary(const Tensor& a, const Tensor& b, Tensor& y, BinaryFlat* flat, bool streamed = false);

// In and Out have the sizes of x's and y's dtypes.
template <class In, class Out, class Op>
void unary_loop(const Tensor& x, Tensor& y, const Op& op) {
  run_unary(x, y, unary_flat<In, Out, Op>, &op, is_streamed(y));
}
template <class In, class Out, class Op>
void binary_loop(const Tensor& a, const Tensor& b, Tensor& y, const Op&) {
  run_binary(a, b, y, binary_flat<In, Out, Op>, is_streamed(y));
}

// Elements of a piece that passes through a buffer. Larger ones make reading and streaming take turns: add of
// 32 MB takes 1.0 ms in pieces of 64 to 256 and 1.3 in pieces of 2048 (two cores of an EPYC, 2026-11-29).
inline constexpr int64_t kBuffer = 256;

// A run of elements read in contiguous pieces; a constant (stride 0) is spread over the buffer once.
class PieceReader {
 public:
  PieceReader(const void* run, size_t element, int64_t stride, int64_t n);
  const void* piece(int64_t begin, int64_t n);  // n <= kBuffer

 private:
  const char* run_;
  size_t element_;
  int64_t stride_;
  alignas(64) char buffer_[kBuffer * 8];
};

// A run of n elements written in contiguous pieces of up to kBuffer: fill target(begin), then done(begin,
// count) moves them to their places; past the caches where `streamed` and the run is long enough.
class PieceWriter {
 public:
  PieceWriter(void* run, size_t element, int64_t stride, int64_t n, bool streamed)
      : run_(static_cast<char*>(run)),
        element_(element),
        stride_(stride),
        streams_(streamed && stride == 1 && n >= kBuffer) {}
  ~PieceWriter() {
    if (streams_) finish_stream();
  }
  PieceWriter(const PieceWriter&) = delete;
  PieceWriter& operator=(const PieceWriter&) = delete;
  void* target(int64_t begin) {
    return stride_ == 1 && !streams_ ? run_ + begin * static_cast<int64_t>(element_) : buffer_;
  }
  void done(int64_t begin, int64_t count);

 private:
  char* run_;
  size_t element_;
  int64_t stride_;
  bool streams_;
  alignas(64) char buffer_[kBuffer * 8];
};

// Bool is read as the byte 0 or 1 that it is: one instantiation fewer.
template <class Fn>
decltype(auto) dispatch_bool_as_u8(DType dtype, Fn&& fn) {
  return dispatch_numeric(dtype == kBool ? kU8 : dtype, static_cast<Fn&&>(fn));
}

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_ELEMENTWISE_LOOPS_H_
