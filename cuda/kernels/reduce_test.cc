// The sum kernel on the emulated device against the CPU.
#include "tensor/ops/reduce.h"
#include "cuda/kernels/testing.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

TEST(ReduceKernels, SumsOverAnyAxes) {
  for (DType dtype : {kF32, kF64, kBF16, kF16, kI32, kI64, kU8}) {
    const double tolerance = dtype == kF64 ? 1e-13 : dtype == kF32 ? 1e-5 : dtype == kBF16 ? 1e-2 : 2e-3;
    const Tensor x = sample({5, 3, 7}, dtype, 0, 9);
    for (const std::vector<int64_t>& axes :
         std::vector<std::vector<int64_t>>{{0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}, {0, 1, 2}, {}}) {
      expect_same_on_devices(
          {x}, [&](const std::vector<Tensor>& v) { return sum(v[0], axes); }, tolerance);
      expect_same_on_devices(
          {x.transpose(0, 2)}, [&](const std::vector<Tensor>& v) { return sum(v[0], axes, true); },
          tolerance);
    }
    if (is_floating(dtype)) {
      expect_same_on_devices(
          {x}, [](const std::vector<Tensor>& v) { return mean(v[0], 1); }, tolerance);
    }
  }
  const Tensor flags = lt(sample({2000}), 0.3);
  expect_same_on_devices({flags}, [](const std::vector<Tensor>& v) { return sum(v[0]); });
  for (int64_t n : {0, 1, 32, 33, 1024, 1025, 5000}) {
    expect_same_on_devices(
        {sample({3, n})}, [](const std::vector<Tensor>& v) { return sum(v[0], 1); }, 1e-4);
    expect_same_on_devices({sample({n, 3}, kI64, -99, 99)},
                           [](const std::vector<Tensor>& v) { return sum(v[0], 0); });
  }
}

}  // namespace
}  // namespace roux
