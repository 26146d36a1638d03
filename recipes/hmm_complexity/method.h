// Head tuning on a hidden Markov model (arXiv 2410.00699): hidden states, what a perfect autoregressive model
// knows of them, least-squares heads on p of its features, and the risk of such a head in closed form.
//
// The paper's theorem is stated there for this setting; the closed forms here are the standard ones for
// isotropic Gaussian features, and a simulation has to agree with them. All tensors are f64 on the CPU.
// Shapes that do not fit throw Error.
#ifndef ROUX_RECIPES_HMM_COMPLEXITY_METHOD_H_
#define ROUX_RECIPES_HMM_COMPLEXITY_METHOD_H_

#include <cstdint>
#include <vector>

#include "recipes/kit/stats/random.h"
#include "tensor/generator.h"
#include "tensor/tensor.h"

namespace roux::hmm_complexity {

// --- Risk in closed form ---------------------------------------------------------------------------------

// R = E |y - H^T phi|^2 = bias^2 + variance + noise, with mean and variance of the head over labelled sets.
// (Given the labelled features, inside * (1 - n/p) n/p of the variance above n is bias.)
struct Risk {
  double bias2 = 0, variance = 0, noise = 0;
  double total() const { return bias2 + variance + noise; }
};
// Of the least-squares head of least norm on p isotropic Gaussian features, from n labelled rows. inside,
// outside: |beta|^2 of the features that are seen and of those that are not; noise: s^2 q with what no filter
// knows, tr(B^T P_L B). With rest = outside + noise:
//   p <= n - 2:           R = rest (1 + p / (n - p - 1))
//   n - 1 <= p <= n + 1:  infinite
//   p >= n + 2:           R = inside (1 - n / p) + rest (1 + n / (p - n - 1))
// Throws Error for a negative number, n = 0.
Risk head_risk(int64_t n, int64_t p, double inside, double outside, double noise);
// The same for p of D features by chance: inside = signal p / D. Throws Error for p > D.
Risk random_subset_risk(int64_t n, int64_t D, int64_t p, double signal, double noise);
// Whether the risk of random subsets rises from p = 0 on, so that the first descent is degenerate: the sign
// of its derivative below n is that of noise + signal (1 - (n - 1) / D) everywhere.
bool rises_from_zero(int64_t n, int64_t D, double signal, double noise);
// Whether all D > n + 1 features are better than none: signal n / D > noise n / (D - n - 1).
bool largest_beats_none(int64_t n, int64_t D, double signal, double noise);

// --- Linear-Gaussian HMM ---------------------------------------------------------------------------------

// z_1 ~ N(0, I), z_{i+1} = A z_i + N(0, Q), x_i = W z_i + N(0, tau^2 I). A, Q: [D, D]; W: [m, D].
struct StateSpace {
  Tensor A, Q, W;
  double tau = 0;
  int64_t states() const { return A.size(0); }
  int64_t words() const { return W.size(0); }
};
// A = rho O with O a random rotation, Q = (1 - rho^2) I: Cov(z_i) = I for all i. W ~ N(0, 1 / D).
StateSpace stationary_state_space(int64_t D, int64_t m, double rho, double tau, Generator& generator);

struct Sequences {
  Tensor z, x;  // [N, L, D], [N, L, m]
};
Sequences draw_sequences(const StateSpace& model, int64_t N, int64_t L, Generator& generator);

// The gains K_1 .. K_L [D, m] and the covariance P_L [D, D] of what remains unknown of z_L. From z_1's prior
// 0, I:
//   P' = A P A^T + Q,  K = P' W^T (W P' W^T + tau^2 I)^-1,  P = (I - K W) P'
struct KalmanFilter {
  std::vector<Tensor> gains;
  Tensor P;
};
KalmanFilter kalman_filter(const StateSpace& model, int64_t L);
// E[z_i | x_1 .. x_i]: zhat = z' + K (x - W z'), z' = A zhat. x: [N, L, m]; returns [N, L, D].
Tensor filtered_means(const StateSpace& model, const KalmanFilter& filter, const Tensor& x);

// C^power for a symmetric positive definite C [D, D]: -1/2 whitens, 1/2 colours.
Tensor symmetric_power(const Tensor& C, double power);

// --- Discrete HMM ----------------------------------------------------------------------------------------

struct DiscreteHmm {
  Tensor initial, transition, emission;  // [H], [H, H], [H, V]; rows add up to 1
  int64_t states() const { return transition.size(0); }
  int64_t words() const { return emission.size(1); }
};
// Rows of T and E from symmetric Dirichlet distributions; initial is the stationary distribution.
DiscreteHmm random_hmm(int64_t H, int64_t V, double concentration, stats::RandomStream& random);

struct DiscreteSequences {
  Tensor states, words;  // [N, L] i64
};
DiscreteSequences draw_sequences(const DiscreteHmm& model, int64_t N, int64_t L, stats::RandomStream& random);

// Forward algorithm: a_1 ~ pi * E[:, x_1], a_{t+1} ~ (T^T a_t) * E[:, x_{t+1}], each divided by its sum.
struct Forward {
  Tensor filtered;        // [N, L, H]: P(state_t | x_1 .. x_t)
  Tensor log_likelihood;  // [N]
};
// Throws Error for a word outside the vocabulary and for a sequence of probability 0.
Forward forward_algorithm(const DiscreteHmm& model, const Tensor& words);
// E^T T^T a: the next word's distribution. filtered: [N, H]; returns [N, V].
Tensor next_word_distribution(const DiscreteHmm& model, const Tensor& filtered);

// --- Heads -----------------------------------------------------------------------------------------------

// H = Phi^+ Y, the least-squares head of least norm. features: [..., n, p], targets: [..., n, q]; returns
// [..., p, q]. p = 0 is the empty head, of the null risk.
Tensor min_norm_head(const Tensor& features, const Tensor& targets);

// The singular vectors of one labelled set, for heads that shrink: H = V diag(g(s)) U^T Y.
class SpectralHeads {
 public:
  SpectralHeads(const Tensor& features, const Tensor& targets);  // [n, p >= 1], [n, q]
  // s / (s^2 + penalty), and its exact leave-one-out error, mean of |y_i - yhat_-i|^2 over rows.
  Tensor ridge(double penalty) const;
  double leave_one_out(double penalty) const;
  // The penalties mean(s^2) 10^(-4 .. 2) by half powers, and the one with the least leave-one-out error.
  std::vector<double> penalties() const;
  double best_penalty() const;

 private:
  Tensor u_, v_, uty_, targets_;
  std::vector<double> s_, u2_;  // u2_: squares of U [n, k]
};

// exp of the entropy of the shares s_k^2 / sum s^2 of the singular values of features [N, p].
double effective_rank(const Tensor& features);

// Over labelled sets, of predictions [S >= 2, N, q] of `target` [N, q] = E[y | x]: bias^2 = |mean - target|^2
// less variance / S, variance with S - 1; mean over rows, sum over outputs. Their sum is the mean of
// |prediction - target|^2.
Risk over_labelled_sets(const Tensor& predictions, const Tensor& target);

}  // namespace roux::hmm_complexity

#endif  // ROUX_RECIPES_HMM_COMPLEXITY_METHOD_H_
