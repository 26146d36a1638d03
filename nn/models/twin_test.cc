// Second models with the weights of a first.
#include <gtest/gtest.h>

#include <thread>

#include "autograd/autograd.h"
#include "nn/models/model_test_util.h"
#include "nn/models/transformer.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/elementwise.h"

namespace roux {
namespace {

using testing::same_bits;
using testing::some_ids;
using testing::tiny_configs;
using testing::tiny_llama;

TEST(Twin, SharedOnesTakeNoTensorMemoryAndSeeEveryUpdate) {
  for (const auto& [name, config] : tiny_configs()) {
    Generator generator(1);
    Transformer base(config, {&generator, 0.3});
    const Tensor ids = some_ids(2, 9);
    std::vector<std::unique_ptr<Transformer>> twins;
    const int64_t before = memory_stats(kCpu).current;
    for (int i = 0; i < 3; ++i) twins.push_back(std::make_unique<Transformer>(base, Weights::kShared));
    EXPECT_EQ(memory_stats(kCpu).current, before) << name;
    EXPECT_TRUE(same_bits(twins[2]->logits(ids), base.logits(ids))) << name;
    EXPECT_FALSE(twins[2]->logits(ids).requires_grad()) << name;
    EXPECT_EQ(trainable(base).size(), base.named_parameters().size()) << name;
    EXPECT_EQ(twins[0]->num_parameters(), base.num_parameters()) << name;

    const Tensor old = base.logits(ids).detach();
    {
      NoGradGuard no_grad;
      for (const Tensor& parameter : base.parameters()) copy_(parameter, parameter * 1.25);
    }
    EXPECT_FALSE(same_bits(base.logits(ids), old)) << name;
    EXPECT_TRUE(same_bits(twins[0]->logits(ids), base.logits(ids))) << name;
  }
}

TEST(Twin, CopiesGoTheirOwnWay) {
  for (const auto& [name, config] : tiny_configs()) {
    Generator generator(2);
    Transformer base(config, {&generator, 0.3});
    freeze(base, {"model.embed_tokens.*"});
    const Transformer arm(base, Weights::kCopied);
    const Tensor ids = some_ids(2, 9), before = base.logits(ids).detach();
    EXPECT_TRUE(same_bits(arm.logits(ids), before)) << name;
    EXPECT_EQ(trainable(arm).size(), trainable(base).size()) << name;
    {
      NoGradGuard no_grad;
      for (const auto& [path, parameter] : arm.named_parameters()) fill_(parameter, 0.5);
    }
    EXPECT_TRUE(same_bits(base.logits(ids), before)) << name;
    EXPECT_FALSE(same_bits(arm.logits(ids), before)) << name;
  }
}

TEST(Twin, ConfigMayChangeWhatHasNoWeights) {
  Generator generator(3);
  const Transformer base(tiny_llama(kF64), {&generator, 0.3, kF64});
  const Tensor ids = some_ids(2, 9), targets = some_ids(2, 9);
  TransformerConfig other = base.config();
  other.rope.theta = 50;
  const Transformer turned(base, Weights::kShared, other);
  EXPECT_EQ(turned.config().rope.theta, 50);
  EXPECT_FALSE(same_bits(turned.logits(ids), base.logits(ids)));

  other = base.config();
  other.gradient_checkpointing = true;
  const Transformer checkpointed(base, Weights::kCopied, other);
  backward(base.loss_sum(ids, targets));
  backward(checkpointed.loss_sum(ids, targets));
  for (const auto& [name, parameter] : base.named_parameters()) {
    EXPECT_TRUE(same_bits(roux::parameter(checkpointed, name).grad(), parameter.grad())) << name;
  }

  other = base.config();
  other.intermediate_size += 1;
  EXPECT_NE(error_of([&] { Transformer(base, Weights::kShared, other); }).find("gate_proj.weight is f64["),
            std::string::npos);
  other = base.config();
  other.num_hidden_layers += 1;
  EXPECT_NE(error_of([&] { Transformer(base, Weights::kShared, other); }).find("there is no model.layers.2."),
            std::string::npos);
  other = base.config();
  other.tie_word_embeddings = !other.tie_word_embeddings;
  EXPECT_NE(error_of([&] { Transformer(base, Weights::kShared, other); }), "no error");
}

// Twins train parts of their own on a frozen base, side by side, with the bits of one after the other.
TEST(Twin, TrainOnAThreadEach) {
  Generator generator(4);
  const Transformer base(tiny_llama(), {&generator, 0.3});
  const Tensor ids = some_ids(2, 9), targets = some_ids(2, 9);
  const auto gradients = [&](Transformer& twin) {
    own(twin, {"*.layers.1.*"});
    backward(twin.loss_sum(ids, targets));
    std::vector<Tensor> out;
    for (const auto& [name, parameter] : trainable(twin)) out.push_back(parameter.grad());
    return out;
  };
  Transformer alone(base, Weights::kShared), left(base, Weights::kShared), right(base, Weights::kShared);
  const std::vector<Tensor> expected = gradients(alone);
  EXPECT_EQ(expected.size(), 9u);
  std::vector<Tensor> on_left, on_right;
  std::thread thread([&] { on_left = gradients(left); });
  on_right = gradients(right);
  thread.join();
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(same_bits(on_left[i], expected[i]));
    EXPECT_TRUE(same_bits(on_right[i], expected[i]));
  }
  for (const Tensor& parameter : base.parameters()) EXPECT_FALSE(parameter.grad().defined());
}

}  // namespace
}  // namespace roux
