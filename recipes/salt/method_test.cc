#include "recipes/salt/method.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "autograd/autograd.h"
#include "recipes/kit/align/bigram_model.h"
#include "tensor/error_of.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tests/golden/recipe_values.h"

namespace roux::salt {
namespace {

using kit::BigramModel;

const golden::Values& reference() {
  static const auto* const values = new golden::Values(golden::Values::of_recipe("salt"));
  return *values;
}

void expect_near(const std::vector<double>& got, const std::vector<double>& expected, double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], tolerance) << i;
}

// A batch whose i-th token is i, so that a BigramModel's logits there are its i-th row.
kit::LmBatch one_of_each(const std::vector<int64_t>& targets) {
  const auto rows = static_cast<int64_t>(targets.size());
  std::vector<int32_t> ids(targets.size());
  std::iota(ids.begin(), ids.end(), 0);
  return {.input = tensor(ids, {1, rows}),
          .target = tensor(std::vector<int32_t>(targets.begin(), targets.end()), {1, rows}),
          .target_count = rows};
}

struct Step {
  double loss = 0;
  std::vector<double> gradient;  // of the student's logits, of the mean over tokens
};
Step step_on(const std::vector<double>& student, const std::vector<double>& teacher, int64_t classes,
             const std::vector<int64_t>& targets, const kit::DistillStep& options) {
  const BigramModel model(student, classes), other(teacher, classes);
  const kit::LmBatch batch = one_of_each(targets);
  const Tensor loss = kit::distill_loss_sum(model, batch, kit::live_teacher(other)(batch), options) /
                      static_cast<double>(targets.size());
  backward(loss);
  EXPECT_FALSE(other.embedding_weight().grad().defined());
  return {loss.item(), model.embedding_weight().grad().to_vector<double>()};
}

const std::vector<double> kStudent = {0.3, -1.2, 2.0, 0.1, 1.5, -0.4},
                          kTeacher = {1.1, 0.2, -0.7, -2, 0.6, 0.9};
const std::vector<int64_t> kTargets = {2, 0};

std::vector<double> softmax_of(const std::vector<double>& logits, double rho) {
  std::vector<double> out;
  for (size_t row = 0; row < logits.size(); row += 3) {
    double sum = 0;
    for (size_t v = row; v < row + 3; ++v) sum += std::exp(logits[v] / rho);
    for (size_t v = row; v < row + 3; ++v) out.push_back(std::exp(logits[v] / rho) / sum);
  }
  return out;
}

TEST(MixedLoss, IsThatOfTheReferenceWithItsGradient) {
  for (const golden::Values& c : reference()["losses"].items()) {
    const Step got = step_on(
        c["student"].numbers(), c["teacher"].numbers(), c["classes"].integer(), c["target"].integers(),
        mixed_loss(c["omega"].number(), c["rho"].number(), c["student_rho"].number() != 1, {}));
    EXPECT_NEAR(got.loss, c["loss"].number(), 1e-12);
    expect_near(got.gradient, c["gradient"].numbers(), 1e-12);
  }
}

TEST(MixedLoss, HasTheGradientSoftmaxMinusMixedLabels) {
  const double omega = 0.4, rho = 0.25;
  const Step got = step_on(kStudent, kTeacher, 3, kTargets, mixed_loss(omega, rho, false, {}));
  const std::vector<double> q = softmax_of(kStudent, 1), p = softmax_of(kTeacher, rho);
  for (size_t i = 0; i < q.size(); ++i) {
    const double one_hot = static_cast<int64_t>(i % 3) == kTargets[i / 3] ? 1 : 0;
    EXPECT_NEAR(got.gradient[i], (q[i] - (1 - omega) * one_hot - omega * p[i]) / 2, 1e-14);
    std::vector<double> up = kStudent, down = kStudent;  // central differences
    up[i] += 1e-5, down[i] -= 1e-5;
    const auto loss = [&](const std::vector<double>& z) {
      return step_on(z, kTeacher, 3, kTargets, mixed_loss(omega, rho, false, {})).loss;
    };
    EXPECT_NEAR(got.gradient[i], (loss(up) - loss(down)) / 2e-5, 1e-9);
  }
}

TEST(MixedLoss, AtItsLimits) {
  // omega = 0 is the plain loss, bit for bit.
  const Step none = step_on(kStudent, kTeacher, 3, kTargets, mixed_loss(0, 1, false, {}));
  const BigramModel model(kStudent, 3);
  const kit::LmBatch batch = one_of_each(kTargets);
  const Tensor plain = model.loss_sum(batch.input, batch.target) / 2;
  backward(plain);
  EXPECT_EQ(none.loss, plain.item());
  EXPECT_EQ(none.gradient, model.embedding_weight().grad().to_vector<double>());
  // A teacher without doubt that is right.
  std::vector<double> right = kTeacher;
  right[2] = 5, right[3] = 5;
  const Step sharp = step_on(kStudent, right, 3, kTargets, mixed_loss(1, 1e-3, false, {}));
  EXPECT_NEAR(sharp.loss, none.loss, 1e-12);
  expect_near(sharp.gradient, none.gradient, 1e-12);
  // A teacher that is the student teaches nothing.
  for (const double g : step_on(kStudent, kStudent, 3, kTargets, mixed_loss(1, 1, false, {})).gradient)
    EXPECT_NEAR(g, 0, 1e-15);
  EXPECT_NE(error_of([] { mixed_loss(0.5, 0, false, {}); }).find("rho is 0"), std::string::npos);
}

