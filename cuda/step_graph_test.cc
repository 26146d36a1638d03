// StepGraph on every device of this machine: a captured training step gives the bits of an eager one, with a
// schedule, dropout, new batches and clipping; and what goes wrong inside leaves everything usable.
#include "tensor/step_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "autograd/autograd.h"
#include "optim/optimizer.h"
#include "tensor/error.h"
#include "tensor/error_of.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/loss.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/normalization.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"

namespace roux {
namespace {

using ::testing::HasSubstr;

std::vector<Device> devices() {
  std::vector<Device> found;
  for (Device device : {kCpu, kEmulated, Device{DeviceType::kCuda, 0}}) {
    if (device_count(device.type) > 0) found.push_back(device);
  }
  return found;
}

// A small language model and what trains it.
struct Training {
  explicit Training(Device device)
      : generator(5, device),
        embedding_weight(leaf({11, 8}, 0.5)),
        position_weight(leaf({6, 8}, 0.5)),
        norm_weight(leaf({8}, 1)),
        weight(leaf({11, 8}, 0.3)),
        bias(leaf({11}, 0.1)),
        optimizer(
            {{{{"embedding", embedding_weight}, {"norm", norm_weight}, {"weight", weight}, {"bias", bias}}}},
            {.weight_decay = 0.1}) {}
  Tensor leaf(const Shape& shape, double scale) {
    Tensor x = normal(shape, 0, scale, generator, kF32);
    x.set_requires_grad(true);
    return x;
  }
  Tensor step(const std::vector<Tensor>& batch, double lr) {
    optimizer.zero_grad();
    const Tensor positions = arange(0, batch[0].size(0), 1, kI64, batch[0].device());
    const Tensor embedded = embedding(embedding_weight, batch[0]) + embedding(position_weight, positions);
    const Tensor x = dropout(gelu(rms_norm(embedded, norm_weight)), 0.25, generator);
    const Tensor loss = cross_entropy(linear(x, weight, bias), batch[1]);
    backward(loss);
    const Tensor norm = optimizer.step({.lr = lr, .max_grad_norm = 0.5});
    return cat({loss.detach().to(kF64).view({1}), norm}, 0);
  }
  std::vector<std::vector<double>> values() const {
    std::vector<std::vector<double>> result;
    for (const Tensor& x : {embedding_weight, position_weight, norm_weight, weight, bias})
      result.push_back(x.to_vector<double>());
    for (const auto& [name, x] : optimizer.state_dict()) result.push_back(x.to_vector<double>());
    return result;
  }

