// Op-suite entries of the elementwise family's in-place writes.
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

constexpr DTypeSet kSigned = kFloating | kI32 | kI64;

// The writes go to a fresh tensor, so that the result can be compared.
OP_SUITE(copy_)
    .devices(kFloating)
    .inputs({constant_in(-2, 2), constant_in(-2, 2)})
    .call([](const Tensors& in) {
      const Tensor x = zeros_like(in[0]);
      copy_(x, in[1]);
      return Tensors{x};
    })
    .reference([](const Refs& in) {
      return Refs{elementwise(in, [](const std::vector<double>& v) { return v[1]; })};
    })
    .sample({{3, 5}, {3, 1}})
    .sample({{0, 4}, {4}})
    .error("x overlaps itself: x is f32[3,2] with strides [1,0]",
           [](Device d) {
             copy_(expand(zeros({3, 1}, kF32, d), {3, 2}), zeros({3, 2}, kF32, d));
           })
    .error("source does not broadcast to x: x is f32[2], source is f32[3]",
           [](Device d) { copy_(zeros({2}, kF32, d), zeros({3}, kF32, d)); });
OP_SUITE(fill_)
    .devices(kAllDTypes)
    .dtypes(kAllDTypes)
    .inputs({constant_in(0, 1)})
    .call([](const Tensors& in) {
      const Tensor x = zeros_like(in[0]);
      fill_(x, 1.0);
      if (x.dim() == 2) fill_(slice(x, 1, 0, x.size(1), 2), 0.0);
      return Tensors{x};
    })
    .reference([](const Refs& in) {
      Ref out(in[0].shape, 1);
      for_each_index(out.shape, [&](const Dims& i) {
        if (i.rank() == 2 && i[1] % 2 == 0) out.at(i) = 0;
      });
      return Refs{out};
    })
    .sample({{3, 5}})
    .sample({{0, 4}})
    .sample({{1}})
    .error("x overlaps itself: x is f32[3,2] with strides [1,0]",
           [](Device d) {
             fill_(expand(zeros({3, 1}, kF32, d), {3, 2}), 1);
           })
    .error("requires grad and recording is on", [](Device d) {
      Tensor x = zeros({2}, kF32, d);
      x.set_requires_grad(true);
      fill_(x, 1);
    });
OP_SUITE(add_)
    .devices(kFloating | kI32 | kI64)
    .dtypes(kSigned)
    .inputs({constant_in(-2, 2), constant_in(-2, 2)})
    .call([](const Tensors& in) {
      const Tensor x = zeros_like(in[0]);
      copy_(x, in[0]);
      add_(x, in[1], 3);
      return Tensors{x};
    })
    .reference([](const Refs& in) {
      return Refs{elementwise(in, [](const std::vector<double>& v) { return v[0] + 3 * v[1]; })};
    })
    .sample({{3, 5}, {3, 5}})
    .sample({{0, 4}, {0, 4}})
    .sample({{1}, {1}})
    .rounds_once()
    .error("x overlaps itself: x is f32[3,2] with strides [1,0]",
           [](Device d) {
             add_(expand(zeros({3, 1}, kF32, d), {3, 2}), zeros({3, 2}, kF32, d));
           })
    .error("scale is 0.5, needed an integer beside x, which is i32[2]",
           [](Device d) { add_(zeros({2}, kI32, d), zeros({2}, kI32, d), 0.5); })
    .error("x is f32[2], other is f32[3], needed the same dtype and shape",
           [](Device d) { add_(zeros({2}, kF32, d), zeros({3}, kF32, d)); });

OP_SUITE_VARIANT(add_, scale)
    .devices(kFloating)
    .inputs({constant_in(-2, 2), constant_in(-2, 2)})
    .call([](const Tensors& in) {
      const Tensor x = zeros_like(in[0]), y = zeros_like(in[0]);
      copy_(x, in[0]);
      fill_(y, 0.1);
      add_(x, in[1], 0.3);
      return Tensors{x, y};
    })
    .reference([](const Refs& in) {
      return Refs{elementwise(in, [](const std::vector<double>& v) { return v[0] + 0.3 * v[1]; }),
                  Ref(in[0].shape, 0.1)};
    })
    .sample({{3, 5}, {3, 5}})
    .sample({{0, 1}, {0, 1}})
    .rounds_once()
    .skip("errors", "the default entry has them");

}  // namespace
}  // namespace roux::testing
