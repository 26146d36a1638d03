#include "nn/alibi.h"

#include <gtest/gtest.h>

#include <cmath>

namespace roux {
namespace {

// 12 heads: the slopes of 8, and the first, third, fifth and seventh of those of 16.
TEST(Alibi, SlopesAreThoseOfThePaper) {
  const std::vector<double> eight = alibi_slopes(8), twelve = alibi_slopes(12);
  ASSERT_EQ(eight.size(), 8u);
  ASSERT_EQ(twelve.size(), 12u);
  for (int i = 0; i < 8; ++i) {
    EXPECT_DOUBLE_EQ(eight[static_cast<size_t>(i)], std::pow(2, -(i + 1)));
    EXPECT_EQ(twelve[static_cast<size_t>(i)], eight[static_cast<size_t>(i)]);
  }
  for (int i = 0; i < 4; ++i)
    EXPECT_DOUBLE_EQ(twelve[static_cast<size_t>(8 + i)], std::pow(2, -(2 * i + 1) / 2.0));
}

TEST(Alibi, TableFallsWithTheDistanceAndIsKept) {
  const AlibiTable alibi(2);  // slopes 1/16 and 1/256
  const Tensor five = alibi.at_least(5, kF64, kCpu);
  ASSERT_EQ(five.shape(), (Shape{2, 9}));
  const std::vector<double> values = five.to_vector<double>();
  for (int64_t distance = -4; distance <= 4; ++distance) {
    const auto of = [&](int64_t head) { return values[static_cast<size_t>(9 * head + distance + 4)]; };
    EXPECT_EQ(of(0), -static_cast<double>(std::abs(distance)) / 16);
    EXPECT_EQ(of(1), -static_cast<double>(std::abs(distance)) / 256);
  }
  EXPECT_EQ(alibi.at_least(3, kF64, kCpu).impl(), five.impl());
  const Tensor ten = alibi.at_least(6, kF64, kCpu);  // for twice as many
  EXPECT_EQ(ten.shape(), (Shape{2, 19}));
  EXPECT_EQ(alibi.at_least(10, kF64, kCpu).impl(), ten.impl());
  EXPECT_EQ(alibi.at_least(2, kF32, kCpu).dtype(), kF32);
}

}  // namespace
}  // namespace roux
