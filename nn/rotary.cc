#include "nn/rotary.h"

#include <algorithm>

#include "tensor/error.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/index.h"
#include "tensor/ops/view.h"

namespace roux {

namespace {
constexpr int64_t kMostRows = 1 << 17;  // positions beyond are computed: a stray one must not fill the memory

bool lies_in(const Rotary& tables, DType dtype, Device device) {
  return tables.cos.dtype() == dtype && tables.cos.device() == device;
}
}  // namespace

RotaryCache::Frequencies RotaryCache::frequencies(int64_t length) const {
  const RopeScaling& scaling = rope_.scaling;
  const bool depends = scaling.type == RopeType::kDynamicNtk || scaling.type == RopeType::kLongRope;
  if (!depends || length <= scaling.original_max_position_embeddings) return Frequencies::kOfAll;
  return scaling.type == RopeType::kLongRope ? Frequencies::kOfBeyond : Frequencies::kOfOneLength;
}

const Rotary& RotaryCache::rows(int64_t length, DType dtype, Device device) const {
  const Frequencies of = frequencies(length);
  const auto found = std::find_if(rows_.begin(), rows_.end(), [&](const Rows& kept) {
    return kept.of == of && lies_in(kept.tables, dtype, device);
  });
  const int64_t kept = found == rows_.end() ? 0 : found->tables.cos.size(0);
  if (found != rows_.end() && kept >= length) return found->tables;
  int64_t count = std::max(length, 2 * kept);
  if (frequencies(count) != of) count = rope_.scaling.original_max_position_embeddings;
  Rotary grown = rotary(rope_, head_dim_, arange(0, count, 1, kI64, device), dtype);
  if (found == rows_.end()) return rows_.emplace_back(Rows{of, std::move(grown)}).tables;
  return found->tables = std::move(grown);
}

Rotary RotaryCache::last(const Tensor& positions, DType dtype) const {
  if (positions.device() == kMeta || positions.numel() == 0) {
    return rotary(rope_, head_dim_, positions, dtype);
  }
  std::vector<double> values = positions.to_vector<double>();
  const auto found = std::find_if(last_.begin(), last_.end(), [&](const Last& kept) {
    return lies_in(kept.tables, dtype, positions.device());
  });
  if (found != last_.end() && found->shape == positions.shape() && found->positions == values) {
    return found->tables;
  }
  Last made{std::move(values), positions.shape(), rotary(rope_, head_dim_, positions, dtype)};
  if (found == last_.end()) return last_.emplace_back(std::move(made)).tables;
  *found = std::move(made);
  return found->tables;
}

Rotary RotaryCache::range(int64_t first, int64_t count, DType dtype, Device device) const {
  ROUX_CHECK(first >= 0 && count >= 0)
      << "rotary: first is " << first << ", count is " << count << ", needed at least 0";
  const int64_t length = first + count;
  if (count == 0 || length > kMostRows || frequencies(length) == Frequencies::kOfOneLength) {
    return last(arange(first, length, 1, kI64, device), dtype);
  }
  const Rotary& all = rows(length, dtype, device);
  return {slice(all.cos, 0, first, length), slice(all.sin, 0, first, length), all.interleaved};
}

Rotary RotaryCache::at(const Tensor& positions, DType dtype) const {
  const bool whole = positions.dtype() == kI32 || positions.dtype() == kI64;
  if (!whole || positions.device() == kMeta || positions.numel() == 0 || positions.dim() > 2) {
    return last(positions, dtype);
  }
  const std::vector<int64_t> values = positions.to_vector<int64_t>();
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  if (*least < 0 || *most >= kMostRows || frequencies(*most + 1) == Frequencies::kOfOneLength) {
    return last(positions, dtype);
  }
  const Rotary& all = rows(*most + 1, dtype, positions.device());
  const auto of_positions = [&](const Tensor& table) {
    const Tensor y = embedding(table, positions);
    return y.dim() == 3 ? unsqueeze(y, 1) : y;
  };
  return {of_positions(all.cos), of_positions(all.sin), all.interleaved};
}

}  // namespace roux
