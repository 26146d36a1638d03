#include "tensor/cpu/elementwise_loops.h"

namespace roux::cpu {

PieceReader::PieceReader(const void* run, size_t element, int64_t stride, int64_t n)
    : run_(static_cast<const char*>(run)), element_(element), stride_(stride) {
  if (stride != 0) return;
  dispatch_bits(element, [&](auto tag) {
    using Bits = decltype(tag);
    std::fill_n(reinterpret_cast<Bits*>(buffer_), std::min(n, kBuffer), *static_cast<const Bits*>(run));
  });
}

const void* PieceReader::piece(int64_t begin, int64_t n) {
  if (stride_ == 0) return buffer_;
  const char* from = run_ + begin * stride_ * static_cast<int64_t>(element_);
  if (stride_ == 1) return from;
  dispatch_bits(element_, [&](auto tag) {
    using Bits = decltype(tag);
    const auto* in = reinterpret_cast<const Bits*>(from);
    auto* out = reinterpret_cast<Bits*>(buffer_);
    for (int64_t i = 0; i < n; ++i) out[i] = in[i * stride_];
  });
  return buffer_;
}

void PieceWriter::done(int64_t begin, int64_t count) {
  if (streams_) {
    const auto element = static_cast<int64_t>(element_);
    return stream(buffer_, run_ + begin * element, static_cast<size_t>(count * element));
  }
  if (stride_ == 1) return;
  dispatch_bits(element_, [&](auto tag) {
    using Bits = decltype(tag);
    const auto* in = reinterpret_cast<const Bits*>(buffer_);
    auto* out = reinterpret_cast<Bits*>(run_) + begin * stride_;
    for (int64_t i = 0; i < count; ++i) out[i * stride_] = in[i];
  });
}

void run_unary(const Tensor& x, Tensor& y, UnaryFlat* flat, const void* op, bool streamed) {
  const char* px = static_cast<const char*>(x.raw_data());
  char* py = static_cast<char*>(y.raw_data());
  if (x.is_contiguous() && y.is_contiguous() && x.numel() == y.numel() && x.numel() <= kElementwiseGrain) {
    return flat(px, py, x.numel(), op);  // small and flat: skip the loop's set-up
  }
  const size_t sx = size_of(x.dtype()), sy = size_of(y.dtype());
  StridedLoop<2>(y.shape(), {strides_over(x, y), y.strides()})
      .run([=](const std::array<int64_t, 2>& at, const std::array<int64_t, 2>& step, int64_t n) {
        const char* in = px + at[0] * static_cast<int64_t>(sx);
        char* out = py + at[1] * static_cast<int64_t>(sy);
        if (!streamed && step[0] == 1 && step[1] == 1) return flat(in, out, n, op);
        PieceReader reader(in, sx, step[0], n);
        PieceWriter writer(out, sy, step[1], n, streamed);
        for (int64_t begin = 0; begin < n; begin += kBuffer) {
          const int64_t count = std::min(kBuffer, n - begin);
          flat(reader.piece(begin, count), writer.target(begin), count, op);
          writer.done(begin, count);
        }
      });
}

void run_binary(const Tensor& a, const Tensor& b, Tensor& y, BinaryFlat* flat, bool streamed) {
  const char* pa = static_cast<const char*>(a.raw_data());
  const char* pb = static_cast<const char*>(b.raw_data());
  char* py = static_cast<char*>(y.raw_data());
  if (a.is_contiguous() && b.is_contiguous() && a.numel() == y.numel() && b.numel() == y.numel() &&
      y.numel() <= kElementwiseGrain) {
    return flat(pa, pb, py, y.numel());
  }
  const size_t sx = size_of(a.dtype()), sy = size_of(y.dtype());
  StridedLoop<3>(y.shape(), {strides_over(a, y), strides_over(b, y), y.strides()})
      .run([=](const std::array<int64_t, 3>& at, const std::array<int64_t, 3>& step, int64_t n) {
        const char* ia = pa + at[0] * static_cast<int64_t>(sx);
        const char* ib = pb + at[1] * static_cast<int64_t>(sx);
        char* out = py + at[2] * static_cast<int64_t>(sy);
        if (!streamed && step[0] == 1 && step[1] == 1 && step[2] == 1) return flat(ia, ib, out, n);
        PieceReader ra(ia, sx, step[0], n), rb(ib, sx, step[1], n);
        PieceWriter writer(out, sy, step[2], n, streamed);
        for (int64_t begin = 0; begin < n; begin += kBuffer) {
          const int64_t count = std::min(kBuffer, n - begin);
          flat(ra.piece(begin, count), rb.piece(begin, count), writer.target(begin), count);
          writer.done(begin, count);
        }
      });
}

}  // namespace roux::cpu
