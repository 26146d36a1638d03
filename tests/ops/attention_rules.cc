// Attention under each rule and option that is no mask or bias, and under all of them.
#include <algorithm>

#include "tensor/ops/attention.h"
#include "tests/ops/attention_reference.h"

namespace roux::testing {
namespace {

OP_SUITE_VARIANT(scaled_dot_product_attention, window)
    .call([](const Tensors& in) {
      return Tensors{
          scaled_dot_product_attention(in[0], in[1], in[2], {.rules = {.causal = true, .window = 3}})};
    })
    .reference([](const Refs& in) {
      return y_of(attention_f64(in[0], in[1], in[2], {.causal = true, .window = 3}));
    })
    .sample({{2, 3, 5, 4}, {2, 1, 7, 4}, {2, 1, 7, 6}})
    .sample({{2, 3, 9, 4}, {2, 1, 5, 4}, {2, 1, 5, 1}})
    .sample({{0, 3, 5, 4}, {0, 1, 7, 4}, {0, 1, 7, 6}})
    .sample({{1, 1, 150, 9}, {1, 1, 150, 9}, {1, 1, 150, 10}})
    .sample({{1, 1, 45, 16}, {1, 1, 61, 16}, {1, 1, 61, 16}})  // short rows of whole vectors
    .with(rule);

// Prefixes of -2 to 9 keys: none, some, and more than there are.
OP_SUITE_VARIANT(scaled_dot_product_attention, prefix)
    .inputs({in_2(), in_2(), in_2(), i32_in(-2, 9)})
    .call([](const Tensors& in) {
      return Tensors{
          scaled_dot_product_attention(in[0], in[1], in[2], {.rules = {.causal = true, .prefix = in[3]}})};
    })
    .reference([](const Refs& in) {
      return y_of(attention_f64(in[0], in[1], in[2], {.causal = true, .prefix = &in[3]}));
    })
    .sample({{2, 1, 5, 4}, {2, 1, 7, 4}, {2, 1, 7, 6}, {2, 1}})
    .sample({{1, 3, 9, 4}, {1, 1, 5, 4}, {1, 1, 5, 6}, {9}})
    .sample({{2, 3, 0, 4}, {2, 1, 5, 4}, {2, 1, 5, 6}, {2, 0}})
    .with(rule);

// Numbers of documents, [B, T] and [T]: a query sees the run of its number.
Ref same_run(const Ref& ids) {
  const int64_t length = ids.shape.back(), rows = ids.size() / std::max<int64_t>(length, 1);
  Ref mask({rows, 1, length, length});
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t t = 0; t < length; ++t) {
      bool same = true;
      for (int64_t s = t; s < length; ++s) {
        same &= ids[row * length + s] == ids[row * length + t];
        mask.at({row, 0, t, s}) = mask.at({row, 0, s, t}) = same ? 1 : 0;
      }
    }
  }
  return mask;
}
OP_SUITE_VARIANT(scaled_dot_product_attention, documents)
    .inputs({in_2(), in_2(), in_2(), integers_in(0, 1)})
    .call([](const Tensors& in) {
      Tensors out;
      for (const bool causal : {false, true}) {
        const AttentionRules rules{.causal = causal, .documents = in[3]};
        out.push_back(scaled_dot_product_attention(in[0], in[1], in[2], {.rules = rules}));
      }
      return out;
    })
    .reference([](const Refs& in) {
      const Ref mask = same_run(in[3]);
      Refs out;
      for (const bool causal : {false, true}) {
        out.push_back(attention_f64(in[0], in[1], in[2], {.causal = causal, .mask = &mask})[0]);
      }
      return out;
    })
    .sample({{2, 3, 9, 4}, {2, 1, 9, 4}, {2, 1, 9, 6}, {2, 9}})
    .sample({{2, 1, 7, 4}, {2, 1, 7, 4}, {2, 1, 7, 6}, {7}})
    .sample({{1, 1, 1, 3}, {1, 1, 1, 3}, {1, 1, 1, 3}, {1}})
    .sample({{0, 3, 5, 4}, {0, 3, 5, 4}, {0, 3, 5, 6}, {5}})
    .with(rule);

