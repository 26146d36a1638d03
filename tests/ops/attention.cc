// Attention with masks, biases and scales, with the log of the sum, and merged from parts.
#include "tensor/ops/attention.h"

#include <limits>

#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tests/ops/attention_reference.h"

namespace roux::testing {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

void attend_3(Device d, const AttentionOptions& options, DType dtype = kF32) {
  const Tensor x = zeros({1, 2, 3, 4}, dtype, d);
  scaled_dot_product_attention(x, x, x, options);
}

OP_SUITE(scaled_dot_product_attention)
    .devices(kFloating)
    .call([](const Tensors& in) { return Tensors{scaled_dot_product_attention(in[0], in[1], in[2])}; })
    .reference([](const Refs& in) { return y_of(attention_f64(in[0], in[1], in[2])); })
    .sample({{2, 3, 5, 4}, {2, 3, 7, 4}, {2, 3, 7, 6}})
    .sample({{1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}})
    .sample({{0, 3, 5, 4}, {0, 3, 7, 4}, {0, 3, 7, 6}})
    .sample({{2, 3, 0, 4}, {2, 3, 7, 4}, {2, 3, 7, 6}})
    .sample({{2, 3, 5, 4}, {2, 3, 0, 4}, {2, 3, 0, 6}})
    .sample({{1, 1, 70, 9}, {1, 1, 600, 9}, {1, 1, 600, 8}})
    .sample({{1, 2, 37, 16}, {1, 2, 50, 16}, {1, 2, 50, 32}})  // short rows of whole vectors
    .sample({{1, 1, 5, 48}, {1, 1, 3, 48}, {1, 1, 3, 16}})
    .accumulates(2, 2)
    .accumulates_backward(0, 2, 2)
    .with(tolerances)
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
    .error("mask does not fit: mask is f32[3,3], needed bool, broadcast to [1,2,3,3]",
           [](Device d) {
             attend_3(d, {.rules = {.mask = zeros({3, 3}, kF32, d)}});
           })
    .error("bias does not fit: bias is f32[3,4], needed f32, broadcast to [1,2,3,3]",
           [](Device d) {
             attend_3(d, {.rules = {.bias = zeros({3, 4}, kF32, d)}});
           })
    .error("bias does not fit: bias is f16[3], needed bf16 or f32, broadcast to [1,2,3,3]",
           [](Device d) { attend_3(d, {.rules = {.bias = zeros({3}, kF16, d)}}, kBF16); })
    .error("position does not fit: position is i64[3], needed i32, broadcast to [1,3]",
           [](Device d) { attend_3(d, {.rules = {.position = zeros({3}, kI64, d)}}); })
    .error("begin does not fit: begin is i32[2,3], needed i32, broadcast to [1,3]",
           [](Device d) {
             attend_3(d, {.rules = {.begin = zeros({2, 3}, kI32, d)}});
           })
    .error("end does not fit: end is i32[4], needed i32, broadcast to [1,3]",
           [](Device d) { attend_3(d, {.rules = {.end = zeros({4}, kI32, d)}}); })
    .error("distance_bias does not fit: distance_bias is f32[2,3], needed f32 [2, 2 M - 1] with M >= 3",
           [](Device d) {
             attend_3(d, {.rules = {.distance_bias = zeros({2, 3}, kF32, d)}});
           })
    .error("documents does not fit: documents is i64[4], q is f32[1,2,3,4], k is f32[1,2,3,4], needed i32 or",
           [](Device d) { attend_3(d, {.rules = {.documents = zeros({4}, kI64, d)}}); })
    .error("documents does not fit: documents is f32[3]",
           [](Device d) { attend_3(d, {.rules = {.documents = zeros({3}, kF32, d)}}); })
    .error("without begin, end and position",
           [](Device d) {
             attend_3(d, {.rules = {.end = zeros({3}, kI32, d), .documents = zeros({3}, kI64, d)}});
           })
    .error("window is 2 with causal false and prefix not given",
           [](Device d) { attend_3(d, {.rules = {.window = 2}}); })
    .error("window is 2 with causal true and prefix given",
           [](Device d) {
             attend_3(d, {.rules = {.causal = true, .window = 2, .prefix = zeros({3}, kI32, d)}});
           })
    .error("prefix is given with causal false",
           [](Device d) { attend_3(d, {.rules = {.prefix = zeros({3}, kI32, d)}}); })
    .error("softcap is -1, needed 0 (none) or a finite one above",
           [](Device d) { attend_3(d, {.softcap = -1}); })
    .error("dropout is 1, needed 0 <= dropout < 1", [](Device d) { attend_3(d, {.dropout = 1}); })
    .error("dropout is 0.5 without a generator", [](Device d) { attend_3(d, {.dropout = 0.5}); });

// Fewer keys than queries too: the first queries then see nothing. One key-value head for all query heads.
OP_SUITE_VARIANT(scaled_dot_product_attention, causal)
    .devices(kFloating)
    .call([](const Tensors& in) {
      return Tensors{scaled_dot_product_attention(in[0], in[1], in[2], {.rules = {.causal = true}})};
    })
    .reference([](const Refs& in) { return y_of(attention_f64(in[0], in[1], in[2], {.causal = true})); })
    .sample({{2, 3, 5, 4}, {2, 1, 7, 4}, {2, 1, 7, 6}})
    .sample({{2, 3, 7, 4}, {2, 1, 5, 4}, {2, 1, 5, 6}})
    .sample({{1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 1}})
    .sample({{2, 3, 5, 4}, {2, 1, 0, 4}, {2, 1, 0, 6}})
    .sample({{1, 1, 150, 9}, {1, 1, 150, 9}, {1, 1, 150, 10}})
    .sample({{1, 2, 64, 32}, {1, 1, 64, 32}, {1, 1, 64, 16}})  // short rows of whole vectors
    .sample({{2, 1, 31, 16}, {2, 1, 13, 16}, {2, 1, 13, 16}})
    .with(variant);

OP_SUITE_VARIANT(scaled_dot_product_attention, grouped_masked)
    .devices(kFloating)
    .inputs({in_2(), in_2(), in_2(), booleans()})
    .call([](const Tensors& in) {
      return Tensors{
          scaled_dot_product_attention(in[0], in[1], in[2], {.rules = {.causal = true, .mask = in[3]}})};
    })
    .reference([](const Refs& in) {
      return y_of(attention_f64(in[0], in[1], in[2], {.causal = true, .mask = &in[3]}));
    })
    .sample({{2, 4, 5, 3}, {2, 2, 7, 3}, {2, 2, 7, 6}, {2, 1, 5, 7}})
    .sample({{1, 4, 1, 3}, {1, 2, 7, 3}, {1, 2, 7, 6}, {7}})
    .sample({{0, 4, 5, 3}, {0, 2, 7, 3}, {0, 2, 7, 6}, {5, 7}})
    .sample({{2, 4, 5, 1}, {2, 2, 7, 1}, {2, 2, 7, 6}, {2, 1, 5, 7}})  // a width of 1: a scale of 1
    .skip("shape_fuzz", "key-value heads must divide query heads")
    .with(variant);

OP_SUITE_VARIANT(scaled_dot_product_attention, constant_bias)
    .inputs({in_2(), in_2(), in_2(), constant_in(-2, 2)})
    .call([](const Tensors& in) {
      return Tensors{scaled_dot_product_attention(in[0], in[1], in[2], {.rules = {.bias = in[3]}})};
    })
    .reference([](const Refs& in) { return y_of(attention_f64(in[0], in[1], in[2], {.bias = &in[3]})); })
    .sample({{2, 3, 5, 4}, {2, 3, 7, 4}, {2, 3, 7, 6}, {3, 5, 7}})
    .sample({{1, 3, 5, 4}, {1, 3, 1, 4}, {1, 3, 1, 6}, {5, 1}})
    .sample({{0, 3, 5, 4}, {0, 3, 7, 4}, {0, 3, 7, 6}, {7}})
    .with(rule);

// Scales other than the default, among them those that an implementation may take for none.
OP_SUITE_VARIANT(scaled_dot_product_attention, scales)
    .devices(kFloating)
    .inputs({uniform_in(-1, 1), uniform_in(-1, 1), in_2(), booleans(), constant_in(-2, 2)})
    .call([](const Tensors& in) {
      Tensors out;
      for (double scale : {1.0, 0.3, -0.7}) {
        for (const AttentionRules& rules : {AttentionRules{.causal = true},
                                            {.causal = true, .mask = in[3]},
                                            {.causal = true, .bias = in[4]}}) {
          out.push_back(scaled_dot_product_attention(in[0], in[1], in[2], {.rules = rules, .scale = scale}));
        }
      }
      return out;
    })
    .reference([](const Refs& in) {
      Refs out;
      for (double scale : {1.0, 0.3, -0.7}) {
        for (const RefOptions& o : {RefOptions{.causal = true},
                                    {.causal = true, .mask = &in[3]},
                                    {.causal = true, .bias = &in[4]}}) {
          RefOptions scaled = o;
          scaled.scale = scale;
          out.push_back(attention_f64(in[0], in[1], in[2], scaled)[0]);
        }
      }
      return out;
    })
    .sample({{3, 2, 5, 4}, {3, 1, 7, 4}, {3, 1, 7, 6}, {5, 7}, {2, 1, 7}})
    .sample({{1, 1, 3, 1}, {1, 1, 5, 1}, {1, 1, 5, 1}, {5}, {3, 1}})
    .sample({{0, 2, 5, 4}, {0, 1, 7, 4}, {0, 1, 7, 6}, {5, 7}, {2, 1, 7}})
    .longest(200)  // nine calls a case; the other entries have longer ones
    .with(variant);

// A gradient of the bias's own shape: head-wise, per row of the batch, one for all.
OP_SUITE_VARIANT(scaled_dot_product_attention, bias)
    .call([](const Tensors& in) {
      return Tensors{
          scaled_dot_product_attention(in[0], in[1], in[2], {.rules = {.causal = true, .bias = in[3]}})};
    })
    .reference([](const Refs& in) {
      return y_of(attention_f64(in[0], in[1], in[2], {.causal = true, .bias = &in[3]}));
    })
    .sample({{2, 3, 5, 4}, {2, 1, 7, 4}, {2, 1, 7, 6}, {3, 5, 7}})
    .sample({{1, 3, 5, 4}, {1, 1, 1, 4}, {1, 1, 1, 6}, {5, 1}})
    .sample({{0, 3, 5, 4}, {0, 1, 7, 4}, {0, 1, 7, 6}, {7}})
    .sample({{5, 4, 3, 2}, {5, 4, 7, 2}, {5, 4, 7, 1}, {1, 1, 3, 7}})
    .sample({{2, 3, 4, 9}, {2, 1, 7, 9}, {2, 1, 7, 1}, {2, 3, 1, 1}})
    .accumulates_backward(3, 2, 2, 2)
    .with(rule);

// The same over groups of heads, which are shared out to tasks.
OP_SUITE_VARIANT(scaled_dot_product_attention, grouped_bias)
    .call([](const Tensors& in) {
      return Tensors{scaled_dot_product_attention(in[0], in[1], in[2], {.rules = {.bias = in[3]}})};
    })
    .reference([](const Refs& in) { return y_of(attention_f64(in[0], in[1], in[2], {.bias = &in[3]})); })
    .sample({{2, 4, 5, 3}, {2, 2, 7, 3}, {2, 2, 7, 6}, {2, 1, 5, 7}})
    .sample({{3, 4, 5, 1}, {3, 2, 7, 1}, {3, 2, 7, 6}, {4, 5, 7}})
    .sample({{7, 4, 5, 1}, {7, 2, 3, 1}, {7, 2, 3, 6}, {5, 3}})
    .sample({{0, 4, 5, 3}, {0, 2, 7, 3}, {0, 2, 7, 6}, {4, 5, 7}})
    .skip("shape_fuzz", "key-value heads must divide query heads")
    .with(rule);

// With the log of the sum: of part of the keys, and where there are none.
OP_SUITE(attention_with_lse)
    .dtypes(kF32 | kF64 | kBF16)
    .devices(kF32 | kF64 | kBF16)
    .inputs({in_2(), in_2(), in_2(), in_2(), i32_in(2, 12)})
    .call([](const Tensors& in) {
      Tensors out;
      for (const AttentionRules& rules : {AttentionRules{.end = in[4]}, {.causal = true, .bias = in[3]}}) {
        const AttentionPart part = attention_with_lse(in[0], in[1], in[2], {.rules = rules});
        out.push_back(part.y);
        // Differences need finite numbers.
        const Tensor none = full({}, -kInf, part.lse.dtype(), part.lse.device());
        out.push_back(cast(where(gt(part.lse, none), part.lse, full({}, -99, none.dtype(), none.device())),
                           in[0].dtype()));
      }
      return out;
    })
    .reference([](const Refs& in) {
      Refs out = attention_f64(in[0], in[1], in[2], {.end = &in[4]});
      for (const Ref& x : attention_f64(in[0], in[1], in[2], {.causal = true, .bias = &in[3]}))
        out.push_back(x);
      for (Ref& x : out) {
        for (double& value : x.v) value = value == -kInf ? -99 : value;
      }
      return out;
    })
    .sample({{2, 3, 5, 4}, {2, 1, 7, 4}, {2, 1, 7, 6}, {3, 5, 7}, {2, 5}})
    .sample({{2, 3, 7, 4}, {2, 1, 5, 4}, {2, 1, 5, 1}, {5}, {7}})
    .sample({{0, 3, 5, 4}, {0, 1, 7, 4}, {0, 1, 7, 6}, {7}, {1}})
    .sample({{2, 3, 5, 4}, {2, 1, 0, 4}, {2, 1, 0, 6}, {1}, {5}})
    .sample({{1, 1, 19, 16}, {1, 1, 33, 16}, {1, 1, 33, 16}, {33}, {19}})
    .with(tolerances)
    .error("softcap is -1", [](Device d) {
      const Tensor x = zeros({1, 2, 3, 4}, kF32, d);
      attention_with_lse(x, x, x, {.softcap = -1});
    });

// Three parts, of which a query sees some: what lies below -1 is -inf.
OP_SUITE(merge_attention)
    .devices(kFloating)
    .inputs({in_2(), in_2(), in_2(), in_2(), in_2(), in_2()})
    .call([](const Tensors& in) {
      std::vector<AttentionPart> parts;
      for (size_t i = 0; i < 3; ++i) {
        const Tensor lse = in[3 + i].dtype() == kF64 ? in[3 + i] : in[3 + i].to(kF32);
        const Tensor none = full({}, -kInf, lse.dtype(), lse.device());
        parts.push_back({in[i], where(gt(lse, -1.0), lse, none)});
      }
      return Tensors{merge_attention(parts)};
    })
    .reference([](const Refs& in) {
      Ref y(in[0].shape);
      for_each_index(in[0].shape, [&](const Dims& at) {
        double total = 0, sum = 0;
        for (size_t i = 0; i < 3; ++i) {
          const double lse = in[3 + i].at({at[0], at[1], at[2]}), weight = lse > -1 ? std::exp(lse) : 0;
          total += weight;
          sum += weight * in[i].at(at);
        }
        y.at(at) = total > 0 ? sum / total : 0;
      });
      return Refs{y};
    })
    .sample({{2, 3, 5, 7}, {2, 3, 5, 7}, {2, 3, 5, 7}, {2, 3, 5}, {2, 3, 5}, {2, 3, 5}})
    .sample({{1, 1, 9, 1}, {1, 1, 9, 1}, {1, 1, 9, 1}, {1, 1, 9}, {1, 1, 9}, {1, 1, 9}})
    .sample({{2, 0, 5, 7}, {2, 0, 5, 7}, {2, 0, 5, 7}, {2, 0, 5}, {2, 0, 5}, {2, 0, 5}})
    .rounds_once(1e-6)
    .with(tolerances)
    .error("needs at least one part", [](Device) { merge_attention({}); })
    .error("parts differ: y is f32[1,2,3,4] and f32[1,2,3,5]",
           [](Device d) {
             const Tensor lse = zeros({1, 2, 3}, kF32, d);
             merge_attention({{zeros({1, 2, 3, 4}, kF32, d), lse}, {zeros({1, 2, 3, 5}, kF32, d), lse}});
           })
    .error("lse does not fit: lse is bf16[1,2,3], needed f32[1,2,3]", [](Device d) {
      merge_attention({{zeros({1, 2, 3, 4}, kBF16, d), zeros({1, 2, 3}, kBF16, d)}});
    });

}  // namespace
}  // namespace roux::testing
