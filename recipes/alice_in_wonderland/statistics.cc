#include "recipes/alice_in_wonderland/statistics.h"

#include <algorithm>

#include "tensor/error.h"

namespace roux::alice {

double TypeStatistics::range_p() const {
  return static_cast<double>(draws_as_large) / static_cast<double>(kRangeDraws);
}

std::vector<TypeStatistics> statistics_of(const std::vector<SampledItem>& items,
                                          const std::vector<Responses>& responses) {
  ROUX_CHECK(items.size() == responses.size() && !items.empty())
      << "statistics: " << responses.size() << " lists of responses for " << items.size() << " prompts";
  std::vector<TypeStatistics> out;
  for (size_t i = 0; i < items.size(); ++i) {
    auto of_type =
        std::find_if(out.begin(), out.end(), [&](const auto& t) { return t.type == items[i].type; });
    if (of_type == out.end()) of_type = out.insert(out.end(), {.type = items[i].type});
    TypeStatistics& t = *of_type;
    t.cells.push_back(cell_of(items[i], responses[i]));
    const auto kinds = kinds_of(items[i], responses[i]);
    for (size_t k = 0; k < kinds.size(); ++k) t.kinds[k] += kinds[k];
    for (const std::string& response : responses[i].texts) {
      t.mean_length += static_cast<double>(response.size());
      if (is_right(items[i], response)) continue;
      ++t.wrong;
      t.confident_wrong += sounds_confident(response);
    }
  }
  for (TypeStatistics& t : out) {
    int64_t trials = 0;
    for (const Cell& cell : t.cells) trials += cell.trials;
    t.mean_length /= static_cast<double>(std::max<int64_t>(1, trials));
    if (!t.fluctuates()) continue;
    t.fluctuation = fluctuation(t.cells);
    stats::RandomStream random(/*seed=*/1);
    const std::vector<double> ranges = ranges_under_equal_rates(t.cells, kRangeDraws, random);
    t.range_limit = ranges[static_cast<size_t>(0.95 * static_cast<double>(kRangeDraws))];
    t.draws_as_large = std::count_if(ranges.begin(), ranges.end(),
                                     [&](double range) { return range >= t.fluctuation.range - 1e-9; });
  }
  return out;
}

double mean_rate(const std::vector<TypeStatistics>& types) {
  double sum = 0;
  int64_t cells = 0;
  for (const TypeStatistics& t : types)
    for (const Cell& cell : t.cells) sum += cell.rate(), ++cells;
  ROUX_CHECK(cells > 0) << "statistics: there are no cells";
  return sum / static_cast<double>(cells);
}

}  // namespace roux::alice
