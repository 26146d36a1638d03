#include "recipes/hmm_complexity/method.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tensor/error_of.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/linalg.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"
#include "tests/golden/recipe_values.h"

namespace roux::hmm_complexity {
namespace {

using golden::Values;

Values golden_values() { return Values::of_recipe("hmm_complexity"); }

Tensor matrix(const Values& values, int64_t rows, int64_t columns) {
  return tensor(values.numbers(), {rows, columns});
}

double largest(const Tensor& x) { return amax(abs(x)).item(); }

// Equal to 1e-9 of the largest reference value.
void expect_equal(const Tensor& ours, const Values& reference) {
  const std::vector<double> a = ours.to_vector<double>(), b = reference.numbers();
  ASSERT_EQ(a.size(), b.size());
  double scale = 1;
  for (const double x : b) scale = std::max(scale, std::abs(x));
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-9 * scale) << i;
}

Tensor identity(int64_t n) { return one_hot(arange(0, n, 1, kI64), n, kF64); }
Tensor t(const Tensor& x) { return transpose(x, -2, -1); }

TEST(Risk, IsTheClosedForm) {
  for (const Values& c : golden_values()["risks"].items()) {
    const double risk = random_subset_risk(c["n"].integer(), c["D"].integer(), c["p"].integer(),
                                           c["signal"].number(), c["noise"].number())
                            .total();
    if (std::isinf(c["risk"].number()))
      EXPECT_TRUE(std::isinf(risk));
    else
      EXPECT_NEAR(risk, c["risk"].number(), 1e-9 * c["risk"].number());
  }
  for (const Values& c : golden_values()["subsets"].items()) {
    EXPECT_NEAR(head_risk(c["n"].integer(), c["p"].integer(), c["inside"].number(), c["outside"].number(),
                          c["noise"].number())
                    .total(),
                c["risk"].number(), 1e-12);
  }
  EXPECT_EQ(head_risk(20, 0, 0, 1, 0.25).total(), 1.25);  // none: the signal and the noise
  EXPECT_NE(error_of([] { random_subset_risk(20, 10, 11, 1, 1); }), "");
  EXPECT_NE(error_of([] { head_risk(0, 1, 1, 1, 1); }), "");
}

TEST(Risk, AgreesWithRandomMatrices) {
  for (const Values& c : golden_values()["monte_carlo"].items()) {
    EXPECT_NEAR(random_subset_risk(c["n"].integer(), c["D"].integer(), c["p"].integer(), 1, 0.25).total(),
                c["mean"].number(), 3 * c["error"].number());
  }
}

TEST(Risk, HasTheProportionalLimit) {
  const int64_t n = 10'000'000;
  for (const Values& c : golden_values()["limits"].items()) {
    const auto p = static_cast<int64_t>(c["gamma"].number() * static_cast<double>(n));
    const double excess =
        head_risk(n, p, c["signal"].number(), 0, c["noise"].number()).total() - c["noise"].number();
    EXPECT_NEAR(excess, c["excess"].number(), 1e-5 * std::max(1.0, excess));
  }
}

TEST(Risk, RisesOrFallsFromZero) {
  for (const Values& c : golden_values()["slopes"].items()) {
    const auto [n, D] = std::pair(c["n"].integer(), c["D"].integer());
    EXPECT_EQ(rises_from_zero(n, D, c["signal"].number(), c["noise"].number()), c["rises"].integer() != 0);
  }
  EXPECT_TRUE(rises_from_zero(20, 60, 1, 0.25));
  EXPECT_FALSE(rises_from_zero(60, 10, 1, 0.1));
  for (const double noise : {0.1, 0.69, 0.70, 2.0}) {
    EXPECT_EQ(largest_beats_none(60, 200, 1, noise),
              random_subset_risk(60, 200, 200, 1, noise).total() < 1 + noise);
  }
  EXPECT_FALSE(largest_beats_none(60, 61, 1, 0));
}

TEST(KalmanFilter, ConditionsTheJointGaussian) {
  for (const Values& c : golden_values()["filters"].items()) {
    const int64_t D = c["D"].integer(), m = c["m"].integer(), L = c["L"].integer();
    const double rho = c["rho"].number();
    const StateSpace model{matrix(c["A"], D, D), identity(D) * (1 - rho * rho), matrix(c["W"], m, D),
                           c["tau"].number()};
    const KalmanFilter filter = kalman_filter(model, L);
    const Tensor x = reshape(matrix(c["x"], L, m), {1, L, m}), means = filtered_means(model, filter, x);
    expect_equal(reshape(means, {L * D}), c["means"]);
    expect_equal(reshape(filter.P, {D * D}), c["P"]);
    expect_equal(
        reshape(matmul(matmul(model.W, model.A), unsqueeze(select(select(means, 0, 0), 0, L - 1), 1)), {m}),
        c["next_word"]);
    EXPECT_NE(error_of([&] { filtered_means(model, filter, slice(x, 1, 0, L - 1)); }), "");
  }
}

TEST(StateSpace, IsStationaryAndFiltered) {
  constexpr int64_t kN = 20000, kL = 5, kD = 3;
  Generator generator(1);
  const StateSpace model = stationary_state_space(kD, 4, 0.8, 0.5, generator);
  const Sequences drawn = draw_sequences(model, kN, kL, generator);
  const KalmanFilter filter = kalman_filter(model, kL);
  const Tensor zhat = filtered_means(model, filter, drawn.x);
  const auto last = [](const Tensor& x) { return contiguous(select(x, 1, kL - 1)); };
  const auto second = [](const Tensor& x) { return contiguous(select(x, 1, 1)); };
  const auto covariance = [](const Tensor& a, const Tensor& b) { return matmul(t(a), b) * (1.0 / kN); };
  const double error = std::sqrt(2.0 / kN);  // of a variance of 1, at most
  EXPECT_LT(largest(covariance(last(drawn.z), last(drawn.z)) - identity(kD)), 3.5 * error);
  const Tensor A3 = matmul(matmul(model.A, model.A), model.A);
  EXPECT_LT(largest(covariance(last(drawn.z), second(drawn.z)) - A3), 3.5 * error);
  // Cov(zhat) = I - P_L, orthogonal to what is unknown.
  EXPECT_LT(largest(covariance(last(zhat), last(zhat)) - (identity(kD) - filter.P)), 3.5 * error);
  EXPECT_LT(largest(covariance(last(zhat), last(drawn.z) - last(zhat))), 3.5 * error);
  // Innovations are white: what is new in x_L is unrelated to x_2.
  const Tensor before = contiguous(select(zhat, 1, kL - 2));
  const Tensor fresh = last(drawn.x) - matmul(matmul(before, t(model.A)), t(model.W));
  EXPECT_LT(largest(covariance(fresh, second(drawn.x))),
            4 * error * largest(covariance(second(drawn.x), second(drawn.x))));
  // The next word is predicted the better the more whitened coordinates are kept.
  const Tensor C = identity(kD) - filter.P, white = matmul(last(zhat), symmetric_power(C, -0.5));
  const Tensor map = matmul(symmetric_power(C, 0.5), t(matmul(model.W, model.A)));
  double before_error = INFINITY;
  for (int64_t p = 0; p <= kD; ++p) {
    const Tensor off = matmul(slice(white, 1, 0, p), slice(map, 0, 0, p)) -
                       matmul(last(drawn.z), t(matmul(model.W, model.A)));
    const double mean_error = mean(off * off).item();
    EXPECT_LT(mean_error, before_error);
    before_error = mean_error;
  }
}

TEST(SymmetricPower, IsScipys) {
  const Values c = golden_values()["whitening"];
  expect_equal(reshape(symmetric_power(matrix(c["C"], 4, 4), -0.5), {16}), c["inverse_root"]);
  expect_equal(reshape(symmetric_power(matrix(c["C"], 4, 4), 0.5), {16}), c["root"]);
}

TEST(ForwardAlgorithm, SumsOverAllPaths) {
  for (const Values& c : golden_values()["forwards"].items()) {
    const int64_t H = c["H"].integer(), V = c["V"].integer();
    const DiscreteHmm model{tensor(c["initial"].numbers(), {H}), matrix(c["transition"], H, H),
                            matrix(c["emission"], H, V)};
    const std::vector<int64_t> words = c["words"].integers();
    const auto L = static_cast<int64_t>(words.size());
    const Forward forward = forward_algorithm(model, tensor(words, {1, L}));
    expect_equal(reshape(forward.filtered, {L * H}), c["filtered"]);
    EXPECT_NEAR(forward.log_likelihood.item(), c["log_likelihood"].number(), 1e-10);
    expect_equal(reshape(next_word_distribution(model, select(forward.filtered, 1, L - 1)), {V}),
                 c["next_word"]);
    EXPECT_LT(largest(sum(forward.filtered, 2) - 1.0), 1e-12);
    EXPECT_NE(error_of([&] { forward_algorithm(model, tensor(std::vector<int64_t>{V}, {1, 1})); }), "");
  }
  const DiscreteHmm never{tensor(std::vector<double>{1}, {1}), tensor(std::vector<double>{1}, {1, 1}),
                          tensor(std::vector<double>{1, 0}, {1, 2})};
  EXPECT_NE(error_of([&] { forward_algorithm(never, tensor(std::vector<int64_t>{0, 1}, {1, 2})); }), "");
}

TEST(DiscreteHmm, IsStationaryAndFiltered) {
  constexpr int64_t kN = 20000, kL = 4;
  stats::RandomStream random(3);
  const DiscreteHmm model = random_hmm(4, 5, 0.5, random);
  EXPECT_LT(largest(matmul(model.initial, model.transition) - model.initial), 1e-12);
  const DiscreteSequences drawn = draw_sequences(model, kN, kL, random);
  const Tensor states = one_hot(contiguous(select(drawn.states, 1, kL - 1)), 4, kF64);
  EXPECT_LT(largest(mean(states, 0) - model.initial), 4 * 0.5 / std::sqrt(kN));
  // What the filter says is calibrated: the state's indicator less it is 0 on average, whatever it says.
  const Tensor a = contiguous(select(forward_algorithm(model, drawn.words).filtered, 1, kL - 1));
  EXPECT_LT(largest(matmul(t(a), states - a) * (1.0 / kN)), 4 * 0.5 / std::sqrt(kN));
}

TEST(Heads, AreThoseOfNumpyAndScikitLearn) {
  for (const Values& c : golden_values()["heads"].items()) {
    const int64_t n = c["n"].integer(), p = c["p"].integer(), q = c["q"].integer();
    const Tensor x = matrix(c["x"], n, p), y = matrix(c["y"], n, q), head = min_norm_head(x, y);
    expect_equal(reshape(head, {p * q}), c["head"]);
    const SpectralHeads heads(x, y);
    expect_equal(tensor(heads.penalties(), {static_cast<int64_t>(heads.penalties().size())}), c["penalties"]);
    const std::vector<double> errors = c["errors"].numbers();
    for (size_t i = 0; i < errors.size(); ++i)
      EXPECT_NEAR(heads.leave_one_out(heads.penalties()[i]), errors[i], 1e-7 * errors[i]);
    EXPECT_EQ(heads.best_penalty(), heads.penalties()[static_cast<size_t>(c["best"].integer())]);
    expect_equal(reshape(heads.ridge(heads.best_penalty()), {p * q}), c["ridge"]);
    const double rate = 1 / amax(eigh(matmul(t(x), x)).values).item();
    Tensor descent = zeros({p, q}, kF64);
    for (int step = 1; step <= 30000; ++step) {
      descent = descent - rate * matmul(t(x), matmul(x, descent) - y);
      if (step == 50) expect_equal(reshape(descent, {p * q}), c["descent"]);
    }
    EXPECT_NEAR(effective_rank(x), c["rank"].number(), 1e-9);
    // Gradient descent from 0 and ridge end at the head of least norm.
    if (n != p) {  // a square one would need more steps
      EXPECT_LT(largest(descent - head), 1e-6);
    }
    EXPECT_LT(largest(heads.ridge(1e-10) - head), 1e-6);
    EXPECT_LT(largest(matmul(matmul(pinv(x), x), head) - head), 1e-10) << "not in the row space";
    if (p >= n) {
      EXPECT_LT(largest(matmul(x, head) - y), 1e-10) << "does not interpolate";
    }
    for (int64_t j = 0; j < q; ++j) {  // an output alone gets the same head
      EXPECT_LT(largest(min_norm_head(x, slice(y, 1, j, j + 1)) - slice(head, 1, j, j + 1)), 1e-12);
    }
  }
  EXPECT_EQ(min_norm_head(zeros({2, 5, 0}, kF64), zeros({2, 5, 3}, kF64)).shape(), (Shape{2, 0, 3}));
}

TEST(OverLabelledSets, SplitsTheError) {
  const Values c = golden_values()["parts"];
  const Tensor predictions = tensor(c["predictions"].numbers(), {6, 5, 2}),
               target = matrix(c["target"], 5, 2);
  const Risk parts = over_labelled_sets(predictions, target);
  EXPECT_NEAR(parts.bias2, c["bias2"].number(), 1e-12);
  EXPECT_NEAR(parts.variance, c["variance"].number(), 1e-12);
  EXPECT_NEAR(parts.total(), c["error"].number(), 1e-12);
}

}  // namespace
}  // namespace roux::hmm_complexity
