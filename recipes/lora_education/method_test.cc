#include "recipes/lora_education/method.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/autograd.h"
#include "autograd/gradcheck.h"
#include "nn/layers.h"
#include "nn/lora.h"
#include "nn/models/transformer.h"
#include "nn/weights.h"
#include "optim/optimizer.h"
#include "recipes/kit/stats/random.h"
#include "recipes/kit/stats/resampling.h"
#include "recipes/kit/train/update.h"
#include "tensor/error.h"
#include "tensor/generator.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/quantize.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"
#include "tests/golden/recipe_values.h"

namespace roux::lora_education {
namespace {

using golden::Values;

const Values& values() {
  static const Values all = Values::of_recipe("lora_education");
  return all;
}

// NF4.

TEST(Nf4, LevelsAreTheQuantiles) {
  const std::vector<double> expected = values()["levels"].numbers();
  const std::array<double, 16> levels = nf4_levels();
  for (size_t i = 0; i < 16; ++i) EXPECT_NEAR(levels[i], expected[i], 1e-12) << i;
  EXPECT_EQ(levels[0], -1);
  EXPECT_EQ(levels[7], 0);
  EXPECT_EQ(levels[15], 1);
}

Tensor nf4_round_trip(const std::vector<double>& x) {
  const auto size = static_cast<int64_t>(x.size());
  return dequantize(quantize(cast(tensor(x, {1, size}), kF32), kNF4), kF64);
}

TEST(Nf4, TheFrameworksBlocksAreThoseOfTheLevels) {
  for (const Values& block : values()["blocks"].items()) {
    const std::vector<double> x = block["x"].numbers(), expected = block["values"].numbers();
    const std::vector<double> y = nf4_round_trip(x).to_vector<double>();
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(y[i], expected[i], 1e-6 * block["scale"].number()) << i;  // products in f32
      EXPECT_LE(std::abs(y[i] - x[i]), 0.1520 * block["scale"].number()) << i;
      if (x[i] == 0) {
        EXPECT_EQ(y[i], 0);
      }
    }
    EXPECT_EQ(nf4_round_trip(y).to_vector<double>(), y);  // idempotent: the largest magnitude is a level
  }
}

TEST(Nf4, BitsAWeight) {
  for (const Values& size : values()["sizes"].items()) {
    EXPECT_NEAR(nf4_bits(false), size["nf4_bits"].number(), 1e-12);
    EXPECT_NEAR(nf4_bits(true), size["nf4_double_bits"].number(), 1e-12);
  }
  EXPECT_NEAR(1 - nf4_bits(false) / 16, 0.71875, 1e-12);
  EXPECT_NEAR(1 - nf4_bits(true) / 16, 0.742, 1e-3);
  const Tensor blocks = quantize(ones({3, 128}), kNF4);
  EXPECT_EQ(static_cast<double>(blocks.bytes()) * 8, nf4_bits(false) * 3 * 128);
}

TEST(Adapter, ParametersOfMistral) {
  for (const Values& size : values()["sizes"].items()) {
    std::vector<LinearShape> layers;
    for (int64_t i = 0; i < size["repeat"].integer(); ++i) {
      for (const Values& shape : size["shapes"].items()) {
        layers.push_back({shape.integers()[0], shape.integers()[1]});
      }
    }
    EXPECT_EQ(adapter_parameters(layers, size["rank"].integer()), size["adapter"].integer());
  }
  EXPECT_EQ(mistral_7b_layers().size(), 224u);
  EXPECT_EQ(adapter_parameters(mistral_7b_layers(), 16), 41943040);
}

// The schedule and the hand-off.

TEST(Schedule, IsThatOfTransformers) {
  for (const Values& c : values()["schedules"].items()) {
    const Schedule schedule =
        linear_with_warmup(c["peak"].number(), c["steps"].integer(), c["ratio"].number());
    const std::vector<double> rates = c["rates"].numbers();
    for (size_t s = 0; s < rates.size(); ++s) {
      EXPECT_NEAR(schedule(static_cast<int64_t>(s)), rates[s], 1e-12 * c["peak"].number()) << s;
    }
  }
  EXPECT_THROW(linear_with_warmup(1, 0, 0), Error);
  EXPECT_THROW(linear_with_warmup(1, 5, 1), Error);
}

TEST(Schedule, PhasesOfEachHandOff) {
  const Phases phases{.first = 40, .second = 20, .lr = 1, .warmup_ratio = 0.1};
  EXPECT_EQ(learning_rate(phases, HandOff::kAdapterOnly, 1, 0), 0);  // it warms up again
  EXPECT_EQ(learning_rate(phases, HandOff::kOptimizerState, 1, 2), 1);
  EXPECT_EQ(learning_rate(phases, HandOff::kContinuous, 0, 6), 1);  // 6 of 60 steps are warm-up
  EXPECT_NEAR(learning_rate(phases, HandOff::kContinuous, 1, 0), 20.0 / 54, 1e-12);
  EXPECT_NEAR(learning_rate(phases, HandOff::kContinuous, 1, 19), 1.0 / 54, 1e-12);
}

class Layer final : public ModuleOf<Layer> {
 public:
  Layer(int64_t in, int64_t out, const Init& init) : q_proj(in, out, false, init) {
    register_module("q_proj", q_proj);
  }
  Tensor forward(const Tensor& x) const { return q_proj(x); }
  std::string pretty_print() const override { return "Layer"; }
  Linear q_proj;
};

Tensor matrix(const Values& v, int64_t rows, int64_t cols) { return tensor(v.numbers(), {rows, cols}); }
void set(const Tensor& to, const Tensor& from) {
  const NoGradGuard no_grad;
  copy_(to, from);
}

// A linear layer of the reference with its adapter, in f64.
struct Tuned {
  explicit Tuned(const Values& c) {
    set(parameter(layer, "q_proj.weight"), matrix(c["weight"], 4, 5));
    Generator generator(1);
    attach_lora(layer, {.r = 2, .alpha = 4}, generator);
    set(a(), matrix(c["a"], 2, 5));
  }
  Tensor a() const { return parameter(layer, "q_proj.default.lora_A"); }
  Tensor b() const { return parameter(layer, "q_proj.default.lora_B"); }
  Layer layer{5, 4, Init{nullptr, 0, kF64}};
};

struct Rows {
  Tensor x, y;
  int64_t target_count;
  int64_t tokens() const { return target_count; }
};
Rows rows_of(const Values& c, const std::vector<int64_t>& rows) {
  const auto count = static_cast<int64_t>(rows.size());
  const Tensor index = tensor(rows, {count});
  return {index_select(matrix(c["x"], 12, 5), 0, index), index_select(matrix(c["y"], 12, 4), 0, index),
          count};
}
// Mean over the rows of all micro-batches.
kit::StepResult step(const Tuned& tuned, Optimizer& optimizer, const StepOptions& options,
                     const std::vector<Rows>& micro) {
  return kit::update(optimizer, options, micro, [&](const Rows& rows) {
    const Tensor error = tuned.layer(rows.x) - rows.y;
    return sum(error * error);
  });
}

TEST(HandOff, EqualsPeftTrainedByPyTorch) {
  const Values c = values()["hand_off"];
  for (const Values& run : c["runs"].items()) {
    const HandOff kind = run["kind"].text() == "adapter_only"      ? HandOff::kAdapterOnly
                         : run["kind"].text() == "optimizer_state" ? HandOff::kOptimizerState
                                                                   : HandOff::kContinuous;
    const std::vector<Values> batches = c["batches"].items();
    const Phases phases{.first = static_cast<int64_t>(batches[0].items().size()),
                        .second = static_cast<int64_t>(batches[1].items().size()),
                        .lr = c["peak"].number(),
                        .warmup_ratio = c["ratio"].number()};
    std::vector<double> losses;
    auto tuned = std::make_unique<Tuned>(c);
    auto optimizer = std::make_unique<AdamW>(std::vector<ParamGroup>{{trainable(tuned->layer)}},
                                             AdamWOptions{.weight_decay = 0});
    for (int phase = 0; phase < 2; ++phase) {
      if (phase == 1) {
        // A new model and a new optimizer, which get what is handed over.
        auto fresh = std::make_unique<Tuned>(c);
        set(fresh->a(), tuned->a()), set(fresh->b(), tuned->b());
        auto next = std::make_unique<AdamW>(std::vector<ParamGroup>{{trainable(fresh->layer)}},
                                            AdamWOptions{.weight_decay = 0});
        for (const auto& [name, state] : next->state_dict()) {
          for (const double value : cast(state, kF64).to_vector<double>()) EXPECT_EQ(value, 0) << name;
        }
        if (kind != HandOff::kAdapterOnly) {
          ASSERT_TRUE(next->load_state_dict(optimizer->state_dict()).ok());
        }
        tuned = std::move(fresh), optimizer = std::move(next);
      }
      int64_t s = 0;
      for (const Values& batch : batches[static_cast<size_t>(phase)].items()) {
        const StepOptions options{.lr = learning_rate(phases, kind, phase, s++),
                                  .max_grad_norm = c["clip"].number()};
        losses.push_back(step(*tuned, *optimizer, options, {rows_of(c, batch.integers())}).loss.item());
      }
    }
    const std::vector<double> expected = run["losses"].numbers();
    for (size_t i = 0; i < losses.size(); ++i) EXPECT_NEAR(losses[i], expected[i], 1e-9 * expected[i]) << i;
    for (const auto& [got, name] : {std::pair{tuned->a(), "a"}, {tuned->b(), "b"}}) {
      const std::vector<double> numbers = run[name].numbers(), mine = got.to_vector<double>();
      for (size_t i = 0; i < mine.size(); ++i)
        EXPECT_NEAR(mine[i], numbers[i], 1e-9) << run["kind"].text() << name << i;
    }
  }
}

TEST(HandOff, WithoutAnOptimizersStateItIsTheContinuousRun) {
  const Values c = values()["hand_off"];
  const auto run = [&](bool hand_over) {
    auto tuned = std::make_unique<Tuned>(c);
    auto sgd = std::make_unique<Sgd>(std::vector<ParamGroup>{{trainable(tuned->layer)}});
    int phase = 0;
    for (const Values& batches : c["batches"].items()) {
      if (phase++ == 1 && hand_over) {
        auto fresh = std::make_unique<Tuned>(c);
        set(fresh->a(), tuned->a()), set(fresh->b(), tuned->b());
        tuned = std::move(fresh);
        sgd = std::make_unique<Sgd>(std::vector<ParamGroup>{{trainable(tuned->layer)}});
      }
      for (const Values& batch : batches.items())
        step(*tuned, *sgd, {.lr = 0.01}, {rows_of(c, batch.integers())});
    }
    return std::pair{tuned->a().to_vector<double>(), tuned->b().to_vector<double>()};
  };
  EXPECT_EQ(run(true), run(false));
}

TEST(Adapter, WithBZeroItIsTheBaseAndTheBaseGetsNoGradient) {
  const Values c = values()["hand_off"];
  Tuned tuned(c);
  const Rows all = rows_of(c, {0, 1, 2, 3, 4});
  EXPECT_EQ(tuned.layer(all.x).to_vector<double>(),
            matmul(all.x, transpose(matrix(c["weight"], 4, 5), 0, 1)).to_vector<double>());
  set(tuned.b(), tensor(std::vector<double>{1, -2, 0.5, 1, 2, 0, -1, 3}, {4, 2}));
  backward(sum(tuned.layer(all.x) * all.y));
  EXPECT_FALSE(parameter(tuned.layer, "q_proj.weight").grad().defined());
  const auto f = [&](const std::vector<Tensor>& in) -> std::vector<Tensor> {
    const Tensor w = parameter(tuned.layer, "q_proj.weight");
    return {matmul(all.x, transpose(w + 2.0 * matmul(in[1], in[0]), 0, 1))};  // alpha / r = 2
  };
  EXPECT_TRUE(gradcheck(f, {tuned.a(), tuned.b()}).ok());
  const std::vector<Tensor> ab = {tuned.a(), tuned.b()};
  const std::vector<Tensor> by_hand = grad({sum(f(ab)[0] * all.y)}, ab);
  for (size_t k = 0; k < ab.size(); ++k) {
    const std::vector<double> got = ab[k].grad().to_vector<double>(),
                              expected = by_hand[k].to_vector<double>();
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-12) << k << " " << i;
  }
  const Tensor before = tuned.layer(all.x);
  merge_lora(tuned.layer);
  const std::vector<double> merged = tuned.layer(all.x).to_vector<double>(),
                            separate = before.to_vector<double>();
  for (size_t i = 0; i < merged.size(); ++i) EXPECT_NEAR(merged[i], separate[i], 1e-12);
}

