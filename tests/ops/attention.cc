#include "tensor/ops/attention.h"

#include "tensor/ops/creation.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

// `mask` (may be null) is broadcast to the scores; values of a bool mask are 0 or 1. scale: the default one
// where 0.
Ref attention_f64(const Ref& q, const Ref& k, const Ref& v, bool causal, const Ref* mask, bool mask_is_bool,
                  double scale = 0) {
  const int64_t heads = q.shape[1], groups = k.shape[1], queries = q.shape[2], keys = k.shape[2],
                width = q.shape[3];
  Ref y({q.shape[0], heads, queries, v.shape[3]});
  if (scale == 0) scale = 1 / std::sqrt(static_cast<double>(std::max<int64_t>(width, 1)));
  std::vector<double> weights(static_cast<size_t>(keys));
  for_each_index({q.shape[0], heads, queries}, [&](const Dims& at) {
    const int64_t b = at[0], h = at[1], t = at[2], g = h / (heads / groups);
    double total = 0;
    for (int64_t s = 0; s < keys; ++s) {
      double score = 0;
      for (int64_t d = 0; d < width; ++d) score += q.at({b, h, t, d}) * k.at({b, g, s, d});
      score *= scale;
      bool visible = !causal || s <= t + keys - queries;
      if (mask) {
        const double m = broadcast_at(*mask, {b, h, t, s});
        if (mask_is_bool) {
          visible = visible && m != 0;
        } else {
          score += m;
        }
      }
      weights[static_cast<size_t>(s)] = visible ? std::exp(score) : 0;
      total += weights[static_cast<size_t>(s)];
    }
    for (int64_t e = 0; e < v.shape[3]; ++e) {
      double sum = 0;
      for (int64_t s = 0; s < keys; ++s) sum += weights[static_cast<size_t>(s)] * v.at({b, g, s, e});
      y.at({b, h, t, e}) = total > 0 ? sum / total : 0;
    }
  });
  return y;
}

OP_SUITE(scaled_dot_product_attention)
    .devices(kBF16 | kF16)
    .call([](const Tensors& in) { return Tensors{scaled_dot_product_attention(in[0], in[1], in[2])}; })
    .reference([](const Refs& in) { return Refs{attention_f64(in[0], in[1], in[2], false, nullptr, false)}; })
    .sample({{2, 3, 5, 4}, {2, 3, 7, 4}, {2, 3, 7, 6}})
    .sample({{1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}})
    .sample({{0, 3, 5, 4}, {0, 3, 7, 4}, {0, 3, 7, 6}})
    .sample({{2, 3, 0, 4}, {2, 3, 7, 4}, {2, 3, 7, 6}})
    .sample({{2, 3, 5, 4}, {2, 3, 0, 4}, {2, 3, 0, 6}})
    .sample({{1, 1, 70, 9}, {1, 1, 600, 9}, {1, 1, 600, 8}})
    .accumulates(2, 2)
    .accumulates_backward(0, 2, 2)
    .tolerance(kF16, 4e-3)
    .tolerance(kBF16, 2e-2)
    .tolerance(kF32, 1e-5)
    .tolerance(kF64, 1e-13)
    .error("shapes do not match: q is f32[1,2,3,4], k is f32[1,2,3,5]",
           [](Device d) {
             scaled_dot_product_attention(zeros({1, 2, 3, 4}, kF32, d), zeros({1, 2, 3, 5}, kF32, d),
                                          zeros({1, 2, 3, 5}, kF32, d));
           })
    .error("heads do not group",
           [](Device d) {
             scaled_dot_product_attention(zeros({1, 4, 3, 4}, kF32, d), zeros({1, 3, 3, 4}, kF32, d),
                                          zeros({1, 3, 3, 4}, kF32, d));
           })
    .error("dtypes differ or are not supported",
           [](Device d) {
             scaled_dot_product_attention(zeros({1, 1, 3, 4}, kF32, d), zeros({1, 1, 3, 4}, kF64, d),
                                          zeros({1, 1, 3, 4}, kF32, d));
           })
    .error("mask does not fit: mask is f32[3,4], the scores are f32[1,1,3,3]", [](Device d) {
      scaled_dot_product_attention(zeros({1, 1, 3, 4}, kF32, d), zeros({1, 1, 3, 4}, kF32, d),
                                   zeros({1, 1, 3, 4}, kF32, d), {.mask = zeros({3, 4}, kF32, d)});
    });

// Fewer keys than queries too: the first queries then see nothing. One key-value head for all query heads.
OP_SUITE_VARIANT(scaled_dot_product_attention, causal)
    .devices(kBF16 | kF16)
    .call([](const Tensors& in) {
      return Tensors{scaled_dot_product_attention(in[0], in[1], in[2], {.causal = true})};
    })
    .reference([](const Refs& in) { return Refs{attention_f64(in[0], in[1], in[2], true, nullptr, false)}; })
    .sample({{2, 3, 5, 4}, {2, 1, 7, 4}, {2, 1, 7, 6}})
    .sample({{2, 3, 7, 4}, {2, 1, 5, 4}, {2, 1, 5, 6}})
    .sample({{1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}})
    .sample({{2, 3, 5, 4}, {2, 1, 0, 4}, {2, 1, 0, 6}})
    .sample({{1, 1, 150, 9}, {1, 1, 150, 9}, {1, 1, 150, 10}})
    .tolerance(kF16, 4e-3)
    .tolerance(kBF16, 2e-2)
    .tolerance(kF32, 1e-5)
    .tolerance(kF64, 1e-13)
    .skip("errors", "in the main entry");

