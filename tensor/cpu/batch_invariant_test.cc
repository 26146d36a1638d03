// Rows of products and queries of attention, alone and among others, bit for bit.
#include "tensor/batch_invariant.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <thread>
#include <vector>

#include "tensor/grad_mode.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"
#include "tensor/parallel.h"

namespace roux {
namespace {

Tensor random(const Shape& shape, DType dtype) {
  static std::mt19937 engine(7);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(numel(shape)));
  for (float& value : values) value = normal(engine);
  return cast(tensor(values, shape), dtype);
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.spec() == b.spec() && a.to_vector<double>() == b.to_vector<double>();
}
double difference(const Tensor& a, const Tensor& b) {
  const Tensor x = cast(a, kF64), y = cast(b, kF64);
  return amax(abs(x - y)).item() / std::max(1.0, amax(abs(y)).item());
}

TEST(BatchInvariant, RowsOfLinear) {
  NoGradGuard no_grad;
  for (const auto& [dtype, weights] :
       {std::pair{kF32, kF32}, {kBF16, kBF16}, {kBF16, kF32}, {kF16, kF32}, {kF32, kBF16}, {kF64, kF64}}) {
    for (const auto& [n, k] : {std::pair{33, 70}, {5, 1}, {700, 300}, {64, 2100}}) {
      const Tensor x = random({2, 50, k}, dtype), w = random({n, k}, weights), bias = random({n}, weights);
      const Tensor usual = linear(x, w, bias, WeightDType::kAny);
      BatchInvariantGuard invariant;
      const Tensor y = linear(x, w, bias, WeightDType::kAny);
      EXPECT_LT(difference(y, usual), dtype == kF64   ? 1e-13
                                      : dtype == kF32 ? 2e-5
                                                      : 2e-2)
          << name(dtype) << n << " " << k;
      for (const auto& [begin, end] : {std::pair{0, 1}, {3, 5}, {7, 20}, {41, 50}}) {
        const Tensor part = linear(x.slice(0, 1, 2).slice(1, begin, end), w, bias, WeightDType::kAny);
        EXPECT_TRUE(same_bits(part, y.slice(0, 1, 2).slice(1, begin, end))) << name(dtype) << n << " " << k;
      }
      set_num_threads(1);
      EXPECT_TRUE(same_bits(linear(x, w, bias, WeightDType::kAny), y));
      set_num_threads(max_threads());
    }
  }
}

TEST(BatchInvariant, RowsOfMatmul) {
  NoGradGuard no_grad;
  const Tensor a = random({4, 3, 20, 37}, kF32), b = random({3, 37, 11}, kF32), flat = random({37, 11}, kF32);
  const Tensor usual = matmul(a, b), usual_flat = matmul(a, flat);
  BatchInvariantGuard invariant;
  const Tensor y = matmul(a, b), y_flat = matmul(a.transpose(0, 1), flat).transpose(0, 1);
  EXPECT_LT(difference(y, usual), 1e-5);
  EXPECT_LT(difference(y_flat, usual_flat), 1e-5);
  const auto rows = [](const Tensor& x) { return x.slice(0, 2, 3).slice(2, 5, 9); };
  EXPECT_TRUE(same_bits(matmul(rows(a), b), rows(y)));
  EXPECT_TRUE(same_bits(matmul(rows(a), flat), rows(y_flat)));
  EXPECT_EQ(matmul(zeros({2, 0}), zeros({0, 3})).to_vector<double>(), std::vector<double>(6, 0));
}

// Queries of one row: whole; a token at a time behind the keys so far; behind padding of other rows; packed
// behind another document.
TEST(BatchInvariant, QueriesOfAttention) {
  NoGradGuard no_grad;
  for (const DType dtype : {kF32, kBF16, kF64}) {
    for (const int64_t width : {4, 40, 64}) {
      for (const int64_t length : {9, 70, 600}) {
        for (const int variant : {0, 1, 2}) {
          const Tensor q = random({1, 4, length, width}, dtype), k = random({1, 2, length, width}, dtype),
                       v = random({1, 2, length, width + 3}, dtype);
          AttentionOptions options{.rules = {.causal = true}};
          if (variant == 1) options.rules.window = 13;
          if (variant == 2) {
            options.softcap = 2;
            options.rules.distance_bias = random({4, 2 * (length + 20) - 1}, dtype == kF64 ? kF64 : kF32);
          }
          const Tensor usual = scaled_dot_product_attention(q, k, v, options);
          BatchInvariantGuard invariant;
          const Tensor y = scaled_dot_product_attention(q, k, v, options);
          EXPECT_LT(difference(y, usual), dtype == kF64 ? 1e-13 : dtype == kF32 ? 1e-5 : 2e-2);
          for (const int64_t t : {int64_t{0}, int64_t{5}, length - 1}) {
            const Tensor one = scaled_dot_product_attention(q.slice(2, t, t + 1), k.slice(2, 0, t + 1),
                                                            v.slice(2, 0, t + 1), options);
            EXPECT_TRUE(same_bits(one, y.slice(2, t, t + 1))) << name(dtype) << width << " " << length;
          }
          // As row 1 of a padded batch, and as the second document of a packed row.
          const auto behind = [&](const Tensor& x) {
            const Tensor other = random({1, x.size(1), 17, x.size(3)}, dtype);
            return cat({other, x}, 2);
          };
          const auto padded = [&](const Tensor& x) {
            const Tensor longer = cat({x, random({1, x.size(1), 17, x.size(3)}, dtype)}, 2);
            return cat({random(longer.shape(), dtype), longer}, 0);
          };
          const Tensor batch = scaled_dot_product_attention(padded(q), padded(k), padded(v), options);
          EXPECT_TRUE(same_bits(batch.slice(0, 1, 2).slice(2, 0, length), y));
          AttentionOptions packed = options;
          packed.rules.begin = full({1, 1}, 17, kI32);
          const Tensor documents = scaled_dot_product_attention(behind(q), behind(k), behind(v), packed);
          EXPECT_TRUE(same_bits(documents.slice(2, 17, 17 + length), y)) << variant;
        }
      }
    }
  }
}

TEST(BatchInvariant, GuardsNestAndStayOnTheirThread) {
  EXPECT_FALSE(batch_invariant());
  {
    BatchInvariantGuard on;
    EXPECT_TRUE(batch_invariant());
    bool elsewhere = true;
    std::thread([&] { elsewhere = batch_invariant(); }).join();
    EXPECT_FALSE(elsewhere);
    BatchInvariantGuard off(false);
    EXPECT_FALSE(batch_invariant());
  }
  EXPECT_FALSE(batch_invariant());
}

}  // namespace
}  // namespace roux
