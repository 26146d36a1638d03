#include "tensor/cpu/strided_loop.h"
#include "tensor/vector_math.h"
#include "tests/example_op/gaussian_tables.h"

namespace roux::cpu {
namespace {

void gaussian_cpu(const Tensor& x, Tensor& y) {
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* px = x.data<const T>();
    T* py = y.data<T>();
    StridedLoop<2>(y.shape(), {strides_over(x, y), y.strides()})
        .run([=](const auto& at, const auto& step, int64_t n) {
          for (int64_t i = 0; i < n; ++i) {
            const auto v = static_cast<compute_t<T>>(px[at[0] + i * step[0]]);
            py[at[1] + i * step[1]] = static_cast<T>(vmath::exp(-v * v));
          }
        });
  });
}
const RegisterKernel kGaussian(gaussian_kernels, DeviceType::kCpu, kFloating, gaussian_cpu);

}  // namespace
}  // namespace roux::cpu
