// CUDA kernels of the binary elementwise ops; elementwise_unary.cu and elementwise_move.cu hold the others.
#include "cuda/elementwise.h"
#include "cuda/fault.h"
#include "tensor/elementwise_math.h"
#include "tensor/ops/elementwise_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

using namespace elementwise;  // the op functors

using Arithmetic = OneOf<Add, Sub, Mul, Maximum, Minimum>;
using FloatingArithmetic = OneOf<Div, Pow, Remainder>;
using Comparison = OneOf<Eq, Ne, Lt, Le>;

template <class Op>
void binary_numeric(const Tensor& a, const Tensor& b, Tensor& y) {
  const Arithmetic op{position_in<Op>(static_cast<Arithmetic*>(nullptr))};
  dispatch_numeric(a.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch_elementwise<T, T, T>(op, y, a, b);
  });
}
template <class Op>
void binary_floating(const Tensor& a, const Tensor& b, Tensor& y) {
  const FloatingArithmetic op{position_in<Op>(static_cast<FloatingArithmetic*>(nullptr))};
  dispatch_floating(a.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch_elementwise<T, T, T>(op, y, a, b);
  });
}
struct CheckedRemainder {
  FaultSlot fault;
  template <class T>
  __device__ T operator()(T a, T b) const {
    if (b == T(0)) note_bad_index(fault, 0, 0);
    return Remainder{}(a, b);
  }
};
void integer_remainder(const Tensor& a, const Tensor& b, Tensor& y) {
  const FaultSlot fault = open_fault_slot();
  dispatch_numeric(a.dtype(), [&](auto tag) {
    using T = decltype(tag);
    if constexpr (std::is_integral_v<T>) launch_elementwise<T, T, T>(CheckedRemainder{fault}, y, a, b);
  });
  close_fault_slot(fault,
                   [](int64_t, int64_t) { return std::string("remainder: b has an integer divisor of 0"); });
}
template <class Op>
void compare(const Tensor& a, const Tensor& b, Tensor& y) {
  const Comparison op{position_in<Op>(static_cast<Comparison*>(nullptr))};
  dispatch_all(a.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch_elementwise<bool, T, T>(op, y, a, b);
  });
}

template <class C>
struct AddScaled {
  C scale;
  __device__ C operator()(C x, C other) const { return static_cast<C>(x + scale * other); }
};
void add_in_place(Tensor& x, const Tensor& other, const Scalar& scale) {
  dispatch_numeric(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch_elementwise<T, T, T>(AddScaled<compute_t<T>>{scale.to<compute_t<T>>()}, x, x, other);
  });
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kAdd(add_kernels, kDevice, kNumeric, binary_numeric<Add>);
const RegisterKernel kSub(sub_kernels, kDevice, kNumeric, binary_numeric<Sub>);
const RegisterKernel kMul(mul_kernels, kDevice, kNumeric, binary_numeric<Mul>);
const RegisterKernel kDiv(div_kernels, kDevice, kFloating, binary_floating<Div>);
const RegisterKernel kPow(pow_kernels, kDevice, kFloating, binary_floating<Pow>);
const RegisterKernel kRemainder(remainder_kernels, kDevice, kFloating, binary_floating<Remainder>);
const RegisterKernel kIntegerRemainder(remainder_kernels, kDevice, kIntegers, integer_remainder);
const RegisterKernel kMaximum(maximum_kernels, kDevice, kNumeric, binary_numeric<Maximum>);
const RegisterKernel kMinimum(minimum_kernels, kDevice, kNumeric, binary_numeric<Minimum>);
const RegisterKernel kEq(eq_kernels, kDevice, kAllDTypes, compare<Eq>);
const RegisterKernel kNe(ne_kernels, kDevice, kAllDTypes, compare<Ne>);
const RegisterKernel kLt(lt_kernels, kDevice, kAllDTypes, compare<Lt>);
const RegisterKernel kLe(le_kernels, kDevice, kAllDTypes, compare<Le>);
const RegisterKernel kAddInPlace(add_in_place_kernels, kDevice, kNumeric, add_in_place);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
