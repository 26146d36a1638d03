#include "cuda/elementwise.h"
#include "tensor/elementwise_math.h"
#include "tests/example_op/softplus_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

struct Softplus {
  template <class C>
  __device__ C operator()(C x) const {
    return (x > C(0) ? x : C(0)) + vmath::log(C(1) + vmath::exp(x > C(0) ? -x : x));
  }
};

void softplus_cuda(const Tensor& x, Tensor& y) {
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch_elementwise<T, T>(Softplus{}, y, x);  // any layout; one packet of 16 bytes a thread where x allows
  });
}
const RegisterKernel kSoftplus(softplus_kernels, ROUX_CUDA_DEVICE_TYPE, kFloating, softplus_cuda);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
