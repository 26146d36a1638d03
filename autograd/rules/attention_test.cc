// Attention's rules against the masks that they stand for, what they save, and partial attentions. The op
// suite checks values and derivatives of each option against loops in f64.
#include "tensor/ops/attention.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "autograd/autograd.h"
#include "gtest/gtest.h"
#include "tensor/device.h"
#include "tensor/error.h"
#include "tensor/ops/attention_tables.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"
#include "tensor/parallel.h"

namespace roux {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

Tensor leaf(const Tensor& x) { return x.detach().set_requires_grad(true); }
Tensor i32(const std::vector<int32_t>& values, const Shape& shape) { return tensor(values, shape); }

void expect_near(const Tensor& got, const Tensor& want, double tolerance, const std::string& what) {
  const std::vector<double> a = got.to_vector<double>(), b = want.to_vector<double>();
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance) << what << ", element " << i;
}
bool same_bits(const Tensor& a, const Tensor& b) {
  const Tensor x = a.contiguous(), y = b.contiguous();
  return x.spec() == y.spec() && std::memcmp(x.raw_data(), y.raw_data(), x.bytes()) == 0;
}

struct Inputs {
  Tensor q, k, v, bias, distance_bias;
};
Inputs inputs(int64_t queries, int64_t keys, uint64_t seed) {
  Generator generator(seed);
  const auto random = [&](const Shape& shape) { return leaf(normal(shape, 0, 1, generator, kF64)); };
  return {random({2, 4, queries, 5}), random({2, 2, keys, 5}), random({2, 2, keys, 3}), random({4, 1, keys}),
          random({4, 2 * std::max(queries, keys) - 1})};
}

// y and the gradients of all inputs.
std::vector<Tensor> results(const Inputs& in, AttentionRules rules) {
  rules.bias = in.bias;
  rules.distance_bias = in.distance_bias;
  const AttentionPart part = attention_with_lse(in.q, in.k, in.v, {.rules = rules});
  const Tensor seen = where(gt(part.lse, full({}, -kInf, kF64)), part.lse, full({}, 0, kF64));
  std::vector<Tensor> out =
      grad({sum(part.y * part.y) + sum(seen)}, {in.q, in.k, in.v, in.bias, in.distance_bias});
  out.push_back(part.y);
  return out;
}

// bool [B, 1, T, S]
Tensor mask_of(int64_t queries, int64_t keys,
               const std::function<bool(int64_t b, int64_t t, int64_t s)>& sees) {
  std::vector<double> shown;
  for (int64_t b = 0; b < 2; ++b) {
    for (int64_t t = 0; t < queries; ++t) {
      for (int64_t s = 0; s < keys; ++s) shown.push_back(sees(b, t, s) ? 1 : 0);
    }
  }
  return tensor(shown, {2, 1, queries, keys}).to(kBool);
}

