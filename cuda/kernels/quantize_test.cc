// Kernels of block formats on the emulated device against the CPU: all bits of blocks and of their values.
#include "tensor/ops/quantize.h"

#include <cstring>

#include "cuda/kernels/testing.h"
#include "tensor/ops/block_linear.h"
#include "tensor/ops/index.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

constexpr DType kFormats[] = {kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ8_0, kQ4_K, kQ5_K, kQ6_K, kNF4, kNF4_DQ};
constexpr DType kQuantised[] = {kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ8_0, kNF4, kNF4_DQ};

// Where the f16 numbers of a block are.
std::vector<size_t> halves_of(DType format) {
  switch (format) {
    case kQ4_0:
    case kQ5_0:
    case kQ8_0:
      return {0};
    case kQ6_K:
      return {208};
    case kNF4:
      return {};
    default:
      return {0, 2};
  }
}

// Blocks of any bits, but with scales of a usual size.
Tensor any_blocks(DType format, const Shape& shape) {
  if (format == kNF4_DQ) {
    const Shape values{shape[0], shape[1] * 64};
    return quantize(sample(values, kF32, -1, 1, 3) * exp(sample({shape[0], 1}, kF32, -4, 0, 4)), format);
  }
  const Tensor x = empty({format, shape});
  auto* bytes = static_cast<uint8_t*>(x.raw_data());
  uint32_t state = 12345;
  const auto next = [&state] { return state = state * 1664525u + 1013904223u, state >> 16; };
  const size_t size = size_of(format);
  for (size_t i = 0; i < x.bytes(); ++i) bytes[i] = static_cast<uint8_t>(next());
  for (size_t block = 0; block * size < x.bytes(); ++block) {
    for (size_t at : halves_of(format)) {
      const uint16_t half = static_cast<uint16_t>(0x1800u + (next() & 0xfffu));  // 0.002 to 0.03
      std::memcpy(bytes + block * size + at, &half, sizeof half);
    }
    const float scale = 0.01f + 1e-6f * static_cast<float>(next());
    if (format == kNF4) std::memcpy(bytes + block * size + 32, &scale, sizeof scale);
  }
  return x;
}

TEST(QuantizeKernels, ValuesOfBlocks) {
  for (DType format : kFormats) {
    SCOPED_TRACE(name(format));
    const Tensor x = any_blocks(format, {3, format == kNF4_DQ ? 200 : 5});
    for (DType dtype : {kF32, kF64, kBF16, kF16}) {
      expect_same_on_devices({x}, [=](const std::vector<Tensor>& v) { return dequantize(v[0], dtype); });
    }
    // Rows from the second on.
    expect_same_on_devices({x}, [](const std::vector<Tensor>& v) { return dequantize(v[0].slice(0, 1, 3)); });
  }
}

TEST(QuantizeKernels, BlocksOfValues) {
  for (DType format : kQuantised) {
    SCOPED_TRACE(name(format));
    const Tensor x = sample({5, 64 * 129}, kF32, -1, 1, 3) * exp(sample({5, 1}, kF32, -8, 2, 4));
    fill_(x.slice(0, 1, 2).slice(1, 64, 192), 0);
    fill_(x.slice(0, 2, 3).slice(1, 0, 32), 0.75);
    fill_(x.slice(0, 3, 4).slice(1, 0, 64), 1e-9);
    const Tensor expected = quantize(x, format);
    for (Device device : kernel_devices()) {
      const Tensor got = quantize(x.to(device), format).to(kCpu);
      ASSERT_EQ(got.bytes(), expected.bytes());
      EXPECT_EQ(std::memcmp(got.raw_data(), expected.raw_data(), got.bytes()), 0) << device;
    }
  }
}

TEST(QuantizeKernels, ValuesThatNoBlockHolds) {
  for (DType format : kQuantised) {
    for (const double value : {double{INFINITY}, -double{INFINITY}, double{NAN}, 1e7}) {
      if (value == 1e7 && (format == kNF4 || format == kNF4_DQ)) continue;
      const Tensor x = sample({3, 128});
      fill_(x.slice(0, 1, 2).slice(1, 70, 71), value);
      const auto run = [&](Device d) { quantize(x.to(d), format); };
      const std::string expected = error_on(kCpu, run);
      EXPECT_NE(expected.find("are not finite or too large"), std::string::npos) << expected;
      for (Device device : kernel_devices()) EXPECT_EQ(error_on(device, run), expected);
    }
  }
}

