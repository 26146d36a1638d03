// SALT, small-model aided large-model training (Rawat et al. 2024, arXiv 2410.18779): a student theta learns
// for its first n_KD steps from a SMALLER teacher zeta too, and then from the data alone.
//
//   l_omega = (1 - omega) l_CE + omega l_KD,   l_CE = -log P_theta(x_t | x_<t)
//   l_KD = -sum_v P_{zeta,rho}(v | x_<t) log P_theta(v | x_<t),   P_{zeta,rho} ~ P_zeta^(1 / rho)
//
//   stage 1, steps 1 .. n_KD:      the mean of l_omega over tokens                              [Algorithm 1]
//   stage 2, steps n_KD + 1 .. n:  the mean of l_CE; optimizer state and learning rate go on
//
// BASELINE: omega = 0 throughout. RKD (reverse distillation): omega > 0 throughout. SALT_DS: stage 1 sees
// only the sequences that an early teacher finds challenging yet learnable. Losses are in nats a token. Bad
// arguments throw roux::Error.
#ifndef ROUX_RECIPES_SALT_METHOD_H_
#define ROUX_RECIPES_SALT_METHOD_H_

#include <cstdint>
#include <span>
#include <vector>

#include "nn/models/language_model.h"
#include "optim/optimizer.h"
#include "recipes/kit/align/distill.h"
#include "recipes/kit/data/windows.h"

namespace roux::salt {

// How omega falls to 0. The paper's is a step; it tried the others.
enum class Transition {
  kStep,
  kLinear,       // omega_s = omega (1 - x), x = (s - constant_steps) / decay_steps
  kLinearRatio,  // the ratio of the two losses' weights falls as a line: omega_s = r / (1 + r),
                 // r = omega / (1 - omega) (1 - x). Needs omega < 1. The paper names it without a formula;
                 // ours
};

// omega of step s = 0, 1, ...: omega for s < constant_steps, falling for decay_steps, then 0. Over a whole
// decay of D steps omega sums to omega (D + 1) / 2 (kLinear), and to D (1 - log(1 + r) / r), r = omega / (1 -
// omega), as D grows (kLinearRatio). kStep has no decay_steps: n_KD = constant_steps.
struct OmegaSchedule {
  double omega = 0;
  int64_t constant_steps = 0;
  Transition shape = Transition::kStep;
  int64_t decay_steps = 0;

  double operator()(int64_t step) const;
  int64_t kd_steps() const;  // n_KD: steps with omega above 0, thus with a forward of the teacher
};

// The step on l_omega for kit::distill_step: the teacher's logits / rho; the student's too if student_rho
// (not known of the paper).
kit::DistillStep mixed_loss(double omega, double rho, bool student_rho, const StepOptions& update);

// SALT_DS. A token is learnable when fewer than k classes are likelier than it: keep(t) = 1.
//   S(x) = median over t of keep(t) * -log P_zeta0(x_t | x_<t)
struct Selection {
  int64_t k = 10;          // the paper's
  bool kept_only = false;  // median over t with keep(t) = 1 alone (0 if there is none); which one the paper
                           // means is not known
};
struct TokenScore {
  double loss = 0;  // -log P_zeta0(x_t | x_<t)
  bool keep = false;
};
// Of logits [T, V] (row-major) and targets [T]. Targets that are kIgnoreTarget get no score.
std::vector<TokenScore> token_scores(std::span<const float> logits, std::span<const int32_t> targets,
                                     int64_t k);
// S(x); the median of an even number is the mean of the middle two. At least one token.
double sequence_score(std::span<const TokenScore> tokens, bool kept_only);
// S of each row of a set by the teacher, without recording.
std::vector<double> sequence_scores(const LanguageModel& teacher, const kit::WindowSet& set,
                                    const Selection& selection, Device device);
// The rows of the m highest scores, the highest first; of equal ones the earlier row. 0 <= m <= scores.
std::vector<int64_t> most_challenging(std::span<const double> scores, int64_t m);

// Easy (0), medium (1) and hard (2) sequences: terciles of the teacher's loss of each, equal losses in order.
std::vector<int> difficulty(std::span<const double> losses);

// Operations of a run: 6 a parameter and token of the student, embeddings with the others, and 2 of the
// teacher in its forward of stage 1 and in that of each token it scores to select. The teacher's own training
// is not counted, as in the paper, which has a teacher already.
struct Compute {
  int64_t student = 0, teacher = 0;  // parameters
  int64_t tokens = 0;                // of a step
  double flops(int64_t steps, int64_t kd_steps, int64_t scored_tokens = 0) const;
  // Steps of BASELINE at the same cost, to the nearest.
  int64_t baseline_steps(int64_t steps, int64_t kd_steps) const;
};

// The teacher must be weaker than the student gets, and better than it is when stage 1 ends; else reverse
// distillation is ordinary distillation. Validation losses.
struct TeacherGate {
  double teacher = 0, baseline_at_switch = 0, baseline_final = 0;
  double above() const { return teacher / baseline_final - 1; }  // wanted: 0.03 to 0.08
  bool is_weaker() const { return teacher > baseline_final; }
  bool is_useful() const { return teacher < baseline_at_switch; }
};

// The first place at which a curve comes down to `level`, linear between its points; infinity if it never
// does.
double steps_to_reach(std::span<const int64_t> at, std::span<const double> curve, double level);

}  // namespace roux::salt

#endif  // ROUX_RECIPES_SALT_METHOD_H_
