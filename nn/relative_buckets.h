// Relative positions in buckets: a learned bias of the scores for each head and bucket of distances.
//                                                                      [T5: Raffel et al. 2020, section 2.1]
#ifndef ROUX_NN_RELATIVE_BUCKETS_H_
#define ROUX_NN_RELATIVE_BUCKETS_H_

#include <cstdint>
#include <string>

#include "nn/layers.h"
#include "nn/transformer_config.h"

namespace roux {

// The bucket of a key that stands `distance` behind its query (negative: before it), of `buckets` in all.
// Both ways, keys behind have the upper half of them; else these share bucket 0 with the query itself. Of the
// n buckets of a direction the first e = n / 2 are of one distance each, and |distance| >= e has
//   min(n - 1, e + floor(log(|distance| / e) / log(max_distance / e) (n - e))).
int64_t relative_bucket(int64_t distance, int64_t buckets, int64_t max_distance, bool both_ways);

class RelativeBuckets final : public ModuleOf<RelativeBuckets> {
 public:
  // config.relative_attention_num_buckets, ..._max_distance; both ways where the model is not causal.
  RelativeBuckets(const TransformerConfig& config, const Init& init);
  // AttentionRules::distance_bias, [H, 2 reach - 1], for distances below reach >= 0; of a reach of 0, which
  // has no distance, that of 1. Differentiable.
  Tensor forward(int64_t reach) const;
  // i32 [2 reach - 1]: their buckets. A part of a table that is kept, and made anew for twice as many where
  // it is too short.
  Tensor ids(int64_t reach) const;
  std::string pretty_print() const override;

 private:
  int64_t buckets_, max_distance_;
  bool both_ways_;
  Embedding bias_;  // weight: [buckets, H]
  mutable Tensor ids_;
};

}  // namespace roux

#endif  // ROUX_NN_RELATIVE_BUCKETS_H_
