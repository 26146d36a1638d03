// Products with blocks of every format: int8 codes of x against plain loops in f64, bits that no instruction
// set, batch or thread changes, values that are not finite.
#include "tensor/ops/block_linear.h"

#include <cmath>
#include <cstring>
#include <random>

#include "gtest/gtest.h"
#include "tensor/batch_invariant.h"
#include "tensor/error.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/quantize.h"
#include "tensor/ops/view.h"
#include "tensor/parallel.h"
#include "tensor/tunable.h"

namespace roux {
namespace {

const Tunable& tunable(const std::string& name) {
  for (const Tunable* t : read_tunables()) {
    if (t->name() == name) return *t;
  }
  throw Error("no Tunable " + name + " was read");
}

class BlockLinear : public ::testing::TestWithParam<DType> {
 protected:
  // Random bytes, with f16 numbers between 0.001 and 0.01 where the format has some.
  Tensor weight(int64_t rows, int64_t elements) {
    const Tensor w = zeros({rows, elements}, GetParam());
    const auto size = static_cast<int64_t>(size_of(GetParam()));
    auto* bytes = static_cast<uint8_t*>(w.raw_data());
    for (int64_t i = 0; i < rows * elements * size; ++i) bytes[i] = static_cast<uint8_t>(random_());
    std::uniform_real_distribution<float> scale(0.001f, 0.01f);
    for (int64_t i = 0; i < rows * elements; ++i) {
      const auto put = [&](int64_t at) {
        const float16 half(scale(random_));
        std::memcpy(bytes + i * size + at, &half.bits, sizeof half.bits);
      };
      put(GetParam() == kQ6_K ? 208 : 0);
      if (DTypeSet(kQ4_1 | kQ5_1 | kQ4_K | kQ5_K).contains(GetParam())) put(2);
      const float absmax = scale(random_);
      if (GetParam() == kNF4) std::memcpy(bytes + i * size + 32, &absmax, sizeof absmax);
    }
    return w;
  }
  Tensor rows(int64_t count, int64_t width) {
    std::normal_distribution<float> normal;
    std::vector<float> values(static_cast<size_t>(count * width));
    for (float& v : values) v = normal(random_);
    return tensor(values, {count, width});
  }
  std::mt19937 random_{11};
};

std::vector<float> values(const Tensor& x) { return x.to_vector<float>(); }

// 32 values of a row at a time to the nearest of 255 steps.
Tensor in_int8(const Tensor& x) {
  std::vector<float> v = values(x);
  for (size_t begin = 0; begin < v.size(); begin += 32) {
    float largest = 0;
    for (size_t i = 0; i < 32; ++i) largest = std::max(largest, std::fabs(v[begin + i]));
    const float d = largest / 127, inverse = 1 / d;
    for (size_t i = 0; i < 32; ++i) v[begin + i] = d * std::nearbyint(v[begin + i] * inverse);
  }
  return tensor(v, x.shape());
}

// |y - x w| against the sum of the terms' magnitudes, all in f64.
void expect_product(const Tensor& y, const Tensor& x, const Tensor& w, double bound) {
  const Tensor exact = matmul(x.to(kF64), w), size = matmul(abs(x.to(kF64)), abs(w));
  const auto a = y.to_vector<double>(), b = exact.to_vector<double>(), s = size.to_vector<double>();
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], bound * s[i]) << "output " << i;
}

TEST_P(BlockLinear, ExactProductsAndTheirTranspose) {
  for (const int64_t elements : {1, 3, 8}) {
    const Tensor w = weight(37, elements), values = dequantize(w, kF64);
    for (const int64_t m : {1, 2, 3, 4, 7, 8, 9, 40, 70}) {
      const Tensor x = rows(m, values.size(1)), g = rows(m, 37);
      expect_product(block_linear(x, w), x, values.transpose(0, 1), 1e-6);
      expect_product(block_linear_transposed(g, w), g, values, 1e-6);
    }
  }
}

TEST_P(BlockLinear, Int8) {
  for (const int64_t elements : {1, 3, 8}) {
    const Tensor w = weight(37, elements), bias = rows(1, 37).view({37});
    const Tensor by_column = dequantize(w, kF64).transpose(0, 1);
    for (const int64_t m : {1, 2, 3, 4, 6, 9, 16, 17, 70}) {
      const Tensor x = rows(m, by_column.size(0)), y = block_linear(x, w, {}, Activations::kInt8);
      expect_product(y, GetParam() == kNF4 ? x : in_int8(x), by_column, 1e-6);
      expect_product(y, x, by_column, 0.01);
      if (GetParam() == kNF4) continue;  // exact, in another order of sums where there are many rows
      EXPECT_EQ(values(block_linear(x, w, bias, Activations::kInt8)), values(y + bias));
    }
  }
}

