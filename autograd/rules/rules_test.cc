// Gradients where a formula or a layout is special; the op suite checks the general case of every op.
#include <cmath>
#include <functional>
#include <limits>

#include "autograd/autograd.h"
#include "autograd/node.h"
#include "gtest/gtest.h"
#include "tensor/generator.h"
#include "tensor/ops/activation.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/loss.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

void expect_finite(const Tensor& x) {
  for (double value : x.to_vector<double>()) EXPECT_TRUE(std::isfinite(value));
}

using Doubles = std::vector<double>;

// The gradient of sum(f(x)) at the values, by the fused rule or by differentiating the composition.
template <class F>
Doubles gradient_at(const Doubles& values, DType dtype, bool composed, const F& f) {
  const Tensor x = cast(tensor(values, {static_cast<int64_t>(values.size())}), dtype).set_requires_grad(true);
  GradOptions options;
  options.create_graph = composed;
  return grad({sum(f(x))}, {x}, options)[0].template to_vector<double>();
}

TEST(Clamp, PassesNoGradientAtNaN) {
  const auto f = [](const Tensor& x) { return clamp(x, -1, 1); };
  EXPECT_EQ(gradient_at({NAN, -2, -1, 0.5, 1, 2}, kF64, false, f), (Doubles{0, 0, 1, 1, 1, 0}));
}

// PyTorch 2.15: beside a NaN both sides get all of it.
TEST(Extrema, TheGradientAtTiesAndBesideNaN) {
  const Tensor a = tensor(Doubles{NAN, 0, NAN, 1, 3}, {5}).set_requires_grad(true);
  const Tensor b = tensor(Doubles{0, NAN, NAN, 1, 2}, {5}).set_requires_grad(true);
  const auto of_max = grad({sum(maximum(a, b))}, {a, b}), of_min = grad({sum(minimum(a, b))}, {a, b});
  EXPECT_EQ(of_max[0].to_vector<double>(), (Doubles{1, 1, 1, 0.5, 1}));
  EXPECT_EQ(of_max[1].to_vector<double>(), (Doubles{1, 1, 1, 0.5, 0}));
  EXPECT_EQ(of_min[0].to_vector<double>(), (Doubles{1, 1, 1, 0.5, 0}));
  EXPECT_EQ(of_min[1].to_vector<double>(), (Doubles{1, 1, 1, 0.5, 1}));
}

// Far from 0 the activations are x or 0: their gradients are 1 and 0, never NaN.
TEST(Activations, GradientsFarFromZero) {
  const Doubles far{50, -50, 1e5, -1e5, 1e13, -1e13, 1e30, -1e30};
  const Doubles wanted{1, 0, 1, 0, 1, 0, 1, 0};
  const std::function<Tensor(const Tensor&)> ops[] = {
      [](const Tensor& x) { return silu(x); }, [](const Tensor& x) { return gelu(x); },
      [](const Tensor& x) { return gelu(x, GeluKind::kTanh); }, [](const Tensor& x) { return relu(x); }};
  for (DType dtype : {kF32, kF64, kBF16}) {
    for (bool composed : {false, true}) {
      int op = 0;
      for (const auto& f : ops) {
        const Doubles g = gradient_at(far, dtype, composed, f);
        for (size_t i = 0; i < far.size(); ++i) {
          EXPECT_NEAR(g[i], wanted[i], 1e-15) << op << " at " << far[i] << " in " << name(dtype) << composed;
        }
        ++op;
      }
    }
  }
  const Tensor one = ones({1}, kF64), big = full({1}, 300.0, kF64).set_requires_grad(true);
  EXPECT_EQ(sigmoid(one * -800).item(), 0);
  EXPECT_EQ(grad({sum(tanh(big))}, {big})[0].item(), 0);
}

TEST(Rsqrt, TheGradientOfATinyNumber) {
  const Tensor x = full({1}, 0x1p-100).set_requires_grad(true);
  GradOptions options;
  options.grad_outputs = {full({1}, 0x1p-60)};
  EXPECT_EQ(grad({rsqrt(x)}, {x}, options)[0].item(), -0x1p89);  // -1/2 2^-60 (2^50)^3
}

