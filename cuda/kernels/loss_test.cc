// Cross-entropy kernels on the emulated device against the CPU.
#include "tensor/ops/loss.h"
#include "cuda/kernels/testing.h"
#include "tensor/ops/loss_tables.h"

namespace roux {
namespace {

double tolerance(DType dtype) {
  return dtype == kF64 ? 1e-13 : dtype == kF32 ? 4e-6 : dtype == kBF16 ? 8e-3 : 1e-3;
}

// {row weights, losses, lse, gradient} of N rows; some targets are ignored.
std::vector<Tensor> all_kernels(const Tensor& logits, const Tensor& targets, const Tensor& weight) {
  const DType dtype = logits.dtype() == kF64 ? kF64 : kF32;
  const int64_t rows = logits.size(0);
  Tensor row_weights = empty({dtype, {rows}}, logits.device()), losses = empty_like(row_weights);
  Tensor lse = empty_like(row_weights), grad = empty_like(logits);
  target_weights_kernels.run(row_weights, targets, weight, -7, logits.size(1), "cross_entropy", row_weights);
  cross_entropy_kernels.run(logits, logits, targets, row_weights, losses, lse);
  cross_entropy_backward_kernels.run(logits, logits, targets, lse, row_weights, grad);
  return {row_weights, losses, lse, grad};
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
        cross_entropy_backward_kernels.run(copy, copy, v[1], results[2], results[0], in_place);
        return std::vector<Tensor>{in_place, results[3]};
      },
      4e-6);
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
