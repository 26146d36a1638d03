// Losses and gradients against TRL's (tests/golden/align.py), closed forms, and what is refused.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "autograd/autograd.h"
#include "autograd/gradcheck.h"
#include "recipes/kit/align/advantages.h"
#include "recipes/kit/align/policy_gradient.h"
#include "recipes/kit/align/preference.h"
#include "recipes/kit/align/reward_model.h"
#include "recipes/kit/align/unlearning.h"
#include "recipes/kit/train/losses.h"
#include "tensor/error_of.h"
#include "tensor/io/safetensors.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"

namespace roux::kit {
namespace {

using Numbers = std::vector<double>;

// Both sides compute in f64.
constexpr double kTolerance = 1e-12;

const std::map<std::string, Tensor>& golden() {
  static const auto* const all = [] {
    const auto file = load_safetensors("tests/golden/align.safetensors");
    EXPECT_TRUE(file.ok()) << file.status();
    return new std::map<std::string, Tensor>(file->begin(), file->end());
  }();
  return *all;
}
Tensor golden(const std::string& name) {
  const auto at = golden().find(name);
  EXPECT_TRUE(at != golden().end()) << name;
  return at == golden().end() ? Tensor() : at->second;
}
Numbers numbers(const std::string& name) { return golden(name).to_vector<double>(); }

Tensor leaf(const Tensor& x) {
  Tensor copy = tensor(x.to_vector<double>(), x.shape());
  return copy.set_requires_grad(true);
}

// kIgnoreTarget where a mask of 0 and 1 is 0.
Tensor target_of(const std::string& mask) { return (1 - golden(mask)) * static_cast<double>(kIgnoreTarget); }

void expect_near(const Numbers& found, const Numbers& expected, const std::string& what) {
  ASSERT_EQ(found.size(), expected.size()) << what;
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i], expected[i], kTolerance * std::max(1.0, std::abs(expected[i])))
        << what << "[" << i << "]";
}

// `loss` of the leaves, by golden name of each, has the golden loss and gradients of `name`.
void expect_loss(const std::string& name, const std::vector<std::pair<std::string, std::string>>& leaves,
                 const std::function<Tensor(const std::vector<Tensor>&)>& loss) {
  std::vector<Tensor> inputs;
  for (const auto& [name_of, from] : leaves) inputs.push_back(leaf(golden(from)));
  const Tensor value = loss(inputs);
  expect_near({value.item()}, numbers(name + ".loss"), name);
  const std::vector<Tensor> grads = grad({value}, inputs);
  for (size_t i = 0; i < leaves.size(); ++i) {
    const std::string key = name + ".grad." + leaves[i].first;
    expect_near(grads[i].to_vector<double>(), numbers(key), key);
  }
}

PairLogProbs halves(const Tensor& rows) {
  const int64_t pairs = rows.size(0) / 2;
  return {rows.slice(0, 0, pairs), rows.slice(0, pairs, 2 * pairs)};
}

void expect_pair_loss(const std::string& name, const std::function<Tensor(const PairsSeen&)>& loss) {
  const Tensor target = target_of("pairs.mask"), reference = golden("pairs.reference");
  expect_loss(name, {{"log_probs", "pairs.log_probs"}}, [&](const std::vector<Tensor>& in) {
    return mean(loss({halves(sequence_sums(in[0], target)), halves(sequence_means(in[0], target)),
                      halves(sequence_sums(reference, target)), halves(sequence_means(reference, target))}));
  });
}

TEST(PreferenceLosses, EqualTrl) {
  expect_pair_loss("dpo", [](const PairsSeen& p) { return dpo_loss(p.sums, p.reference_sums, 0.3); });
  expect_pair_loss("smoothed",
                   [](const PairsSeen& p) { return dpo_loss(p.sums, p.reference_sums, 0.3, 0.1); });
  expect_pair_loss("ipo", [](const PairsSeen& p) { return ipo_loss(p.means, p.reference_means, 0.3); });
  expect_pair_loss("ipo_of_sums", [](const PairsSeen& p) { return ipo_loss(p.sums, p.reference_sums, 0.3); });
  expect_pair_loss("simpo", [](const PairsSeen& p) { return simpo_loss(p.means, 0.3, 0.7); });
  expect_pair_loss("orpo", [](const PairsSeen& p) { return orpo_loss(p.means, 0.4); });
}

