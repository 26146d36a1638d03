// The paper's toy: linear regression whose samples are mostly redundant, by SGD on batches that are weighted
// by their losses. f64 loops, no tensor.
//
//   y = <w*, x> + noise, |w*| = 1, x of 50 dimensions; sample loss 0.5 (y - <w, x>)^2
//   redundant    70 % of the samples repeat 5 directions, noise 0.01; the rest draws x from N(0, I), noise 0.1
//   outliers     the same with 5 % of the samples at noise 1
//   distinct     no x repeats, all from N(0, 0.3 I + 0.14 sum_k d_k d_k^T) with the redundant samples' directions
//                d_k, noise 0.1: the control, whose loss has the same curvature
// The test loss is that of clean targets at 500 draws of x from N(0, I). Sizes are ours, as the paper's are
// not printed.
#ifndef ROUX_RECIPES_LOSS_REWEIGHTING_TOY_H_
#define ROUX_RECIPES_LOSS_REWEIGHTING_TOY_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "recipes/loss_reweighting/method.h"

namespace roux::loss_reweighting {

enum class ToyData { kRedundant, kOutliers, kDistinct };
inline constexpr std::array<ToyData, 3> kToyData = {ToyData::kRedundant, ToyData::kOutliers,
                                                    ToyData::kDistinct};
const char* toy_data_name(ToyData data);  // "redundant" "outliers" "distinct"

struct Regression {
  int64_t dim = 0;
  std::vector<double> x, y;  // [n * dim], [n]
  double predict(absl::Span<const double> w, size_t row) const;
};

struct ToyProblem {
  Regression train, test;
};
ToyProblem toy_problem(ToyData data, uint64_t seed);

// w -= lr sum_i weight_i (<w, x_i> - y_i) x_i over these rows, weights from their losses at w. Throws Error
// as loss_weights() does.
void sgd_step(const Regression& data, absl::Span<const int64_t> rows, const Weighting& weighting, double lr,
              std::vector<double>& w);

struct ToyOptions {
  int64_t steps = 500, batch = 64;
  double threshold = 0.05;       // of the test loss, which is 0.5 at w = 0
  int64_t curve_every = 5;       // steps between two points of the curve
  bool until_threshold = false;  // end there
};

struct ToyResult {
  int64_t steps_to_threshold = 0;  // `steps` where it was not reached
  double final_loss = 0;           // on the test data
  std::vector<double> curve;       // test loss after 0, curve_every, ... steps
  template <class V>
  void visit(V&& v) {
    v("steps_to_threshold", steps_to_threshold), v("final_loss", final_loss), v("curve", curve);
  }
};

// From w = 0, rows drawn with replacement. A run whose loss leaves the finite range ends with the loss 1e9.
ToyResult run_toy(const ToyProblem& problem, const Weighting& weighting, double lr, uint64_t seed,
                  const ToyOptions& options);

// Data of the tuning seeds, and of those that are reported. Tuning seeds are far above any that --seed is
// likely to be, so that no run reports what it was tuned on.
inline constexpr std::array<uint64_t, 5> kTuningSeeds = {10100, 10101, 10102, 10103, 10104};
struct ToyProblems {
  std::vector<uint64_t> seeds;
  std::vector<ToyProblem> problems, tuning;  // one of each seed
};
ToyProblems toy_problems(ToyData data, const std::vector<uint64_t>& seeds);

// The rate with the fewest steps to the threshold on kTuningSeeds, the lower of equals: the best of
// kToyRates, then of ten more within a factor of 1.33 of it, 1.06 apart. Best rates lie at the edge of
// stability, where steps go as 1 / rate: a coarse grid alone would compare how near to that edge its points
// happen to lie.
inline constexpr std::array<double, 13> kToyRates = {0.0125, 0.0177, 0.025, 0.0354, 0.05,  0.0707, 0.1,
                                                     0.141,  0.2,    0.283, 0.4,    0.566, 0.8};
double tuned_toy_rate(const ToyProblems& data, const Weighting& weighting, ToyOptions options);

// A weighting of the toy on one kind of data, at its own rate.
struct ToyArm {
  std::string name;  // "lin_upper.r0.4"; "uniform"
  ToyData data;
  Weighting weighting;
};
std::vector<ToyArm> toy_arms();

struct ToyRuns {
  double rate = 0;
  std::vector<ToyResult> seeds;
  template <class V>
  void visit(V&& v) {
    v("rate", rate), v("seeds", seeds);
  }
};
ToyRuns run_toy_arm(const ToyArm& arm, const ToyProblems& data, const ToyOptions& options);

}  // namespace roux::loss_reweighting

#endif  // ROUX_RECIPES_LOSS_REWEIGHTING_TOY_H_
