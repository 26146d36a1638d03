#include "tensor/ops/attention_tables.h"

namespace roux {
namespace {

// Pairs of a query and a key that it sees, over batches and heads; negative where the host can't read them.
int64_t seen_pairs(const Tensor& q, const Tensor& k, const AttentionCase& c) {
  const bool by_batch = c.position.defined() || c.prefix.defined() || c.begin.defined() || c.end.defined();
  if (by_batch && q.device().type == DeviceType::kCuda) return -1;
  const AttentionIntervals intervals(c, q.size(2), k.size(2));
  const int64_t batches = by_batch ? q.size(0) : 1;
  int64_t pairs = 0;
  for (int64_t b = 0; b < batches; ++b) {
    for (int64_t t = 0; t < q.size(2); ++t) {
      const KeyInterval seen = intervals.seen_by(b, t);
      pairs += seen.end - seen.begin;
    }
  }
  return pairs * (by_batch ? 1 : q.size(0)) * q.size(1);
}

int64_t bytes_of(std::initializer_list<TensorRef> tensors) {
  int64_t bytes = 0;
  for (const TensorRef& x : tensors) bytes += distinct_bytes(*x);
  return bytes;
}

int64_t flops_of(int64_t pairs, int64_t a_pair) { return pairs < 0 ? -1 : pairs * a_pair; }

}  // namespace

OpCost attention_cost(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionCase& c, Tensor&,
                      Tensor& y, Tensor& exact_y, Tensor& row_stats, Tensor& lse) {
  return {bytes_of({q, k, v, c.mask, c.bias, c.distance_bias}), bytes_of({y, exact_y, row_stats, lse}),
          flops_of(seen_pairs(q, k, c), 2 * (q.size(3) + v.size(3)))};
}

OpCost attention_backward_cost(const Tensor& grad_y, const Tensor& grad_lse, const Tensor& q, const Tensor& k,
                               const Tensor& v, const AttentionCase& c, const Tensor& exact_y,
                               const Tensor& row_stats, Tensor&, AttentionGradients& grad) {
  return {bytes_of({grad_y, grad_lse, q, k, v, exact_y, row_stats, c.mask, c.bias, c.distance_bias}),
          bytes_of({grad.q, grad.k, grad.v, grad.bias, grad.distance_bias}),
          flops_of(seen_pairs(q, k, c), 2 * (3 * q.size(3) + 2 * v.size(3)))};
}

}  // namespace roux
