// Optimizer state divided between ranks: the steps and the state of one that is not.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "autograd/autograd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "optim/adafactor.h"
#include "optim/adamw_8bit.h"
#include "optim/muon.h"
#include "optim/optimizer.h"
#include "optim/rmsprop.h"
#include "tensor/comm/ranks_test_util.h"
#include "tensor/device.h"
#include "tensor/error_of.h"
#include "tensor/generator.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"

namespace roux {
namespace {

using testing::HasSubstr;

// Sizes below the number of ranks and not divisible by it, both dtypes, and one that never has a gradient.
NamedTensors parameters() {
  Generator generator(3);
  NamedTensors out;
  const std::vector<Shape> shapes = {{7, 3}, {1}, {2}, {64}, {3, 5}, {5}};
  for (size_t i = 0; i < shapes.size(); ++i) {
    out.emplace_back(std::string(1, static_cast<char>('a' + i)),
                     uniform(shapes[i], -1, 1, generator, i == 4 ? kF64 : kF32));
    out.back().second.set_requires_grad(true);
  }
  return out;
}

std::vector<ParamGroup> groups_of(const NamedTensors& p) {
  std::vector<double> bits(21);
  for (size_t i = 0; i < bits.size(); ++i) bits[i] = i % 3 == 0 ? 0 : 1;
  return {{.params = {p[0], p[1]}, .masks = {{"a", tensor(bits, {7, 3}).to(kBool)}}},
          {.params = {p[2], p[3]}, .lr_scale = 0.5, .weight_decay = 0.0, .start_step = 2},
          {.params = {p[4], p[5]}}};
}

Tensor loss_of(const NamedTensors& p, int64_t step) {
  Tensor loss = zeros({}, kF64);
  for (size_t i = 0; i < 5; ++i) {
    if (i == 1 && step == 0) continue;  // its steps begin late
    loss = loss + sum(sin(p[i].second * static_cast<double>(step + 2))).to(kF64);
  }
  return loss;
}

struct Outcome {
  NamedTensors params = parameters();
  std::vector<double> norms;
  NamedTensors state;
};

template <class Make>
Outcome run(const Make& make, int64_t steps) {
  Outcome out;
  const auto optimizer = make(groups_of(out.params));
  for (int64_t step = 0; step < steps; ++step) {
    backward(loss_of(out.params, step));
    out.norms.push_back(optimizer->step({.lr = 0.05, .max_grad_norm = 1}).item());
    optimizer->zero_grad();
  }
  for (const auto& [name, value] : optimizer->state_dict()) {
    out.state.emplace_back(name, tensor(value.template to_vector<double>(), value.shape()));
  }
  return out;
}

void expect_near(const NamedTensors& a, const NamedTensors& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].first, b[i].first);
    ASSERT_EQ(a[i].second.shape(), b[i].second.shape()) << a[i].first;
    const std::vector<double> x = a[i].second.to_vector<double>(), y = b[i].second.to_vector<double>();
    // The norm is a sum in another order; an update is f32.
    for (size_t j = 0; j < x.size(); ++j)
      EXPECT_NEAR(x[j], y[j], 2e-7 * std::max(1.0, std::abs(y[j]))) << a[i].first;
  }
}

template <class Make>
void expect_same(const Make& make) {
  const Outcome whole = run(make, 5);
  const ShardOptimizerStates shard(world());
  const Outcome sharded = run(make, 5);
  expect_near(sharded.params, whole.params);
  expect_near(sharded.state, whole.state);
  for (size_t i = 0; i < whole.norms.size(); ++i) EXPECT_NEAR(sharded.norms[i], whole.norms[i], 1e-12);
}

TEST(Ranks, StepsAndStateAreThoseOfAWholeOne) {
  expect_same([](auto groups) { return std::make_unique<AdamW>(groups, AdamWOptions{.weight_decay = 0.1}); });
  expect_same([](auto groups) { return std::make_unique<Adam>(groups); });
  expect_same([](auto groups) { return std::make_unique<Sgd>(groups, SgdOptions{.momentum = 0.9}); });
  expect_same([](auto groups) { return std::make_unique<Rmsprop>(groups, RmspropOptions{}); });
}

// All ranks hold the same bits after a step, whatever they computed themselves.
TEST(Ranks, ParametersAreTheSameBitsEverywhere) {
  const ShardOptimizerStates shard(world());
  const Outcome out = run([](auto groups) { return std::make_unique<AdamW>(groups); }, 3);
  for (const auto& [name, p] : out.params) {
    const std::string bytes(static_cast<const char*>(p.raw_data()), p.bytes());
    for (const std::string& other : world().all_gather(bytes)) EXPECT_EQ(other, bytes) << name;
  }
}

