#include <cmath>

#include "tensor/ops/creation.h"
#include "tests/example_op/gaussian.h"
#include "tests/ops/suite.h"

namespace roux::testing {

OP_SUITE(gaussian)
    .dtypes(kFloating)
    .devices(kFloating)  // those of the CUDA kernel
    .call([](const Tensors& in) { return Tensors{gaussian(in[0])}; })
    .reference([](const Refs& in) {
      return Refs{elementwise(in, [](const std::vector<double>& v) { return std::exp(-v[0] * v[0]); })};
    })
    .sample({{2, 7}})
    .sample({{0, 3}})
    .sample({{1, 4097}})
    .error("x must be floating", [](Device d) { gaussian(zeros({2}, kI64, d)); });

}  // namespace roux::testing