// Intervals of any kind: empty, reversed, outside of the keys.
OP_SUITE_VARIANT(scaled_dot_product_attention, begin_end)
    .inputs({in_2(), in_2(), in_2(), i32_in(-2, 5), i32_in(2, 12)})
    .call([](const Tensors& in) {
      Tensors out;
      for (const AttentionRules& rules :
           {AttentionRules{.begin = in[3], .end = in[4]}, {.causal = true, .begin = in[3]}, {.end = in[4]}}) {
        out.push_back(scaled_dot_product_attention(in[0], in[1], in[2], {.rules = rules}));
      }
      return out;
    })
    .reference([](const Refs& in) {
      Refs out;
      for (const RefOptions& o :
           {RefOptions{.begin = &in[3], .end = &in[4]}, {.causal = true, .begin = &in[3]}, {.end = &in[4]}}) {
        out.push_back(attention_f64(in[0], in[1], in[2], o)[0]);
      }
      return out;
    })
    .sample({{2, 1, 5, 4}, {2, 1, 7, 4}, {2, 1, 7, 6}, {2, 5}, {2, 1}})
    .sample({{1, 3, 9, 4}, {1, 1, 5, 4}, {1, 1, 5, 6}, {9}, {1}})
    .sample({{0, 3, 5, 4}, {0, 1, 7, 4}, {0, 1, 7, 6}, {5}, {0, 5}})
    .sample({{1, 2, 17, 16}, {1, 1, 21, 16}, {1, 1, 21, 16}, {1, 17}, {17}})
    .with(rule);

OP_SUITE_VARIANT(scaled_dot_product_attention, position)
    .inputs({in_2(), in_2(), in_2(), i32_in(-2, 12)})
    .call([](const Tensors& in) {
      Tensors out;
      for (int64_t window : {0, 4}) {
        const AttentionRules rules{.causal = true, .window = window, .position = in[3]};
        out.push_back(scaled_dot_product_attention(in[0], in[1], in[2], {.rules = rules}));
      }
      return out;
    })
    .reference([](const Refs& in) {
      Refs out;
      for (int64_t window : {0, 4}) {
        const RefOptions o{.causal = true, .window = window, .position = &in[3]};
        out.push_back(attention_f64(in[0], in[1], in[2], o)[0]);
      }
      return out;
    })
    .sample({{2, 1, 5, 4}, {2, 1, 7, 4}, {2, 1, 7, 6}, {2, 5}})
    .sample({{1, 3, 9, 4}, {1, 1, 5, 4}, {1, 1, 5, 6}, {9}})
    .sample({{0, 3, 5, 4}, {0, 1, 7, 4}, {0, 1, 7, 6}, {5}})
    .with(rule);

// Distances that the table has, and larger ones by positions outside of the keys.
OP_SUITE_VARIANT(scaled_dot_product_attention, distance_bias)
    .inputs({in_2(), in_2(), in_2(), in_2(), i32_in(-20, 20)})
    .call([](const Tensors& in) {
      Tensors out;
      for (const AttentionRules& rules : {AttentionRules{.distance_bias = in[3]},
                                          {.causal = true, .distance_bias = in[3]},
                                          {.position = in[4], .distance_bias = in[3]}}) {
        out.push_back(scaled_dot_product_attention(in[0], in[1], in[2], {.rules = rules}));
      }
      return out;
    })
    .reference([](const Refs& in) {
      Refs out;
      for (const RefOptions& o : {RefOptions{.distance_bias = &in[3]},
                                  {.causal = true, .distance_bias = &in[3]},
                                  {.position = &in[4], .distance_bias = &in[3]}}) {
        out.push_back(attention_f64(in[0], in[1], in[2], o)[0]);
      }
      return out;
    })
    .sample({{2, 4, 5, 3}, {2, 2, 7, 3}, {2, 2, 7, 6}, {4, 13}, {2, 5}})
    .sample({{1, 3, 9, 4}, {1, 3, 5, 4}, {1, 3, 5, 6}, {3, 19}, {9}})
    .sample({{1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1}, {1}})
    .sample({{0, 4, 5, 3}, {0, 2, 7, 3}, {0, 2, 7, 6}, {4, 13}, {5}})
    .sample({{1, 1, 70, 3}, {1, 1, 530, 3}, {1, 1, 530, 2}, {1, 1061}, {70}})
    .skip("shape_fuzz", "the table must be as long as the keys")
    .with(rule);

