#include "recipes/kit/train/train.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <limits>

#include "absl/strings/match.h"
#include "nn/layers.h"
#include "optim/optimizer.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/interrupt.h"
#include "recipes/kit/run/items.h"
#include "recipes/kit/run/quiet_run.h"
#include "recipes/kit/train/update.h"
#include "tensor/error.h"
#include "tensor/fresh_directory.h"
#include "tensor/generator.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"

namespace roux::kit {
namespace {

// With the device `emulated` checkpoints are rare, as on a GPU: else every step would have to be read at
// once.
std::unique_ptr<Run> open(const std::string& out, bool resume = false, bool plan = false,
                          const std::string& device = "cpu") {
  return quiet_run({.options = {.device = device, .out = out, .resume = resume, .plan = plan},
                    .checkpoint_seconds = device == "cpu" ? 0.0 : 1000.0});
}

TEST(Steps, EveryLogSpacedMerged) {
  using Steps = std::vector<int64_t>;
  EXPECT_EQ(every(25, 100), (Steps{25, 50, 75, 100}));
  EXPECT_EQ(every(30, 100), (Steps{30, 60, 90}));
  EXPECT_EQ(every(5, 4), Steps{});
  EXPECT_EQ(log_spaced(4, 1000), (Steps{1, 10, 100, 1000}));
  EXPECT_EQ(log_spaced(10, 4), (Steps{1, 2, 3, 4}));
  EXPECT_EQ(log_spaced(2, 1), Steps{1});
  EXPECT_EQ(merged({5, 0}, {10, 5}), (Steps{0, 5, 10}));
  EXPECT_THROW(every(0, 3), Error);
  EXPECT_THROW(log_spaced(1, 3), Error);
}

TEST(Patience, CountsEvaluationsWithoutABetterValue) {
  // How many evaluations are made of a curve before the training ends.
  const auto made = [](const std::vector<double>& curve, const std::function<bool(const TrainLog&)>& stop) {
    TrainLog log;
    for (const double value : curve) {
      log.curves["dev"].push_back(value);
      if (stop(log)) break;
    }
    return log.curves["dev"].size();
  };
  const double nan = std::nan("");
  EXPECT_EQ(made({5, 4, 4, 4.5, 3}, patience({"dev"}, 2)), 4u);
  EXPECT_EQ(made({5, 4, 4, 3, 3, 3}, patience({"dev"}, 3)), 6u);
  EXPECT_EQ(made({1, 2, 3, 2, 2}, patience({"dev", Best::kHighest}, 1)), 4u);
  EXPECT_EQ(made({5, 4.9, 4.8, 4.7}, patience({"dev"}, 2, 0.5)), 3u);
  EXPECT_EQ(made({5, 4.9, 4.4, 4.7, 4.3}, patience({"dev"}, 2, 0.5)), 5u);
  EXPECT_EQ(made({nan, nan, nan, 3}, patience({"dev"}, 2)), 3u);
  EXPECT_EQ(made({nan, nan, 3, nan, 2}, patience({"dev"}, 2)), 5u);
  EXPECT_THROW(patience({"dev"}, 0), Error);
  EXPECT_THROW(made({1}, patience({"test"}, 1)), Error);
}

class TrainTest : public testing::Test {
 protected:
  void SetUp() override { set_interrupt_requested(false); }
  void TearDown() override { set_interrupt_requested(false); }

  // The value after k steps is that of `values` k; a step's loss is it times ten.
  absl::StatusOr<TrainLog> follow(Part& part, const std::vector<double>& values, TrainOptions options,
                                  double* at_end = nullptr) {
    double value = values[0];
    options.steps = static_cast<int64_t>(values.size()) - 1;
    options.evaluate = [&](int64_t) -> Values {
      EXPECT_FALSE(grad_mode_enabled());
      return {{"dev", value}, {"twice", 2 * value}};
    };
    const absl::StatusOr<TrainLog> log =
        train(part, options, {{"value", value}}, [&](int64_t step) -> absl::StatusOr<StepResult> {
          if (step + 1 == interrupt_in_) set_interrupt_requested(true);
          value = values[static_cast<size_t>(step) + 1];
          return StepResult{
              .loss = full({}, 10 * value).to(part.device()), .lr = 0.5, .values = {{"kl", value / 2}}};
        });
    if (at_end != nullptr) *at_end = value;
    return log;
  }
  absl::StatusOr<TrainLog> follow_in(kit::Run& run, const std::vector<double>& values,
                                     const TrainOptions& options, double* at_end = nullptr) {
    return run.part("arm/seed1", [&](Part& part) { return follow(part, values, options, at_end); });
  }

