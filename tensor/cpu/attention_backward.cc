// Backward of CPU attention, in the tiles of the forward pass. Parallel over (batch, key-value head), or over
// fewer tasks where these add to the gradient of one bias: each gradient is summed by one task in a fixed
// order.
#include "tensor/cpu/attention_short.h"
#include "tensor/cpu/attention_tiles.h"
#include "tensor/ops/view.h"

namespace roux::cpu {
namespace {

// What the queries of one head add to the gradients of its key-value head, and their own gradient.
template <class T, class C = compute_t<T>>
struct HeadBackward {
  const Problem<C>& p;
  int64_t b, h;
  Rows<const T> grad_y, q, k, v;
  Rows<const C> exact_y;
  const C *largest, *log_sum, *grad_lse;  // of the head's rows; grad_lse may be null
  Rows<T> grad_q;
  Rows<C> grad_k, grad_v;
  const Scored<C>& grad_bias;  // of the task's part
  C* grad_distance;            // of the task's part and the head; may be null
  Scratch<C> scratch;

  void tile(int64_t row) const {
    const QueryTile tile(p, b, row);
    if constexpr (std::is_same_v<C, float>) {
      if (has_short_heads(p)) {
        Scratch<C> free = scratch;
        const ShortHead head{p, tile, load_whole(q, p.queries, p.width, free),
                             load_whole(k, p.keys, p.width, free), load_whole(v, p.keys, p.v_width, free)};
        const Rows<const C> gy = load_whole(grad_y, p.queries, p.v_width, free);
        const Rows<C> gq = sums_of(grad_q, 0, p.width, free.template take_converted<T>(p.queries * p.width));
        short_backward(head, free, gy, exact_y, largest, log_sum, grad_lse, gq, grad_k, grad_v);
        store_rows(gq, p.queries, p.width, grad_q, 0);
        return;
      }
    }
    const int64_t rows = tile.rows;
    Scratch<C> free = scratch;
    C *scores = free.take(p.tiles.rows * p.tiles.cols),
      *weights_grad = free.take(p.tiles.rows * p.tiles.cols), *delta = free.take(p.tiles.rows),
      *slope = free.take(p.tiles.cols), *keep = free.take(p.tiles.cols);
    const auto load = [](const Rows<const T>& x, int64_t first, int64_t n, int64_t width, Scratch<C>& from) {
      return load_factor(x, first, n, width, from.template take_converted<T>(n * width));
    };
    const Factor<T> tile_q = load(q, row, rows, p.width, free);
    const Rows<const C> exact_gy =
        load_rows(grad_y, row, rows, p.v_width, free.template take_converted<T>(rows * p.v_width));
    Factor<T> tile_gy{.converted = exact_gy};
    if (tile_q.own.data) tile_gy = {.own = {grad_y.row(row), grad_y.ld}};
    const Rows<C> tile_gq = sums_of(grad_q, row, p.width, free.template take_converted<T>(rows * p.width));
    for (int64_t r = 0; r < rows; ++r) {
      delta[r] = p.functions.dot(exact_gy.row(r), exact_y.row(row + r), p.v_width);
      if (grad_lse) delta[r] -= grad_lse[row + r];
    }
    if (tile.all.begin == tile.all.end) zero_rows(tile_gq, rows, p.width);
    for (int64_t col = tile.all.begin; col < tile.all.end; col += p.tiles.cols) {
      const int64_t cols = std::min(p.tiles.cols, tile.all.end - col);
      Scratch<C> per_keys = free;
      const Factor<T> tile_k = load(k, col, cols, p.width, per_keys),
                      tile_v = load(v, col, cols, p.v_width, per_keys);
      multiply_rows(rows, cols, p.width, tile_q, tile_k, scores);
      multiply_rows(rows, cols, p.v_width, tile_gy, tile_v, weights_grad);
      for (int64_t r = 0; r < rows; ++r) {
        KeyInterval seen = tile.within(r, col, cols);
        if (largest[row + r] == -std::numeric_limits<C>::infinity()) seen.end = seen.begin;
        zero_outside(scores + r * cols, seen, cols);
        zero_outside(weights_grad + r * cols, seen, cols);
        finish(row + r, col + seen.begin, seen.end - seen.begin, delta[r], scores + r * cols + seen.begin,
               weights_grad + r * cols + seen.begin, slope, keep);
      }
      const GemmOperand<C> weights_t{scores, cols, true}, scores_grad_t{weights_grad, cols, true};
      multiply_rows(cols, p.v_width, rows, weights_t, tile_gy, true, Rows<C>{grad_v.row(col), grad_v.ld});
      multiply_rows(cols, p.width, rows, scores_grad_t, tile_q, true, Rows<C>{grad_k.row(col), grad_k.ld});
      multiply_rows(rows, p.width, cols, GemmOperand<C>{weights_grad, cols}, tile_k, col > tile.all.begin,
                    tile_gq);
    }
    store_rows(tile_gq, rows, p.width, grad_q, row);
  }

