#include "nn/heads.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/gradcheck.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/random.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

constexpr int64_t kRows = 3, kTokens = 4, kWidth = 2;

// h[b, t, d] = 100 b + 10 t + d.
Tensor hidden(DType dtype = kF64) {
  std::vector<double> values;
  for (int64_t b = 0; b < kRows; ++b) {
    for (int64_t t = 0; t < kTokens; ++t) {
      for (int64_t d = 0; d < kWidth; ++d) values.push_back(static_cast<double>(100 * b + 10 * t + d));
    }
  }
  return tensor(values, {kRows, kTokens, kWidth}).to(dtype);
}

TEST(Heads, FirstAndLastToken) {
  const Tensor h = hidden();
  EXPECT_EQ(first_token(h).to_vector<double>(), (std::vector<double>{0, 1, 100, 101, 200, 201}));
  EXPECT_EQ(last_token(h).to_vector<double>(), (std::vector<double>{30, 31, 130, 131, 230, 231}));
  const std::vector<double> expected{10, 11, 130, 131, 200, 201};
  EXPECT_EQ(last_token(h, tensor(std::vector<int32_t>{2, 4, 1}, {3})).to_vector<double>(), expected);
  EXPECT_EQ(last_token(h, tensor(std::vector<int64_t>{2, 4, 1}, {3})).to_vector<double>(), expected);
  for (const int32_t wrong : {0, 5}) {
    EXPECT_NE(error_of([&] { last_token(h, tensor(std::vector<int32_t>{2, wrong, 1}, {3})); }), "no error");
  }
}

TEST(Heads, MeanOfTokens) {
  const Tensor h = hidden(), lengths = tensor(std::vector<int32_t>{2, 4, 1}, {3});
  EXPECT_EQ(mean_of_tokens(h).to_vector<double>(), (std::vector<double>{15, 16, 115, 116, 215, 216}));
  const std::vector<double> expected{5, 6, 115, 116, 200, 201};
  EXPECT_EQ(mean_of_tokens(h, lengths).to_vector<double>(), expected);
  fill_(h.slice(0, 2, 3).slice(1, 1, 4), NAN);
  EXPECT_EQ(mean_of_tokens(h, lengths).to_vector<double>(), expected);
  // 256 and 255 are bf16 numbers, their sum 511 is none: summed in bf16 the mean were 256.
  const Tensor narrow = tensor(std::vector<float>{256, 254, 255, 255}, {1, 4, 1}).to(kBF16);
  EXPECT_EQ(mean_of_tokens(narrow, tensor(std::vector<int32_t>{4}, {1})).item(), 255);
  EXPECT_EQ(mean_of_tokens(narrow).item(), 255);
}