  Generator generator;
  Tensor embedding_weight, position_weight, norm_weight, weight, bias;
  AdamW optimizer;
};

std::vector<Tensor> batch_of(int step) {
  std::vector<int64_t> ids, targets;
  for (int i = 0; i < 6; ++i) {
    ids.push_back((step * 5 + i * 3) % 11);
    targets.push_back((step + i * 7) % 11);
  }
  return {tensor(ids, {6}), tensor(targets, {6})};
}
double lr_of(int step) { return 0.1 / (1 + step); }

class StepGraphTest : public ::testing::TestWithParam<Device> {};

TEST_P(StepGraphTest, CapturedTrainingGivesTheBitsOfEagerTraining) {
  const Device device = GetParam();
  constexpr int kSteps = 6;
  Training eager(device), captured(device);
  std::vector<std::vector<double>> losses;
  for (int step = 0; step < kSteps; ++step) {
    std::vector<Tensor> batch = batch_of(step);
    for (Tensor& x : batch) x = x.to(device);
    losses.push_back(eager.step(batch, lr_of(step)).to_vector<double>());
    eager.generator.commit();
  }
  int calls = 0, step = 0;
  StepGraph graph(device,
                  [&](const std::vector<Tensor>& batch) {
                    ++calls;
                    return std::vector<Tensor>{captured.step(batch, lr_of(step))};
                  },
                  {.generators = {&captured.generator}});
  for (; step < kSteps; ++step) {
    captured.optimizer.set_lr(lr_of(step));
    EXPECT_EQ(graph.run(batch_of(step))[0].to_vector<double>(), losses[static_cast<size_t>(step)]) << step;
  }
  EXPECT_EQ(captured.values(), eager.values());
  EXPECT_EQ(captured.generator.state(), eager.generator.state());
  EXPECT_EQ(graph.captured(), device != kCpu);
  EXPECT_EQ(calls, device == kCpu ? kSteps : 2) << "one eager run and one captured";
}

// Whatever a step throws while it is captured: the parameters and the generator are as before, ordinary steps
// go on, and the next run captures.
TEST_P(StepGraphTest, AnExceptionInsideLeavesEverythingUsable) {
  const Device device = GetParam();
  if (device == kCpu) GTEST_SKIP() << "nothing is captured here";
  Training eager(device), captured(device);
  enum { kNone, kThrow, kRead, kUpload } fault = kNone;
  StepGraph graph(device,
                  [&](const std::vector<Tensor>& batch) {
                    const Tensor loss = captured.step(batch, 0.1);
                    if (fault == kThrow) throw Error("the step's own");
                    if (fault == kRead) (void)loss.to_vector<double>();
                    if (fault == kUpload) (void)tensor(std::vector<float>{1}, {1}, device);
                    return std::vector<Tensor>{loss};
                  },
                  {.generators = {&captured.generator}});
  const auto eager_step = [&](int step) {
    std::vector<Tensor> batch = batch_of(step);
    for (Tensor& x : batch) x = x.to(device);
    eager.step(batch, 0.1);
    eager.generator.commit();
  };
  graph.run(batch_of(0));
  eager_step(0);
  for (const auto& [kind, text] : {std::pair{kThrow, "the step's own"},
                                   {kRead, "while a step is captured nothing can be read"},
                                   {kUpload, "while a step is captured nothing can be uploaded"}}) {
    fault = kind;
    EXPECT_THAT(error_of([&] { graph.run(batch_of(1)); }), HasSubstr(text));
    EXPECT_FALSE(graph.captured());
    EXPECT_FALSE(capturing());
    EXPECT_EQ(captured.values(), eager.values()) << text;
    EXPECT_EQ(captured.generator.state(), eager.generator.state()) << text;
  }
  fault = kNone;
  for (int step = 1; step < 4; ++step) {
    graph.run(batch_of(step));
    eager_step(step);
  }
  EXPECT_TRUE(graph.captured());
  EXPECT_EQ(captured.values(), eager.values());
}

// A generator that begins afresh has another state tensor than the graph reads.
TEST_P(StepGraphTest, AGeneratorSetElsewhereIsFollowed) {
  const Device device = GetParam();
  Generator generator(3, device);
  StepGraph graph(device,
                  [&](const std::vector<Tensor>&) {
                    return std::vector<Tensor>{uniform({5}, 0, 1, generator), normal({3}, 0, 1, generator)};
                  },
                  {.generators = {&generator}});
  std::vector<std::vector<double>> drawn;
  for (int run = 0; run < 4; ++run) drawn.push_back(graph.run({})[1].to_vector<double>());
  EXPECT_EQ(std::set<std::vector<double>>(drawn.begin(), drawn.end()).size(), 4u);
  EXPECT_EQ(generator.state().offset, 8u);
  generator.set_state({3, 2});
  for (size_t run = 1; run < 4; ++run) EXPECT_EQ(graph.run({})[1].to_vector<double>(), drawn[run]) << run;
  (void)uniform({1}, 0, 1, generator);  // somebody else draws
  const GeneratorState before = generator.state();
  const std::vector<double> next = graph.run({})[0].to_vector<double>();
  Generator again(3, device);
  again.set_state(before);
  EXPECT_EQ(next, uniform({5}, 0, 1, again).to_vector<double>());
}

TEST_P(StepGraphTest, InputsKeepTheirSpecs) {
  const Device device = GetParam();
  StepGraph graph(device, [](const std::vector<Tensor>& in) { return std::vector<Tensor>{mul(in[0], 2.0)}; });
  for (float value : {1.0f, 2.0f, 3.0f}) {
    EXPECT_EQ(graph.run({full({2}, value, kF32, device)})[0].to_vector<float>(),
              std::vector<float>(2, 2 * value));
  }
  EXPECT_THAT(error_of([&] { graph.run({zeros({3}, kF32, device)}); }),
              HasSubstr("input 0 is f32[3], in the first run it was f32[2]"));
  EXPECT_THAT(error_of([&] { graph.run({}); }), HasSubstr("the step has 0 inputs, the first run had 1"));
  EXPECT_THAT(error_of([&] { StepGraph(device, nullptr, {.warm_up = -1}); }), HasSubstr("warm_up is -1"));
}

INSTANTIATE_TEST_SUITE_P(Devices, StepGraphTest, ::testing::ValuesIn(devices()),
                         [](const auto& info) { return std::string(name(info.param.type)); });

}  // namespace
}  // namespace roux