// Format and statistics.

TEST(Markdown, IsThatOfThePatterns) {
  for (const Values& c : values()["markdown"].items()) {
    const Markdown has = markdown_of(c["text"].text());
    EXPECT_EQ(has.heading, c["heading"].integer() != 0) << c["text"].text();
    EXPECT_EQ(has.list, c["list"].integer() != 0) << c["text"].text();
    EXPECT_EQ(has.bold, c["bold"].integer() != 0) << c["text"].text();
    EXPECT_EQ(has.action_steps, c["action_steps"].integer() != 0) << c["text"].text();
  }
  EXPECT_TRUE(markdown_of("## A\n- **b**\n### Action Steps\n1. c").all());
  EXPECT_FALSE(markdown_of("## A\n- b\n### Action Steps\n1. c").all());
}

TEST(Caveat, Phrases) {
  for (const char* text :
       {"Fees may change.", "Please VERIFY this.", "See the official website.", "subject to change"}) {
    EXPECT_TRUE(has_caveat(text)) << text;
  }
  for (const char* text : {"", "The fee is $80.", "verification", "unofficial sites"})
    EXPECT_FALSE(has_caveat(text)) << text;
}

TEST(Bowker, EqualsTheFormula) {
  for (const Values& c : values()["symmetry"].items()) {
    const int64_t size = c["size"].integer();
    const SymmetryTest test = bowker_test(stats::Matrix(size, size, c["counts"].numbers()));
    EXPECT_NEAR(test.statistic, c["statistic"].number(), 1e-9);
    EXPECT_EQ(test.degrees, c["degrees"].integer());
    EXPECT_NEAR(test.p_value, c["p"].number(), 1e-9);
  }
  EXPECT_THROW(bowker_test(stats::Matrix(2, 3)), Error);
  EXPECT_THROW(bowker_test(stats::Matrix(2, 2, {1, -1, 2, 0})), Error);
}

