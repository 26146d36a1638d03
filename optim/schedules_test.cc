#include "optim/schedules.h"

#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <string>

#include "gtest/gtest.h"
#include "tensor/error_of.h"
#include "tests/golden/optimizer.h"

namespace roux {
namespace {

TEST(SchedulesTest, ConstantKeepsPeakForEver) {
  const Schedule s = constant_schedule(3e-4);
  for (int64_t step : {0L, 1L, 1000L, 1L << 40}) EXPECT_EQ(s(step), 3e-4);
}

TEST(SchedulesTest, WarmupIsLinearNeverZeroAndEndsAtPeak) {
  for (const Schedule& s :
       {constant_schedule(2.0, 4), linear_schedule({.peak = 2, .total = 10, .warmup = 4}),
        cosine_schedule({.peak = 2, .total = 10, .warmup = 4}),
        wsd_schedule({.peak = 2, .total = 10, .warmup = 4}, 3),
        polynomial_schedule({.peak = 2, .total = 10, .warmup = 4}, 2),
        exponential_schedule({.peak = 2, .floor = 1, .total = 10, .warmup = 4}),
        inverse_sqrt_schedule({.peak = 2, .total = 10, .warmup = 4}), multi_step_schedule(2, {{8, 0.5}}, 4),
        rewarm_schedule({.peak = 2, .warmup = 4, .stable = 2, .decay = 2})}) {
    for (int64_t step = 0; step < 4; ++step) EXPECT_NEAR(s(step), 2.0 * (step + 1) / 5, 1e-15) << step;
    EXPECT_EQ(s(4), 2.0);
  }
}

TEST(SchedulesTest, LinearFollowsItsFormula) {
  const Schedule s = linear_schedule({.peak = 1, .floor = 0.1, .total = 110, .warmup = 10});
  for (int64_t step = 10; step < 110; ++step)
    EXPECT_NEAR(s(step), 0.1 + 0.9 * (1 - (step - 10) / 100.0), 1e-15);
  EXPECT_EQ(s(110), 0.1);
  EXPECT_EQ(s(5000), 0.1);
}

TEST(SchedulesTest, CosineFollowsItsFormula) {
  const Schedule s = cosine_schedule({.peak = 2e-4, .floor = 2e-5, .total = 20000, .warmup = 500});
  for (int64_t step = 500; step < 20000; step += 37) {
    const double expected =
        2e-5 + 0.5 * (2e-4 - 2e-5) * (1 + std::cos(std::numbers::pi * (step - 500) / 19500.0));
    EXPECT_NEAR(s(step), expected, 1e-18);
  }
  EXPECT_NEAR(s(500 + 19500 / 2), 1.1e-4, 1e-18);
  EXPECT_EQ(s(20000), 2e-5);
  EXPECT_GT(s(19999), 2e-5);
}

TEST(SchedulesTest, WsdHoldsThenDecaysAlongItsShape) {
  const ScheduleOptions o{.peak = 1, .floor = 0.2, .total = 100, .warmup = 10};
  for (Decay shape : {Decay::kLinear, Decay::kCosine, Decay::kOneMinusSqrt}) {
    const Schedule s = wsd_schedule(o, 20, shape);
    for (int64_t step = 10; step <= 80; ++step) EXPECT_EQ(s(step), 1.0);
    EXPECT_EQ(s(100), 0.2);
    for (int64_t step = 80; step < 100; ++step) EXPECT_GT(s(step), s(step + 1));
  }
  EXPECT_NEAR(wsd_schedule(o, 20, Decay::kLinear)(85), 0.2 + 0.8 * 0.75, 1e-15);
  EXPECT_NEAR(wsd_schedule(o, 20, Decay::kCosine)(90), 0.2 + 0.8 * 0.5, 1e-15);
  EXPECT_NEAR(wsd_schedule(o, 20, Decay::kOneMinusSqrt)(85), 0.2 + 0.8 * 0.5, 1e-15);
}

TEST(SchedulesTest, WsdWithoutStablePhaseIsThePlainDecay) {
  const ScheduleOptions o{.peak = 1, .floor = 0.1, .total = 50, .warmup = 5};
  for (int64_t step = 0; step < 60; ++step) {
    EXPECT_EQ(wsd_schedule(o, 45, Decay::kCosine)(step), cosine_schedule(o)(step));
    EXPECT_EQ(wsd_schedule(o, 45, Decay::kLinear)(step), linear_schedule(o)(step));
  }
}

TEST(SchedulesTest, MultiStepDropsAtItsSteps) {
  const Schedule s = multi_step_schedule(2.0, {{80, 0.316}, {90, 0.1}}, 5);
  EXPECT_EQ(s(5), 2.0);
  EXPECT_EQ(s(79), 2.0);
  EXPECT_EQ(s(80), 2.0 * 0.316);
  EXPECT_EQ(s(89), 2.0 * 0.316);
  EXPECT_EQ(s(90), 0.2);
  EXPECT_EQ(s(100000), 0.2);
}

TEST(SchedulesTest, RewarmRisesAgainAfterTheDecay) {
  const Schedule s = rewarm_schedule({.peak = 1,
                                      .floor = 0.1,
                                      .stable = 20,
                                      .decay = 10,
                                      .rewarm = 9,
                                      .second_peak = 0.6,
                                      .second_decay = 10,
                                      .second_floor = 0.05});
  EXPECT_EQ(s(20), 1.0);
  EXPECT_NEAR(s(25), 0.55, 1e-15);
  for (int64_t k = 0; k < 9; ++k) EXPECT_NEAR(s(30 + k), 0.1 + 0.5 * (k + 1) / 10, 1e-15);
  EXPECT_EQ(s(39), 0.6);
  EXPECT_NEAR(s(44), 0.325, 1e-15);
  EXPECT_EQ(s(49), 0.05);
  const Schedule flat =
      rewarm_schedule({.peak = 1, .stable = 2, .decay = 2, .rewarm = 2, .second_peak = 0.5});
  EXPECT_EQ(flat(6), 0.5);
  EXPECT_EQ(flat(600), 0.5);
}

// From the end of the warm-up on; before it ours is never 0.
template <size_t kSteps>
void expect_golden(const Schedule& schedule, const double (&golden)[kSteps], int64_t first) {
  for (int64_t step = first; step < static_cast<int64_t>(kSteps); ++step) {
    EXPECT_NEAR(schedule(step), golden[step], 1e-15) << step;
  }
}

TEST(SchedulesTest, AreThoseOfTheReferences) {
  expect_golden(inverse_sqrt_schedule({.peak = 0.5, .total = 20, .warmup = 4}), golden::kInverseSqrt, 4);
  expect_golden(inverse_sqrt_schedule({.peak = 0.5, .total = 500, .warmup = 4}), golden::kInverseSqrt, 4);
  expect_golden(inverse_sqrt_schedule({.peak = 0.5, .total = 20, .warmup = 4, .timescale = 9}),
                golden::kInverseSqrtTimescale, 4);
  expect_golden(polynomial_schedule({.peak = 0.5, .floor = 0.01, .total = 18, .warmup = 4}, 2.5),
                golden::kPolynomial, 4);
  expect_golden(exponential_schedule({.peak = 0.5, .floor = 0.5 * std::pow(0.9, 40), .total = 40}),
                golden::kExponential, 0);
  expect_golden(
      tri_stage_schedule({.peak = 0.5, .initial = 0.005, .floor = 0.025, .warmup = 4, .hold = 6, .decay = 8}),
      golden::kTriStage, 0);
}

TEST(SchedulesTest, PhasesLeadAnyScalarUpOrDown) {
  const Schedule temperature({{.steps = 10, .from = 2, .to = 0.5, .shape = Decay::kExponential}});
  EXPECT_EQ(temperature(0), 2);
  EXPECT_NEAR(temperature(5), 1, 1e-15);
  EXPECT_EQ(temperature(10), 0.5);
  const Schedule length({{.steps = 4, .from = 64, .to = 512}, {.steps = 0, .from = 512, .to = 512}});
  EXPECT_EQ(std::lround(length(1)), 176);
  EXPECT_EQ(std::lround(length(4)), 512);
  const Schedule up({{.steps = 8, .from = 0.25, .to = 1, .shape = Decay::kInverseSqrt}});
  EXPECT_NEAR(up(4), 1 / std::sqrt(8.5), 1e-15);
}

TEST(SchedulesTest, InfiniteHasFourPhasesThatMeet) {
  InfiniteOptions o{.peak = 2, .constant = 0.5, .floor = 0.125, .warmup = 4, .cooldown = 20, .hold = 30};
  o.anneal = 10;
  for (const Decay shape : {Decay::kCosine, Decay::kShiftedInverseSqrt}) {
    o.shape = shape;
    const Schedule s = infinite_schedule(o);
    for (int64_t step = 0; step < 4; ++step) EXPECT_NEAR(s(step), 2.0 * (step + 1) / 5, 1e-15) << step;
    EXPECT_EQ(s(4), 2);
    for (int64_t step = 4; step < 24; ++step) EXPECT_GT(s(step), s(step + 1)) << step;
    for (int64_t step = 24; step <= 54; ++step) EXPECT_EQ(s(step), 0.5) << step;
    EXPECT_NEAR(s(59), 0.25, 1e-15);  // the geometric mean of both ends
    EXPECT_EQ(s(64), 0.125);
    // What comes before the anneal does not know of it.
    InfiniteOptions open = o;
    open.hold = 5, open.anneal = 0, open.floor = 0;
    for (int64_t step = 0; step <= 54; ++step) EXPECT_EQ(infinite_schedule(open)(step), s(step)) << step;
    EXPECT_EQ(infinite_schedule(open)(1 << 30), 0.5);
  }
  EXPECT_NEAR(infinite_schedule({.peak = 2, .constant = 0.5, .cooldown = 20})(10), 1.25, 1e-15);
  // alpha = 3: h(1) = 1/2 - 1, and h(5/12) = 1/1.5 - 1.
  const Schedule shifted(
      {{.steps = 12, .from = 3, .to = 0, .shape = Decay::kShiftedInverseSqrt, .alpha = 3}});
  EXPECT_NEAR(shifted(5), 1, 1e-15);
  EXPECT_EQ(shifted(0), 3);
  EXPECT_EQ(shifted(12), 0);
}

TEST(SchedulesTest, ConvertsToAFunctionOfTheStep) {
  const std::function<double(int64_t)> f = cosine_schedule({.peak = 1, .total = 8});
  EXPECT_EQ(f(0), 1.0);
  EXPECT_EQ(f(8), 0.0);
}

TEST(SchedulesTest, RatesThatAreNoRatesAreRefused) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  for (double bad : {std::numeric_limits<double>::quiet_NaN(), kInf, -kInf, -1e-3}) {
    const ScheduleOptions peak{.peak = bad, .total = 10}, floor{.peak = 1, .floor = bad, .total = 10};
    for (const ScheduleOptions& o : {peak, floor}) {
      EXPECT_NE(error_of([&] { linear_schedule(o); }), "") << bad;
      EXPECT_NE(error_of([&] { cosine_schedule(o); }), "") << bad;
      EXPECT_NE(error_of([&] { wsd_schedule(o, 3); }), "") << bad;
    }
    EXPECT_NE(error_of([&] { constant_schedule(bad); }), "") << bad;
    EXPECT_NE(error_of([&] { multi_step_schedule(bad, {{3, 0.5}}); }), "") << bad;
    EXPECT_NE(error_of([&] { multi_step_schedule(1, {{3, bad}}); }), "") << bad;
    for (double RewarmOptions::*field : {&RewarmOptions::peak, &RewarmOptions::floor,
                                         &RewarmOptions::second_peak, &RewarmOptions::second_floor}) {
      RewarmOptions o{.peak = 1, .stable = 2, .decay = 2, .rewarm = 2, .second_peak = 0.5, .second_decay = 2};
      o.*field = bad;
      EXPECT_NE(error_of([&] { rewarm_schedule(o); }), "") << bad;
    }
  }
}

TEST(SchedulesTest, MisuseThrowsWithTheValues) {
  EXPECT_EQ(error_of([] { cosine_schedule({.peak = 1, .floor = 2, .total = 10}); }),
            "cosine_schedule: floor is above peak: floor is 2, peak is 1");
  EXPECT_EQ(
      error_of([] { linear_schedule({.peak = 1, .total = 10, .warmup = 10}); }),
      "linear_schedule: warm-up does not fit the run: warmup is 10, total is 10, needed 0 <= warmup < total");
  EXPECT_EQ(error_of([] { wsd_schedule({.peak = 1, .total = 10, .warmup = 2}, 9); }),
            "wsd_schedule: decay does not fit the run: decay_steps is 9, needed 1..8 (total 10, warmup 2)");
  EXPECT_NE(error_of([] { wsd_schedule({.peak = 1, .total = 10}, 0); }), "");
  EXPECT_EQ(error_of([] { exponential_schedule({.peak = 1, .total = 10}); }),
            "schedule: phase 1 goes from 1 to 0, needed values above 0 for its shape");
  EXPECT_EQ(error_of([] { polynomial_schedule({.peak = 1, .total = 10}, 0); }),
            "schedule: phase 1 has the power 0, needed finite and above 0");
  EXPECT_EQ(error_of([] { inverse_sqrt_schedule({.peak = 1, .total = 10}); }),
            "inverse_sqrt_schedule: timescale is 0 and warmup is 0, needed one of them above 0");
  EXPECT_NE(error_of([] { inverse_sqrt_schedule({.peak = 1, .total = 10, .timescale = -1}); }), "");
  EXPECT_NE(error_of([] { inverse_sqrt_schedule({.peak = 1, .total = 10, .warmup = 10}); }), "");
  EXPECT_NE(error_of([] { tri_stage_schedule({.peak = 1, .initial = 2, .floor = 0.1, .decay = 1}); }), "");
  EXPECT_NE(error_of([] { tri_stage_schedule({.peak = 1, .floor = 0.1, .warmup = -1}); }), "");
  EXPECT_NE(error_of([] { multi_step_schedule(1, {{9, 0.5}, {8, 0.1}}); }), "");
  EXPECT_NE(error_of([] { multi_step_schedule(1, {{3, 0.5}}, 4); }), "");
  EXPECT_NE(error_of([] { multi_step_schedule(1, {{3, -0.5}}); }), "");
  EXPECT_NE(error_of([] { constant_schedule(-1e-3); }), "");
  EXPECT_NE(error_of([] { constant_schedule(std::numeric_limits<double>::quiet_NaN()); }), "");
  EXPECT_NE(error_of([] { rewarm_schedule({.peak = 1, .stable = -1}); }), "");
  EXPECT_EQ(error_of([] { infinite_schedule({.peak = 1, .constant = 2}); }),
            "infinite_schedule: peak is 1, constant is 2, floor is 0, needed floor <= constant <= peak");
  EXPECT_NE(error_of([] { infinite_schedule({.peak = 1, .constant = 0.5, .floor = 0.6, .anneal = 3}); }), "");
  EXPECT_NE(error_of([] { infinite_schedule({.peak = 1, .constant = 0.5, .anneal = 3}); }), "");
  EXPECT_NE(error_of([] { infinite_schedule({.peak = 1, .constant = 0.5, .cooldown = -1}); }), "");
  EXPECT_EQ(error_of([] { infinite_schedule({.peak = 1, .constant = 0.5, .alpha = 0}); }),
            "schedule: phase 1 has the alpha 0, needed finite and above 0");
  EXPECT_EQ(error_of([] { constant_schedule(1)(-1); }), "schedule: step is -1, needed >= 0");
  EXPECT_EQ(error_of([] { Schedule({}); }), "schedule: there is no phase");
}

}  // namespace
}  // namespace roux