// A product of factors that overflows on the way to a finite gradient; wanted: the same in f64.
TEST(Swiglu, GradientsOfLargeFactors) {
  const struct {
    double grad_output, gate, up;
  } cases[] = {{1e30, -80, 1e20}, {-1e20, -60, 1e25}, {1e38, -80, 1},
               {3e38, -70, 5},    {1e-10, -60, 1e30}, {2, 3, -4}};
  for (const auto& c : cases) {
    const double s = 1 / (1 + std::exp(-c.gate));
    const double to_gate = c.grad_output * c.up * s * (1 + c.gate * (1 - s)),
                 to_up = c.grad_output * c.gate * s;
    const auto leaf = [](double value) { return full({1}, value).set_requires_grad(true); };
    const Tensor gate = leaf(c.gate), up = leaf(c.up);
    GradOptions options;
    options.grad_outputs = {full({1}, c.grad_output)};
    const std::vector<Tensor> g = grad({swiglu(gate, up)}, {gate, up}, options);
    EXPECT_NEAR(g[0].item() / to_gate, 1, 3e-5) << c.grad_output << " " << c.gate << " " << c.up;
    EXPECT_NEAR(g[1].item() / to_up, 1, 3e-5) << c.grad_output << " " << c.gate << " " << c.up;
  }
  const Tensor gate = full({1}, -700.0, kF64).set_requires_grad(true);
  const Tensor up = full({1}, 1e200, kF64).set_requires_grad(true);
  GradOptions options;
  options.grad_outputs = {full({1}, 1e200, kF64)};
  const double g = grad({swiglu(gate, up)}, {gate}, options)[0].item();
  EXPECT_NEAR(g / (1e200 * std::exp(-700.0) * -699 * 1e200), 1, 1e-12);
}

// Values of torch.nn.functional.cross_entropy in f64 (PyTorch 2.15.0).
TEST(CrossEntropy, ANegativeClassWeightCounts) {
  const Tensor logits = tensor(Doubles{1, 2, 3, 1, 0, 2}, {2, 3}),
               targets = tensor(std::vector<int64_t>{0, 2}, {2});
  CrossEntropyOptions options;
  options.weight = tensor(Doubles{-0.5, 1, 2}, {3});
  const double wanted = -0.25906070222228633;
  EXPECT_NEAR(cross_entropy(logits, targets, options).item(), wanted, 1e-15);
  EXPECT_NEAR(cross_entropy_composed(logits, targets, options).item(), wanted, 1e-15);
}

TEST(Pow, TheExponentOfZeroHasNoGradient) {
  const Tensor a = tensor(std::vector<double>{0, 2}, {2});
  const Tensor b = tensor(std::vector<double>{3, 3}, {2}).set_requires_grad(true);
  const std::vector<double> g = grad({sum(pow(a, b))}, {b})[0].to_vector<double>();
  EXPECT_EQ(g[0], 0);
  EXPECT_NEAR(g[1], 8 * std::log(2.0), 1e-12);
}

// What loses gets 0 whatever comes from above; beside a NaN both sides get the gradient (as PyTorch).
TEST(Maximum, AnInfiniteGradientStaysWithTheWinner) {
  constexpr double kInf = std::numeric_limits<double>::infinity(),
                   kNaN = std::numeric_limits<double>::quiet_NaN();
  const Tensor a = tensor(std::vector<double>{1, 2, kNaN, 3}, {4}).set_requires_grad(true);
  const Tensor b = tensor(std::vector<double>{1, 3, 1, kNaN}, {4}).set_requires_grad(true);
  const Tensor above = tensor(std::vector<double>{1, kInf, 1, 1}, {4});
  const auto gradients = [&](const Tensor& y) {
    std::vector<std::vector<double>> out;
    for (const Tensor& g : grad({y}, {a, b}, {.grad_outputs = {above}})) out.push_back(g.to_vector<double>());
    return out;
  };
  using Values = std::vector<double>;
  EXPECT_EQ(gradients(maximum(a, b)), (std::vector<Values>{{0.5, 0, 1, 1}, {0.5, kInf, 1, 1}}));
  EXPECT_EQ(gradients(minimum(a, b)), (std::vector<Values>{{0.5, kInf, 1, 1}, {0.5, 0, 1, 1}}));
}

// A sum over the queries sends a gradient whose rows all lie at one address; keys may be given like that too.
TEST(Attention, RowsThatShareMemory) {
  Generator generator(1);
  const auto random = [&](const Shape& shape) { return normal(shape, 0, 1, generator, kF64); };
  const Tensor q = random({1, 2, 5, 4}).set_requires_grad(true);
  const Tensor k = random({1, 2, 1, 4}).expand({1, 2, 5, 4}), v = random({1, 2, 5, 4});
  const Tensor weight = random({1, 2, 1, 4});
  for (const bool causal : {false, true}) {
    const AttentionOptions options{.rules = {.causal = causal}};
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
        AttentionOptions options;
        (mask.dtype() == kBool ? options.rules.mask : options.rules.bias) = mask;
        const Tensor y = attend(q, k, v, options);
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
      expect(grad({sum(softmax_composed(x, -1) * g)}, {x})[0], c.softmax, tolerance);
      expect(grad({log_softmax_composed(x, -1)}, {x}, {.grad_outputs = {g}})[0], c.log_softmax, tolerance);
      expect(grad({logsumexp(x)}, {x})[0], c.logsumexp, tolerance);
    }
  }
}

