// For the tests of kernels: every op runs on the CPU, on the emulated device under every schedule, and on a
// GPU when there is one, and the results are compared. On the emulated device the detectors watch all the
// while: what they find is thrown.
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

// Moves a view to a device as the same view of a copy of its storage: strides and offset are kept.
inline Tensor on_device(const Tensor& x, Device device) {
  if (!x.defined()) return x;
  const int64_t elements = static_cast<int64_t>(x.impl()->storage->bytes() / size_of(x.dtype()));
  const Tensor all = alias(x, {elements}, {1}, 0);
  return alias(to_device(all, device), x.shape(), x.strides(), x.impl()->offset);
}
// Where kernels run on this machine: the emulated device, and the first GPU.
inline std::vector<Device> kernel_devices() {
  std::vector<Device> devices = {kEmulated};
  if (device_count(DeviceType::kCuda) > 0) devices.push_back({DeviceType::kCuda, 0});
  return devices;
}
// What run(device) throws, at once or when the device has finished.
inline std::string error_on(Device device, const std::function<void(Device)>& run) {
  return emulator::error_of([&] {
    run(device);
    synchronize(device);
  });
}

using Op = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

namespace internal {

// The outputs of op on the device against those of the CPU, within `tolerance` relative to 1 + |expected|.
// `bits` holds the values of the device's earlier runs, which must be repeated exactly.
inline void expect_outputs(const std::vector<Tensor>& inputs, const Op& op, double tolerance, Device device,
                           const std::vector<Tensor>& expected, std::vector<std::vector<double>>& bits) {
  std::vector<Tensor> moved;
  for (const Tensor& x : inputs) moved.push_back(on_device(x, device));
  const std::vector<Tensor> actual = op(moved);
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t k = 0; k < actual.size(); ++k) {
    if (!expected[k].defined()) continue;
    ASSERT_EQ(actual[k].device(), device);
    ASSERT_EQ(actual[k].spec(), expected[k].spec());
    const std::vector<double> a = actual[k].to_vector<double>(), e = expected[k].to_vector<double>();
    if (bits.size() <= k) bits.resize(k + 1, a);
    for (size_t i = 0; i < e.size(); ++i) {
      ASSERT_TRUE(a[i] == bits[k][i] || std::isnan(a[i]))
          << "other bits in another run: output " << k << ", element " << i << ", " << a[i] << " and "
          << bits[k][i] << "; inputs " << inputs[0].spec() << " on " << device;
      if (a[i] == e[i] || (std::isnan(e[i]) && std::isnan(a[i]))) continue;
      ASSERT_LE(std::abs(a[i] - e[i]), tolerance * (1 + std::abs(e[i])))
          << "output " << k << ", element " << i << " of " << e.size() << ": " << a[i] << " on " << device
          << ", " << e[i] << " on cpu; inputs " << inputs[0].spec();
    }
  }
}

}  // namespace internal

// Checks that op gives the same on all devices, exactly or within `tolerance`, and the same bits each time.
inline void expect_same_on_devices(const std::vector<Tensor>& inputs, const Op& op, double tolerance = 0) {
  const std::vector<Tensor> expected = op(inputs);
  std::vector<std::vector<double>> bits;
  for (emulator::Schedule schedule : emulator::all_schedules()) {
    SCOPED_TRACE(::testing::Message() << "schedule " << schedule.kind);
    emulator::ScheduleScope scope(schedule);
    internal::expect_outputs(inputs, op, tolerance, kEmulated, expected, bits);
    if (::testing::Test::HasFatalFailure()) return;
  }
  if (device_count(DeviceType::kCuda) == 0) return;
  bits.clear();
  for (int run = 0; run < 2; ++run) {
    internal::expect_outputs(inputs, op, tolerance, {DeviceType::kCuda, 0}, expected, bits);
    if (::testing::Test::HasFatalFailure()) return;
  }
}
inline void expect_same_on_devices(const std::vector<Tensor>& inputs,
                                   const std::function<Tensor(const std::vector<Tensor>&)>& op,
                                   double tolerance = 0) {
  expect_same_on_devices(
      inputs, [&](const std::vector<Tensor>& x) { return std::vector<Tensor>{op(x)}; }, tolerance);
}

}  // namespace roux

#endif  // ROUX_CUDA_KERNELS_TESTING_H_
