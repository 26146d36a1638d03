// The theory in a world of bigrams, where all of it can be computed: truth p(. | c), teacher q(. | c), and
// weights pi of the contexts c. Nothing is trained; all is f64. Bad arguments throw roux::Error.
//
// A table fitted by the expected l_omega is p_omega = (1 - omega) p + omega q, so the teacher's bias stays.
// From n_c samples of context c it is p_hat = (1 - omega) empirical + omega q, whose squared error is
//   E ||p_hat - p||^2 = omega^2 b + (1 - omega)^2 v,   b = ||q - p||^2,   v = (1 - ||p||^2) / n_c
// smallest at omega* = v / (b + v), with b v / (b + v): 0 as n_c grows, 1 as the teacher becomes exact.
#ifndef ROUX_RECIPES_SALT_BIGRAM_H_
#define ROUX_RECIPES_SALT_BIGRAM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace roux::salt {

using Distribution = std::vector<double>;

Distribution mix(const Distribution& p, const Distribution& q, double omega);  // p_omega
double squared_bias(const Distribution& p, const Distribution& q);             // b
double one_hot_variance(const Distribution& p, double n_c);                    // v
double squared_risk(double b, double v, double omega);                         // of p_hat
double best_omega(double b, double v);                                         // omega*; b + v > 0
double total_variation(const Distribution& p, const Distribution& q);          // sum |p - q| / 2
double kl_divergence(const Distribution& p, const Distribution& q);            // KL(p || q)

struct BigramWorld {
  Distribution context;                      // pi
  std::vector<Distribution> truth, teacher;  // of each context

  double mean_squared_bias() const;  // sum_c pi_c b_c
  // sum_c pi_c v_c from n samples, n pi_c of them (a real number, which may be below 1) in context c: sum_c
  // (1 - ||p_c||^2) / n.
  double mean_one_hot_variance(double n) const;
  double mean_total_variation() const;
};

// The experiment of the spec: `classes` contexts of equal weight, the first half peaked (Zipf's exponent 2,
// easy), the others flat (0.3, hard), each in a random order of classes; the teacher is the truth smoothed,
// (1 - smoothing) p + smoothing / classes.
BigramWorld peaked_and_flat(int64_t classes, double smoothing, uint64_t seed);

// Mean and variance, over c ~ pi and x ~ p(. | c), of l_omega(table; c, x) = -(1 - omega) log table(x | c) -
// omega sum_v q(v | c) log table(v | c). Soft labels take the variance of x away: at omega = 1 that of c
// stays.
struct LossMoments {
  double mean = 0, variance = 0;
};
LossMoments loss_moments(const BigramWorld& world, const std::vector<Distribution>& table, double omega);

// The tables (1 - a) p + a / classes, a = 0.01, 0.1, 0.2, ... 1: a finite class near the truth.
std::vector<std::vector<Distribution>> smoothed_tables(const BigramWorld& world);

// How far the table of least empirical l_omega over n samples is behind the best one in l_CE, at most, with
// probability 1 - delta: bias + variance, with M the largest loss, TV the mean total variation, V the largest
// variance of l_omega, L = log(2 |class| / delta):
//   bias = 2 omega M TV,   variance = 2 (sqrt(2 V L / n) + M L / (3 n))
// For a finite class, in two steps: |E l_omega(h) - E l_CE(h)| <= omega M TV, and by Bernstein's inequality
// with a union bound the empirical mean of l_omega(h) is within sqrt(2 V L / n) + M L / (3 n) of its
// expectation for all h; each comes in twice, for the table chosen and for the best one. The paper's theorem
// is another, for sequences and general classes, but has the same two terms: the teacher's divergence from
// the data, and the variance of the loss.
struct RiskBound {
  double bias = 0, variance = 0;
};
RiskBound risk_bound(const BigramWorld& world, const std::vector<std::vector<Distribution>>& tables,
                     double omega, int64_t n, double delta);

// What --table reads:
//   {"counts": [[8, 1, 1], [0, 5, 5], [2, 2, 6]], "n": [30, 300], "omega": 0.5,
//    "teacher": [[...], ...] or "alpha": 2}
// "n" and "omega" are lists or one number. No number is above 1e15, up to which sums of them are safe.
// counts[c][v]: how often v follows c; the truth is their shares, a context without any is left out. The
// teacher: counts of its own, or the same with alpha (1 if not given) added to each.
struct BigramTable {
  BigramWorld world;
  std::vector<int64_t> n;
  std::vector<double> omega;
};
// InvalidArgument names `where` and what is wrong.
absl::StatusOr<BigramTable> parse_bigram_table(const std::string& json, const std::string& where);

// Both estimators at each n and omega: one_hot is v, distilled the squared risk of p_hat; the bound's two
// terms with delta = 0.05 over smoothed_tables.
struct BigramRisk {
  int64_t n = 0;
  double omega = 0, one_hot = 0, distilled = 0, best_omega = 0, best_risk = 0;
  RiskBound bound;
};
std::vector<BigramRisk> bigram_risks(const BigramTable& table);
std::string risks_json(const std::vector<BigramRisk>& risks);

}  // namespace roux::salt

#endif  // ROUX_RECIPES_SALT_BIGRAM_H_
