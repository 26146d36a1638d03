// For the tests of kernels: every op runs on the CPU and on the emulated device, under every schedule, and
// the results are compared. The detectors watch all the while: what they find is thrown.
#ifndef ROUX_CUDA_KERNELS_TESTING_H_
#define ROUX_CUDA_KERNELS_TESTING_H_

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "cuda/emulator/testing.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/tensor.h"

namespace roux {

// Deterministic values in [low, high) with a spread of magnitudes.
inline Tensor sample(const Shape& shape, DType dtype = kF32, double low = -2, double high = 2,
                     uint64_t seed = 1) {
  std::vector<double> values(static_cast<size_t>(numel(shape)));
  uint64_t state = seed * 0x9e3779b97f4a7c15u;
  for (double& v : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    v = low + (high - low) * static_cast<double>(state >> 40) * 0x1p-24;
  }
  return cast(tensor(values, shape), dtype);
}

// Moves a view to the emulated device as the same view of a copy of its storage: strides and offset are kept.
inline Tensor on_emulated(const Tensor& x) {
  if (!x.defined()) return x;
  const int64_t elements = static_cast<int64_t>(x.impl()->storage->bytes() / size_of(x.dtype()));
  const Tensor all = alias(x, {elements}, {1}, 0);
  return alias(to_device(all, kEmulated), x.shape(), x.strides(), x.impl()->offset);
}

// Checks that op gives the same on both devices, exactly or within `tolerance` relative to 1 + |expected|,
// and the same bits under every schedule.
using Op = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;
inline void expect_same_on_emulated(const std::vector<Tensor>& inputs, const Op& op, double tolerance = 0) {
  const std::vector<Tensor> expected = op(inputs);
  std::vector<std::vector<double>> first_run;
  for (emulator::Schedule schedule : emulator::all_schedules()) {
    emulator::ScheduleScope scope(schedule);
    std::vector<Tensor> moved;
    for (const Tensor& x : inputs) moved.push_back(on_emulated(x));
    const std::vector<Tensor> actual = op(moved);
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t k = 0; k < actual.size(); ++k) {
      if (!expected[k].defined()) continue;
      ASSERT_EQ(actual[k].device(), kEmulated);
      ASSERT_EQ(actual[k].spec(), expected[k].spec());
      const std::vector<double> a = actual[k].to_vector<double>(), e = expected[k].to_vector<double>();
      if (first_run.size() <= k) first_run.resize(k + 1, a);
      for (size_t i = 0; i < e.size(); ++i) {
        ASSERT_TRUE(a[i] == first_run[k][i] || std::isnan(a[i]))
            << "other bits under another schedule: output " << k << ", element " << i << ", " << a[i]
            << " and " << first_run[k][i] << "; inputs " << inputs[0].spec() << ", schedule "
            << schedule.kind;
        if (std::isnan(e[i]) && std::isnan(a[i])) continue;
        if (a[i] == e[i]) continue;
        ASSERT_LE(std::abs(a[i] - e[i]), tolerance * (1 + std::abs(e[i])))
            << "output " << k << ", element " << i << " of " << e.size() << ": " << a[i] << " on emulated, "
            << e[i] << " on cpu; inputs " << inputs[0].spec() << ", schedule " << schedule.kind;
      }
    }
  }
}
inline void expect_same_on_emulated(const std::vector<Tensor>& inputs,
                                    const std::function<Tensor(const std::vector<Tensor>&)>& op,
                                    double tolerance = 0) {
  expect_same_on_emulated(
      inputs, [&](const std::vector<Tensor>& x) { return std::vector<Tensor>{op(x)}; }, tolerance);
}

}  // namespace roux

#endif  // ROUX_CUDA_KERNELS_TESTING_H_
