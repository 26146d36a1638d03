#include "optim/schedules.h"

#include <cmath>
#include <numbers>

#include "tensor/error.h"

namespace roux {
namespace {

// A rise that ends just before its target, so that the next phase starts exactly on it.
SchedulePhase rise(int64_t steps, double from, double to) {
  return {.steps = steps, .from = from + (to - from) / static_cast<double>(steps + 1), .to = to};
}

SchedulePhase hold(int64_t steps, double rate) { return {.steps = steps, .from = rate, .to = rate}; }

double shifted_inverse_sqrt(double x, double alpha) { return 1 / std::sqrt(1 + alpha * x) - 1; }

void check_options(const ScheduleOptions& o, const char* name) {
  ROUX_CHECK(o.floor <= o.peak) << name << ": floor is above peak: floor is " << o.floor << ", peak is "
                                << o.peak;
  ROUX_CHECK(o.warmup >= 0 && o.total > o.warmup)
      << name << ": warm-up does not fit the run: warmup is " << o.warmup << ", total is " << o.total
      << ", needed 0 <= warmup < total";
}

}  // namespace

Schedule::Schedule(std::vector<SchedulePhase> phases) : phases_(std::move(phases)) {
  ROUX_CHECK(!phases_.empty()) << "schedule: there is no phase";
  for (size_t i = 0; i < phases_.size(); ++i) {
    const SchedulePhase& p = phases_[i];
    ROUX_CHECK(p.steps >= 0) << "schedule: phase " << i << " has " << p.steps << " steps, needed >= 0";
    ROUX_CHECK(std::isfinite(p.from) && std::isfinite(p.to) && p.from >= 0 && p.to >= 0)
        << "schedule: phase " << i << " goes from " << p.from << " to " << p.to
        << ", needed finite values >= 0";
    ROUX_CHECK((p.shape != Decay::kExponential && p.shape != Decay::kInverseSqrt) || p.steps == 0 ||
               (p.from > 0 && p.to > 0))
        << "schedule: phase " << i << " goes from " << p.from << " to " << p.to
        << ", needed values above 0 for its shape";
    ROUX_CHECK(std::isfinite(p.power) && p.power > 0)
        << "schedule: phase " << i << " has the power " << p.power << ", needed finite and above 0";
    ROUX_CHECK(std::isfinite(p.alpha) && p.alpha > 0)
        << "schedule: phase " << i << " has the alpha " << p.alpha << ", needed finite and above 0";
  }
}

double Schedule::operator()(int64_t step) const {
  ROUX_CHECK(step >= 0) << "schedule: step is " << step << ", needed >= 0";
  for (const SchedulePhase& p : phases_) {
    if (step >= p.steps) {
      step -= p.steps;
      continue;
    }
    const double x = static_cast<double>(step) / static_cast<double>(p.steps);
    switch (p.shape) {
      case Decay::kLinear:
        return p.from + (p.to - p.from) * x;
      case Decay::kCosine:
        return p.to + (p.from - p.to) * 0.5 * (1 + std::cos(std::numbers::pi * x));
      case Decay::kOneMinusSqrt:
        return p.to + (p.from - p.to) * (1 - std::sqrt(x));
      case Decay::kPolynomial:
        return p.to + (p.from - p.to) * std::pow(1 - x, p.power);
      case Decay::kExponential:
        return p.from * std::pow(p.to / p.from, x);
      case Decay::kInverseSqrt:
        return p.from / std::sqrt(1 - x + x * (p.from / p.to) * (p.from / p.to));
      case Decay::kShiftedInverseSqrt:
        return p.from + (p.to - p.from) * shifted_inverse_sqrt(x, p.alpha) / shifted_inverse_sqrt(1, p.alpha);
    }
  }
  return phases_.back().to;
}

Schedule constant_schedule(double peak, int64_t warmup) {
  ROUX_CHECK(warmup >= 0) << "constant_schedule: warmup is " << warmup << ", needed >= 0";
  return Schedule({rise(warmup, 0, peak), hold(0, peak)});
}

Schedule linear_schedule(const ScheduleOptions& o) {
  check_options(o, "linear_schedule");
  return Schedule({rise(o.warmup, 0, o.peak), {o.total - o.warmup, o.peak, o.floor, Decay::kLinear}});
}

Schedule cosine_schedule(const ScheduleOptions& o) {
  check_options(o, "cosine_schedule");
  return Schedule({rise(o.warmup, 0, o.peak), {o.total - o.warmup, o.peak, o.floor, Decay::kCosine}});
}

Schedule wsd_schedule(const ScheduleOptions& o, int64_t decay_steps, Decay shape) {
  check_options(o, "wsd_schedule");
  ROUX_CHECK(decay_steps >= 1 && decay_steps <= o.total - o.warmup)
      << "wsd_schedule: decay does not fit the run: decay_steps is " << decay_steps << ", needed 1.."
      << o.total - o.warmup << " (total " << o.total << ", warmup " << o.warmup << ")";
  return Schedule({rise(o.warmup, 0, o.peak),
                   hold(o.total - o.warmup - decay_steps, o.peak),
                   {decay_steps, o.peak, o.floor, shape}});
}

Schedule polynomial_schedule(const ScheduleOptions& o, double power) {
  check_options(o, "polynomial_schedule");
  return Schedule(
      {rise(o.warmup, 0, o.peak), {o.total - o.warmup, o.peak, o.floor, Decay::kPolynomial, power}});
}

Schedule exponential_schedule(const ScheduleOptions& o) {
  check_options(o, "exponential_schedule");
  return Schedule({rise(o.warmup, 0, o.peak), {o.total - o.warmup, o.peak, o.floor, Decay::kExponential}});
}

Schedule inverse_sqrt_schedule(const InverseSqrtOptions& o) {
  check_options({.peak = o.peak, .total = o.total, .warmup = o.warmup}, "inverse_sqrt_schedule");
  const int64_t timescale = o.timescale == 0 ? o.warmup : o.timescale;
  ROUX_CHECK(timescale > 0) << "inverse_sqrt_schedule: timescale is " << o.timescale << " and warmup is "
                            << o.warmup << ", needed one of them above 0";
  const auto scale = static_cast<double>(timescale), steps = static_cast<double>(o.total - o.warmup);
  return Schedule(
      {rise(o.warmup, 0, o.peak),
       {o.total - o.warmup, o.peak, o.peak * std::sqrt(scale / (scale + steps)), Decay::kInverseSqrt}});
}

Schedule tri_stage_schedule(const TriStageOptions& o) {
  ROUX_CHECK(o.initial <= o.peak && o.floor <= o.peak)
      << "tri_stage_schedule: initial is " << o.initial << " and floor is " << o.floor
      << ", needed at most the peak, " << o.peak;
  return Schedule({{.steps = o.warmup, .from = o.initial, .to = o.peak},
                   hold(o.hold, o.peak),
                   {o.decay, o.peak, o.floor, Decay::kExponential}});
}

Schedule multi_step_schedule(double peak, const std::vector<std::pair<int64_t, double>>& drops,
                             int64_t warmup) {
  ROUX_CHECK(warmup >= 0) << "multi_step_schedule: warmup is " << warmup << ", needed >= 0";
  std::vector<SchedulePhase> phases = {rise(warmup, 0, peak)};
  int64_t start = warmup;
  double rate = peak;
  for (const auto& [step, factor] : drops) {
    ROUX_CHECK(step >= start) << "multi_step_schedule: drop at step " << step << " comes before step "
                              << start
                              << ", where the plateau begins; steps must increase and follow the warm-up";
    phases.push_back(hold(step - start, rate));
    start = step;
    rate = peak * factor;
  }
  phases.push_back(hold(0, rate));
  return Schedule(std::move(phases));
}

Schedule infinite_schedule(const InfiniteOptions& o) {
  ROUX_CHECK(o.constant <= o.peak && (o.anneal == 0 || o.floor <= o.constant))
      << "infinite_schedule: peak is " << o.peak << ", constant is " << o.constant << ", floor is " << o.floor
      << ", needed floor <= constant <= peak";
  std::vector<SchedulePhase> phases = {
      rise(o.warmup, 0, o.peak),
      {.steps = o.cooldown, .from = o.peak, .to = o.constant, .shape = o.shape, .alpha = o.alpha},
      hold(o.hold, o.constant)};
  if (o.anneal != 0) phases.push_back({o.anneal, o.constant, o.floor, Decay::kExponential});
  return Schedule(std::move(phases));
}

Schedule rewarm_schedule(const RewarmOptions& o) {
  ROUX_CHECK(o.warmup >= 0 && o.stable >= 0 && o.decay >= 0 && o.rewarm >= 0 && o.second_decay >= 0)
      << "rewarm_schedule: a phase has a negative length: warmup " << o.warmup << ", stable " << o.stable
      << ", decay " << o.decay << ", rewarm " << o.rewarm << ", second_decay " << o.second_decay;
  std::vector<SchedulePhase> phases = {rise(o.warmup, 0, o.peak),
                                       hold(o.stable, o.peak),
                                       {o.decay, o.peak, o.floor, o.shape},
                                       rise(o.rewarm, o.floor, o.second_peak)};
  if (o.second_decay > 0) phases.push_back({o.second_decay, o.second_peak, o.second_floor, o.shape});
  return Schedule(std::move(phases));
}

}  // namespace roux
