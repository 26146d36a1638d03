#include "tensor/cpu/roofs.h"

#include <gtest/gtest.h>

#include "tensor/parallel.h"

namespace roux::cpu {
namespace {

// The bounds hold for any machine of the kind that runs AVX2.
TEST(Roofs, AreOfThisMachine) {
  const int width = num_threads();
  const std::map<int, Roofs> roofs = measure_roofs({1, 2});
  EXPECT_EQ(num_threads(), width);
  ASSERT_EQ(roofs.size(), 2u);
  for (const auto& [threads, r] : roofs) {
    for (const double bytes : {r.read, r.copy}) {
      EXPECT_GT(bytes, 1e8) << threads;
      EXPECT_LT(bytes, 1e12) << threads;
    }
    EXPECT_GT(r.fma_f32, 1e9) << threads;
    EXPECT_LT(r.fma_f32, threads * 6.5e11);  // two vectors of 16 a cycle, 2 flops a lane, 10 GHz
    EXPECT_GT(r.fma_f64, 5e8) << threads;
    EXPECT_LT(r.fma_f64, threads * 3.3e11);
  }
}

TEST(Roofs, LeastTimeOfACall) {
  const Roofs roofs{.read = 40e9, .copy = 32e9, .fma_f32 = 200e9, .fma_f64 = 100e9};
  // A copy of n bytes takes 2 n / 32e9; what only reads n takes n / 40e9.
  EXPECT_DOUBLE_EQ(least_time({4000, 4000}, false, roofs).memory, 8000 / 32e9);
  EXPECT_DOUBLE_EQ(least_time({4000, 0}, false, roofs).memory, 4000 / 40e9);
  EXPECT_EQ(least_time({4000, 0}, false, roofs).compute, 0);
  EXPECT_DOUBLE_EQ(least_time({8, 8, 1000}, false, roofs).compute, 1000 / 200e9);
  EXPECT_DOUBLE_EQ(least_time({8, 8, 1000}, true, roofs).compute, 1000 / 100e9);
  // A copy faster than its reads: writing costs nothing, never less.
  EXPECT_DOUBLE_EQ(
      least_time({0, 4000}, false, {.read = 10e9, .copy = 30e9, .fma_f32 = 1, .fma_f64 = 1}).memory, 0);
}

}  // namespace
}  // namespace roux::cpu
