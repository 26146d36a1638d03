#include "tensor/ops/random.h"

#include <cmath>
#include <limits>

#include "tensor/convert.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/on_behalf.h"
#include "tensor/ops/order.h"
#include "tensor/ops/random_tables.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux {

constinit KernelTable<UniformKernel> uniform_kernels("uniform");
constinit KernelTable<NormalKernel> normal_kernels("normal");
constinit KernelTable<RandintKernel> randint_kernels("randint");
constinit KernelTable<RandpermKernel> randperm_kernels("randperm");
constinit KernelTable<GammaKernel> gamma_kernels("gamma");
constinit KernelTable<CategoricalKernel> categorical_kernels("categorical");
constinit KernelTable<DropoutKernel> dropout_kernels("dropout");
constinit GradSlot<DropoutSaved> dropout_grad("dropout", "//autograd/rules");

namespace {
void check_device(const char* op, const Tensor& x, const Generator& generator) {
  ROUX_CHECK(x.device() == generator.device() || x.device() == kMeta)
      << op << ": the generator is on " << generator.device() << ", " << x.spec() << " is on " << x.device();
}

// x as draws are made from it: without a graph, in f32 (f64 for f64).
Tensor draw_argument(const char* op, const char* argument, const Tensor& x, const Generator& generator) {
  common_device(op, {x});
  ROUX_CHECK(is_floating(x.dtype())) << op << ": " << argument << " must be floating: " << argument << " is "
                                     << x.spec();
  check_device(op, x, generator);
  return cast(x.detach(), x.dtype() == kF64 ? kF64 : kF32);
}

// In [0, 1), f32. A plan draws for meta from a generator that is elsewhere.
Tensor unit_uniform(const Shape& shape, Device device, Generator& generator) {
  if (!(device == kMeta) || generator.device() == kMeta) return uniform(shape, 0, 1, generator);
  generator.next();
  return empty({kF32, shape}, kMeta);
}

// 1 - u is 1 for one word in 2^24, whose share of the line ends at 2^-24.
Tensor unit_exponential(const Shape& shape, Device device, Generator& generator) {
  const Tensor u = unit_uniform(shape, device, generator);
  return clamp(neg(log(1.0 - u)), 0x1p-25, std::numeric_limits<double>::infinity());
}

Tensor unit_gumbel(const Shape& shape, Device device, Generator& generator) {
  return neg(log(unit_exponential(shape, device, generator)));
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

Tensor randint(const Shape& shape, int64_t low, int64_t high, Generator& generator, DType dtype) {
  ROUX_CHECK(dtype == kI32 || dtype == kI64) << "randint: dtype must be i32 or i64, got " << name(dtype);
  using Limits = std::numeric_limits<int32_t>;
  ROUX_CHECK(low < high && (dtype == kI64 || (low >= Limits::min() && high - 1 <= Limits::max())))
      << "randint: low is " << low << ", high is " << high << ", needed low < high, both of " << name(dtype);
  Tensor y = empty({dtype, shape}, generator.device());
  const RandomState draw = generator.next();
  randint_kernels.run(y, draw.state, draw.increment, low,
                      static_cast<uint64_t>(high) - static_cast<uint64_t>(low), y);
  return y;
}

Tensor randperm(int64_t n, Generator& generator) {
  ROUX_CHECK(n >= 0) << "randperm: n is " << n << ", needed at least 0";
  Tensor y = empty({kI64, {n}}, generator.device());
  const RandomState draw = generator.next();
  randperm_kernels.run(y, draw.state, draw.increment, y);
  return y;
}

Tensor bernoulli(const Tensor& p, Generator& generator) {
  const Tensor wide = draw_argument("bernoulli", "p", p, generator);
  return cast(lt(unit_uniform(p.shape(), p.device(), generator), wide), p.dtype());
}

Tensor exponential(const Shape& shape, double rate, Generator& generator, DType dtype) {
  ROUX_CHECK(is_floating(dtype)) << "exponential: dtype must be floating, got " << name(dtype);
  ROUX_CHECK(std::isfinite(rate) && rate > 0)
      << "exponential: rate is " << rate << ", needed above 0 and finite";
  return cast(unit_exponential(shape, generator.device(), generator) / rate, dtype);
}

Tensor gumbel(const Shape& shape, Generator& generator, DType dtype) {
  ROUX_CHECK(is_floating(dtype)) << "gumbel: dtype must be floating, got " << name(dtype);
  return cast(unit_gumbel(shape, generator.device(), generator), dtype);
}

Tensor gumbel_softmax(const Tensor& logits, double temperature, Generator& generator, bool hard,
                      int64_t axis) {
  common_device("gumbel_softmax", {logits});
  ROUX_CHECK(is_floating(logits.dtype()) && logits.dim() >= 1)
      << "gumbel_softmax: logits must be floating with at least one axis: logits is " << logits.spec();
  ROUX_CHECK(std::isfinite(temperature) && temperature > 0)
      << "gumbel_softmax: temperature is " << temperature << ", needed above 0 and finite";
  const int along = or_throw(normalize_axis(axis, logits.spec(), "logits"), "gumbel_softmax");
  check_device("gumbel_softmax", logits, generator);
  const DType dtype = logits.dtype() == kF64 ? kF64 : kF32;
  const Tensor soft = softmax(
      (cast(logits, dtype) + unit_gumbel(logits.shape(), logits.device(), generator)) / temperature, along);
  if (!hard) return cast(soft, logits.dtype());
  Shape line = Dims::filled(logits.dim(), 1);
  line[along] = logits.size(along);
  const Tensor places = reshape(arange(0, logits.size(along), 1, kI64, logits.device()), line);
  const Tensor one_hot = cast(eq(argmax(soft.detach(), along, true), places), logits.dtype());
  return straight_through(one_hot, cast(soft, logits.dtype()));
}

namespace {
Tensor gamma_draw(const char* op, const Tensor& concentration, Generator& generator, bool log) {
  draw_argument(op, "concentration", concentration, generator);
  Tensor y = empty(concentration.spec(), concentration.device());
  const RandomState draw = generator.next();
  gamma_kernels.run(concentration, contiguous(concentration.detach()), draw.state, draw.increment, log, y);
  return y;
}
}  // namespace

Tensor gamma(const Tensor& concentration, Generator& generator) {
  return gamma_draw("gamma", concentration, generator, false);
}
Tensor log_gamma(const Tensor& concentration, Generator& generator) {
  return gamma_draw("log_gamma", concentration, generator, true);
}

Tensor beta(const Tensor& a, const Tensor& b, Generator& generator) {
  const Tensor wide_a = draw_argument("beta", "a", a, generator),
               wide_b = draw_argument("beta", "b", b, generator);
  ROUX_CHECK(a.spec() == b.spec()) << "beta: a and b must be alike: a is " << a.spec() << ", b is "
                                   << b.spec();
  const Tensor log_a =
      on_behalf("beta", {{"concentration", "a"}}, [&] { return log_gamma(wide_a, generator); });
  const Tensor log_b =
      on_behalf("beta", {{"concentration", "b"}}, [&] { return log_gamma(wide_b, generator); });
  return cast(sigmoid(log_a - log_b), a.dtype());
}

Tensor dirichlet(const Tensor& concentration, Generator& generator) {
  const Tensor wide = draw_argument("dirichlet", "concentration", concentration, generator);
  ROUX_CHECK(wide.dim() >= 1) << "dirichlet: concentration needs at least one axis: concentration is "
                              << concentration.spec();
  const Tensor log_draws = on_behalf("dirichlet", {}, [&] { return log_gamma(wide, generator); });
  return cast(softmax(log_draws), concentration.dtype());
}

Tensor categorical_without_replacement(const Tensor& logits, int64_t k, Generator& generator) {
  const Tensor wide = draw_argument("categorical_without_replacement", "logits", logits, generator);
  ROUX_CHECK(logits.dim() >= 1 && k >= 0 && k <= logits.shape().back())
      << "categorical_without_replacement: needed logits [..., V] and 0 <= k <= V: logits is "
      << logits.spec() << ", k is " << k;
  const Ordered drawn = topk(wide + unit_gumbel(logits.shape(), logits.device(), generator), k);
  if (drawn.values.numel() > 0 && drawn.values.device().type != DeviceType::kMeta) {
    const std::vector<double> keys = drawn.values.to_vector<double>();
    for (size_t i = 0; i < keys.size(); ++i) {
      ROUX_CHECK(keys[i] > -std::numeric_limits<double>::infinity())  // nor NaN
          << "categorical_without_replacement: row " << static_cast<int64_t>(i) / k
          << " of logits has a NaN or fewer than " << k << " values above -inf";
    }
  }
  return drawn.indices;
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
