// Op-suite entries of the activation family.
#include "tensor/ops/activation.h"

#include "tensor/ops/creation.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

Ref swiglu_f64(const Refs& in) {
  return elementwise(in, [](const std::vector<double>& v) { return v[0] / (1 + std::exp(-v[0])) * v[1]; });
}
OP_SUITE(swiglu)
    .devices(kFloating)
    .call([](const Tensors& in) { return Tensors{swiglu(in[0], in[1])}; })
    .reference([](const Refs& in) { return Refs{swiglu_f64(in)}; })
    .sample({{3, 5, 7}, {3, 5, 7}})
    .sample({{0, 4}, {0, 4}})
    .sample({{1, 70001}, {1, 70001}})
    .rounds_once()
    .special_values()
    .cost([](const std::vector<Shape>& s) { return 12.0 * static_cast<double>(numel(s[0])); },
          [](const std::vector<Shape>& s) { return 25.0 * static_cast<double>(numel(s[0])); })
    .error("gate and up must have one floating dtype and shape: gate is f32[2], up is f32[3]",
           [](Device d) { swiglu(zeros({2}, kF32, d), zeros({3}, kF32, d)); });
OP_SUITE_VARIANT(swiglu, composed)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .call([](const Tensors& in) { return Tensors{swiglu_composed(in[0], in[1])}; })
    .reference([](const Refs& in) { return Refs{swiglu_f64(in)}; })
    .sample({{3, 5}, {3, 5}})
    .sample({{0, 1}, {0, 1}})
    .skip("errors", "the default entry has them");

}  // namespace
}  // namespace roux::testing
