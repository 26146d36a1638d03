// Schedules of tests/golden/recipes/lr_annealing_scaling_law.json as those of optim/schedules.h.
#ifndef ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_GOLDEN_SCHEDULE_H_
#define ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_GOLDEN_SCHEDULE_H_

#include <string>
#include <utility>
#include <vector>

#include "optim/schedules.h"
#include "recipes/lr_annealing_scaling_law/method.h"
#include "tests/golden/recipe_values.h"

namespace roux::lr_annealing {

inline Decay golden_decay(const std::string& name) {
  return name == "linear" ? Decay::kLinear : name == "cosine" ? Decay::kCosine : Decay::kOneMinusSqrt;
}

inline Schedule golden_schedule(const golden::Values& v) {
  const std::string& kind = v["kind"].text();
  const double peak = v["peak"].number();
  const int64_t warmup = v.has("warmup") ? v["warmup"].integer() : 0;
  if (kind == "constant") return constant_schedule(peak, warmup);
  if (kind == "multi_step") {
    std::vector<std::pair<int64_t, double>> drops;
    for (const golden::Values& drop : v["drops"].items())
      drops.emplace_back(drop.items()[0].integer(), drop.items()[1].number());
    return multi_step_schedule(peak, drops, warmup);
  }
  const double floor = v.has("floor") ? v["floor"].number() : 0;
  if (kind == "rewarm") {
    return rewarm_schedule({.peak = peak,
                            .floor = floor,
                            .stable = v["stable"].integer(),
                            .decay = v["decay"].integer(),
                            .rewarm = v["rewarm"].integer(),
                            .second_peak = v["second_peak"].number()});
  }
  const ScheduleOptions options{
      .peak = peak, .floor = floor, .total = v["total"].integer(), .warmup = warmup};
  if (kind == "linear") return linear_schedule(options);
  if (kind == "cosine") return cosine_schedule(options);
  return wsd_schedule(options, v["decay_steps"].integer(), golden_decay(v["shape"].text()));
}

inline Law golden_law(const golden::Values& v) {
  const std::vector<double> p = v.numbers();
  return {p[0], p[1], p[2], p[3]};
}

}  // namespace roux::lr_annealing

#endif  // ROUX_RECIPES_LR_ANNEALING_SCALING_LAW_GOLDEN_SCHEDULE_H_
