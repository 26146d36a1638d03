#include "nn/module.h"

#include <gtest/gtest.h>

#include "autograd/autograd.h"
#include "nn/layers.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

// model.layers.<i>.mlp.{up_proj,down_proj}, where down_proj can be given a wrong width.
class Mlp final : public ModuleOf<Mlp> {
 public:
  Mlp(int64_t d, int64_t inner, const Init& init)
      : up_proj(d, 16, false, init), down_proj(inner, d, true, init) {
    register_module("up_proj", up_proj);
    register_module("down_proj", down_proj);
  }
  Tensor forward(const Tensor& x) const { return down_proj(up_proj(x)); }
  std::string pretty_print() const override { return "Mlp"; }
  Linear up_proj, down_proj;
};

class Layer final : public ModuleOf<Layer> {
 public:
  Layer(int64_t inner, const Init& init) : mlp(8, inner, init) { register_module("mlp", mlp); }
  Tensor forward(const Tensor& x) const { return x + mlp(x); }
  std::string pretty_print() const override { return "Layer"; }
  Mlp mlp;
};

class Model final : public ModuleOf<Model> {
 public:
  explicit Model(int64_t inner, const Init& init)
      : layers(2, [&](int64_t) { return std::make_unique<Layer>(inner, init); }) {
    register_module("layers", layers);
    register_buffer("shift", &shift_, full({1}, 0.5));
    register_buffer("scratch", &scratch_, zeros({1}), false);
  }
  Tensor forward(const Tensor& x) const { return layers[1](layers[0](x)) + shift_; }
  std::string pretty_print() const override { return "Model"; }
  ModuleList<Layer> layers;

 private:
  Tensor shift_, scratch_;
};

class Root final : public ModuleOf<Root> {
 public:
  explicit Root(int64_t inner = 16, DType dtype = kF32) : model(inner, {&generator_, 0.1, dtype}) {
    register_module("model", model);
  }
  Tensor forward(const Tensor& x) const { return model(x); }
  std::string pretty_print() const override { return "Root"; }

 private:
  Generator generator_{3};

 public:
  Model model;
};

class Tied final : public ModuleOf<Tied> {
 public:
  Tied() {
    register_parameter("weight", &weight_, full({4, 2}, 1));
    register_parameter("head", &head_, weight_);
  }
  Tensor forward(const Tensor& x) const { return linear(x, weight_); }
  std::string pretty_print() const override { return "Tied"; }

 private:
  Tensor weight_, head_;
};

// Lets a test register what it likes.
class Free final : public ModuleOf<Free> {
 public:
  using Module::register_buffer;
  using Module::register_module;
  using Module::register_parameter;
  std::string pretty_print() const override { return "Free"; }
};

std::vector<std::string> names(const NamedTensors& tensors) {
  std::vector<std::string> out;
  for (const auto& entry : tensors) out.push_back(entry.first);
  return out;
}

TEST(Module, NamesAreJoinedPaths) {
  Root root;
  const std::vector<std::string> expected = {
      "model.layers.0.mlp.up_proj.weight",   "model.layers.0.mlp.down_proj.weight",
      "model.layers.0.mlp.down_proj.bias",   "model.layers.1.mlp.up_proj.weight",
      "model.layers.1.mlp.down_proj.weight", "model.layers.1.mlp.down_proj.bias"};
  EXPECT_EQ(names(root.named_parameters()), expected);
  std::vector<std::string> with_buffer = expected;
  with_buffer.insert(with_buffer.begin(), "model.shift");  // scratch is not persistent
  EXPECT_EQ(names(root.state_dict()), with_buffer);
  EXPECT_EQ(root.num_parameters(), 2 * (16 * 8 + 8 * 16 + 8));
  EXPECT_EQ(root.model.layers[1].mlp.path(), "model.layers.1.mlp");
  EXPECT_EQ(root.path(), "");
  for (const Tensor& parameter : root.parameters()) EXPECT_TRUE(parameter.requires_grad());
}

