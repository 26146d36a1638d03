// The word generator against the published answers, and the Generator's bookkeeping through the draws of
// //tensor/ops.
#include "tensor/philox.h"

#include <algorithm>
#include <cmath>

#include "gtest/gtest.h"
#include "tensor/error_of.h"
#include "tensor/generator.h"
#include "tensor/ops/random.h"

namespace roux {
namespace {

void expect_words(const PhiloxWords& got, std::initializer_list<uint32_t> want) {
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(got.word[i], want.begin()[i]) << i;
}

TEST(Philox, KnownAnswersOfRandom123) {
  // philox(seed, offset, block): counter words are block low, high, offset low, high; key words seed low,
  // high.
  expect_words(philox(0, 0, 0), {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const uint64_t ones = ~uint64_t{0};
  expect_words(philox(ones, ones, ones), {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  expect_words(philox(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88),  // digits of pi
               {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST(Philox, UniformsAreInRange) {
  EXPECT_EQ(philox_uniform(0), 0);
  EXPECT_EQ(philox_uniform(0xff), 0);
  EXPECT_EQ(philox_uniform(0xffffffff), 1 - 0x1p-24f);
  float n0, n1;
  philox_normal(0, 0, &n0, &n1);  // the smallest u of the logarithm: the largest radius
  EXPECT_NEAR(n0, std::sqrt(2 * 24 * std::log(2.0)), 1e-5);
  EXPECT_EQ(n1, 0);
  philox_normal(0xffffffff, 12345, &n0, &n1);  // log(1)
  EXPECT_EQ(n0, 0);
  EXPECT_EQ(n1, 0);
}

std::vector<float> draw(Generator& generator) { return uniform({7}, 0, 1, generator).to_vector<float>(); }

TEST(Generator, SameSeedSameNumbersAndStateResumes) {
  Generator a(7), b(7), other(8);
  const auto first = draw(a);
  EXPECT_EQ(draw(b), first);
  EXPECT_NE(draw(other), first);
  const GeneratorState state = a.state();
  EXPECT_EQ(state, (GeneratorState{7, 1}));
  const auto second = draw(a), third = draw(a);
  EXPECT_NE(second, first);
  a.set_state(state);
  EXPECT_EQ(draw(a), second);
  EXPECT_EQ(draw(a), third);
  Generator fresh;
  fresh.set_state(state);
  EXPECT_EQ(draw(fresh), second);
}

TEST(Generator, CommitDoesNotChangeTheSequence) {
  Generator plain(3), committed(3);
  for (int step = 0; step < 4; ++step) {
    EXPECT_EQ(draw(committed), draw(plain)) << step;
    committed.commit();
    EXPECT_EQ(committed.state(), plain.state()) << step;
  }
  // A replayed step has drawn on the device without next().
  Generator replayed(3);
  replayed.commit(4);
  EXPECT_EQ(draw(replayed), draw(plain));
}

TEST(Generator, WordsOfADrawAreThoseOfPhilox) {
  Generator generator(99);
  generator.set_state({99, 5});
  const auto values = draw(generator);
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(values[i], philox_uniform(philox(99, 5, i / 4).word[i % 4])) << i;
  }
}

TEST(Generator, ForksAreIndependentAndReproducible) {
  const Generator root(11);
  Generator a = root.fork(0), b = root.fork(1), again = root.fork(0);
  const auto first = draw(a);
  EXPECT_EQ(draw(again), first);
  EXPECT_NE(draw(b), first);
  EXPECT_EQ(root.state(), (GeneratorState{11, 0}));  // forking draws nothing
  // A fork does not depend on how far the root has come, and its stream differs from the root's.
  Generator used(11);
  const auto of_root = draw(used);
  EXPECT_NE(of_root, first);
  Generator later = used.fork(0);
  EXPECT_EQ(draw(later), first);
  // Correlation of two forks' uniforms: standard deviation of the estimate is 1 / sqrt(n).
  const auto x = uniform({100000}, -1, 1, a).to_vector<double>(),
             y = uniform({100000}, -1, 1, b).to_vector<double>();
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i] * 3;
  EXPECT_LT(std::fabs(sum / 1e5), 4 / std::sqrt(1e5));
}

// The largest distance of the empirical distribution from `cdf`, times sqrt(n); above 1.95 with probability
// 0.001.
template <class Cdf>
double kolmogorov_smirnov(std::vector<double> values, Cdf cdf) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  double worst = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double p = cdf(values[i]), at = static_cast<double>(i);
    worst = std::max({worst, p - at / n, (at + 1) / n - p});
  }
  return worst * std::sqrt(n);
}

struct Moments {
  double mean = 0, variance = 0;
};
Moments moments(const std::vector<double>& values) {
  Moments m;
  for (double v : values) m.mean += v / static_cast<double>(values.size());
  for (double v : values) m.variance += (v - m.mean) * (v - m.mean) / static_cast<double>(values.size());
  return m;
}

TEST(Distributions, Uniform) {
  Generator generator(5);
  const auto values = uniform({200000}, -2, 6, generator).to_vector<double>();
  EXPECT_GE(*std::min_element(values.begin(), values.end()), -2);
  EXPECT_LT(*std::max_element(values.begin(), values.end()), 6);
  const Moments m = moments(values);
  EXPECT_NEAR(m.mean, 2, 4 * 8 / std::sqrt(12 * 2e5));
  EXPECT_NEAR(m.variance, 64 / 12.0, 0.05);
  EXPECT_LT(kolmogorov_smirnov(values, [](double x) { return (x + 2) / 8; }), 1.95);
}

// Where the last rounding could reach the excluded bound, or leave the range below.
TEST(Distributions, UniformStaysInItsRange) {
  Generator generator(8);
  const struct {
    DType dtype;
    double low, high;
  } cases[] = {{kBF16, 0, 1},           {kF16, 0, 1},        {kF32, 100, 101},    {kF32, -1, 0},
               {kF64, 100, 101},        {kBF16, 100, 101},   {kF16, -0.7, -0.3},  {kF32, 0.7, 0.9},
               {kF32, 1e6, 1e6 + 0.25}, {kF64, 1, 1 + 1e-9}, {kF32, -3e38, 3e-3}, {kBF16, -1e-3, 0},
               {kF16, 0, 1e-6}};
  for (const auto& c : cases) {
    const auto values = uniform({1 << 18}, c.low, c.high, generator, c.dtype).to_vector<double>();
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    EXPECT_GE(*least, c.low) << name(c.dtype) << " " << c.low;
    EXPECT_LT(*most, c.high) << name(c.dtype) << " " << c.low;
  }
  EXPECT_EQ(uniform({3}, 2, 2, generator).to_vector<float>(), (std::vector<float>{2, 2, 2}));
  EXPECT_NE(error_of([&] { uniform({1}, 1.001, 1.002, generator, kBF16); }), "");  // bf16 has none there
  EXPECT_NE(error_of([&] { uniform({1}, -3e38, 3e38, generator); }), "");
  EXPECT_NE(error_of([&] { uniform({1}, 0, INFINITY, generator); }), "");
  EXPECT_NE(error_of([&] { uniform({1}, 0, 1e5, generator, kF16); }), "");
}

TEST(Distributions, Normal) {
  Generator generator(6);
  const auto values = normal({200000}, 3, 0.5, generator).to_vector<double>();
  const Moments m = moments(values);
  EXPECT_NEAR(m.mean, 3, 4 * 0.5 / std::sqrt(2e5));
  EXPECT_NEAR(m.variance, 0.25, 4 * 0.25 * std::sqrt(2 / 2e5));
  EXPECT_LT(
      kolmogorov_smirnov(values, [](double x) { return std::erfc((3 - x) / 0.5 / std::sqrt(2.0)) / 2; }),
      1.95);
  // Neighbours come from one pair of Box and Muller: uncorrelated.
  double sum = 0;
  for (size_t i = 0; i + 1 < values.size(); i += 2) sum += (values[i] - 3) * (values[i + 1] - 3) / 0.25;
  EXPECT_LT(std::fabs(sum / 1e5), 4 / std::sqrt(1e5));
}

}  // namespace
}  // namespace roux
