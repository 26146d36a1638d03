// Products of all layouts against f64 loops, and the promise that threads do not change bits.
#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "gtest/gtest.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/matmul_tables.h"
#include "tensor/ops/view.h"
#include "tensor/parallel.h"

namespace roux {
namespace {

Tensor random(const Shape& shape, DType dtype = kF32) {
  static std::mt19937 engine(7);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(static_cast<size_t>(numel(shape)));
  for (float& value : values) value = uniform(engine);
  return tensor(values, shape).to(dtype);
}

// max |y - reference| over sqrt(k), y [M, N] or [B, M, N] and a, b broadcast to B.
double error_of(const Tensor& y, const Tensor& a, const Tensor& b) {
  const int64_t m = y.size(-2), n = y.size(-1), k = a.size(-1), batch = y.numel() / (m * n);
  const std::vector<double> got = y.to_vector<double>();
  const std::vector<double> va = a.expand({batch, m, k}).to_vector<double>();
  const std::vector<double> vb = b.expand({batch, k, n}).to_vector<double>();
  double worst = 0;
  for (int64_t z = 0; z < batch; ++z) {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t l = 0; l < k; ++l) {
          sum += va[static_cast<size_t>((z * m + i) * k + l)] * vb[static_cast<size_t>((z * k + l) * n + j)];
        }
        worst = std::max(worst, std::abs(sum - got[static_cast<size_t>((z * m + i) * n + j)]));
      }
    }
  }
  return worst / std::sqrt(static_cast<double>(k) + 1);
}

double tolerance(DType dtype) {
  return dtype == kF64 ? 4e-15 : dtype == kF32 ? 1e-6 : dtype == kF16 ? 2e-3 : 1e-2;
}

TEST(Matmul, LayoutsAndDtypes) {
  for (DType dtype : {kF32, kF64, kBF16, kF16}) {
    for (const auto& [m, n, k] : {std::array<int64_t, 3>{1, 1, 1},
                                  {3, 5, 7},
                                  {65, 33, 17},
                                  {1, 130, 64},
                                  {130, 1, 64},
                                  {100, 520, 96},
                                  {24, 40, 3000}}) {
      const Tensor a = random({m, k}, dtype), at = random({k, m}, dtype).transpose(0, 1);
      const Tensor b = random({k, n}, dtype), bt = random({n, k}, dtype).transpose(0, 1);
      for (const Tensor& left : {a, at}) {
        for (const Tensor& right : {b, bt}) {
          EXPECT_LT(error_of(matmul(left, right), left, right), tolerance(dtype))
              << left.spec() << right.spec();
        }
      }
      const Tensor wide = random({m, 3 * k + 2}, dtype);
      const Tensor offset = wide.slice(1, 2, 2 + k), strided = wide.slice(1, 0, 3 * k, 3);
      EXPECT_LT(error_of(matmul(offset, b), offset, b), tolerance(dtype));
      EXPECT_LT(error_of(matmul(strided, bt), strided, bt), tolerance(dtype));
    }
  }
}

// The product of 16-bit numbers as f32, and twice of it; of wider ones in their own dtype.
TEST(MatmulInto, AddsProductsThatAreNotRounded) {
  for (DType dtype : {kF32, kF64, kBF16, kF16}) {
    for (const auto& [m, n, k] :
         {std::array<int64_t, 3>{1, 1, 1}, {3, 5, 7}, {600, 40, 96}, {40, 1100, 300}, {5, 3, 0}, {0, 3, 5}}) {
      const Tensor a = random({k, m}, dtype).transpose(0, 1), b = random({k, n}, dtype);
      Tensor sum = full({m, n}, 99.0, dtype == kF64 ? kF64 : kF32);
      matmul_into(a, b, false, sum);
      if (m * n == 0) continue;
      EXPECT_LT(error_of(sum, a, b), tolerance(dtype == kF64 ? kF64 : kF32)) << a.spec() << b.spec();
      matmul_into(a, b, true, sum);
      EXPECT_LT(error_of(sum * 0.5, a, b), tolerance(dtype == kF64 ? kF64 : kF32)) << a.spec() << b.spec();
    }
  }
}

