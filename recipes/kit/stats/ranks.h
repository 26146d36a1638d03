// Ranks with ties, the base of Spearman, Kendall and Wilcoxon.
#ifndef ROUX_RECIPES_KIT_STATS_RANKS_H_
#define ROUX_RECIPES_KIT_STATS_RANKS_H_

#include <cstdint>
#include <span>
#include <vector>

namespace roux::stats {

// Indices of x in ascending order of value; equal values keep their order.
std::vector<int64_t> argsort(std::span<const double> x);

// Rank of each value, from 1; equal values share the mean of their ranks. Values must be finite.
std::vector<double> average_ranks(std::span<const double> x);

// Sizes of the groups of equal values that have at least two members.
std::vector<int64_t> tie_counts(std::span<const double> x);

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_RANKS_H_
