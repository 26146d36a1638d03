// nf4_dq against its definition in plain loops, and as what ops read.
#include "tensor/cpu/nested_scales.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "tensor/error_of.h"
#include "tensor/ops/block_linear.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/quantize.h"
#include "tensor/ops/random.h"
#include "tensor/ops/view.h"

namespace roux::cpu {
namespace {

// Rows of 129 blocks: groups of 256 end inside of them, the last one early.
constexpr int64_t kRows = 5, kBlocks = 129, kWidth = 64 * kBlocks;

Tensor weights() {
  Generator generator(7);
  const Tensor sizes = exp(normal({kRows, kBlocks, 1}, -4, 1, generator));
  const Tensor x = reshape(normal({kRows, kBlocks, 64}, 0, 1, generator) * sizes, {kRows, kWidth});
  fill_(slice(slice(x, 0, 2, 3), 1, 128, 256), 0);  // two blocks of zeros
  return x;
}

// The values of the map from its definition: 0, 1, and of each decade 10^-6 .. 1 the middles of 1, 2, 4 .. 64
// equal parts of [0.1, 1], with both signs.
std::vector<double> codes() {
  std::vector<double> out = {0, 1};
  for (int decade = 0; decade < 7; ++decade) {
    const int parts = 1 << decade;
    for (int k = 0; k < parts; ++k) {
      const double middle = 0.1 + 0.9 * (k + 0.5) / parts;
      for (const double sign : {-1.0, 1.0}) out.push_back(sign * middle * std::pow(10.0, decade - 6));
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

TEST(NestedScales, MapIsTheDefinitions) {
  const std::vector<double> expected = codes();
  ASSERT_EQ(expected.size(), dynamic_map().size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(dynamic_map()[i], expected[i], 1e-7) << i;
}

TEST(NestedScales, HaveTheBitsOfThePaper) {
  const Tensor y = quantize(zeros({256, 16384}), kNF4_DQ);
  EXPECT_NEAR(8.0 * static_cast<double>(y.bytes()) / (256.0 * 16384), 4.127, 5e-5);
}

// Scales are nearest codes of what is left of them without their mean, by the largest of 256.
TEST(NestedScales, EqualTheDefinition) {
  const Tensor x = weights(), y = quantize(x, kNF4_DQ);
  const std::vector<float> values = x.to_vector<float>(),
                           once = dequantize(quantize(x, kNF4)).to_vector<float>(),
                           twice = dequantize(y).to_vector<float>();
  const std::vector<double> map = codes();
  std::vector<double> scales;
  for (size_t block = 0; block < values.size() / 64; ++block) {
    double most = 0;
    for (size_t i = 64 * block; i < 64 * (block + 1); ++i)
      most = std::max(most, std::fabs(double{values[i]}));
    scales.push_back(most);
  }
  double mean = 0;
  for (const double scale : scales) mean += scale / static_cast<double>(scales.size());
  for (size_t begin = 0; begin < scales.size(); begin += 256) {
    const size_t end = std::min(begin + 256, scales.size());
    double most = 0;
    for (size_t block = begin; block < end; ++block) most = std::max(most, std::fabs(scales[block] - mean));
    for (size_t block = begin; block < end; ++block) {
      const double at = (scales[block] - mean) / most;
      double nearest = map[0];
      for (const double code : map)
        if (std::fabs(code - at) < std::fabs(nearest - at)) nearest = code;
      const double scale = nearest * most + mean;
      EXPECT_LE(std::fabs(scale - scales[block]), 0.0071 * most);  // half of the widest gap, 0.9 / 64
      for (size_t i = 64 * block; i < 64 * (block + 1); ++i) {
        const double quantile = scales[block] == 0 ? 0 : once[i] / scales[block];
        ASSERT_NEAR(twice[i], quantile * scale, 1e-6 * most) << i;
        if (scales[block] == 0) {
          EXPECT_EQ(twice[i], 0);
        }
      }
    }
  }
}

// A second time the codes of 4 bits stay, and values move by less than they erred; but for a block whose
// scale is so small beside the others that its rounded one is below 0, as the definition has it.
TEST(NestedScales, AreQuantisedAgainToTheSameCodes) {
  const Tensor y = quantize(weights(), kNF4_DQ), again = quantize(dequantize(y), kNF4_DQ);
  const auto *a = static_cast<const uint8_t*>(y.raw_data()),
             *b = static_cast<const uint8_t*>(again.raw_data());
  const std::vector<float> x = weights().to_vector<float>(), first = dequantize(y).to_vector<float>(),
                           second = dequantize(again).to_vector<float>();
  double moved = 0, erred = 0;
  int64_t below = 0;
  for (int64_t block = 0; block < y.numel(); ++block) {
    bool flips = false;
    for (size_t i = static_cast<size_t>(block) * 64; i < static_cast<size_t>(block + 1) * 64; ++i) {
      moved = std::max(moved, std::fabs(double{second[i]} - double{first[i]}));
      erred = std::max(erred, std::fabs(double{first[i]} - double{x[i]}));
      flips = flips || first[i] * x[i] < 0;
    }
    below += flips ? 1 : 0;
    EXPECT_TRUE(flips || std::equal(a + 33 * block, a + 33 * block + 32, b + 33 * block)) << block;
  }
  EXPECT_LE(below, 2);
  EXPECT_LT(moved, erred);
}

TEST(NestedScales, AreReadByProductsAndLookups) {
  const Tensor y = quantize(weights(), kNF4_DQ), values = dequantize(y);
  Generator generator(3);
  const auto expect_near = [](const Tensor& a, const Tensor& b) {
    const auto found = a.to_vector<double>(), expected = b.to_vector<double>();
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 2e-5) << i;
  };
  for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, kRows}, {1, 2}, {2, kRows}}) {
    const Tensor some = slice(y, 0, begin, end), w = slice(values, 0, begin, end);
    EXPECT_EQ(dequantize(some).to_vector<float>(), w.to_vector<float>());
    for (const int64_t m : {1, 2, 3, 4, 70}) {
      const Tensor x = normal({m, kWidth}, 0, 1, generator), bias = normal({end - begin}, 0, 1, generator);
      expect_near(block_linear(x, some, bias), linear(x, w, bias));
      const Tensor g = normal({m, end - begin}, 0, 1, generator);
      expect_near(block_linear_transposed(g, some), matmul(g, w));
    }
  }
  const Tensor ids = tensor(std::vector<int32_t>{4, 0, 0, 2}, {2, 2});
  EXPECT_EQ(embedding(y, ids).to_vector<float>(), embedding(values, ids).to_vector<float>());
  EXPECT_NE(error_of([&] { embedding(y, tensor(std::vector<int32_t>{5}, {1})); }), "no error");
}

TEST(NestedScales, AreCopiedWhole) {
  const Tensor y = quantize(weights(), kNF4_DQ);
  const Tensor copy = empty(y.spec());
  copy_(copy, y);
  EXPECT_EQ(dequantize(copy).to_vector<float>(), dequantize(y).to_vector<float>());
  EXPECT_NE(error_of([&] { copy_(slice(copy, 0, 0, 2), slice(y, 0, 0, 2)); }).find("copied as a whole"),
            std::string::npos);
  EXPECT_NE(error_of([&] { transpose(y, 0, 1).contiguous(); }).find("copied as a whole"), std::string::npos);
  const Tensor rows =
      index_select(y, 0, tensor(std::vector<int64_t>{3, 1}, {2}));  // which have no place there
  EXPECT_EQ(rows.spec(), (TensorSpec{kNF4, {2, kBlocks}}));
  EXPECT_EQ(dequantize(slice(rows, 0, 1, 2)).to_vector<float>(),
            dequantize(slice(y, 0, 1, 2)).to_vector<float>());
  EXPECT_NE(error_of([&] { cat({y, y}, 0); }), "no error");
  EXPECT_NE(error_of([&] { dequantize(zeros({2, 3}, kNF4_DQ)); }).find("has no scales"), std::string::npos);
  EXPECT_EQ(dequantize(quantize(zeros({0, 64}), kNF4_DQ)).shape(), (Shape{0, 64}));
}

}  // namespace
}  // namespace roux::cpu
