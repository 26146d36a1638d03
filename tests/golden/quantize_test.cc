// Block formats against the gguf package and bitsandbytes (quantize.py): the same bits.
#include <cmath>
#include <cstring>

#include "gtest/gtest.h"
#include "tensor/error.h"
#include "tensor/io/safetensors.h"
#include "tensor/ops/quantize.h"

namespace roux {
namespace {

Tensor golden(const std::string& name) {
  static const auto* file =
      new NamedTensors(or_throw(load_safetensors("tests/golden/quantize.safetensors"), "quantize_test"));
  for (const auto& [key, x] : *file) {
    if (key == name) return x;
  }
  throw Error("quantize.safetensors has no " + name);
}

// u8 [rows, N size] as blocks [rows, N] over the same memory.
Tensor as_blocks(const Tensor& bytes, DType dtype) {
  const auto size = static_cast<int64_t>(size_of(dtype));
  return from_memory(bytes.raw_data(), {dtype, {bytes.size(0), bytes.size(1) / size}},
                     std::make_shared<Tensor>(bytes));
}

class Format : public ::testing::TestWithParam<DType> {
 protected:
  Tensor of(const char* what) const { return golden(std::string(name(GetParam())) + "." + what); }
};

TEST_P(Format, ValuesOfBlocks) {
  const Tensor expected = of("values"), bytes = of(GetParam() == kNF4 ? "blocks" : "bytes");
  const Tensor values = dequantize(as_blocks(bytes, GetParam()));
  ASSERT_EQ(values.shape(), expected.shape());
  const auto a = values.to_vector<float>(), b = expected.to_vector<float>();
  int64_t finite = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    finite += std::isfinite(b[i]);
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    ASSERT_EQ(a[i], b[i]) << "value " << i;
    ASSERT_EQ(std::signbit(a[i]), std::signbit(b[i])) << "value " << i;
  }
  EXPECT_GT(finite, values.numel() / 3);
}

TEST_P(Format, Rounding) {
  if (DTypeSet(kQ4_K | kQ5_K | kQ6_K).contains(GetParam())) {
    EXPECT_THROW(quantize(empty({kF32, {1, 256}}), GetParam()), Error);
    return;
  }
  const Tensor x = of("x"), bytes = of("blocks"), y = quantize(x, GetParam());
  const auto size = static_cast<int64_t>(size_of(GetParam()));
  ASSERT_EQ(y.numel() * size, bytes.numel());
  const auto* ours = static_cast<const uint8_t*>(y.raw_data());
  const auto* theirs = bytes.data<const uint8_t>();
  for (int64_t i = 0; i < bytes.numel(); ++i) {
    ASSERT_EQ(int{ours[i]}, int{theirs[i]}) << "byte " << i % size << " of block " << i / size;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Format,
                         ::testing::Values(kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ8_0, kQ4_K, kQ5_K, kQ6_K, kNF4),
                         [](const auto& info) { return std::string(name(info.param)); });

// Codes and the values that scales of 8 bits stand for; bitsandbytes sums their mean in f32. 300 blocks: a
// whole group and a part of one.
TEST(Nf4, DoubleQuantisation) {
  const Tensor y = quantize(golden("nf4.x"), kNF4, Nf4Scales::kQuantized);
  ASSERT_EQ(y.spec(), (TensorSpec{kNF4_DQ, {300, 1}}));
  EXPECT_EQ(y.bytes(), 300u * 33 + 4 + 2 * 4 + 8);
  const auto expected = golden("nf4.scales").to_vector<float>();
  const std::vector<float> values = dequantize(y).to_vector<float>(),
                           unrounded = golden("nf4.values").to_vector<float>();
  const auto* bytes = static_cast<const uint8_t*>(y.raw_data());
  const auto* exact = golden("nf4.blocks").data<const uint8_t>();
  double largest_change = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(std::memcmp(bytes + 33 * i, exact + 36 * i, 32), 0) << "codes of block " << i;
    float scale;
    std::memcpy(&scale, exact + 36 * i + 32, sizeof scale);
    for (size_t j = 64 * i; j < 64 * (i + 1); ++j) {
      const float quantile = scale == 0 ? 0 : unrounded[j] / scale;
      ASSERT_NEAR(values[j], quantile * expected[i], 3e-6) << "value " << j;
    }
    largest_change = std::max(largest_change, std::fabs(double{scale} - double{expected[i]}));
  }
  EXPECT_GT(largest_change, 1e-3);
}

}  // namespace
}  // namespace roux
