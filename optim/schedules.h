// Schedules of learning rates, and of any other scalar that is at least 0 (batch size, length, dropout,
// temperature, weight of a loss): pure functions of the step, in f64.
//
// A Schedule is a value: a list of phases, each leading the scalar from one value to another along a shape,
// up or down. It has no state, so resuming, branching and looking ahead are calls with another step. It
// converts to std::function<double(int64_t)>, and is thread-safe.
//
//   const Schedule lr = cosine_schedule({.peak = 1e-3, .total = 600, .warmup = 15});
//   const Schedule temperature({{.steps = 400, .from = 2, .to = 0.5, .shape = Decay::kExponential}});
//   const Schedule length({{.steps = 300, .from = 64, .to = 512}});           // std::lround(length(step))
//   for (int64_t step = 0; step < 600; ++step) optimizer.step({.lr = lr(step)});
//
// The functions below name the usual learning rates.
//
// Steps count from 0. Warm-up of w steps is linear and never zero: peak * (s + 1) / (w + 1) for s < w, so
// that the rate first equals the peak at step w, where the body starts. A decay that ends at step T has its
// floor at s = T: the last step of a run of T steps, s = T - 1, still learns. Past its last phase a schedule
// keeps the last value. Impossible arguments (negative or non-finite rates, lengths that do not fit) throw
// roux::Error.
#ifndef ROUX_OPTIM_SCHEDULES_H_
#define ROUX_OPTIM_SCHEDULES_H_

#include <cstdint>
#include <utility>
#include <vector>

namespace roux {

// How a phase goes from `from` to `to`, with x = (steps into the phase) / (steps of the phase) in [0, 1):
enum class Decay {
  kLinear,        // from + (to - from) * x
  kCosine,        // to + (from - to) * (1 + cos(pi * x)) / 2
  kOneMinusSqrt,  // to + (from - to) * (1 - sqrt(x))
  kPolynomial,    // to + (from - to) * (1 - x)^power
  kExponential,   // from * (to / from)^x; both ends above 0
  kInverseSqrt,   // 1 / sqrt((1 - x) / from^2 + x / to^2): 1 / sqrt of a line; both ends above 0
  // from + (to - from) * h(x) / h(1), h(x) = 1 / sqrt(1 + alpha * x) - 1: 1 / sqrt of a line, moved and
  // stretched to reach both ends, whatever they are.                                    [Ibrahim et al. 2024]
  kShiftedInverseSqrt,
};

struct SchedulePhase {
  int64_t steps = 0;
  double from = 0;
  double to = 0;
  Decay shape = Decay::kLinear;
  double power = 1;   // of kPolynomial, above 0
  double alpha = 10;  // of kShiftedInverseSqrt, above 0
};

class Schedule {
 public:
  // Phases run one after the other, the first from step 0; after them the scalar stays at the last phase's
  // `to`. Throws Error for ends and powers that a shape cannot have.
  explicit Schedule(std::vector<SchedulePhase> phases);

  // The value at step `step` (>= 0).
  double operator()(int64_t step) const;

  const std::vector<SchedulePhase>& phases() const { return phases_; }

 private:
  std::vector<SchedulePhase> phases_;
};

struct ScheduleOptions {
  double peak = 0;     // highest rate
  double floor = 0;    // rate at step `total` and after
  int64_t total = 0;   // steps of the run, warm-up included
  int64_t warmup = 0;  // steps of linear warm-up
};

// peak, after the warm-up.
Schedule constant_schedule(double peak, int64_t warmup = 0);

// floor + (peak - floor) * (1 - (s - w) / (T - w)) for w <= s < T.
Schedule linear_schedule(const ScheduleOptions& options);

// floor + (peak - floor) * (1 + cos(pi * (s - w) / (T - w))) / 2 for w <= s < T.
//                                                                               [Loshchilov & Hutter 2017]
Schedule cosine_schedule(const ScheduleOptions& options);

// Warm-up, stable, decay: peak until step T - decay_steps, then to the floor along `shape`.
//                                                                                          [Hu et al. 2024]
Schedule wsd_schedule(const ScheduleOptions& options, int64_t decay_steps, Decay shape = Decay::kLinear);

// floor + (peak - floor) * (1 - (s - w) / (T - w))^power for w <= s < T.
Schedule polynomial_schedule(const ScheduleOptions& options, double power);

// peak * (floor / peak)^((s - w) / (T - w)) for w <= s < T: each step multiplies the rate by the same factor.
// floor > 0.
Schedule exponential_schedule(const ScheduleOptions& options);

// peak * sqrt(timescale / (s - w + timescale)) for w <= s < total, and then the rate of step `total`. With
// timescale = w = warmup it is the Transformer's, peak * sqrt(w / s).                 [Vaswani et al. 2017]
struct InverseSqrtOptions {
  double peak = 0;
  int64_t total = 0;
  int64_t warmup = 0;
  int64_t timescale = 0;  // 0: warmup, which is then needed
};
Schedule inverse_sqrt_schedule(const InverseSqrtOptions& options);

// From initial to peak in `warmup` steps, linear and beginning at `initial` itself; `hold` steps at the peak;
// to floor > 0 in `decay` steps, exponential.                                           [Baevski et al. 2020]
struct TriStageOptions {
  double peak = 0;
  double initial = 0;
  double floor = 0;
  int64_t warmup = 0;
  int64_t hold = 0;
  int64_t decay = 0;
};
Schedule tri_stage_schedule(const TriStageOptions& options);

// Plateaus: `drops` are (step, factor) with increasing steps; from that step on the rate is peak * factor.
//   multi_step_schedule(2e-4, {{16000, 0.316}, {18000, 0.1}}, 500)
Schedule multi_step_schedule(double peak, const std::vector<std::pair<int64_t, double>>& drops,
                             int64_t warmup = 0);

struct RewarmOptions {
  double peak = 0;
  double floor = 0;          // reached by the first decay
  int64_t warmup = 0;        // first warm-up
  int64_t stable = 0;        // steps at the peak
  int64_t decay = 0;         // steps from peak to floor
  int64_t rewarm = 0;        // steps from floor to second_peak, linear
  double second_peak = 0;    //
  int64_t second_decay = 0;  // steps from second_peak to second_floor; 0: constant after the re-warming
  double second_floor = 0;
  Decay shape = Decay::kLinear;  // of both decays
};

// An infinite schedule: warm-up to the peak, cool-down to a constant rate, which is kept for as long as data
// come, and an exponential anneal to floor > 0 when a model is wanted. Until the anneal begins no rate
// depends on how long the run will be; a continued run starts from a checkpoint before the anneal, at the
// constant rate, without a second warm-up.                                 [Ibrahim et al. 2024, section 7]
struct InfiniteOptions {
  double peak = 0;
  double constant = 0;  // floor <= constant <= peak
  double floor = 0;
  int64_t warmup = 0;
  int64_t cooldown = 0;
  int64_t hold = 0;              // steps at the constant rate before the anneal
  int64_t anneal = 0;            // 0: the constant rate for ever, without a floor
  Decay shape = Decay::kCosine;  // of the cool-down; the paper also has kShiftedInverseSqrt
  double alpha = 10;
};
Schedule infinite_schedule(const InfiniteOptions& options);

// A run that is continued with a second warm-up. The first step after the decay is already above the floor:
// re-warming rises as the warm-up does, floor + (second_peak - floor) * (k + 1) / (rewarm + 1) at its k-th
// step.
Schedule rewarm_schedule(const RewarmOptions& options);

}  // namespace roux

#endif  // ROUX_OPTIM_SCHEDULES_H_
