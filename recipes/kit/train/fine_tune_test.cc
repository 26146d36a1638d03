#include "recipes/kit/train/fine_tune.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/autograd.h"
#include "nn/lora.h"
#include "nn/models/transformer.h"
#include "nn/weights.h"
#include "optim/optimizer.h"
#include "recipes/kit/data/loader.h"
#include "recipes/kit/run/interrupt.h"
#include "recipes/kit/run/quiet_run.h"
#include "tensor/error.h"
#include "tensor/fresh_directory.h"
#include "tensor/ops/elementwise.h"

namespace roux::kit {
namespace {

std::unique_ptr<Run> open(const std::string& out, bool resume = false, bool plan = false,
                          double checkpoint_seconds = 0) {
  return quiet_run(
      {.options = {.out = out, .resume = resume, .plan = plan}, .checkpoint_seconds = checkpoint_seconds});
}

// Answers: after token a comes a + 1, twice. Prompts are no targets.
WindowSet answers(bool packed) {
  std::vector<MaskedDocument> documents;
  for (int32_t a = 0; a < 12; ++a) {
    documents.push_back({{15, a, a + 1, a + 2}, {0, 0, 1, 1}});
    if (a % 2 == 0) documents.push_back({{15, 15, a, a + 1}, {0, 0, 0, 1}});
  }
  return packed ? *WindowSet::packed(documents, 8, "answers") : *WindowSet::padded(documents, 5, "answers");
}

std::unique_ptr<Transformer> base_model(Device device = kCpu) {
  Generator generator(1);
  TransformerConfig config{.vocab_size = 16, .hidden_size = 16, .intermediate_size = 24};
  config.num_hidden_layers = 2, config.num_attention_heads = 2;
  return std::make_unique<Transformer>(config, Init{&generator, 0.2, kF32, device});
}

std::unique_ptr<Transformer> adapted(const Transformer& base, double dropout = 0) {
  Generator generator(2);  // on meta nothing is drawn
  auto model = std::make_unique<Transformer>(base, Weights::kShared);
  attach_lora(*model, {.r = 8, .dropout = dropout}, generator);
  return model;
}

std::vector<std::vector<float>> trained_values(const Module& m) {
  std::vector<std::vector<float>> out;
  for (const auto& [name, x] : trainable(m)) out.push_back(x.to_vector<float>());
  return out;
}

class FineTune : public testing::Test {
 protected:
  void SetUp() override { set_interrupt_requested(false); }
  void TearDown() override { set_interrupt_requested(false); }
  static absl::StatusOr<TrainLog> in(kit::Run& run, LanguageModel& model, const FineTuneData& data,
                                     const FineTuneOptions& options, const FineTuneHooks& hooks = {}) {
    return run.part("arm/seed1", [&](Part& part) { return fine_tune(part, model, data, options, hooks); });
  }
};

TEST_F(FineTune, LearnsTheAnswersWithTheAdaptersAlone) {
  const auto base = base_model();
  std::vector<std::vector<float>> before;
  for (const Tensor& x : base->parameters()) before.push_back(x.to_vector<float>());
  for (const bool packed : {false, true}) {
    const WindowSet train = answers(packed), other = answers(!packed);
    const auto model = adapted(*base, 0.1);
    FineTuneOptions options{.seed = 3, .steps = 120, .lr = constant_schedule(0.03), .neftune_alpha = 0.1};
    options.evaluate_at = {0, 60, 120}, options.keep_best = Best{"dev"};
    const auto run = open(fresh_directory(), false, false, /*checkpoint_seconds=*/1000);
    const auto log = in(*run, *model, {&train, {{"dev", &train}, {"other", &other, {0, 1}}}}, options,
                        {.evaluate = [&](int64_t step) -> Values {
                          EXPECT_FALSE(model->training());
                          return {{"steps", static_cast<double>(step)}};
                        }});
    ASSERT_TRUE(log.ok()) << log.status();
    EXPECT_FALSE(model->training());
    for (const char* set : {"dev", "other"}) {
      const std::vector<double>& losses = log->curves.at(set);
      EXPECT_LT(losses[1], losses[0]) << set;
      EXPECT_LT(losses[2], losses[0] / 2) << set;
    }
    EXPECT_EQ(log->curves.at("steps"), (std::vector<double>{0, 60, 120}));
  }
  for (size_t i = 0; i < before.size(); ++i) EXPECT_EQ(base->parameters()[i].to_vector<float>(), before[i]);
}

// The same steps written out: one batch, its summed loss by its targets, AdamW.
TEST_F(FineTune, IsThePlainLoopWhateverTheMicroBatches) {
  const auto base = base_model();
  const WindowSet train = answers(false);
  const auto plain = adapted(*base);
  AdamW adam({{trainable(*plain)}}, {.weight_decay = 0.1});
  BatchLoader loader = *BatchLoader::create(train, {.seed = 3, .global_batch = 6});
  for (int step = 0; step < 4; ++step) {
    const LmBatch batch = next_batch(loader, kCpu);
    const LmInput input{.ids = batch.input, .lengths = batch.lengths};
    backward(plain->loss_sum(input, batch.target) / static_cast<double>(batch.target_count));
    adam.step({.lr = 0.01 / (1 + step), .max_grad_norm = 0.5});
    adam.zero_grad();
  }
  const auto expected = trained_values(*plain);
  for (const int64_t micro_rows : {0, 1, 4}) {
    const auto model = adapted(*base);
    FineTuneOptions options{.seed = 3, .steps = 4, .global_batch = 6, .micro_rows = micro_rows};
    options.lr = multi_step_schedule(0.01, {{1, 1.0 / 2}, {2, 1.0 / 3}, {3, 1.0 / 4}});
    options.weight_decay = 0.1, options.max_grad_norm = 0.5;
    ASSERT_TRUE(in(*open(fresh_directory()), *model, {&train}, options).ok());
    const auto got = trained_values(*model);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      for (size_t k = 0; k < got[i].size(); ++k) EXPECT_NEAR(got[i][k], expected[i][k], 2e-5);
    }
  }
}

TEST_F(FineTune, PatienceEndsItAndTheBestIsKept) {
  const auto model = adapted(*base_model());
  const WindowSet train = answers(false);
  FineTuneOptions options{.steps = 10, .lr = constant_schedule(0.01)};
  options.evaluate_at = every(1, 10), options.keep_best = Best{"score", Best::kHighest};
  options.patience = 2;
  std::vector<std::vector<float>> at_best;
  const auto score = [&](int64_t step) -> Values {
    if (step == 3) at_best = trained_values(*model);
    return {{"score", step <= 3 ? static_cast<double>(step) : 1}};
  };
  const auto log = in(*open(fresh_directory()), *model, {&train}, options, {.evaluate = score});
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ(log->steps, 5);
  EXPECT_EQ(log->best_step, 3);
  EXPECT_TRUE(log->stopped);
  EXPECT_EQ(trained_values(*model), at_best);
}

// Dropout, noise and the order of rows go on as they would have.
TEST_F(FineTune, AResumedOneEndsWithTheSameBits) {
  const auto base = base_model();
  const WindowSet train = answers(true);
  FineTuneOptions options{.seed = 5, .steps = 6, .global_batch = 3, .micro_rows = 2};
  options.lr = constant_schedule(0.01), options.neftune_alpha = 5;
  const auto whole = adapted(*base, 0.3);
  ASSERT_TRUE(in(*open(fresh_directory()), *whole, {&train}, options).ok());

  const std::string out = fresh_directory();
  int64_t batches = 0;
  const auto interrupting = [&](LanguageModel& model) {
    return FineTuneHooks{.loss_sum = [&](const LmInput& input, const LmBatch& batch) {
      EXPECT_FALSE(input.ids.defined());
      if (++batches == 5) set_interrupt_requested(true);
      return model.loss_sum(input, batch.target);
    }};
  };
  const auto first = adapted(*base, 0.3);
  EXPECT_TRUE(absl::IsCancelled(in(*open(out), *first, {&train}, options, interrupting(*first)).status()));
  set_interrupt_requested(false);
  const auto second = adapted(*base, 0.3);
  ASSERT_TRUE(in(*open(out, /*resume=*/true), *second, {&train}, options).ok());
  EXPECT_EQ(trained_values(*second), trained_values(*whole));
}

TEST_F(FineTune, IsPlannedOnMeta) {
  const WindowSet train = answers(false);
  const auto run = open(fresh_directory() + "/never", false, /*plan=*/true);
  const auto log = run->part("arm/seed1", [&](Part& part) {
    const auto base = base_model(part.device());
    const auto model = adapted(*base, 0.1);
    FineTuneOptions options{.steps = 5, .neftune_alpha = 5};
    options.evaluate_at = {5}, options.keep_best = Best{"dev"};
    return fine_tune(part, *model, {&train, {{"dev", &train}}}, options);
  });
  ASSERT_TRUE(log.ok()) << log.status();
  ASSERT_EQ(run->plans().size(), 1u);
  EXPECT_GT(run->plans()[0].peak, run->plans()[0].persistent);
}

TEST_F(FineTune, RefusesWhatCannotTrain) {
  const auto base = base_model();
  Transformer frozen(*base, Weights::kShared);
  const WindowSet train = answers(false);
  const auto run = open(fresh_directory());
  EXPECT_THROW(in(*run, frozen, {&train}, {.steps = 1}).IgnoreError(), Error);
  FineTuneOptions options{.steps = 1};
  options.patience = 2;
  EXPECT_THROW(in(*run, *base_model(), {&train}, options).IgnoreError(), Error);
}

}  // namespace
}  // namespace roux::kit
