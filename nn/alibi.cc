#include "nn/alibi.h"

#include <algorithm>
#include <cmath>

#include "tensor/ops/creation.h"

namespace roux {

std::vector<double> alibi_slopes(int64_t heads) {
  int64_t power = 1;
  while (2 * power <= heads) power *= 2;
  std::vector<double> slopes;
  for (int64_t i = 0; i < power; ++i) {
    slopes.push_back(std::exp2(-8.0 * static_cast<double>(i + 1) / static_cast<double>(power)));
  }
  for (int64_t i = 0; i < heads - power; ++i) {
    slopes.push_back(std::exp2(-4.0 * static_cast<double>(2 * i + 1) / static_cast<double>(power)));
  }
  return slopes;
}

const Tensor& AlibiTable::at_least(int64_t reach, DType dtype, Device device) const {
  const bool fits = table_.defined() && table_.dtype() == dtype && table_.device() == device;
  const int64_t kept = fits ? (table_.size(1) + 1) / 2 : 0;
  if (fits && kept >= reach) return table_;
  reach = std::max({reach, 2 * kept, int64_t{1}});
  std::vector<double> values;
  for (const double slope : alibi_slopes(heads_)) {
    for (int64_t distance = 1 - reach; distance < reach; ++distance) {
      values.push_back(-slope * static_cast<double>(std::abs(distance)));
    }
  }
  return table_ = tensor(values, {heads_, 2 * reach - 1}).to(dtype).to(device);
}

}  // namespace roux
