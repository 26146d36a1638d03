#include "nn/rotary.h"

#include <functional>

#include "gtest/gtest.h"
#include "tensor/error_of.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/view.h"

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

// Two sets of frequencies: tables of each, and a short one ends where the other begins.
TEST(RotaryCache, HasBothSetsOfLongRope) {
  const Rope rope = {.scaling = {.type = RopeType::kLongRope,
                                 .factor = 4,
                                 .original_max_position_embeddings = 6,
                                 .short_factor = {1, 1.5, 2, 2.5},
                                 .long_factor = {1, 3, 5, 7}}};
  const RotaryCache cache(rope, 8);
  for (const auto& [first, count] : {std::pair(0, 4), std::pair(4, 1), std::pair(5, 1), std::pair(6, 1),
                                     std::pair(0, 9), std::pair(2, 3)}) {
    const Tensor positions = arange(first, first + count, 1, kI64);
    expect_equal(cache.range(first, count, kF64, kCpu), rotary(rope, 8, positions, kF64));
    expect_equal(cache.at(positions, kF64), rotary(rope, 8, positions, kF64));
  }
  const Rotary beyond = cache.range(0, 9, kF32, kCpu), within = cache.range(0, 3, kF32, kCpu);
  EXPECT_EQ(cache.range(8, 1, kF32, kCpu).cos.data<float>(), beyond.cos.data<float>() + int64_t{8} * 4);
  EXPECT_EQ(cache.range(1, 2, kF32, kCpu).cos.data<float>(), within.cos.data<float>() + 4);
}

// What no rows serve is kept as it was asked for last, in each dtype.
TEST(RotaryCache, KeepsTheLastOfOtherPositions) {
  const Rope dynamic = {
      .scaling = {.type = RopeType::kDynamicNtk, .factor = 2, .original_max_position_embeddings = 4}};
  const RotaryCache by_length(dynamic, 8), real(kRope, 24);
  EXPECT_EQ(by_length.range(1, 3, kF32, kCpu).cos.data<float>(),
            by_length.range(0, 4, kF32, kCpu).cos.data<float>() + 4);  // up to the original length: rows
  const Tensor halves = tensor({0.5F, 7.25F}), others = tensor({0.5F, 7.5F});
  const std::function<Rotary(DType)> asks[] = {
      [&](DType dtype) { return by_length.range(0, 9, dtype, kCpu); },
      [&](DType dtype) { return by_length.at(arange(0, 9, 1, kI64), dtype); },
      [&](DType dtype) { return real.at(halves, dtype); },
      [&](DType dtype) {
        return real.at(tensor(std::vector<int64_t>{-1, 3}, {2}), dtype);
      }};
  for (const auto& ask : asks) {
    const Rotary first = ask(kF32), wide = ask(kF64);
    EXPECT_EQ(ask(kF32).cos.impl(), first.cos.impl());
    EXPECT_EQ(ask(kF64).sin.impl(), wide.sin.impl());
  }
  const Rotary of_halves = real.at(halves, kF32);
  expect_equal(real.at(others, kF32), rotary(kRope, 24, others, kF32));
  expect_equal(real.at(unsqueeze(others, 0), kF32), rotary(kRope, 24, unsqueeze(others, 0), kF32));
  expect_equal(real.at(halves, kF32), of_halves);
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