OP_SUITE_VARIANT(scaled_dot_product_attention, softcap)
    .inputs({in_2(), in_2(), in_2(), in_2()})
    .call([](const Tensors& in) {
      Tensors out;
      for (const AttentionRules& rules : {AttentionRules{.causal = true}, {.causal = true, .bias = in[3]}}) {
        out.push_back(scaled_dot_product_attention(in[0], in[1], in[2],
                                                   {.rules = rules, .scale = 0.8, .softcap = 1.5}));
      }
      return out;
    })
    .reference([](const Refs& in) {
      RefOptions o{.causal = true, .scale = 0.8, .softcap = 1.5};
      Refs out = y_of(attention_f64(in[0], in[1], in[2], o));
      o.bias = &in[3];
      out.push_back(attention_f64(in[0], in[1], in[2], o)[0]);
      return out;
    })
    .sample({{2, 3, 5, 4}, {2, 1, 7, 4}, {2, 1, 7, 6}, {3, 1, 7}})
    .sample({{2, 3, 7, 1}, {2, 1, 5, 1}, {2, 1, 5, 6}, {5}})
    .sample({{0, 3, 5, 4}, {0, 1, 7, 4}, {0, 1, 7, 6}, {7}})
    .with(rule);

// Weights that are drawn, the same in backward, and of which the sum knows nothing.
OP_SUITE_VARIANT(scaled_dot_product_attention, dropout)
    .call([](const Tensors& in) {
      Tensors out;
      for (const AttentionRules& rules : {AttentionRules{}, {.causal = true, .bias = in[3]}}) {
        Generator generator(11, in[0].device());
        out.push_back(scaled_dot_product_attention(
            in[0], in[1], in[2], {.rules = rules, .dropout = 0.3, .generator = &generator}));
      }
      return out;
    })
    .reference([](const Refs& in) {
      RefOptions o{.dropout = 0.3, .seed = 11};
      Refs out = y_of(attention_f64(in[0], in[1], in[2], o));
      o.causal = true;
      o.bias = &in[3];
      out.push_back(attention_f64(in[0], in[1], in[2], o)[0]);
      return out;
    })
    .sample({{2, 3, 5, 4}, {2, 1, 7, 4}, {2, 1, 7, 6}, {3, 5, 7}})
    .sample({{2, 3, 7, 1}, {2, 1, 5, 1}, {2, 1, 5, 6}, {5}})
    .sample({{0, 3, 5, 4}, {0, 1, 7, 4}, {0, 1, 7, 6}, {7}})
    .with(rule);

OP_SUITE_VARIANT(scaled_dot_product_attention, everything)
    .inputs({in_2(), in_2(), in_2(), in_2(), in_2(), booleans(), i32_in(-1, 8), i32_in(-1, 5), i32_in(-2, 3),
             i32_in(4, 9)})
    .call([](const Tensors& in) {
      Generator generator(3, in[0].device());
      return Tensors{scaled_dot_product_attention(in[0], in[1], in[2],
                                                  {.rules = {.causal = true,
                                                             .position = in[6],
                                                             .prefix = in[7],
                                                             .begin = in[8],
                                                             .end = in[9],
                                                             .mask = in[5],
                                                             .bias = in[3],
                                                             .distance_bias = in[4]},
                                                   .scale = 0.6,
                                                   .softcap = 2,
                                                   .dropout = 0.2,
                                                   .generator = &generator})};
    })
    .reference([](const Refs& in) {
      return y_of(attention_f64(in[0], in[1], in[2],
                                {.causal = true,
                                 .position = &in[6],
                                 .prefix = &in[7],
                                 .begin = &in[8],
                                 .end = &in[9],
                                 .mask = &in[5],
                                 .bias = &in[3],
                                 .distance_bias = &in[4],
                                 .scale = 0.6,
                                 .softcap = 2,
                                 .dropout = 0.2,
                                 .seed = 3}));
    })
    .sample({{2, 4, 5, 3}, {2, 2, 7, 3}, {2, 2, 7, 6}, {4, 1, 7}, {4, 13}, {5, 7}, {2, 5}, {5}, {2, 1}, {5}})
    .sample({{2, 4, 9, 1}, {2, 2, 6, 1}, {2, 2, 6, 1}, {6}, {4, 17}, {9, 6}, {2, 9}, {2, 9}, {2, 9}, {2, 9}})
    .sample({{0, 4, 5, 3}, {0, 2, 7, 3}, {0, 2, 7, 6}, {4, 1, 7}, {4, 13}, {5, 7}, {0, 5}, {5}, {0, 1}, {5}})
    .skip("shape_fuzz", "the table must be as long as the keys")
    .with(rule);

}  // namespace
}  // namespace roux::testing
