#include "tensor/dtype.h"

#include <algorithm>

namespace roux {

const char* name(DType dtype) {
  static constexpr const char* kNames[kDTypeCount] = {"f32",  "f64",  "bf16", "f16",  "i32",  "i64",
                                                      "u8",   "bool", "q4_0", "q4_1", "q5_0", "q5_1",
                                                      "q8_0", "q4_k", "q5_k", "q6_k", "nf4",  "nf4_dq"};
  return kNames[static_cast<int>(dtype)];
}

size_t size_of(DType dtype) {
  static constexpr uint8_t kSizes[kDTypeCount] = {4,  8,  2,  2,  4,   8,   1,   1,  18,
                                                  20, 22, 24, 34, 144, 176, 210, 36, 33};
  return kSizes[static_cast<int>(dtype)];
}

int64_t values_per_element(DType dtype) {
  if (!is_block(dtype)) return 1;
  if (dtype >= kNF4) return 64;
  return dtype >= kQ4_K ? 256 : 32;
}

size_t trailer_bytes(DType dtype, size_t elements) {
  constexpr size_t kGroup = 256;  // blocks; f32 mean, f32 of each group, count of blocks
  return dtype == kNF4_DQ ? 4 + 4 * ((elements + kGroup - 1) / kGroup) + 8 : 0;
}

DType promote(DType a, DType b) {
  if (a == b || is_block(a)) return a;
  if (is_block(b)) return b;
  // Rank inside the one ordering bool < u8 < i32 < i64 < {bf16, f16} < f32 < f64.
  static constexpr uint8_t kRank[kPlainDTypeCount] = {5, 6, 4, 4, 2, 3, 1, 0};
  const int rank_a = kRank[static_cast<int>(a)], rank_b = kRank[static_cast<int>(b)];
  if (rank_a == rank_b) return kF32;  // bf16 with f16
  return rank_a > rank_b ? a : b;
}

}  // namespace roux
