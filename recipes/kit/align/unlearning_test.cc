#include "recipes/kit/align/unlearning.h"

#include <gtest/gtest.h>

#include <cmath>

#include "nn/models/transformer.h"
#include "recipes/kit/train/losses.h"
#include "tensor/error_of.h"
#include "tensor/generator.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/reduce.h"

namespace roux::kit {
namespace {

double value_of(const StepResult& result, const std::string& name) {
  for (const auto& [key, value] : result.values) {
    if (key == name) return value;
  }
  ADD_FAILURE() << "no value " << name;
  return NAN;
}

struct Memorised {
  Memorised()
      : generator(1),
        model({.vocab_size = 12,
               .hidden_size = 24,
               .intermediate_size = 48,
               .num_hidden_layers = 1,
               .num_attention_heads = 2},
              Init{&generator, 0.2}),
        forget(to_batch(std::vector{answer_to({0, 1}, {2, 3, 4}), answer_to({0, 5}, {6, 7})}, kCpu)),
        retain(to_batch(std::vector{answer_to({0, 2}, {8, 9, 1}), answer_to({0, 9}, {3, 3, 3})}, kCpu)) {
    AdamW optimizer({{model.named_parameters()}}, {.weight_decay = 0});
    const std::vector<LmBatch> both = {forget, retain};
    for (int i = 0; i < 150; ++i) {
      update(optimizer, {.lr = 1e-2}, both,
             [&](const LmBatch& batch) { return model.loss_sum(batch.input, batch.target); });
    }
  }
  double log_prob(const LmBatch& batch) const {
    const NoGradGuard no_grad;
    return -model.loss_sum(batch.input, batch.target).item() / static_cast<double>(batch.target_count);
  }
  // Mean log-probabilities of a token: {forgotten, kept}.
  std::pair<double, double> after(const ForgetLoss& loss, double retain_weight) {
    AdamW optimizer({{model.named_parameters()}}, {.weight_decay = 0});
    for (int i = 0; i < 60; ++i) {
      unlearning_step(log_probs_of(model), optimizer, forget, retain, loss,
                      {.retain_weight = retain_weight, .update = {.lr = 5e-3}});
    }
    return {log_prob(forget), log_prob(retain)};
  }

  Generator generator;
  Transformer model;
  LmBatch forget, retain;
};

TEST(Unlearning, ForgetsAndKeeps) {
  Memorised begin;
  EXPECT_GT(begin.log_prob(begin.forget), -0.05);
  EXPECT_GT(begin.log_prob(begin.retain), -0.05);
  const ForgetLoss ascent = [](const Tensor& log_probs, const LmBatch& batch) {
    return gradient_ascent_loss(log_probs, batch.target);
  };
  const auto [forgotten, kept] = begin.after(ascent, 1);
  EXPECT_LT(forgotten, -4);
  EXPECT_GT(kept, -0.3);

  Memorised again;
  Tensor reference;
  {
    const NoGradGuard no_grad;
    reference = sequence_sums(log_probs_of(again.model)(again.forget), again.forget.target);
  }
  const ForgetLoss npo = [&](const Tensor& log_probs, const LmBatch& batch) {
    return mean(npo_loss(sequence_sums(log_probs, batch.target), reference, 0.5));
  };
  const auto [npo_forgotten, npo_kept] = again.after(npo, 1);
  EXPECT_LT(npo_forgotten, -1.5);
  EXPECT_GT(npo_kept, -0.1);
  EXPECT_GT(npo_forgotten, forgotten);  // its gradient fades: it goes less far

  // Without the retained texts, what was to be kept goes too.
  Memorised alone;
  EXPECT_LT(alone.after(ascent, 0).second, kept);
}

TEST(UnlearningStep, RecordsItsTerms) {
  Memorised s;
  Sgd optimizer({{s.model.named_parameters()}});
  const ForgetLoss ascent = [](const Tensor& log_probs, const LmBatch& batch) {
    return gradient_ascent_loss(log_probs, batch.target);
  };
  const StepResult result = unlearning_step(log_probs_of(s.model), optimizer, s.forget, s.retain, ascent,
                                            {.forget_weight = 2, .retain_weight = 3});
  const double forget = value_of(result, "forget_loss"), retain = value_of(result, "retain_loss");
  EXPECT_NEAR(forget, s.log_prob(s.forget), 1e-6);
  EXPECT_NEAR(retain, -s.log_prob(s.retain), 1e-6);
  EXPECT_NEAR(result.loss.item(), 2 * forget + 3 * retain, 1e-6);
  EXPECT_EQ(result.tokens, 2 * 4 + 2 * 4);
  EXPECT_NE(error_of([&] { unlearning_step(log_probs_of(s.model), optimizer, s.forget, {}, ascent, {}); }),
            "no error");
}

}  // namespace
}  // namespace roux::kit
