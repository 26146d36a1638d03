// CPU kernel of logsumexp.
#include <cmath>

#include "tensor/cpu/reduce_loops.h"
#include "tensor/vector_math.h"

namespace roux::cpu {
namespace {

// sum(exp(x - parameter)), finished as parameter + log(sum).
template <class T>
struct LogSumExp {
  using In = T;
  using Acc = accumulate_t<T>;
  using Out = T;
  const Acc* parameters;

  static Acc identity() { return Acc(0); }
  static Acc combine(Acc a, Acc b) { return a + b; }
  static Acc map(Acc value, Acc largest) { return vmath::exp(value - largest); }
  Acc finish(Acc total, Acc largest) const { return vmath::log(total) + largest; }
};

void logsumexp_cpu(const Tensor& x, Tensor& y, Tensor& partials) {
  amax_kernels.run(x, x, y, partials);  // exact in x's dtype
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using Acc = accumulate_t<T>;
    // The last row of the scratch holds the subtrahends.
    Acc* largest = partials.data<Acc>() + partials.numel() - y.numel();
    const T* py = y.data<const T>();
    for (int64_t i = 0; i < y.numel(); ++i) {
      const Acc value = static_cast<Acc>(py[i]);
      largest[i] = std::isfinite(value) ? value : Acc(0);  // inf - inf would be NaN
    }
    reduce_loop(x, LogSumExp<T>{largest}, y, partials);
  });
}

const RegisterKernel kLogSumExp(logsumexp_kernels, DeviceType::kCpu, kFloating, logsumexp_cpu);

}  // namespace
}  // namespace roux::cpu
