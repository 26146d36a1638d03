// Validation losses published by the authors of arXiv 2408.11029 with their fitting script: peak rate 2e-4,
// floor 0, 20000 steps, 500 steps of warm-up; one value per 1000 steps, at steps 1000, 2000, ..., 20000.
#ifndef ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_PUBLISHED_H_
#define ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_PUBLISHED_H_

#include <array>
#include <cstdint>

namespace roux::lr_annealing {

inline constexpr double kPublishedPeak = 2e-4;
inline constexpr int64_t kPublishedTotal = 20000;
inline constexpr int64_t kPublishedWarmup = 500;
inline constexpr int64_t kPublishedInterval = 1000;

inline constexpr std::array<double, 20> kPublishedCosine = {
    3.6696358, 3.3254106, 3.1908393, 3.1158533, 3.0604768, 3.020384,  2.9880967,
    2.9612265, 2.9395165, 2.9195616, 2.9030452, 2.8881907, 2.8767889, 2.8654318,
    2.8565135, 2.8489892, 2.843639,  2.8398669, 2.8380618, 2.8376071};

inline constexpr std::array<double, 20> kPublishedConstant = {
    3.6714418, 3.325626,  3.1884103, 3.111947,  3.058354,  3.0211415, 2.9874816,
    2.96082,   2.9406552, 2.9241402, 2.9054413, 2.8942103, 2.8807929, 2.8702695,
    2.862175,  2.8530996, 2.8448784, 2.8383856, 2.8326995, 2.8294308};

}  // namespace roux::lr_annealing

#endif  // ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_PUBLISHED_H_
