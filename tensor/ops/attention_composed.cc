// Attention in primitives, with memory for all scores; and the sum of partial attentions.
#include <limits>

#include "absl/strings/str_cat.h"
#include "tensor/ops/attention_tables.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/random_tables.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

constexpr double kHidden = -std::numeric_limits<double>::infinity();

Tensor constant(double value, const Tensor& like) { return full({}, value, like.dtype(), like.device()); }

// Where each query stands among the keys: i64 [1 or B, T].
Tensor own_positions(const AttentionCase& c, int64_t queries, int64_t keys, Device device) {
  if (c.position.defined()) return c.position.to(kI64);
  return arange(keys - queries, keys, 1, kI64, device).unsqueeze(0);
}

// [B or 1, T] beside [1, 1, 1, S].
Tensor beside_keys(const Tensor& x) { return x.unsqueeze(1).unsqueeze(3); }

// -inf in place of the scores that the rules hide.
Tensor hide(Tensor scores, const AttentionCase& c) {
  const int64_t queries = scores.size(2), keys = scores.size(3);
  const Tensor hidden = constant(kHidden, scores);
  Tensor low, high;
  if (c.causal) {
    const Tensor next = own_positions(c, queries, keys, scores.device()) + 1;
    if (c.window > 0) low = next - c.window;
    high = c.prefix.defined() ? maximum(next, c.prefix.to(kI64)) : next;
  }
  if (c.begin.defined()) low = low.defined() ? maximum(low, c.begin.to(kI64)) : c.begin.to(kI64);
  if (c.end.defined()) high = high.defined() ? minimum(high, c.end.to(kI64)) : c.end.to(kI64);
  const Tensor key = arange(0, keys, 1, kI64, scores.device());
  if (low.defined()) scores = where(ge(key, beside_keys(low)), scores, hidden);
  if (high.defined()) scores = where(lt(key, beside_keys(high)), scores, hidden);
  if (c.mask.defined()) scores = where(c.mask, scores, hidden);
  return scores;
}

// [1 or B, H, T, S]
Tensor distance_scores(const AttentionCase& c, int64_t queries, int64_t keys, DType dtype) {
  const int64_t entries = c.distance_bias.size(1);
  const Device device = c.distance_bias.device();
  const Tensor key = arange(0, keys, 1, kI64, device);
  const Tensor distance = key - own_positions(c, queries, keys, device).unsqueeze(2);
  const Tensor entry = clamp(distance + (entries - 1) / 2, 0, entries - 1);
  return permute(embedding(c.distance_bias.to(dtype).transpose(0, 1), entry), {0, 3, 1, 2});
}

// softmax over the last axis and the log of the sum of exponentials; 0 for scores of -inf, and 0 and -inf for
// a row of nothing else. Those enter no sum and no product: no derivative meets inf - inf or 0 inf.
struct VisibleSoftmax {
  Tensor weights, lse;
};
VisibleSoftmax visible_softmax(const Tensor& scores) {
  if (scores.numel() == 0) {
    Shape rows = scores.shape();
    rows.erase(rows.rank() - 1);
    return {scores, full(rows, kHidden, scores.dtype(), scores.device())};
  }
  const Tensor visible = ne(scores, constant(kHidden, scores)), largest = amax(scores.detach(), -1, true);
  const Tensor below = where(visible, scores - largest, constant(0, scores));
  const Tensor exponentials = where(visible, exp(below), constant(0, scores));
  const Tensor total = sum(exponentials, -1, true);
  const Tensor divisor = where(eq(total, 0.0), constant(1, scores), total);
  return {exponentials / divisor, squeeze(log(divisor) + largest, -1)};
}

}  // namespace

AttentionPart attention_composed(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionCase& c) {
  const DType compute = q.dtype() == kF64 ? kF64 : kF32;
  const int64_t batch = q.size(0), heads = q.size(1), groups = k.size(1), queries = q.size(2),
                keys = k.size(2);
  const auto grouped = [&](const Tensor& x) {
    return reshape(x, {batch, groups, heads / groups, queries, x.size(3)});
  };
  const Tensor products = matmul(grouped(q.to(compute)), k.to(compute).unsqueeze(2).transpose(-1, -2));
  Tensor scores = reshape(products, {batch, heads, queries, keys}) * c.scale;
  if (c.softcap > 0) scores = tanh(scores / c.softcap) * c.softcap;
  if (c.bias.defined()) scores = scores + c.bias.to(compute);
  if (c.distance_bias.defined()) scores = scores + distance_scores(c, queries, keys, compute);
  VisibleSoftmax softmax = visible_softmax(hide(scores, c));
  if (c.dropout > 0) softmax.weights = dropout_with(softmax.weights, c.dropout, c.draw_state, c.increment);
  const Tensor y = matmul(grouped(softmax.weights), v.to(compute).unsqueeze(2));
  return {cast(reshape(y, {batch, heads, queries, v.size(3)}), q.dtype()), softmax.lse};
}

Tensor merge_attention(absl::Span<const AttentionPart> parts) {
  constexpr const char* kOp = "merge_attention";
  ROUX_CHECK(!parts.empty()) << kOp << ": needs at least one part";
  const Tensor& first = parts[0].y;
  for (const AttentionPart& part : parts) {
    common_device(kOp, {first, part.y, part.lse});
    ROUX_CHECK(is_floating(first.dtype()) && first.dim() == 4 && part.y.spec() == first.spec())
        << kOp << ": parts differ: y is " << first.spec() << " and " << part.y.spec()
        << ", needed one floating spec [B, H, T, E]";
    const TensorSpec needed{first.dtype() == kF64 ? kF64 : kF32,
                            {first.size(0), first.size(1), first.size(2)}};
    ROUX_CHECK(part.lse.spec() == needed)
        << kOp << ": lse does not fit: lse is " << part.lse.spec() << ", needed " << needed;
  }
  Tensor largest = parts[0].lse.detach();
  for (const AttentionPart& part : parts.subspan(1)) largest = maximum(largest, part.lse.detach());
  // -0 is what changes no bit of a sum.
  const Tensor zero = constant(0, largest), nothing = constant(-0.0, largest);
  Tensor total, y;
  for (const AttentionPart& part : parts) {
    const Tensor sees = ne(part.lse, constant(kHidden, largest));
    const Tensor weight = where(sees, exp(where(sees, part.lse - largest, zero)), zero);
    const Tensor term = where(sees.unsqueeze(3), part.y.to(largest.dtype()) * weight.unsqueeze(3), nothing);
    total = total.defined() ? total + weight : weight;
    y = y.defined() ? y + term : term;
  }
  const Tensor divisor = where(eq(total, 0.0), constant(1, total), total).unsqueeze(3);
  return cast(where(eq(total, 0.0).unsqueeze(3), zero, y / divisor), first.dtype());
}

}  // namespace roux
