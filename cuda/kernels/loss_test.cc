// Cross-entropy kernels on the emulated device against the CPU.
#include "tensor/ops/loss.h"
#include "cuda/kernels/testing.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/loss_tables.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

double tolerance(DType dtype) {
  return dtype == kF64 ? 1e-13 : dtype == kF32 ? 4e-6 : dtype == kBF16 ? 8e-3 : 1e-3;
}

// {row weights, losses, row statistics, gradient} of N rows; some targets are ignored. Gradients from above:
// `upstream` [N], or 1 where undefined. shares: [V], what label smoothing gives each class, or undefined.
std::vector<Tensor> all_kernels(const Tensor& logits, const Tensor& targets, const Tensor& weight,
                                const Tensor& upstream = {}, int64_t ignored = -7,
                                const Tensor& shares = {}) {
  const DType dtype = logits.dtype() == kF64 ? kF64 : kF32;
  const int64_t rows = logits.size(0);
  Tensor row_weights = empty({dtype, {rows}}, logits.device()), losses = empty_like(row_weights);
  Tensor row_stats = empty({dtype, {2, rows}}, logits.device()), grad = empty_like(logits);
  target_weights_kernels.run(row_weights, targets, weight, ignored, logits.size(1), "cross_entropy",
                             row_weights);
  cross_entropy_kernels.run(logits, logits, targets, row_weights, shares, ignored, losses, row_stats);
  cross_entropy_backward_kernels.run(logits, logits, targets, row_stats, row_weights,
                                     upstream.defined() ? upstream : ones_like(row_weights), shares,
                                     shares.defined() ? reshape(sum(shares), {1}) : Tensor(), ignored, grad);
  return {row_weights, losses, row_stats, grad};
}

// Class weights of 1, but for one class.
Tensor class_weights(int64_t classes, DType dtype, size_t at, double value) {
  std::vector<double> weights(static_cast<size_t>(classes), 1);
  weights[at] = value;
  return cast(tensor(weights, {classes}), dtype == kF64 ? kF64 : kF32);
}

TEST(LossKernels, ForwardAndBackward) {
  for (DType dtype : {kF32, kF64, kBF16, kF16}) {
    for (const Shape& shape : {Shape{1, 1}, Shape{13, 5}, Shape{9, 40}, Shape{300, 8}, Shape{3, 1024},
                               Shape{4, 1100}, Shape{2, 2056}}) {
      for (DType index : {kI32, kI64}) {
        Tensor targets = sample({shape[0]}, index, 0, static_cast<double>(shape[1]), 4);
        if (shape[0] > 2) fill_(targets.slice(0, 1, shape[0], 3), -7);
        const Tensor weight = sample({shape[1]}, dtype == kF64 ? kF64 : kF32, 0.5, 2, 6);
        const Tensor logits = sample(shape, dtype, -8, 8);
        expect_same_on_devices(
            {logits, targets, weight},
            [](const std::vector<Tensor>& v) { return all_kernels(v[0], v[1], v[2]); }, tolerance(dtype));
        expect_same_on_devices(
            {logits, targets}, [](const std::vector<Tensor>& v) { return all_kernels(v[0], v[1], Tensor()); },
            tolerance(dtype));
        expect_same_on_devices(
            {logits, targets, weight * (0.3 / static_cast<double>(shape[1]))},
            [](const std::vector<Tensor>& v) {
              return all_kernels(v[0], v[1], Tensor(), Tensor(), -7, v[2]);
            },
            tolerance(dtype));
      }
    }
  }
}

TEST(LossKernels, GradientInTheMemoryOfTheLogits) {
  const Tensor targets = sample({5}, kI64, 0, 70, 4);
  expect_same_on_devices(
      {sample({5, 70}), targets},
      [](const std::vector<Tensor>& v) {
        std::vector<Tensor> results = all_kernels(v[0], v[1], Tensor());
        Tensor logits = v[0];
        const Tensor copy = add(logits, 0.0);
        Tensor in_place = copy;
        cross_entropy_backward_kernels.run(copy, copy, v[1], results[2], results[0], ones_like(results[0]),
                                           Tensor(), Tensor(), -7, in_place);
        return std::vector<Tensor>{in_place, results[3]};
      },
      4e-6);
}

// Which rows count is decided by the targets: not by weights or gradients from above, which may be NaN.
TEST(LossKernels, IgnoredRowsBesideWhatIsNotFinite) {
  const double nan = std::nan("");
  for (DType dtype : {kF32, kF64, kBF16, kF16}) {
    for (int64_t classes : {6, 1100}) {
      for (int64_t ignored : {-100, -1, 2}) {
        const Tensor logits = sample({3, classes}, dtype), weight = class_weights(classes, dtype, 1, nan);
        const Tensor targets = tensor(std::vector<int64_t>{ignored, 1, ignored}, {3});
        const Tensor upstream = full({3}, nan, dtype == kF64 ? kF64 : kF32);
        const auto run = [&](const std::vector<Tensor>& v) {
          std::vector<Tensor> out;
          for (const Tensor& w : {Tensor(), v[2]}) {
            for (const Tensor& above : {Tensor(), v[3]}) {
              for (const Tensor& y : all_kernels(v[0], v[1], w, above, ignored)) out.push_back(y);
            }
          }
          return out;
        };
        const std::vector<Tensor> on_cpu = run({logits, targets, weight, upstream});
        for (size_t i = 3; i < on_cpu.size(); i += 4) {
          for (int64_t row : {0, 2}) {
            for (double value : select(on_cpu[i], 0, row).to_vector<double>()) ASSERT_EQ(value, 0);
          }
        }
        expect_same_on_devices({logits, targets, weight, upstream}, run, tolerance(dtype));
      }
    }
  }
}

TEST(LossKernels, RowsWithAnOffset) {
  for (DType dtype : {kF32, kF64}) {
    for (int64_t classes : {6, 1100}) {
      for (double offset : {1e6, -1e6, 1e8}) {
        const Tensor rows = cast(sample({3, classes}, kI64, 0, 9), dtype) * 8.0, far = rows + offset;
        const Tensor targets = tensor(std::vector<int64_t>{0, 3, 5}, {3});
        expect_same_on_devices(
            {rows, far, targets},
            [&](const std::vector<Tensor>& v) {
              const Device device = v[0].device();
              const std::vector<Tensor> got = all_kernels(device == kCpu ? v[0] : v[1], v[2], Tensor());
              return std::vector<Tensor>{got[1], got[3]};
            },
            tolerance(dtype));
      }
    }
  }
}

TEST(LossKernels, BadTargetsAreReportedWithTheirPosition) {
  for (DType index : {kI32, kI64}) {
    for (const auto& [position, value] :
         std::vector<std::pair<int64_t, int64_t>>{{0, -1}, {299, 10}, {150, 2000000000}}) {
      std::vector<int64_t> targets(300, 3);
      targets[static_cast<size_t>(position)] = value;
      if (position < 290) targets[290] = 99;  // a later one is not the one to name
      const Tensor ids = cast(tensor(targets, {300}), index), logits = sample({300, 10});
      auto run = [&](Device d) { all_kernels(logits.to(d), ids.to(d), Tensor()); };
      const std::string expected = error_on(kCpu, run);
      EXPECT_NE(expected.find("cross_entropy: target is out of range"), std::string::npos) << expected;
      for (Device device : kernel_devices()) EXPECT_EQ(error_on(device, run), expected);
    }
  }
}

}  // namespace
}  // namespace roux
