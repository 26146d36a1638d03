#include "examples/z_loss/method.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/autograd.h"
#include "tensor/ops/creation.h"
#include "tests/golden/recipe_values.h"

namespace roux::z_loss {
namespace {

TEST(SquaredLogZ, ClosedForm) {
  // Rows whose sums of exp are 4 and e: (log 4)^2 and 1.
  const Tensor logits = tensor(std::vector<float>{0, 0, 0, 0, 1, -200, -200, -200}, {2, 4});
  EXPECT_NEAR(squared_log_z(logits).item(), (std::log(4) * std::log(4) + 1) / 2, 1e-6);
  EXPECT_NEAR(squared_log_z(full({3, 5}, -std::log(5))).item(), 0, 1e-12);  // probabilities: log Z is 0
}

TEST(SquaredLogZ, GradientIsTwiceLogZTimesTheSoftmax) {
  Tensor logits = zeros({1, 2});
  logits.set_requires_grad(true);
  backward(squared_log_z(logits));
  for (const float g : logits.grad().to_vector<float>()) EXPECT_NEAR(g, 2 * std::log(2) * 0.5, 1e-6);
}

TEST(SquaredLogZ, ValuesAndGradientsAreThoseOfTheReference) {
  for (const golden::Values& c : golden::Values::of_recipe("z_loss")["squared_log_z"].items()) {
    Tensor logits = tensor(c["logits"].numbers(), Shape(c["shape"].integers()));
    logits.set_requires_grad(true);
    const Tensor loss = squared_log_z(logits);
    EXPECT_NEAR(loss.item(), c["loss"].number(), 1e-9 * c["loss"].number());
    backward(loss);
    const std::vector<double> gradient = logits.grad().to_vector<double>(),
                              expected = c["gradient"].numbers();
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(gradient[i], expected[i], 1e-9 * (1 + std::abs(expected[i])));
  }
}

}  // namespace
}  // namespace roux::z_loss
