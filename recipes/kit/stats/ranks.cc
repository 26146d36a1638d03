#include "recipes/kit/stats/ranks.h"

#include <algorithm>
#include <numeric>

#include "recipes/kit/stats/check.h"

namespace roux::stats {
namespace {

// Calls visit(order, begin, end) for every maximal range of equal values in sorted order.
template <class F>
void for_each_group(std::span<const double> x, F visit) {
  const std::vector<int64_t> order = argsort(x);
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin + 1;
    while (end < order.size() && x[order[end]] == x[order[begin]]) ++end;
    visit(order, begin, end);
    begin = end;
  }
}

}  // namespace

std::vector<int64_t> argsort(std::span<const double> x) {
  check_sample(x, 0, "argsort");
  std::vector<int64_t> order(x.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [x](int64_t a, int64_t b) { return x[a] < x[b]; });
  return order;
}

std::vector<double> average_ranks(std::span<const double> x) {
  std::vector<double> ranks(x.size());
  for_each_group(x, [&](const std::vector<int64_t>& order, size_t begin, size_t end) {
    // Ranks begin+1 .. end, whose mean is exact in binary (an integer or a half).
    const double mean = 0.5 * static_cast<double>(begin + 1 + end);
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = mean;
  });
  return ranks;
}

std::vector<int64_t> tie_counts(std::span<const double> x) {
  std::vector<int64_t> counts;
  for_each_group(x, [&](const std::vector<int64_t>&, size_t begin, size_t end) {
    if (end - begin > 1) counts.push_back(static_cast<int64_t>(end - begin));
  });
  return counts;
}

}  // namespace roux::stats
