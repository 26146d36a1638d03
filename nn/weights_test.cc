#include "nn/weights.h"

#include <gtest/gtest.h>

#include <map>

#include "autograd/autograd.h"
#include "nn/layers.h"
#include "optim/optimizer.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

// A language model in small: embedding, two layers, an output weight that may be tied to the embedding, and a
// buffer.
class Net final : public ModuleOf<Net> {
 public:
  Net(bool tied, const Init& init)
      : tied_(tied),
        embed(5, 4, init),
        layers(2, [&](int64_t) { return std::make_unique<Linear>(4, 4, true, init); }) {
    register_module("embed", embed);
    register_module("layers", layers);
    register_parameter("head", &head_, tied ? embed.weight() : init_normal({5, 4}, init));
    register_buffer("shift", &shift_, full({1}, 0.5, init.dtype, init.device));
  }
  Net(const Net& from, Weights weights) : Net(from.tied_, Init{.generator = nullptr, .device = kMeta}) {
    take_weights(from, *this, weights);
  }
  Tensor forward(const Tensor& ids) const { return linear(layers[1](layers[0](embed(ids))), head_) + shift_; }
  std::string pretty_print() const override { return "Net"; }

 private:
  bool tied_;
  Tensor head_, shift_;

 public:
  Embedding embed;
  ModuleList<Linear> layers;
};

class Free final : public ModuleOf<Free> {
 public:
  using Module::register_buffer;
  using Module::register_parameter;
  std::string pretty_print() const override { return "Free"; }
};

Init init_of(Generator& generator) { return {&generator, 0.3}; }

Tensor ids() { return tensor(std::vector<int32_t>{0, 3, 4, 1}, {2, 2}); }

std::vector<float> values(const Tensor& x) { return x.to_vector<float>(); }

std::vector<std::string> names(const NamedTensors& tensors) {
  std::vector<std::string> out;
  for (const auto& entry : tensors) out.push_back(entry.first);
  return out;
}

std::map<std::string, std::vector<float>> all_values(const Module& m) {
  std::map<std::string, std::vector<float>> out;
  for (const auto& [name, x] : m.state_dict()) out[name] = values(x);
  return out;
}

void fill(const Tensor& x, double value) {
  NoGradGuard no_grad;
  fill_(x, value);
}

std::string message(const absl::StatusOr<LoadReport>& report) {
  return std::string(report.status().message());
}

TEST(Weights, ParameterIsFoundUnderEachOfItsNames) {
  Generator generator(1);
  Net net(true, init_of(generator));
  EXPECT_EQ(parameter(net, "head").impl(), parameter(net, "embed.weight").impl());
  EXPECT_EQ(parameter(net, "layers.1.bias").impl(), parameter(net.layers[1], "bias").impl());
  EXPECT_EQ(error_of([&] { parameter(net, "layers.2.bias"); }),
            "parameter: there is no layers.2.bias among 6 names");
  EXPECT_NE(error_of([&] { parameter(net, "shift"); }), "no error");  // a buffer
}

TEST(Weights, SetParameterChangesTheSlotAndWhatIsTiedToIt) {
  Generator generator(1);
  Net net(true, init_of(generator));
  const Tensor value = full({5, 4}, 2);
  set_parameter(net, "head", value);
  EXPECT_EQ(values(net.embed.weight()), std::vector<float>(20, 2));
  EXPECT_EQ(net.embed.weight().impl(), parameter(net, "head").impl());
  EXPECT_TRUE(net.embed.weight().requires_grad());
  EXPECT_FALSE(value.requires_grad());  // the slot has an alias
  fill(value, 3);
  EXPECT_EQ(values(net.embed.weight()), std::vector<float>(20, 3));
  EXPECT_EQ(names(net.named_parameters()).size(), 5u);

  freeze(net, {"layers.0.weight"});
  set_parameter(net, "layers.0.weight", zeros({4, 4}));
  EXPECT_FALSE(parameter(net, "layers.0.weight").requires_grad());
  set_parameter(net, "layers.0.bias", tensor(std::vector<int32_t>(4), {4}));
  EXPECT_FALSE(parameter(net, "layers.0.bias").requires_grad());
  const Tensor recorded = net.embed.weight() * 2.0;
  EXPECT_EQ(error_of([&] { set_parameter(net, "head", recorded); }),
            "set_parameter: the value for head, f32[5,4], is part of a graph; detach() it");
  EXPECT_NE(error_of([&] { set_parameter(net, "body", value); }), "no error");
}

// Forward reads the slot; a vocabulary may grow.
TEST(Weights, ForwardSeesWhatIsInTheSlot) {
  Generator generator(1);
  Net net(true, init_of(generator));
  set_parameter(net, "embed.weight", zeros({7, 4}));
  const Tensor logits = net(ids());
  EXPECT_EQ(logits.shape(), (Shape{2, 2, 7}));
  backward(sum(logits));
  EXPECT_EQ(net.embed.weight().grad().shape(), (Shape{7, 4}));
}

