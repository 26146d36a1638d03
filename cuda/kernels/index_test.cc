// Embedding kernels on the emulated device against the CPU, and its errors.
#include "tensor/ops/index.h"
#include "cuda/kernels/testing.h"
#include "tensor/ops/index_tables.h"

namespace roux {
namespace {

Tensor ids_of(int64_t count, int64_t rows, DType dtype, uint64_t seed = 3) {
  return sample({count}, dtype, 0, static_cast<double>(rows), seed);
}

TEST(EmbeddingKernels, Forward) {
  for (DType dtype : {kF32, kF64, kBF16, kU8}) {
    expect_same_on_devices({sample({9, 5}, dtype, 0, 9), ids_of(300, 9, kI64)},
                           [](const std::vector<Tensor>& x) { return embedding(x[0], x[1]); });
  }
}

TEST(EmbeddingKernels, BackwardIsBitwiseTheCpus) {
  for (DType dtype : {kF32, kF64, kBF16, kF16}) {
    for (auto [rows, width, count] : {std::array<int64_t, 3>{7, 5, 40},
                                      {1, 1, 33},
                                      {3, 300, 1100},
                                      {2100, 3, 2500},
                                      {1025, 2, 1},
                                      {50, 4, 0}}) {
      const int64_t r = rows;
      if (count > 100 && dtype != kF32) continue;  // the sort does not depend on it
      expect_same_on_devices({sample({count, width}, dtype, -100, 100), ids_of(count, rows, kI32)},
                             [=](const std::vector<Tensor>& x) { return embedding_backward(x[0], x[1], r); });
    }
  }
  const Tensor one_row = full({2049}, 3, kI64);  // all positions of one row, more than one piece
  expect_same_on_devices({sample({2049, 2}), one_row},
                         [](const std::vector<Tensor>& x) { return embedding_backward(x[0], x[1], 5); });
}

TEST(EmbeddingKernels, OutOfRangeIdsAreReportedWithTheirPosition) {
  for (DType dtype : {kI32, kI64}) {
    std::vector<int64_t> values(700, 2);
    values[600] = -4;
    values[500] = 9;
    const Tensor ids = cast(tensor(values, {700}), dtype);
    const Tensor weight = sample({9, 3}), grad = sample({700, 3});
    for (const auto& run : std::vector<std::function<void(Device)>>{
             [&](Device d) { embedding(weight.to(d), ids.to(d)); },
             [&](Device d) { embedding_backward(grad.to(d), ids.to(d), 9); }}) {
      const std::string expected = error_on(kCpu, run);
      EXPECT_NE(expected.find("[500] is 9"), std::string::npos) << expected;
      for (Device device : kernel_devices()) EXPECT_EQ(error_on(device, run), expected);
    }
  }
}

}  // namespace
}  // namespace roux
