#include "tensor/ops/creation.h"

#include <cmath>

#include "tensor/ops/creation_tables.h"
#include "tensor/ops/elementwise_tables.h"

namespace roux {

constinit GradSlot<ToDeviceSaved> to_device_grad("to_device", "//autograd/rules:creation");

Tensor full(const Shape& shape, double value, DType dtype, Device device) {
  Tensor x = empty({dtype, shape}, device);
  fill_kernels.run(x, x, value);
  return x;
}
Tensor zeros(const Shape& shape, DType dtype, Device device) {
  Tensor x = empty({dtype, shape}, device);
  if (x.bytes() > 0 && device.type != DeviceType::kMeta) {
    runtime(device.type).fill_bytes(x.raw_data(), 0, x.bytes(), device.index);
  }
  return x;
}
Tensor ones(const Shape& shape, DType dtype, Device device) { return full(shape, 1, dtype, device); }
Tensor zeros_like(const Tensor& x) { return zeros(x.shape(), x.dtype(), x.device()); }
Tensor ones_like(const Tensor& x) { return ones(x.shape(), x.dtype(), x.device()); }
Tensor empty_like(const Tensor& x) { return empty(x.spec(), x.device()); }

template <class T>
Tensor tensor(const std::vector<T>& values, const Shape& shape, Device device) {
  ROUX_CHECK(static_cast<int64_t>(values.size()) == numel(shape))
      << "tensor: " << values.size() << " values for shape " << shape << ", needed " << numel(shape);
  Tensor x = empty({dtype_of<T>, shape}, device);
  if (!values.empty())
    runtime(device.type).copy_from_host(x.raw_data(), values.data(), x.bytes(), device.index);
  return x;
}
template Tensor tensor(const std::vector<float>&, const Shape&, Device);
template Tensor tensor(const std::vector<double>&, const Shape&, Device);
template Tensor tensor(const std::vector<int32_t>&, const Shape&, Device);
template Tensor tensor(const std::vector<int64_t>&, const Shape&, Device);
template Tensor tensor(const std::vector<uint8_t>&, const Shape&, Device);

Tensor tensor(std::initializer_list<float> values) {
  return tensor(std::vector<float>(values), {static_cast<int64_t>(values.size())});
}

Tensor arange(double begin, double end, double step, DType dtype, Device device) {
  ROUX_CHECK(step != 0 && (end - begin) * step >= 0)
      << "arange: from " << begin << " to " << end << " in steps of " << step << " never ends";
  const double steps = std::ceil((end - begin) / step);
  ROUX_CHECK(steps < 0x1p53) << "arange: from " << begin << " to " << end << " in steps of " << step
                             << " has too many elements";
  const auto count = static_cast<int64_t>(steps);
  if (device.type == DeviceType::kMeta) return empty({dtype, {count}}, device);
  const Tensor x = empty({kF64, {count}});
  auto* values = x.data<double>();
  for (int64_t i = 0; i < count; ++i) values[i] = begin + static_cast<double>(i) * step;
  return cast(to_device(x, device), dtype);
}

Tensor to_device(const Tensor& x, Device device) {
  common_device("to_device", {x});
  if (x.device() == device) return x;
  const Tensor source = x.contiguous();
  Tensor y = empty(x.spec(), device);
  const DeviceType from = x.device().type, to = device.type;
  const size_t bytes = y.bytes();
  if (bytes > 0 && from == DeviceType::kCpu) {
    runtime(to).copy_from_host(y.raw_data(), source.raw_data(), bytes, device.index);
  } else if (bytes > 0 && to != DeviceType::kMeta) {
    std::vector<char> host(bytes);
    runtime(from).copy_to_host(host.data(), source.raw_data(), bytes, x.device().index);
    runtime(to).copy_from_host(y.raw_data(), host.data(), bytes, device.index);
  }
  return to_device_grad.record({x}, y, [&] { return ToDeviceSaved{x.device()}; });
}
Tensor Tensor::to(Device device) const { return to_device(*this, device); }

}  // namespace roux
