#include "nn/lora.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/autograd.h"
#include "autograd/gradcheck.h"
#include "nn/layers.h"
#include "nn/weights.h"
#include "optim/optimizer.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"

namespace roux {
namespace {

constexpr int64_t kIn = 5, kOut = 4, kRows = 3;
using Values = std::vector<double>;

class Pair final : public ModuleOf<Pair> {
 public:
  explicit Pair(const Init& init) : q_proj(kIn, kOut, true, init), score(kOut, 2, false, init) {
    register_module("q_proj", q_proj);
    register_module("score", score);
  }
  Pair(const Pair& from, Weights weights) : Pair(Init{.generator = nullptr, .device = kMeta}) {
    attach_lora_like(from, *this);
    take_weights(from, *this, weights);
  }
  Tensor forward(const Tensor& x, Generator* generator = nullptr) const {
    return score(q_proj(x, generator), generator);
  }
  std::string pretty_print() const override { return "Pair"; }

  Linear q_proj, score;
};

Tensor some_x(Generator& generator, DType dtype = kF64) {
  return normal({kRows, kIn}, 0, 1, generator, dtype);
}

// B and magnitudes as after training.
void train_adapters(const Module& m, Generator& generator) {
  const NoGradGuard no_grad;
  for (const Module::Slot& slot : m.slots()) {
    const bool b = slot.name.find("lora_B") != std::string::npos,
               magnitude = slot.name.find("magnitude") != std::string::npos;
    if (!b && !magnitude) continue;
    copy_(*slot.tensor,
          *slot.tensor + normal(slot.tensor->shape(), 0.2, 0.5, generator, slot.tensor->dtype()));
  }
}

Values values(const Tensor& x) { return x.to_vector<double>(); }

double max_difference(const Tensor& a, const Tensor& b) { return amax(abs(a - b)).item(); }

// One layer with one adapter in plain loops. `norms`: of the rows of W + s B A.
struct Loops {
  Values w, bias, a, b, magnitude;
  int64_t r;
  double s;
  bool dora;

