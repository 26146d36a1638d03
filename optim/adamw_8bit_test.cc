#include "optim/adamw_8bit.h"

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
