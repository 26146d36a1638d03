// Op-suite entries of the normalization family.
#include "tensor/ops/normalization.h"

#include <algorithm>

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
    .devices(kFloating)
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
    .devices(kFloating)
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
    .devices(kFloating)
    .call([](const Tensors& in) { return Tensors{layer_norm(in[0], in[1], Tensor(), 1e-3)}; })
    .reference([](const Refs& in) { return Refs{normalized(in[0], in[1], nullptr, true, 1e-3)}; })
    .sample({{5, 8}, {8}})
    .sample({{0, 1}, {1}})
    .skip("errors", "the default entry has them");

Ref group_normalized(const Ref& x, int64_t groups, const Ref* weight, const Ref* bias, double eps) {
  const int64_t channels = x.shape[1], n = x.shape[0] * groups == 0 ? 0 : x.size() / (x.shape[0] * groups);
  Ref rows({x.shape[0] * groups, n});
  rows.v = x.v;
  Ref y = normalized(rows, Ref({n}, 1), nullptr, true, eps);
  y.shape = x.shape;
  for_each_index(x.shape, [&](const Dims& at) {
    const int64_t c = at[1] % channels;
    y.at(at) = y.at(at) * (weight ? (*weight)[c] : 1) + (bias ? (*bias)[c] : 0);
  });
  return y;
}
OP_SUITE(group_norm)
    .devices(kFloating)
    .call([](const Tensors& in) { return Tensors{group_norm(in[0], 3, in[1], in[2])}; })
    .reference([](const Refs& in) { return Refs{group_normalized(in[0], 3, &in[1], &in[2], 1e-5)}; })
    .sample({{2, 6, 5}, {6}, {6}})
    .sample({{0, 3, 1}, {3}, {3}})
    .sample({{2, 9, 17, 3}, {9}, {9}})
    .sample({{4, 9}, {9}, {9}})
    .rounds_once(1e-6)
    .tolerance(kF32, 1e-4)
    .skip("shape_fuzz", "groups divide the channels")
    .error("x must be floating [N, C, ...] with groups that divide C: x is f32[2,4], groups is 3",
           [](Device d) {
             group_norm(zeros({2, 4}, kF32, d), 3);
           })
    .error("x is f32[4], groups is 2", [](Device d) { group_norm(zeros({4}, kF32, d), 2); })
    .error("weight must be f32[4]: x is f32[2,4], weight is f32[2]",
           [](Device d) {
             group_norm(zeros({2, 4}, kF32, d), 2, zeros({2}, kF32, d));
           })
    .error("bias must be f32[4]: x is f32[2,4], bias is f64[4]", [](Device d) {
      group_norm(zeros({2, 4}, kF32, d), 2, Tensor(), zeros({4}, kF64, d));
    });
OP_SUITE_VARIANT(group_norm, plain)
    .devices(kFloating)
    .call([](const Tensors& in) {
      return Tensors{group_norm(in[0], 1, Tensor(), Tensor(), 0.03), group_norm(in[0], 2, in[1], Tensor(), 1),
                     group_norm(in[0], 4, Tensor(), in[1])};
    })
    .reference([](const Refs& in) {
      return Refs{group_normalized(in[0], 1, nullptr, nullptr, 0.03),
                  group_normalized(in[0], 2, &in[1], nullptr, 1),
                  group_normalized(in[0], 4, nullptr, &in[1], 1e-5)};
    })
    .sample({{3, 4, 5}, {4}})
    .sample({{0, 4, 1}, {4}})
    .tolerance(kF32, 1e-4)
    .skip("shape_fuzz", "groups divide the channels")
    .skip("errors", "the default entry has them");

// Along axis 1 of three.
Ref norms(const Ref& x, double eps) {
  Ref out({x.shape[0], 1, x.shape[2]});
  for_each_index(x.shape, [&](const Dims& at) { out.at({at[0], 0, at[2]}) += x.at(at) * x.at(at); });
  for (double& v : out.v) v = std::max(std::sqrt(v), eps);
  return out;
}
const auto normalize_samples = [](Suite& suite) {
  suite.devices(kFloating).sample({{2, 5, 3}}).sample({{1, 0, 3}}).sample({{3, 1, 1}}).sample({{2, 1037, 4}});
};
OP_SUITE(l2_normalize)
    .with(normalize_samples)
    .call([](const Tensors& in) {
      return Tensors{l2_normalize(in[0], 1), l2_normalize(in[0], -2, 3)};
    })
    .reference([](const Refs& in) {
      const auto divide = [](const std::vector<double>& v) { return v[0] / v[1]; };
      return Refs{elementwise({in[0], norms(in[0], 1e-12)}, divide),
                  elementwise({in[0], norms(in[0], 3)}, divide)};
    })
    .accumulates(0, 1)
    .rounds_once(1e-6)
    .error("x must be floating: x is i64[2]", [](Device d) { l2_normalize(zeros({2}, kI64, d)); })
    .error("axis 1 is out of range", [](Device d) { l2_normalize(zeros({2}, kF32, d), 1); })
    .error("eps is 0, needed at least 1e-18", [](Device d) { l2_normalize(zeros({2}, kF32, d), -1, 0); });
// The default axis, and rows of 0: their gradient is finite.
OP_SUITE_VARIANT(l2_normalize, last)
    .devices(kFloating)
    .call([](const Tensors& in) { return Tensors{l2_normalize(in[0])}; })
    .reference([](const Refs& in) {
      Ref x = in[0];
      x.shape = {x.shape[0], x.shape[1], 1};
      Ref out = elementwise({x, norms(x, 1e-12)}, [](const std::vector<double>& v) { return v[0] / v[1]; });
      out.shape = in[0].shape;
      return Refs{out};
    })
    .sample({{2, 5}})
    .sample({{0, 1}})
    .skip("errors", "the default entry has them");

OP_SUITE(cosine_similarity)
    .devices(kFloating)
    .call([](const Tensors& in) {
      return Tensors{cosine_similarity(in[0], in[1], 1), cosine_similarity(in[0], in[1], -2, 2.5)};
    })
    .reference([](const Refs& in) {
      Refs out;
      for (const double eps : {1e-8, 2.5}) {
        const Ref norms_a = norms(in[0], eps), norms_b = norms(in[1], eps);
        const Ref terms = elementwise({in[0], in[1], norms_a, norms_b}, [](const std::vector<double>& v) {
          return v[0] / v[2] * (v[1] / v[3]);
        });
        Ref total({terms.shape[0], terms.shape[2]});
        for_each_index(terms.shape, [&](const Dims& at) { total.at({at[0], at[2]}) += terms.at(at); });
        out.push_back(total);
      }
      return out;
    })
    .sample({{2, 5, 3}, {2, 5, 3}})
    .sample({{4, 5, 1}, {1, 5, 3}})
    .sample({{1, 0, 3}, {1, 0, 3}})
    .rounds_once(1e-6)
    .error("a and b must be floating: a is i64[2], b is f32[2]",
           [](Device d) { cosine_similarity(zeros({2}, kI64, d), zeros({2}, kF32, d)); })
    .error("shapes [2] and [3] do not broadcast",
           [](Device d) { cosine_similarity(zeros({2}, kF32, d), zeros({3}, kF32, d)); })
    .error("axis 2 is out of range",
           [](Device d) { cosine_similarity(zeros({2}, kF32, d), zeros({2}, kF32, d), 2); })
    .error("eps is 0, needed at least 1e-18",
           [](Device d) { cosine_similarity(zeros({2}, kF32, d), zeros({2}, kF32, d), -1, 0); });

}  // namespace
}  // namespace roux::testing