Tensor pair(double a, double b) { return tensor(Numbers{a, b}, {2}); }

TEST(PreferenceLosses, ClosedForms) {
  const PairLogProbs policy{pair(-3, -40), pair(-5, -2)}, zero{pair(0, 0), pair(0, 0)};
  // At the reference: log 2, whatever beta and smoothing.
  for (const double smoothing : {0.0, 0.3}) {
    for (const double loss : dpo_loss(policy, policy, 0.7, smoothing).to_vector<double>())
      EXPECT_NEAR(loss, std::log(2.0), 1e-15);
  }
  // Roles swapped: the likelihoods of both labels add up to 1.      [latent adversarial training's two sides]
  const PairLogProbs swapped{policy.rejected, policy.chosen};
  const Numbers one =
      (exp(-dpo_loss(policy, zero, 0.3)) + exp(-dpo_loss(swapped, zero, 0.3))).to_vector<double>();
  for (const double sum : one) EXPECT_NEAR(sum, 1, 1e-14);
  // Both log-ratios shifted: the same.
  const PairLogProbs shifted{policy.chosen + 1.5, policy.rejected + 1.5};
  expect_near(dpo_loss(shifted, zero, 0.3).to_vector<double>(),
              dpo_loss(policy, zero, 0.3).to_vector<double>(), "shift");
  // IPO is 0 at the margin 1 / (2 beta); SimPO at equal means is -log sigmoid(-gamma).
  EXPECT_NEAR(ipo_loss({pair(1, 1), pair(0, 1)}, zero, 0.5).to_vector<double>()[0], 0, 1e-15);
  EXPECT_NEAR(simpo_loss({pair(-2, -1), pair(-2, -1)}, 2.5, 0.5).to_vector<double>()[0], 0.974077, 1e-6);
  // ORPO of means log p: -log p - lambda log sigmoid(log of the ratio of odds).
  const double p = 0.6, q = 0.1, odds = p / (1 - p) / (q / (1 - q));
  EXPECT_NEAR(orpo_loss({pair(std::log(p), -1), pair(std::log(q), -1)}, 0.25).to_vector<double>()[0],
              -std::log(p) + 0.25 * std::log(1 + 1 / odds), 1e-14);
  // A mean near 0: 1 - e^m is not lost to rounding.
  const Tensor small = orpo_loss({pair(-1e-12, -1), pair(-1, -1)}, 1);
  EXPECT_NEAR(small.to_vector<double>()[0], 1e-12 * (1 + std::exp(-1.0) / (1 - std::exp(-1.0))), 1e-20);
}

TEST(RewardLosses, EqualTrlAndThePaper) {
  expect_loss("bradley_terry", {{"chosen", "rewards.chosen"}, {"rejected", "rewards.rejected"}},
              [](const std::vector<Tensor>& in) {
                const Tensor both = in[0] + in[1];
                return mean(bradley_terry_loss(in[0], in[1], 0.2) + 0.05 * both * both);
              });
  expect_loss("listwise", {{"rewards", "lists.rewards"}}, [](const std::vector<Tensor>& in) {
    return sum(listwise_reward_loss(in[0], golden("lists.good").to(kBool)));
  });
}

TEST(GroupAdvantages, EqualTrl) {
  const Numbers rewards = numbers("policy.rewards");
  expect_near(group_advantages(rewards, 3, {.scale = Scale::kSampleStd, .epsilon = 1e-4}),
              numbers("advantages.group"), "group");
  expect_near(group_advantages(rewards, 3, {.scale = Scale::kBatchStd, .epsilon = 1e-4}),
              numbers("advantages.batch"), "batch");
  expect_near(group_advantages(rewards, 3, {Baseline::kLeaveOneOut, Scale::kNone}),
              numbers("advantages.leave_one_out"), "leave one out");
}

