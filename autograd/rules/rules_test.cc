// Gradients where a formula or a layout is special; the op suite checks the general case of every op.
#include <cmath>

#include "autograd/autograd.h"
#include "autograd/node.h"
#include "gtest/gtest.h"
#include "tensor/generator.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

TEST(Pow, TheExponentOfZeroHasNoGradient) {
  const Tensor a = tensor(std::vector<double>{0, 2}, {2});
  const Tensor b = tensor(std::vector<double>{3, 3}, {2}).set_requires_grad(true);
  const std::vector<double> g = grad({sum(pow(a, b))}, {b})[0].to_vector<double>();
  EXPECT_EQ(g[0], 0);
  EXPECT_NEAR(g[1], 8 * std::log(2.0), 1e-12);
}

// A sum over the queries sends a gradient whose rows all lie at one address; keys may be given like that too.
TEST(Attention, RowsThatShareMemory) {
  Generator generator(1);
  const auto random = [&](const Shape& shape) { return normal(shape, 0, 1, generator, kF64); };
  const Tensor q = random({1, 2, 5, 4}).set_requires_grad(true);
  const Tensor k = random({1, 2, 1, 4}).expand({1, 2, 5, 4}), v = random({1, 2, 5, 4});
  const Tensor weight = random({1, 2, 1, 4});
  for (const bool causal : {false, true}) {
    const AttentionOptions options{.causal = causal};
    const Tensor fused = scaled_dot_product_attention(q, k, v, options);
    const Tensor composed = scaled_dot_product_attention_composed(q, k, v, options);
    const auto gradient = [&](const Tensor& y) {
      return grad({sum(sum(y, 2, true) * weight)}, {q})[0].to_vector<double>();
    };
    const std::vector<double> y = fused.to_vector<double>(), y_again = composed.to_vector<double>();
    const std::vector<double> g = gradient(fused), g_again = gradient(composed);
    for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], y_again[i], 1e-12);
    for (size_t i = 0; i < g.size(); ++i) EXPECT_NEAR(g[i], g_again[i], 1e-12);
  }
}

TEST(Attention, GradientOfAPooledOutput) {
  Generator generator(2);
  const auto random = [&](const Shape& shape) { return normal(shape, 0, 1, generator, kF64); };
  const Tensor q = random({1, 1, 3, 2}), k = random({1, 1, 3, 2});
  const Tensor v = random({1, 1, 3, 2}).set_requires_grad(true);
  const Tensor weight = random({1, 1, 1, 2});
  const auto gradient = [&](const Tensor& y) {
    return grad({sum(sum(y, 2, true) * weight)}, {v})[0].to_vector<double>();
  };
  const std::vector<double> g = gradient(scaled_dot_product_attention(q, k, v, {}));
  const std::vector<double> expected = gradient(scaled_dot_product_attention_composed(q, k, v, {}));
  for (size_t i = 0; i < g.size(); ++i) EXPECT_NEAR(g[i], expected[i], 1e-12);
}

}  // namespace
}  // namespace roux
