#include "autograd/autograd.h"

#include <cmath>
#include <thread>

#include "autograd/anomaly.h"
#include "autograd/checkpoint.h"
#include "autograd/gradcheck.h"
#include "autograd/node.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tensor leaf(std::vector<double> values) {
  const auto n = static_cast<int64_t>(values.size());
  return tensor(values, {n}).set_requires_grad(true);
}

TEST(Backward, AccumulatesIntoLeaves) {
  const Tensor x = leaf({1, 2, 3});
  backward(sum(x * x));
  EXPECT_THAT(x.grad().to_vector<double>(), ElementsAre(2, 4, 6));
  backward(sum(x));
  EXPECT_THAT(x.grad().to_vector<double>(), ElementsAre(3, 5, 7));
}

TEST(Backward, SumsBroadcastGradients) {
  const Tensor row = leaf({1, 2, 3}), scalar = tensor(std::vector<double>{2}, {}).set_requires_grad(true);
  const Tensor y = tensor(std::vector<double>{1, 2, 3, 4, 5, 6}, {2, 3}) * row * scalar;
  backward(sum(y));
  EXPECT_THAT(row.grad().to_vector<double>(), ElementsAre(10, 14, 18));
  EXPECT_EQ(scalar.grad().item(), 1 + 4 + 9 + 4 + 10 + 18);
}

TEST(Backward, ChainOfAMillionNodesNeedsNoStack) {
  Tensor y = leaf({1});
  const Tensor x = y;
  for (int i = 0; i < 1'000'000; ++i) y = y + 1.0;
  backward(y);
  EXPECT_EQ(x.grad().item(), 1);
  y = Tensor();  // and destruction, after a second chain that backward has not freed
  y = x;
  for (int i = 0; i < 1'000'000; ++i) y = neg(y);
}

TEST(Backward, SecondBackwardNeedsRetainGraph) {
  const Tensor x = leaf({2});
  const Tensor y = x * x;
  backward(y, {.retain_graph = true});
  backward(y);
  EXPECT_EQ(x.grad().item(), 8);
  EXPECT_THAT(error_of([&] { backward(y); }), HasSubstr("retain_graph"));
}

TEST(Backward, OverwrittenSavedTensorIsAnError) {
  const Tensor x = leaf({2}), w = leaf({3});
  const Tensor y = x * w;
  {
    NoGradGuard no_grad;
    add_(w, ones_like(w));
  }
  const std::string error = error_of([&] { backward(y); });
  EXPECT_THAT(error, HasSubstr("mul: a tensor saved for backward was overwritten"));
  EXPECT_THAT(error, HasSubstr("add_"));
}

TEST(Backward, InPlaceOnARecordedTensorIsAnError) {
  const Tensor x = leaf({2});
  EXPECT_THAT(error_of([&] { fill_(x, 0); }), HasSubstr("fill_: f64[1] requires grad"));
  EXPECT_THAT(error_of([&] { fill_(x.view({1, 1}), 0); }), HasSubstr("fill_: f64[1,1] requires grad"));
}

TEST(Backward, NeedsAGradOutputForSeveralElements) {
  const Tensor x = leaf({1, 2});
  EXPECT_THAT(error_of([&] { backward(x * x); }), HasSubstr("grad_output"));
  EXPECT_THAT(error_of([&] { backward(tensor({1.0f})); }), HasSubstr("does not require grad"));
  backward(x * x, {.grad_output = tensor(std::vector<double>{1, 10}, {2})});
  EXPECT_THAT(x.grad().to_vector<double>(), ElementsAre(2, 40));
}

TEST(Grad, OfIntermediateTensorsAndHigherOrders) {
  const Tensor x = leaf({0.5});
  const Tensor y = exp(x), z = y * y * y;
  EXPECT_NEAR(grad({z}, {y}, {.retain_graph = true})[0].item(), 3 * std::exp(1.0), 1e-14);
  Tensor d = z;
  for (int order = 1; order <= 4; ++order) {
    d = grad({d}, {x}, {.create_graph = true})[0];
    EXPECT_NEAR(d.item(), std::pow(3, order) * std::exp(1.5), 1e-10) << order;
  }
  EXPECT_FALSE(x.grad().defined());
}

