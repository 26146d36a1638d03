#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "nn/models/transformer.h"
#include "recipes/kit/align/bigram_policy.h"
#include "recipes/kit/align/grpo.h"
#include "recipes/kit/align/ppo.h"
#include "recipes/kit/run/record.h"
#include "tensor/error_of.h"
#include "tensor/generator.h"

namespace roux::kit {
namespace {

using Numbers = std::vector<double>;

double value_of(const StepResult& result, const std::string& name) {
  for (const auto& [key, value] : result.values) {
    if (key == name) return value;
  }
  ADD_FAILURE() << "no value " << name;
  return NAN;
}

const Tokens kPrompt{0};
// Of the answers of one and of two tokens.
const std::map<Tokens, double> kShort{{{0}, 0.2}, {{1}, 1.0}, {{2}, -0.5}};
const std::map<Tokens, double> kLong{{{0, 0}, 0.1},  {{0, 1}, 0.9},  {{0, 2}, -1},
                                     {{1, 0}, 0.4},  {{1, 1}, -0.2}, {{1, 2}, 0.7},
                                     {{2, 0}, -0.3}, {{2, 1}, 0},    {{2, 2}, 1}};
// A policy whose answers' states are one for each first token, so that every distribution is one: the prompt
// is token 3, which is no answer.
const Tokens kOwnPrompt{3};
BigramPolicy free_policy() {
  const double no = -40;  // token 3 is never drawn
  return BigramPolicy({0.2, -0.3, 0.1, no, 0.5, 0, -0.4, no, -0.2, 0.3, 0.1, no, 0.3, -0.1, 0.2, no});
}

AdamW adam(const BigramPolicy& policy) {
  return AdamW({{NamedTensors{{"logits", policy.logits}, {"values", policy.values}}}}, {.weight_decay = 0});
}

std::vector<Rollout> rollouts(const BigramPolicy& policy, const Tokens& prompt,
                              const std::map<Tokens, double>& rewards, int64_t count,
                              stats::RandomStream& random) {
  std::vector<Rollout> out;
  const auto length = static_cast<int64_t>(rewards.begin()->first.size());
  for (int64_t i = 0; i < count; ++i) {
    out.push_back(policy.sample(prompt, length, random));
    out.back().reward = rewards.at(out.back().answer);
  }
  return out;
}

// Means over the last half of the steps, which take the noise of the draws out.
struct Ended {
  std::map<Tokens, double> probability;
  double value = 0;  // of the prompt
};
template <class Step>
Ended train_policy(const BigramPolicy& policy, const Tokens& prompt, const std::map<Tokens, double>& rewards,
                   int64_t count, const Step& step) {
  constexpr int kSteps = 400;
  stats::RandomStream random(5);
  Ended out;
  for (int i = 0; i < kSteps; ++i) {
    step(rollouts(policy, prompt, rewards, count, random), i < kSteps / 2 ? 0.03 : 0.005);
    if (i < kSteps / 2) continue;
    for (const auto& [answer, reward] : rewards)
      out.probability[answer] += policy.probability(prompt, answer) / (kSteps / 2.0);
    out.value += policy.values.to_vector<double>()[static_cast<size_t>(prompt.back())] / (kSteps / 2.0);
  }
  return out;
}

void expect_probabilities(const std::map<Tokens, double>& found, const std::map<Tokens, double>& expected) {
  for (const auto& [answer, p] : expected) EXPECT_NEAR(found.at(answer), p, 0.015) << answer.front();
}

std::map<Tokens, double> probabilities(const BigramPolicy& policy, const Tokens& prompt,
                                       const std::map<Tokens, double>& rewards) {
  std::map<Tokens, double> out;
  for (const auto& [answer, reward] : rewards) out[answer] = policy.probability(prompt, answer);
  return out;
}

TEST(Reinforce, WithKlInTheRewardReachesTheGibbsOptimum) {
  const BigramPolicy policy = free_policy(), reference = free_policy();
  AdamW optimizer = adam(policy);
  const double beta = 0.7;
  const Ended ended = train_policy(policy, kOwnPrompt, kLong, 128, [&](const auto& drawn, double lr) {
    grpo_step(policy.log_probs(), optimizer, reference.log_probs(), drawn,
              {.group = 128,
               .advantages = {Baseline::kLeaveOneOut, Scale::kNone},
               .kl_in_reward = beta,
               .aggregation = Aggregation::kFixedLength,
               .length = 1,
               .update = {.lr = lr}});
  });
  expect_probabilities(ended.probability, gibbs(probabilities(reference, kOwnPrompt, kLong), kLong, beta));
}

// The penalty as a loss, of answers of one token. k2's gradient is that of KL(pi || ref), so the optimum is
// the same; k3's is that of KL(ref || pi): pi = beta ref / (lambda - r), with the lambda that makes it add up
// to 1.
TEST(Grpo, ReachesTheOptimumOfItsEstimator) {
  const double beta = 0.7;
  for (const KlEstimator estimator : {KlEstimator::kK2, KlEstimator::kK3}) {
    const BigramPolicy policy = free_policy(), reference = free_policy();
    AdamW optimizer = adam(policy);
    const Ended ended = train_policy(policy, kOwnPrompt, kShort, 128, [&](const auto& drawn, double lr) {
      grpo_step(policy.log_probs(), optimizer, reference.log_probs(), drawn,
                {.group = 128,
                 .advantages = {Baseline::kLeaveOneOut, Scale::kNone},
                 .kl = beta,
                 .kl_estimator = estimator,
                 .update = {.lr = lr}});
    });
    std::map<Tokens, double> best = probabilities(reference, kOwnPrompt, kShort);
    if (estimator == KlEstimator::kK2) {
      best = gibbs(best, kShort, beta);
    } else {
      const auto total = [&](double lambda) {
        double sum = 0;
        for (const auto& [answer, p] : best) sum += beta * p / (lambda - kShort.at(answer));
        return sum;
      };
      double low = 1.0 + 1e-9, high = 10;
      for (int i = 0; i < 100; ++i) (total((low + high) / 2) > 1 ? low : high) = (low + high) / 2;
      for (auto& [answer, p] : best) p = beta * p / (low - kShort.at(answer));
    }
    expect_probabilities(ended.probability, best);
  }
}

// And the value of the prompt is that of the best policy: beta log E_ref exp(r / beta).
TEST(Ppo, ReachesTheGibbsOptimumAndItsValue) {
  const BigramPolicy policy = free_policy(), reference = free_policy();
  AdamW optimizer = adam(policy);
  AdaptiveKl kl{.coefficient = 0.7};
  const ActorCriticModel model = [&](const LmBatch& batch) {
    return ActorCritic{policy.log_probs()(batch), policy.value(batch)};
  };
  const Ended ended = train_policy(policy, kOwnPrompt, kLong, 128, [&](const auto& drawn, double lr) {
    ppo_step(model, optimizer, reference.log_probs(), drawn, kl,
             {.lambda = 0.95,
              .value_weight = 1,
              .whiten = false,
              .epochs = 2,
              .rows_per_update = 64,
              .update = {.lr = lr}});
  });
  const std::map<Tokens, double> before = probabilities(reference, kOwnPrompt, kLong);
  expect_probabilities(ended.probability, gibbs(before, kLong, 0.7));
  double z = 0;
  for (const auto& [answer, p] : before) z += p * std::exp(kLong.at(answer) / 0.7);
  EXPECT_NEAR(ended.value, 0.7 * std::log(z), 0.03);
}

TransformerConfig tiny() {
  return {.vocab_size = 11,
          .hidden_size = 16,
          .intermediate_size = 24,
          .num_hidden_layers = 1,
          .num_attention_heads = 2};
}

// Answers of different lengths, so that rows are padded; the third has a token that a tool wrote.
std::vector<Rollout> some_rollouts() {
  return {{.prompt = {1, 2}, .answer = {3, 4, 5}, .reward = 1},
          {.prompt = {1, 2}, .answer = {6}, .reward = 0},
          {.prompt = {7}, .answer = {8, 9, 10, 1}, .reward = 0.5, .written = {1, 1, 0, 1}},
          {.prompt = {7}, .answer = {8, 8}, .reward = -1},
          {.prompt = {4}, .answer = {2, 2}, .reward = 2},
          {.prompt = {4}, .answer = {3}, .reward = 2}};
}

TEST(Grpo, TheFirstRatioIsExactlyOne) {
  Generator generator(1);
  const Transformer model(tiny(), Init{&generator, 0.3});
  Sgd optimizer({{model.named_parameters()}});
  // Nothing may leave the ratio 1. A learning rate of 0 keeps all updates first ones.
  GrpoStep options{.group = 2, .clip = {0, 0}, .epochs = 2, .rows_per_update = 2, .rows = 1};
  StepResult result = grpo_step(log_probs_of(model), optimizer, nullptr, some_rollouts(), options);
  EXPECT_EQ(value_of(result, "clipped"), 0);
  EXPECT_NEAR(value_of(result, "equal_groups"), 1.0 / 3, 1e-15);
  EXPECT_NEAR(value_of(result, "reward"), 4.5 / 6, 1e-15);
  EXPECT_NEAR(value_of(result, "length"), 12.0 / 6, 1e-15);
  EXPECT_NEAR(result.loss.item(), 0, 1e-7);
  options.update.lr = 0.1;
  result = grpo_step(log_probs_of(model), optimizer, nullptr, some_rollouts(), options);
  EXPECT_GT(value_of(result, "clipped"), 0);
}

Numbers weights_after(const GrpoStep& options, bool with_reference) {
  Generator generator(2);
  TransformerConfig config = tiny();
  config.compute_dtype = kF64;
  const Transformer model(config, Init{&generator, 0.3, kF64}),
      reference(config, Init{&generator, 0.3, kF64});
  Sgd optimizer({{model.named_parameters()}});
  for (int i = 0; i < 2; ++i) {
    grpo_step(log_probs_of(model), optimizer, with_reference ? log_probs_of(reference) : nullptr,
              some_rollouts(), options);
  }
  Numbers out;
  for (const Tensor& p : model.parameters()) {
    const Numbers all = p.to_vector<double>();
    out.insert(out.end(), all.begin(), all.end());
  }
  return out;
}

void expect_same(const Numbers& a, const Numbers& b, bool same) {
  ASSERT_EQ(a.size(), b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  if (same) {
    EXPECT_LT(largest, 1e-12);
  } else {
    EXPECT_GT(largest, 1e-6);
  }
}

TEST(Grpo, InPiecesIsTheWholeUpdate) {
  for (const Aggregation aggregation :
       {Aggregation::kSequenceMean, Aggregation::kTokenMean, Aggregation::kFixedLength}) {
    GrpoStep options{.group = 2, .kl = 0.1, .aggregation = aggregation, .length = 5, .update = {.lr = 0.1}};
    const Numbers whole = weights_after(options, true);
    options.rows = 3;
    expect_same(weights_after(options, true), whole, true);
    // A second epoch needs the old log-probabilities; the first of its updates is the whole one.
    options.epochs = 2;
    expect_same(weights_after(options, true), whole, false);
  }
}

// Without a penalty a group of equal rewards moves nothing, but it counts in the mean if it is kept.
TEST(Grpo, GroupsOfEqualRewardsAreLeftOut) {
  GrpoStep options{.group = 2, .update = {.lr = 0.1}};
  const Numbers dropped = weights_after(options, false);
  options.drop_equal_groups = false;
  expect_same(weights_after(options, false), dropped, false);
  options.update.lr = 0.15;  // 6 rows in place of 4
  expect_same(weights_after(options, false), dropped, true);

  const BigramPolicy policy = free_policy();
  AdamW optimizer = adam(policy);
  const std::vector<Rollout> equal = {{.prompt = kPrompt, .answer = {1}, .reward = 1},
                                      {.prompt = kPrompt, .answer = {2}, .reward = 1}};
  const Numbers before = policy.logits.to_vector<double>();
  const StepResult nothing =
      grpo_step(policy.log_probs(), optimizer, nullptr, equal, {.group = 2, .update = {.lr = 0.1}});
  EXPECT_EQ(policy.logits.to_vector<double>(), before);
  EXPECT_EQ(nothing.loss.item(), 0);
  EXPECT_FALSE(nothing.grad_norm.defined());
  EXPECT_EQ(value_of(nothing, "equal_groups"), 1);
  EXPECT_NEAR(value_of(nothing, "entropy"),
              -std::log(policy.probability(0, 1) * policy.probability(0, 2)) / 2, 1e-12);
}

// The plain form learns from single answers, and from equal ones.
TEST(Reinforce, NeedsNoGroup) {
  const BigramPolicy policy = free_policy();
  Sgd optimizer({{NamedTensors{{"logits", policy.logits}}}});
  const double p = policy.probability(0, 1), other = policy.probability(0, 0);
  const std::vector<Rollout> one = {{.prompt = kPrompt, .answer = {1}, .reward = 2}};
  grpo_step(policy.log_probs(), optimizer, nullptr, one,
            {.group = 1, .advantages = {Baseline::kNone, Scale::kNone}, .update = {.lr = 0.1}});
  // d log p / d logits = one hot - p.
  EXPECT_NEAR(policy.logits.to_vector<double>()[1], -0.3 + 0.1 * 2 * (1 - p), 1e-12);
  EXPECT_NEAR(policy.logits.to_vector<double>()[0], 0.2 - 0.1 * 2 * other, 1e-12);
}

TEST(Rollouts, WhatIsRecordedOfThem) {
  const BigramPolicy policy = free_policy(), reference({0, 1, 2, 3, 0, 0, 0, 0, 1, 1, 0, 0, 2, 0, 2, 0});
  AdamW optimizer = adam(policy);
  stats::RandomStream random(1);
  std::vector<Rollout> drawn = rollouts(policy, kOwnPrompt, kLong, 8, random);
  drawn[3].log_probs[1] += 0.25;
  double kl = 0, entropy = 0;
  for (const Rollout& r : drawn) {
    entropy -= std::log(policy.probability(r.prompt, r.answer)) / 16;
    kl += std::log(policy.probability(r.prompt, r.answer) / reference.probability(r.prompt, r.answer)) / 8;
  }
  const StepResult result = grpo_step(policy.log_probs(), optimizer, reference.log_probs(), drawn,
                                      {.group = 4, .kl = 0.1, .update = {.lr = 0.1}});
  EXPECT_NEAR(value_of(result, "sampler_distance"), 0.25, 1e-12);
  EXPECT_NEAR(value_of(result, "entropy"), entropy, 1e-12);
  EXPECT_NEAR(value_of(result, "kl"), kl, 1e-12);
}

// A tool's tokens are seen and not learned.
TEST(Rollouts, ToolsTokensAreNoTargets) {
  const std::vector<Rollout> some = some_rollouts();
  const RolloutBatch batch(some, kCpu);
  EXPECT_EQ(batch.batch().target_count, 12);
  const Tensor x = tensor(
      Numbers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}, {6, 4});
  const auto rows = batch.at_tokens(x);
  EXPECT_EQ(rows[0], (Numbers{1, 2, 3}));
  EXPECT_EQ(rows[1], (Numbers{5}));
  EXPECT_EQ(rows[2], (Numbers{8, 9, 11}));
  EXPECT_EQ(batch.at_tokens(batch.from_tokens(rows, kF64)), rows);
  EXPECT_EQ(batch.from_tokens(rows, kF64).to_vector<double>()[10], 0);
}

TEST(Ppo, StepsATransformerWithAValueHead) {
  Generator generator(4);
  const Init init{&generator, 0.3};
  const Transformer model(tiny(), init), reference(tiny(), init);
  const Linear head(16, 1, true, init);
  AdamW optimizer({{model.named_parameters()}, {head.named_parameters()}}, {});
  AdaptiveKl kl{.coefficient = 0.1, .target = 6, .horizon = 100};
  PpoStep options{.reward_clip = 1, .epochs = 3, .rows_per_update = 3, .rows = 2, .update = {.lr = 1e-2}};
  const auto step = [&] {
    return ppo_step(actor_critic(model, head), optimizer, log_probs_of(reference), some_rollouts(), kl,
                    options);
  };
  const StepResult first = step();
  EXPECT_EQ(value_of(first, "kl_coefficient"), 0.1);
  const double error = std::clamp(value_of(first, "kl") / 6 - 1, -0.2, 0.2);
  EXPECT_NEAR(kl.coefficient, 0.1 * (1 + error * 6 / 100), 1e-12);
  StepResult last = first;
  for (int i = 0; i < 20; ++i) last = step();
  EXPECT_LT(value_of(last, "value_loss"), 0.2 * value_of(first, "value_loss"));
  AdaptiveKl read;
  ASSERT_TRUE(decode_value(encode_value(kl), read).ok());
  EXPECT_EQ(read.coefficient, kl.coefficient);
}

TEST(Policies, PlanOnMeta) {
  const Init init{nullptr, 0.02, kF32, kMeta};
  const Transformer model(tiny(), init), reference(tiny(), init);
  const Linear head(16, 1, true, init);
  AdamW optimizer({{model.named_parameters()}, {head.named_parameters()}}, {});
  AdaptiveKl kl;
  grpo_step(log_probs_of(model), optimizer, log_probs_of(reference), some_rollouts(),
            {.group = 2, .kl = 0.1, .epochs = 2, .device = kMeta});
  ppo_step(actor_critic(model, head), optimizer, log_probs_of(reference), some_rollouts(), kl,
           {.device = kMeta});
}

TEST(Policies, SayWhatDoesNotFit) {
  const BigramPolicy policy = free_policy();
  AdamW optimizer = adam(policy);
  const auto error = [&](std::vector<Rollout> some, const GrpoStep& options) {
    return error_of([&] { grpo_step(policy.log_probs(), optimizer, nullptr, some, options); });
  };
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(has(error({}, {}), "no rollouts"));
  EXPECT_TRUE(has(error(some_rollouts(), {.group = 4}), "6 rewards in groups of 4"));
  EXPECT_TRUE(has(error(some_rollouts(), {.group = 2, .kl = 0.1}), "no reference"));
  const Rollout fine{.prompt = {1}, .answer = {2, 3}};
  Rollout better = fine;
  better.reward = 1;
  EXPECT_TRUE(has(error({fine, better}, {.group = 2, .epochs = 0}), "epochs is 0"));
  Rollout bad = fine;
  bad.written = {0, 0};
  EXPECT_TRUE(has(error({fine, bad}, {.group = 2, .drop_equal_groups = false}), "was written by the policy"));
  bad.written = {1};
  EXPECT_TRUE(has(error({fine, bad}, {.group = 2, .drop_equal_groups = false}), "1 marks"));
  bad = fine;
  bad.reward = NAN;
  EXPECT_TRUE(has(error({fine, bad}, {.group = 2}), "rewards[1] is nan"));
  EXPECT_TRUE(has(error_of([&] {
                    grpo_step(policy.log_probs(), optimizer, policy.log_probs(),
                              std::vector<Rollout>{fine, fine},
                              {.group = 2, .kl = 1, .kl_estimator = KlEstimator::kK1});
                  }),
                  "kK1"));
}

}  // namespace
}  // namespace roux::kit
