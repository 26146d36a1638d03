#include "recipes/kit/align/preference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "nn/models/transformer.h"
#include "recipes/kit/align/bigram_policy.h"
#include "recipes/kit/align/reward_model.h"
#include "recipes/kit/run/record.h"
#include "tensor/error_of.h"
#include "tensor/generator.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux::kit {
namespace {

TransformerConfig tiny(DType dtype = kF32) {
  TransformerConfig config{.vocab_size = 11,
                           .hidden_size = 16,
                           .intermediate_size = 24,
                           .num_hidden_layers = 1,
                           .num_attention_heads = 2};
  config.compute_dtype = dtype;
  return config;
}

double value_of(const StepResult& result, const std::string& name) {
  for (const auto& [key, value] : result.values) {
    if (key == name) return value;
  }
  ADD_FAILURE() << "no value " << name;
  return NAN;
}

const Tokens kPrompt{0};
const Tokens kA{1, 1}, kB{1, 2}, kC{2, 0};

// Bradley-Terry's pairs of three answers whose strengths are 9 : 3 : 1, as counts.
std::vector<Preference> ranked_pairs() {
  std::vector<Preference> pairs;
  const auto add = [&](const Tokens& a, const Tokens& b, int wins, int losses) {
    for (int i = 0; i < wins; ++i) pairs.push_back({.prompt = kPrompt, .chosen = a, .rejected = b});
    for (int i = 0; i < losses; ++i) pairs.push_back({.prompt = kPrompt, .chosen = b, .rejected = a});
  };
  add(kA, kB, 3, 1), add(kB, kC, 3, 1), add(kA, kC, 9, 1);
  return pairs;
}

void train_on(const BigramPolicy& policy, std::vector<Preference>& pairs, const PreferenceLoss& loss) {
  cache_reference(policy.log_probs(), pairs, {.rows = 7});
  AdamW optimizer({{NamedTensors{{"logits", policy.logits}}}}, {.weight_decay = 0});
  for (int step = 0; step < 600; ++step) {
    const double lr = step < 300 ? 0.05 : 0.05 * std::pow(0.97, step - 300);
    preference_step(policy.log_probs(), optimizer, pairs, loss, {.update = {.lr = lr}});
  }
}

// The minimum over policies is ref exp(r / beta) / Z with the r of Bradley-Terry.       [Rafailov et al.
// 2023, eq. 4]
TEST(Dpo, ReachesTheOptimumOfItsReward) {
  const BigramPolicy policy({0.3, -0.2, 0.1, 0.5, 0.4, -0.6, -0.1, 0.2, 0.7});
  const std::map<Tokens, double> reward{{kA, std::log(9)}, {kB, std::log(3)}, {kC, 0.0}};
  std::map<Tokens, double> reference;
  for (const auto& [answer, r] : reward) reference[answer] = policy.probability(kPrompt, answer);
  std::vector<Preference> pairs = ranked_pairs();
  const double beta = 0.8;
  train_on(policy, pairs, [&](const PairsSeen& p) { return dpo_loss(p.sums, p.reference_sums, beta); });
  const std::map<Tokens, double> best = gibbs(reference, reward, beta);
  // Answers that no pair has take what probability they like: compare ratios.
  for (const auto& [answer, p] : best) {
    EXPECT_NEAR(policy.probability(kPrompt, answer) / policy.probability(kPrompt, kC), p / best.at(kC), 1e-3);
  }
}

// With probabilities p of being chosen, h = (2 p - 1) / (2 beta).                              [Azar et al.
// 2024]
TEST(Ipo, ReachesTheMarginOfItsPreferences) {
  const BigramPolicy policy({0.3, -0.2, 0.1, 0.5, 0.4, -0.6, -0.1, 0.2, 0.7});
  const double before = std::log(policy.probability(kPrompt, kA) / policy.probability(kPrompt, kC));
  std::vector<Preference> pairs;
  for (int i = 0; i < 4; ++i) {
    pairs.push_back(i < 3 ? Preference{.prompt = kPrompt, .chosen = kA, .rejected = kC}
                          : Preference{.prompt = kPrompt, .chosen = kC, .rejected = kA});
  }
  train_on(policy, pairs, [](const PairsSeen& p) { return ipo_loss(p.sums, p.reference_sums, 0.4); });
  const double after = std::log(policy.probability(kPrompt, kA) / policy.probability(kPrompt, kC));
  EXPECT_NEAR(after - before, (2 * 0.75 - 1) / (2 * 0.4), 1e-4);
}

// Without a reference: the chosen answer becomes the likelier, which it was not.
TEST(SimpoAndOrpo, PreferTheChosenAnswer) {
  const std::vector<PreferenceLoss> losses = {[](const PairsSeen& p) { return simpo_loss(p.means, 2, 1); },
                                              [](const PairsSeen& p) { return orpo_loss(p.means, 0.5); }};
  for (const PreferenceLoss& loss : losses) {
    const BigramPolicy policy({0, -1, 1, 0, 0, 0, 1, 0, 0});
    ASSERT_LT(policy.probability(kPrompt, kA), policy.probability(kPrompt, kC));
    std::vector<Preference> pairs = {{.prompt = kPrompt, .chosen = kA, .rejected = kC}};
    train_on(policy, pairs, loss);
    EXPECT_GT(policy.probability(kPrompt, kA), 0.3);
    EXPECT_GT(policy.probability(kPrompt, kA), 2 * policy.probability(kPrompt, kC));
  }
}

// r_a - r_b = log of the odds. The model is a table of rewards by the two tokens of the answer.
TEST(RewardModel, FindsBradleyTerrysStrengths) {
  Tensor table = zeros({3, 3}, kF64);
  table.set_requires_grad(true);
  const SequenceReward reward = [&](const LmInput& texts) {
    const Tensor one = texts.ids.slice(1, 1, 2), two = texts.ids.slice(1, 2, 3);
    return sum(embedding(table, squeeze(one, 1)) * one_hot(squeeze(two, 1), 3, kF64), 1);
  };
  AdamW optimizer({{NamedTensors{{"table", table}}}}, {.weight_decay = 0});
  const std::vector<Preference> pairs = ranked_pairs();
  double accuracy = 0;
  for (int step = 0; step < 400; ++step) {
    const double lr = step < 200 ? 0.1 : 0.1 * std::pow(0.95, step - 200);
    accuracy =
        value_of(reward_step(reward, optimizer, pairs, {.pairs = 5, .update = {.lr = lr}}), "accuracy");
  }
  const std::vector<Tokens> texts = {{0, 1, 1}, {0, 1, 2}, {0, 2, 0}};
  const std::vector<double> r = score_texts(reward, texts, 2, kCpu);
  EXPECT_NEAR(r[0] - r[1], std::log(3), 1e-4);
  EXPECT_NEAR(r[1] - r[2], std::log(3), 1e-4);
  EXPECT_NEAR(accuracy, 15.0 / 18.0, 1e-12);
}

TEST(RewardModel, IsReadAtTheLastToken) {
  Generator generator(1);
  const Init init{&generator, 0.3, kF64};
  const Transformer model(tiny(kF64), init);
  const Linear head(16, 1, false, init);
  const SequenceReward reward = reward_of(model, [&](const Tensor& h) { return head(h); });
  const std::vector<Tokens> texts = {{1, 2, 3, 4}, {5}, {7, 8}};
  const std::vector<double> scores = score_texts(reward, texts, 8, kCpu);
  for (size_t i = 0; i < texts.size(); ++i) {
    const Tensor ids = tensor(texts[i], {1, static_cast<int64_t>(texts[i].size())});
    const Tensor alone = head(model.hidden({.ids = ids}));
    EXPECT_NEAR(scores[i], alone.to_vector<double>().back(), 1e-12);
  }
  EXPECT_NE(error_of([&] { input_of_texts(std::vector<Tokens>{{1}, {}}, kCpu); }), "no error");
}

TEST(LogProbs, AreThoseOfTheAnswers) {
  Generator generator(2);
  const Transformer model(tiny(kF64), Init{&generator, 0.3, kF64});
  const std::vector<MaskedDocument> answers = {answer_to({1, 2}, {3, 4, 5}), answer_to({6}, {7})};
  const LmBatch batch = to_batch(answers, kCpu);
  for (const double temperature : {1.0, 0.5}) {
    const std::vector<double> found = log_probs_of(model, temperature)(batch).to_vector<double>();
    for (size_t row = 0; row < 2; ++row) {
      const Tokens& tokens = answers[row].tokens;
      const auto length = static_cast<int64_t>(tokens.size());
      const Tensor logits = model.logits(tensor(tokens, {1, length})) / temperature;
      const std::vector<double> all = log_softmax(logits).to_vector<double>();
      for (size_t t = 0; t < 4; ++t) {
        const bool counts = t + 1 < tokens.size() && answers[row].loss_mask[t + 1] != 0;
        const double expected = counts ? all[t * 11 + static_cast<size_t>(tokens[t + 1])] : 0;
        EXPECT_NEAR(found[row * 4 + t], expected, 1e-12) << row << " " << t;
      }
    }
  }
  // Whatever is batched with what.
  const std::vector<double> together = sequence_log_probs(log_probs_of(model), answers, 2, kCpu);
  const std::vector<double> alone = sequence_log_probs(log_probs_of(model), answers, 1, kCpu);
  for (size_t i = 0; i < 2; ++i) EXPECT_NEAR(together[i], alone[i], 1e-12);
  EXPECT_NE(error_of([&] { answer_to({}, {1}); }), "no error");
  EXPECT_NE(error_of([&] { answer_to({1}, {}); }), "no error");
  EXPECT_NE(error_of([&] { log_probs_of(model, 0); }), "no error");
  EXPECT_NE(error_of([&] { sequence_log_probs(log_probs_of(model), answers, 0, kCpu); }), "no error");
}

std::vector<Preference> some_pairs() {
  return {{.prompt = {1, 2}, .chosen = {3, 4, 5}, .rejected = {6}},
          {.prompt = {2}, .chosen = {9}, .rejected = {8, 7}},
          {.prompt = {4, 4, 4}, .chosen = {1, 2}, .rejected = {2, 1}}};
}

TEST(PreferenceStep, InPiecesIsTheWholeBatch) {
  std::vector<double> weights[2];
  for (const int64_t at_once : {0, 2}) {
    Generator generator(3);
    const Transformer model(tiny(kF64), Init{&generator, 0.3, kF64});
    std::vector<Preference> pairs = some_pairs();
    cache_reference(log_probs_of(model), pairs, {});
    Sgd optimizer({{model.named_parameters()}});
    const PreferenceLoss loss = [](const PairsSeen& p) {
      return dpo_loss(p.sums, p.reference_sums, 0.5) - 0.1 * p.means.chosen;
    };
    const PreferenceStep options{.pairs = at_once, .update = {.lr = 0.5}};
    const StepResult first = preference_step(log_probs_of(model), optimizer, pairs, loss, options);
    EXPECT_NEAR(value_of(first, "margin"), 0, 1e-12);
    EXPECT_NEAR(value_of(first, "chosen"), 0, 1e-12);
    const StepResult second = preference_step(log_probs_of(model), optimizer, pairs, loss, options);
    EXPECT_GT(value_of(second, "margin"), 0);
    EXPECT_EQ(value_of(second, "accuracy"), 1);
    EXPECT_LT(second.loss.item(), first.loss.item());
    for (const Tensor& p : model.parameters()) {
      const std::vector<double> all = p.to_vector<double>();
      weights[at_once != 0].insert(weights[at_once != 0].end(), all.begin(), all.end());
    }
  }
  ASSERT_EQ(weights[0].size(), weights[1].size());
  for (size_t i = 0; i < weights[0].size(); ++i) EXPECT_NEAR(weights[0][i], weights[1][i], 1e-12);
}

TEST(PreferenceStep, PlansOnMeta) {
  const Transformer model(tiny(), Init{nullptr, 0.02, kF32, kMeta});
  const Linear head(16, 1, false, Init{nullptr, 0.02, kF32, kMeta});
  std::vector<Preference> pairs = some_pairs();
  cache_reference(log_probs_of(model), pairs, {.device = kMeta});
  AdamW optimizer({{model.named_parameters()}, {head.named_parameters()}});
  preference_step(log_probs_of(model), optimizer, pairs,
                  [](const PairsSeen& p) { return dpo_loss(p.sums, p.reference_sums, 0.1); },
                  {.device = kMeta, .update = {.lr = 1e-4}});
  reward_step(reward_of(model, [&](const Tensor& h) { return head(h); }), optimizer, pairs,
              {.device = kMeta, .update = {.lr = 1e-4}});
}

TEST(Preference, IsARecord) {
  std::vector<Preference> pairs = some_pairs(), read;
  pairs[1].reference_chosen = -2.5;
  ASSERT_TRUE(decode_value(encode_value(pairs), read).ok());
  ASSERT_EQ(read.size(), 3u);
  EXPECT_EQ(read[1].chosen, pairs[1].chosen);
  EXPECT_EQ(read[1].reference_chosen, -2.5);
}

TEST(PreferenceStep, RefusesAnEmptyBatch) {
  const BigramPolicy policy({0, 0, 0, 0});
  AdamW optimizer({{NamedTensors{{"logits", policy.logits}}}});
  EXPECT_NE(error_of([&] { preference_step(policy.log_probs(), optimizer, {}, nullptr, {}); }), "no error");
  EXPECT_NE(error_of([&] { reward_step(nullptr, optimizer, {}, {}); }), "no error");
}

}  // namespace
}  // namespace roux::kit
