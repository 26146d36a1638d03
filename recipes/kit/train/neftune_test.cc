#include "recipes/kit/train/neftune.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "autograd/autograd.h"
#include "tensor/error.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"

namespace roux::kit {
namespace {

constexpr int64_t kRows = 2, kTokens = 40, kWidth = 25;

// The noise of one row: uniform between +-bound, which it comes near to.
void expect_uniform(const std::vector<double>& noise, double bound) {
  double sum = 0, squares = 0, largest = 0;
  for (const double x : noise) sum += x, squares += x * x, largest = std::max(largest, std::abs(x));
  const auto n = static_cast<double>(noise.size());
  EXPECT_LE(largest, bound * (1 + 1e-6));
  EXPECT_GT(largest, 0.98 * bound);
  EXPECT_NEAR(sum / n, 0, 4 * bound / std::sqrt(3 * n));
  EXPECT_NEAR(squares / n, bound * bound / 3, 0.1 * bound * bound / 3);
}

TEST(Neftune, NoiseIsUniformWithTheBoundOfEachRowsLength) {
  Generator generator(1);
  const Tensor x = full({kRows, kTokens, kWidth}, 2, kF64);
  const Tensor lengths = tensor(std::vector<int32_t>{10, 40}, {kRows});
  const std::vector<double> all = (neftune(x, 5, generator) - x).to_vector<double>();
  const std::vector<double> by_row = (neftune(x, 5, generator, lengths) - x).to_vector<double>();
  const auto row = [](const std::vector<double>& v, int64_t b) {
    return std::vector<double>(v.begin() + b * kTokens * kWidth, v.begin() + (b + 1) * kTokens * kWidth);
  };
  for (int64_t b = 0; b < kRows; ++b) {
    expect_uniform(row(all, b), 5 / std::sqrt(40.0 * 25));
    expect_uniform(row(by_row, b), 5 / std::sqrt((b == 0 ? 10.0 : 40.0) * 25));
  }
  EXPECT_NE(row(all, 0), row(all, 1));
}

TEST(Neftune, IsDrawnBySeedAndStepAndPassesGradientsOn) {
  Tensor x = ones({kRows, kTokens, kWidth}, kF32);
  x.set_requires_grad(true);
  const auto at = [&](int64_t step) {
    Generator generator = Generator(7).fork(static_cast<uint64_t>(step));
    return neftune(x, 5, generator);
  };
  EXPECT_EQ(at(3).to_vector<float>(), at(3).to_vector<float>());
  EXPECT_NE(at(3).to_vector<float>(), at(4).to_vector<float>());
  backward(sum(at(3) * 2.0));
  EXPECT_EQ(x.grad().to_vector<float>(), std::vector<float>(kRows * kTokens * kWidth, 2));
}

TEST(Neftune, RefusesWhatDoesNotFit) {
  Generator generator(1);
  const Tensor x = ones({kRows, kTokens, kWidth});
  EXPECT_THROW(neftune(ones({2, 3}), 5, generator), Error);
  EXPECT_THROW(neftune(x, -1, generator), Error);
  EXPECT_THROW(neftune(x, 5, generator, ones({kRows})), Error);
  EXPECT_THROW(neftune(x, 5, generator, tensor(std::vector<int32_t>{1}, {1})), Error);
  EXPECT_EQ(neftune(x, 0, generator).to_vector<float>(), x.to_vector<float>());
}

}  // namespace
}  // namespace roux::kit