TEST(Matmul, BatchesBroadcast) {
  for (DType dtype : {kF32, kF64, kBF16}) {
    const Tensor a = random({6, 20, 30}, dtype), b = random({6, 30, 11}, dtype), w = random({30, 11}, dtype);
    EXPECT_LT(error_of(matmul(a, b), a, b), tolerance(dtype));
    EXPECT_LT(error_of(matmul(a, w), a, w), tolerance(dtype));
    const Tensor one = random({20, 30}, dtype);
    EXPECT_LT(error_of(matmul(one, b), one, b), tolerance(dtype));
    // [2, 3, 20, 30] x [3, 30, 11] through permuted heads.
    const Tensor heads = random({2, 20, 3, 30}, dtype).permute({0, 2, 1, 3}), c = random({3, 30, 11}, dtype);
    const Tensor y = matmul(heads, c);
    ASSERT_EQ(y.shape(), Shape({2, 3, 20, 11}));
    EXPECT_LT(error_of(y.reshape({6, 20, 11}), heads.reshape({6, 20, 30}),
                       c.expand({2, 3, 30, 11}).reshape({6, 30, 11})),
              tolerance(dtype));
    const Tensor folded = matmul(heads, w);  // strides that do not fold into one product
    EXPECT_LT(error_of(folded.reshape({6, 20, 11}), heads.reshape({6, 20, 30}), w), tolerance(dtype));
  }
}

TEST(Matmul, Vectors) {
  const Tensor a = random({4, 3}), x = random({3}), z = random({4});
  EXPECT_EQ(matmul(a, x).shape(), Shape({4}));
  EXPECT_EQ(matmul(z, a).shape(), Shape({3}));
  EXPECT_EQ(matmul(x, x).shape(), Shape({}));
  EXPECT_EQ(matmul(random({2, 4, 3}), x).shape(), Shape({2, 4}));
  EXPECT_NEAR(matmul(tensor({1, 2, 3}), tensor({4, 5, 6})).item(), 32, 1e-6);
}

TEST(Matmul, EmptySizes) {
  EXPECT_EQ(matmul(random({0, 3}), random({3, 2})).shape(), Shape({0, 2}));
  EXPECT_EQ(matmul(random({2, 4, 3}), random({2, 3, 0})).shape(), Shape({2, 4, 0}));
  for (DType dtype : {kF32, kF64, kBF16}) {
    const Tensor y = matmul(random({2, 0}, dtype), random({0, 3}, dtype));
    for (double value : y.to_vector<double>()) EXPECT_EQ(value, 0);
    const Tensor bias = random({3}, dtype);
    EXPECT_EQ(linear(random({1, 0}, dtype), random({3, 0}, dtype), bias).to_vector<double>(),
              bias.to_vector<double>());
  }
}

TEST(Matmul, LinearIsTransposedProductPlusBias) {
  for (DType dtype : {kF32, kF64, kBF16, kF16}) {
    for (int64_t rows : {5, 700}) {
      const Tensor x = random({2, rows, 40}, dtype), w = random({70, 40}, dtype), bias = random({70}, dtype);
      const std::vector<double> y = linear(x, w, bias).to_vector<double>();
      const std::vector<double> expected =
          (matmul(x.to(kF64), w.to(kF64).transpose(0, 1)) + bias.to(kF64)).to_vector<double>();
      ASSERT_EQ(y.size(), expected.size());
      for (size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], expected[i], 10 * tolerance(dtype));
    }
  }
}

TEST(Matmul, ThreadsDoNotChangeBits) {
  for (DType dtype : {kF32, kF64, kBF16}) {
    for (const auto& [m, n, k] :
         {std::array<int64_t, 3>{600, 300, 70}, {70, 80, 5000}, {1300, 40, 100}, {64, 1100, 90}}) {
      const Tensor a = random({m, k}, dtype), b = random({n, k}, dtype), bias = random({n}, dtype);
      const int before = num_threads();
      set_num_threads(1);
      const std::vector<double> serial = linear(a, b, bias).to_vector<double>();
      for (int threads : {2, 3, 5}) {
        set_num_threads(threads);
        EXPECT_EQ(linear(a, b, bias).to_vector<double>(), serial) << threads << " threads";
      }
      set_num_threads(before);
    }
  }
}