TEST(Weights, SharedTwinIsTheSameMemoryFrozen) {
  Generator generator(1);
  for (const bool tied : {false, true}) {
    Net base(tied, init_of(generator));
    const int64_t before = memory_stats(kCpu).current;
    Net twin(base, Weights::kShared);
    Net second(base, Weights::kShared);
    EXPECT_EQ(memory_stats(kCpu).current, before);
    EXPECT_EQ(names(twin.state_dict()), names(base.state_dict()));
    EXPECT_EQ(values(twin(ids())), values(base(ids())));
    EXPECT_TRUE(trainable(twin).empty());
    EXPECT_FALSE(twin(ids()).requires_grad());
    EXPECT_EQ(names(trainable(base)), names(base.named_parameters()));
    EXPECT_EQ(twin.embed.weight().raw_data(), base.embed.weight().raw_data());
    EXPECT_EQ(tied, parameter(twin, "head").impl() == parameter(twin, "embed.weight").impl());

    AdamW adam({{trainable(base)}}, {});
    backward(sum(base(ids())));
    adam.step({.lr = 0.1});
    EXPECT_EQ(all_values(twin), all_values(base));
    unfreeze(twin, {"layers.1.*"});
    EXPECT_EQ(names(trainable(twin)), (std::vector<std::string>{"layers.1.weight", "layers.1.bias"}));
    EXPECT_FALSE(parameter(second, "layers.1.bias").requires_grad());
  }
}

TEST(Weights, CopiedTwinIsOnItsOwnAndTrainsWhatTheFirstTrained) {
  Generator generator(1);
  for (const bool tied : {false, true}) {
    Net base(tied, init_of(generator));
    freeze(base, {"layers.0.*"});
    const auto start = all_values(base);
    Net arm(base, Weights::kCopied);
    EXPECT_EQ(all_values(arm), start);
    EXPECT_EQ(names(trainable(arm)), names(trainable(base)));
    EXPECT_EQ(tied, parameter(arm, "head").impl() == parameter(arm, "embed.weight").impl());
    AdamW adam({{trainable(arm)}}, {});
    backward(sum(arm(ids())));
    adam.step({.lr = 0.1});
    for (const auto& [name, x] : arm.state_dict()) {
      if (name == "shift") fill(x, 9);
    }
    EXPECT_EQ(all_values(base), start);
    for (const auto& [name, after] : all_values(arm)) {
      EXPECT_EQ(after == start.at(name), name.rfind("layers.0.", 0) == 0) << name;
    }
  }
}

TEST(Weights, TwinNeedsTheSameNames) {
  Free from, to;
  Tensor a, b, c;
  from.register_parameter("a", &a, ones({1}));
  to.register_parameter("a", &b, ones({1}));
  to.register_parameter("c", &c, ones({1}));
  EXPECT_EQ(error_of([&] { take_weights(from, to, Weights::kShared); }),
            "take_weights: there is no c among 1 names");
  EXPECT_NE(b.raw_data(), a.raw_data());
  Free empty, nothing;
  take_weights(empty, nothing, Weights::kCopied);
}

TEST(Weights, ShareByPatternThenOwn) {
  Generator generator(1);
  Net base(true, init_of(generator)), other(true, init_of(generator));
  const auto layer = values(other.layers[0].weight());
  share(base, other, {"embed.weight", "layers.1.*"});
  EXPECT_EQ(parameter(other, "head").raw_data(), base.embed.weight().raw_data());  // it is tied
  EXPECT_EQ(parameter(other, "head").impl(), other.embed.weight().impl());
  EXPECT_EQ(values(other.layers[0].weight()), layer);
  EXPECT_EQ(names(trainable(other)), (std::vector<std::string>{"layers.0.weight", "layers.0.bias"}));
  own(other, {"head"});
  EXPECT_EQ(values(other.embed.weight()), values(base.embed.weight()));
  EXPECT_NE(other.embed.weight().raw_data(), base.embed.weight().raw_data());
  EXPECT_EQ(parameter(other, "head").impl(), other.embed.weight().impl());
  EXPECT_TRUE(other.embed.weight().requires_grad());
  EXPECT_FALSE(other.layers[1].weight().requires_grad());
}

