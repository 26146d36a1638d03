// What is told of the trials of one model: the statistics that sampled mode and --table share.
#ifndef ROUX_RECIPES_ALICE_IN_WONDERLAND_STATISTICS_H_
#define ROUX_RECIPES_ALICE_IN_WONDERLAND_STATISTICS_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "recipes/alice_in_wonderland/exam.h"
#include "recipes/alice_in_wonderland/method.h"

namespace roux::alice {

// The trials under one prompt type.
struct TypeStatistics {
  std::string type;
  std::vector<Cell> cells;                 // by variation
  std::array<int64_t, kKinds> kinds{};     // of all answers
  double mean_length = 0;                  // bytes of a response
  int64_t wrong = 0, confident_wrong = 0;  // wrong answers, and those that sound confident
  // Of two or more variations.
  Fluctuation fluctuation;
  double range_limit = 0;      // 95 % quantile of the range under equal rates, by `kRangeDraws` draws
  int64_t draws_as_large = 0;  // draws with a range at least as large
  bool fluctuates() const { return cells.size() >= 2; }
  double range_p() const;
};
inline constexpr int64_t kRangeDraws = 20000;

// By prompt type, in the order in which they appear.
std::vector<TypeStatistics> statistics_of(const std::vector<SampledItem>& items,
                                          const std::vector<Responses>& responses);
// The score of a model: the mean of its cells' rates.
double mean_rate(const std::vector<TypeStatistics>& types);

}  // namespace roux::alice

#endif  // ROUX_RECIPES_ALICE_IN_WONDERLAND_STATISTICS_H_