  // Query t and keys [s, s + n): products become weights (as dropout left them), and the gradients of those
  // become gradients of products.
  void finish(int64_t t, int64_t s, int64_t n, C delta, C* scores, C* grad, C* slope, C* keep) const {
    if (!p.plain) p.finish_row(b, h, t, s, n, scores, slope);
    if (p.dropout > 0) {
      p.keep_row(b, h, t, s, n, keep);
      multiply(grad, keep, n);
    }
    p.functions.backward(scores, grad, n, p.factor(), largest[t], log_sum[t], delta, p.factor());
    if (p.dropout > 0) multiply(scores, keep, n);
    if (p.plain) return;
    if (grad_bias.data) {
      C* sums = grad_bias.at(b, h, t, s);
      for (int64_t i = 0; i < n; ++i) sums[i * grad_bias.stride[3]] += grad[i];
    }
    if (grad_distance) {
      p.for_distances(b, t, s, n, [&](int64_t i, int64_t entry) { grad_distance[entry] += grad[i]; });
    }
    multiply(grad, slope, n);
  }
};

template <class T, class C = compute_t<T>>
void attention_backward_rows(const Tensor& grad_y, const Tensor& grad_lse, const Tensor& q, const Tensor& k,
                             const Tensor& v, const AttentionCase& options, const Tensor& exact_y,
                             const Tensor& row_stats, Tensor& workspace, AttentionGradients& grad) {
  const Problem<C> p(q, k, v, options);
  const int64_t per_group = p.heads / p.groups, rows = p.batch * p.heads * p.queries;
  const C* stats = row_stats.data<const C>();
  const Tensor &bias = grad.bias.defined() ? options.bias : grad.bias, &distances = grad.distance_bias;
  const AttentionTasks tasks = attention_tasks(q, k, bias, distances);
  const int64_t shared_groups = p.groups / tasks.groups;  // heads and batches that share a bias
  const int64_t pairs = tasks.batches > 1 ? shared_groups : p.batch * shared_groups;
  const Scored<C> bias_sums(bias.defined() ? select(grad.bias, 0, 0) : bias);
  parallel_for(0, tasks.batches * tasks.groups * tasks.parts, 1, [&](int64_t task, int64_t) {
    const int64_t part = task % tasks.parts, b0 = task / tasks.parts / tasks.groups,
                  group0 = task / tasks.parts % tasks.groups;
    Scored<C> part_bias = bias_sums;
    if (bias.defined()) part_bias.data += part * bias.numel();
    for (int64_t pair = pairs * part / tasks.parts; pair < pairs * (part + 1) / tasks.parts; ++pair) {
      const int64_t b = tasks.batches > 1 ? b0 : pair / shared_groups;
      const int64_t group = tasks.groups > 1 ? group0 : pair % shared_groups;
      Scratch<C> scratch(workspace);
      const Rows<T> grad_k = head_of<T>(grad.k, b, group), grad_v = head_of<T>(grad.v, b, group);
      const Rows<C> sums_k =
          sums_of(grad_k, 0, p.width, scratch.template take_converted<T>(p.keys * p.width));
      const Rows<C> sums_v =
          sums_of(grad_v, 0, p.v_width, scratch.template take_converted<T>(p.keys * p.v_width));
      zero_rows(sums_k, p.keys, p.width);
      zero_rows(sums_v, p.keys, p.v_width);
      for (int64_t h = group * per_group; h < (group + 1) * per_group; ++h) {
        const int64_t first = (b * p.heads + h) * p.queries;
        const HeadBackward<T> head{
            p,
            b,
            h,
            head_of<const T>(grad_y, b, h),
            head_of<const T>(q, b, h),
            head_of<const T>(k, b, group),
            head_of<const T>(v, b, group),
            head_of<const C>(exact_y, b, h),
            stats + first,
            stats + rows + first,
            grad_lse.defined() ? grad_lse.data<const C>() + first : nullptr,
            head_of<T>(grad.q, b, h),
            sums_k,
            sums_v,
            part_bias,
            distances.defined() ? distances.data<C>() + (part * p.heads + h) * p.distances : nullptr,
            scratch};
        for (int64_t row = 0; row < p.queries; row += p.tiles.rows) head.tile(row);
      }
      store_rows(sums_k, p.keys, p.width, grad_k, 0);
      store_rows(sums_v, p.keys, p.v_width, grad_v, 0);
    }
  });
}

void attention_backward_cpu(const Tensor& grad_y, const Tensor& grad_lse, const Tensor& q, const Tensor& k,
                            const Tensor& v, const AttentionCase& options, const Tensor& exact_y,
                            const Tensor& row_stats, Tensor& workspace, AttentionGradients& grad) {
  dispatch_floating(q.dtype(), [&](auto tag) {
    attention_backward_rows<decltype(tag)>(grad_y, grad_lse, q, k, v, options, exact_y, row_stats, workspace,
                                           grad);
  });
}

const RegisterKernel kAttentionBackward(attention_backward_kernels, DeviceType::kCpu, kFloating,
                                        attention_backward_cpu);

}  // namespace
}  // namespace roux::cpu