TEST(Grad, UnusedInput) {
  const Tensor x = leaf({1}), other = leaf({1});
  EXPECT_THAT(error_of([&] { grad({x * x}, {other}); }), HasSubstr("no output depends on input 0"));
  EXPECT_FALSE(grad({x * x}, {other}, {.allow_unused = true})[0].defined());
}

TEST(Transforms, JvpAndHvpOfAKnownFunction) {
  // f(x) = sum x^3: J v = sum 3 x^2 v, H v = 6 x v.
  const auto f = [](const std::vector<Tensor>& in) { return sum(in[0] * in[0] * in[0]); };
  const Tensor x = tensor(std::vector<double>{1, 2}, {2}), v = tensor(std::vector<double>{3, -1}, {2});
  EXPECT_EQ(jvp(f, {x}, {v}).item(), 9 - 12);
  EXPECT_THAT(hvp(f, {x}, {v})[0].to_vector<double>(), ElementsAre(18, -12));
  EXPECT_THAT(vjp(f, {x}, tensor(std::vector<double>{2}, {}))[0].to_vector<double>(), ElementsAre(6, 24));
}

TEST(Hooks, ReplaceAndRemove) {
  const Tensor x = leaf({1});
  const Tensor y = x * 2.0;
  const int64_t id = register_hook(y, [](const Tensor& g) { return g * 10.0; });
  backward(y, {.retain_graph = true});
  EXPECT_EQ(x.grad().item(), 20);
  remove_hook(y, id);
  Tensor(x).set_grad(Tensor());
  backward(y);
  EXPECT_EQ(x.grad().item(), 2);
  int calls = 0;
  const int64_t counting = register_post_accumulate_hook(x, [&](const Tensor&) { ++calls; });
  backward(x * x);
  EXPECT_EQ(calls, 1);
  remove_post_accumulate_hook(x, counting);
  backward(x * x);
  EXPECT_EQ(calls, 1);
}

TEST(Anomaly, NamesTheOpThatMadeTheFirstNaN) {
  const Tensor x = leaf({-1});
  AnomalyGuard anomaly;
  EXPECT_THAT(error_of([&] { log(x) * 2.0; }), HasSubstr("log: the first NaN: output 0"));
  const Tensor zero = leaf({0});
  EXPECT_THAT(error_of([&] { backward(sqrt(zero) * 0.0); }),
              HasSubstr("sqrt: its backward made the first NaN"));
}

TEST(Checkpoint, SameGradientsLessMemoryAndHigherDerivatives) {
  const auto f = [](const std::vector<Tensor>& in) { return exp(tanh(in[0]) * in[0]); };
  const Tensor x = leaf({0.3, -0.7});
  const Tensor plain = grad({sum(f({x}))}, {x})[0];
  const Tensor y = sum(checkpoint(f, {x}));
  EXPECT_EQ(grad({y}, {x})[0].to_vector<double>(), plain.to_vector<double>());
  EXPECT_TRUE(gradgradcheck(
                  [&](const std::vector<Tensor>& in) { return std::vector<Tensor>{checkpoint(f, in)}; }, {x})
                  .ok());
  int calls = 0;
  const auto counting = [&](const std::vector<Tensor>& in) {
    ++calls;
    return exp(in[0]);
  };
  const Tensor z = checkpoint(counting, {x});
  EXPECT_EQ(calls, 1);
  backward(sum(z));
  EXPECT_EQ(calls, 2);
}

TEST(Checkpoint, ImpureFunctionIsAnError) {
  const Tensor x = leaf({0.3});
  int calls = 0;
  const Tensor y =
      checkpoint([&](const std::vector<Tensor>& in) { return calls++ == 0 ? exp(in[0]) : in[0]; }, {x});
  EXPECT_THAT(error_of([&] { backward(y); }), HasSubstr("not a pure function"));
}

TEST(GradMode, NothingIsRecordedUnderNoGrad) {
  const Tensor x = leaf({1});
  NoGradGuard no_grad;
  EXPECT_FALSE((x * x).requires_grad());
}

TEST(Gradcheck, NoticesAWrongGradient) {
  // detach hides half of the derivative of x * x.
  const auto wrong = [](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{in[0] * in[0].detach()};
  };
  EXPECT_FALSE(gradcheck(wrong, {leaf({1, 2, 3})}).ok());
  const auto right = [](const std::vector<Tensor>& in) { return std::vector<Tensor>{in[0] * in[0]}; };
  EXPECT_TRUE(gradcheck(right, {leaf({1, 2, 3})}).ok());
  EXPECT_TRUE(gradgradcheck(right, {leaf({1, 2, 3})}).ok());
}

