#include "tensor/ops/softmax.h"

#include "tensor/ops/creation.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

Ref softmax_f64(const Ref& x, int axis, bool log_of_it) {
  Ref y(x.shape);
  const int64_t n = x.shape[axis];
  for_each_index(x.shape, [&](const Dims& index) {
    if (index[axis] != 0) return;
    Dims at = index;
    double largest = -INFINITY, total = 0;
    for (int64_t i = 0; i < n; ++i) {
      at[axis] = i;
      largest = std::max(largest, x.at(at));
    }
    for (int64_t i = 0; i < n; ++i) {
      at[axis] = i;
      total += std::exp(x.at(at) - largest);
    }
    for (int64_t i = 0; i < n; ++i) {
      at[axis] = i;
      y.at(at) = log_of_it ? x.at(at) - largest - std::log(total) : std::exp(x.at(at) - largest) / total;
    }
  });
  return y;
}

OP_SUITE(softmax)
    .devices(kFloating)
    .call([](const Tensors& in) { return Tensors{softmax(in[0])}; })
    .reference([](const Refs& in) { return Refs{softmax_f64(in[0], in[0].shape.rank() - 1, false)}; })
    .inputs({uniform_in(-8, 8)})
    .sample({{2, 3, 5}})
    .sample({{1}})
    .sample({{0, 5}})
    .sample({{4, 0}})
    .sample({{3, 4097}})
    .sample({{2, 1031}})  // on the emulator too: rows that a whole block shares
    .accumulates(0, -1)
    .rounds_once(1e-6)
    .shift_invariant()
    .tolerance(kF32, 1e-6)
    .tolerance(kF64, 1e-14)
    .special_values()
    .error("axis 2 is out of range for rank 2: x is f32[3,4]",
           [](Device d) {
             softmax(zeros({3, 4}, kF32, d), 2);
           })
    .error("dtype is not supported: x is i64[3,4]", [](Device d) {
      softmax(zeros({3, 4}, kI64, d));
    });

OP_SUITE_VARIANT(softmax, axis0)
    .devices(kFloating)
    .call([](const Tensors& in) { return Tensors{softmax(in[0], 0)}; })
    .reference([](const Refs& in) { return Refs{softmax_f64(in[0], 0, false)}; })
    .sample({{5, 3, 2}})
    .sample({{0, 3}})
    .sample({{1, 3}})
    .accumulates(0, 0)
    .rounds_once(1e-6)
    .shift_invariant()
    .tolerance(kF32, 1e-6)
    .tolerance(kF64, 1e-14)
    .skip("errors", "in the main entry");

OP_SUITE(log_softmax)
    .devices(kFloating)
    .call([](const Tensors& in) { return Tensors{log_softmax(in[0])}; })
    .reference([](const Refs& in) { return Refs{softmax_f64(in[0], in[0].shape.rank() - 1, true)}; })
    .inputs({uniform_in(-8, 8)})
    .sample({{2, 3, 5}})
    .sample({{1}})
    .sample({{0, 5}})
    .sample({{4, 0}})
    .sample({{3, 4097}})
    .sample({{2, 1031}})  // on the emulator too: rows that a whole block shares
    .accumulates(0, -1)
    .rounds_once(1e-6)
    .shift_invariant()
    .tolerance(kF32, 1e-6)
    .tolerance(kF64, 1e-14)
    .error("dtype is not supported: x is bool[3,4]", [](Device d) {
      log_softmax(zeros({3, 4}, kBool, d));
    });

OP_SUITE_VARIANT(log_softmax, axis1)
    .devices(kFloating)
    .call([](const Tensors& in) { return Tensors{log_softmax(in[0], 1)}; })
    .reference([](const Refs& in) { return Refs{softmax_f64(in[0], 1, true)}; })
    .sample({{5, 3, 2}})
    .sample({{4, 1}})
    .sample({{2, 0, 3}})
    .accumulates(0, 1)
    .rounds_once(1e-6)
    .shift_invariant()
    .tolerance(kF32, 1e-6)
    .tolerance(kF64, 1e-14)
    .skip("errors", "in the main entry");

}  // namespace
}  // namespace roux::testing