OP_SUITE_VARIANT(scaled_dot_product_attention, grouped_masked)
    .devices(kBF16 | kF16)
    .inputs({uniform_in(-2, 2), uniform_in(-2, 2), uniform_in(-2, 2), booleans()})
    .call([](const Tensors& in) {
      return Tensors{scaled_dot_product_attention(in[0], in[1], in[2], {.causal = true, .mask = in[3]})};
    })
    .reference([](const Refs& in) { return Refs{attention_f64(in[0], in[1], in[2], true, &in[3], true)}; })
    .sample({{2, 4, 5, 3}, {2, 2, 7, 3}, {2, 2, 7, 6}, {2, 1, 5, 7}})
    .sample({{1, 4, 1, 3}, {1, 2, 7, 3}, {1, 2, 7, 6}, {7}})
    .sample({{0, 4, 5, 3}, {0, 2, 7, 3}, {0, 2, 7, 6}, {5, 7}})
    .sample({{2, 4, 5, 1}, {2, 2, 7, 1}, {2, 2, 7, 6}, {2, 1, 5, 7}})  // a width of 1: a scale of 1
    .tolerance(kF16, 4e-3)
    .tolerance(kBF16, 2e-2)
    .tolerance(kF32, 1e-5)
    .tolerance(kF64, 1e-13)
    .skip("shape_fuzz", "key-value heads must divide query heads")
    .skip("errors", "in the main entry");

// An additive mask that is a constant for the fused kernel, and one that gets a gradient.
OP_SUITE_VARIANT(scaled_dot_product_attention, additive_mask)
    .devices(kBF16 | kF16)
    .inputs({uniform_in(-2, 2), uniform_in(-2, 2), uniform_in(-2, 2), constant_in(-2, 2)})
    .call([](const Tensors& in) {
      return Tensors{scaled_dot_product_attention(in[0], in[1], in[2], {.mask = in[3]})};
    })
    .reference([](const Refs& in) { return Refs{attention_f64(in[0], in[1], in[2], false, &in[3], false)}; })
    .sample({{2, 3, 5, 4}, {2, 3, 7, 4}, {2, 3, 7, 6}, {3, 5, 7}})
    .sample({{1, 3, 5, 4}, {1, 3, 1, 4}, {1, 3, 1, 6}, {5, 1}})
    .sample({{0, 3, 5, 4}, {0, 3, 7, 4}, {0, 3, 7, 6}, {7}})
    .tolerance(kF16, 4e-3)
    .tolerance(kBF16, 2e-2)
    .tolerance(kF32, 1e-5)
    .tolerance(kF64, 1e-13)
    .skip("errors", "in the main entry");

// Scales other than the default, among them those that an implementation may take for none.
OP_SUITE_VARIANT(scaled_dot_product_attention, scales)
    .devices(kBF16 | kF16)
    .inputs({uniform_in(-1, 1), uniform_in(-1, 1), uniform_in(-2, 2), booleans(), constant_in(-2, 2)})
    .call([](const Tensors& in) {
      Tensors out;
      for (double scale : {1.0, 0.3, -0.7}) {
        for (const Tensor& mask : {Tensor(), in[3], in[4]}) {
          out.push_back(scaled_dot_product_attention(in[0], in[1], in[2],
                                                     {.causal = true, .mask = mask, .scale = scale}));
        }
      }
      return out;
    })
    .reference([](const Refs& in) {
      Refs out;
      for (double scale : {1.0, 0.3, -0.7}) {
        out.push_back(attention_f64(in[0], in[1], in[2], true, nullptr, false, scale));
        out.push_back(attention_f64(in[0], in[1], in[2], true, &in[3], true, scale));
        out.push_back(attention_f64(in[0], in[1], in[2], true, &in[4], false, scale));
      }
      return out;
    })
    .sample({{3, 2, 5, 4}, {3, 1, 7, 4}, {3, 1, 7, 6}, {5, 7}, {2, 1, 7}})
    .sample({{1, 1, 3, 1}, {1, 1, 5, 1}, {1, 1, 5, 1}, {5}, {3, 1}})
    .sample({{0, 2, 5, 4}, {0, 1, 7, 4}, {0, 1, 7, 6}, {5, 7}, {2, 1, 7}})
    .longest(200)  // nine calls a case; the other entries have longer ones
    .tolerance(kF16, 4e-3)
    .tolerance(kBF16, 2e-2)
    .tolerance(kF32, 1e-5)
    .tolerance(kF64, 1e-13)
    .skip("errors", "in the main entry");

OP_SUITE_VARIANT(scaled_dot_product_attention, mask_gradient)
    .dtypes(kF32 | kF64)
    .call([](const Tensors& in) {
      return Tensors{scaled_dot_product_attention(in[0], in[1], in[2], {.causal = true, .mask = in[3]})};
    })
    .reference([](const Refs& in) { return Refs{attention_f64(in[0], in[1], in[2], true, &in[3], false)}; })
    .sample({{2, 3, 5, 4}, {2, 1, 7, 4}, {2, 1, 7, 6}, {3, 5, 7}})
    .sample({{1, 3, 5, 4}, {1, 1, 1, 4}, {1, 1, 1, 6}, {5, 1}})
    .sample({{0, 3, 5, 4}, {0, 1, 7, 4}, {0, 1, 7, 6}, {7}})
    .tolerance(kF32, 1e-5)
    .tolerance(kF64, 1e-13)
    .skip("errors", "in the main entry");

}  // namespace
}  // namespace roux::testing