TEST(MixedLoss, DiffersFromTheKlByTheTeachersEntropy) {
  const kit::DistillStep soft = mixed_loss(1, 0.5, false, {});
  kit::DistillStep kl = soft;
  kl.divergence.divergence = Divergence::kForwardKL;
  const Step a = step_on(kStudent, kTeacher, 3, kTargets, soft),
             b = step_on(kStudent, kTeacher, 3, kTargets, kl);
  double entropy = 0;
  for (const double p : softmax_of(kTeacher, 0.5)) entropy -= p * std::log(p) / 2;
  EXPECT_NEAR(a.loss - b.loss, entropy, 1e-14);
  expect_near(a.gradient, b.gradient, 1e-14);
}

TEST(Omega, FallsAsTheReferenceDoesAndStaysAtZero) {
  for (const golden::Values& c : reference()["schedules"].items()) {
    const std::string shape = c["shape"].text();
    const OmegaSchedule omega{c["omega"].number(), c["constant"].integer(),
                              shape == "step"     ? Transition::kStep
                              : shape == "linear" ? Transition::kLinear
                                                  : Transition::kLinearRatio,
                              c["decay"].integer()};
    const std::vector<double> expected = c["weights"].numbers();
    for (size_t s = 0; s < expected.size(); ++s)
      EXPECT_NEAR(omega(static_cast<int64_t>(s)), expected[s], 1e-14) << shape << s;
    EXPECT_EQ(omega.kd_steps(), omega.constant_steps + omega.decay_steps);
    for (int64_t s = omega.kd_steps(); s < omega.kd_steps() + 50; ++s) EXPECT_EQ(omega(s), 0);
    EXPECT_TRUE(omega.kd_steps() == 0 || omega(omega.kd_steps() - 1) > 0);
  }
  EXPECT_EQ((OmegaSchedule{.constant_steps = 7}.kd_steps()), 0);
  EXPECT_NE(error_of([] { OmegaSchedule{1, 2, Transition::kLinearRatio, 3}(0); }), "no error");
  EXPECT_NE(error_of([] { OmegaSchedule{0.5, 2, Transition::kStep, 3}(0); }), "no error");
  EXPECT_NE(error_of([] { OmegaSchedule{1.5, 2}(0); }), "no error");
}

TEST(Omega, SumsToTheAreaThatIsDocumented) {
  for (const golden::Values& c : reference()["areas"].items()) {
    const double omega = c["omega"].number();
    const int64_t steps = 20000;
    const auto sum = [&](Transition shape) {
      double total = 0;
      for (int64_t s = 0; s < steps; ++s) total += OmegaSchedule{omega, 0, shape, steps}(s);
      return total;
    };
    EXPECT_NEAR(sum(Transition::kLinear), omega * (steps + 1) / 2, 1e-8);
    EXPECT_NEAR(sum(Transition::kLinear) / steps, c["linear"].number(), 1e-4);
    EXPECT_NEAR(sum(Transition::kLinearRatio) / steps, c["linear_ratio"].number(), 1e-4);
  }
}

TEST(Selection, ScoresAreThoseOfTheReference) {
  for (const golden::Values& c : reference()["scores"].items()) {
    const std::vector<double> all = c["logits"].numbers();
    const std::vector<float> logits(all.begin(), all.end());  // f32, as a model gives them
    const std::vector<int64_t> truth = c["target"].integers();
    const std::vector<int32_t> targets(truth.begin(), truth.end());
    const std::vector<TokenScore> tokens = token_scores(logits, targets, c["k"].integer());
    const std::vector<double> losses = c["loss"].numbers();
    for (size_t t = 0; t < tokens.size(); ++t) {
      EXPECT_NEAR(tokens[t].loss, losses[t], 1e-6);
      EXPECT_EQ(tokens[t].keep ? 1 : 0, c["keep"].integers()[t]);
    }
    EXPECT_NEAR(sequence_score(tokens, false), c["score"].number(), 1e-6);
    EXPECT_NEAR(sequence_score(tokens, true), c["score_of_kept"].number(), 1e-6);
  }
}

