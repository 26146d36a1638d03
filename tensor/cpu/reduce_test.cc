// Reductions against f64 loops, over layouts that reach every path: rows, columns, chunks, strides.
#include <cmath>

#include "gtest/gtest.h"
#include "tensor/error.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"
#include "tensor/parallel.h"

namespace roux {
namespace {

// Values in [-1, 1) that depend on the index alone.
Tensor pattern(const Shape& shape, DType dtype = kF32) {
  std::vector<double> values(static_cast<size_t>(numel(shape)));
  uint64_t state = 1;
  for (double& v : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    v = static_cast<double>(state >> 40) * 0x1p-23 - 1.0;
  }
  return cast(tensor(values, shape), dtype);
}

// Reduces x over the axes marked in `reduced` with fn(accumulator, value).
template <class Fn>
std::vector<double> reference(const Tensor& x, uint32_t reduced, double start, Fn fn) {
  const std::vector<double> values = x.to_vector<double>();
  Shape kept = x.shape();
  for (int i = 0; i < x.dim(); ++i) {
    if (reduced >> i & 1u) kept[i] = 1;
  }
  std::vector<double> out(static_cast<size_t>(numel(kept)), start);
  Dims index = Dims::filled(x.dim(), 0);
  for (const double value : values) {
    int64_t at = 0;
    for (int i = 0; i < x.dim(); ++i) at = at * kept[i] + (kept[i] == 1 ? 0 : index[i]);
    out[static_cast<size_t>(at)] = fn(out[static_cast<size_t>(at)], value);
    for (int i = x.dim() - 1; i >= 0 && ++index[i] == x.shape()[i]; --i) index[i] = 0;
  }
  return out;
}

void expect_near(const Tensor& actual, const std::vector<double>& expected, double tolerance) {
  const std::vector<double> values = actual.to_vector<double>();
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (expected[i] == values[i]) continue;  // infinities too
    ASSERT_NEAR(values[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << "element " << i;
  }
}

void check_all(const Tensor& x, double tolerance) {
  for (uint32_t mask = 0; mask < (1u << x.dim()); ++mask) {
    std::vector<int64_t> axes;
    for (int i = x.dim() - 1; i >= 0; --i) {
      if (mask >> i & 1u) axes.push_back(i);
    }
    SCOPED_TRACE(testing::Message() << x.spec() << " strides " << x.strides() << " axes " << mask);
    expect_near(sum(x, axes), reference(x, mask, 0, [](double a, double b) { return a + b; }),
                4 * tolerance);  // terms cancel
    auto lse = reference(x, mask, 0, [](double a, double b) { return a + std::exp(b); });
    for (double& v : lse) v = std::log(v);
    expect_near(logsumexp(x, axes), lse, tolerance);
    if (x.numel() == 0) continue;
    expect_near(amax(x, axes, true),
                reference(x, mask, -INFINITY, [](double a, double b) { return std::max(a, b); }), 0);
  }
}

TEST(ReduceTest, AgreesWithLoopsForEveryLayout) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{7}, Shape{3, 5}, Shape{0, 4}, Shape{4, 0},
                             Shape{33, 129}, Shape{5, 1, 7, 3}, Shape{2, 700, 3}}) {
    const Tensor x = pattern(shape);
    check_all(x, 1e-6);
    if (x.dim() < 2) continue;
    check_all(x.transpose(0, -1), 1e-6);
    check_all(x.slice(-1, 0, 1 << 20, 2), 1e-6);
    check_all(x.slice(0, 0, 1).expand(shape), 1e-6);
  }
  check_all(pattern({5, 67}, kF64), 1e-14);
  check_all(pattern({5, 67}, kBF16), 4e-3);
  check_all(pattern({5, 67}, kF16), 5e-4);
}

