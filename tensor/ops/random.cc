#include "tensor/ops/random.h"

#include <cmath>
#include <limits>

#include "tensor/convert.h"
#include "tensor/ops/random_tables.h"
#include "tensor/ops/view.h"

namespace roux {

constinit KernelTable<UniformKernel> uniform_kernels("uniform");
constinit KernelTable<NormalKernel> normal_kernels("normal");
constinit KernelTable<CategoricalKernel> categorical_kernels("categorical");
constinit KernelTable<DropoutKernel> dropout_kernels("dropout");
constinit GradSlot<DropoutSaved> dropout_grad("dropout", "//autograd/rules");

namespace {
void check_device(const char* op, const Tensor& x, const Generator& generator) {
  ROUX_CHECK(x.device() == generator.device() || x.device() == kMeta)
      << op << ": the generator is on " << generator.device() << ", " << x.spec() << " is on " << x.device();
}

// The neighbour of the 16-bit value x; the patterns of one sign are in the order of their magnitudes.
template <class T>
T next_to(T x, double direction) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::nextafter(x, static_cast<T>(direction));
  } else {
    const double value = static_cast<double>(x);
    if (value == 0)
      x.bits = direction > 0 ? 0x0001 : 0x8001;
    else
      x.bits = static_cast<uint16_t>((value < direction) == (value > 0) ? x.bits + 1 : x.bits - 1);
    return x;
  }
}

UniformRange uniform_range(double low, double high, DType dtype) {
  ROUX_CHECK(std::isfinite(low) && std::isfinite(high) && low <= high)
      << "uniform: low is " << low << ", high is " << high << ", needed low <= high, both finite";
  UniformRange range{low, high - low, 0, 0};
  dispatch_floating(dtype, [&](auto tag) {
    using T = decltype(tag);
    constexpr double kInf = std::numeric_limits<double>::infinity();
    T first = convert<T>(low), last = convert<T>(high);
    ROUX_CHECK(std::isfinite(static_cast<compute_t<T>>(range.width)) &&
               std::isfinite(static_cast<double>(first)) && std::isfinite(static_cast<double>(last)))
        << "uniform: low is " << low << ", high is " << high << ": too wide for " << name(dtype);
    if (low < high) {
      if (static_cast<double>(first) < low) first = next_to(first, kInf);
      if (static_cast<double>(last) >= high) last = next_to(last, -kInf);
      ROUX_CHECK(static_cast<double>(first) <= static_cast<double>(last))
          << "uniform: no " << name(dtype) << " is in [low, high): low is " << low << ", high is " << high;
    }
    range.first = static_cast<double>(first);
    range.last = static_cast<double>(last);
  });
  return range;
}
}  // namespace

Tensor uniform(const Shape& shape, double low, double high, Generator& generator, DType dtype) {
  ROUX_CHECK(is_floating(dtype)) << "uniform: dtype must be floating, got " << name(dtype);
  const UniformRange range = uniform_range(low, high, dtype);
  Tensor y = empty({dtype, shape}, generator.device());
  const RandomState draw = generator.next();
  uniform_kernels.run(y, draw.state, draw.increment, range, y);
  return y;
}

Tensor normal(const Shape& shape, double mean, double std, Generator& generator, DType dtype) {
  ROUX_CHECK(is_floating(dtype)) << "normal: dtype must be floating, got " << name(dtype);
  ROUX_CHECK(std::isfinite(std) && std >= 0) << "normal: std is " << std << ", needed at least 0 and finite";
  ROUX_CHECK(std::isfinite(mean)) << "normal: mean is " << mean << ", needed a finite one";
  Tensor y = empty({dtype, shape}, generator.device());
  const RandomState draw = generator.next();
  normal_kernels.run(y, draw.state, draw.increment, mean, std, y);
  return y;
}

Tensor categorical(const Tensor& logits, Generator& generator) {
  common_device("categorical", {logits});
  ROUX_CHECK(is_floating(logits.dtype()) && logits.dim() >= 1 && logits.shape().back() > 0)
      << "categorical: logits must be floating [..., V] with V > 0: logits is " << logits.spec();
  check_device("categorical", logits, generator);
  Shape shape = logits.shape();
  shape.erase(shape.rank() - 1);
  Tensor y = empty({kI64, shape}, logits.device());
  const RandomState draw = generator.next();
  categorical_kernels.run(logits, logits.contiguous(), draw.state, draw.increment, y);
  return y;
}

Tensor dropout(const Tensor& x, double p, Generator& generator) {
  common_device("dropout", {x});
  ROUX_CHECK(is_floating(x.dtype())) << "dropout: x must be floating: x is " << x.spec();
  ROUX_CHECK(p >= 0 && p < 1) << "dropout: p is " << p << ", needed 0 <= p < 1";
  check_device("dropout", x, generator);
  if (p == 0) return x;
  const RandomState draw = generator.next();
  return dropout_with(x, p, draw.state, draw.increment);
}

Tensor dropout_with(const Tensor& x, double p, const Tensor& state, int64_t increment) {
  Tensor y = empty(x.spec(), x.device());
  dropout_kernels.run(x, x.contiguous(), state, increment, p, y);
  return dropout_grad.record({x}, y, [&] { return DropoutSaved{state, increment, p}; });
}

}  // namespace roux