TEST(Selection, KeepsAllAtVAndTheLikeliestAtOne) {
  const std::vector<float> logits = {0, 3, 1, 2, /**/ 5, 1, 1, 0};
  for (int32_t target = 0; target < 4; ++target) {
    const std::vector<int32_t> targets = {target, target};
    for (const TokenScore& token : token_scores(logits, targets, 4)) EXPECT_TRUE(token.keep);
    EXPECT_EQ(token_scores(logits, targets, 1)[0].keep, target == 1);
    EXPECT_EQ(token_scores(logits, targets, 1)[1].keep, target == 0);
  }
  EXPECT_EQ(token_scores(logits, std::vector<int32_t>{1, kit::kIgnoreTarget}, 2).size(), 1u);
  // With all tokens kept, a harder token never lowers the score, and both readings agree.
  std::vector<TokenScore> tokens = {{0.5, true}, {1.5, true}, {0.2, true}, {3, true}};
  const double before = sequence_score(tokens, false);
  EXPECT_EQ(before, sequence_score(tokens, true));
  for (size_t t = 0; t < tokens.size(); ++t) {
    std::vector<TokenScore> harder = tokens;
    harder[t].loss += 0.7;
    EXPECT_GE(sequence_score(harder, false), before);
  }
  EXPECT_EQ(sequence_score(std::vector<TokenScore>{{4, false}}, true), 0);
  EXPECT_NE(error_of([] { sequence_score({}, false); }), "no error");
  EXPECT_NE(error_of([&] { token_scores(logits, std::vector<int32_t>{0}, 0); }), "no error");
}

TEST(Selection, OfASetIsThatOfItsRows) {
  const std::vector<double> table = {2, 1, 0, 0, 2,
                                     1, 1, 0, 2};  // the last token, or the one before it, again
  const BigramModel teacher(table, 3);
  const auto set = kit::WindowSet::stream({0, 0, 0, 1, 2, 1, 0, 2, 2}, 4, "test");
  ASSERT_TRUE(set.ok());
  const std::vector<double> got = sequence_scores(teacher, *set, {.k = 2}, kCpu);
  ASSERT_EQ(got.size(), 2u);
  for (int64_t row = 0; row < 2; ++row) {
    const std::vector<int32_t> tokens = set->window(row);
    std::vector<float> logits;
    for (size_t t = 0; t < 4; ++t)
      for (size_t v = 0; v < 3; ++v)
        logits.push_back(static_cast<float>(table[static_cast<size_t>(tokens[t]) * 3 + v]));
    const std::vector<int32_t> targets(tokens.begin() + 1, tokens.end());
    EXPECT_EQ(got[static_cast<size_t>(row)], sequence_score(token_scores(logits, targets, 2), false));
  }
  EXPECT_NE(got[0], got[1]);
}

TEST(Selection, RowsAndTercilesAreThoseOfTheReference) {
  for (const golden::Values& c : reference()["selections"].items())
    EXPECT_EQ(most_challenging(c["scores"].numbers(), c["m"].integer()), c["rows"].integers());
  EXPECT_NE(error_of([] { most_challenging(std::vector<double>{1}, 2); }), "no error");
  for (const golden::Values& c : reference()["terciles"].items()) {
    const std::vector<int> got = difficulty(c["losses"].numbers());
    EXPECT_EQ(std::vector<int64_t>(got.begin(), got.end()), c["bucket"].integers());
  }
}

TEST(Comparison, CostCrossingAndGate) {
  for (const golden::Values& c : reference()["compute"].items()) {
    const Compute compute{c["student"].integer(), c["teacher"].integer(), c["tokens"].integer()};
    const int64_t steps = c["steps"].integer(), kd = c["kd_steps"].integer();
    EXPECT_NEAR(compute.flops(steps, kd) / c["flops"].number(), 1, 1e-14);
    EXPECT_NEAR(compute.flops(steps, kd, c["scored_tokens"].integer()) / c["flops_of_selection"].number(), 1,
                1e-14);
    EXPECT_EQ(compute.baseline_steps(steps, kd), c["baseline_steps"].integer());
  }
  for (const golden::Values& c : reference()["crossings"].items()) {
    EXPECT_NEAR(steps_to_reach(c["at"].integers(), c["curve"].numbers(), c["level"].number()),
                c["step"].number(), 1e-12);
  }
  EXPECT_EQ(steps_to_reach(std::vector<int64_t>{0, 1}, std::vector<double>{3, 2}, 1),
            std::numeric_limits<double>::infinity());
  const TeacherGate good{2.1, 2.5, 2.0}, strong{1.9, 2.5, 2.0}, useless{2.6, 2.5, 2.0};
  EXPECT_NEAR(good.above(), 0.05, 1e-12);
  EXPECT_TRUE(good.is_weaker() && good.is_useful());
  EXPECT_FALSE(strong.is_weaker());
  EXPECT_FALSE(useless.is_useful());
}

}  // namespace
}  // namespace roux::salt
