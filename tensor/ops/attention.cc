#include "tensor/ops/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "tensor/ops/attention_tables.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"
#include "tensor/parallel.h"
#include "tensor/tunable.h"

namespace roux {

constinit KernelTable<AttentionKernel> attention_kernels("scaled_dot_product_attention");
constinit KernelTable<AttentionBackwardKernel> attention_backward_kernels(
    "scaled_dot_product_attention_backward");
constinit GradSlot<AttentionSaved> attention_grad("scaled_dot_product_attention", "//autograd/rules");

AttentionTiles attention_tiles(int64_t queries, int64_t keys) {
  // 128 x 512 keeps a tile of scores in a core's cache and its products near the peak; short sequences take
  // fewer rows to waste less work above the diagonal.
  static constinit const Tunable kManyQueries("attention.many_queries", 512, 9),
      kTileRows("attention.tile_rows", 64, 3), kTileCols("attention.tile_cols", 512, 5);
  return {
      std::min<int64_t>(queries >= kManyQueries ? 2 * kTileRows : kTileRows, std::max<int64_t>(queries, 1)),
      std::min<int64_t>(kTileCols, (std::max<int64_t>(keys, 1) + 15) / 16 * 16)};
}

TensorSpec attention_workspace_spec(const Tensor& q, const Tensor& k, bool backward) {
  const AttentionTiles tiles = attention_tiles(q.size(2), k.size(2));
  // One or two tiles, and two numbers per row.
  return {q.dtype(), {max_threads(), (backward ? 2 : 1) * tiles.rows * tiles.cols + 2 * tiles.rows + 32}};
}

Tensor empty_with_heads_inside(const Shape& shape, DType dtype, Device device) {
  const Tensor memory = empty({dtype, {shape[0], shape[2], shape[1], shape[3]}}, device);
  return alias(memory, shape, {memory.strides()[0], memory.strides()[2], memory.strides()[1], 1}, 0);
}

Tensor attention_ready(const Tensor& x) {
  const bool dense_row = x.strides()[3] == 1 || x.shape()[3] <= 1;
  const bool apart = x.strides()[2] >= x.shape()[3] || x.shape()[2] <= 1;  // not so when expanded along T
  return dense_row && apart ? x : contiguous(x);
}

namespace {

constexpr const char* kOp = "scaled_dot_product_attention";

absl::StatusOr<TensorSpec> attention_spec(const TensorSpec& q, const TensorSpec& k, const TensorSpec& v,
                                          const Tensor& mask) {
  auto fail = [&](absl::string_view what, absl::string_view needed) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": q is ", to_string(q), ", k is ", to_string(k),
                                                   ", v is ", to_string(v), ", needed ", needed));
  };
  if (!is_floating(q.dtype) || q.dtype != k.dtype || q.dtype != v.dtype) {
    return fail("dtypes differ or are not supported", "one floating dtype");
  }
  const Shape &sq = q.shape, &sk = k.shape, &sv = v.shape;
  if (sq.rank() != 4 || sk.rank() != 4 || sv.rank() != 4 || sq[0] != sk[0] || sq[0] != sv[0] ||
      sk[1] != sv[1] || sk[2] != sv[2] || sq[3] != sk[3]) {
    return fail("shapes do not match", "q [B, H, T, D], k [B, G, S, D] and v [B, G, S, E]");
  }
  if (sk[1] == 0 || sq[1] % sk[1] != 0) {
    return fail("heads do not group", "the number of key-value heads to divide that of query heads");
  }
  if (mask.defined()) {
    const Shape scores{sq[0], sq[1], sq[2], sk[2]};
    const absl::StatusOr<Shape> shape = broadcast_shapes(mask.shape(), scores);
    if ((mask.dtype() != kBool && mask.dtype() != q.dtype) || !shape.ok() || !(*shape == scores)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "mask does not fit: mask is ", to_string(mask.spec()), ", the scores are ",
          to_string(TensorSpec{q.dtype, scores}), ", needed bool or their dtype, broadcast to them"));
    }
  }
  return TensorSpec{q.dtype, {sq[0], sq[1], sq[2], sv[3]}};
}

double scale_of(const AttentionOptions& options, int64_t width) {
  return options.scale.value_or(1 / std::sqrt(static_cast<double>(std::max<int64_t>(width, 1))));
}

