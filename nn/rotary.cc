#include "nn/rotary.h"

#include <algorithm>

#include "tensor/error.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/index.h"
#include "tensor/ops/view.h"

namespace roux {

namespace {
bool depends_on_length(const Rope& rope) {
  return rope.scaling.type == RopeType::kDynamicNtk || rope.scaling.type == RopeType::kLongRope;
}
constexpr int64_t kMostRows = 1 << 17;  // positions beyond are computed: a stray one must not fill the memory
}  // namespace

const Rotary& RotaryCache::tables(int64_t rows, DType dtype, Device device) const {
  const auto found = std::find_if(tables_.begin(), tables_.end(), [&](const Rotary& kept) {
    return kept.cos.dtype() == dtype && kept.cos.device() == device;
  });
  const int64_t kept = found == tables_.end() ? 0 : found->cos.size(0);
  if (found != tables_.end() && kept >= rows) return *found;
  Rotary grown = rotary(rope_, head_dim_, arange(0, std::max(rows, 2 * kept), 1, kI64, device), dtype);
  if (found == tables_.end()) return tables_.emplace_back(std::move(grown));
  return *found = std::move(grown);
}

Rotary RotaryCache::range(int64_t first, int64_t count, DType dtype, Device device) const {
  ROUX_CHECK(first >= 0 && count >= 0)
      << "rotary: first is " << first << ", count is " << count << ", needed at least 0";
  if (depends_on_length(rope_) || first + count > kMostRows) {
    return rotary(rope_, head_dim_, arange(first, first + count, 1, kI64, device), dtype);
  }
  const Rotary& all = tables(first + count, dtype, device);
  return {slice(all.cos, 0, first, first + count), slice(all.sin, 0, first, first + count), all.interleaved};
}

Rotary RotaryCache::at(const Tensor& positions, DType dtype) const {
  const bool whole = positions.dtype() == kI32 || positions.dtype() == kI64;
  if (!whole || positions.device() == kMeta || positions.numel() == 0 || depends_on_length(rope_)) {
    return rotary(rope_, head_dim_, positions, dtype);
  }
  const std::vector<int64_t> values = positions.to_vector<int64_t>();
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  if (*least < 0 || *most >= kMostRows || positions.dim() > 2)
    return rotary(rope_, head_dim_, positions, dtype);
  const Rotary& all = tables(*most + 1, dtype, positions.device());
  const auto rows = [&](const Tensor& table) {
    const Tensor y = embedding(table, positions);
    return y.dim() == 3 ? unsqueeze(y, 1) : y;
  };
  return {rows(all.cos), rows(all.sin), all.interleaved};
}

}  // namespace roux