TEST(StraightThrough, HardValuesAndTheGradientOfSoft) {
  const Tensor soft = tensor(Doubles{0.2, 0.5, 0.3}, {3}).set_requires_grad(true);
  const Tensor hard = tensor(Doubles{0, 1, 0}, {3}).set_requires_grad(true),
               weight = tensor(Doubles{3, -1, 2}, {3});
  const Tensor y = straight_through(hard, soft * soft);
  EXPECT_EQ(y.to_vector<double>(), (Doubles{0, 1, 0}));
  const auto gradients =
      grad({sum(y * y * weight)}, {soft, hard}, {.create_graph = true, .allow_unused = true});
  // 2 y w of the hard y, times 2 soft.
  EXPECT_EQ(gradients[0].to_vector<double>(), (Doubles{0, -2, 0}));
  EXPECT_FALSE(gradients[1].defined());
  // d/d soft of sum(4 y w soft) = 4 w (y + 2 soft^2).
  const Doubles second = grad({sum(gradients[0])}, {soft})[0].to_vector<double>();
  for (size_t i = 0; i < 3; ++i) {
    const double s = soft.to_vector<double>()[i], w = weight.to_vector<double>()[i];
    EXPECT_NEAR(second[i], 4 * w * ((i == 1 ? 1 : 0) + 2 * s * s), 1e-14);
  }
}

TEST(GumbelSoftmax, HardHasTheGradientOfSoft) {
  const Tensor logits = tensor(Doubles{0.3, -1, 0.5, 0.2, 0.1, 2}, {2, 3}).set_requires_grad(true);
  const Tensor weight = tensor(Doubles{1, 2, -3, 0.5, 1, 4}, {2, 3});
  const auto gradient = [&](bool hard) {
    Generator generator(5);
    return grad({sum(gumbel_softmax(logits, 0.5, generator, hard) * weight)}, {logits})[0]
        .to_vector<double>();
  };
  EXPECT_EQ(gradient(true), gradient(false));
}

// Tokens as one-hot rows: their gradient is that of the loss to each entry of the vocabulary, at the token
// itself what the embedding would get.
TEST(OneHotTokens, TheirGradientIsAProductWithTheEmbedding) {
  Generator generator(3);
  const Tensor weight = uniform({5, 4}, -1, 1, generator, kF64),
               target = uniform({3, 4}, -1, 1, generator, kF64);
  const Tensor ids = tensor(std::vector<int64_t>{2, 0, 4}, {3});
  const Tensor tokens = one_hot(ids, 5, kF64).set_requires_grad(true);
  const Tensor rows = matmul(tokens, weight);
  EXPECT_EQ(rows.to_vector<double>(), embedding(weight, ids).to_vector<double>());
  const Tensor difference = rows - target;
  const Tensor got = grad({sum(difference * difference)}, {tokens})[0];
  const Doubles expected =
      matmul((rows - target).detach() * 2.0, transpose(weight, 0, 1)).to_vector<double>();
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(got.to_vector<double>()[i], expected[i], 1e-14);
}

// Projections of one x: each adds its gradient of x to those of the others where they stand. The result is
// the sum of what each gives alone, with and without a graph of it.
TEST(Linear, ProjectionsOfOneInputAddTheirGradients) {
  Generator generator(3);
  for (const auto& [dtype, tolerance] : {std::pair{kF32, 1e-6}, {kF64, 1e-14}, {kBF16, 0.02}}) {
    const Tensor x = normal({3, 50, 24}, 0, 1, generator).to(dtype).set_requires_grad(true);
    Tensor all, wanted = zeros({3, 50, 24}, kF64);
    for (const int64_t n : {16, 40, 8, 16}) {
      const Tensor weight = normal({n, 24}, 0, 1, generator).to(dtype);
      const auto loss = [&] { return sum(silu(linear(x, weight))); };
      wanted = wanted + grad({loss()}, {x})[0].to(kF64);
      all = all.defined() ? all + loss() : loss();
    }
    for (const bool create_graph : {true, false}) {
      const Tensor got = grad({all}, {x}, {.retain_graph = true, .create_graph = create_graph})[0];
      EXPECT_EQ(got.dtype(), dtype);
      EXPECT_LT(amax(abs(got.to(kF64) - wanted)).item() / amax(abs(wanted)).item(), tolerance);
    }
  }
}

