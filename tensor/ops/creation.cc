#include "tensor/ops/creation.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "tensor/ops/creation_tables.h"
#include "tensor/ops/elementwise_tables.h"
#include "tensor/ops/index.h"
#include "tensor/ops/scan.h"

namespace roux {

constinit GradSlot<ToDeviceSaved> to_device_grad("to_device", "//autograd/rules");

Tensor full(const Shape& shape, const Scalar& value, DType dtype, Device device) {
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

namespace {
// How many of begin, begin + step, ... come before end.
int64_t integer_steps(int64_t begin, int64_t end, int64_t step) {
  // Unsigned: a distance of two int64_t may not fit in one.
  const uint64_t distance = step > 0 ? static_cast<uint64_t>(end) - static_cast<uint64_t>(begin)
                                     : static_cast<uint64_t>(begin) - static_cast<uint64_t>(end);
  const uint64_t length = step > 0 ? static_cast<uint64_t>(step) : uint64_t{0} - static_cast<uint64_t>(step);
  return static_cast<int64_t>(
      std::min(distance / length + (distance % length != 0 ? 1 : 0), uint64_t{1} << 62));
}

// first, first + step, ... made on the device: an upload would not do in a captured step. count > 0.
Tensor integers_on(Device device, int64_t count, int64_t first, int64_t step) {
  const Tensor start = full({1}, first, kI64, device);
  return count == 1 ? start : cumsum(cat({start, full({count - 1}, step, kI64, device)}, 0), 0);
}

template <class T, class At>
Tensor progression(int64_t count, const At& at) {
  const Tensor x = empty({dtype_of<T>, {count}});
  T* values = x.data<T>();
  for (int64_t i = 0; i < count; ++i) values[i] = at(i);
  return x;
}
}  // namespace

Tensor arange(const Scalar& begin, const Scalar& end, const Scalar& step, DType dtype, Device device) {
  const auto message = [&] {
    std::ostringstream text;
    text << "arange: from " << begin << " to " << end << " in steps of " << step;
    return text.str();
  };
  const double from = begin.to<double>(), to = end.to<double>(), by = step.to<double>();
  const bool forward = begin <= end, backward = end <= begin;
  ROUX_CHECK((by > 0 && forward) || (by < 0 && backward)) << message() << " never ends";
  const bool exact = begin.is_integer() && end.is_integer() && step.is_integer();
  ROUX_CHECK(exact || is_floating(dtype) || (std::fabs(from) <= 0x1p53 && std::fabs(to) <= 0x1p53))
      << message() << " is beyond 2^53, where f64 skips integers; give all three as integers";
  const double steps = exact ? 0 : std::ceil((to - from) / by);
  ROUX_CHECK(steps < 0x1p53) << message() << " has too many elements";
  const int64_t count =
      exact ? integer_steps(begin.integer(), end.integer(), step.integer()) : static_cast<int64_t>(steps);
  if (device.type == DeviceType::kMeta) return empty({dtype, {count}}, device);
  if (device != kCpu && count > 0) {
    if (exact) return cast(integers_on(device, count, begin.integer(), step.integer()), dtype);
    return cast(add(mul(cast(integers_on(device, count, 0, 1), kF64), by), from), dtype);
  }
  const auto first = static_cast<uint64_t>(begin.integer()), stride = static_cast<uint64_t>(step.integer());
  const Tensor x =
      exact ? progression<int64_t>(count,
                                   [&](int64_t i) {  // i * stride alone may pass int64_t
                                     return static_cast<int64_t>(first + static_cast<uint64_t>(i) * stride);
                                   })
            : progression<double>(count, [&](int64_t i) { return from + static_cast<double>(i) * by; });
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
