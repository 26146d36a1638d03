#include "recipes/hmm_complexity/method.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "recipes/kit/stats/samplers.h"
#include "tensor/error.h"
#include "tensor/ops/arrange.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/linalg.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux::hmm_complexity {
namespace {

Tensor identity(int64_t n) { return one_hot(arange(0, n, 1, kI64), n, kF64); }
Tensor t(const Tensor& x) { return transpose(x, -2, -1); }

Tensor column(const std::vector<double>& values) {
  return tensor(values, {static_cast<int64_t>(values.size()), 1});
}

// The first index whose cumulative share is above u.
int64_t pick(const double* shares, int64_t count, double u) {
  for (int64_t i = 0; i + 1 < count; ++i) {
    if (u < shares[i]) return i;
    u -= shares[i];
  }
  return count - 1;
}

}  // namespace

Risk head_risk(int64_t n, int64_t p, double inside, double outside, double noise) {
  ROUX_CHECK(n >= 1 && p >= 0 && inside >= 0 && outside >= 0 && noise >= 0)
      << "head_risk: n " << n << ", p " << p << ", signal " << inside << " and " << outside << ", noise "
      << noise << ": needed n >= 1 and none below 0";
  const double rows = static_cast<double>(n), size = static_cast<double>(p), rest = outside + noise;
  if (p == 0) return {outside, 0, noise};
  if (p <= n - 2) return {outside, rest * size / (rows - size - 1), noise};
  if (p <= n + 1) return {outside, std::numeric_limits<double>::infinity(), noise};
  const double seen = rows / size;  // E H = seen * beta
  return {outside + inside * (1 - seen) * (1 - seen),
          inside * seen * (1 - seen) + rest * rows / (size - rows - 1), noise};
}

Risk random_subset_risk(int64_t n, int64_t D, int64_t p, double signal, double noise) {
  ROUX_CHECK(D >= 1 && p <= D) << "random_subset_risk: " << p << " of " << D << " features";
  const double share = static_cast<double>(p) / static_cast<double>(D);
  return head_risk(n, p, signal * share, signal * (1 - share), noise);
}

bool rises_from_zero(int64_t n, int64_t D, double signal, double noise) {
  return noise + signal * (1 - static_cast<double>(n - 1) / static_cast<double>(D)) > 0;
}

bool largest_beats_none(int64_t n, int64_t D, double signal, double noise) {
  return D >= n + 2 && signal / static_cast<double>(D) > noise / static_cast<double>(D - n - 1);
}

StateSpace stationary_state_space(int64_t D, int64_t m, double rho, double tau, Generator& generator) {
  const Tensor rotation = qr(normal({D, D}, 0, 1, generator, kF64)).q;
  return {rotation * rho, identity(D) * (1 - rho * rho),
          normal({m, D}, 0, 1 / std::sqrt(static_cast<double>(D)), generator, kF64), tau};
}

Sequences draw_sequences(const StateSpace& model, int64_t N, int64_t L, Generator& generator) {
  const int64_t D = model.states(), m = model.words();
  const Tensor root = t(cholesky(model.Q));
  std::vector<Tensor> z, x;
  for (int64_t i = 0; i < L; ++i) {
    const Tensor fresh = normal({N, D}, 0, 1, generator, kF64);
    z.push_back(i == 0 ? fresh : matmul(z.back(), t(model.A)) + matmul(fresh, root));
    x.push_back(matmul(z.back(), t(model.W)) + normal({N, m}, 0, model.tau, generator, kF64));
  }
  return {stack(z, 1), stack(x, 1)};
}

KalmanFilter kalman_filter(const StateSpace& model, int64_t L) {
  const int64_t D = model.states(), m = model.words();
  KalmanFilter filter{{}, identity(D)};
  for (int64_t i = 0; i < L; ++i) {
    const Tensor predicted = i == 0 ? filter.P : matmul(matmul(model.A, filter.P), t(model.A)) + model.Q;
    const Tensor WP = matmul(model.W, predicted);
    const Tensor K = t(solve(matmul(WP, t(model.W)) + identity(m) * (model.tau * model.tau), WP));
    filter.gains.push_back(K);
    filter.P = predicted - matmul(K, WP);
    filter.P = (filter.P + t(filter.P)) * 0.5;  // symmetric in spite of rounding
  }
  return filter;
}

Tensor filtered_means(const StateSpace& model, const KalmanFilter& filter, const Tensor& x) {
  ROUX_CHECK(x.dim() == 3 && x.size(1) == static_cast<int64_t>(filter.gains.size()) &&
             x.size(2) == model.words())
      << "filtered_means: x is " << x.shape() << ", needed [N, " << filter.gains.size() << ", "
      << model.words() << "]";
  std::vector<Tensor> means;
  for (int64_t i = 0; i < x.size(1); ++i) {
    const Tensor seen = select(x, 1, i), gain = t(filter.gains[static_cast<size_t>(i)]);
    if (i == 0) {
      means.push_back(matmul(seen, gain));
      continue;
    }
    const Tensor predicted = matmul(means.back(), t(model.A));
    means.push_back(predicted + matmul(seen - matmul(predicted, t(model.W)), gain));
  }
  return stack(means, 1);
}

Tensor symmetric_power(const Tensor& C, double power) {
  const Eigh e = eigh(C);
  return matmul(e.vectors * pow(e.values, power), t(e.vectors));
}