TEST(Backward, DiamondsAndReuse) {
  const Tensor x = leaf({3});
  const Tensor a = x * x, b = a * x, c = a + b;  // x^2 + x^3, x and a used several times
  backward(c * c + a);
  // d/dx [(x^2 + x^3)^2 + x^2] = 2 (x^2 + x^3) (2 x + 3 x^2) + 2 x
  EXPECT_EQ(x.grad().item(), 2 * 36 * 33 + 6);
}

TEST(Backward, OpsWithSeveralOutputs) {
  const Tensor x = leaf({1, 2, 3, 4, 5});
  const std::vector<Tensor> pieces = split(x, std::vector<int64_t>{2, 3}, 0);
  backward(sum(pieces[1] * pieces[1]), {.retain_graph = true});  // the other output gets nothing
  EXPECT_THAT(x.grad().to_vector<double>(), ElementsAre(0, 0, 6, 8, 10));
  backward(sum(pieces[0]) + sum(pieces[1]));
  EXPECT_THAT(x.grad().to_vector<double>(), ElementsAre(1, 1, 7, 9, 11));
}

TEST(Grad, LeafAndIntermediateTogether) {
  const Tensor x = leaf({2});
  const Tensor y = x * x, z = y * y * x;  // x^5
  const std::vector<Tensor> g = grad({z}, {x, y, z});
  EXPECT_EQ(g[0].item(), 5 * 16);
  EXPECT_EQ(g[1].item(), 2 * 4 * 2);  // 2 y x
  EXPECT_EQ(g[2].item(), 1);
}

TEST(Grad, SeveralOutputsAndTheSameInputTwice) {
  const Tensor x = leaf({2}), w = leaf({3});
  const std::vector<Tensor> g = grad({x * w, x * x}, {x, w, x});
  EXPECT_EQ(g[0].item(), 3 + 4);
  EXPECT_EQ(g[1].item(), 2);
  EXPECT_EQ(g[2].item(), 7);
}

TEST(Backward, CreateGraphAccumulates) {
  const Tensor x = leaf({2});
  backward(x * x * x, {.create_graph = true});
  const Tensor first = x.grad();
  EXPECT_EQ(first.item(), 12);
  EXPECT_TRUE(first.requires_grad());
  EXPECT_EQ(grad({first}, {x})[0].item(), 12);  // 6 x
  Tensor(x).set_grad(Tensor());
}

TEST(Hooks, RunInTheOrderOfRegistration) {
  const Tensor x = leaf({1});
  const Tensor y = x * 1.0;
  std::string order;
  register_hook(y, [&](const Tensor& g) {
    order += "a";
    return g + 1.0;
  });
  register_hook(y, [&](const Tensor& g) {
    order += "b";
    return g * 10.0;
  });
  register_hook(x, [&](const Tensor&) {
    order += "x";
    return Tensor();
  });
  backward(y);
  EXPECT_EQ(order, "abx");
  EXPECT_EQ(x.grad().item(), 20);
}

TEST(Hooks, AnErrorLeavesTheEngineUsable) {
  const Tensor x = leaf({2});
  const Tensor y = x * x;
  const int64_t id = register_hook(y, [](const Tensor&) -> Tensor { throw Error("from the hook"); });
  EXPECT_EQ(error_of([&] { backward(y * 2.0); }), "from the hook");
  EXPECT_TRUE(grad_mode_enabled());
  EXPECT_EQ(current_backward_node(), nullptr);
  remove_hook(y, id);
  backward(y * 3.0);
  EXPECT_EQ(x.grad().item(), 12);
}

TEST(GradMode, BelongsToTheThread) {
  const Tensor x = leaf({1});
  NoGradGuard no_grad;
  bool recorded = false;
  std::thread([&] { recorded = (x * x).requires_grad(); }).join();
  EXPECT_TRUE(recorded);
  EXPECT_FALSE((x * x).requires_grad());
}

