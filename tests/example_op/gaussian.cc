#include "tests/example_op/gaussian.h"

#include "absl/strings/str_cat.h"
#include "tests/example_op/gaussian_tables.h"

namespace roux {

constinit KernelTable<GaussianKernel> gaussian_kernels("gaussian");
constinit GradSlot<GaussianSaved> gaussian_grad("gaussian", "//tests/example_op:gaussian_test");

namespace {
absl::StatusOr<TensorSpec> gaussian_spec(const TensorSpec& x) {
  if (!is_floating(x.dtype)) {
    return absl::InvalidArgumentError(absl::StrCat("x must be floating: x is ", to_string(x)));
  }
  return x;
}
}  // namespace

Tensor gaussian(const Tensor& x) {
  common_device("gaussian", {x});
  Tensor y = empty(or_throw(gaussian_spec(x.spec()), "gaussian"), x.device());  // shape rule, then memory
  gaussian_kernels.run(x, x, y);                                                // on meta: nothing
  return gaussian_grad.record({x}, y, [&] { return GaussianSaved{x}; });        // only if x requires grad
}

}  // namespace roux
