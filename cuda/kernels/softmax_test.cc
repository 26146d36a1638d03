// Softmax kernels on the emulated device against the CPU.
#include "tensor/ops/softmax.h"
#include "cuda/kernels/testing.h"
#include "tensor/ops/softmax_tables.h"

namespace roux {
namespace {

double tolerance(DType dtype) {
  return dtype == kF64 ? 1e-14 : dtype == kF32 ? 2e-6 : dtype == kBF16 ? 8e-3 : 1e-3;
}

// Rows of a warp and of a block; lengths that fill packets and that do not.
const std::vector<Shape> kShapes = {{1, 1},    {3, 5},    {9, 31},   {8, 32},   {17, 33},  {4, 1000},
                                    {3, 1024}, {2, 1025}, {2, 1032}, {1, 2048}, {1, 5000}, {0, 7}};

TEST(SoftmaxKernels, Forward) {
  for (DType dtype : {kF32, kF64, kBF16, kF16}) {
    for (const Shape& shape : kShapes) {
      const Tensor x = sample(shape, dtype, -20, 20);
      expect_same_on_devices(
          {x}, [](const std::vector<Tensor>& v) { return softmax(v[0]); }, tolerance(dtype));
      expect_same_on_devices(
          {x}, [](const std::vector<Tensor>& v) { return log_softmax(v[0]); }, tolerance(dtype));
    }
  }
}

TEST(SoftmaxKernels, RowsThatDoNotStartAligned) {
  const Tensor x = sample({5, 64}).slice(0, 1, 5), odd = sample({259}).slice(0, 3, 259).view({4, 64});
  for (const Tensor& v : {x, odd}) {
    expect_same_on_devices(
        {v}, [](const std::vector<Tensor>& t) { return softmax(t[0]); }, 2e-6);
  }
}

// The largest element anywhere in a long row, and rows whose sum is dominated by one element.
TEST(SoftmaxKernels, LargestElementAnywhere) {
  for (int64_t n : {70, 1500}) {
    for (int64_t at : {int64_t{0}, n / 2, n - 1}) {
      std::vector<float> values(static_cast<size_t>(n), 1.0f);
      values[static_cast<size_t>(at)] = 90.0f;
      expect_same_on_devices(
          {tensor(values, {1, n})}, [](const std::vector<Tensor>& v) { return log_softmax(v[0]); }, 2e-6);
    }
  }
}

TEST(SoftmaxKernels, InfinitiesAndNan) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  for (int64_t n : {5, 1100}) {
    for (const auto& special :
         std::vector<std::vector<float>>{{-inf}, {inf}, {nan}, {-inf, inf}, {inf, inf}, {-inf, -inf, nan}}) {
      std::vector<float> values(static_cast<size_t>(n), 0.5f);
      for (size_t i = 0; i < special.size(); ++i) values[i * 2] = special[i];
      expect_same_on_devices(
          {tensor(values, {1, n})}, [](const std::vector<Tensor>& v) { return softmax(v[0]); }, 2e-6);
    }
    const Tensor nothing = full({2, n}, -inf);
    expect_same_on_devices({nothing}, [](const std::vector<Tensor>& v) { return softmax(v[0]); });
  }
}

TEST(SoftmaxKernels, Backward) {
  for (DType dtype : {kF32, kF64, kBF16, kF16}) {
    for (const Shape& shape : kShapes) {
      const Tensor y = softmax(sample(shape, dtype)), g = sample(shape, dtype, -1, 1, 2);
      expect_same_on_devices(
          {g, y, log_softmax(sample(shape, dtype))},
          [](const std::vector<Tensor>& v) {
            Tensor plain = empty_like(v[0]), log = empty_like(v[0]);
            softmax_backward_kernels.run(v[1], v[0], v[1], plain);
            log_softmax_backward_kernels.run(v[2], v[0], v[2], log);
            return std::vector<Tensor>{plain, log};
          },
          4 * tolerance(dtype));
    }
  }
}

}  // namespace
}  // namespace roux
