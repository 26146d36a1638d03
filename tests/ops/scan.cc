// Op-suite entries of the scan family.
#include "tensor/ops/scan.h"

#include "tensor/ops/creation.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

Ref scan_f64(const Ref& x, int axis, bool reverse, const std::function<double(double, double)>& combine) {
  Ref out(x.shape);
  const int64_t n = x.shape[axis];
  for_each_index(x.shape,
                 [&](const Dims& index) {  // the element before is already there, or is at the other end
                   Dims at = index, before = index;
                   at[axis] = reverse ? n - 1 - index[axis] : index[axis];
                   before[axis] = reverse ? at[axis] + 1 : at[axis] - 1;
                   out.at(at) = index[axis] == 0 ? x.at(at) : combine(out.at(before), x.at(at));
                 });
  return out;
}
double add_f64(double a, double b) { return a + b; }
double multiply_f64(double a, double b) { return a * b; }

const auto samples = [](Suite& suite) {
  suite.sample({{3, 5, 2}})
      .sample({{1, 1037, 3}})
      .sample({{4, 1, 0}})
      .sample({{0, 3, 2}})
      .sample({{2, 7, 130}});
};

OP_SUITE(cumsum)
    .devices(kFloating | kI32 | kI64)
    .dtypes(kFloating | kI32 | kI64)
    .call([](const Tensors& in) {
      return Tensors{cumsum(in[0], 0), cumsum(in[0], 1, true), cumsum(in[0], -1)};
    })
    .reference([](const Refs& in) {
      return Refs{scan_f64(in[0], 0, false, add_f64), scan_f64(in[0], 1, true, add_f64),
                  scan_f64(in[0], 2, false, add_f64)};
    })
    .with(samples)
    .accumulates(0, 0)
    .accumulates(0, 1)
    .accumulates(0, 2)
    .rounds_once()
    .error("cumsum: axis 2 is out of range for rank 2: x is f32[2,3]", [](Device d) {
      cumsum(zeros({2, 3}, kF32, d), 2);
    });

// One output: autograd adds the gradients of several in the dtype of x.
OP_SUITE_VARIANT(cumsum, one)
    .devices(kFloating)
    .call([](const Tensors& in) { return Tensors{cumsum(in[0], 1)}; })
    .reference([](const Refs& in) { return Refs{scan_f64(in[0], 1, false, add_f64)}; })
    .with(samples)
    .accumulates_backward(0, 1, 1)
    .skip("errors", "the default entry has them");

OP_SUITE(cumprod)
    .devices(kFloating)
    .inputs({uniform_in(-1.2, 1.2)})
    .call([](const Tensors& in) {
      return Tensors{cumprod(in[0], 0), cumprod(in[0], 1, true), cumprod(in[0], -1)};
    })
    .reference([](const Refs& in) {
      return Refs{scan_f64(in[0], 0, false, multiply_f64), scan_f64(in[0], 1, true, multiply_f64),
                  scan_f64(in[0], 2, false, multiply_f64)};
    })
    .with(samples)
    .rounds_once()
    .error("cumprod: axis 2 is out of range for rank 2: x is f32[2,3]", [](Device d) {
      cumprod(zeros({2, 3}, kF32, d), 2);
    });
OP_SUITE_VARIANT(cumprod, one)
    .devices(kFloating)
    .inputs({uniform_in(-1.2, 1.2)})
    .call([](const Tensors& in) { return Tensors{cumprod(in[0], 1)}; })
    .reference([](const Refs& in) { return Refs{scan_f64(in[0], 1, false, multiply_f64)}; })
    .with(samples)
    .accumulates_backward(0, 1, 1)
    .skip("errors", "the default entry has them");
OP_SUITE_VARIANT(cumprod, composed)
    .inputs({uniform_in(-1.2, 1.2)})
    .call([](const Tensors& in) {
      return Tensors{cumprod_composed(in[0], 0), cumprod_composed(in[0], 1, true),
                     cumprod_composed(in[0], -1)};
    })
    .reference([](const Refs& in) {
      return Refs{scan_f64(in[0], 0, false, multiply_f64), scan_f64(in[0], 1, true, multiply_f64),
                  scan_f64(in[0], 2, false, multiply_f64)};
    })
    .devices(kFloating)
    .with(samples)
    .rounds_once(1e-6)
    .skip("errors", "the default entry has them");

}  // namespace
}  // namespace roux::testing
