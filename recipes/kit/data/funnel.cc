#include "recipes/kit/data/funnel.h"

#include <algorithm>

namespace roux::kit {

void Funnel::count(const std::string& reason, int64_t n) {
  const auto at = std::find(reasons.begin(), reasons.end(), reason);
  if (at == reasons.end()) {
    reasons.push_back(reason);
    counts.push_back(n);
  } else {
    counts[static_cast<size_t>(at - reasons.begin())] += n;
  }
}

int64_t Funnel::operator[](const std::string& reason) const {
  const auto at = std::find(reasons.begin(), reasons.end(), reason);
  return at == reasons.end() ? 0 : counts[static_cast<size_t>(at - reasons.begin())];
}

std::vector<std::vector<std::string>> Funnel::rows() const {
  std::vector<std::vector<std::string>> out;
  for (size_t i = 0; i < reasons.size(); ++i) out.push_back({reasons[i], std::to_string(counts[i])});
  return out;
}

}  // namespace roux::kit