  const std::string out_ = fresh_directory();
  int64_t interrupt_in_ = -1;
};

TEST_F(TrainTest, LinesAreEvaluationValuesStep) {
  const auto log = follow_in(*open(out_), {1, 2, 4}, {.evaluate_at = {0, 2}});
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ(*read_file(out_ + "/metrics.jsonl"),
            R"({"part":"arm/seed1","step":0,"dev":1}
{"part":"arm/seed1","step":0,"twice":2}
{"part":"arm/seed1","step":1,"kl":1}
{"part":"arm/seed1","step":1,"loss":20,"lr":0.5}
{"part":"arm/seed1","step":2,"dev":4}
{"part":"arm/seed1","step":2,"twice":8}
{"part":"arm/seed1","step":2,"kl":2}
{"part":"arm/seed1","step":2,"loss":40,"lr":0.5}
)");
  EXPECT_EQ(log->at, (std::vector<int64_t>{0, 2}));
  EXPECT_EQ(log->curves.at("twice"), (std::vector<double>{2, 8}));
  EXPECT_EQ(log->steps, 2);
  EXPECT_EQ(log->best_step, -1);
}

TEST_F(TrainTest, StatesHoldTheBestAtTheEnd) {
  struct Case {
    std::vector<double> values;
    Best::Order order;
    int64_t best;
  };
  const double nan = std::nan("");
  for (const Case& c : {Case{{1, 5, 3, 5, 2}, Best::kHighest, 1}, Case{{1, 5, 3, 5, 2}, Best::kLowest, 0},
                        Case{{1, 2, 3, 4, 5}, Best::kHighest, 4}, Case{{4, 4, 4, 4, 4}, Best::kLowest, 0},
                        Case{{nan, 2, nan, 3, nan}, Best::kHighest, 3}}) {
    TrainOptions options{.evaluate_at = {0, 1, 2, 3, 4}, .keep_best = Best{"dev", c.order}};
    double value = 0;
    // A loss of NaN would end the part.
    const auto run = open(fresh_directory());
    const auto log = run->part("arm/seed1", [&](Part& part) -> absl::StatusOr<TrainLog> {
      double now = c.values[0];
      options.steps = 4;
      options.evaluate = [&](int64_t) -> Values { return {{"dev", now}}; };
      const auto trained = train(part, options, {{"now", now}}, [&](int64_t step) {
        now = c.values[static_cast<size_t>(step) + 1];
        return StepResult{.loss = ones({})};
      });
      value = now;
      return trained;
    });
    ASSERT_TRUE(log.ok()) << log.status();
    EXPECT_EQ(log->best_step, c.best);
    EXPECT_EQ(value, c.values[static_cast<size_t>(c.best)]);
    EXPECT_EQ(log->curves.at("dev").size(), 5u);
  }
}

TEST_F(TrainTest, StopsAfterAnEvaluationAlsoWhenResumedThere) {
  TrainOptions options{.evaluate_at = {1, 2, 3, 4, 5, 6},
                       .keep_best = Best{"dev", Best::kHighest},
                       .stop = [](const TrainLog& log) { return log.at.back() >= log.best_step + 2; }};
  const std::vector<double> values = {0, 1, 5, 3, 2, 9, 9};
  double value = 0;
  const auto log = follow_in(*open(out_), values, options, &value);
  ASSERT_TRUE(log.ok());
  EXPECT_EQ(log->steps, 4);
  EXPECT_TRUE(log->stopped);
  EXPECT_EQ(value, 5);
  for (interrupt_in_ = 1; interrupt_in_ <= 4; ++interrupt_in_) {
    const std::string out = fresh_directory();
    EXPECT_TRUE(absl::IsCancelled(follow_in(*open(out), values, options).status()));
    set_interrupt_requested(false);
    const int64_t interrupted = interrupt_in_;
    interrupt_in_ = -1;
    const auto resumed = follow_in(*open(out, /*resume=*/true), values, options, &value);
    interrupt_in_ = interrupted;
    ASSERT_TRUE(resumed.ok()) << resumed.status();
    EXPECT_EQ(resumed->steps, 4);
    EXPECT_EQ(resumed->curves, log->curves);
    EXPECT_EQ(value, 5);
    EXPECT_EQ(*read_file(out + "/metrics.jsonl"), *read_file(out_ + "/metrics.jsonl"));
  }
}

TEST_F(TrainTest, StepsReadLateWriteTheSameLines) {
  const std::vector<double> values = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  const TrainOptions options{.evaluate_at = {0, 3}, .leave_at = {{5, "v5"}}};
  ASSERT_TRUE(follow_in(*open(out_), values, options).ok());
  const std::string expected = *read_file(out_ + "/metrics.jsonl");
  for (interrupt_in_ = 0; interrupt_in_ <= 8; ++interrupt_in_) {
    const std::string out = fresh_directory();
    const auto log = follow_in(*open(out, false, false, "emulated"), values, options);
    EXPECT_EQ(log.ok(), interrupt_in_ == 0) << log.status();
    set_interrupt_requested(false);
    const int64_t interrupted = interrupt_in_;
    interrupt_in_ = -1;
    ASSERT_TRUE(follow_in(*open(out, /*resume=*/true, false, "emulated"), values, options).ok());
    interrupt_in_ = interrupted;
    EXPECT_EQ(*read_file(out + "/metrics.jsonl"), expected) << interrupted;
  }
}

TEST_F(TrainTest, ANonFiniteLossIsSeenAStepLateOnADevice) {
  for (const auto& [device, launched] : {std::pair{"cpu", 2}, {"emulated", 3}}) {
    int steps = 0;
    const auto log = open(fresh_directory(), false, false, device)->part("arm", [&](Part& part) {
      return train(part, {.steps = 9}, {}, [&](int64_t) {
        return StepResult{.loss = full({}, ++steps == 2 ? std::nan("") : 1).to(part.device())};
      });
    });
    EXPECT_TRUE(absl::StrContains(log.status().message(), "arm: step 2: the loss is nan")) << log.status();
    EXPECT_EQ(steps, launched) << device;
  }
}

TEST_F(TrainTest, LeavesStatesOnTheWay) {
  const auto run = open(out_);
  ASSERT_TRUE(follow_in(*run, {1, 2, 4, 8}, {.leave_at = {{0, "v0"}, {2, "v2"}, {3, "v3"}}}).ok());
  ASSERT_TRUE(
      run->part("reader",
                [&](Part& part) -> absl::StatusOr<double> {
                  for (const auto& [what, expected] : {std::pair{"v0", 1.0}, {"v2", 4.0}, {"v3", 8.0}}) {
                    double value = 0;
                    ROUX_RETURN_IF_ERROR(part.load_from("arm/seed1", {{"value", value}}, what));
                    EXPECT_EQ(value, expected) << what;
                  }
                  return 0;
                })
          .ok());
}

TEST_F(TrainTest, AStatusOfTheStepEndsThePart) {
  const auto log = open(out_)->part("arm", [](Part& part) {
    return train(part, {.steps = 3}, {}, [](int64_t step) -> absl::StatusOr<StepResult> {
      if (step == 1) return absl::DataLossError("row 7 is damaged");
      return StepResult{.loss = ones({})};
    });
  });
  EXPECT_EQ(log.status().message(), "row 7 is damaged");
}

TEST_F(TrainTest, OptionsThatMakeNoSenseAreErrors) {
  const auto refused = [&](const TrainOptions& options) {
    EXPECT_THROW(open(fresh_directory())
                     ->part("arm",
                            [&](Part& part) {
                              return train(part, options, {},
                                           [](int64_t) { return StepResult{.loss = ones({})}; });
                            })
                     .ok(),
                 Error);
  };
  const auto evaluate = [](int64_t) -> Values { return {{"dev", 1}}; };
  refused({.steps = -1});
  refused({.steps = 3, .evaluate_at = {1}});
  refused({.steps = 3, .evaluate_at = {4}, .evaluate = evaluate});
  refused({.steps = 3, .evaluate = evaluate, .keep_best = Best{"dev"}});
  refused({.steps = 3, .evaluate_at = {1}, .evaluate = evaluate, .keep_best = Best{"test"}});
  refused({.steps = 3, .leave_at = {{4, "v0"}}});
  refused({.steps = 3,
           .evaluate_at = {1},
           .evaluate = evaluate,
           .keep_best = Best{"dev"},
           .leave_at = {{1, "best"}}});
  refused({.steps = 3, .evaluate_at = {1, 2}, .evaluate = [](int64_t step) -> Values {
             return {{step == 1 ? "a" : "b", 1}};
           }});
}

TEST_F(TrainTest, OneLoopAPart) {
  const auto step = [](int64_t) { return StepResult{.loss = ones({})}; };
  EXPECT_THROW(open(out_)
                   ->part("arm",
                          [&](Part& part) -> absl::StatusOr<double> {
                            ROUX_RETURN_IF_ERROR(train(part, {.steps = 1}, {}, step).status());
                            ROUX_RETURN_IF_ERROR(train(part, {.steps = 1}, {}, step).status());
                            return 0;
                          })
                   .ok(),
               Error);
  EXPECT_THROW(open(fresh_directory())
                   ->part("arm",
                          [&](Part& part) {
                            ROUX_CHECK(train(part, {.steps = 1}, {}, step).ok()) << "unexpected";
                            return for_items(part, 1, 1, [](int64_t, int64_t, const std::vector<double>&) {
                              return std::vector<double>{1};
                            });
                          })
                   .ok(),
               Error);
}

// y = w x with one weight and one input: everything in closed form.
struct OneWeight {
  explicit OneWeight(Device device = kCpu)
      : init(1, device), layer(1, 1, false, Init{&init, 0.5, kF32, device}) {}
  Generator init;
  Linear layer;
  Sgd optimizer{{{layer.named_parameters()}}};
};

struct Numbers {
  std::vector<float> x;
  int64_t target_count;
  int64_t tokens() const { return static_cast<int64_t>(x.size()); }
};

TEST(Update, MicroBatchesWeighByTheirTargets) {
  const std::vector<std::vector<Numbers>> ways = {
      {{{1, 2, 3, 6}, 4}}, {{{1}, 1}, {{2, 3, 6}, 3}}, {{{1, 2}, 2}, {{3}, 1}, {{6}, 1}, {{}, 0}}};
  for (const auto& micro : ways) {
    OneWeight world;
    {
      NoGradGuard no_grad;
      fill_(world.layer.weight(), 2);
    }
    const StepResult result = update(world.optimizer, {.lr = 0.1}, micro, [&](const Numbers& batch) {
      return sum(world.layer(tensor(batch.x, {batch.tokens(), 1})));
    });
    EXPECT_EQ(result.loss.item(), 6);       // 2 * mean(1, 2, 3, 6)
    EXPECT_EQ(result.grad_norm.item(), 3);  // the mean of x
    EXPECT_EQ(result.tokens, 4);
    EXPECT_EQ(*result.lr, 0.1);
    EXPECT_FLOAT_EQ(static_cast<float>(world.layer.weight().item()), 2 - 0.1f * 3);
    EXPECT_FALSE(world.layer.weight().grad().defined());
  }
  OneWeight world;
  EXPECT_THROW(update(world.optimizer, {.lr = 0.1}, std::vector<Numbers>{{{}, 0}},
                      [&](const Numbers&) {
                        return sum(world.layer(ones({1, 1})));
                      }),
               Error);
}

TEST(Update, ANonFiniteGradientIsSkippedAndNamed) {
  OneWeight world;
  const double before = world.layer.weight().item();
  // log(0) is no NaN, but its gradient inf times the 0 is one.
  const StepResult result = update(world.optimizer, {.lr = 0.1}, [&] {
    return sum(roux::log(world.layer(ones({1, 1})) * 0.0));
  });
  EXPECT_TRUE(absl::StrContains(result.nonfinite, "mul: its backward made the first NaN"))
      << result.nonfinite;
  EXPECT_EQ(world.layer.weight().item(), before);
  EXPECT_FALSE(world.layer.weight().grad().defined());
}

TEST_F(TrainTest, ANonFiniteLossEndsThePartBeforeItIsEvaluated) {
  OneWeight world;
  int evaluations = 0;
  const auto log = open(out_)->part("arm", [&](Part& part) {
    return train(part,
                 {.steps = 5,
                  .evaluate_at = {1, 2},
                  .evaluate = [&](int64_t) -> Values {
                    return {{"dev", ++evaluations}};
                  }},
                 {{"model", world.layer}}, [&](int64_t step) {
                   return update(world.optimizer, {.lr = 0.1}, [&] {
                     return sum(roux::log(world.layer(ones({1, 1})) * 0.0 + (step == 1 ? -1.0 : 1.0)));
                   });
                 });
  });
  EXPECT_EQ(log.status().code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(absl::StrContains(log.status().message(), "arm: step 2: the loss is")) << log.status();
  EXPECT_TRUE(absl::StrContains(log.status().message(), "first made by log: the first NaN")) << log.status();
  EXPECT_EQ(evaluations, 1);
}

TEST_F(TrainTest, EvaluationIsInEvalModeAndLeavesTrainingMode) {
  OneWeight trains, frozen;
  frozen.layer.eval();
  std::vector<bool> seen;
  ASSERT_TRUE(open(out_)
                  ->part("arm",
                         [&](Part& part) {
                           return train(part,
                                        {.steps = 1,
                                         .evaluate_at = {1},
                                         .evaluate = [&](int64_t) -> Values {
                                           seen = {trains.layer.training(), frozen.layer.training()};
                                           return {};
                                         }},
                                        {{"model", trains.layer}, {"teacher", frozen.layer}}, [&](int64_t) {
                                          EXPECT_TRUE(trains.layer.training());
                                          return StepResult{.loss = ones({})};
                                        });
                         })
                  .ok());
  EXPECT_EQ(seen, (std::vector<bool>{false, false}));
  EXPECT_TRUE(trains.layer.training());
  EXPECT_FALSE(frozen.layer.training());
}

TEST_F(TrainTest, APlanRunsOneStepOnMeta) {
  const auto run = open(out_ + "/never", false, /*plan=*/true);
  int steps = 0;
  const auto ended = run->side_by_side(std::vector<PartOf<double>>{
      {"arm/seed1", [&](Part& part) -> absl::StatusOr<double> {
         OneWeight world(part.device());
         ROUX_RETURN_IF_ERROR(train(part,
                                    {.steps = 100,
                                     .evaluate_at = {0, 1},
                                     .evaluate = [](int64_t) -> Values {
                                       ADD_FAILURE();
                                       return {};
                                     }},
                                    {{"model", world.layer}},
                                    [&](int64_t) {
                                      ++steps;
                                      return update(world.optimizer, {.lr = 0.1}, [&] {
                                        return sum(world.layer(ones({1000, 1}, kF32, part.device())));
                                      });
                                    })
                                  .status());
         ADD_FAILURE();
         return 0;
       }}});
  EXPECT_TRUE(absl::IsCancelled(ended.status())) << ended.status();
  EXPECT_EQ(steps, 1);
  ASSERT_EQ(run->plans().size(), 1u);
  EXPECT_EQ(run->plans()[0].parameters, 1);
  EXPECT_GE(run->plans()[0].peak, run->plans()[0].persistent + 4000);
}

}  // namespace
}  // namespace roux::kit