TEST(Heads, PointerLogitsAreProductsAndHiddenItemsHaveNoProbability) {
  const Tensor items = tensor(std::vector<double>{1, 2, 3, 4, 5, 6, -1, 0, 0, 1, 1, 1}, {2, 3, 2});
  const Tensor query = tensor(std::vector<double>{1, -1, 2, 3}, {2, 2});
  EXPECT_EQ(pointer_logits(items, query).to_vector<double>(), (std::vector<double>{-1, -1, -1, -2, 3, 5}));
  const Tensor shown = ne(tensor(std::vector<int32_t>{1, 0, 1, 1, 1, 0}, {2, 3}), 0);
  const std::vector<double> p = softmax(pointer_logits(items, query, shown), -1).to_vector<double>();
  const double e = std::exp(-5.0);
  const std::vector<double> expected{0.5, 0, 0.5, e / (1 + e), 1 / (1 + e), 0};
  for (size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(p[i], expected[i], 1e-15);
  // One query for several sets of items, and no set at all.
  EXPECT_EQ(pointer_logits(items, query.slice(0, 0, 1)).to_vector<double>(),
            (std::vector<double>{-1, -1, -1, -1, -1, 0}));
  EXPECT_EQ(pointer_logits(select(items, 0, 1), select(query, 0, 1)).shape(), (Shape{3}));
}

TEST(Heads, GaussianScale) {
  const Tensor raw = tensor(std::vector<double>{-800, 0, 1, 800}, {4});
  const std::vector<double> scale = gaussian_scale(raw, 1e-3).to_vector<double>();
  const std::vector<double> expected{1e-3, std::log(2.0) + 1e-3, std::log1p(std::exp(1.0)) + 1e-3, 800.001};
  for (size_t i = 0; i < scale.size(); ++i) EXPECT_NEAR(scale[i] / expected[i], 1, 1e-15);
  EXPECT_EQ(gaussian_scale(raw, 0).to_vector<double>()[0], 0);
}

TEST(Heads, Derivatives) {
  Generator generator(1);
  const auto leaf = [&](const Shape& shape) {
    return uniform(shape, -1, 1, generator, kF64).set_requires_grad(true);
  };
  const Tensor lengths = tensor(std::vector<int64_t>{2, 4, 1}, {3});
  const Tensor shown = ne(tensor(std::vector<int32_t>{1, 0, 1, 1}, {4}), 0);
  const TensorsFunction tokens = [&](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{first_token(in[0]), last_token(in[0], lengths), mean_of_tokens(in[0], lengths),
                               gaussian_scale(in[0], 0.1)};
  };
  const TensorsFunction pointer = [&](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{softmax(pointer_logits(in[0], in[1], shown), -1)};
  };
  const std::vector<Tensor> h{leaf({kRows, kTokens, kWidth})};
  const std::vector<Tensor> choice{h[0], leaf({kRows, kWidth})};
  EXPECT_TRUE(gradcheck(tokens, h).ok()) << gradcheck(tokens, h);
  EXPECT_TRUE(gradgradcheck(tokens, h).ok()) << gradgradcheck(tokens, h);
  EXPECT_TRUE(gradcheck(pointer, choice).ok()) << gradcheck(pointer, choice);
  EXPECT_TRUE(gradgradcheck(pointer, choice).ok()) << gradgradcheck(pointer, choice);
}

TEST(Heads, TheMeanOfNoTokenIsNaN) {
  for (const double value : mean_of_tokens(hidden().slice(1, 0, 0)).to_vector<double>()) {
    EXPECT_TRUE(std::isnan(value));
  }
  EXPECT_EQ(mean_of_tokens(hidden().slice(0, 0, 0)).shape(), (Shape{0, kWidth}));
}

TEST(Heads, Errors) {
  const Tensor h = hidden();
  EXPECT_EQ(error_of([&] { first_token(h.to(kI64)); }),
            "first_token: h is i64[3,4,2], needed floating [B, T, D] with T above 0");
  EXPECT_EQ(error_of([&] { last_token(h.slice(1, 0, 0)); }),
            "last_token: h is f64[3,0,2], needed floating [B, T, D] with T above 0");
  EXPECT_EQ(error_of([&] { last_token(h, ones({2}, kI32)); }),
            "last_token: lengths is i32[2], needed i32 or i64 [3]");
  EXPECT_EQ(error_of([&] { mean_of_tokens(h, ones({3})); }),
            "mean_of_tokens: lengths is f32[3], needed i32 or i64 [3]");
  EXPECT_EQ(
      error_of([&] {
        pointer_logits(h, ones({3, 2}));
      }),
      "pointer_logits: items is f64[3,4,2], query is f32[3,2], needed floating [..., N, D] and [..., D] "
      "of one dtype");
  EXPECT_EQ(error_of([&] {
              pointer_logits(h, ones({3, 2}, kF64), ones({3, 4}));
            }),
            "pointer_logits: shown is f32[3,4], needed bool");
  EXPECT_EQ(error_of([&] { gaussian_scale(h, -1); }), "gaussian_scale: floor is -1, needed at least 0");
  EXPECT_NE(error_of([&] { gaussian_scale(h.to(kI64), 1); }), "no error");
}

}  // namespace
}  // namespace roux