// 600 keys are two tiles, 530 queries five.
TEST(AttentionRules, EqualTheirMasks) {
  struct Size {
    int64_t queries, keys;
  };
  for (const auto& [queries, keys] : {Size{7, 9}, {9, 7}, {530, 600}}) {
    SCOPED_TRACE(queries);
    const int64_t past = keys - queries;
    const Inputs in = inputs(queries, keys, 1);
    const auto expect_same = [&](const char* what, const AttentionRules& rules,
                                 const std::function<bool(int64_t, int64_t, int64_t)>& sees) {
      const std::vector<Tensor> got = results(in, rules);
      AttentionRules masked{.position = rules.position, .mask = mask_of(queries, keys, sees)};
      const std::vector<Tensor> want = results(in, masked);
      for (size_t i = 0; i < got.size(); ++i) expect_near(got[i], want[i], 1e-10, what);
    };
    expect_same("causal", {.causal = true}, [&](int64_t, int64_t t, int64_t s) { return s <= t + past; });
    expect_same("window", {.causal = true, .window = 3},
                [&](int64_t, int64_t t, int64_t s) { return s <= t + past && s > t + past - 3; });
    expect_same("prefix", {.causal = true, .prefix = i32({5, 2}, {2, 1})},
                [&](int64_t b, int64_t t, int64_t s) { return s <= t + past || s < (b == 0 ? 5 : 2); });
    expect_same("end", {.end = i32({6, 3}, {2, 1})},
                [&](int64_t b, int64_t, int64_t s) { return s < (b == 0 ? 6 : 3); });
    // Documents of 4 keys, the last one shorter.
    std::vector<int32_t> begin, end, position;
    for (int64_t t = 0; t < queries; ++t) {
      const int64_t own = std::max<int64_t>(0, t + past);
      begin.push_back(static_cast<int32_t>(own / 4 * 4));
      end.push_back(static_cast<int32_t>(own / 4 * 4 + 4));
      position.push_back(static_cast<int32_t>((t * 7) % keys));
    }
    const Tensor begins = i32(begin, {queries}), ends = i32(end, {queries});
    const auto same_document = [&](int64_t t, int64_t s) {
      return s / 4 == begin[static_cast<size_t>(t)] / 4;
    };
    expect_same("documents", {.begin = begins, .end = ends},
                [&](int64_t, int64_t t, int64_t s) { return same_document(t, s); });
    expect_same("causal documents", {.causal = true, .begin = begins},
                [&](int64_t, int64_t t, int64_t s) { return same_document(t, s) && s <= t + past; });
    expect_same("positions", {.causal = true, .window = 5, .position = i32(position, {queries})},
                [&](int64_t, int64_t t, int64_t s) {
                  const int64_t own = position[static_cast<size_t>(t)];
                  return s <= own && s > own - 5;
                });
  }
}

// A packed row of 1,000 documents: forward and backward, on two threads, in less than three times its inputs
// and outputs. A further thread has its own tiles (and, with 16 bits, its own sums).
TEST(AttentionRules, MemoryOfAPackedRow) {
  constexpr int64_t kLength = 16384, kDocuments = 1000;
  const auto document = [](int64_t t) { return t * kDocuments / kLength; };
  std::vector<int32_t> begin;
  for (int32_t t = 0; t < kLength; ++t) {
    begin.push_back(t > 0 && document(t) == document(t - 1) ? begin.back() : t);
  }
  const Tensor begins = i32(begin, {kLength});
  for (DType dtype : {kF32, kBF16}) {
    Generator generator(3);
    const auto random = [&] { return leaf(uniform({1, 8, kLength, 32}, -1, 1, generator, dtype)); };
    const Tensor q = random(), k = random(), v = random(), weight = random().detach();
    const int64_t before = memory_stats(kCpu).current, four = 4 * static_cast<int64_t>(q.bytes());
    reset_peak_memory(kCpu);
    const Tensor y = scaled_dot_product_attention(q, k, v, {.rules = {.causal = true, .begin = begins}});
    const std::vector<Tensor> gradients = grad({y}, {q, k, v}, {.grad_outputs = {weight}});
    const TensorSpec workspace = attention_workspace_spec(q, k, v, true);
    const int64_t threads = std::max(0, max_threads() - 2) * workspace.shape[1] * 4;
    // q, k, v and weight were there before.
    EXPECT_LE(memory_stats(kCpu).peak - before + four, 3 * four + threads) << name(dtype);
    // The last document by itself.
    const int64_t first = begin.back();
    const auto last = [&](const Tensor& x) { return leaf(slice(x, 2, first, kLength)); };
    const Tensor q1 = last(q), k1 = last(k), v1 = last(v);
    const Tensor y1 = scaled_dot_product_attention(q1, k1, v1, {.rules = {.causal = true}});
    const std::vector<Tensor> alone =
        grad({y1}, {q1, k1, v1}, {.grad_outputs = {slice(weight, 2, first, kLength)}});
    const double tolerance = dtype == kF32 ? 1e-5 : 2e-2;
    expect_near(slice(y, 2, first, kLength), y1, tolerance, "y");
    for (size_t i = 0; i < 3; ++i)
      expect_near(slice(gradients[i], 2, first, kLength), alone[i], tolerance, "gradient");
  }
}

