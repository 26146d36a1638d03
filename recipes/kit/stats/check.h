// Argument checks shared by the statistics: every one throws roux::Error with the function's name and the
// values.
#ifndef ROUX_RECIPES_KIT_STATS_CHECK_H_
#define ROUX_RECIPES_KIT_STATS_CHECK_H_

#include <cstdint>
#include <span>

namespace roux::stats {

// At least `least` values, all finite.
void check_sample(std::span<const double> x, int64_t least, const char* function);

// Two samples of one length, at least `least`, all finite.
void check_same_length(std::span<const double> x, std::span<const double> y, int64_t least,
                       const char* function);

// 0 < confidence < 1.
void check_confidence(double confidence, const char* function);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_CHECK_H_
