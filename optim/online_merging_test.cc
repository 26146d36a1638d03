#include "optim/online_merging.h"

#include <cmath>

#include "gtest/gtest.h"
#include "optim/give_gradient.h"
#include "tensor/error_of.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"

namespace roux {
namespace {

constexpr int64_t kSize = 2000;

NamedTensors named(const Tensor& x) { return {{"p", x}}; }
Tensor parameter(DType dtype = kF64) { return full({kSize}, 0.5, dtype).set_requires_grad(true); }
void give_gradient(const Tensor& p, int step) {
  std::vector<double> g;
  for (int64_t i = 0; i < kSize; ++i) g.push_back(static_cast<double>((7 * step + 3 * i) % 11 - 5) / 8);
  roux::give_gradient(p, tensor(g, {kSize}).to(p.dtype()));
}

TEST(OnlineMerging, WithoutWeightOrDroppingIsAdamW) {
  for (DType dtype : {kF32, kF64}) {
    Generator generator(1);
    const Tensor p = parameter(dtype), q = parameter(dtype);
    AdamW plain({{named(p)}}, {.weight_decay = 0});
    OnlineMergingAdamW merging({{named(q)}}, named(ones_like(q)),
                               {.adamw = {.weight_decay = 0}, .merge_weight = 0}, generator);
    for (int step = 1; step <= 5; ++step) {
      give_gradient(p, step), plain.step({.lr = 0.1});
      give_gradient(q, step), merging.step({.lr = 0.1});
    }
    EXPECT_EQ(p.to_vector<double>(), q.to_vector<double>());
  }
}

TEST(OnlineMerging, OfWeight1MovesAlongTheTaskVectorAndThenDecays) {
  Generator generator(1);
  const Tensor p = parameter();
  OnlineMergingAdamW merging({{named(p)}}, named(full({kSize}, 3, kF64)),  // clamped to 1
                             {.adamw = {.weight_decay = 0.5}, .merge_weight = 1}, generator);
  for (int step = 1; step <= 2; ++step) give_gradient(p, step), merging.step({.lr = 0.1});
  EXPECT_NEAR(p.to_vector<double>()[7], (1.5 * 0.95 + 1) * 0.95, 1e-14);
}

// Of a step of which some elements are dropped, the others are AdamW's; rescaled, their sum is kept.
TEST(OnlineMerging, DropsElementsOfTheUpdate) {
  for (bool rescale : {false, true}) {
    Generator generator(1);
    const Tensor p = parameter(), q = parameter();
    AdamW plain({{named(p)}}, {.weight_decay = 0});
    OnlineMergingAdamW merging(
        {{named(q)}}, named(zeros_like(q)),
        {.adamw = {.weight_decay = 0}, .merge_weight = 0.25, .keep = 0.3, .rescale = rescale}, generator);
    give_gradient(p, 1), plain.step({.lr = 0.1});
    give_gradient(q, 1), merging.step({.lr = 0.1});
    const std::vector<double> whole = p.to_vector<double>(), dropped = q.to_vector<double>();
    double kept = 0, sum_whole = 0, sum_kept = 0, ratio = 0;
    for (size_t i = 0; i < whole.size(); ++i) {
      sum_whole += std::abs(whole[i] - 0.5);
      sum_kept += std::abs(dropped[i] - 0.5);
      if (dropped[i] == 0.5) continue;
      ++kept;
      const double here = (dropped[i] - 0.5) / (whole[i] - 0.5);
      EXPECT_NEAR(here, ratio == 0 ? here : ratio, 1e-10);
      ratio = here;
    }
    // The gradient is 0 at every eleventh. 0.3 +- five standard deviations.
    EXPECT_NEAR(kept / (kSize * 10.0 / 11), 0.3, 5 * std::sqrt(0.3 * 0.7 / kSize));
    if (rescale) {
      EXPECT_NEAR(sum_kept / sum_whole, 0.75, 1e-10);
    } else {
      EXPECT_NEAR(ratio, 0.75, 1e-10);
    }
  }
}

TEST(OnlineMerging, DropsElementsOfTheTaskVectorOnce) {
  Generator generator(1);
  const Tensor p = zeros({kSize}, kF64).set_requires_grad(true);
  OnlineMergingAdamW merging({{named(p)}}, named(ones_like(p)),
                             {.adamw = {.weight_decay = 0}, .merge_weight = 1, .keep = 0.3}, generator);
  for (int step = 1; step <= 3; ++step) give_gradient(p, step), merging.step({.lr = 0.1});
  double threes = 0;
  for (double value : p.to_vector<double>()) {
    EXPECT_TRUE(value == 0 || value == 3) << value;
    threes += value == 3;
  }
  EXPECT_NEAR(threes / kSize, 0.3, 5 * std::sqrt(0.3 * 0.7 / kSize));
}

// Of four elements: the larger is the task vector's, the update's (in the second by its weight alone), and
// both have one sign. By hand: the first step of Adam is lr times the sign of the gradient.
TEST(OnlineMerging, OfTiesTakesTheSignOfTheLargerOne) {
  Generator generator(1);
  const Tensor p = zeros({4}, kF64).set_requires_grad(true);
  const Tensor task = tensor(std::vector<double>{1, 0.5, 0.125, -0.5}, {4});
  OnlineMergingAdamW merging(
      {{named(p)}}, named(task),
      {.adamw = {.eps = 0, .weight_decay = 0}, .merging = Merging::kTies, .merge_weight = 0.25}, generator);
  roux::give_gradient(p, tensor(std::vector<double>{2, 3, 4, 5}, {4}));  // d = -0.25 each
  merging.step({.lr = 0.25});
  const std::vector<double> values = p.to_vector<double>(),
                            expected = {0.25 * 1, 0.75 * -0.25, 0.75 * -0.25, 0.25 * -0.5 + 0.75 * -0.25};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(values[i], expected[i], 1e-15);
}

// The share that is kept are the largest, of the task vector too.
TEST(OnlineMerging, OfTiesDropsTheSmallest) {
  Generator generator(1);
  const Tensor p = zeros({8}, kF64).set_requires_grad(true);
  const Tensor task = tensor(std::vector<double>{0.1, -0.8, 0.3, 0.9, -0.2, 0.5, 0.05, -0.4}, {8});
  OnlineMergingAdamW merging(
      {{named(p)}}, named(task),
      {.adamw = {.weight_decay = 0}, .merging = Merging::kTies, .merge_weight = 1, .keep = 0.3}, generator);
  roux::give_gradient(p, zeros({8}, kF64));
  merging.step({.lr = 0.25});
  EXPECT_EQ(p.to_vector<double>(), (std::vector<double>{0, -0.8, 0, 0.9, 0, 0.5, 0, 0}));  // ceil(2.4)
}

TEST(OnlineMerging, ASkippedStepChangesNothing) {
  Generator generator(1);
  const Tensor p = parameter();
  OnlineMergingAdamW merging({{named(p)}}, named(ones_like(p)), {.merge_weight = 1}, generator);
  roux::give_gradient(p, full({kSize}, NAN, kF64));
  merging.step({.lr = 0.1});
  EXPECT_EQ(p.to_vector<double>(), std::vector<double>(kSize, 0.5));
  EXPECT_EQ(merging.steps(), 0);
}

TEST(OnlineMerging, MisuseThrows) {
  Generator generator(1);
  const Tensor p = parameter();
  const auto making = [&](const NamedTensors& task_vectors, const OnlineMergingOptions& options) {
    return error_of([&] { OnlineMergingAdamW({{named(p)}}, task_vectors, options, generator); });
  };
  EXPECT_EQ(making({}, {}), "optimizer: there is no task vector of p");
  EXPECT_EQ(making(named(zeros({3}, kF64)), {}),
            "optimizer: the task vector of p is f64[3], needed f64[2000] on the parameter's device");
  EXPECT_EQ(making(named(zeros_like(p)), {.merge_weight = 1.5}),
            "optimizer: merge_weight is 1.5, needed 0 <= merge_weight <= 1");
  EXPECT_EQ(making(named(zeros_like(p)), {.keep = 0}), "optimizer: keep is 0, needed 0 < keep <= 1");
  EXPECT_NE(making(named(zeros_like(p)), {.adamw = {.beta1 = 1}}), "");
}

}  // namespace
}  // namespace roux