TEST(GroupAdvantages, ClosedForms) {
  const Numbers whole = group_advantages({1, 0, 0, 1}, 4, {.epsilon = 0});
  EXPECT_EQ(whole, (Numbers{1, -1, -1, 1}));
  const AdvantageOptions plain{.scale = Scale::kNone};
  EXPECT_EQ(group_advantages({3, 1, 5, 5}, 2, plain), (Numbers{1, -1, 0, 0}));
  EXPECT_EQ(group_advantages({0.1, 0.1, 0.1}, 3),
            (Numbers{0, 0, 0}));  // whose mean is not 0.1 in floating point
  EXPECT_EQ(group_advantages({3, 1, -2}, 1, {Baseline::kNone, Scale::kNone}), (Numbers{3, 1, -2}));
  EXPECT_EQ(equal_groups({1, 1, 1, 0}, 2), (std::vector<bool>{true, false}));
  EXPECT_TRUE(group_advantages({}, 4).empty());
}

TEST(Policies, EqualTrl) {
  const Tensor target = target_of("policy.mask"), old = golden("policy.old");
  const Tensor advantage = golden("advantages.group").view({6, 1});
  const std::map<std::string, Aggregation> kinds = {{"grpo", Aggregation::kSequenceMean},
                                                    {"dapo", Aggregation::kTokenMean},
                                                    {"dr_grpo", Aggregation::kFixedLength}};
  for (const auto& [name, aggregation] : kinds) {
    expect_loss(name, {{"log_probs", "policy.log_probs"}}, [&](const std::vector<Tensor>& in) {
      const Tensor gain = clipped_objective(in[0], old, advantage, {0.2, 0.28});
      const Tensor penalty = kl_estimate(in[0], golden("policy.reference"), KlEstimator::kK3);
      return aggregate(0.04 * penalty - gain, target, aggregation, 7);
    });
  }
  // On-policy, REINFORCE has RLOO's gradient; its value is another.
  const Tensor log_probs = leaf(golden("policy.log_probs"));
  const Tensor gain = reinforce_objective(log_probs, golden("advantages.leave_one_out").view({6, 1}));
  const Tensor loss = -aggregate(gain, target, Aggregation::kFixedLength, 1);
  expect_near(grad({loss}, {log_probs})[0].to_vector<double>(), numbers("rloo.grad.log_probs"), "rloo");
}

// The numbers of the tokens of a row.
Numbers row_of(const std::string& name, size_t row) {
  const Numbers all = numbers(name), mask = numbers("policy.mask");
  Numbers out;
  for (size_t i = row * 6; i < (row + 1) * 6; ++i) {
    if (mask[i] != 0) out.push_back(all[i]);
  }
  return out;
}

TEST(Ppo, EqualsTrl) {
  Numbers all;
  for (size_t row = 0; row < 6; ++row) {
    const Numbers rewards = token_rewards(numbers("policy.rewards")[row], row_of("policy.old", row),
                                          row_of("policy.reference", row), 0.04);
    expect_near(rewards, row_of("ppo.token_rewards", row), "token_rewards");
    const Gae found = gae(rewards, row_of("policy.old_values", row), 0.97, 0.9);
    expect_near(found.value_target, row_of("ppo.returns", row), "returns");
    all.insert(all.end(), found.advantage.begin(), found.advantage.end());
  }
  Numbers expected;
  for (size_t row = 0; row < 6; ++row) {
    const Numbers some = row_of("ppo.advantages", row);
    expected.insert(expected.end(), some.begin(), some.end());
  }
  // TRL divides the variance by n - 1.
  Numbers white = whitened(all);
  const auto n = static_cast<double>(white.size());
  for (double& w : white) w *= std::sqrt((n - 1) / n);
  ASSERT_EQ(white.size(), expected.size());
  for (size_t i = 0; i < white.size(); ++i)
    EXPECT_NEAR(white[i], expected[i], 1e-8);  // both add 1e-8 to another

  const Tensor target = target_of("policy.mask");
  expect_loss("ppo", {{"log_probs", "policy.log_probs"}, {"values", "policy.values"}},
              [&](const std::vector<Tensor>& in) {
                const Tensor gain =
                    clipped_objective(in[0], golden("policy.old"), golden("ppo.advantages"), {0.2, 0.2});
                const Tensor value =
                    clipped_value_loss(in[1], golden("policy.old_values"), golden("ppo.returns"), 0.3);
                return aggregate(0.6 * value - gain, target, Aggregation::kTokenMean);
              });

  AdaptiveKl kl{.coefficient = 0.1, .target = 6, .horizon = 10000};
  Numbers coefficients;
  for (const double measured : numbers("adaptive_kl.kl")) {
    kl.update(measured, 128);
    coefficients.push_back(kl.coefficient);
  }
  expect_near(coefficients, numbers("adaptive_kl.coefficient"), "adaptive_kl");
  AdaptiveKl fixed{.coefficient = 0.3};
  fixed.update(100, 128);
  EXPECT_EQ(fixed.coefficient, 0.3);
}

