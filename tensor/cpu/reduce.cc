// CPU kernels of the reduce family; logsumexp has its own unit.
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
struct Max {
  using In = T;
  using Acc = std::conditional_t<std::is_integral_v<T>, T, accumulate_t<T>>;
  using Out = T;
  const Acc* parameters = nullptr;

  static Acc identity() {
    return std::is_integral_v<T> ? std::numeric_limits<Acc>::lowest() : -std::numeric_limits<Acc>::infinity();
  }
  static Acc combine(Acc a, Acc b) { return a > b || a != a ? a : b; }  // NaN wins
  static Acc map(Acc value, Acc) { return value; }
  Acc finish(Acc largest, Acc) const { return largest; }
};

void sum_cpu(const Tensor& x, double scale, Tensor& y, Tensor& partials) {
  // A bool is read as the byte that it is.
  dispatch_numeric(x.dtype() == kBool ? kU8 : x.dtype(), [&](auto tag) {
    Sum<decltype(tag)> reducer;
    reducer.scale = scale;
    reduce_loop(x, reducer, y, partials);
  });
}

void amax_cpu(const Tensor& x, Tensor& y, Tensor& partials) {
  dispatch_numeric(x.dtype(), [&](auto tag) { reduce_loop(x, Max<decltype(tag)>{}, y, partials); });
}

// First index in [0, n) of an element equal to the largest, or of a NaN.
template <class T>
int64_t first_largest(const T* x, int64_t n, int64_t stride) {
  T best = x[0];
  int64_t at = 0;
  for (int64_t i = 1; i < n && best == best; ++i) {
    const T value = x[i * stride];
    if (value > best || value != value) {
      best = value;
      at = i;
    }
  }
  return at;
}

void argmax_cpu(const Tensor& x, int axis, Tensor& y) {
  dispatch_numeric(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* px = x.data<const T>();
    int64_t* py = y.data<int64_t>();
    const ReducePlan plan(x, y);
    const int64_t n = x.shape()[axis], stride = x.strides()[axis];
    parallel_for(0, y.numel(), items_per_task(n), [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) py[o] = first_largest(px + plan.kept.offset(o), n, stride);
    });
  });
}

const RegisterKernel kSum(sum_kernels, DeviceType::kCpu, kAllDTypes, sum_cpu);
const RegisterKernel kAmax(amax_kernels, DeviceType::kCpu, kNumeric, amax_cpu);
const RegisterKernel kArgmax(argmax_kernels, DeviceType::kCpu, kNumeric, argmax_cpu);

}  // namespace
}  // namespace roux::cpu
