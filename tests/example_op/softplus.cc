#include "tests/example_op/softplus.h"

#include "absl/strings/str_cat.h"
#include "tests/example_op/softplus_tables.h"

namespace roux {

constinit KernelTable<SoftplusKernel> softplus_kernels("softplus");
constinit GradSlot<SoftplusSaved> softplus_grad("softplus", "//tests/example_op:softplus_test");

namespace {
absl::StatusOr<TensorSpec> softplus_spec(const TensorSpec& x) {
  if (!is_floating(x.dtype)) {
    return absl::InvalidArgumentError(absl::StrCat("x must be floating: x is ", to_string(x)));
  }
  return x;
}
}  // namespace

Tensor softplus(const Tensor& x) {
  common_device("softplus", {x});
  Tensor y = empty(or_throw(softplus_spec(x.spec()), "softplus"), x.device());  // shape rule, then memory
  softplus_kernels.run(x, x, y);                                                // on meta: nothing
  return softplus_grad.record({x}, y, [&] { return SoftplusSaved{x}; });        // only if x requires grad
}

}  // namespace roux
