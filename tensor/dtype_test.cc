#include "tensor/dtype.h"

#include <string>

#include "gtest/gtest.h"

namespace roux {
namespace {

TEST(DType, PromotionTable) {
  // Rows and columns in the order of the enumeration; written out by hand from the rule in dtype.h.
  const DType order[kDTypeCount] = {kF32, kF64, kBF16, kF16, kI32, kI64, kU8, kBool};
  const DType table[kDTypeCount][kDTypeCount] = {
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
  for (int i = 0; i < kDTypeCount; ++i) {
    for (int j = 0; j < kDTypeCount; ++j) {
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

}  // namespace
}  // namespace roux
