// CPU kernels of the binary elementwise ops, where, clamp and the in-place writes.
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "tensor/cpu/elementwise_loops.h"
#include "tensor/elementwise_math.h"
#include "tensor/ops/elementwise_tables.h"

namespace roux::cpu {
namespace {

using namespace elementwise;  // the op functors

template <class Op>
void binary_numeric(const Tensor& a, const Tensor& b, Tensor& y) {
  dispatch_numeric(a.dtype(), [&](auto tag) { binary_loop<decltype(tag), decltype(tag)>(a, b, y, Op{}); });
}
template <class Op>
void binary_floating(const Tensor& a, const Tensor& b, Tensor& y) {
  dispatch_floating(a.dtype(), [&](auto tag) { binary_loop<decltype(tag), decltype(tag)>(a, b, y, Op{}); });
}
void remainder_cpu(const Tensor& a, const Tensor& b, Tensor& y) {
  if (y.numel() > 0 && is_integer(b.dtype())) {
    dispatch_bits(size_of(b.dtype()), [&](auto tag) {
      const auto* pb = static_cast<const decltype(tag)*>(b.raw_data());
      StridedLoop<1>(b.shape(), {b.strides()}).run([=](const auto& at, const auto& step, int64_t n) {
        for (int64_t i = 0; i < n; ++i) {
          if (pb[at[0] + i * step[0]] == 0) throw Error("remainder: b has an integer divisor of 0");
        }
      });
    });
  }
  binary_numeric<Remainder>(a, b, y);
}
template <class Op>
void compare(const Tensor& a, const Tensor& b, Tensor& y) {
  dispatch_bool_as_u8(a.dtype(), [&](auto tag) { binary_loop<decltype(tag), bool>(a, b, y, Op{}); });
}

void where_cpu(const Tensor& condition, const Tensor& a, const Tensor& b, Tensor& y) {
  const bool* pc = condition.data<const bool>();
  const size_t element = size_of(y.dtype());
  const bool streamed = is_streamed(y);
  dispatch_bits(element, [&](auto tag) {
    using T = decltype(tag);
    const T* pa = static_cast<const T*>(a.raw_data());
    const T* pb = static_cast<const T*>(b.raw_data());
    T* py = static_cast<T*>(y.raw_data());
    StridedLoop<4>(y.shape(),
                   {strides_over(condition, y), strides_over(a, y), strides_over(b, y), y.strides()})
        .run([=](const std::array<int64_t, 4>& at, const std::array<int64_t, 4>& step, int64_t n) {
          PieceReader rc(pc + at[0], 1, step[0], n);
          PieceReader ra(pa + at[1], element, step[1], n), rb(pb + at[2], element, step[2], n);
          PieceWriter writer(py + at[3], element, step[3], n, streamed);
          for (int64_t begin = 0; begin < n; begin += kBuffer) {
            const int64_t count = std::min(kBuffer, n - begin);
            const uint8_t* c = static_cast<const uint8_t*>(rc.piece(begin, count));
            const T* va = static_cast<const T*>(ra.piece(begin, count));
            const T* vb = static_cast<const T*>(rb.piece(begin, count));
            T* __restrict to = static_cast<T*>(writer.target(begin));
            for (int64_t i = 0; i < count; ++i) to[i] = c[i] ? va[i] : vb[i];
            writer.done(begin, count);
          }
        });
  });
}

void clamp_cpu(const Tensor& x, const Scalar& low, const Scalar& high, Tensor& y) {
  dispatch_numeric(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    unary_loop<T, T>(x, y, Clamp<compute_t<T>>(low, high));
  });
}

void fill_cpu(Tensor& x, const Scalar& value) {
  uint64_t element = 0;  // the value's bits in x's dtype
  dispatch_all(x.dtype(), [&](auto tag) {
    const auto typed = value.to<decltype(tag)>();
    std::memcpy(&element, &typed, sizeof typed);
  });
  dispatch_bits(size_of(x.dtype()), [&](auto tag) {
    using T = decltype(tag);
    const T bits = static_cast<T>(element);
    T* px = static_cast<T*>(x.raw_data());
    if (x.numel() == 1) {
      *px = bits;
      return;
    }
    StridedLoop<1>(x.shape(), {x.strides()})
        .run([=](const std::array<int64_t, 1>& at, const std::array<int64_t, 1>& step, int64_t n) {
          if (step[0] == 1)
            std::fill_n(px + at[0], n, bits);
          else
            for (int64_t i = 0; i < n; ++i) px[at[0] + i * step[0]] = bits;
        });
  });
}

void add_in_place_cpu(Tensor& x, const Tensor& other, const Scalar& scale) {
  dispatch_numeric(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    const C factor = scale.to<C>();
    T* px = x.data<T>();
    const T* po = other.data<const T>();
    StridedLoop<2>(x.shape(), {x.strides(), other.strides()})
        .run([=](const std::array<int64_t, 2>& at, const std::array<int64_t, 2>& step, int64_t n) {
          T* out = px + at[0];
          const T* in = po + at[1];
          if (step[0] == 1 && step[1] == 1) {
            for (int64_t i = 0; i < n; ++i)
              out[i] = static_cast<T>(static_cast<C>(out[i]) + factor * static_cast<C>(in[i]));
          } else {
            for (int64_t i = 0; i < n; ++i) {
              T& o = out[i * step[0]];
              o = static_cast<T>(static_cast<C>(o) + factor * static_cast<C>(in[i * step[1]]));
            }
          }
        });
  });
}

const RegisterKernel kAdd(add_kernels, DeviceType::kCpu, kNumeric, binary_numeric<Add>);
const RegisterKernel kSub(sub_kernels, DeviceType::kCpu, kNumeric, binary_numeric<Sub>);
const RegisterKernel kMul(mul_kernels, DeviceType::kCpu, kNumeric, binary_numeric<Mul>);
const RegisterKernel kDiv(div_kernels, DeviceType::kCpu, kFloating, binary_floating<Div>);
const RegisterKernel kPow(pow_kernels, DeviceType::kCpu, kFloating, binary_floating<Pow>);
const RegisterKernel kRemainder(remainder_kernels, DeviceType::kCpu, kNumeric, remainder_cpu);
const RegisterKernel kMaximum(maximum_kernels, DeviceType::kCpu, kNumeric, binary_numeric<Maximum>);
const RegisterKernel kMinimum(minimum_kernels, DeviceType::kCpu, kNumeric, binary_numeric<Minimum>);
const RegisterKernel kEq(eq_kernels, DeviceType::kCpu, kAllDTypes, compare<Eq>);
const RegisterKernel kNe(ne_kernels, DeviceType::kCpu, kAllDTypes, compare<Ne>);
const RegisterKernel kLt(lt_kernels, DeviceType::kCpu, kAllDTypes, compare<Lt>);
const RegisterKernel kLe(le_kernels, DeviceType::kCpu, kAllDTypes, compare<Le>);
const RegisterKernel kWhere(where_kernels, DeviceType::kCpu, kAllDTypes, where_cpu);
const RegisterKernel kClamp(clamp_kernels, DeviceType::kCpu, kNumeric, clamp_cpu);
const RegisterKernel kFill(fill_kernels, DeviceType::kCpu, kAllDTypes, fill_cpu);
const RegisterKernel kAddInPlace(add_in_place_kernels, DeviceType::kCpu, kNumeric, add_in_place_cpu);

}  // namespace
}  // namespace roux::cpu
