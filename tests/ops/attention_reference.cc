#include "tests/ops/attention_reference.h"

#include <algorithm>

#include "tensor/philox.h"

namespace roux::testing {
namespace {

// Whether query t of row b may look at key s, by the rules as words say them.
bool visible(const RefOptions& o, int64_t b, int64_t h, int64_t t, int64_t s, int64_t queries, int64_t keys) {
  const double own = o.position ? broadcast_at(*o.position, {b, t}) : static_cast<double>(t + keys - queries);
  const double key = static_cast<double>(s);
  if (o.begin && key < broadcast_at(*o.begin, {b, t})) return false;
  if (o.end && key >= broadcast_at(*o.end, {b, t})) return false;
  if (o.mask && broadcast_at(*o.mask, {b, h, t, s}) == 0) return false;
  if (o.prefix && key < broadcast_at(*o.prefix, {b, t})) return true;
  if (o.causal && key > own) return false;
  if (o.window > 0 && own - key >= static_cast<double>(o.window)) return false;
  return true;
}

}  // namespace

Refs attention_f64(const Ref& q, const Ref& k, const Ref& v, const RefOptions& o) {
  const int64_t heads = q.shape[1], groups = k.shape[1], queries = q.shape[2], keys = k.shape[2],
                width = q.shape[3];
  Ref y({q.shape[0], heads, queries, v.shape[3]}), lse({q.shape[0], heads, queries});
  const double scale =
      o.scale != 0 ? o.scale : 1 / std::sqrt(static_cast<double>(std::max<int64_t>(width, 1)));
  std::vector<double> weights(static_cast<size_t>(keys));
  for_each_index({q.shape[0], heads, queries}, [&](const Dims& at) {
    const int64_t b = at[0], h = at[1], t = at[2], g = h / (heads / groups);
    double total = 0;
    for (int64_t s = 0; s < keys; ++s) {
      double score = 0;
      for (int64_t d = 0; d < width; ++d) score += q.at({b, h, t, d}) * k.at({b, g, s, d});
      score *= scale;
      if (o.softcap > 0) score = o.softcap * std::tanh(score / o.softcap);
      if (o.bias) score += broadcast_at(*o.bias, {b, h, t, s});
      if (o.distance_bias) {
        const int64_t m = (o.distance_bias->shape[1] + 1) / 2;
        const int64_t own =
            o.position ? static_cast<int64_t>(broadcast_at(*o.position, {b, t})) : t + keys - queries;
        score += o.distance_bias->at({h, std::min(std::max(s - own, 1 - m), m - 1) + m - 1});
      }
      weights[static_cast<size_t>(s)] = visible(o, b, h, t, s, queries, keys) ? std::exp(score) : 0;
      total += weights[static_cast<size_t>(s)];
    }
    lse.at({b, h, t}) = std::log(total);
    if (o.dropout > 0) {
      for (int64_t s = 0; s < keys; ++s) {
        const int64_t i = ((b * heads + h) * queries + t) * keys + s;
        const double u = philox_uniform(philox(o.seed, 0, static_cast<uint64_t>(i / 4)).word[i % 4]);
        weights[static_cast<size_t>(s)] *= u >= o.dropout ? 1 / (1 - o.dropout) : 0;
      }
    }
    for (int64_t e = 0; e < v.shape[3]; ++e) {
      double sum = 0;
      for (int64_t s = 0; s < keys; ++s) sum += weights[static_cast<size_t>(s)] * v.at({b, g, s, e});
      y.at({b, h, t, e}) = total > 0 ? sum / total : 0;
    }
  });
  return {y, lse};
}
}  // namespace roux::testing
