// The reductions of row kernels by themselves: both teams, several reductions in a row, rows of every length
// around the sizes of packets, warps and blocks.
#include "cuda/rows.h"

#include <gtest/gtest.h>

#include "cuda/emulator/testing.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

// y[row] = {sum of the row, sum of (i + 1) x[i], log of the sum of exp}
template <class Team>
__global__ void rows_kernel(const float* x, int64_t rows, int64_t n, bool packets, float* y) {
  const int64_t row = Team::row();
  if (row >= rows) return;
  Sum<float> plain{0.0f}, weighted{0.0f};
  MaxSum<float> exponentials{-__builtin_inff(), 0.0f};
  auto use = [&](int64_t i, float v) {
    plain.value += v;
    weighted.value += v * static_cast<float>(i + 1);
    exponentials.add(v);
  };
  visit_row<Team>(n, packets, use, x + row * n);
  plain = Team::reduce(plain);
  weighted = Team::reduce(weighted);
  exponentials = Team::reduce(exponentials);
  if (Team::rank() == Team::kSize - 1) {  // every thread has the results
    y[row * 3] = plain.value;
    y[row * 3 + 1] = weighted.value;
    y[row * 3 + 2] = exponentials.max + std::log(exponentials.sum);
  }
}

template <class Team>
__global__ void double_kernel(const float* x, int64_t rows, int64_t n, bool packets, float* y) {
  const int64_t row = Team::row();
  if (row >= rows) return;
  transform_row<Team>(
      n, packets, [](int64_t i, float v) { return 2.0f * v + static_cast<float>(i); }, y + row * n,
      x + row * n);
}

template <class Team>
void check(int64_t rows, int64_t n) {
  std::vector<float> values(static_cast<size_t>(rows * n));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i * 37 % 101) * 0.0625f;  // sums are exact
  for (emulator::Schedule schedule : emulator::all_schedules()) {
    emulator::ScheduleScope scope(schedule);
    emulator::DeviceArray<float> x(values), y(static_cast<size_t>(rows * 3)), z(values.size());
    const LaunchConfig config{.grid = Team::blocks(rows), .block = kRowBlock};
    launch(rows_kernel<Team>, config, x.data(), rows, n, n % 4 == 0, y.data());
    launch(double_kernel<Team>, config, x.data(), rows, n, n % 4 == 0, z.data());
    const std::vector<float> sums = y.to_host(), doubled = z.to_host();
    for (int64_t row = 0; row < rows; ++row) {
      double plain = 0, weighted = 0, exponentials = 0;
      for (int64_t i = 0; i < n; ++i) {
        const double v = values[static_cast<size_t>(row * n + i)];
        plain += v;
        weighted += v * static_cast<double>(i + 1);
        exponentials += std::exp(v);
        ASSERT_EQ(doubled[static_cast<size_t>(row * n + i)], 2 * v + static_cast<double>(i));
      }
      EXPECT_EQ(sums[static_cast<size_t>(row * 3)], plain) << "n = " << n;
      EXPECT_NEAR(sums[static_cast<size_t>(row * 3 + 1)], weighted, 1e-6 * weighted);
      EXPECT_NEAR(sums[static_cast<size_t>(row * 3 + 2)], std::log(exponentials), 1e-5);
    }
  }
}

TEST(Rows, WarpTeam) {
  for (int64_t n : {1, 3, 4, 31, 32, 33, 127, 128, 129, 300}) check<WarpTeam>(11, n);
}
TEST(Rows, BlockTeam) {
  for (int64_t n : {1, 4, 255, 256, 257, 1023, 1024, 1028, 2050}) check<BlockTeam>(3, n);
}

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