// Which keys each query may look at: [T, S], true up to key t + S - T.
Tensor causal_mask(int64_t queries, int64_t keys, Device device) {
  const Tensor row = arange(0, static_cast<double>(queries), 1, kI64, device).view({queries, 1});
  const Tensor col = arange(0, static_cast<double>(keys), 1, kI64, device);
  return le(col, row + static_cast<double>(keys - queries));
}

// softmax over the last axis, 0 for scores of -inf and for a row of nothing else. Those enter no sum and no
// product: no derivative meets inf - inf or 0 inf.
Tensor visible_softmax(const Tensor& scores) {
  if (scores.numel() == 0) return scores;
  const auto constant = [&](double value) { return full({}, value, scores.dtype(), scores.device()); };
  const Tensor visible = ne(scores, constant(-std::numeric_limits<double>::infinity()));
  const Tensor below = where(visible, scores - amax(scores.detach(), -1, true), constant(0));
  const Tensor exponentials = where(visible, exp(below), constant(0));
  const Tensor total = sum(exponentials, -1, true);
  return exponentials / where(eq(total, 0.0), constant(1), total);
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options) {
  const Device device = common_device(kOp, {q, k, v}, {options.mask});
  const TensorSpec spec = or_throw(attention_spec(q.spec(), k.spec(), v.spec(), options.mask), kOp);
  if (options.mask.defined() && attention_grad.wants({options.mask})) {
    return scaled_dot_product_attention_composed(q, k, v, options);
  }
  const AttentionCase attention_case{options.causal, scale_of(options, q.size(3))};
  if ((spec.dtype == kBF16 || spec.dtype == kF16) && !attention_kernels.has(device.type, spec.dtype)) {
    AttentionOptions in_f32{options.causal, options.mask, attention_case.scale};
    if (options.mask.defined() && options.mask.dtype() != kBool) in_f32.mask = options.mask.to(kF32);
    return cast(scaled_dot_product_attention(q.to(kF32), k.to(kF32), v.to(kF32), in_f32), spec.dtype);
  }
  Tensor y = empty_with_heads_inside(spec.shape, spec.dtype, device), dense_q, dense_k, dense_v, mask,
         row_stats;
  {
    NoGradGuard no_grad;
    dense_q = attention_ready(q).detach();
    dense_k = attention_ready(k).detach();
    dense_v = attention_ready(v).detach();
    if (options.mask.defined()) mask = options.mask.expand({q.size(0), q.size(1), q.size(2), k.size(2)});
    row_stats = empty({spec.dtype == kF64 ? kF64 : kF32, {2, q.size(0), q.size(1), q.size(2)}}, device);
    Tensor workspace = empty(attention_workspace_spec(q, k, false), device);
    attention_kernels.run(q, dense_q, dense_k, dense_v, mask, attention_case, workspace, y, row_stats);
  }
  return attention_grad.record({q, k, v}, y, [&] {
    return AttentionSaved{dense_q, dense_k, dense_v, mask, SavedTensor::output(y), row_stats, attention_case};
  });
}

Tensor scaled_dot_product_attention_composed(const Tensor& q, const Tensor& k, const Tensor& v,
                                             const AttentionOptions& options) {
  common_device(kOp, {q, k, v}, {options.mask});
  const TensorSpec spec = or_throw(attention_spec(q.spec(), k.spec(), v.spec(), options.mask), kOp);
  const DType compute = spec.dtype == kF64 ? kF64 : kF32;
  const int64_t batch = q.size(0), heads = q.size(1), groups = k.size(1), queries = q.size(2),
                keys = k.size(2);
  const Shape grouped{batch, groups, heads / groups, queries, keys};
  const Tensor q5 = reshape(q.to(compute), {batch, groups, heads / groups, queries, q.size(3)});
  Tensor scores = matmul(q5, k.to(compute).unsqueeze(2).transpose(-1, -2)) * scale_of(options, q.size(3));
  const Tensor hidden = full({}, -std::numeric_limits<double>::infinity(), compute, q.device());
  if (options.mask.defined()) {
    const Tensor mask = reshape(options.mask.expand({batch, heads, queries, keys}), grouped);
    scores = mask.dtype() == kBool ? where(mask, scores, hidden) : scores + mask.to(compute);
  }
  if (options.causal) scores = where(causal_mask(queries, keys, q.device()), scores, hidden);
  const Tensor y = matmul(visible_softmax(scores), v.to(compute).unsqueeze(2));
  return cast(reshape(y, spec.shape), spec.dtype);
}

}  // namespace roux