TEST(Module, TreePrintsOneLineAModule) {
  Root root;
  EXPECT_EQ(root.tree(),
            "Root\n"
            "  model: Model\n"
            "    layers: ModuleList of 2\n"
            "      0: Layer\n"
            "        mlp: Mlp\n"
            "          up_proj: Linear 8 -> 16, no bias\n"
            "          down_proj: Linear 16 -> 8\n"
            "      1: Layer\n"
            "        mlp: Mlp\n"
            "          up_proj: Linear 8 -> 16, no bias\n"
            "          down_proj: Linear 16 -> 8\n");
}

TEST(Module, ErrorsHaveOneLineALevel) {
  Root root(15);
  const std::string error = error_of([&] { root(ones({3, 8})); });
  EXPECT_EQ(error.substr(0, error.find(':')), "linear");
  const std::string levels = error.substr(error.find("\n  in "));
  EXPECT_EQ(levels,
            "\n  in model.layers.0.mlp.down_proj (Linear 15 -> 8)"
            "\n  in model.layers.0.mlp (Mlp)"
            "\n  in model.layers.0 (Layer)"
            "\n  in model (Model)"
            "\n  in Root");
  EXPECT_NE(error.find("f32[3,16]"), std::string::npos) << error;
  EXPECT_NE(error.find("f32[8,15]"), std::string::npos) << error;
}

TEST(Module, StateDictRoundTrip) {
  Root from, to;
  {
    NoGradGuard no_grad;
    for (const auto& [name, x] : from.state_dict()) copy_(x, arange(0, x.numel()).view(x.shape()) * 0.01);
  }
  ASSERT_TRUE(to.load_state_dict(from.state_dict()).ok());
  const NamedTensors a = from.state_dict(), b = to.state_dict();
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].second.to_vector<float>(), b[i].second.to_vector<float>()) << a[i].first;
    EXPECT_NE(a[i].second.raw_data(), b[i].second.raw_data());
  }
  EXPECT_EQ(to(ones({1, 8})).to_vector<float>(), from(ones({1, 8})).to_vector<float>());
  for (const Tensor& parameter : to.parameters()) EXPECT_TRUE(parameter.requires_grad());
}

TEST(Module, LoadCastsToTheParameter) {
  Root f32, f64(16, kF64);
  NamedTensors rounded;
  for (const auto& [name, x] : f32.state_dict()) rounded.emplace_back(name, x.detach().to(kBF16));
  ASSERT_TRUE(f64.load_state_dict(rounded).ok());
  EXPECT_EQ(f64.parameters()[0].dtype(), kF64);
  EXPECT_EQ(f64.parameters()[0].to_vector<double>(), rounded[1].second.to_vector<double>());
}

TEST(Module, LoadNamesWhatDoesNotFitAndChangesNothing) {
  Root root;
  std::vector<std::vector<float>> before;
  for (const auto& entry : root.state_dict()) before.push_back(entry.second.to_vector<float>());
  NamedTensors good;
  for (const auto& [name, x] : root.state_dict()) good.emplace_back(name, zeros(x.shape()));
  const auto message = [&](const NamedTensors& state) {
    return std::string(root.load_state_dict(state).message());
  };

  NamedTensors missing(good.begin() + 2, good.end());
  EXPECT_EQ(message(missing), "state_dict: 2 missing: model.shift, model.layers.0.mlp.up_proj.weight");
  NamedTensors unknown = good;
  unknown.emplace_back("model.layers.2.mlp.up_proj.weight", zeros({16, 8}));
  EXPECT_EQ(message(unknown), "state_dict: 1 unknown: model.layers.2.mlp.up_proj.weight");
  NamedTensors wrong = good;
  wrong[1].second = zeros({8, 16});
  EXPECT_EQ(message(wrong),
            "state_dict: model.layers.0.mlp.up_proj.weight is f32[8,16], the module needs f32[16,8]");
  wrong.erase(wrong.begin());
  wrong.emplace_back("a", zeros({}));
  wrong.emplace_back("b", zeros({}));
  EXPECT_EQ(
      message(wrong),
      "state_dict: model.layers.0.mlp.up_proj.weight is f32[8,16], the module needs f32[16,8]; 1 missing: "
      "model.shift; 2 unknown: a, b");

  const NamedTensors after = root.state_dict();
  for (size_t i = 0; i < after.size(); ++i) EXPECT_EQ(after[i].second.to_vector<float>(), before[i]);
  EXPECT_EQ(message(good), "");
  EXPECT_EQ(root.parameters()[0].to_vector<float>(), std::vector<float>(128, 0));
}