TEST(Gae, Identities) {
  const Numbers rewards{1, -2, 0.5, 3}, values{0.3, 0.1, -0.4, 0.2};
  const Gae whole = gae(rewards, values, 1, 1), one_step = gae(rewards, values, 0.9, 0);
  double to_go = 0;
  for (size_t t = 4; t-- > 0;) {
    to_go += rewards[t];
    EXPECT_NEAR(whole.advantage[t], to_go - values[t], 1e-15);  // rewards to go - value
    EXPECT_NEAR(whole.value_target[t], to_go, 1e-15);
    const double next = t == 3 ? 0 : values[t + 1];
    EXPECT_NEAR(one_step.advantage[t], rewards[t] + 0.9 * next - values[t], 1e-15);  // the TD error
  }
  EXPECT_TRUE(gae({}, {}, 1, 1).advantage.empty());
  // The rewards of tokens add up to the reward minus the penalty.
  const Numbers shaped = token_rewards(2, {-1, -2}, {-1.5, -1}, 0.1);
  EXPECT_NEAR(shaped[0] + shaped[1], 2 - 0.1 * (0.5 - 1), 1e-15);
  const Numbers white = whitened(values);
  double mean = 0, square = 0;
  for (const double w : white) mean += w / 4, square += w * w / 4;
  EXPECT_NEAR(mean, 0, 1e-15);
  EXPECT_NEAR(square, 1, 1e-6);
}

// Expectations over two tokens of which the policy draws the first with 0.7, the reference with 0.4.
TEST(KlEstimate, ExpectationsAndTheirGradients) {
  const Tensor logit = leaf(tensor(Numbers{std::log(0.7 / 0.3)}, {1, 1}));  // of the first token
  const Tensor reference = tensor(Numbers{std::log(0.4), std::log(0.6)}, {1, 2});
  const Tensor drawn = log_sigmoid(logit * tensor(Numbers{1, -1}, {1, 2}));
  const Tensor weight = exp(drawn.detach());
  const double forward = 0.7 * std::log(0.7 / 0.4) + 0.3 * std::log(0.3 / 0.6);
  const auto expectation = [&](KlEstimator e) { return sum(weight * kl_estimate(drawn, reference, e)); };
  EXPECT_NEAR(expectation(KlEstimator::kK1).item(), forward, 1e-14);
  EXPECT_NEAR(expectation(KlEstimator::kK3).item(), forward, 1e-14);
  // d/dz KL(pi || ref) = p q (log p/r - log q/s); d/dz KL(ref || pi) = p - r, for p = sigmoid(z).
  const double of_policy = 0.7 * 0.3 * (std::log(0.7 / 0.4) - std::log(0.3 / 0.6)), of_reference = 0.7 - 0.4;
  const auto slope = [&](KlEstimator e) {
    return grad({expectation(e)}, {logit}, {.grad_outputs = {}, .retain_graph = true})[0].item();
  };
  EXPECT_NEAR(slope(KlEstimator::kK1), 0, 1e-14);
  EXPECT_NEAR(slope(KlEstimator::kK2), of_policy, 1e-14);
  EXPECT_NEAR(slope(KlEstimator::kK3), of_reference, 1e-14);
  for (const double k : kl_estimate(drawn, drawn, KlEstimator::kK3).to_vector<double>()) EXPECT_EQ(k, 0);
}

