// What the checks of the op suite share: inputs drawn from an entry's domains, in other memory layouts and on
// other devices, and the walk over an entry's dtypes and samples.
#ifndef ROUX_TESTS_OPS_CASES_H_
#define ROUX_TESTS_OPS_CASES_H_

#include <functional>
#include <string>
#include <vector>

#include "tests/ops/suite.h"

namespace roux::testing {

using Shapes = std::vector<Shape>;

std::vector<Domain> domains_of(const Suite& suite, size_t count);
bool differentiable(const Domain& domain);
// Values drawn from (seed, input), as the dtype stores them; on the CPU.
Tensors make_inputs(const Suite& suite, const Shapes& shapes, DType dtype, uint64_t seed);
// The same; leaves that require grad where the domain is differentiable.
Tensors gradient_inputs(const Suite& suite, const Shapes& shapes, DType dtype, uint64_t seed);
Tensors require_grad(const Suite& suite, Tensors inputs);
// Those of `dtype` in f64, and with leaves.
Tensors wide(const Suite& suite, const Tensors& inputs, DType dtype);

constexpr int kLayouts = 5;
constexpr int kBroadcastLayout = 4;
// x's values in another memory layout; what lies between them is NaN (integers: 77). 0 transposed, 1 every
// second element at an offset, 2 a gap behind each row at an offset, 3 rows cut from longer ones that start
// at multiples of 16 bytes; kBroadcastLayout repeats x[0] along axis 0 with stride 0 (other values than x).
Tensor relaid(const Tensor& x, int layout);
// x on `device` in the same layout: strides, offset and what lies in the gaps. Leaves stay leaves.
Tensor moved_to(const Tensor& x, Device device);
Tensors moved_to(const Tensors& inputs, Device device);

int64_t total_size(const Shapes& shapes);
std::string describe(const Suite& suite, const Tensors& inputs);

// The dtypes that an entry runs in on a device.
DTypeSet dtypes_on(const Suite& suite, Device device);

// The dtype that stands for all where the way through a kernel does not depend on it.
DTypeSet one_dtype(const Suite& suite, Device device);

// Each distinct size above 1 of the shapes becomes another one in all of them: size(number of the role).
Shapes resized(const Shapes& shapes, const std::function<int64_t(size_t)>& size, size_t* roles = nullptr);
// The largest number of rows of one shape.
int64_t rows_of(const Shapes& shapes);

// Runs fn(shapes, dtype, seed) for the samples and dtypes until one fails; catches what ops throw. A device
// other than the CPU sees the samples of at most `limit` elements where it is the (slow) emulator.
std::string for_each_case(const Suite& suite, DTypeSet dtypes, Device device, int64_t limit,
                          const std::function<std::string(const Shapes&, DType, uint64_t)>& fn);

// Runs fn; "" where the device has the forward kernel alone.
std::string where_kernels_are(const std::function<std::string()>& fn);

// Runs the entry on inputs moved to the device and compares with its reference.
std::string run_and_compare(const Suite& suite, const Tensors& inputs, DType dtype, Device device);

// Values in [-0.5, 0.5) in y's spec and on its device: what comes from above in gradient checks.
Tensor drawn_like(const Tensor& y, uint64_t number);

// Gradients of <weights, outputs> for the inputs that require grad. weights: one for each output that
// requires grad; drawn_like() of output and number where none are given.
struct Gradients {
  Tensors outputs, weights, gradients;
};
Gradients gradients(const Suite& suite, const Tensors& inputs, bool create_graph = false,
                    const std::function<Tensor(const Tensor& output, size_t number)>& weight = nullptr);

}  // namespace roux::testing

#endif  // ROUX_TESTS_OPS_CASES_H_