// Up to 8 rows have a kernel of their own, in which a row does not depend on the others.
TEST(LinearRows, EqualExactSums) {
  for (DType dtype : {kF32, kBF16, kF16}) {
    for (const auto& [n, k] : {std::array<int64_t, 2>{1, 1}, {3, 5}, {7, 16}, {70, 33}, {1100, 200}}) {
      const Tensor wide = random({n, k + 3}, dtype), w = wide.slice(1, 2, 2 + k), bias = random({n}, dtype);
      const Tensor rows = random({9, k + 1}, dtype).slice(1, 0, k);
      const Tensor exact = matmul(rows.to(kF64), w.to(kF64).transpose(0, 1)) + bias.to(kF64);
      const std::vector<double> expected = exact.to_vector<double>();
      const Tensor eight = linear(rows.slice(0, 0, 8), w, bias);
      const double near =
          dtype == kF32 ? 2e-6 * std::sqrt(static_cast<double>(k) + 1) : 10 * tolerance(dtype);
      for (int64_t m = 1; m <= 9; ++m) {
        const Tensor y = linear(rows.slice(0, 0, m), w, bias);
        const std::vector<double> got = y.to_vector<double>();
        for (size_t i = 0; i < got.size(); ++i) {
          ASSERT_NEAR(got[i], expected[i], near) << y.spec() << " at " << i;
        }
        if (m <= 8) {
          EXPECT_EQ(got, eight.slice(0, 0, m).to_vector<double>()) << m << " rows";
        }
      }
      // Numbers of other rows, which are not finite, stay in their own.
      Tensor broken = rows.slice(0, 0, 5) + 0.0;
      fill_(broken.slice(0, 3, 4), std::numeric_limits<double>::quiet_NaN());
      EXPECT_EQ(linear(broken, w, bias).slice(0, 0, 3).to_vector<double>(),
                eight.slice(0, 0, 3).to_vector<double>());
    }
  }
}

TEST(LinearRows, ThreadsDoNotChangeBits) {
  for (DType dtype : {kF32, kBF16, kF16}) {
    const Tensor x = random({5, 200}, dtype), w = random({1100, 200}, dtype);
    const int before = num_threads();
    set_num_threads(1);
    const std::vector<double> serial = linear(x, w).to_vector<double>();
    for (int threads : {2, 3, 5}) {
      set_num_threads(threads);
      EXPECT_EQ(linear(x, w).to_vector<double>(), serial) << threads << " threads";
    }
    set_num_threads(before);
  }
}

