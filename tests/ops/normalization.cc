// Op-suite entries of the normalization family.
#include "tensor/ops/normalization.h"

#include "tensor/ops/creation.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

// (x - center) / sqrt(mean((x - center)^2) + eps) * weight + bias, row by row.
Ref normalized(const Ref& x, const Ref& weight, const Ref* bias, bool centered, double eps) {
  Ref y(x.shape);
  const int64_t n = x.shape.back(), rows = n == 0 ? 0 : x.size() / n;
  for (int64_t r = 0; r < rows; ++r) {
    double center = 0, squares = 0;
    for (int64_t j = 0; j < n && centered; ++j) center += x[r * n + j] / static_cast<double>(n);
    for (int64_t j = 0; j < n; ++j) squares += (x[r * n + j] - center) * (x[r * n + j] - center);
    const double scale = 1 / std::sqrt(squares / static_cast<double>(n) + eps);
    for (int64_t j = 0; j < n; ++j) {
      y[r * n + j] = (x[r * n + j] - center) * scale * weight[j] + (bias ? (*bias)[j] : 0);
    }
  }
  return y;
}

OP_SUITE(rms_norm)
    .devices(kFloating)
    .call([](const Tensors& in) { return Tensors{rms_norm(in[0], in[1])}; })
    .reference([](const Refs& in) { return Refs{normalized(in[0], in[1], nullptr, false, 1e-6)}; })
    .sample({{2, 3, 8}, {8}})
    .sample({{0, 8}, {8}})
    .sample({{3, 0}, {0}})
    .sample({{1, 1037}, {1037}})
    .sample({{203, 33}, {33}})
    .accumulates(0, -1)
    .accumulates_backward(0, 1, 1)
    .additive(0, 1)
    .rounds_once(1e-6)
    .tolerance(kF32, 1e-4)  // gradients of 203 rows
    .tolerance(kBF16, 3e-2)
    .tolerance(kF16, 4e-3)
    .cost([](const std::vector<Shape>& s) { return 8.0 * static_cast<double>(numel(s[0])); },
          [](const std::vector<Shape>& s) { return 4.0 * static_cast<double>(numel(s[0])); })
    .error("weight must be f32[3]: x is f32[2,3], weight is f32[2]",
           [](Device d) {
             rms_norm(zeros({2, 3}, kF32, d), zeros({2}, kF32, d));
           })
    .error("weight must be f32[3]: x is f32[2,3], weight is bf16[3]", [](Device d) {
      rms_norm(zeros({2, 3}, kF32, d), zeros({3}, kBF16, d));
    });
OP_SUITE_VARIANT(rms_norm, composed)
    .devices(kFloating)
    .call([](const Tensors& in) { return Tensors{rms_norm_composed(in[0], in[1], 1e-3)}; })
    .reference([](const Refs& in) { return Refs{normalized(in[0], in[1], nullptr, false, 1e-3)}; })
    .sample({{5, 8}, {8}})
    .sample({{0, 1}, {1}})
    .skip("errors", "the default entry has them");
// An eps that matters; 1 among them.
OP_SUITE_VARIANT(rms_norm, eps)
    .devices(kFloating)
    .call([](const Tensors& in) {
      return Tensors{rms_norm(in[0], in[1], 1), rms_norm(in[0], in[1], 0.03)};
    })
    .reference([](const Refs& in) {
      return Refs{normalized(in[0], in[1], nullptr, false, 1),
                  normalized(in[0], in[1], nullptr, false, 0.03)};
    })
    .sample({{2, 3, 8}, {8}})
    .sample({{0, 1}, {1}})
    .rounds_once(1e-6)
    .skip("errors", "the default entry has them");

OP_SUITE(layer_norm)
    .call([](const Tensors& in) { return Tensors{layer_norm(in[0], in[1], in[2])}; })
    .reference([](const Refs& in) { return Refs{normalized(in[0], in[1], &in[2], true, 1e-5)}; })
    .sample({{2, 3, 8}, {8}, {8}})
    .sample({{0, 8}, {8}, {8}})
    .sample({{3, 0}, {0}, {0}})
    .sample({{1, 1037}, {1037}, {1037}})
    .sample({{203, 33}, {33}, {33}})
    .accumulates(0, -1)
    .accumulates_backward(0, 1, 1)
    .additive(0, 1)
    .rounds_once(1e-6)
    .tolerance(kF32, 1e-4)
    .tolerance(kBF16, 3e-2)
    .tolerance(kF16, 4e-3)
    .cost([](const std::vector<Shape>& s) { return 8.0 * static_cast<double>(numel(s[0])); },
          [](const std::vector<Shape>& s) { return 7.0 * static_cast<double>(numel(s[0])); })
    .error("bias must be f32[3]: x is f32[2,3], bias is f32[2]",
           [](Device d) {
             layer_norm(zeros({2, 3}, kF32, d), zeros({3}, kF32, d), zeros({2}, kF32, d));
           })
    .error("x must be floating with at least one axis: x is f32[]",
           [](Device d) { layer_norm(zeros({}, kF32, d), zeros({3}, kF32, d)); });
OP_SUITE_VARIANT(layer_norm, eps)
    .call([](const Tensors& in) {
      return Tensors{layer_norm(in[0], in[1], in[2], 1), layer_norm(in[0], in[1], in[2], 0.03)};
    })
    .reference([](const Refs& in) {
      return Refs{normalized(in[0], in[1], &in[2], true, 1), normalized(in[0], in[1], &in[2], true, 0.03)};
    })
    .sample({{2, 3, 8}, {8}, {8}})
    .sample({{0, 1}, {1}, {1}})
    .rounds_once(1e-6)
    .skip("errors", "the default entry has them");
OP_SUITE_VARIANT(layer_norm, no_bias)
    .call([](const Tensors& in) { return Tensors{layer_norm(in[0], in[1], Tensor(), 1e-3)}; })
    .reference([](const Refs& in) { return Refs{normalized(in[0], in[1], nullptr, true, 1e-3)}; })
    .sample({{5, 8}, {8}})
    .sample({{0, 1}, {1}})
    .skip("errors", "the default entry has them");

}  // namespace
}  // namespace roux::testing