TEST(ClippedObjective, PassesNoGradientToTheBetter) {
  const Numbers log_ratio{0.5, 0.5, -0.5, -0.5, 0, 0.1}, advantage{1, -1, 1, -1, 2, -3};
  const Tensor log_probs = leaf(tensor(log_ratio, {1, 6}));
  const Tensor objective =
      clipped_objective(log_probs, tensor(Numbers(6, 0.0), {1, 6}), tensor(advantage, {1, 6}), {0.2, 0.3});
  const Numbers slope = grad({sum(objective)}, {log_probs})[0].to_vector<double>();
  const Numbers expected{0, -std::exp(0.5), std::exp(-0.5), 0, 2, -3 * std::exp(0.1)};
  expect_near(slope, expected, "slope");
  expect_near(objective.to_vector<double>(),
              {1.3, -std::exp(0.5), std::exp(-0.5), -0.8, 2, -3 * std::exp(0.1)}, "objective");
}

TEST(Unlearning, EqualsThePaper) {
  const Tensor target = target_of("pairs.mask"), reference = sequence_sums(golden("pairs.reference"), target);
  expect_loss("npo", {{"log_probs", "pairs.log_probs"}}, [&](const std::vector<Tensor>& in) {
    return mean(npo_loss(sequence_sums(in[0], target), reference, 0.3));
  });
  // At the reference: 2 log 2 / beta, and the gradient of ascent; far below it the gradient is gone.
  const Tensor at = leaf(pair(-3, -3)), before = pair(-3, -3 + 400);
  const Tensor loss = npo_loss(at, before, 0.1);
  EXPECT_NEAR(loss.to_vector<double>()[0], 20 * std::log(2.0), 1e-13);
  const Numbers slope = grad({sum(loss)}, {at})[0].to_vector<double>();
  EXPECT_NEAR(slope[0], 1, 1e-14);
  EXPECT_NEAR(slope[1], 0, 1e-14);
  EXPECT_NEAR(gradient_ascent_loss(tensor(Numbers{-1, NAN, -4}, {1, 3}),
                                   tensor(std::vector<int32_t>{5, kIgnoreTarget, 6}, {1, 3}))
                  .item(),
              -2.5, 1e-15);
}

TEST(Losses, AreDifferentiableTwice) {
  const Tensor target = target_of("policy.mask"), old = golden("policy.old");
  const Tensor advantage = golden("advantages.group").view({6, 1});
  const auto all = [&](const std::vector<Tensor>& in) -> std::vector<Tensor> {
    const Tensor kl = kl_estimate(in[0], golden("policy.reference"), KlEstimator::kK3);
    const PairLogProbs means = halves(sequence_means(in[0], target));
    const PairLogProbs before = halves(sequence_means(old, target));
    return {aggregate(kl - clipped_objective(in[0], old, advantage, {}), target, Aggregation::kSequenceMean),
            mean(dpo_loss(means, before, 0.5, 0.1) + ipo_loss(means, before, 0.5) + simpo_loss(means, 2, 1) +
                 orpo_loss(means, 0.3)),
            mean(npo_loss(sequence_sums(in[0], target), sequence_sums(old, target), 0.2))};
  };
  const std::vector<Tensor> inputs = {leaf(golden("policy.log_probs"))};
  EXPECT_TRUE(gradcheck(all, inputs).ok()) << gradcheck(all, inputs);
  EXPECT_TRUE(gradgradcheck(all, inputs).ok()) << gradgradcheck(all, inputs);
}

