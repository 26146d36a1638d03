#include <cmath>

#include "tensor/ops/creation.h"
#include "tests/example_op/softplus.h"
#include "tests/ops/suite.h"

namespace roux::testing {

OP_SUITE(softplus)
    .dtypes(kFloating)
    .devices(kFloating)  // those of the CUDA kernel
    .call([](const Tensors& in) { return Tensors{softplus(in[0])}; })
    .reference([](const Refs& in) {
      return Refs{elementwise(in, [](const std::vector<double>& v) { return std::log1p(std::exp(v[0])); })};
    })
    .sample({{2, 7}})
    .sample({{0, 3}})
    .sample({{1, 4097}})
    .error("x must be floating", [](Device d) { softplus(zeros({2}, kI64, d)); });

}  // namespace roux::testing
