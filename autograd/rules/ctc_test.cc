// ctc_loss against the sum over all alignments, and what it leaves alone.
#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "autograd/autograd.h"
#include "gtest/gtest.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/ctc.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

// Every path of T classes, merged and stripped of blanks, is an alignment of what is left.
TEST(CtcLoss, IsTheSumOverAllAlignments) {
  constexpr int64_t kSteps = 5, kClasses = 3;
  std::vector<double> values;
  for (int64_t i = 0; i < kSteps * kClasses; ++i) values.push_back(std::sin(static_cast<double>(3 * i + 1)));
  const Tensor log_probs = log_softmax(tensor(values, {kSteps, 1, kClasses}));
  const std::vector<double> lp = log_probs.to_vector<double>();
  for (int64_t blank : {0, 2}) {
    std::map<std::vector<int64_t>, double> mass;
    for (int64_t path = 0; path < 243; ++path) {
      std::vector<int64_t> symbols;
      double log_mass = 0;
      for (int64_t step = 0, rest = path, before = -1; step < kSteps; ++step, rest /= kClasses) {
        const int64_t c = rest % kClasses;
        log_mass += lp[static_cast<size_t>(step * kClasses + c)];
        if (c != before && c != blank) symbols.push_back(c);
        before = c;
      }
      mass[symbols] += std::exp(log_mass);
    }
    ASSERT_GT(mass.size(), 20u);
    for (const auto& [symbols, expected] : mass) {
      const int64_t count = static_cast<int64_t>(symbols.size());
      for (const auto& loss : {ctc_loss, ctc_loss_composed}) {
        const Tensor y =
            loss(log_probs, tensor(symbols, {1, count}), tensor(std::vector<int64_t>{kSteps}, {1}),
                 tensor(std::vector<int64_t>{count}, {1}), {.blank = blank, .reduction = Reduction::kSum});
        EXPECT_NEAR(y.item(), -std::log(expected), 1e-12) << count << " symbols";
      }
    }
  }
}

// Steps, symbols and sequences that do not count may hold anything.
TEST(CtcLoss, ReadsNothingBeyondTheLengths) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  const auto run = [](double beyond, int64_t behind, bool create_graph) {
    Tensor x = full({4, 2, 3}, -1.0, kF64);
    copy_(x.slice(0, 2, 4).slice(1, 1, 2), full({}, beyond, kF64));
    x.set_requires_grad(true);
    const Tensor targets = tensor(std::vector<int64_t>{1, 2, 2, behind}, {2, 2});
    const Tensor y = ctc_loss(x, targets, tensor(std::vector<int64_t>{4, 2}, {2}),
                              tensor(std::vector<int64_t>{2, 1}, {2}));
    std::vector<double> out =
        grad({y}, {x}, {.grad_outputs = {}, .create_graph = create_graph})[0].to_vector<double>();
    out.push_back(y.item());
    return out;
  };
  const std::vector<double> expected = run(-1, 1, false);
  for (bool create_graph : {false, true}) {
    const std::vector<double> got = run(kNaN, 99, create_graph);
    for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-12) << i;
  }
}

TEST(CtcLoss, InfiniteLossesAndTheirGradients) {
  for (bool zero_infinity : {false, true}) {
    Tensor x = zeros({2, 1, 3}, kF64).set_requires_grad(true);
    const Tensor y = ctc_loss(x, tensor(std::vector<int64_t>{1, 1}, {1, 2}),  // 1, blank, 1: three steps
                              tensor(std::vector<int64_t>{2}, {1}), tensor(std::vector<int64_t>{2}, {1}),
                              {.zero_infinity = zero_infinity});
    EXPECT_EQ(y.item(), zero_infinity ? 0 : INFINITY);
    for (double g : grad({y}, {x})[0].to_vector<double>()) {
      EXPECT_TRUE(zero_infinity ? g == 0 : std::isnan(g)) << g;
    }
  }
}

}  // namespace
}  // namespace roux
