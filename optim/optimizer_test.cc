#include "optim/optimizer.h"

#include <cmath>
#include <limits>
#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "optim/give_gradient.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

using ::testing::HasSubstr;

Tensor parameter(std::vector<double> values) {
  const auto n = static_cast<int64_t>(values.size());
  return tensor(values, {n}).set_requires_grad(true);
}

void give_gradient(const Tensor& p, std::vector<double> c) { roux::give_gradient(p, tensor(c, p.shape())); }

// The algorithm for one number, as the paper prints it.
struct ScalarAdamW {
  double p, m = 0, v = 0;
  void step(double g, double lr, const AdamWOptions& o, int t) {
    p -= lr * o.weight_decay * p;
    m = o.beta1 * m + (1 - o.beta1) * g;
    v = o.beta2 * v + (1 - o.beta2) * g * g;
    const double mhat = m / (1 - std::pow(o.beta1, t)), vhat = v / (1 - std::pow(o.beta2, t));
    p -= lr * mhat / (std::sqrt(vhat) + o.eps);
  }
};

TEST(AdamW, EqualsTheScalarAlgorithm) {
  AdamWOptions options;
  options.beta2 = 0.95;
  options.weight_decay = 0.1;
  const Tensor p = parameter({1.0, -2.0, 0.5});
  AdamW optimizer({{{{"p", p}}}}, options);
  std::vector<ScalarAdamW> reference{{1.0}, {-2.0}, {0.5}};
  for (int t = 1; t <= 20; ++t) {
    const std::vector<double> g{std::sin(t), 0.1 * t, -1.0 / t};
    give_gradient(p, g);
    optimizer.step({.lr = 0.01 * t});
    for (size_t i = 0; i < 3; ++i) reference[i].step(g[i], 0.01 * t, options, t);
  }
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(p.to_vector<double>()[i], reference[i].p, 1e-13);
}

TEST(Sgd, MomentumAndNesterovEqualTheScalarAlgorithm) {
  for (bool nesterov : {false, true}) {
    const Tensor p = parameter({1.0});
    Sgd optimizer({{{{"p", p}}}}, {.momentum = 0.9, .weight_decay = 0.01, .nesterov = nesterov});
    double q = 1.0, b = 0;
    for (int t = 1; t <= 10; ++t) {
      give_gradient(p, {0.3 * t});
      optimizer.step({.lr = 0.1});
      const double g = 0.3 * t + 0.01 * q;
      b = t == 1 ? g : 0.9 * b + g;
      q -= 0.1 * (nesterov ? g + 0.9 * b : b);
    }
    EXPECT_NEAR(p.item(), q, 1e-13);
  }
}

// Squares of these gradients are beyond f64 on either side, or are subnormal.
TEST(Clipping, NormsWhoseSquaresAreNoF64) {
  for (double unit : {1e200, 1e-200, 1e-160, 4e307, 5e-324}) {
    const Tensor g = tensor(std::vector<double>{3, 4}, {2}) * (unit > 1e307 ? unit / 4 : unit);
    const double wanted = 5 * (unit > 1e307 ? unit / 4 : unit);
    EXPECT_NEAR(grad_norm({&g, 1}).item() / wanted, 1, 1e-15) << unit;
  }
  const Tensor zero = zeros({3}, kF64), infinite = full({3}, INFINITY, kF64), nan = full({3}, NAN, kF64);
  EXPECT_EQ(grad_norm({&zero, 1}).item(), 0);
  EXPECT_EQ(grad_norm({&infinite, 1}).item(), INFINITY);
  EXPECT_TRUE(std::isnan(grad_norm({&nan, 1}).item()));

  const Tensor p = parameter({0, 0}), q = zeros({2}).set_requires_grad(true);
  Sgd optimizer({{{{"p", p}, {"q", q}}}});  // two dtypes, two norms that become one
  give_gradient(p, {3e200, 4e200});
  backward(sum(q * tensor({1, 2})));
  EXPECT_NEAR(optimizer.step({.lr = 1, .max_grad_norm = 1}).item() / 5e200, 1, 1e-15);
  EXPECT_FALSE(optimizer.skipped());
  EXPECT_NEAR(p.to_vector<double>()[1], -0.8, 1e-6);
}

TEST(Clipping, ScalesToTheNormAndReportsIt) {
  const Tensor p = parameter({0, 0});
  Sgd optimizer({{{{"p", p}}}});
  give_gradient(p, {3, 4});
  EXPECT_NEAR(optimizer.step({.lr = 1, .max_grad_norm = 1}).item(), 5, 1e-12);
  EXPECT_NEAR(p.to_vector<double>()[0], -0.6, 1e-6);
  EXPECT_NEAR(p.to_vector<double>()[1], -0.8, 1e-6);
}

