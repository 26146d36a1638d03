#include "nn/relative_buckets.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/view.h"

namespace roux {

int64_t relative_bucket(int64_t distance, int64_t buckets, int64_t max_distance, bool both_ways) {
  const int64_t count = both_ways ? buckets / 2 : buckets, exact = count / 2;
  const int64_t first = both_ways && distance > 0 ? count : 0;
  const int64_t size = both_ways ? std::abs(distance) : std::max<int64_t>(-distance, 0);
  if (size < exact) return first + size;
  const auto e = static_cast<double>(exact);
  const double share =
      std::log(static_cast<double>(size) / e) / std::log(static_cast<double>(max_distance) / e);
  const auto beyond = static_cast<int64_t>(share * static_cast<double>(count - exact));
  return first + std::min(count - 1, exact + beyond);
}

RelativeBuckets::RelativeBuckets(const TransformerConfig& config, const Init& init)
    : buckets_(config.relative_attention_num_buckets),
      max_distance_(config.relative_attention_max_distance),
      both_ways_(!config.causal),
      bias_(buckets_, config.num_attention_heads, init) {
  register_module("bias", bias_);
}

Tensor RelativeBuckets::ids(int64_t reach) const {
  reach = std::max<int64_t>(reach, 1);
  const Device device = bias_.weight().device();
  const bool fits = ids_.defined() && ids_.device() == device;
  int64_t kept = fits ? (ids_.size(0) + 1) / 2 : 0;
  if (kept < reach) {
    kept = std::max(reach, 2 * kept);
    std::vector<int32_t> buckets;
    for (int64_t distance = 1 - kept; distance < kept; ++distance) {
      buckets.push_back(static_cast<int32_t>(relative_bucket(distance, buckets_, max_distance_, both_ways_)));
    }
    ids_ = tensor(buckets, {2 * kept - 1}, device);
  }
  return slice(ids_, 0, kept - reach, kept + reach - 1);
}

// Contiguous, so that no layer copies it.
Tensor RelativeBuckets::forward(int64_t reach) const {
  return contiguous(transpose(bias_(ids(reach)), 0, 1));
}

std::string RelativeBuckets::pretty_print() const {
  return absl::StrCat("RelativeBuckets ", buckets_, " up to ", max_distance_,
                      both_ways_ ? ", both ways" : "");
}

}  // namespace roux
