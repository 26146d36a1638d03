#include "examples/z_loss/method.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/autograd.h"
#include "tensor/ops/creation.h"

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

}  // namespace
}  // namespace roux::z_loss