TEST(Weights, ShareThatDoesNotFitChangesNothing) {
  Generator generator(1);
  Net tied(true, init_of(generator)), untied(false, init_of(generator));
  const auto start = all_values(tied);
  EXPECT_EQ(error_of([&] { share(untied, tied); }),
            "share: embed.weight is tied to another name in the module that takes it, but not in the one "
            "that gives it");
  EXPECT_EQ(all_values(tied), start);
  EXPECT_EQ(trainable(tied).size(), 5u);
  share(tied, untied);  // takes the tie too
  EXPECT_EQ(untied.named_parameters().size(), 5u);
  EXPECT_EQ(parameter(untied, "head").impl(), untied.embed.weight().impl());

  Linear narrow(3, 4, true, init_of(generator));
  EXPECT_EQ(error_of([&] { share(narrow, tied.layers[0]); }),
            "share: weight is f32[4,3], in the module that takes it f32[4,4]");
  EXPECT_EQ(error_of([&] { share(tied, narrow, {"head"}); }), "share: there is no head among 2 names");
  EXPECT_EQ(error_of([&] { share(narrow, narrow, {"wight"}); }),
            "share: the pattern wight matches none of 2 names: weight, bias");
}

TEST(Weights, FreezingByPattern) {
  Generator generator(1);
  Net net(true, init_of(generator));
  backward(sum(net(ids())));
  EXPECT_EQ(freeze(net, {"head", "layers.{0..1}.bias"}), 3);  // head is embed.weight
  EXPECT_EQ(names(trainable(net)), (std::vector<std::string>{"layers.0.weight", "layers.1.weight"}));
  EXPECT_FALSE(net.embed.weight().grad().defined());  // an old optimizer would step on with it
  EXPECT_TRUE(net.layers[0].weight().grad().defined());
  const auto embedding = values(net.embed.weight());
  backward(sum(net(ids())));
  EXPECT_FALSE(net.embed.weight().grad().defined());

  EXPECT_EQ(train_only(net, {"*.bias"}), 2);
  EXPECT_EQ(names(trainable(net)), (std::vector<std::string>{"layers.0.bias", "layers.1.bias"}));
  EXPECT_EQ(unfreeze(net, {"embed.*"}), 1);
  EXPECT_EQ(names(trainable(net)), (std::vector<std::string>{"head", "layers.0.bias", "layers.1.bias"}));
  EXPECT_EQ(error_of([&] { freeze(net, {"shift"}); }),  // a buffer
            "freeze: the pattern shift matches none of 6 names: head, embed.weight, layers.0.weight, "
            "layers.0.bias, layers.1.weight, ...");
}

// An optimizer that was made before leaves frozen parameters where they are, its decay too.
TEST(Weights, FrozenParametersDoNotMove) {
  Generator generator(1);
  Net net(false, init_of(generator));
  AdamW adam({{net.named_parameters()}}, {.weight_decay = 0.5});
  backward(sum(net(ids())));
  freeze(net, {"embed.*"});
  const auto before = all_values(net);
  adam.step({.lr = 0.1});
  const auto after = all_values(net);
  EXPECT_EQ(after.at("embed.weight"), before.at("embed.weight"));
  EXPECT_NE(after.at("head"), before.at("head"));
}

TEST(Load, OnlyWhatThePatternsNameIsLoaded) {
  Generator generator(1);
  Net from(false, init_of(generator)), to(false, init_of(generator));
  const auto start = all_values(to), wanted = all_values(from);
  const auto report = load(to, from.state_dict(), {.only = {"layers.1.*"}});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->loaded, (std::vector<std::string>{"layers.1.weight", "layers.1.bias"}));
  EXPECT_TRUE(report->missing.empty());
  EXPECT_TRUE(report->unexpected.empty());
  for (const auto& [name, after] : all_values(to)) {
    const bool loaded = name.rfind("layers.1.", 0) == 0;
    EXPECT_EQ(after, (loaded ? wanted : start).at(name)) << name;
  }
  EXPECT_EQ(message(load(to, {{"head", zeros({5, 4})}}, {.only = {"layers.*.bias"}})),
            "state_dict: 2 missing: layers.0.bias, layers.1.bias");
  EXPECT_EQ(message(load(to, {{"layers.7.bias", zeros({4})}}, {.only = {"layers.*.bias"}, .partial = true})),
            "state_dict: none of 1 entries fits, the first is layers.7.bias");
  EXPECT_NE(error_of([&] { load(to, {}, {.only = {"layer.*"}}).IgnoreError(); }), "no error");
}