// Of few rows, of many, and of many in batch-invariant mode; the instructions of tiles are chosen by
// "block_linear.tiles", those of few rows by "block_linear.lanes".
TEST_P(BlockLinear, BitsOfInt8AreThoseOfTheRow) {
  if (GetParam() == kNF4) return;
  const Tensor w = weight(37, 5), x = rows(37, 5 * values_per_element(GetParam()));
  const auto product = [&](int64_t begin, int64_t end) {
    return values(block_linear(slice(x, 0, begin, end), w, {}, Activations::kInt8));
  };
  const auto part = [](const std::vector<float>& all, int64_t begin, int64_t end) {
    return std::vector<float>(all.begin() + begin * 37, all.begin() + end * 37);
  };
  const std::vector<float> few = product(0, 7), many = product(0, 37);
  for (int64_t row = 0; row < 7; ++row) EXPECT_EQ(product(row, row + 1), part(few, row, row + 1));
  EXPECT_EQ(product(5, 21), part(many, 5, 21));
  EXPECT_EQ(product(20, 37), part(many, 20, 37));
  EXPECT_EQ(product(29, 37), part(many, 29, 37));
  EXPECT_NE(part(many, 0, 7), few);
  const int threads = num_threads();
  for (const int count : {1, 3}) {
    set_num_threads(count);
    EXPECT_EQ(product(0, 7), few);
    EXPECT_EQ(product(0, 37), many);
  }
  set_num_threads(threads);
  for (const int64_t instructions : {1, 2}) {
    const ScopedTunable narrow(tunable("block_linear.tiles"), instructions);
    EXPECT_EQ(product(0, 37), many) << instructions;
  }
  const ScopedTunable narrow(tunable("block_linear.lanes"), 8);
  EXPECT_EQ(product(0, 7), few);
  const BatchInvariantGuard invariant;
  EXPECT_EQ(part(product(0, 37), 0, 7), few);
}

TEST_P(BlockLinear, WhatIsNotFiniteStaysSo) {
  const int64_t width = 2 * values_per_element(GetParam());
  const Tensor w = weight(5, 2), x = rows(3, width), many = rows(18, width);
  fill_(slice(slice(x, 0, 0, 1), 1, width - 1, width), NAN);
  fill_(slice(slice(x, 0, 1, 2), 1, 3, 4), INFINITY);
  fill_(slice(x, 0, 2, 3), 1e-40);
  for (const Activations activations : {Activations::kExact, Activations::kInt8}) {
    const auto y = values(block_linear(x, w, {}, activations));
    for (size_t i = 0; i < 10; ++i) EXPECT_FALSE(std::isfinite(y[i])) << i;
    for (size_t i = 10; i < 15; ++i) EXPECT_NEAR(y[i], 0, 1e-30) << i;
    copy_(slice(many, 0, 0, 3), x);
    const auto z = values(block_linear(many, w, {}, activations));
    for (size_t i = 0; i < 10; ++i) EXPECT_FALSE(std::isfinite(z[i])) << i;
    for (size_t i = 10; i < 15; ++i) EXPECT_NEAR(z[i], 0, 1e-30) << i;
    for (size_t i = 15; i < z.size(); ++i) EXPECT_TRUE(std::isfinite(z[i])) << i;
  }
}

TEST(ActivationsGuard, CountsWhereNothingIsRecorded) {
  const Tensor x = arange(0, 64, 1, kF32) * 0.013 - 0.3, w = quantize(full({3, 64}, 0.7), kQ8_0);
  const auto exact = values(linear(x, w));
  {
    ActivationsGuard guard(Activations::kInt8);
    EXPECT_NE(values(linear(x, w)), exact);
    EXPECT_EQ(values(linear(x, w)), values(block_linear(x, w, {}, Activations::kInt8)));
    ActivationsGuard inner(Activations::kExact);
    EXPECT_EQ(values(linear(x, w)), exact);
  }
  EXPECT_EQ(values(linear(x, w)), exact);
}

INSTANTIATE_TEST_SUITE_P(All, BlockLinear,
                         ::testing::Values(kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ8_0, kQ4_K, kQ5_K, kQ6_K, kNF4),
                         [](const auto& info) { return std::string(name(info.param)); });

}  // namespace
}  // namespace roux
