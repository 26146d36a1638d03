#include "recipes/kit/align/generations.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "nn/models/transformer.h"
#include "recipes/kit/align/grpo.h"
#include "recipes/kit/data/funnel.h"
#include "recipes/kit/train/batches.h"
#include "recipes/kit/train/update.h"
#include "tensor/error_of.h"
#include "tensor/generator.h"

namespace roux::kit {
namespace {

using Numbers = std::vector<double>;

const std::vector<Tokens> kTwo = {{5, 6}, {7}};
std::vector<Generation> some_answers() {
  return {{.prompt = 0, .sample = 0, .tokens = {1}, .log_probs = {-0.5}},
          {.prompt = 0, .sample = 1, .tokens = {2, 3}, .log_probs = {-1, -2}},
          {.prompt = 0, .sample = 2, .tokens = {4}, .log_probs = {-3}},
          {.prompt = 1, .sample = 0, .tokens = {1, 1}, .log_probs = {-4, -5}},
          {.prompt = 1, .sample = 1, .tokens = {2}, .log_probs = {-6}}};
}

TEST(Generations, BecomeWhatIsLearnedFrom) {
  const std::vector<Rollout> rollouts = rollouts_of(kTwo, some_answers(), {1, 2, 3, 4, 5});
  ASSERT_EQ(rollouts.size(), 5u);
  EXPECT_EQ(rollouts[3].prompt, kTwo[1]);
  EXPECT_EQ(rollouts[3].answer, (Tokens{1, 1}));
  EXPECT_EQ(rollouts[3].reward, 4);
  EXPECT_EQ(rollouts[3].log_probs, (Numbers{-4, -5}));

  const std::vector<Preference> pairs = best_and_worst(kTwo, some_answers(), {0, 1, 1, 2, 2});
  ASSERT_EQ(pairs.size(), 1u);
  EXPECT_EQ(pairs[0].prompt, kTwo[0]);
  EXPECT_EQ(pairs[0].chosen, (Tokens{2, 3}));
  EXPECT_EQ(pairs[0].rejected, (Tokens{1}));

  const std::vector<MaskedDocument> documents = documents_of(kTwo, some_answers());
  EXPECT_EQ(documents[1].tokens, (Tokens{5, 6, 2, 3}));
  EXPECT_EQ(documents[1].loss_mask, (std::vector<uint8_t>{0, 0, 1, 1}));

  EXPECT_NE(error_of([] { rollouts_of(kTwo, some_answers(), {1}); }), "no error");
  EXPECT_NE(error_of([] { rollouts_of({}, some_answers(), {1, 2, 3, 4, 5}); }), "no error");
  EXPECT_NE(error_of([] { best_and_worst(kTwo, some_answers(), {0, 1, NAN, 2, 2}); }), "no error");
  EXPECT_NE(error_of([] { documents_of({}, some_answers()); }), "no error");
}

// The task: repeat the digit and stop (token 4).
constexpr int32_t kStop = 4;
std::vector<Tokens> digits() { return {{5, 0}, {5, 1}, {5, 2}, {5, 3}}; }
Numbers checked(const std::vector<Tokens>& prompts, const std::vector<Generation>& answers) {
  Numbers out;
  for (const Generation& answer : answers)
    out.push_back(answer.tokens == Tokens{prompts[static_cast<size_t>(answer.prompt)].back(), kStop});
  return out;
}
// Half of it for the digit alone.
Numbers shaped(const std::vector<Tokens>& prompts, const std::vector<Generation>& answers) {
  Numbers out = checked(prompts, answers);
  for (size_t i = 0; i < answers.size(); ++i) {
    const bool right = answers[i].tokens[0] == prompts[static_cast<size_t>(answers[i].prompt)].back();
    out[i] = (out[i] + right) / 2;
  }
  return out;
}
double mean_of(const Numbers& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

struct Speller {
  Speller()
      : generator(3),
        model({.vocab_size = 6,
               .hidden_size = 16,
               .intermediate_size = 32,
               .num_hidden_layers = 1,
               .num_attention_heads = 2},
              Init{&generator, 0.1}),
        optimizer({{model.named_parameters()}}, {.weight_decay = 0}) {}
  std::vector<Generation> answers(uint64_t seed, int64_t samples = 16) const {
    return generate(decode_model(model), digits(),
                    {.max_tokens = 3, .samples = samples, .seed = seed, .stop_tokens = {kStop}});
  }
  double accuracy() const { return mean_of(checked(digits(), answers(999, 64))); }

  Generator generator;
  Transformer model;
  AdamW optimizer;
};

// At a rate of 1e-2 the policy settles on the digit, for half of the reward, before it has tried to stop.
TEST(Generations, GrpoFindsTheTask) {
  Speller speller;
  EXPECT_LT(speller.accuracy(), 0.15);
  double distance = 0;
  for (uint64_t step = 0; step < 300; ++step) {
    const std::vector<Generation> answers = speller.answers(step);
    const StepResult result = grpo_step(log_probs_of(speller.model), speller.optimizer, nullptr,
                                        rollouts_of(digits(), answers, shaped(digits(), answers)),
                                        {.group = 16, .update = {.lr = 3e-3}});
    for (const auto& [name, value] : result.values)
      if (name == "sampler_distance") distance = std::max(distance, value);
  }
  EXPECT_GT(speller.accuracy(), 0.95);
  // What training computes is what was drawn from.
  EXPECT_LT(distance, 1e-4);
}

// Generate, filter, retrain: rounds on the model's own right answers, each once.
TEST(Generations, RejectionSamplingWithCounts) {
  Speller speller;
  const double before = speller.accuracy();
  Funnel funnel;
  for (uint64_t round = 0; round < 6; ++round) {
    const std::vector<Generation> asked = speller.answers(round, 64);
    funnel.count("asked", static_cast<int64_t>(asked.size()));
    std::vector<Tokens> seen;
    const std::vector<Rule<Generation>> rules = {
        {"unfinished", [](const Generation& g) { return g.stop != Generation::kToken; }},
        {"wrong", [](const Generation& g) { return checked(digits(), {g})[0] == 0; }},
        {"seen", [&](const Generation& g) {
           for (const Tokens& tokens : seen)
             if (tokens == g.tokens) return true;
           seen.push_back(g.tokens);
           return false;
         }}};
    const std::vector<Generation> kept = filter(asked, rules, funnel);
    if (kept.empty()) continue;
    const std::vector<LmBatch> batch = {to_batch(documents_of(digits(), kept), kCpu)};
    for (int step = 0; step < 20; ++step) {
      update(speller.optimizer, {.lr = 1e-2}, batch,
             [&](const LmBatch& b) { return speller.model.loss_sum(b.input, b.target); });
    }
  }
  EXPECT_GT(speller.accuracy(), std::max(0.9, before));
  EXPECT_EQ(funnel["asked"], 6 * 4 * 64);
  EXPECT_EQ(funnel["in"], funnel["asked"]);
  EXPECT_EQ(funnel["in"], funnel["unfinished"] + funnel["wrong"] + funnel["seen"] + funnel["kept"]);
  EXPECT_LE(funnel["kept"], 6 * 4);
}

}  // namespace
}  // namespace roux::kit