  Loops(const Linear& layer, const std::string& name)
      : w(values(layer.weight())), bias(values(parameter(layer, "bias"))) {
    const LoraOptions& options = layer.adapters().front()->options();
    r = options.r, dora = options.dora;
    s = options.alpha / (options.rank_stabilised ? std::sqrt(r) : static_cast<double>(r));
    a = values(parameter(layer, name + ".lora_A")), b = values(parameter(layer, name + ".lora_B"));
    if (dora) magnitude = values(parameter(layer, name + ".lora_magnitude_vector"));
  }
  double adapted_weight(int64_t o, int64_t i) const {
    double sum = w[static_cast<size_t>(o * kIn + i)];
    for (int64_t k = 0; k < r; ++k)
      sum += s * b[static_cast<size_t>(o * r + k)] * a[static_cast<size_t>(k * kIn + i)];
    return sum;
  }
  Values norms() const {
    Values out;
    for (int64_t o = 0; o < kOut; ++o) {
      double sum = 0;
      for (int64_t i = 0; i < kIn; ++i) sum += adapted_weight(o, i) * adapted_weight(o, i);
      out.push_back(std::sqrt(sum));
    }
    return out;
  }
  Values forward(const Values& x, const Values& norms) const {
    Values y;
    for (int64_t row = 0; row < kRows; ++row) {
      for (int64_t o = 0; o < kOut; ++o) {
        const auto at = static_cast<size_t>(o);
        double sum = 0;
        for (int64_t i = 0; i < kIn; ++i) sum += adapted_weight(o, i) * x[static_cast<size_t>(row * kIn + i)];
        y.push_back((dora ? magnitude[at] / norms[at] : 1) * sum + bias[at]);
      }
    }
    return y;
  }
};

TEST(Lora, BeginsAsTheBaseAndTrainsAlone) {
  for (const bool dora : {false, true}) {
    Generator generator(1);
    Pair net(Init{&generator, 0.5});
    const Tensor x = some_x(generator, kF32);
    const Tensor before = net(x).detach();
    EXPECT_EQ(attach_lora(net, {.r = 3, .dora = dora, .targets = {"*"}}, generator), 2);
    EXPECT_EQ(net.tree(), dora ? "Pair\n  q_proj: Linear 5 -> 4\n    default: DoRA r 3, alpha 16\n"
                                 "  score: Linear 4 -> 2, no bias\n    default: DoRA r 3, alpha 16\n"
                               : "Pair\n  q_proj: Linear 5 -> 4\n    default: LoRA r 3, alpha 16\n"
                                 "  score: Linear 4 -> 2, no bias\n    default: LoRA r 3, alpha 16\n");
    EXPECT_LT(max_difference(net(x), before), 1e-6);
    int64_t trained = 0;
    for (const auto& [name, parameter] : trainable(net)) trained += parameter.numel();
    EXPECT_EQ(trained, 3 * (kIn + kOut) + 3 * (kOut + 2) + (dora ? kOut + 2 : 0));

    const Values weight = values(net.q_proj.weight());
    AdamW adam({{trainable(net)}}, {});
    for (int step = 0; step < 3; ++step) {
      backward(sum(net(x) * net(x)));
      EXPECT_FALSE(net.q_proj.weight().grad().defined());
      adam.step({.lr = 0.1});
      adam.zero_grad();
    }
    EXPECT_EQ(values(net.q_proj.weight()), weight);
    EXPECT_GT(max_difference(net(x), before), 0.01);
    for (const auto& [name, parameter] : trainable(net)) {
      const bool began_as_zero = name.find("lora_B") != std::string::npos;
      EXPECT_TRUE(!began_as_zero || amax(abs(parameter)).item() > 0) << name;
    }
  }
}

TEST(Lora, AIsDrawnAsKaimingUniform) {
  Generator generator(1);
  Linear layer(400, 3, false, Init{&generator});
  const LoraAdapter adapter({.r = 50}, LoraPlace::kLinear, layer.weight(), &generator);
  const Tensor a = parameter(adapter, "lora_A");
  EXPECT_EQ(a.shape(), (Shape{50, 400}));
  EXPECT_LE(amax(abs(a)).item(), 0.05);
  EXPECT_GT(amax(a).item(), 0.0499);
  EXPECT_NEAR(mean(a * a).item(), 0.05 * 0.05 / 3, 2e-5);
}

TEST(Lora, EqualsPlainLoops) {
  for (const bool dora : {false, true}) {
    for (const bool rank_stabilised : {false, true}) {
      Generator generator(2);
      Pair net(Init{&generator, 0.5, kF64});
      const LoraOptions options{.r = 2, .alpha = 3, .rank_stabilised = rank_stabilised, .dora = dora};
      attach_lora(net, options, generator);
      train_adapters(net, generator);
      const Tensor x = some_x(generator);
      const Loops loops(net.q_proj, "default");
      const Values expected = loops.forward(values(x), loops.norms()), got = values(net.q_proj(x));
      for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-13);
      const Tensor low = net.q_proj(cast(x, kBF16));
      EXPECT_EQ(low.dtype(), kBF16);
      EXPECT_LT(max_difference(cast(low, kF64), net.q_proj(x)), 0.1);
    }
  }
}

TEST(Lora, GradientsToTheSecondOrder) {
  Generator generator(3);
  Pair net(Init{&generator, 0.5, kF64});
  attach_lora(net, {.r = 2, .targets = {"*"}}, generator);
  train_adapters(net, generator);
  std::vector<Tensor> inputs = {some_x(generator)};
  inputs[0].set_requires_grad(true);
  for (const auto& [name, parameter] : trainable(net)) inputs.push_back(parameter);
  const auto f = [&](const std::vector<Tensor>& in) { return std::vector<Tensor>{tanh(net(in[0]))}; };
  EXPECT_TRUE(gradcheck(f, inputs).ok()) << gradcheck(f, inputs);
  EXPECT_TRUE(gradgradcheck(f, inputs).ok()) << gradgradcheck(f, inputs);
}

// d loss / dA with the norms held where they are, which is not the derivative of the whole formula.
TEST(Lora, TheNormsOfDoraAreConstantInBackward) {
  Generator generator(4);
  Pair net(Init{&generator, 0.5, kF64});
  attach_lora(net, {.r = 2, .alpha = 3, .dora = true}, generator);
  train_adapters(net, generator);
  const Tensor x = some_x(generator);
  backward(sum(net.q_proj(x) * net.q_proj(x)));
  Loops loops(net.q_proj, "default");
  const Values norms = loops.norms(), input = values(x);
  const auto loss = [&](bool held) {
    double sum = 0;
    for (const double y : loops.forward(input, held ? norms : loops.norms())) sum += y * y;
    return sum;
  };
  double furthest = 0;
  const double h = 1e-6;
  for (const auto& [member, name] : {std::pair{&Loops::a, "default.lora_A"},
                                     {&Loops::b, "default.lora_B"},
                                     {&Loops::magnitude, "default.lora_magnitude_vector"}}) {
    const Values grad = values(parameter(net.q_proj, name).grad());
    Values& tensor = loops.*member;
    for (size_t i = 0; i < tensor.size(); ++i) {
      const double at = tensor[i];
      tensor[i] = at + h;
      const double up = loss(true), whole_up = loss(false);
      tensor[i] = at - h;
      const double down = loss(true), whole_down = loss(false);
      tensor[i] = at;
      EXPECT_NEAR(grad[i], (up - down) / (2 * h), 1e-5) << name << i;
      furthest = std::max(furthest, std::abs(grad[i] - (whole_up - whole_down) / (2 * h)));
    }
  }
  EXPECT_GT(furthest, 0.1);
}

TEST(Lora, MagnitudesScaleTheOutput) {
  Generator generator(5);
  Pair net(Init{&generator, 0.5, kF64});
  const Tensor x = some_x(generator), bias = parameter(net.q_proj, "bias");
  const Tensor before = (net.q_proj(x) - bias).detach();
  attach_lora(net, {.dora = true}, generator);
  {
    const NoGradGuard no_grad;
    const Tensor m = parameter(net, "q_proj.default.lora_magnitude_vector");
    copy_(m, m * 1.7);
  }
  EXPECT_LT(max_difference(net.q_proj(x) - bias, before * 1.7), 1e-13);
}

TEST(Lora, MergedWeightsGiveTheSame) {
  for (const bool dora : {false, true}) {
    Generator generator(6);
    const Pair base(Init{&generator, 0.5, kF64});
    const Values base_weight = values(base.q_proj.weight());
    Pair net(base, Weights::kShared);
    attach_lora(net, {.r = 2, .dora = dora, .targets = {"*"}}, generator);
    train_adapters(net, generator);
    const Tensor x = some_x(generator), adapted = net(x).detach();
    EXPECT_GT(max_difference(adapted, base(x)), 0.01);
    merge_lora(net);
    EXPECT_EQ(net.tree(), base.tree());
    EXPECT_LT(max_difference(net(x), adapted), 1e-13);
    EXPECT_EQ(values(base.q_proj.weight()), base_weight);
    EXPECT_TRUE(trainable(net).empty());
    EXPECT_EQ(net.named_parameters().size(), base.named_parameters().size());
  }
}

TEST(Lora, AdaptersOfATreeAddUpAndComeOffOneByOne) {
  Generator generator(7);
  Pair net(Init{&generator, 0.5, kF64});
  const Tensor x = some_x(generator), plain = net.q_proj(x).detach();
  attach_lora(net, {.name = "one"}, generator);
  train_adapters(net, generator);
  const Tensor with_one = net.q_proj(x).detach();
  attach_lora(net, {.r = 2, .targets = {"q_*", "score"}, .name = "two"}, generator);
  EXPECT_EQ(trainable(net).size(), 4u);  // of "two"
  EXPECT_EQ(trainable(net).front().first, "q_proj.two.lora_A");
  train_adapters(net, generator);
  const Tensor both = net.q_proj(x).detach();
  detach_lora(net, "one");
  const Tensor with_two = net.q_proj(x).detach();
  EXPECT_FALSE(max_difference(with_two, plain) < 0.01);
  EXPECT_FALSE(max_difference(both, with_two) < 0.01);
  detach_lora(net, "two");
  EXPECT_EQ(values(net.q_proj(x)), values(plain));
  EXPECT_EQ(net.tree(), "Pair\n  q_proj: Linear 5 -> 4\n  score: Linear 4 -> 2, no bias\n");
}

TEST(Lora, OneOfSeveralIsMerged) {
  Generator generator(8);
  Pair net(Init{&generator, 0.5, kF64});
  attach_lora(net, {.name = "one"}, generator);
  attach_lora(net, {.dora = true, .name = "two"}, generator);
  train_adapters(net, generator);
  const Tensor x = some_x(generator), both = net(x).detach();
  EXPECT_EQ(error_of([&] { merge_lora(net, "one"); }),
            "merge_lora: q_proj also has the DoRA 'two', whose norms are those of the weight: merge that one "
            "first");
  EXPECT_EQ(values(net(x)), values(both));
  merge_lora(net, "two");
  EXPECT_LT(max_difference(net(x), both), 1e-13);
  merge_lora(net, "one");
  EXPECT_LT(max_difference(net(x), both), 1e-13);
}

// Trees on one base have an adapter each; one begins as a copy of another.
TEST(Lora, TreesShareTheBaseButNotTheAdapters) {
  Generator generator(9);
  const Pair base(Init{&generator, 0.5});
  const Tensor x = some_x(generator, kF32);
  Pair first(base, Weights::kShared), second(base, Weights::kShared);
  attach_lora(first, {.r = 2}, generator);
  attach_lora(second, {.r = 3, .dora = true}, generator);
  train_adapters(first, generator);
  train_adapters(second, generator);
  const Values of_second = values(second(x)), of_base = values(base(x));

  Pair next(second, Weights::kShared);
  EXPECT_EQ(values(next(x)), of_second);
  EXPECT_TRUE(trainable(next).empty());
  EXPECT_EQ(parameter(next, "q_proj.default.lora_A").raw_data(),
            parameter(second, "q_proj.default.lora_A").raw_data());
  own(next, {"*.lora_*"});
  EXPECT_EQ(values(next(x)), of_second);
  EXPECT_EQ(trainable(next).size(), 3u);
  train_adapters(next, generator);
  EXPECT_NE(values(next(x)), of_second);
  EXPECT_EQ(values(second(x)), of_second);
  EXPECT_EQ(values(base(x)), of_base);
  EXPECT_EQ(next.q_proj.weight().raw_data(), base.q_proj.weight().raw_data());

  const Pair copy(first, Weights::kCopied);
  EXPECT_EQ(values(copy(x)), values(first(x)));
  EXPECT_EQ(trainable(copy).size(), 2u);
}

TEST(Lora, DropoutIsOfTheAdaptersInputInTraining) {
  for (const bool dora : {false, true}) {
    Generator generator(10);
    Pair net(Init{&generator, 0.5, kF64});
    attach_lora(net, {.r = 2, .dropout = 0.5, .dora = dora}, generator);
    train_adapters(net, generator);
    const Tensor x = ones({kRows, kIn}, kF64);
    EXPECT_NE(error_of([&] { net(x); })
                  .find("lora: dropout 0.5 in training mode needs a generator\n  in "
                        "q_proj.default ("),
              std::string::npos);
    net.eval();
    const Tensor mean_output = net.q_proj(x).detach();
    net.train();
    Generator draws(3), again(3);
    EXPECT_EQ(values(net.q_proj(x, &draws)), values(net.q_proj(x, &again)));
    EXPECT_NE(values(net.q_proj(x, &draws)), values(mean_output));
    Tensor total = zeros_like(mean_output);
    const int64_t count = 4000;
    for (int64_t i = 0; i < count; ++i) total = total + net.q_proj(x, &draws).detach();
    EXPECT_LT(max_difference(total / static_cast<double>(count), mean_output), 0.2);
  }
}

TEST(Lora, RefusesWhatDoesNotFit) {
  Generator generator(11);
  Pair net(Init{&generator});
  const auto refusal = [&](const LoraOptions& options) {
    return error_of([&] { attach_lora(net, options, generator); });
  };
  EXPECT_EQ(refusal({.r = 0}), "attach_lora: r is 0, alpha is 16, needed r >= 1 and a number");
  EXPECT_EQ(refusal({.dropout = 1}), "attach_lora: dropout is 1, needed 0 <= dropout < 1");
  EXPECT_EQ(refusal({.name = "a.b"}), "register: the name \"a.b\" is empty or contains a dot");
  EXPECT_EQ(refusal({.name = "weight"}), "register: the name weight is taken");
  EXPECT_NE(refusal({.targets = {"k_proj"}}).find("k_proj"), std::string::npos);
  EXPECT_EQ(trainable(net).size(), 3u);
  attach_lora(net, {}, generator);
  EXPECT_EQ(refusal({.targets = {"*"}}), "register: the name default is taken");
  EXPECT_EQ(net.score.adapters().size(), 0u);
  EXPECT_EQ(error_of([&] { detach_lora(net, "other"); }), "detach_lora: no layer has an adapter 'other'");
  EXPECT_EQ(error_of([&] { merge_lora(net, "other"); }), "merge_lora: no layer has an adapter 'other'");
}

}  // namespace
}  // namespace roux