// Every value of f16, and what f32 weights become beside 16-bit rows, as the cast has them: large ones,
// subnormals, halves between two, NaN and infinities.
TEST(LinearRows, ReadWeightsAsTheCastDoes) {
  std::vector<float> values;
  for (uint32_t bits = 0; bits < 0x10000; ++bits)
    values.push_back(std::bit_cast<float16>(static_cast<uint16_t>(bits)));
  std::mt19937 engine(3);
  for (int i = 0; i < 200'000; ++i) values.push_back(std::bit_cast<float>(static_cast<uint32_t>(engine())));
  for (uint32_t exponent = 80; exponent < 150; ++exponent) {
    for (uint32_t kept = 0; kept < 1024; kept += 341) {
      for (uint32_t rest : {0u, 1u, 0xfffu, 0x1000u, 0x1001u, 0x7fffu, 0x8000u, 0x8001u, 0x18000u}) {
        values.push_back(std::bit_cast<float>(exponent << 23 | kept << 13 | rest));
        values.push_back(-values.back());
      }
    }
  }
  const Tensor w = tensor(values, {static_cast<int64_t>(values.size()), 1}), one = ones({1, 17});
  for (DType dtype : {kBF16, kF16}) {
    Tensor spread = zeros({w.size(0), 17}), narrow = cast(w, dtype);
    copy_(spread.slice(1, 16, 17), where(eq(w, w), w, zeros_like(w)));
    copy_(narrow, where(eq(narrow, narrow), narrow, zeros_like(narrow)));
    const std::vector<double> expected = narrow.to_vector<double>();
    const Tensor x = cast(one, dtype);
    EXPECT_EQ(linear(x, spread, {}, WeightDType::kAny).to_vector<double>(), expected) << name(dtype);
    EXPECT_EQ(linear(x, cast(spread, dtype)).to_vector<double>(), expected) << name(dtype);
    copy_(spread.slice(1, 16, 17), w);
    const std::vector<double> nan = linear(x, spread, {}, WeightDType::kAny).to_vector<double>();
    for (size_t i = 0; i < nan.size(); ++i) ASSERT_EQ(std::isnan(nan[i]), std::isnan(values[i]));
  }
}

// The values of casts before, whatever the rows, and gradients of f32 that are not rounded to 16 bits.
TEST(LinearWeightDType, ValuesOfTheCastBefore) {
  for (const auto& [x_dtype, w_dtype] :
       {std::pair{kBF16, kF32}, {kF16, kF32}, {kF32, kBF16}, {kF32, kF64}, {kF64, kF32}, {kBF16, kF16}}) {
    for (int64_t rows : {1, 8, 9, 600}) {
      const Tensor x = random({rows, 70}, x_dtype), w = random({33, 70}, w_dtype),
                   bias = random({33}, w_dtype);
      const Tensor expected = linear(x, cast(w, x_dtype), cast(bias, x_dtype));
      const std::vector<double> values = expected.to_vector<double>();
      EXPECT_EQ(linear(x, w, bias, WeightDType::kAny).to_vector<double>(), values);
      EXPECT_EQ(linear(x, w, bias, WeightDType::kAny).dtype(), x_dtype);
    }
  }
}

// A small result with a long sum: partial sums, added to what stands there.
TEST(LongSums, GoIntoTheirResult) {
  for (DType dtype : {kF32, kF64, kBF16}) {
    const Tensor a = random({5000, 40}, dtype).transpose(0, 1), b = random({5000, 70}, dtype);
    const DType wide = dtype == kF64 ? kF64 : kF32;
    Tensor sum = full({40, 70}, 99.0, wide);
    matmul_into(a, b, false, sum);
    EXPECT_LT(error_of(sum, a, b), tolerance(wide));
    matmul_into(a, b, true, sum);
    EXPECT_LT(error_of(sum * 0.5, a, b), tolerance(wide));
  }
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Matmul, Errors) {
  EXPECT_EQ(message_of([] {
              matmul(zeros({4, 3}), zeros({4, 5}));
            }),
            "matmul: inner dimensions differ: a is f32[4,3], b is f32[4,5] (a.shape[-1]=3, b.shape[-2]=4)");
  EXPECT_EQ(message_of([] {
              matmul(zeros({2, 4, 3}), zeros({3, 3, 5}));
            }),
            "matmul: batch axes do not broadcast: a is f32[2,4,3], b is f32[3,3,5], needed [2] and [3] to be "
            "equal or 1");
  EXPECT_EQ(message_of([] {
              matmul(zeros({4, 3}), zeros({3, 5}, kF64));
            }),
            "matmul: dtypes differ: a is f32[4,3], b is f64[3,5], needed the same floating dtype");
  EXPECT_EQ(message_of([] {
              matmul(zeros({}), zeros({3, 5}));
            }),
            "matmul: a scalar has no inner axis: a is f32[], b is f32[3,5], needed at least one axis");
  EXPECT_EQ(message_of([] {
              linear(zeros({8, 127}), zeros({64, 128}));
            }),
            "linear: inner dimensions differ: x is f32[8,127], weight is f32[64,128], needed x [..., in] and "
            "weight [out, in]");
}

// Rows that are far apart are summed in short parts; all of them are added. Of few rows, too.
TEST(MatmulInto, AddsFarApartAndFewRows) {
  for (const auto& [m, n, k] : {std::array<int64_t, 3>{1100, 40, 140}, {3, 40, 50}}) {
    const Tensor a = random({k, m}, kF32).transpose(0, 1), b = random({k, n}, kF32);
    Tensor sum = matmul(a, b);
    matmul_into(a, b, true, sum);
    EXPECT_LT(error_of(sum * 0.5, a, b), tolerance(kF32)) << a.spec() << b.spec();
  }
}

}  // namespace
}  // namespace roux
