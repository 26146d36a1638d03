#include "tensor/cpu/strided_loop.h"
#include "tensor/vector_math.h"
#include "tests/example_op/softplus_tables.h"

namespace roux::cpu {
namespace {

void softplus_cpu(const Tensor& x, Tensor& y) {
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* px = x.data<const T>();
    T* py = y.data<T>();
    StridedLoop<2>(y.shape(), {strides_over(x, y), y.strides()})
        .run([=](const auto& at, const auto& step, int64_t n) {
          for (int64_t i = 0; i < n; ++i) {
            const auto v = static_cast<accumulate_t<T>>(px[at[0] + i * step[0]]);
            const auto magnitude = v < 0 ? -v : v;
            py[at[1] + i * step[1]] =
                static_cast<T>((v > 0 ? v : 0) + vmath::log(1 + vmath::exp(-magnitude)));
          }
        });
  });
}
const RegisterKernel kSoftplus(softplus_kernels, DeviceType::kCpu, kFloating, softplus_cpu);

}  // namespace
}  // namespace roux::cpu