// A gradient that the caller holds is not written to.
TEST(Linear, DoesNotAddToAGradientThatIsSomeonesElse) {
  const Tensor x = ones({50, 24}).set_requires_grad(true), y = x * 1.0, held = ones({50, 24});
  const Tensor z = linear(y, ones({16, 24}));
  const Tensor both = grad({y, z}, {x}, {.grad_outputs = {held, ones({50, 16})}})[0];
  EXPECT_EQ(held.to_vector<double>(), Doubles(1200, 1));
  EXPECT_EQ(both.to_vector<double>(), Doubles(1200, 17));
}

// The gradients of x by several projections need no more memory than that by one.
TEST(Linear, ProjectionsOfOneInputHaveOneGradientOfIt) {
  constexpr int64_t kRows = 4096, kWidth = 256;
  const auto peak = [](int projections) {
    const Tensor x = zeros({kRows, kWidth}, kF32, kMeta).set_requires_grad(true);
    const Tensor weight = zeros({8, kWidth}, kF32, kMeta);
    Tensor all = sum(linear(x, weight));
    for (int i = 1; i < projections; ++i) all = all + sum(linear(x, weight));
    const int64_t before = memory_stats(kMeta).current;
    reset_peak_memory(kMeta);
    backward(all);
    return memory_stats(kMeta).peak - before;
  };
  EXPECT_LT(peak(3) - peak(1), kRows * kWidth * 4 / 2);
}

// f32 weights beside 16-bit rows: their gradient is a sum in f32 that 16 bits never held (600 terms, rounded
// to 8 bits, would miss by 0.01), with and without a graph of it, and both first gradients have gradients.
TEST(LinearWeightDType, GradientsOfMasterWeightsAreNotRounded) {
  Generator generator(4);
  const auto random = [&](const Shape& shape, DType dtype) {
    return cast(uniform(shape, -1, 1, generator, kF32), dtype);
  };
  for (DType dtype : {kBF16, kF16}) {
    for (bool create_graph : {false, true}) {
      const Tensor x = random({600, 7}, dtype).set_requires_grad(true);
      const Tensor w = random({5, 7}, kF32).set_requires_grad(true);
      const Tensor bias = random({5}, kF32).set_requires_grad(true);
      const Tensor g = random({600, 5}, dtype);
      const Tensor loss = sum(cast(linear(x, w, bias, WeightDType::kAny) * g, kF32));
      GradOptions options;
      options.create_graph = create_graph;
      const std::vector<Tensor> got = grad({loss}, {x, w, bias}, options);
      const auto expect_near = [&](const Tensor& actual, const Tensor& expected, DType of, double tolerance) {
        EXPECT_EQ(actual.dtype(), of);
        ASSERT_EQ(actual.shape(), expected.shape());
        const Doubles a = actual.to_vector<double>(), e = expected.to_vector<double>();
        for (size_t i = 0; i < e.size(); ++i) ASSERT_NEAR(a[i], e[i], tolerance) << name(dtype) << i;
      };
      const auto exact = [](const Tensor& t) { return t.detach().to(kF64); };
      const double unit = dtype == kBF16 ? 0x1p-8 : 0x1p-11;
      expect_near(got[0], matmul(exact(g), exact(cast(w, dtype))), dtype, 4 * unit);
      expect_near(got[1], matmul(transpose(exact(g), 0, 1), exact(x)), kF32, 5e-5);
      expect_near(got[2], sum(exact(g), 0), kF32, 30 * unit);  // the engine's sum, in g's dtype
      if (!create_graph) continue;
      const Tensor u = random({5, 7}, kF32), v = random({600, 7}, dtype);
      expect_near(grad({sum(got[1] * u)}, {x}, {.create_graph = true})[0], matmul(exact(g), exact(u)), dtype,
                  4 * unit);
      expect_near(grad({sum(cast(got[0] * v, kF32))}, {w})[0], matmul(transpose(exact(g), 0, 1), exact(v)),
                  kF32,
                  dtype == kBF16 ? 0.2 : 0.02);  // through the product and the cast, in their dtype
    }
  }
}

}  // namespace
}  // namespace roux
