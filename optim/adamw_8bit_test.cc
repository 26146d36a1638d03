#include "optim/adamw_8bit.h"

#include <algorithm>
#include <cmath>

#include "gtest/gtest.h"
#include "optim/give_gradient.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tests/golden/optimizer.h"

namespace roux {
namespace {

constexpr int64_t kSize = 5000;

Tensor parameter(int64_t size = kSize, DType dtype = kF32) {
  std::vector<double> values;
  for (int64_t e = 0; e < size; ++e) values.push_back(static_cast<double>(5 * e % 7 - 3) / 4 + 0.125);
  return tensor(values, {size}).to(dtype).set_requires_grad(true);
}
void give_gradient(const Tensor& p, int64_t step) {
  std::vector<double> g;
  for (int64_t e = 0; e < p.numel(); ++e) {
    g.push_back(static_cast<double>((7 * step + 3 * e) % 11 - 5) / 8 / static_cast<double>(1 + e % 37));
  }
  roux::give_gradient(p, tensor(g, p.shape()).to(p.dtype()));
}
const AdamWOptions kOptions{.beta2 = 0.95, .weight_decay = 0.1};

TEST(AdamW8bit, IsTheFormulaOfBitsandbytes) {
  const Tensor p = parameter();
  AdamW8bit optimizer({{{{"p", p}}}}, kOptions);
  for (int step = 1; step <= 20; ++step) give_gradient(p, step), optimizer.step({.lr = 0.05});
  const NamedTensors state = optimizer.state_dict();
  ASSERT_EQ(state[2].first, "exp_avg.p");
  ASSERT_EQ(state[3].first, "exp_avg_sq.p");
  EXPECT_EQ(state[2].second.dtype(), kU8);
  EXPECT_EQ(state[4].second.numel(), 20);
  const std::vector<double> values = p.to_vector<double>(), m = state[2].second.to_vector<double>(),
                            v = state[3].second.to_vector<double>();
  for (size_t k = 0; 97 * k < values.size(); ++k) {
    EXPECT_NEAR(values[97 * k], golden::kAdamW8bit[0][k], 2e-6) << k;
    EXPECT_EQ(m[97 * k], golden::kAdamW8bit[1][k]) << k;
    EXPECT_EQ(v[97 * k], golden::kAdamW8bit[2][k]) << k;
  }
}

// The map as tensor/ops/optimizer.h defines it.
std::vector<float> map_of(bool with_negatives) {
  std::vector<float> values{0, 1};
  for (int decade = 0; decade < 7; ++decade) {
    const int steps = 1 << (with_negatives ? decade : decade + 1);
    for (int i = 0; i < steps; ++i) {
      const double middle = 0.1 + 0.9 * (2 * i + 1) / (2 * steps);
      values.push_back(static_cast<float>(middle * std::pow(10, decade - 6)));
      if (with_negatives) values.push_back(-values.back());
    }
  }
  std::sort(values.begin(), values.end());
  return values;
}
double nearest_code(const std::vector<float>& map, float x) {
  size_t code = 0;
  while (code + 1 < map.size() && (map[code] + map[code + 1]) * 0.5f < x) ++code;
  return static_cast<double>(x < 0 && map[code] == 0 && code > 0 ? code - 1 : code);
}

// With betas of 0 the moments are the gradient and its square. The gradients: what is at and beside each
// middle of two values, of either map, and much between; the first of each block of 256 is 1, its largest.
TEST(AdamW8bit, CodesAreThoseOfTheNearestValues) {
  const std::vector<float> map = map_of(true), map_sq = map_of(false);
  std::vector<float> gradients;
  const auto add = [&](float x) {
    if (gradients.size() % kMomentBlock == 0) gradients.push_back(1);
    gradients.push_back(x);
  };
  const auto add_around = [&](float x) {
    add(x), add(std::nextafter(x, 0.0f)), add(std::nextafter(x, x < 0 ? -1.0f : 1.0f));
  };
  for (size_t i = 0; i < 255; ++i) {
    add_around((map[i] + map[i + 1]) * 0.5f);
    add_around(std::sqrt((map_sq[i] + map_sq[i + 1]) * 0.5f));
  }
  for (int i = 0; i < 20000; ++i)
    add((i % 2 == 0 ? 1.0f : -1.0f) * std::exp2(-0.0015f * static_cast<float>(i)));
  for (const float tiny : {0.0f, -0.0f, 1e-38f, -1e-38f, 1e-44f, -1e-44f}) add(tiny);

  const auto n = static_cast<int64_t>(gradients.size());
  const int64_t blocks = (n + kMomentBlock - 1) / kMomentBlock;
  const Tensor p = zeros({n}), g = tensor(gradients, {n}), m = zeros({n}, kU8), v = zeros({n}, kU8);
  adamw_8bit_({p}, {g}, {m}, {v}, {zeros({blocks})}, {zeros({blocks})}, {zeros({1}, kF64)},
              tensor(std::vector<double>{0.1, 1, 1, 1}, {kStepScalarCount}), {.beta1 = 0, .beta2 = 0});
  const std::vector<double> codes = m.to_vector<double>(), codes_sq = v.to_vector<double>();
  for (size_t i = 0; i < gradients.size(); ++i) {
    const float x = gradients[i];
    ASSERT_EQ(codes[i], nearest_code(map, x)) << x;
    ASSERT_EQ(codes_sq[i], nearest_code(map_sq, x * x)) << x;
  }
}

TEST(AdamW8bit, StaysNearAdamW) {
  const Tensor p = parameter(), q = parameter();
  AdamW8bit quantised({{{{"p", p}}}}, kOptions);
  AdamW whole({{{{"q", q}}}}, kOptions);
  for (int step = 1; step <= 20; ++step) {
    give_gradient(p, step), quantised.step({.lr = 0.01});
    give_gradient(q, step), whole.step({.lr = 0.01});
  }
  const std::vector<double> a = p.to_vector<double>(), b = q.to_vector<double>();
  double squares = 0;
  for (size_t i = 0; i < a.size(); ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  EXPECT_LT(std::sqrt(squares / kSize), 0.2 * 0.1);  // of a way of up to 0.2
  EXPECT_GT(squares, 0);
}

TEST(AdamW8bit, SmallAndF64ParametersHaveWholeMoments) {
  for (const auto& [size, dtype] : {std::pair{int64_t{4095}, kF32}, std::pair{kSize, kF64}}) {
    const Tensor p = parameter(size, dtype), q = parameter(size, dtype);
    AdamW8bit quantised({{{{"p", p}}}}, kOptions);
    AdamW whole({{{{"q", q}}}}, kOptions);
    for (int step = 1; step <= 3; ++step) {
      give_gradient(p, step), quantised.step({.lr = 0.01});
      give_gradient(q, step), whole.step({.lr = 0.01});
    }
    EXPECT_EQ(p.to_vector<double>(), q.to_vector<double>());
  }
}

TEST(AdamW8bit, SkipsAndResumesBitForBit) {
  const Tensor p = parameter(), q = parameter();
  AdamW8bit first({{{{"p", p}}}}, kOptions), second({{{{"p", q}}}}, kOptions);
  for (int step = 1; step <= 4; ++step) {
    give_gradient(p, step), first.step({.lr = 0.01});
    roux::give_gradient(q, full({kSize}, NAN));
    second.step({.lr = 0.01});
    EXPECT_TRUE(second.skipped());
    give_gradient(q, step), second.step({.lr = 0.01});
  }
  const NamedTensors a = first.state_dict(), b = second.state_dict();
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].second.to_vector<double>(), b[i].second.to_vector<double>()) << a[i].first;
  }
  const Tensor r = parameter();
  {
    NoGradGuard no_grad;
    copy_(r, p);
  }
  AdamW8bit resumed({{{{"p", r}}}}, kOptions);
  ASSERT_TRUE(resumed.load_state_dict(first.state_dict()).ok());
  give_gradient(p, 5), first.step({.lr = 0.01});
  give_gradient(r, 5), resumed.step({.lr = 0.01});
  EXPECT_EQ(p.to_vector<double>(), r.to_vector<double>());
}

}  // namespace
}  // namespace roux