TEST(Module, TiedParameterIsListedOnceAndLoadsUnderEitherName) {
  Tied tied;
  EXPECT_EQ(names(tied.named_parameters()), (std::vector<std::string>{"weight"}));
  EXPECT_EQ(names(tied.state_dict()), (std::vector<std::string>{"weight"}));
  EXPECT_EQ(tied.num_parameters(), 8);
  ASSERT_TRUE(tied.load_state_dict({{"head", full({4, 2}, 2)}}).ok());
  EXPECT_EQ(tied.parameters()[0].to_vector<float>(), std::vector<float>(8, 2));
  ASSERT_TRUE(tied.load_state_dict({{"weight", full({4, 2}, 3)}}).ok());
  EXPECT_EQ(tied.parameters()[0].to_vector<float>(), std::vector<float>(8, 3));
  ASSERT_TRUE(tied.load_state_dict({{"weight", full({4, 2}, 4)}, {"head", full({4, 2}, 4)}}).ok());
  EXPECT_FALSE(tied.load_state_dict({}).ok());
}

TEST(Module, NamesAreUniqueAndHaveNoDot) {
  Free parent, other, child;
  Tensor a;
  parent.register_parameter("a", &a, ones({1}));
  EXPECT_EQ(error_of([&] { parent.register_parameter("a", &a, ones({1})); }),
            "register: the name a is taken");
  EXPECT_EQ(error_of([&] { parent.register_buffer("a", &a, ones({1})); }), "register: the name a is taken");
  EXPECT_EQ(error_of([&] { parent.register_module("a", child); }), "register: the name a is taken");
  EXPECT_EQ(error_of([&] { parent.register_parameter("b.c", &a, ones({1})); }),
            "register: the name \"b.c\" is empty or contains a dot");
  EXPECT_NE(error_of([&] { parent.register_parameter("", &a, ones({1})); }), "no error");
  parent.register_module("child", child);
  EXPECT_EQ(error_of([&] { other.register_module("adopted", child); }),
            "register: the module for adopted has a parent already, as child");
}

TEST(Module, TrainingModeAndGradientsReachEveryModule) {
  Root root;
  EXPECT_TRUE(root.model.layers[1].mlp.up_proj.training());
  root.eval();
  EXPECT_FALSE(root.model.layers[1].mlp.up_proj.training());
  root.train();
  EXPECT_TRUE(root.model.layers[1].mlp.up_proj.training());

  backward(sum(root(ones({2, 8}))));
  for (const Tensor& parameter : root.parameters()) EXPECT_TRUE(parameter.grad().defined());
  root.zero_grad();
  for (const Tensor& parameter : root.parameters()) EXPECT_FALSE(parameter.grad().defined());
}

// Rows of mean 0 and mean square 1: with an eps of 1 the norms divide by the root of 2, with one of 3 by 2.
TEST(Layers, NormsTakeTheirEps) {
  Generator generator(1);
  const Init init{&generator};
  const Tensor x = tensor(std::vector<float>{1, -1, 1, -1}, {1, 4});
  for (const NormKind kind : {NormKind::kLayer, NormKind::kRms, NormKind::kRmsPlusOne}) {
    EXPECT_FLOAT_EQ(Norm(kind, 4, 3, init)(x).to_vector<float>()[0], 0.5f);
    EXPECT_FLOAT_EQ(Norm(kind, 4, 1, init)(x).to_vector<float>()[1], -0.70710678f);
  }
}

// Without a generator nothing can be drawn: weights are 0.
TEST(Layers, WithoutAGeneratorWeightsAreZero) {
  const Linear layer(3, 2, true, {.generator = nullptr});
  EXPECT_EQ(layer.weight().to_vector<float>(), std::vector<float>(6, 0));
}

}  // namespace
}  // namespace roux