TEST(Step, NonFiniteGradientChangesNothing) {
  const Tensor p = parameter({1, 2});
  AdamW optimizer({{{{"p", p}}}});
  give_gradient(p, {1, std::nan("")});
  optimizer.step({.lr = 1});
  EXPECT_TRUE(optimizer.skipped());
  EXPECT_EQ(p.to_vector<double>(), (std::vector<double>{1, 2}));
  for (const auto& [name, state] : optimizer.state_dict()) {
    for (double value : state.to_vector<double>()) EXPECT_EQ(value, 0) << name;
  }
}

// With a bad gradient in between, everything is as without that step: the count of bias correction too.
TEST(Step, ASkippedStepLeavesNoTrace) {
  const auto make = [](const Tensor& p, int kind) -> std::unique_ptr<Optimizer> {
    if (kind == 0) return std::make_unique<AdamW>(std::vector<ParamGroup>{{{{"p", p}}}});
    return std::make_unique<Sgd>(std::vector<ParamGroup>{{{{"p", p}}}}, SgdOptions{.momentum = 0.9});
  };
  const double infinity = std::numeric_limits<double>::infinity();
  for (int kind : {0, 1}) {
    const Tensor p = parameter({1, -1}), q = parameter({1, -1});
    const std::unique_ptr<Optimizer> plain = make(p, kind), skipping = make(q, kind);
    EXPECT_FALSE(skipping->skipped());
    for (int t = 0; t < 4; ++t) {
      give_gradient(q, {infinity, 1});
      skipping->step({.lr = 0.1});  // the first of all steps too
      EXPECT_TRUE(skipping->skipped());
      for (Optimizer* optimizer : {plain.get(), skipping.get()}) {
        give_gradient(optimizer == plain.get() ? p : q, {0.3 * t, -0.2});
        optimizer->step({.lr = 0.1, .max_grad_norm = 0.25});
        EXPECT_FALSE(optimizer->skipped());
        EXPECT_EQ(optimizer->steps(), t + 1);
      }
    }
    EXPECT_EQ(p.to_vector<double>(), q.to_vector<double>()) << kind;
    const NamedTensors expected = plain->state_dict(), state = skipping->state_dict();
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(state[i].second.to_vector<double>(), expected[i].second.to_vector<double>())
          << state[i].first;
    }
  }
}

TEST(Step, WithoutAGradientDoesNotCount) {
  const Tensor p = parameter({1});
  AdamW optimizer({{{{"p", p}}}});
  EXPECT_THROW(optimizer.step({.lr = 1}), Error);
  EXPECT_EQ(optimizer.steps(), 0);
}

TEST(State, RestoredBitForBit) {
  const Tensor p = parameter({1, -1}), q = parameter({1, -1});
  AdamW first({{{{"p", p}}}}), second({{{{"p", q}}}});
  for (int t = 0; t < 3; ++t) give_gradient(p, {0.1, 0.7}), first.step({.lr = 0.1});
  NamedTensors saved;
  for (const auto& [name, value] : first.state_dict()) {
    saved.emplace_back(name, tensor(value.to_vector<double>(), value.shape()).to(value.dtype()));
  }
  {
    NoGradGuard no_grad;
    copy_(q, p);
  }
  ASSERT_TRUE(second.load_state_dict(saved).ok());
  for (int t = 0; t < 3; ++t) {
    give_gradient(p, {0.3, -0.2}), first.step({.lr = 0.1});
    give_gradient(q, {0.3, -0.2}), second.step({.lr = 0.1});
  }
  EXPECT_EQ(p.to_vector<double>(), q.to_vector<double>());

  saved[1].first = "exp_avg.other";
  EXPECT_THAT(std::string(second.load_state_dict(saved).message()), HasSubstr("lacks exp_avg.p"));
}

// Written before parameters had counts of their own: all go on with the one of "step".
TEST(State, OfASharedCountIsRead) {
  const Tensor p = parameter({1, -1}), q = parameter({2}), r = parameter({1, -1}), s = parameter({2});
  AdamW first({{{{"p", p}, {"q", q}}}}), second({{{{"p", r}, {"q", s}}}});
  for (int t = 0; t < 3; ++t) {
    give_gradient(p, {0.1, 0.7}), give_gradient(q, {0.3});
    first.step({.lr = 0.1});
  }
  NamedTensors old;
  for (const auto& [name, value] : first.state_dict()) {
    if (name.substr(0, 5) != "step.")
      old.emplace_back(name, tensor(value.to_vector<double>(), value.shape()).to(value.dtype()));
  }
  ASSERT_EQ(old.size(), 5u);
  {
    NoGradGuard no_grad;
    copy_(r, p), copy_(s, q);
  }
  ASSERT_TRUE(second.load_state_dict(old).ok());
  EXPECT_EQ(second.steps(), 3);
  give_gradient(p, {0.1, 0.7}), give_gradient(q, {0.3}), first.step({.lr = 0.1});
  give_gradient(r, {0.1, 0.7}), give_gradient(s, {0.3}), second.step({.lr = 0.1});
  EXPECT_EQ(r.to_vector<double>(), p.to_vector<double>());
  EXPECT_EQ(s.item(), q.item());
  // Some counts but not all: an error.
  old.emplace_back("step.p", ones({1}, kF64));
  EXPECT_THAT(std::string(second.load_state_dict(old).message()), HasSubstr("lacks step.q"));
}

