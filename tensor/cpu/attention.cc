// CPU attention in tiles of scores (Br x Bc): products by the single-threaded gemm, softmax in place. A tile
// of queries visits the keys between the first and the last that one of them sees. Parallel over (batch,
// head, tile of queries). bf16 and f16 rows are converted to f32 tile by tile, or products of bf16 take them
// as they are.
#include "tensor/cpu/attention_row_alone.h"
#include "tensor/cpu/attention_short.h"
#include "tensor/cpu/attention_tiles.h"

namespace roux::cpu {
namespace {

template <class T, class C = compute_t<T>>
void forward_tile(const Problem<C>& p, const Rows<const T>& q, const Rows<const T>& k, const Rows<const T>& v,
                  int64_t b, int64_t h, int64_t row, Scratch<C> scratch, const Rows<T>& y,
                  const Rows<C>& exact_y, C* largest_of_rows, C* log_sum_of_rows, C* lse_of_rows) {
  const QueryTile tile(p, b, row);
  const int64_t rows = tile.rows;
  const auto sums_of_rows = [&](Scratch<C>& from) {
    return exact_y.data ? Rows<C>{exact_y.row(row), exact_y.ld}
                        : sums_of(y, row, p.v_width, from.template take_converted<T>(rows * p.v_width));
  };
  if constexpr (std::is_same_v<C, float>) {
    if (!p.rows_alone && has_short_heads(p)) {
      const ShortHead head{p, tile, load_whole(q, p.queries, p.width, scratch),
                           load_whole(k, p.keys, p.width, scratch),
                           load_whole(v, p.keys, p.v_width, scratch)};
      const Rows<C> out = sums_of_rows(scratch);
      short_forward(head, scratch, out, largest_of_rows, log_sum_of_rows);
      for (int64_t r = 0; lse_of_rows && r < rows; ++r) {
        lse_of_rows[r] = largest_of_rows[r] * p.scale + log_sum_of_rows[r];
      }
      store_rows(out, rows, p.v_width, y, row);
      return;
    }
  }
  C *scores = scratch.take(p.tiles.rows * p.tiles.cols), *largest = scratch.take(p.tiles.rows),
    *total = scratch.take(p.tiles.rows), *keep = scratch.take(p.tiles.cols);
  std::fill_n(largest, rows, -std::numeric_limits<C>::infinity());
  std::fill_n(total, rows, C(0));
  C* const converted_q = scratch.template take_converted<T>(rows * p.width);
  const Factor<T> tile_q = load_factor(q, row, rows, p.width, converted_q);
  const Rows<C> out = sums_of_rows(scratch);
  C* converted = scratch.template take_converted<T>(p.tiles.cols * std::max(p.width, p.v_width));
  C* const row_scores = p.rows_alone ? scratch.take(p.keys) : nullptr;
  for (int64_t r = 0; p.rows_alone && r < rows; ++r) {
    attend_row_alone(p, k, v, b, h, row + r, tile.sees[r],
                     load_rows(q, row + r, 1, p.width, converted_q).row(0),
                     RowScratch<C>{row_scores, converted, keep}, largest + r, total + r, out.row(r));
  }
  for (int64_t col = tile.all.begin; !p.rows_alone && col < tile.all.end; col += p.tiles.cols) {
    const int64_t cols = std::min(p.tiles.cols, tile.all.end - col);
    const bool first = col == tile.all.begin;
    multiply_rows(rows, cols, p.width, tile_q, load_factor(k, col, cols, p.width, converted), scores);
    for (int64_t r = 0; r < rows; ++r) {
      const KeyInterval seen = tile.within(r, col, cols);
      zero_outside(scores + r * cols, seen, cols);
      const int64_t s = col + seen.begin, n = seen.end - seen.begin;
      C* weights = scores + r * cols + seen.begin;
      if (n == 0) continue;
      if (!p.plain) p.finish_row(b, h, row + r, s, n, weights, nullptr);
      p.functions.softmax(weights, n, p.factor(), largest + r, total + r, out.row(r), p.v_width, first);
      if (p.dropout > 0) {
        p.keep_row(b, h, row + r, s, n, keep);
        multiply(weights, keep, n);
      }
    }
    multiply_rows(rows, p.v_width, cols, GemmOperand<C>{scores, cols},
                  load_factor(v, col, cols, p.v_width, converted), !first, out);
  }
  for (int64_t r = 0; r < rows; ++r) {
    const bool blind = largest[r] == -std::numeric_limits<C>::infinity();
    if (blind) {
      std::fill_n(out.row(r), p.v_width, C(0));
    } else {
      const C scale = C(1) / total[r];
      for (int64_t i = 0; i < p.v_width; ++i) out.row(r)[i] *= scale;
    }
    const C log_sum = blind ? C(0) : vmath::log(total[r]);
    largest_of_rows[row + r] = largest[r];
    log_sum_of_rows[row + r] = log_sum;
    if (lse_of_rows) lse_of_rows[row + r] = largest[r] * p.factor() + log_sum;
  }
  store_rows(out, rows, p.v_width, y, row);
}

template <class T, class C = compute_t<T>>
void attention_rows(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionCase& options,
                    Tensor& workspace, Tensor& y, Tensor& exact_y, Tensor& row_stats, Tensor& lse) {
  const Problem<C> p(q, k, v, options);
  const int64_t tiles = (p.queries + p.tiles.rows - 1) / p.tiles.rows, per_group = p.heads / p.groups;
  C *largest = row_stats.data<C>(), *log_sum = largest + p.batch * p.heads * p.queries;
  parallel_for(0, p.batch * p.heads * tiles, 1, [&](int64_t task, int64_t) {
    // The longest rows first: with causality the work grows with the tile.
    const int64_t tile = tiles - 1 - task % tiles, b = task / tiles / p.heads, h = task / tiles % p.heads;
    const int64_t first = (b * p.heads + h) * p.queries;
    forward_tile<T>(p, head_of<const T>(q, b, h), head_of<const T>(k, b, h / per_group),
                    head_of<const T>(v, b, h / per_group), b, h, tile * p.tiles.rows, Scratch<C>(workspace),
                    head_of<T>(y, b, h), exact_y.defined() ? head_of<C>(exact_y, b, h) : Rows<C>{nullptr, 0},
                    largest + first, log_sum + first, lse.defined() ? lse.data<C>() + first : nullptr);
  });
}

void attention_cpu(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionCase& options,
                   Tensor& workspace, Tensor& y, Tensor& exact_y, Tensor& row_stats, Tensor& lse) {
  dispatch_floating(q.dtype(), [&](auto tag) {
    attention_rows<decltype(tag)>(q, k, v, options, workspace, y, exact_y, row_stats, lse);
  });
}
const RegisterKernel kAttention(attention_kernels, DeviceType::kCpu, kFloating, attention_cpu);

}  // namespace
}  // namespace roux::cpu
