// Element types, sets of them, and the one promotion rule.
#ifndef ROUX_TENSOR_DTYPE_H_
#define ROUX_TENSOR_DTYPE_H_

#include <cstddef>
#include <cstdint>

#include "tensor/float16.h"

namespace roux {

enum class DType : uint8_t { kF32, kF64, kBF16, kF16, kI32, kI64, kU8, kBool };
using enum DType;
inline constexpr int kDTypeCount = 8;

// "f32", "bf16", ...: the names that messages, files and flags use.
const char* name(DType dtype);
size_t size_of(DType dtype);  // bytes per element

constexpr bool is_floating(DType dtype) { return dtype <= kF16; }
constexpr bool is_integer(DType dtype) { return dtype >= kI32 && dtype <= kU8; }

class DTypeSet {
 public:
  constexpr DTypeSet() = default;
  constexpr DTypeSet(DType dtype) : bits_(1u << static_cast<int>(dtype)) {}  // NOLINT: implicit on purpose
  constexpr DTypeSet operator|(DTypeSet other) const { return from_bits(bits_ | other.bits_); }
  constexpr bool contains(DType dtype) const { return (bits_ >> static_cast<int>(dtype)) & 1u; }

 private:
  static constexpr DTypeSet from_bits(uint32_t bits) {
    DTypeSet set;
    set.bits_ = bits;
    return set;
  }
  uint32_t bits_ = 0;
};

constexpr DTypeSet operator|(DType a, DType b) { return DTypeSet(a) | DTypeSet(b); }
inline constexpr DTypeSet kFloating = kF32 | kF64 | kBF16 | kF16;
inline constexpr DTypeSet kIntegers = kI32 | kI64 | kU8;
inline constexpr DTypeSet kNumeric = kFloating | kIntegers;
inline constexpr DTypeSet kAllDTypes = kNumeric | kBool;

// The promotion rule of every op with several tensor arguments. Classes are ordered bool < integer < floating
// and the higher class wins; inside a class the wider type wins (f64 > f32 > bf16, f16; i64 > i32 > u8); bf16
// with f16 gives f32. Plain numbers never promote a floating tensor; a fractional number makes an integer or
// bool tensor f32.
DType promote(DType a, DType b);

// The C++ type of a DType, and back.
template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = kF32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = kF64;
};
template <>
struct DTypeOf<bfloat16> {
  static constexpr DType value = kBF16;
};
template <>
struct DTypeOf<float16> {
  static constexpr DType value = kF16;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = kI32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = kI64;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = kU8;
};
template <>
struct DTypeOf<bool> {
  static constexpr DType value = kBool;
};
template <class T>
inline constexpr DType dtype_of = DTypeOf<T>::value;

// The type that kernels accumulate in: f32 for the floating types up to f32, f64 for f64, i64 for integers
// and bool.
template <class T>
struct AccumulateOf {
  using type = int64_t;
};
template <>
struct AccumulateOf<float> {
  using type = float;
};
template <>
struct AccumulateOf<bfloat16> {
  using type = float;
};
template <>
struct AccumulateOf<float16> {
  using type = float;
};
template <>
struct AccumulateOf<double> {
  using type = double;
};
template <class T>
using accumulate_t = typename AccumulateOf<T>::type;

// The type that elementwise ops compute in: f32 for bf16 and f16, else the dtype's own type.
template <class T>
struct ComputeOf {
  using type = T;
};
template <>
struct ComputeOf<bfloat16> {
  using type = float;
};
template <>
struct ComputeOf<float16> {
  using type = float;
};
template <class T>
using compute_t = typename ComputeOf<T>::type;

// Calls fn(T{}) with the C++ type of `dtype`. The caller has checked that the set covers the dtype.
template <class Fn>
decltype(auto) dispatch_floating(DType dtype, Fn&& fn) {
  switch (dtype) {
    case kF64:
      return fn(double{});
    case kBF16:
      return fn(bfloat16{});
    case kF16:
      return fn(float16{});
    default:
      return fn(float{});
  }
}
template <class Fn>
decltype(auto) dispatch_index(DType dtype, Fn&& fn) {
  return dtype == kI32 ? fn(int32_t{}) : fn(int64_t{});
}
template <class Fn>
decltype(auto) dispatch_all(DType dtype, Fn&& fn) {
  switch (dtype) {
    case kI32:
      return fn(int32_t{});
    case kI64:
      return fn(int64_t{});
    case kU8:
      return fn(uint8_t{});
    case kBool:
      return fn(bool{});
    default:
      return dispatch_floating(dtype, static_cast<Fn&&>(fn));
  }
}
template <class Fn>
decltype(auto) dispatch_numeric(DType dtype, Fn&& fn) {
  switch (dtype) {
    case kI32:
      return fn(int32_t{});
    case kI64:
      return fn(int64_t{});
    case kU8:
      return fn(uint8_t{});
    default:
      return dispatch_floating(dtype, static_cast<Fn&&>(fn));
  }
}

}  // namespace roux

#endif  // ROUX_TENSOR_DTYPE_H_
