// Element types, sets of them, and the one promotion rule.
#ifndef ROUX_TENSOR_DTYPE_H_
#define ROUX_TENSOR_DTYPE_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "tensor/float16.h"

namespace roux {

enum class DType : uint8_t {
  kF32,
  kF64,
  kBF16,
  kF16,
  kI32,
  kI64,
  kU8,
  kBool,
  // Block formats: an element is a block that stands for several values of a row (tensor/ops/quantize.h says
  // what each holds). They are dtypes of storage: such tensors are viewed, copied, gathered, shared and saved
  // like others, and read by dequantize(), linear() and embedding() alone.
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kNF4,
  // NF4 whose scales are quantised again: the constants of that stand behind all blocks of a storage, so a
  // block is read at its place alone. Tensors are made, viewed, shared and copied as a whole; nothing moves
  // blocks.
  kNF4_DQ,
};
using enum DType;
inline constexpr int kDTypeCount = 18;
inline constexpr int kPlainDTypeCount = 8;  // the first ones, whose element is one value

// "f32", "bf16", "q4_k", ...: the names that messages, files and flags use.
const char* name(DType dtype);
size_t size_of(DType dtype);  // bytes per element
constexpr bool is_block(DType dtype) { return dtype >= kQ4_0; }
int64_t values_per_element(DType dtype);             // 1 but for block formats
size_t trailer_bytes(DType dtype, size_t elements);  // behind these elements of a storage; 0 but for kNF4_DQ

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
inline constexpr DTypeSet kAllDTypes = kNumeric | kBool;  // all plain ones
// Blocks that stand for themselves: all but kNF4_DQ.
inline constexpr DTypeSet kBlockDTypes = kQ4_0 | kQ4_1 | kQ5_0 | kQ5_1 | kQ8_0 | kQ4_K | kQ5_K | kQ6_K | kNF4;

// The promotion rule of every op with several tensor arguments. Classes are ordered bool < integer < floating
// and the higher class wins; inside a class the wider type wins (f64 > f32 > bf16, f16; i64 > i32 > u8); bf16
// with f16 gives f32. Plain numbers never promote a floating tensor; a fractional number makes an integer or
// bool tensor f32. Of a block format and another dtype the result is the block format, which no op takes.
DType promote(DType a, DType b);

// The DType of a C++ type.
template <class T>
constexpr DType dtype_of_type() {
  if constexpr (std::is_same_v<T, float>) return kF32;
  if constexpr (std::is_same_v<T, double>) return kF64;
  if constexpr (std::is_same_v<T, bfloat16>) return kBF16;
  if constexpr (std::is_same_v<T, float16>) return kF16;
  if constexpr (std::is_same_v<T, int32_t>) return kI32;
  if constexpr (std::is_same_v<T, int64_t>) return kI64;
  if constexpr (std::is_same_v<T, uint8_t>) return kU8;
  if constexpr (std::is_same_v<T, bool>) return kBool;
}
template <class T>
inline constexpr DType dtype_of = dtype_of_type<T>();

template <class T>
inline constexpr bool is_16bit_float = std::is_same_v<T, bfloat16> || std::is_same_v<T, float16>;

// The type that elementwise ops compute in: f32 for bf16 and f16, else the dtype's own type.
template <class T>
using compute_t = std::conditional_t<is_16bit_float<T>, float, T>;

// The type that kernels accumulate in: f32 for the floating types up to f32, f64 for f64, i64 for integers
// and bool.
template <class T>
using accumulate_t = std::conditional_t<std::is_integral_v<T>, int64_t, compute_t<T>>;

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
template <class Fn>
decltype(auto) dispatch_all(DType dtype, Fn&& fn) {
  return dtype == kBool ? fn(bool{}) : dispatch_numeric(dtype, static_cast<Fn&&>(fn));
}

// Calls fn(unsigned integer of that many bytes): for kernels that only move elements.
template <class Fn>
decltype(auto) dispatch_bits(size_t bytes, Fn&& fn) {
  switch (bytes) {
    case 1:
      return fn(uint8_t{});
    case 2:
      return fn(uint16_t{});
    case 4:
      return fn(uint32_t{});
    default:
      return fn(uint64_t{});
  }
}

}  // namespace roux

#endif  // ROUX_TENSOR_DTYPE_H_