TEST(Preference, EqualsTheExactTests) {
  for (const Values& c : values()["preference"].items()) {
    const PreferenceTest test =
        preference_test(c["wins"].integer(), c["ties"].integer(), c["losses"].integer());
    EXPECT_NEAR(test.sign_p, c["sign_p"].number(), 1e-9);
    EXPECT_NEAR(test.thirds, c["thirds"].number(), 1e-9);
    EXPECT_NEAR(test.thirds_p, c["thirds_p"].number(), 1e-9);
  }
  EXPECT_THROW(preference_test(0, 0, 0), Error);
}

TEST(Bootstrap, OfEqualSystemsIsZero) {
  const std::vector<double> scores = {0.2, 0.9, 0.4};
  stats::RandomStream random(1);
  const stats::Interval zero = stats::paired_bootstrap_mean(scores, scores, random).difference;
  EXPECT_EQ(zero.low, 0);
  EXPECT_EQ(zero.high, 0);
  EXPECT_EQ(zero.estimate, 0);
}

TEST(NearDuplicates, EqualTheDenseReference) {
  for (const Values& c : values()["duplicates"].items()) {
    std::vector<std::string> documents;
    for (const Values& document : c["documents"].items()) documents.push_back(document.text());
    NearDuplicates near_duplicate(documents, c["above"].number());
    const std::vector<int64_t> dropped = c["dropped"].integers();
    for (size_t i = 0; i < documents.size(); ++i)
      EXPECT_EQ(near_duplicate(documents[i]), dropped[i] != 0) << i;
  }
}

TEST(Reduction, OfThePaper) {
  const Values c = values()["reduction"].items()[0];
  EXPECT_NEAR(loss_reduction(c["first"].number(), c["last"].number()), c["reduction"].number(), 1e-12);
  EXPECT_NEAR(loss_reduction(1.0125, 0.4787), 0.527, 5e-4);
}

}  // namespace
}  // namespace roux::lora_education