// Afterwards everything is as with a new optimizer of the same parameters.
TEST(State, ResetIsANewBeginning) {
  const Tensor p = parameter({1, -1}), q = parameter({1, -1});
  AdamW used({{{{"p", p}}}});
  for (int t = 0; t < 3; ++t) give_gradient(p, {0.1, 0.7}), used.step({.lr = 0.1});
  give_gradient(p, {std::nan(""), 0}), used.step({.lr = 0.1});
  used.reset();
  EXPECT_EQ(used.steps(), 0);
  EXPECT_FALSE(used.skipped());
  {
    NoGradGuard no_grad;
    copy_(q, p);
  }
  AdamW fresh({{{{"q", q}}}});
  for (int t = 0; t < 3; ++t) {
    give_gradient(p, {0.3, -0.2}), used.step({.lr = 0.1});
    give_gradient(q, {0.3, -0.2}), fresh.step({.lr = 0.1});
  }
  EXPECT_EQ(p.to_vector<double>(), q.to_vector<double>());
  EXPECT_EQ(used.state_dict()[1].second.to_vector<double>(),
            fresh.state_dict()[1].second.to_vector<double>());
}

TEST(Groups, LearningRateScaleAndWeightDecay) {
  const Tensor p = parameter({1}), q = parameter({1});
  Sgd optimizer({{{{"p", p}}, 1, 0.0}, {{{"q", q}}, 0.5, 0.1}});
  give_gradient(p, {1}), give_gradient(q, {1});
  optimizer.step({.lr = 0.1});
  EXPECT_NEAR(p.item(), 0.9, 1e-15);
  EXPECT_NEAR(q.item(), 1 - 0.05 * 1.1, 1e-15);
}

TEST(Errors, AreClear) {
  const Tensor p = parameter({1});
  Sgd optimizer({{{{"p", p}}}});
  try {
    optimizer.step({.lr = 1});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("no parameter has a gradient"));
  }
  EXPECT_THROW(Sgd({{{{"p", p}, {"again", p}}}}), Error);
  const Tensor all = zeros({4}, kF64), left = all.slice(0, 0, 3).set_requires_grad(true),
               right = all.slice(0, 2, 4).set_requires_grad(true);
  EXPECT_THROW(Sgd({{{{"left", left}, {"right", right}}}}), Error);
  const Tensor half = ones({2}, kBF16).set_requires_grad(true);
  EXPECT_THROW(Sgd({{{{"half", half}}}}), Error);  // it would never be updated
}

TEST(Errors, NumbersOutOfRangeAreRefusedWhereTheyEnter) {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  const Tensor p = parameter({1});
  const auto refused = [](auto&& call) {
    try {
      call();
    } catch (const Error& error) {
      return std::string(error.what()).rfind("optimizer: ", 0) == 0;
    }
    return false;
  };
  Sgd optimizer({{{{"p", p}}}});
  give_gradient(p, {1});
  for (double bad : {nan, infinity, -infinity, -1e-3}) {
    EXPECT_TRUE(refused([&] { optimizer.step({.lr = bad}); })) << bad;
    EXPECT_TRUE(refused([&] { optimizer.step({.lr = 1, .max_grad_norm = bad}); })) << bad;
    EXPECT_TRUE(refused([&] { optimizer.step({.lr = 1, .grad_scale = bad}); })) << bad;
    EXPECT_TRUE(refused([&] { AdamW({{{{"p", p}}}}, {.beta1 = bad}); })) << bad;
    EXPECT_TRUE(refused([&] { AdamW({{{{"p", p}}}}, {.beta2 = bad}); })) << bad;
    EXPECT_TRUE(refused([&] { AdamW({{{{"p", p}}}}, {.eps = bad}); })) << bad;
    EXPECT_TRUE(refused([&] { AdamW({{{{"p", p}}}}, {.weight_decay = bad}); })) << bad;
    EXPECT_TRUE(refused([&] { AdamW({{{{"p", p}}, bad}}); })) << bad;
    EXPECT_TRUE(refused([&] { AdamW({{{{"p", p}}, 1, bad}}); })) << bad;
    EXPECT_TRUE(refused([&] { Sgd({{{{"p", p}}}}, {.momentum = bad}); })) << bad;
    EXPECT_TRUE(refused([&] { Sgd({{{{"p", p}}}}, {.weight_decay = bad}); })) << bad;
  }
  EXPECT_TRUE(refused([&] { AdamW({{{{"p", p}}}}, {.beta1 = 1}); }));
  EXPECT_TRUE(refused([&] { optimizer.step({.lr = 1, .grad_scale = 0}); }));
  EXPECT_TRUE(refused([&] { Sgd({{{{"p", p}}}}, {.nesterov = true}); }));
  EXPECT_EQ(p.item(), 1);
  EXPECT_EQ(optimizer.steps(), 0);
}

}  // namespace
}  // namespace roux