DiscreteHmm random_hmm(int64_t H, int64_t V, double concentration, stats::RandomStream& random) {
  const auto rows = [&](int64_t width) {
    const std::vector<double> alpha(static_cast<size_t>(width), concentration);
    std::vector<double> values;
    for (int64_t i = 0; i < H; ++i) {
      const std::vector<double> row = stats::sample_dirichlet(alpha, random);
      values.insert(values.end(), row.begin(), row.end());
    }
    return tensor(values, {H, width});
  };
  DiscreteHmm model{full({H}, 1 / static_cast<double>(H), kF64), rows(H), rows(V)};
  Tensor power = model.transition;
  for (int i = 0; i < 12; ++i) power = matmul(power, power);  // T^4096
  model.initial = matmul(model.initial, power);
  model.initial = model.initial / sum(model.initial);
  return model;
}

DiscreteSequences draw_sequences(const DiscreteHmm& model, int64_t N, int64_t L,
                                 stats::RandomStream& random) {
  const int64_t H = model.states(), V = model.words();
  const Tensor transition = contiguous(model.transition), emission = contiguous(model.emission);
  const Tensor initial = contiguous(model.initial);
  std::vector<int64_t> states, words;
  for (int64_t i = 0; i < N * L; ++i) {
    const double* from = i % L == 0 ? initial.data<double>() : transition.data<double>() + states.back() * H;
    states.push_back(pick(from, H, random.uniform()));
    words.push_back(pick(emission.data<double>() + states.back() * V, V, random.uniform()));
  }
  return {tensor(states, {N, L}), tensor(words, {N, L})};
}

Forward forward_algorithm(const DiscreteHmm& model, const Tensor& words) {
  for (const int64_t word : words.to_vector<int64_t>()) {
    ROUX_CHECK(word >= 0 && word < model.words())
        << "forward_algorithm: word " << word << " of a vocabulary of " << model.words();
  }
  const Tensor by_word = contiguous(t(model.emission));  // [V, H]
  std::vector<Tensor> filtered;
  Tensor log_likelihood = zeros({words.size(0)}, kF64);
  for (int64_t i = 0; i < words.size(1); ++i) {
    const Tensor before = i == 0 ? unsqueeze(model.initial, 0) : matmul(filtered.back(), model.transition);
    const Tensor joint = before * index_select(by_word, 0, contiguous(select(words, 1, i)));
    const Tensor mass = sum(joint, 1, true);
    ROUX_CHECK(amin(mass).item() > 0)
        << "forward_algorithm: the words up to word " << i + 1 << " of a sequence have probability 0";
    filtered.push_back(joint / mass);
    log_likelihood = log_likelihood + log(squeeze(mass, 1));
  }
  return {stack(filtered, 1), log_likelihood};
}

Tensor next_word_distribution(const DiscreteHmm& model, const Tensor& filtered) {
  return matmul(matmul(filtered, model.transition), model.emission);
}

Tensor min_norm_head(const Tensor& features, const Tensor& targets) {
  if (features.size(-1) > 0) return lstsq(features, targets);
  Shape shape = targets.shape();
  shape[shape.rank() - 2] = 0;
  return zeros(shape, kF64);
}

SpectralHeads::SpectralHeads(const Tensor& features, const Tensor& targets) : targets_(targets) {
  const Svd decomposed = svd(features);
  u_ = decomposed.u, v_ = t(decomposed.vh);
  uty_ = matmul(t(u_), targets);
  s_ = decomposed.s.to_vector<double>();
  u2_ = (u_ * u_).to_vector<double>();
}

Tensor SpectralHeads::ridge(double penalty) const {
  std::vector<double> gains;
  for (const double s : s_) gains.push_back(s > 0 ? s / (s * s + penalty) : 0);
  return matmul(v_, column(gains) * uty_);
}

double SpectralHeads::leave_one_out(double penalty) const {
  const size_t k = s_.size();
  std::vector<double> kept;
  for (const double s : s_) kept.push_back(s > 0 ? s * s / (s * s + penalty) : 0);
  const std::vector<double> residual = (targets_ - matmul(u_, column(kept) * uty_)).to_vector<double>();
  const size_t n = u2_.size() / k, q = residual.size() / n;
  double total = 0;
  for (size_t i = 0; i < n; ++i) {
    const double leverage =
        std::inner_product(kept.begin(), kept.end(), u2_.begin() + static_cast<int64_t>(i * k), 0.0);
    for (size_t j = 0; j < q; ++j) {
      const double left_out = residual[i * q + j] / (1 - leverage);
      total += left_out * left_out;
    }
  }
  return total / static_cast<double>(n);
}

std::vector<double> SpectralHeads::penalties() const {
  const double mean =
      std::inner_product(s_.begin(), s_.end(), s_.begin(), 0.0) / static_cast<double>(s_.size());
  std::vector<double> all;
  for (int half = -8; half <= 4; ++half) all.push_back(mean * std::pow(10.0, 0.5 * half));
  return all;
}

double SpectralHeads::best_penalty() const {
  const std::vector<double> all = penalties();
  return *std::min_element(all.begin(), all.end(),
                           [&](double a, double b) { return leave_one_out(a) < leave_one_out(b); });
}

double effective_rank(const Tensor& features) {
  const std::vector<double> s = svd(features).s.to_vector<double>();
  const double total = std::inner_product(s.begin(), s.end(), s.begin(), 0.0);
  double entropy = 0;
  for (const double value : s) {
    const double share = value * value / total;
    if (share > 0) entropy -= share * std::log(share);
  }
  return std::exp(entropy);
}

Risk over_labelled_sets(const Tensor& predictions, const Tensor& target) {
  const auto sets = static_cast<double>(predictions.size(0));
  const auto rows = static_cast<double>(target.size(0));
  const Tensor mean_prediction = mean(predictions, 0);
  const double variance = sum(var(predictions, 0)).item() / rows;
  const Tensor off = mean_prediction - target;
  // The mean over S sets is itself off by variance / S.
  return {sum(off * off).item() / rows - variance / sets, variance, 0};
}

}  // namespace roux::hmm_complexity
