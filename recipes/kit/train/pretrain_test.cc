#include "recipes/kit/train/pretrain.h"

#include <gtest/gtest.h>

#include <memory>

#include "autograd/autograd.h"
#include "nn/models/transformer.h"
#include "optim/optimizer.h"
#include "recipes/kit/data/mixture_loader.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/run/quiet_run.h"
#include "recipes/kit/train/batches.h"
#include "recipes/kit/train/decoder.h"
#include "tensor/generator.h"
#include "tensor/ops/elementwise.h"

namespace roux::kit {
namespace {

constexpr DecoderConfig kDecoder{
    .layers = 1, .hidden = 8, .heads = 2, .intermediate = 16, .length = 6, .init_std = 0.3};
constexpr int64_t kVocabulary = 11;

WindowSet text(int32_t factor) {
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < 6 * 40 + 1; ++i) tokens.push_back((factor * i * i / 3 + i) % 11);
  return *WindowSet::stream(tokens, 6, "text");
}

std::unique_ptr<Transformer> model(Device device = kCpu) {
  Generator generator(1);
  return std::make_unique<Transformer>(kDecoder.transformer(kVocabulary), kDecoder.init(generator, device));
}

class Pretrain : public testing::Test {
 protected:
  WindowSet old_ = text(1), new_ = text(2);

  PretrainData data(double old_share) const {
    return {{&old_, &new_}, {old_share, 1 - old_share}, {{"old", &old_}, {"new", &new_, {0, 1, 2}}}};
  }
  static PretrainOptions options(int64_t steps) {
    PretrainOptions o{.seed = 3, .steps = steps, .global_batch = 4, .lr = constant_schedule(0.01)};
    o.adamw.weight_decay = 0.1;
    o.evaluate_at = every(1, steps);
    return o;
  }
  // A part in this run, and what it came to.
  static PretrainResult in(kit::Run& run, const std::string& name, const PretrainData& data,
                           const PretrainOptions& o, Transformer* trained = nullptr) {
    const auto own = model();
    const auto result = run.part(name + "/seed1", [&](Part& part) {
      return pretrain(part, trained == nullptr ? *own : *trained, data, o);
    });
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : PretrainResult{};
  }
};

TEST_F(Pretrain, IsThePlainLoopWhateverTheMicroBatches) {
  const auto plain = model();
  AdamW adam({{plain->named_parameters()}}, {.weight_decay = 0.1});
  MixtureLoader loader = *MixtureLoader::create({&old_, &new_}, {0.25, 0.75}, {.seed = 3, .global_batch = 4});
  for (int step = 0; step < 5; ++step) {
    const LmBatch batch = next_batch(loader, kCpu);
    backward(plain->loss_sum(batch.input, batch.target) / static_cast<double>(batch.target_count));
    adam.step({.lr = 0.01 * (step + 1), .max_grad_norm = 0.5});
    adam.zero_grad();
  }
  for (const int64_t rows : {0, 1, 3}) {
    PretrainOptions o = options(5);
    o.micro_rows = rows, o.max_grad_norm = 0.5;
    o.lr = Schedule({{.steps = 5, .from = 0.01, .to = 0.06}});
    const auto trained = model();
    const PretrainResult result = in(*quiet_run(), "arm", data(0.25), o, trained.get());
    EXPECT_EQ(result.rows, loader.taken());
    for (size_t i = 0; i < plain->parameters().size(); ++i) {
      const auto expected = plain->parameters()[i].to_vector<float>();
      const auto got = trained->parameters()[i].to_vector<float>();
      for (size_t k = 0; k < expected.size(); ++k) EXPECT_NEAR(got[k], expected[k], 2e-5);
    }
  }
}

// With the weights, the moments, the rows and the rates of one run, two parts are that run, bit for bit.
TEST_F(Pretrain, AnArmThatGoesOnIsTheUninterruptedRun) {
  const auto run = quiet_run();
  PretrainOptions whole = options(8), first = options(5), second = options(3);
  whole.lr = first.lr = second.lr = cosine_schedule({.peak = 0.02, .total = 8, .warmup = 2});
  first.leave_at = {{5, "final"}};
  second.from = "first", second.skip_steps = second.lr_step = 5;
  const PretrainResult one = in(*run, "whole", data(0.5), whole);
  const PretrainResult begun = in(*run, "first", data(0.5), first),
                       ended = in(*run, "second", data(0.5), second);
  for (const char* set : {"old", "new"}) {
    std::vector<double> joined = begun.log.curves.at(set);
    joined.insert(joined.end(), ended.log.curves.at(set).begin(), ended.log.curves.at(set).end());
    EXPECT_EQ(joined, one.log.curves.at(set)) << set;
  }
  for (size_t d = 0; d < 2; ++d) EXPECT_EQ(begun.rows[d] + ended.rows[d], one.rows[d]);

  // New moments, other rates: another run, from the same weights.
  second.evaluate_at = {0, 3};
  PretrainOptions fresh = second;
  fresh.keep_moments = false;
  const PretrainResult kept = in(*run, "kept", data(0.5), second),
                       reset = in(*run, "reset", data(0.5), fresh);
  EXPECT_EQ(kept.log.curves.at("old")[0], begun.log.curves.at("old").back());
  EXPECT_EQ(reset.log.curves.at("old")[0], kept.log.curves.at("old")[0]);
  EXPECT_NE(reset.log.curves.at("old")[1], kept.log.curves.at("old")[1]);
}

TEST_F(Pretrain, WithoutARateNoLossMoves) {
  PretrainOptions o = options(4);
  o.lr = constant_schedule(0);
  for (const auto& [set, losses] : in(*quiet_run(), "arm", data(0), o).log.curves) {
    for (const double loss : losses) EXPECT_EQ(loss, losses[0]) << set;
  }
}

TEST_F(Pretrain, WhatWasNotLeftIsAnError) {
  const auto run = quiet_run();
  const auto own = model();
  PretrainOptions o = options(1);
  o.from = "base";
  EXPECT_EQ(
      run->part("arm/seed1", [&](Part& part) { return pretrain(part, *own, data(0), o); }).status().code(),
      absl::StatusCode::kFailedPrecondition);
}

TEST_F(Pretrain, IsPlannedOnMeta) {
  const auto run = quiet_run({.options = {.plan = true}});
  PretrainOptions o = options(3);
  o.from = "base";
  const auto result = run->part("arm/seed1", [&](Part& part) {
    const auto planned = model(part.device());
    return pretrain(part, *planned, data(0.5), o);
  });
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(run->plans().size(), 1u);
  EXPECT_EQ(run->plans()[0].parameters, kDecoder.parameters(kVocabulary));
}

TEST(Decoder, SizesThatDoNotFitAreRefused) {
  DecoderConfig c = kDecoder;
  EXPECT_TRUE(c.check().ok());
  c.hidden = 10;  // heads of 5
  EXPECT_EQ(c.check().message(),
            "hidden=10, heads=2: hidden must be heads times an even number (rotary positions)");
  c.hidden = 9;
  EXPECT_FALSE(c.check().ok());
  // Embedding and output; attention, feed-forward and two norms; the last norm.
  EXPECT_EQ(kDecoder.parameters(kVocabulary), 2 * 11 * 8 + 4 * 8 * 8 + 3 * 8 * 16 + 2 * 8 + 8);
}

}  // namespace
}  // namespace roux::kit
