#include "nn/parallel/sharded_parameters.h"

#include <memory>
#include <string>
#include <vector>

#include "autograd/autograd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nn/block.h"
#include "nn/models/transformer.h"
#include "nn/parallel/gradient_reducer.h"
#include "nn/weights.h"
#include "optim/optimizer.h"
#include "tensor/comm/ranks_test_util.h"
#include "tensor/device.h"
#include "tensor/error_of.h"
#include "tensor/generator.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"

namespace roux {
namespace {

using testing::HasSubstr;

constexpr int64_t kLayers = 3;

std::unique_ptr<Transformer> model_of(uint64_t seed, Device device = kCpu) {
  Generator generator(seed);
  TransformerConfig config;
  config.vocab_size = 11, config.hidden_size = 8, config.intermediate_size = 12;
  config.num_hidden_layers = kLayers, config.num_attention_heads = 2;
  return std::make_unique<Transformer>(config, Init{&generator, 0.2, kF64, device});
}

std::vector<const Module*> blocks_of(const Transformer& model) {
  std::vector<const Module*> blocks;
  for (int64_t i = 0; i < kLayers; ++i) blocks.push_back(&model.block(i));
  return blocks;
}

Tensor ids(int rank) {
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < 6; ++i) tokens.push_back((3 * i + rank) % 11);
  return tensor(tokens, {1, 6});
}

Tensor loss_of(const Transformer& model, int rank) { return model.loss_sum(ids(rank), ids(rank + 1)); }

std::vector<std::vector<double>> values_of(const Transformer& model) {
  std::vector<std::vector<double>> values;
  for (const auto& [name, x] : model.named_parameters()) values.push_back(x.to_vector<double>());
  return values;
}

int whole_blocks(const Transformer& model) {
  int whole = 0;
  for (int64_t i = 0; i < kLayers; ++i) {
    whole += model.block(i).named_parameters()[0].second.device() == Device(kCpu);
  }
  return whole;
}

// Two steps of AdamW with clipping on the losses of all ranks, by one process.
std::vector<std::vector<double>> trained_alone(int ranks) {
  const auto model = model_of(3);
  AdamW optimizer({{model->named_parameters()}}, {.weight_decay = 0.1});
  for (int step = 0; step < 2; ++step) {
    for (int rank = 0; rank < ranks; ++rank) backward(loss_of(*model, rank + step));
    optimizer.step({.lr = 0.01, .max_grad_norm = 0.5});
    optimizer.zero_grad();
  }
  return values_of(*model);
}

TEST(Ranks, TrainAsOneDoesAndHoldOneBlockAtATime) {
  const int ranks = world().size();
  const auto model = model_of(3);
  const ShardOptimizerStates divided(world());
  AdamW optimizer({{model->named_parameters()}}, {.weight_decay = 0.1});
  ShardedParameters sharded(world(), blocks_of(*model));
  EXPECT_EQ(whole_blocks(*model), 0);
  for (int step = 0; step < 2; ++step) {
    GradientReducer reducer(
        world(), optimizer.parameters(),
        [&](size_t i, const Tensor& slice) { optimizer.set_grad_slice(i, slice); }, 256);
    const Tensor loss = loss_of(*model, world().rank() + step);
    EXPECT_EQ(whole_blocks(*model), 1);  // the last that ran
    reducer.start();
    backward(loss);
    EXPECT_EQ(whole_blocks(*model), 1);
    reducer.finish();
    optimizer.step({.lr = 0.01, .max_grad_norm = 0.5});
    EXPECT_EQ(whole_blocks(*model), 0);
    optimizer.zero_grad();
  }
  const std::vector<std::vector<double>> expected = trained_alone(ranks);
  const NamedTensors parameters = model->named_parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    EXPECT_THAT(whole_value(parameters[i].second).to_vector<double>(),
                testing::Pointwise(testing::DoubleNear(1e-12), expected[i]))
        << parameters[i].first;
  }
  EXPECT_EQ(whole_blocks(*model), 0);
  sharded.make_whole();
  EXPECT_EQ(whole_blocks(*model), kLayers);
  const std::vector<std::vector<double>> values = values_of(*model);
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_THAT(values[i], testing::Pointwise(testing::DoubleNear(1e-12), expected[i]));
  }
}

TEST(Ranks, EvaluationGathersAndAReadOutsideOfABlockFails) {
  const auto model = model_of(3);
  const double expected = loss_of(*model, 0).item();
  ShardedParameters sharded(world(), blocks_of(*model));
  {
    const NoGradGuard no_grad;
    EXPECT_EQ(loss_of(*model, 0).item(), expected);
  }
  EXPECT_EQ(whole_blocks(*model), 1);
  const Tensor first = model->block(0).named_parameters()[0].second;
  EXPECT_THAT(error_of([&] { first.to_vector<double>(); }), HasSubstr("meta"));
  sharded.make_whole();
  EXPECT_EQ(loss_of(*model, 0).item(), expected);
}

TEST(Ranks, ThatAreAtDifferentBlocksAreFound) {
  const auto model = model_of(3);
  ShardedParameters sharded(world(), blocks_of(*model));
  const int64_t block = world().rank() == 1 ? 2 : 1;
  EXPECT_THAT(error_of([&] { sharded.gather(model->block(block)); }), HasSubstr("is at block"));
}

TEST(Ranks, WhatOthersShareStaysWhole) {
  const auto model = model_of(3);
  freeze(*model, {"*"});
  const Transformer reference(*model, Weights::kShared);
  const ShardedParameters sharded(world(), blocks_of(*model));
  EXPECT_EQ(whole_blocks(*model), kLayers);
}

TEST(Alone, OnMetaABlockIsCountedWhileItRuns) {
  const auto model = model_of(3, kMeta);
  const int64_t before = memory_stats(kMeta).current;
  ShardedParameters sharded(world(), blocks_of(*model));
  EXPECT_EQ(memory_stats(kMeta).current, before);  // one rank has all slices
  sharded.gather(model->block(0));
  const int64_t with_one = memory_stats(kMeta).current;
  EXPECT_GT(with_one, before);
  sharded.gather(model->block(1));
  EXPECT_EQ(memory_stats(kMeta).current, with_one);
  sharded.slices_changed();
  EXPECT_EQ(memory_stats(kMeta).current, before);
  EXPECT_THAT(error_of([&] { ShardedParameters(world(), {}); }), HasSubstr("there are some already"));
}

}  // namespace
}  // namespace roux

int main(int argc, char** argv) { return roux::ranks_test_main(argc, argv, {2, 3}); }