TEST(Ranks, HoldTheirPartOfTheState) {
  NamedTensors p = {{"w", zeros({1000, 13})}};
  p[0].second.set_requires_grad(true);
  const auto bytes_of = [&] {
    const int64_t before = memory_stats(kCpu).current;
    const AdamW optimizer({{p}});
    return memory_stats(kCpu).current - before;
  };
  const int64_t whole = bytes_of();
  const ShardOptimizerStates shard(world());
  EXPECT_LE(bytes_of(), whole / world().size() + 512);
}

// A state goes from a whole optimizer to a divided one and back.
TEST(Ranks, StateIsThatOfAnyNumberOfRanks) {
  const auto go_on = [](const NamedTensors& state, NamedTensors p) {
    AdamW optimizer(groups_of(p));
    EXPECT_TRUE(optimizer.load_state_dict(state).ok());
    backward(loss_of(p, 7));
    optimizer.step({.lr = 0.01});
    optimizer.zero_grad();
    return p;
  };
  NamedTensors p = parameters();
  AdamW whole(groups_of(p));
  for (int64_t step = 0; step < 3; ++step) {
    backward(loss_of(p, step));
    whole.step({.lr = 0.05});
    whole.zero_grad();
  }
  const auto copy = [](const NamedTensors& from) {
    NamedTensors out;
    for (const auto& [name, x] : from) {
      const NoGradGuard no_grad;
      out.emplace_back(name, empty_like(x));
      copy_(out.back().second, x);
      out.back().second.set_requires_grad(x.requires_grad());
    }
    return out;
  };
  const NamedTensors want = go_on(whole.state_dict(), copy(p));
  const ShardOptimizerStates shard(world());
  AdamW divided(groups_of(p));
  ASSERT_TRUE(divided.load_state_dict(whole.state_dict()).ok());
  expect_near(go_on(divided.state_dict(), copy(p)), want);
  NamedTensors wrong = copy(whole.state_dict());
  wrong.back().second = zeros({4});
  EXPECT_THAT(std::string(divided.load_state_dict(wrong).message()), HasSubstr("needed"));
}

// A gradient that is not finite on one rank alone: no rank takes the step.
TEST(Ranks, OneThatIsNotFiniteSkipsTheStepOfAll) {
  const ShardOptimizerStates shard(world());
  NamedTensors p = parameters();
  AdamW optimizer(groups_of(p));
  backward(loss_of(p, 1));
  const std::vector<double> before = p[0].second.to_vector<double>();
  const double bad = world().rank() == world().size() - 1 ? std::numeric_limits<double>::quiet_NaN() : 1;
  const int64_t own = slice_of_rank(21, world().rank(), world().size()).second -
                      slice_of_rank(21, world().rank(), world().size()).first;
  optimizer.set_grad_slice(0, full({own}, bad));
  optimizer.step({.lr = 1});
  EXPECT_TRUE(optimizer.skipped());
  EXPECT_EQ(optimizer.steps(), 0);
  EXPECT_EQ(p[0].second.to_vector<double>(), before);
}

TEST(Ranks, NoGradientAnywhereIsAnErrorOnEachOfThem) {
  const ShardOptimizerStates shard(world());
  AdamW optimizer({{parameters()}});
  EXPECT_THAT(error_of([&] { optimizer.step({.lr = 1}); }), HasSubstr("no parameter has a gradient"));
}

TEST(Alone, WhatCannotBeDividedSaysSo) {
  const ShardOptimizerStates shard(world());
  const NamedTensors p = {parameters()[0]};
  const char* const why = "cannot be divided between ranks";
  EXPECT_THAT(error_of([&] { Muon({{p}}); }), HasSubstr(why));
  EXPECT_THAT(error_of([&] { Adafactor({{p}}); }), HasSubstr(why));
  EXPECT_THAT(error_of([&] { AdamW8bit({{p}}); }), HasSubstr(why));
  AdamW optimizer({{p}});
  EXPECT_THAT(error_of([&] { optimizer.set_grad_slice(0, zeros({4})); }), HasSubstr("the gradient of a is"));
}

TEST(Alone, OneRankStepsAsWithoutIt) {
  const auto make = [](auto groups) { return std::make_unique<AdamW>(groups); };
  const Outcome whole = run(make, 4);
  const ShardOptimizerStates shard(world());
  const Outcome sharded = run(make, 4);
  for (size_t i = 0; i < whole.params.size(); ++i) {
    EXPECT_EQ(sharded.params[i].second.to_vector<double>(), whole.params[i].second.to_vector<double>());
  }
}

}  // namespace
}  // namespace roux

int main(int argc, char** argv) { return roux::ranks_test_main(argc, argv, {2, 3, 4}); }