void expect_same_products(DType format, int64_t m, int64_t n, int64_t blocks) {
  SCOPED_TRACE(name(format));
  const Tensor weight = any_blocks(format, {n, blocks}), bias = sample({n}, kF32, -1, 1, 7);
  const Tensor x = sample({m, blocks * values_per_element(format)}, kF32, -1, 1, 5);
  const Tensor grad = sample({m, n}, kF32, -1, 1, 6);
  expect_same_on_devices(
      {x, weight, bias, grad},
      [n](const std::vector<Tensor>& v) {
        return std::vector<Tensor>{block_linear(v[0], v[1], v[2]),
                                   block_linear(v[0], v[1].slice(0, n / 2, n)),
                                   block_linear_transposed(v[3], v[1])};
      },
      2e-5);
}
TEST(QuantizeKernels, ProductsWithBlocks) {
  for (DType format : kFormats) {
    for (int64_t m : {1, 3, 9})
      expect_same_products(format, m, 11, values_per_element(format) == 256 ? 1 : 5);
  }
}
TEST(QuantizeKernels, ProductsOfSeveralTiles) {
  expect_same_products(kQ4_1, 70, 67, 5);
  expect_same_products(kQ6_K, 3, 9, 3);
  expect_same_products(kNF4_DQ, 65, 33, 3);
  expect_same_products(kNF4_DQ, 1, 2, 300);  // a group of scales ends inside of a row
}

// x in codes: sums of codes are exact, so that the order of sums alone differs.
TEST(QuantizeKernels, ProductsOfCodes) {
  for (DType format : {kQ4_0, kQ4_1, kQ5_0, kQ5_1, kQ8_0, kQ4_K, kQ5_K, kQ6_K}) {
    SCOPED_TRACE(name(format));
    const Tensor weight = any_blocks(format, {9, 3}), bias = sample({9}, kF32, -1, 1, 7);
    for (int64_t m : {1, 9}) {
      const Tensor x = sample({m, 3 * values_per_element(format)}, kF32, -1, 1, 5);
      fill_(x.slice(0, 0, 1).slice(1, 32, 64), 0);
      expect_same_on_devices(
          {x, weight, bias},
          [](const std::vector<Tensor>& v) { return block_linear(v[0], v[1], v[2], Activations::kInt8); },
          2e-5);
    }
  }
}

// x that no packet fits.
TEST(QuantizeKernels, RowsAtAnyPlace) {
  const Tensor weight = any_blocks(kNF4, {5, 2}), all = sample({3 * 128 + 1});
  expect_same_on_devices(
      {all, weight},
      [](const std::vector<Tensor>& v) {
        return block_linear(reshape(v[0].slice(0, 1, 3 * 128 + 1), {3, 128}), v[1]);
      },
      2e-5);
}

TEST(QuantizeKernels, BlocksAreMoved) {
  for (DType format : kFormats) {
    SCOPED_TRACE(name(format));
    const Tensor x = any_blocks(format, {5, 4}), ids = tensor(std::vector<int64_t>{4, 0, 0, 2}, {2, 2});
    expect_same_on_devices({x, ids}, [&](const std::vector<Tensor>& v) {
      std::vector<Tensor> out = {embedding(v[0], v[1])};
      const Tensor copy = empty(v[0].spec(), v[0].device());
      copy_(copy, v[0]);
      out.push_back(dequantize(copy));
      if (format != kNF4_DQ) out.push_back(dequantize(transpose(v[0], 0, 1).contiguous()));
      return out;
    });
    const auto outside = [&](Device d) { embedding(x.to(d), tensor(std::vector<int64_t>{1, 5}, {2}).to(d)); };
    for (Device device : kernel_devices()) EXPECT_EQ(error_on(device, outside), error_on(kCpu, outside));
  }
}

TEST(QuantizeKernels, RefusedAsOnTheCpu) {
  const auto without_scales = [](Device d) { dequantize(zeros({2, 3}, kNF4_DQ, d)); };
  const auto part = [](Device d) {
    const Tensor y = quantize(sample({4, 64}).to(d), kNF4_DQ), copy = empty(y.spec(), d);
    copy_(copy.slice(0, 0, 2), y.slice(0, 0, 2));
  };
  for (Device device : kernel_devices()) {
    EXPECT_EQ(error_on(device, without_scales), error_on(kCpu, without_scales));
    EXPECT_EQ(error_on(device, part), error_on(kCpu, part));
  }
  EXPECT_NE(error_on(kCpu, without_scales).find("has no scales"), std::string::npos);
  EXPECT_NE(error_on(kCpu, part).find("copied as a whole"), std::string::npos);
}

TEST(QuantizeKernels, NoBlocks) {
  for (DType format : {kQ8_0, kNF4_DQ}) {
    expect_same_on_devices({sample({0, 64})},
                           [=](const std::vector<Tensor>& v) { return dequantize(quantize(v[0], format)); });
  }
}

}  // namespace
}  // namespace roux
