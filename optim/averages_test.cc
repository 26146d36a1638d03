#include "optim/averages.h"

#include <cmath>

#include "gtest/gtest.h"
#include "tensor/error_of.h"
#include "tensor/ops/creation.h"
#include "tests/golden/optimizer.h"

namespace roux {
namespace {

NamedTensors model(std::vector<double> w, double b) {
  const auto n = static_cast<int64_t>(w.size());
  return {{"w", tensor(w, {n})}, {"b", tensor(std::vector<double>{b}, {1}).to(kF32)}};
}
std::vector<double> values(const NamedTensors& tensors, size_t i) {
  return tensors[i].second.to_vector<double>();
}

TEST(Average, IsTheWeightedMeanOfEachEntry) {
  const std::vector<NamedTensors> models{model({1, 2}, 3), model({3, -2}, 5), model({8, 0}, 1)};
  const NamedTensors soup = average(models);
  EXPECT_EQ(soup[0].first, "w");
  EXPECT_EQ(values(soup, 0), (std::vector<double>{4, 0}));
  EXPECT_EQ(values(soup, 1), std::vector<double>{3});
  EXPECT_EQ(soup[1].second.dtype(), kF32);
  const NamedTensors weighted = average(models, {2, -1, 1});
  EXPECT_EQ(values(weighted, 0), (std::vector<double>{3.5, 3}));
  EXPECT_EQ(values(models[0], 0), (std::vector<double>{1, 2}));
}

// A sum in bf16 would lose both fractions: 3 / 3.
TEST(Average, RoundsOnce) {
  std::vector<NamedTensors> models;
  for (double value : {1.0, 1.0078125, 1.0078125}) models.push_back({{"x", full({1}, value, kBF16)}});
  EXPECT_EQ(values(average(models), 0)[0], 1.0078125);
}

TEST(Ema, IsPyTorchs) {
  const auto at = [](int step) {
    std::vector<double> values;
    for (int e = 0; e < 3; ++e) values.push_back(((7 * step + 3 * e) % 11 - 5) / 8.0);
    return NamedTensors{{"x", tensor(values, {3}).set_requires_grad(true)}};
  };
  const NamedTensors averages = copy_of(at(1));
  EXPECT_FALSE(averages[0].second.requires_grad());
  for (int step = 2; step <= 20; ++step) ema_(averages, at(step), 0.9);
  for (size_t e = 0; e < 3; ++e) EXPECT_NEAR(values(averages, 0)[e], golden::kEma[e], 1e-15);
}

TEST(Ema, OfDecay0And1) {
  const NamedTensors averages = model({1, 2}, 3);
  ema_(averages, model({5, 6}, 7), 1);
  EXPECT_EQ(values(averages, 0), (std::vector<double>{1, 2}));
  ema_(averages, model({5, 6}, 7), 0);
  EXPECT_EQ(values(averages, 0), (std::vector<double>{5, 6}));
}

TEST(Averages, MisuseThrows) {
  const NamedTensors a = model({1, 2}, 3);
  EXPECT_EQ(error_of([] { average({}); }), "average: there is no list");
  EXPECT_EQ(error_of([&] { average({a, a}, {1}); }), "average: there are 1 weights for 2 lists");
  EXPECT_NE(error_of([&] { average({a, a}, {1, -1}); }), "");
  EXPECT_NE(error_of([&] { average({a, a}, {1, NAN}); }), "");
  EXPECT_EQ(error_of([&] { average({a, {a[0]}}); }), "average: a list has 1 tensors, the first has 2");
  EXPECT_EQ(error_of([&] { average({a, {a[1], a[0]}}); }), "average: entry 0 is b, in the first list w");
  EXPECT_EQ(error_of([&] {
              average({a, model({1, 2, 3}, 3)});
            }),
            "average: w is f64[3], in the first list f64[2], needed one floating spec");
  const NamedTensors integers{{"n", zeros({1}, kI64)}};
  EXPECT_NE(error_of([&] { average({integers, integers}); }), "");
  EXPECT_NE(error_of([&] { ema_(a, a, 1.5); }), "");
  EXPECT_NE(error_of([&] { ema_(a, a, NAN); }), "");
  EXPECT_NE(error_of([&] { ema_(a, {a[0]}, 0.5); }), "");
}

}  // namespace
}  // namespace roux
