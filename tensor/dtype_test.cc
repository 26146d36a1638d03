#include "tensor/dtype.h"

#include <string>

#include "gtest/gtest.h"

namespace roux {
namespace {

TEST(DType, PromotionTable) {
  // Rows and columns in the order of the enumeration; written out by hand from the rule in dtype.h.
  const DType order[kPlainDTypeCount] = {kF32, kF64, kBF16, kF16, kI32, kI64, kU8, kBool};
  const DType table[kPlainDTypeCount][kPlainDTypeCount] = {
      // f32   f64   bf16   f16   i32   i64   u8    bool
      {kF32, kF64, kF32, kF32, kF32, kF32, kF32, kF32},       // f32
      {kF64, kF64, kF64, kF64, kF64, kF64, kF64, kF64},       // f64
      {kF32, kF64, kBF16, kF32, kBF16, kBF16, kBF16, kBF16},  // bf16
      {kF32, kF64, kF32, kF16, kF16, kF16, kF16, kF16},       // f16
      {kF32, kF64, kBF16, kF16, kI32, kI64, kI32, kI32},      // i32
      {kF32, kF64, kBF16, kF16, kI64, kI64, kI64, kI64},      // i64
      {kF32, kF64, kBF16, kF16, kI32, kI64, kU8, kU8},        // u8
      {kF32, kF64, kBF16, kF16, kI32, kI64, kU8, kBool},      // bool
  };
  for (int i = 0; i < kPlainDTypeCount; ++i) {
    for (int j = 0; j < kPlainDTypeCount; ++j) {
      EXPECT_EQ(promote(order[i], order[j]), table[i][j]) << name(order[i]) << " with " << name(order[j]);
    }
  }
}

TEST(DType, NamesSizesAndClasses) {
  const struct {
    DType dtype;
    const char* name;
    size_t size;
    bool floating, integer;
  } rows[] = {{kF32, "f32", 4, true, false}, {kF64, "f64", 8, true, false},   {kBF16, "bf16", 2, true, false},
              {kF16, "f16", 2, true, false}, {kI32, "i32", 4, false, true},   {kI64, "i64", 8, false, true},
              {kU8, "u8", 1, false, true},   {kBool, "bool", 1, false, false}};
  for (const auto& row : rows) {
    EXPECT_STREQ(name(row.dtype), row.name);
    EXPECT_EQ(size_of(row.dtype), row.size) << row.name;
    EXPECT_EQ(is_floating(row.dtype), row.floating) << row.name;
    EXPECT_EQ(is_integer(row.dtype), row.integer) << row.name;
    EXPECT_EQ(kFloating.contains(row.dtype), row.floating) << row.name;
    EXPECT_EQ(kIntegers.contains(row.dtype), row.integer) << row.name;
    EXPECT_EQ(kNumeric.contains(row.dtype), row.floating || row.integer) << row.name;
    EXPECT_TRUE(kAllDTypes.contains(row.dtype)) << row.name;
    EXPECT_EQ(dispatch_all(row.dtype, [](auto tag) { return dtype_of<decltype(tag)>; }), row.dtype)
        << row.name;
    EXPECT_EQ(dispatch_all(row.dtype, [](auto tag) { return sizeof(tag); }), row.size) << row.name;
  }
  EXPECT_FALSE(DTypeSet().contains(kF32));
}

TEST(DType, BlockFormatsAreInNoSetOfValues) {
  // Bytes and values of a block as ggml's headers define them; NF4: 64 codes of 4 bits and an f32.
  const struct {
    DType dtype;
    const char* name;
    size_t size;
    int64_t values;
  } rows[] = {{kQ4_0, "q4_0", 18, 32},    {kQ4_1, "q4_1", 20, 32},   {kQ5_0, "q5_0", 22, 32},
              {kQ5_1, "q5_1", 24, 32},    {kQ8_0, "q8_0", 34, 32},   {kQ4_K, "q4_k", 144, 256},
              {kQ5_K, "q5_k", 176, 256},  {kQ6_K, "q6_k", 210, 256}, {kNF4, "nf4", 36, 64},
              {kNF4_DQ, "nf4_dq", 33, 64}};
  int count = 0;
  for (const auto& row : rows) {
    ++count;
    EXPECT_STREQ(name(row.dtype), row.name);
    EXPECT_EQ(size_of(row.dtype), row.size) << row.name;
    EXPECT_EQ(values_per_element(row.dtype), row.values) << row.name;
    EXPECT_TRUE(is_block(row.dtype)) << row.name;
    EXPECT_EQ(kBlockDTypes.contains(row.dtype), row.dtype != kNF4_DQ) << row.name;
    EXPECT_EQ(trailer_bytes(row.dtype, 257), row.dtype == kNF4_DQ ? 20u : 0u) << row.name;
    EXPECT_FALSE(is_floating(row.dtype) || is_integer(row.dtype) || kAllDTypes.contains(row.dtype))
        << row.name;
    EXPECT_EQ(promote(row.dtype, kF64), row.dtype);
    EXPECT_EQ(promote(kF32, row.dtype), row.dtype);
  }
  EXPECT_EQ(count, kDTypeCount - kPlainDTypeCount);
  for (int i = 0; i < kPlainDTypeCount; ++i) {
    EXPECT_FALSE(is_block(static_cast<DType>(i)) || kBlockDTypes.contains(static_cast<DType>(i)));
    EXPECT_EQ(values_per_element(static_cast<DType>(i)), 1);
  }
}

}  // namespace
}  // namespace roux
