// CPU kernels of the reduce family; logsumexp has its own unit.
#include <functional>
#include <limits>
#include <type_traits>

#include "tensor/cpu/reduce_loops.h"

namespace roux::cpu {
namespace {

template <class T>
struct Sum {
  using In = T;
  using Acc = accumulate_t<T>;
  using Out = std::conditional_t<std::is_integral_v<T>, int64_t, T>;
  const Acc* parameters = nullptr;
  double scale = 1;

  static Acc identity() { return Acc(0); }
  static Acc combine(Acc a, Acc b) { return a + b; }
  static Acc map(Acc value, Acc) { return value; }
  Acc finish(Acc total, Acc) const { return std::is_integral_v<T> ? total : total * static_cast<Acc>(scale); }
};

template <class T>
struct Product {
  using In = T;
  using Acc = accumulate_t<T>;
  using Out = std::conditional_t<std::is_integral_v<T>, int64_t, T>;
  const Acc* parameters = nullptr;

  static Acc identity() { return Acc(1); }
  static Acc combine(Acc a, Acc b) {
    if constexpr (std::is_integral_v<Acc>) {  // wraps
      return static_cast<Acc>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    } else {
      return a * b;
    }
  }
  static Acc map(Acc value, Acc) { return value; }
  Acc finish(Acc total, Acc) const { return total; }
};

// What `Before` puts first: the largest or the smallest; NaN before all.
template <class T, template <class> class Before>
struct Extremum {
  using In = T;
  using Acc = std::conditional_t<std::is_integral_v<T>, T, accumulate_t<T>>;
  using Out = T;
  const Acc* parameters = nullptr;

  static Acc identity() {
    using Limits = std::numeric_limits<Acc>;
    const Acc high = Limits::has_infinity ? Limits::infinity() : Limits::max();
    const Acc low = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
    return Before<Acc>()(high, low) ? low : high;
  }
  static Acc combine(Acc a, Acc b) { return Before<Acc>()(a, b) || a != a ? a : b; }
  static Acc map(Acc value, Acc) { return value; }
  Acc finish(Acc first, Acc) const { return first; }
};

void sum_cpu(const Tensor& x, double scale, Tensor& y, Tensor& partials) {
  // A bool is read as the byte that it is.
  dispatch_numeric(x.dtype() == kBool ? kU8 : x.dtype(), [&](auto tag) {
    Sum<decltype(tag)> reducer;
    reducer.scale = scale;
    reduce_loop(x, reducer, y, partials);
  });
}

void prod_cpu(const Tensor& x, Tensor& y, Tensor& partials) {
  dispatch_numeric(x.dtype() == kBool ? kU8 : x.dtype(),
                   [&](auto tag) { reduce_loop(x, Product<decltype(tag)>{}, y, partials); });
}

template <template <class> class Before>
void extremum_cpu(const Tensor& x, Tensor& y, Tensor& partials) {
  dispatch_numeric(x.dtype(),
                   [&](auto tag) { reduce_loop(x, Extremum<decltype(tag), Before>{}, y, partials); });
}

// First index in [0, n) of an element equal to the extremum, or of a NaN.
template <template <class> class Before, class T>
int64_t first_extremum(const T* x, int64_t n, int64_t stride) {
  compute_t<T> best = x[0];
  int64_t at = 0;
  for (int64_t i = 1; i < n && best == best; ++i) {
    const compute_t<T> value = x[i * stride];
    if (Before<compute_t<T>>()(value, best) || value != value) {
      best = value;
      at = i;
    }
  }
  return at;
}

template <template <class> class Before>
void arg_extremum_cpu(const Tensor& x, int axis, Tensor& y) {
  dispatch_numeric(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* px = x.data<const T>();
    int64_t* py = y.data<int64_t>();
    const ReducePlan plan(x, y);
    const int64_t n = x.shape()[axis], stride = x.strides()[axis];
    parallel_for(0, y.numel(), items_per_task(n), [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) {
        py[o] = first_extremum<Before>(px + plan.kept.offset(o), n, stride);
      }
    });
  });
}

const RegisterKernel kSum(sum_kernels, DeviceType::kCpu, kAllDTypes, sum_cpu);
const RegisterKernel kProd(prod_kernels, DeviceType::kCpu, kAllDTypes, prod_cpu);
const RegisterKernel kAmax(amax_kernels, DeviceType::kCpu, kNumeric, extremum_cpu<std::greater>);
const RegisterKernel kAmin(amin_kernels, DeviceType::kCpu, kNumeric, extremum_cpu<std::less>);
const RegisterKernel kArgmax(argmax_kernels, DeviceType::kCpu, kNumeric, arg_extremum_cpu<std::greater>);
const RegisterKernel kArgmin(argmin_kernels, DeviceType::kCpu, kNumeric, arg_extremum_cpu<std::less>);

}  // namespace
}  // namespace roux::cpu