TEST(ReduceTest, LongSumsAreAccurateAndTheSameForAnyThreadCount) {
  const Tensor x = add(pattern({3000000}), 1.0);
  const double exact = sum(cast(x, kF64)).item();
  set_num_threads(1);
  const double serial = sum(x).item();
  set_num_threads(2);
  EXPECT_EQ(sum(x).item(), serial);
  EXPECT_NEAR(serial / exact, 1, 2e-7);
  const Tensor matrix = x.view({30000, 100});
  const std::vector<float> two = sum(matrix, 0).to_vector<float>();
  const std::vector<float> transposed = sum(matrix.transpose(0, 1).contiguous(), 1).to_vector<float>();
  set_num_threads(1);
  EXPECT_EQ(sum(matrix, 0).to_vector<float>(), two);
  const std::vector<double> exact_columns = sum(cast(matrix, kF64), 0).to_vector<double>();
  for (size_t i = 0; i < two.size(); ++i) {
    EXPECT_NEAR(two[i] / exact_columns[i], 1, 4e-7);
    EXPECT_NEAR(transposed[i] / exact_columns[i], 1, 4e-7);
  }
  EXPECT_EQ(amax(x).item(), amax(matrix.transpose(0, 1)).item());
}

TEST(ReduceTest, IntegersMeansAndInfinities) {
  const Tensor bytes = cast(full({1000}, 255), kU8);
  EXPECT_EQ(sum(bytes).item(), 255000);
  EXPECT_EQ(sum(bytes).dtype(), kI64);
  EXPECT_EQ(sum(cast(bytes, kBool)).item(), 1000);
  EXPECT_EQ(amax(tensor(std::vector<int32_t>{-7, -3, -9}, {3})).item(), -3);
  EXPECT_EQ(mean(tensor({1, 2, 6})).item(), 3);
  EXPECT_TRUE(std::isnan(mean(zeros({0})).item()));
  EXPECT_EQ(sum(zeros({0})).item(), 0);
  EXPECT_EQ(logsumexp(full({4}, -INFINITY)).item(), -INFINITY);
  EXPECT_EQ(logsumexp(tensor({0.f, INFINITY})).item(), INFINITY);
  EXPECT_NEAR(logsumexp(tensor({1000.f, 1000.f})).item(), 1000 + std::log(2.0), 1e-4);
  EXPECT_TRUE(std::isnan(amax(tensor({1.f, NAN, 2.f})).item()));
  EXPECT_TRUE(std::isnan(amax(tensor({NAN, 1.f, 2.f})).item()));
}

TEST(ReduceTest, ArgmaxTakesTheFirst) {
  EXPECT_EQ(argmax(tensor({1, 5, 5, 2}), 0).item(), 1);
  EXPECT_EQ(argmax(tensor({1, NAN, 5, NAN}), 0).item(), 1);
  EXPECT_EQ(argmax(full({3}, -INFINITY), 0).item(), 0);
  const Tensor x = pattern({6, 5, 4});
  EXPECT_EQ(argmax(x, 1, true).shape(), (Shape{6, 1, 4}));
  EXPECT_EQ(argmax(x, 1).to_vector<int64_t>(),
            argmax(x.transpose(1, 2).contiguous(), 2).to_vector<int64_t>());
}

TEST(ReduceTest, SumToUndoesBroadcasting) {
  const Tensor x = pattern({4, 3, 5});
  EXPECT_EQ(sum_to(x, {4, 3, 5}).impl(), x.impl());
  expect_near(sum_to(x, {3, 1}), sum(x, {0, 2}).to_vector<double>(), 1e-6);
  EXPECT_EQ(sum_to(x, {3, 1}).shape(), (Shape{3, 1}));
  EXPECT_EQ(sum_to(x, {}).dim(), 0);
  EXPECT_EQ(sum_to(zeros({0, 3}), {3}).to_vector<float>(), (std::vector<float>{0, 0, 0}));
  EXPECT_THROW(sum_to(x, {2, 5}), Error);
}

TEST(ReduceTest, Errors) {
  const auto text = [](auto fn) -> std::string {
    try {
      fn();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(text([] { sum(zeros({2, 3}), 2); }), "sum: axis 2 is out of range for rank 2: x is f32[2,3]");
  EXPECT_EQ(text([] { sum(zeros({2, 3}), {1, -1}); }), "sum: axis -1 is named twice: x is f32[2,3]");
  EXPECT_EQ(text([] { amax(zeros({2, 0})); }), "amax: axis 1 is empty: x is f32[2,0]");
  EXPECT_EQ(text([] { mean(zeros({2}, kI64)); }),
            "mean: dtype is not supported: x is i64[2], needed a floating dtype");
}

}  // namespace
}  // namespace roux
