// rms_norm kernels on the emulated device against the CPU.
#include "tensor/ops/normalization.h"
#include "cuda/kernels/testing.h"
#include "tensor/ops/normalization_tables.h"

namespace roux {
namespace {

double tolerance(DType dtype) {
  return dtype == kF64 ? 1e-13 : dtype == kF32 ? 4e-6 : dtype == kBF16 ? 1e-2 : 2e-3;
}

const std::vector<Shape> kShapes = {{1, 1},    {3, 5},    {70, 8},   {64, 31},  {65, 32},  {129, 16},
                                    {4, 1000}, {3, 1024}, {2, 1025}, {3, 1032}, {1, 4096}, {0, 8}};

TEST(NormalizationKernels, RmsNorm) {
  for (DType dtype : {kF32, kF64, kBF16, kF16}) {
    for (const Shape& shape : kShapes) {
      expect_same_on_devices(
          {sample(shape, dtype), sample({shape[1]}, dtype, 0.5, 1.5, 2)},
          [](const std::vector<Tensor>& v) { return rms_norm(v[0], v[1], 1e-2); }, tolerance(dtype));
    }
  }
  const Tensor odd = sample({3 * 64 + 1}).slice(0, 1, 193).view({3, 64});  // starts in the middle of a packet
  expect_same_on_devices(
      {odd, sample({64})}, [](const std::vector<Tensor>& v) { return rms_norm(v[0], v[1]); }, 4e-6);
}

TEST(NormalizationKernels, RmsNormBackward) {
  for (DType dtype : {kF32, kF64, kBF16, kF16}) {
    for (const Shape& shape : kShapes) {
      const Tensor x = sample(shape, dtype), weight = sample({shape[1]}, dtype, 0.5, 1.5, 2);
      for (int wanted : {1, 2, 3}) {
        expect_same_on_devices(
            {x, weight, sample(shape, dtype, -1, 1, 3)},
            [&](const std::vector<Tensor>& v) {
              const DType statistics = dtype == kF64 ? kF64 : kF32;
              Tensor y = empty_like(v[0]), rstd = empty({statistics, {shape[0]}}, v[0].device());
              rms_norm_kernels.run(v[0], v[0], v[1], 1e-3, y, rstd);
              Tensor grad_x, grad_weight, partials;
              if ((wanted & 1) != 0) grad_x = empty_like(v[0]);
              if ((wanted & 2) != 0) {
                grad_weight = empty_like(v[1]);
                partials = empty({statistics, {norm_partial_rows(shape[0]), shape[1]}}, v[0].device());
              }
              rms_norm_backward_kernels.run(v[0], v[0], v[1], rstd, v[2], grad_x, grad_weight, partials);
              return std::vector<Tensor>{y, rstd, grad_x, grad_weight};
            },
            4 * tolerance(dtype));
      }
    }
  }
}

}  // namespace
}  // namespace roux