// The same bound for each rule and option that is no explicit mask, with documents of 16 tokens.
TEST(AttentionRules, MemoryOfEachRule) {
  constexpr int64_t kLength = 16384;
  Generator generator(4), draws(5);
  const auto random = [&](const Shape& shape) { return leaf(uniform(shape, -1, 1, generator)); };
  const Tensor q = random({1, 2, kLength, 16}), k = random({1, 2, kLength, 16}),
               v = random({1, 2, kLength, 16}), weight = random({1, 2, kLength, 16}).detach(),
               bias = random({2, 1, kLength}), distance_bias = random({2, 2 * kLength - 1});
  const Tensor at = arange(0, kLength, 1, kI32), begin = at - remainder(at, 16), end = begin + 16;
  const std::pair<const char*, AttentionOptions> cases[] = {
      {"window", {.rules = {.causal = true, .window = 64}}},
      {"both ways", {.rules = {.begin = begin, .end = end}}},
      {"prefix", {.rules = {.causal = true, .prefix = end, .begin = begin}}},
      {"position", {.rules = {.causal = true, .window = 32, .position = begin}}},
      {"bias", {.rules = {.causal = true, .begin = begin, .bias = bias}}},
      {"distance bias", {.rules = {.causal = true, .window = 64, .distance_bias = distance_bias}}},
      {"softcap", {.rules = {.causal = true, .begin = begin}, .softcap = 5}},
      {"dropout", {.rules = {.causal = true, .begin = begin}, .dropout = 0.1, .generator = &draws}},
  };
  const TensorSpec workspace = attention_workspace_spec(q, k, v, true);
  const int64_t threads = std::max(0, max_threads() - 2) * workspace.shape[1] * 4;
  for (const auto& [name, options] : cases) {
    std::vector<Tensor> inputs = {q, k, v};
    if (options.rules.bias.defined()) inputs.push_back(bias);
    if (options.rules.distance_bias.defined()) inputs.push_back(distance_bias);
    int64_t four = 4 * static_cast<int64_t>(q.bytes());
    for (size_t i = 3; i < inputs.size(); ++i) four += static_cast<int64_t>(inputs[i].bytes());
    const int64_t before = memory_stats(kCpu).current;
    reset_peak_memory(kCpu);
    const AttentionPart part = attention_with_lse(q, k, v, options);
    grad({part.y, part.lse}, inputs, {.grad_outputs = {weight, ones_like(part.lse)}});
    EXPECT_LE(memory_stats(kCpu).peak - before + four, 3 * four + threads) << name;
  }
}

// Keys and values that no query of a tile sees may hold anything: they are not read.
TEST(AttentionRules, WhatLiesOutsideIsNotRead) {
  constexpr int64_t kKeys = 3000, kBegin = 1111, kEnd = 1900;
  Generator generator(5);
  const Tensor q = leaf(normal({1, 2, 40, 8}, 0, 1, generator));
  std::vector<double> seen(kKeys, NAN);
  std::fill(seen.begin() + kBegin, seen.begin() + kEnd, 1);
  const Tensor column = tensor(seen, {kKeys, 1}).to(kF32);
  const Tensor k = leaf(normal({1, 2, kKeys, 8}, 0, 1, generator) * column);
  const Tensor v = leaf(normal({1, 2, kKeys, 8}, 0, 1, generator) * column);
  const AttentionRules documents{.begin = i32({kBegin}, {1}), .end = i32({kEnd}, {1})};
  const AttentionRules cache{.causal = true, .window = kEnd - kBegin, .position = i32({kEnd - 1}, {1})};
  for (const AttentionRules& rules : {documents, cache}) {
    const Tensor y = scaled_dot_product_attention(q, k, v, {.rules = rules});
    const std::vector<Tensor> gradients = grad({sum(y * y)}, {q, k, v});
    for (double value : y.to_vector<double>()) ASSERT_TRUE(std::isfinite(value));
    for (const Tensor& g : gradients) {
      for (double value : g.to_vector<double>()) ASSERT_TRUE(std::isfinite(value));
    }
    for (double value : slice(gradients[1], 2, 0, kBegin).to_vector<double>()) ASSERT_EQ(value, 0);
    for (double value : slice(gradients[2], 2, kEnd, kKeys).to_vector<double>()) ASSERT_EQ(value, 0);
  }
}