TEST(Losses, DoNotCountWhatIsNoTarget) {
  const Tensor target = tensor(std::vector<int32_t>{3, kIgnoreTarget, 1, 2}, {2, 2});
  const Tensor log_probs = leaf(tensor(Numbers{-1, -7, -2, -3}, {2, 2}));
  const Tensor advantage = tensor(Numbers{1, 1}, {2, 1});
  const Tensor loss = aggregate(-clipped_objective(log_probs, log_probs.detach(), advantage, {}), target,
                                Aggregation::kSequenceMean);
  EXPECT_EQ(loss.item(), -1);
  expect_near(grad({loss}, {log_probs})[0].to_vector<double>(), {-0.5, 0, -0.25, -0.25}, "grad");
}

TEST(Losses, SayWhatDoesNotFit) {
  const Tensor two = pair(-1, -2), three = tensor(Numbers{-1, -2, -3}, {3}),
               table = tensor(Numbers{-1, -2}, {1, 2});
  const PairLogProbs fine{two, two};
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(has(error_of([&] { dpo_loss({two, three}, fine, 0.1); }), "policy.rejected is f64[3]"));
  EXPECT_TRUE(has(error_of([&] { dpo_loss(fine, {three, three}, 0.1); }), "reference is f64[3]"));
  EXPECT_TRUE(has(error_of([&] { dpo_loss(fine, fine, nan); }), "beta is nan"));
  EXPECT_TRUE(has(error_of([&] { dpo_loss(fine, fine, 0.1, 0.5); }), "label_smoothing is 0.5"));
  EXPECT_TRUE(has(error_of([&] { ipo_loss(fine, fine, 0); }), "beta is 0"));
  EXPECT_TRUE(has(error_of([&] { simpo_loss({table, table}, 1, 0); }), "means.chosen is f64[1,2]"));
  EXPECT_TRUE(has(error_of([&] { orpo_loss(fine, -1); }), "lambda is -1"));
  EXPECT_TRUE(has(error_of([&] { bradley_terry_loss(two, three); }), "rejected is f64[3]"));
  EXPECT_TRUE(has(error_of([&] { listwise_reward_loss(table, table); }), "good is f64[1,2]"));
  EXPECT_TRUE(has(error_of([&] { npo_loss(two, three, 1); }), "reference is f64[3]"));
  EXPECT_TRUE(has(error_of([&] { clipped_objective(table, two, table, {}); }), "old is f64[2]"));
  EXPECT_TRUE(has(error_of([&] { clipped_objective(table, table, two, {}); }), "advantage is f64[2]"));
  EXPECT_TRUE(has(error_of([&] { clipped_objective(table, table, table, {1.5, 0}); }), "clip is {1.5, 0}"));
  EXPECT_TRUE(has(error_of([&] { clipped_value_loss(table, table, table, nan); }), "clip is nan"));
  const Tensor none = tensor(std::vector<int32_t>{kIgnoreTarget, kIgnoreTarget}, {1, 2});
  EXPECT_TRUE(has(error_of([&] { aggregate(table, none, Aggregation::kTokenMean); }), "no token"));
  EXPECT_TRUE(has(error_of([&] { aggregate(table, none, Aggregation::kFixedLength); }), "length is 0"));
  EXPECT_TRUE(has(error_of([&] { group_advantages({1, 2, 3}, 2); }), "3 rewards in groups of 2"));
  EXPECT_TRUE(has(error_of([&] { group_advantages({1, nan}, 2); }), "rewards[1] is nan"));
  EXPECT_TRUE(has(error_of([&] { group_advantages({1, 2}, 1); }), "the group is 1"));
  EXPECT_TRUE(has(error_of([&] { gae({1, 2}, {1}, 1, 1); }), "2 rewards and 1 values"));
  EXPECT_TRUE(has(error_of([&] { gae({1}, {1}, 1.5, 1); }), "gamma is 1.5"));
  EXPECT_TRUE(has(error_of([&] { token_rewards(nan, {1}, {1}, 0.1); }), "reward[0] is nan"));
  EXPECT_TRUE(has(error_of([&] { AdaptiveKl{}.update(nan, 3); }), "kl is nan"));
}

}  // namespace
}  // namespace roux::kit
