#include "tensor/dtype.h"

#include <algorithm>

namespace roux {

const char* name(DType dtype) {
  static constexpr const char* kNames[kDTypeCount] = {"f32", "f64", "bf16", "f16",
                                                      "i32", "i64", "u8",   "bool"};
  return kNames[static_cast<int>(dtype)];
}

size_t size_of(DType dtype) {
  static constexpr uint8_t kSizes[kDTypeCount] = {4, 8, 2, 2, 4, 8, 1, 1};
  return kSizes[static_cast<int>(dtype)];
}

DType promote(DType a, DType b) {
  if (a == b) return a;
  // Rank inside the one ordering bool < u8 < i32 < i64 < {bf16, f16} < f32 < f64.
  static constexpr uint8_t kRank[kDTypeCount] = {5, 6, 4, 4, 2, 3, 1, 0};
  const int rank_a = kRank[static_cast<int>(a)], rank_b = kRank[static_cast<int>(b)];
  if (rank_a == rank_b) return kF32;  // bf16 with f16
  return rank_a > rank_b ? a : b;
}

}  // namespace roux