TEST(Load, PartialSaysWhatIsMissingAndUnexpected) {
  Generator generator(1);
  Net net(true, init_of(generator));
  const NamedTensors state{{"head", full({5, 4}, 2)}, {"layers.0.bias", ones({4})}, {"extra", ones({1})}};
  const auto start = all_values(net);
  EXPECT_EQ(
      message(load(net, state)),
      "state_dict: 4 missing: shift, layers.0.weight, layers.1.weight, layers.1.bias; 1 unknown: extra");
  EXPECT_EQ(all_values(net), start);
  const auto report = load(net, state, {.partial = true});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->loaded, (std::vector<std::string>{"head", "embed.weight", "layers.0.bias"}));
  EXPECT_EQ(report->missing,
            (std::vector<std::string>{"shift", "layers.0.weight", "layers.1.weight", "layers.1.bias"}));
  EXPECT_EQ(report->unexpected, (std::vector<std::string>{"extra"}));
  EXPECT_EQ(values(net.embed.weight()), std::vector<float>(20, 2));
  // A shape that differs is an error all the same.
  EXPECT_EQ(message(load(net, {{"head", ones({5, 4})}, {"shift", ones({2})}}, {.partial = true})),
            "state_dict: shift is f32[2], the module needs f32[1]");
  EXPECT_EQ(values(net.embed.weight()), std::vector<float>(20, 2));
  EXPECT_EQ(message(load(net, {{"shift", ones({1})}, {"shift", ones({1})}}, {.partial = true})),
            "state_dict: shift is given twice");
}

TEST(Load, MapPutsTheTensorsThemselvesIntoTheSlots) {
  Net net(true, Init{.generator = nullptr, .device = kMeta});
  freeze(net, {"layers.0.*"});
  Generator generator(1);
  const Net from(true, {&generator, 0.3, kF64});
  const int64_t before = memory_stats(kCpu).current;
  const auto report = load(net, from.state_dict(), {.map = true});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(memory_stats(kCpu).current, before);
  EXPECT_EQ(report->loaded.size(), 7u);
  EXPECT_EQ(net.embed.weight().dtype(), kF64);
  EXPECT_EQ(net.embed.weight().raw_data(), from.embed.weight().raw_data());
  EXPECT_NE(net.embed.weight().impl(), from.embed.weight().impl());
  EXPECT_EQ(net.embed.weight().impl(), parameter(net, "head").impl());
  EXPECT_EQ(names(trainable(net)), (std::vector<std::string>{"head", "layers.1.weight", "layers.1.bias"}));
  freeze(net, {"*"});
  EXPECT_TRUE(from.embed.weight().requires_grad());
}

TEST(Load, TiedNamesWithDifferentValuesAreAnError) {
  Generator generator(1);
  Net net(true, init_of(generator));
  NamedTensors state = net.state_dict();
  state.emplace_back("embed.weight", net.embed.weight());  // listed as head
  EXPECT_TRUE(load(net, state).ok());
  state.back().second = ones({5, 4});
  const auto start = all_values(net);
  for (const bool map : {false, true}) {
    EXPECT_EQ(
        message(load(net, state, {.map = map})),
        "state_dict: head and embed.weight share memory in the module, the values given for them differ");
  }
  EXPECT_EQ(all_values(net), start);
  state.back().second = net.embed.weight().detach().to(kF64);  // another dtype, the same values
  EXPECT_TRUE(load(net, state).ok());
}

// b is the second row of a's [2, 3].
TEST(Load, ParametersThatOverlapHoldWhatTheyWereGiven) {
  Free m;
  Tensor a, b, c;
  const Tensor memory = zeros({2, 4});
  m.register_parameter("a", &a, memory.slice(1, 0, 3));
  m.register_parameter("b", &b, memory.slice(0, 1, 2).slice(1, 0, 3));
  m.register_parameter("c", &c, memory.slice(1, 3, 4));  // between a's rows, of no place in common
  const Tensor whole = tensor(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  const NamedTensors good{{"a", whole}, {"b", whole.slice(0, 1, 2)}, {"c", full({2, 1}, 7)}};
  ASSERT_TRUE(m.load_state_dict(good).ok());
  EXPECT_EQ(values(memory), (std::vector<float>{1, 2, 3, 7, 4, 5, 6, 7}));
  NamedTensors bad = good;
  bad[1].second = whole.slice(0, 0, 1);
  bad[2].second = full({2, 1}, 8);
  EXPECT_EQ(std::string(m.load_state_dict(bad).message()),
            "state_dict: a and b share memory in the module, the values given for them differ");
  EXPECT_EQ(values(memory), (std::vector<float>{1, 2, 3, 7, 4, 5, 6, 7}));
}

// Each entry is read before any is written.
TEST(Load, AStateMayHoldTheModulesOwnTensors) {
  Free m;
  Tensor a, b;
  m.register_parameter("a", &a, full({3}, 1));
  m.register_parameter("b", &b, full({3}, 2));
  ASSERT_TRUE(m.load_state_dict({{"a", b}, {"b", a}}).ok());
  EXPECT_EQ(values(a), std::vector<float>(3, 2));
  EXPECT_EQ(values(b), std::vector<float>(3, 1));
  ASSERT_TRUE(m.load_state_dict(m.state_dict()).ok());
  EXPECT_EQ(values(a), std::vector<float>(3, 2));
}

}  // namespace
}  // namespace roux
