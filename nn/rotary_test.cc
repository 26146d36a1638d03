#include "nn/rotary.h"

#include "gtest/gtest.h"
#include "tensor/error_of.h"
#include "tensor/ops/creation.h"

namespace roux {
namespace {

const Rope kRope = {.theta = 500, .fraction = 0.5};

void expect_equal(const Rotary& got, const Rotary& expected) {
  EXPECT_EQ(got.cos.spec(), expected.cos.spec());
  EXPECT_EQ(got.cos.to_vector<double>(), expected.cos.to_vector<double>());
  EXPECT_EQ(got.sin.to_vector<double>(), expected.sin.to_vector<double>());
  EXPECT_EQ(got.interleaved, expected.interleaved);
}

TEST(RotaryCache, GivesTheBitsOfRotary) {
  const RotaryCache cache(kRope, 24);
  for (const DType dtype : {kF32, kBF16}) {
    for (const auto& [first, count] : {std::pair(0, 5), std::pair(3, 1), std::pair(7, 4), std::pair(2, 0)}) {
      expect_equal(cache.range(first, count, dtype, kCpu),
                   rotary(kRope, 24, arange(first, first + count, 1, kI64), dtype));
    }
    const Tensor rows = tensor(std::vector<int32_t>{3, 0, 40, 1, 1, 2}, {2, 3});
    expect_equal(cache.at(rows, dtype), rotary(kRope, 24, rows, dtype));
    const Tensor some = tensor(std::vector<int64_t>{90, 4}, {2});
    expect_equal(cache.at(some, dtype), rotary(kRope, 24, some, dtype));
  }
}

TEST(RotaryCache, ComputesWhatNoTableHolds) {
  const RotaryCache cache({.interleaved = true}, 8);
  for (const Tensor& positions : {tensor({0.5F, 7.25F}), tensor(std::vector<int64_t>{-1, 3}, {2}),
                                  tensor(std::vector<int64_t>{1, 3000000000}, {2}), zeros({0}, kI64)}) {
    expect_equal(cache.at(positions, kF64), rotary({.interleaved = true}, 8, positions, kF64));
  }
  EXPECT_NE(error_of([&] {
              cache.at(zeros({1, 1, 1}, kI64), kF32);
            }).find("positions must be [S] or [B, S]"),
            std::string::npos);
  EXPECT_NE(error_of([&] { cache.range(-1, 2, kF32, kCpu); }).find("first is -1"), std::string::npos);
}

// Its frequencies depend on the length.
TEST(RotaryCache, FollowsDynamicScaling) {
  const Rope rope = {
      .scaling = {.type = RopeType::kDynamicNtk, .factor = 2, .original_max_position_embeddings = 4}};
  const RotaryCache cache(rope, 8);
  for (const int64_t length : {3, 9, 6}) {
    const Tensor positions = arange(0, length, 1, kI64);
    expect_equal(cache.range(0, length, kF64, kCpu), rotary(rope, 8, positions, kF64));
    expect_equal(cache.at(positions, kF64), rotary(rope, 8, positions, kF64));
  }
}

TEST(RotaryCache, MakesNoTableTwice) {
  const RotaryCache cache(kRope, 24);
  const Rotary first = cache.range(0, 16, kF32, kCpu);
  EXPECT_EQ(cache.range(3, 13, kF32, kCpu).cos.data<float>(), first.cos.data<float>() + int64_t{3} * 6);
  const Rotary grown = cache.range(0, 17, kF32, kCpu);  // to 32 rows
  EXPECT_EQ(cache.range(16, 16, kF32, kCpu).sin.data<float>(), grown.sin.data<float>() + int64_t{16} * 6);
}

}  // namespace
}  // namespace roux
