// Gradients where a formula or a layout is special; the op suite checks the general case of every op.
#include <cmath>
#include <limits>

#include "autograd/autograd.h"
#include "autograd/node.h"
#include "gtest/gtest.h"
#include "tensor/generator.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

void expect_finite(const Tensor& x) {
  for (double value : x.to_vector<double>()) EXPECT_TRUE(std::isfinite(value));
}

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

// A query without a key gives 0, and neither it nor the keys and values learn from it: by the fused kernel
// and by the composition, in the first and the second derivative (as PyTorch's scaled_dot_product_attention).
TEST(Attention, QueriesWithoutKeysHaveNoGradient) {
  constexpr double kHidden = -std::numeric_limits<double>::infinity();
  Generator generator(2);
  const auto random = [&](const Shape& shape, DType dtype) {
    return normal(shape, 0, 1, generator, kF64).to(dtype).set_requires_grad(true);
  };
  for (DType dtype : {kF64, kF32, kBF16}) {
    const Tensor q = random({1, 1, 3, 4}, dtype), k = random({1, 1, 3, 4}, dtype),
                 v = random({1, 1, 3, 4}, dtype);
    const Tensor added =
        tensor(std::vector<double>{0, 0, kHidden, kHidden, kHidden, kHidden, 0, 0, 0}, {3, 3}).to(dtype);
    const Tensor shown = gt(added, kHidden), learned = added.detach().set_requires_grad(true);
    for (const Tensor& mask : {shown, added, learned}) {
      for (const bool composed : {false, true}) {
        const auto attend = composed ? scaled_dot_product_attention_composed : scaled_dot_product_attention;
        const Tensor y = attend(q, k, v, {.mask = mask});
        for (double value : select(y, 2, 1).to_vector<double>()) EXPECT_EQ(value, 0);
        const std::vector<Tensor> first = grad({sum(y * y)}, {q, k, v}, {.create_graph = true});
        for (double value : select(first[0], 2, 1).to_vector<double>()) EXPECT_EQ(value, 0);
        for (const Tensor& g : first) expect_finite(g);
        Tensor total;
        for (const Tensor& g : first) total = total.defined() ? total + sum(g * g) : sum(g * g);
        for (const Tensor& g : grad({total}, {q, k, v})) expect_finite(g);
      }
    }
  }
}

// Rows without a finite value, as PyTorch 2: NaN where the value itself or its derivative is undefined (a row
// of nothing but -inf among them), and nothing but 0 from a -inf beside finite values.
TEST(Softmax, RowsThatAreNotFinite) {
  struct Case {
    std::vector<double> x, softmax, log_softmax, logsumexp;  // the row and its gradients
  };
  constexpr double kInf = std::numeric_limits<double>::infinity(),
                   kNaN = std::numeric_limits<double>::quiet_NaN();
  const double a = 1 / (1 + std::exp(1.0)), b = 1 - a;  // softmax of (1, 2)
  const std::vector<double> none{kNaN, kNaN, kNaN};
  const std::vector<Case> cases{
      {{-kInf, 1, 2}, {0, -a * b, a * b}, {1, 2 - 6 * a, 3 - 6 * b}, {0, a, b}},
      {{-kInf, -kInf, -kInf}, none, none, none},
      {{kInf, 1, 2}, none, none, {kNaN, 0, 0}},
      {{kInf, kInf, 2}, none, none, {kNaN, kNaN, 0}},
      {{kNaN, 1, 2}, none, none, none},
  };
  const auto expect = [](const Tensor& got, const std::vector<double>& want, double tolerance) {
    const std::vector<double> values = got.to_vector<double>();
    for (size_t i = 0; i < want.size(); ++i) {
      if (std::isnan(want[i])) {
        EXPECT_TRUE(std::isnan(values[i])) << i;
      } else {
        EXPECT_NEAR(values[i], want[i], tolerance) << i;
      }
    }
  };
  for (DType dtype : {kF64, kF32}) {
    const double tolerance = dtype == kF64 ? 1e-14 : 1e-6;
    for (const Case& c : cases) {
      const Tensor x = tensor(c.x, {1, 3}).to(dtype).set_requires_grad(true);
      const Tensor g = tensor(std::vector<double>{1, 2, 3}, {1, 3}).to(dtype);
      expect(grad({sum(softmax(x, -1) * g)}, {x})[0], c.softmax, tolerance);
      expect(grad({log_softmax(x, -1)}, {x}, {.grad_outputs = {g}})[0], c.log_softmax, tolerance);
      const bool infinite = c.x[0] == kInf;  // beside it the compositions know that the others are 0
      if (!infinite) {
        expect(grad({sum(softmax_composed(x, -1) * g)}, {x})[0], c.softmax, tolerance);
        expect(grad({log_softmax_composed(x, -1)}, {x}, {.grad_outputs = {g}})[0], c.log_softmax, tolerance);
      }
      expect(grad({logsumexp(x)}, {x})[0], c.logsumexp, tolerance);
    }
  }
}

}  // namespace
}  // namespace roux