TEST(Memory, GraphsAreFreed) {
  const Tensor x = zeros({1000}, kF64).set_requires_grad(true);
  backward(sum(exp(x)));
  const int64_t before = memory_stats(kCpu).current;
  {
    Tensor y = x;
    for (int i = 0; i < 10; ++i) y = exp(y * 0.1);
    EXPECT_GT(memory_stats(kCpu).current, before + 10 * 8000);
  }  // dropped without a backward
  EXPECT_EQ(memory_stats(kCpu).current, before);
  {
    Tensor y = x;
    for (int i = 0; i < 10; ++i) y = exp(y * 0.1);
    const Tensor loss = sum(y);
    y = Tensor();
    backward(loss, {.retain_graph = true});
    EXPECT_GT(memory_stats(kCpu).current, before + 9 * 8000);
    backward(loss);  // frees what was saved while the loss still lives
    EXPECT_LT(memory_stats(kCpu).current, before + 8000);
  }
  EXPECT_EQ(memory_stats(kCpu).current, before);
}

TEST(Checkpoint, AnErrorInTheSecondRunLeavesTheGeneratorAlone) {
  const Tensor x = leaf({1, 2});
  Generator generator(4);
  int calls = 0;
  const Tensor y = checkpoint(
      [&](const std::vector<Tensor>& in) {
        const Tensor dropped = dropout(exp(in[0]), 0.5, generator);
        if (calls++ > 0) throw Error("second run");
        return dropped;
      },
      {x}, {&generator});
  const Tensor later = uniform({3}, 0, 1, generator);
  const GeneratorState state = generator.state();
  EXPECT_EQ(error_of([&] { backward(sum(y)); }), "second run");
  EXPECT_EQ(generator.state(), state);
}

TEST(Checkpoint, DeepChainOfSegments) {
  const Tensor x = leaf({0.5});
  Tensor y = x;
  for (int i = 0; i < 20000; ++i) {
    y = checkpoint([](const std::vector<Tensor>& in) { return in[0] * 1.0 + 0.0; }, {y});
  }
  backward(y);
  EXPECT_EQ(x.grad().item(), 1);
}

TEST(Transforms, JvpAndHvpOfAttentionWeights) {
  // p = softmax(W x) for W [3, 2], x [2]: dp = (diag p - p p^T) W v; f = sum c p.
  const std::vector<double> w = {0.5, -1, 2, 0.25, -0.75, 1.5}, at = {0.3, -0.4}, v = {1, 2}, c = {1, -2, 3};
  const Tensor weight = tensor(w, {3, 2}), x = tensor(at, {2}), direction = tensor(v, {2});
  const auto f = [&](const std::vector<Tensor>& in) { return softmax(matmul(weight, in[0])); };
  std::vector<double> p(3), wv(3);
  double total = 0, mean_wv = 0;
  for (size_t i = 0; i < 3; ++i) {
    p[i] = std::exp(w[2 * i] * at[0] + w[2 * i + 1] * at[1]);
    wv[i] = w[2 * i] * v[0] + w[2 * i + 1] * v[1];
    total += p[i];
  }
  for (size_t i = 0; i < 3; ++i) mean_wv += (p[i] /= total) * wv[i];
  const std::vector<double> got = jvp(f, {x}, {direction}).to_vector<double>();
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(got[i], p[i] * (wv[i] - mean_wv), 1e-14) << i;

  // The gradient of sum_i c_i p_i by the logits is g_i = p_i (c_i - m), m = sum c p; its derivative along wv
  // is dp_i (c_i - m) - p_i dm, and H v = W^T of that.
  const auto scalar = [&](const std::vector<Tensor>& in) { return sum(f(in) * tensor(c, {3})); };
  double m = 0, dm = 0;
  std::vector<double> dp(3);
  for (size_t i = 0; i < 3; ++i) {
    dp[i] = p[i] * (wv[i] - mean_wv);
    m += c[i] * p[i];
    dm += c[i] * dp[i];
  }
  std::vector<double> wanted(2);
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 2; ++j) wanted[j] += w[2 * i + j] * (dp[i] * (c[i] - m) - p[i] * dm);
  }
  const std::vector<double> hv = hvp(scalar, {x}, {direction})[0].to_vector<double>();
  for (size_t j = 0; j < 2; ++j) EXPECT_NEAR(hv[j], wanted[j], 1e-14) << j;
}

}  // namespace
}  // namespace roux
