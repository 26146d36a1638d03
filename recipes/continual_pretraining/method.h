// Continual pretraining (Ibrahim et al. 2024, arXiv 2403.08763): a model that was trained on D0 goes on with
// D1. The learning rate is warmed up again and decayed again, and a share of the tokens is replayed from D0:
//
//   eta_t = eta_min + (eta_max - eta_min) / 2 * (1 + cos(pi (t - T_w) / (T - T_w)))   on D0, and anew on D1
//   a batch of D1 holds r tokens of D0 to 1 - r of D1: the update costs |D1| tokens whatever r     [section 4]
//
// or the rate never reaches eta_min before a model is wanted (infinite schedule, section 7).
//
// Steps count from 0 and the warm-up is never zero, as optim/schedules.h has it: a rate here is the paper's
// at t = step + 1 with T_w = warmup + 1. All is f64 and without state; bad arguments throw roux::Error.
#ifndef ROUX_RECIPES_CONTINUAL_PRETRAINING_METHOD_H_
#define ROUX_RECIPES_CONTINUAL_PRETRAINING_METHOD_H_

#include <cstdint>
#include <vector>

#include "optim/schedules.h"

namespace roux::continual {

// The rates of a model's life. eta_min <= eta_const <= eta_max.
struct Rates {
  double eta_max = 0, eta_const = 0, eta_min = 0;
};

// Steps of a warm-up that is this share of a run, to the nearest step; 0 <= share < 1.
int64_t warmup_steps(int64_t steps, double share);

// Warm-up to eta_max and cosine to eta_min over `steps`: on D0, and once more on D1 (re-warming and
// re-decaying). A function of the local step alone. [section 3]
Schedule cosine_with_warmup(const Rates& rates, int64_t steps, int64_t warmup);

// The alternatives on D1: eta_min throughout (no re-warming), and a re-warming to eta_max that stays there
// (no re-decaying). [section 6]
Schedule stay_at_minimum(const Rates& rates);
Schedule rewarm_and_stay(const Rates& rates, int64_t warmup);

// The four phases: warm-up, cool-down to eta_const, constant until step `anneal_at`, and `anneal` steps of
// exponential decay to eta_min. No rate before anneal_at depends on it or on anneal. `cooldown_shape`:
// kCosine, or kShiftedInverseSqrt with alpha = 10 (ours; the paper leaves it open). [section 7]
struct InfinitePhases {
  int64_t warmup = 0, cooldown = 0;
  int64_t anneal_at = 0, anneal = 0;
  Decay cooldown_shape = Decay::kCosine;
};
Schedule infinite_schedule(const Rates& rates, const InfinitePhases& phases);

// Shares of (D0, D1) in an update with replay r, 0 <= r <= 1: (r, 1 - r).
std::vector<double> replay_shares(double replay);

// Shares of (D0, D1) in training on both from scratch: in proportion to their tokens.
std::vector<double> union_shares(int64_t old_tokens, int64_t new_tokens);

// Mean validation losses (nats per token) on D0 and D1.
struct Losses {
  double old_domain = 0, new_domain = 0;
  double mean() const { return (old_domain + new_domain) / 2; }
};

// F = L0(arm) - L0(D0 only): what the update cost on D0.
double forgetting(const Losses& arm, const Losses& old_only);
// Ad = L1(arm) - L1(D1 only, from scratch): below 0 the model gains from D0.
double adaptation(const Losses& arm, const Losses& new_only);
// Mean loss of the arm minus that of training on D0 and D1 from scratch.
double gap_to_union(const Losses& arm, const Losses& both);
// 1 - gap(arm) / gap(without replay): 1 where the arm is level with the union. Throws if there is no gap
// without replay.
double share_of_gap_closed(const Losses& arm, const Losses& without_replay, const Losses& both);
// 1 - F(arm) / F(without replay). Throws if nothing is forgotten without replay.
double share_of_forgetting_removed(const Losses& arm, const Losses& without_replay, const Losses& old_only);

// How far a curve rises above its first value: the transient of a re-warming. 0 for one that never does; the
// curve has at least one value.
double largest_rise(const std::vector<double>& curve);

}  // namespace roux::continual

#endif  // ROUX_RECIPES_CONTINUAL_PRETRAINING_METHOD_H_