// Dropout of the weights draws what dropout() of a tensor of weights would.
TEST(AttentionDropout, DrawsAsDropoutDoes) {
  Generator one(9), two(9);
  one.next();
  two.next();
  const Tensor q = zeros({2, 3, 4, 2}), k = zeros({2, 3, 5, 2});
  const Tensor identity =
      tensor(std::vector<double>{1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1},
             {5, 5})
          .to(kF32);
  const Tensor weights =
      scaled_dot_product_attention(q, k, identity.expand({2, 3, 5, 5}), {.dropout = 0.4, .generator = &one});
  expect_near(weights, dropout(full({2, 3, 4, 5}, 0.2), 0.4, two), 1e-7, "weights");
  EXPECT_TRUE(one.state() == two.state());
}

// A generator that moved on would draw something else in backward.
TEST(AttentionDropout, ACommitBeforeBackwardIsAnError) {
  Generator generator(9);
  const Tensor q = leaf(normal({1, 1, 4, 2}, 0, 1, generator));
  const Tensor y = scaled_dot_product_attention(q, q, q, {.dropout = 0.5, .generator = &generator});
  generator.commit();
  EXPECT_THROW(grad({sum(y)}, {q}), Error);
}

// Attention to parts of the keys, merged: the same values and gradients as to all of them.
TEST(MergeAttention, EqualsTheWhole) {
  const Inputs in = inputs(6, 11, 2);
  const AttentionOptions causal{.rules = {.causal = true}};
  const Tensor whole = scaled_dot_product_attention(in.q, in.k, in.v, causal);
  std::vector<AttentionPart> parts;
  for (int64_t begin : {0, 4, 8}) {
    const int64_t end = std::min<int64_t>(begin + 4, 11);
    // Query t stands at key t + 5 of the whole.
    const Tensor position = arange(5 - begin, 11 - begin, 1, kI32);
    parts.push_back(attention_with_lse(in.q, slice(in.k, 2, begin, end), slice(in.v, 2, begin, end),
                                       {.rules = {.causal = true, .position = position}}));
  }
  const Tensor merged = merge_attention(parts);
  expect_near(merged, whole, 1e-14, "y");
  const std::vector<Tensor> a = grad({sum(merged * merged)}, {in.q, in.k, in.v});
  const std::vector<Tensor> b = grad({sum(whole * whole)}, {in.q, in.k, in.v});
  for (size_t i = 0; i < 3; ++i) expect_near(a[i], b[i], 1e-12, "gradient");
}

TEST(MergeAttention, APartThatSeesNothingChangesNoBit) {
  Generator generator(4);
  for (DType dtype : {kF32, kBF16, kF64}) {
    const auto random = [&] { return normal({1, 2, 9, 8}, 0, 1, generator, dtype); };
    const Tensor q = random(), zero = full({}, -0.0, dtype);
    std::vector<AttentionPart> some;
    for (int i = 0; i < 3; ++i)
      some.push_back(attention_with_lse(q, random(), where(gt(random(), 0.0), random(), zero)));
    const AttentionPart none = attention_with_lse(q, random(), random(), {.rules = {.end = i32({0}, {1})}});
    for (double value : none.lse.to_vector<double>()) EXPECT_EQ(value, -kInf);
    EXPECT_TRUE(same_bits(merge_attention({none}), none.y));
    EXPECT_TRUE(same_bits(merge_attention({some[0]}), some[0].y));
    EXPECT_TRUE(same_bits(merge_attention({none, some[0]}), some[0].y));
    const AttentionPart negative{full({1, 2, 9, 8}, -0.0, dtype), some[0].lse};
    EXPECT_TRUE(same_bits(merge_attention({negative, none}), negative.y));
    EXPECT_TRUE(
        same_bits(merge_attention({none, some[0], none, some[1], some[2], none}), merge_attention(some)));
  }
}

}  // namespace
}  // namespace roux
