// Adapters in whole models: every Linear of every kind of model takes one, and what the models do with layers
// (checkpointing, caches, experts, twins, threads) holds with them.
#include <gtest/gtest.h>

#include <thread>

#include "autograd/autograd.h"
#include "nn/lora.h"
#include "nn/models/model_test_util.h"
#include "nn/models/pretrained.h"
#include "nn/models/transformer.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/loss.h"
#include "tensor/ops/quantize.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

using testing::relative_difference;
using testing::same_bits;
using testing::some_ids;
using testing::tiny_configs;
using testing::tiny_llama;

// Adapters as after training.
void draw(const Module& m, Generator& generator) {
  const NoGradGuard no_grad;
  for (const auto& [name, x] : trainable(m)) {
    if (name.find("lora_A") == std::string::npos)
      copy_(x, x + normal(x.shape(), 0, 0.2, generator, x.dtype()));
  }
}

Tensor model_ids(const LanguageModel& model, int64_t rows, int64_t length) {
  return remainder(some_ids(rows, length), static_cast<double>(model.embedding_weight().size(0)));
}

// All layers have gradients of their adapters, and merged weights give the same.
void expect_adapted(LanguageModel& model, const LmInput& in, int64_t layers, const std::string& name) {
  Generator generator(2);
  const Tensor before = model.logits(in).detach();
  EXPECT_EQ(attach_lora(model, {.r = 2, .dora = true, .targets = {"*"}, .name = "d"}, generator), layers)
      << name;
  EXPECT_LT(relative_difference(model.logits(in), before), 1e-12) << name;
  draw(model, generator);
  const Tensor logits = model.logits(in);
  EXPECT_GT(relative_difference(logits, before), 1e-3) << name;
  backward(sum(logits * logits));
  for (const auto& [path, parameter] : model.named_parameters())
    EXPECT_EQ(parameter.grad().defined(), path.find(".d.lora_") != std::string::npos) << name << " " << path;
  merge_lora(model, "d");
  EXPECT_LT(relative_difference(model.logits(in), logits), 1e-12) << name;
}

TEST(Adapters, FitEveryTransformer) {
  for (const auto& [name, config] : tiny_configs(kF64)) {
    Generator generator(1);
    Transformer model(config, {&generator, 0.3, kF64});
    const bool gated = config.activation == Activation::kSwiglu || config.activation == Activation::kGeglu;
    const int64_t head = config.head_transform ? 1 : 0;
    expect_adapted(model, {.ids = some_ids(2, 6)}, (gated ? 14 : 12) + head, name);
  }
}

// Of embeddings and output layers: nothing changes at first, the fused loss is that of the logits, adapters
// alone get gradients, a twin has them too. They have no dropout.
TEST(Adapters, FitEmbeddingsAndHeads) {
  for (const auto& [name, config] : tiny_configs(kF64)) {
    for (const bool dora : {false, true}) {
      Generator generator(1);
      Transformer model(config, {&generator, 0.3, kF64});
      const Tensor ids = some_ids(2, 6), before = model.logits(ids).detach();
      const LoraOptions options{
          .r = 2, .dropout = 0.5, .dora = dora, .targets = {}, .embeddings = {"model.embed_*", "lm_head"}};
      EXPECT_GE(attach_lora(model, options, generator), 2) << name;
      EXPECT_LT(relative_difference(model.logits(ids), before), 1e-12) << name;
      draw(model, generator);
      const Tensor logits = model.logits(ids);
      EXPECT_GT(relative_difference(logits, before), 1e-3) << name;
      const Tensor loss = model.loss_sum(ids, ids);
      EXPECT_LT(relative_difference(loss, cross_entropy(logits, ids, {.reduction = Reduction::kSum})), 1e-12)
          << name;
      backward(loss);
      for (const auto& [path, parameter] : model.named_parameters())
        EXPECT_EQ(parameter.grad().defined(), path.find(".lora_") != std::string::npos)
            << name << " " << path;
      EXPECT_TRUE(same_bits(Transformer(model, Weights::kShared).logits(ids), logits)) << name;
      if (config.tie_word_embeddings) {
        EXPECT_NE(error_of([&] { merge_lora(model); }), "") << name;
      } else {
        merge_lora(model);
      }
      EXPECT_LT(relative_difference(model.logits(ids), logits), 1e-12) << name;
    }
  }
}

// A head of blocks, as in QLoRA: logits and losses are those of the values that the blocks stand for.
TEST(Adapters, OfABlockQuantisedEmbedding) {
  for (const bool dora : {false, true}) {
    TransformerConfig config = tiny_llama();
    config.hidden_size = 32, config.tie_word_embeddings = true;
    Generator generator(1);
    Transformer blocks(config, {&generator, 0.3}), values(blocks, Weights::kCopied);
    quantize(blocks, {"model.embed_tokens.weight"}, kQ8_0);
    set_parameter(values, "model.embed_tokens.weight", dequantize(blocks.embedding_weight(), kF32));
    for (Transformer* model : {&blocks, &values}) {
      Generator same(2);
      attach_lora(*model,
                  {.r = 2, .dora = dora, .targets = {}, .embeddings = {"model.embed_tokens", "lm_head"}},
                  same);
      draw(*model, same);
      backward(model->loss_sum(some_ids(2, 6), some_ids(2, 6)));
    }
    EXPECT_LT(relative_difference(blocks.logits(some_ids(2, 6)), values.logits(some_ids(2, 6))), 1e-5);
    const NamedTensors expected = trainable(values);
    for (const auto& [name, x] : trainable(blocks))
      EXPECT_LT(relative_difference(x.grad(), testing::named(expected, name).grad()), 1e-5) << name;
  }
}

TEST(Adapters, FitExpertsAndCrossAttention) {
  const PretrainedOptions f64{.dtype = kF64, .compute_dtype = kF64};
  const std::string folder = "tests/golden/language_models/";
  const auto experts = load_pretrained<Transformer>(folder + "qwen2_moe", f64);
  ASSERT_TRUE(experts.ok()) << experts.status();
  const LmInput in{.ids = model_ids(**experts, 2, 7)};
  expect_adapted(**experts, in, static_cast<int64_t>(linears(**experts).size()), "qwen2_moe");
  EXPECT_GE(linears(**experts).size(), 2 * 4 + 3 + 1 + 3 * 4u);

  const auto t5 = load_pretrained<EncoderDecoder>(folder + "t5_v1_1", f64);
  ASSERT_TRUE(t5.ok()) << t5.status();
  EncoderDecoder& model = **t5;
  Generator generator(2);
  attach_lora(model, {.r = 2, .targets = {"*"}}, generator);
  draw(model, generator);
  const auto logits = [&] {
    return model.logits(
        {.ids = model_ids(model, 2, 5), .memory = model.encode({.ids = model_ids(model, 2, 6)})});
  };
  const Tensor adapted = logits();
  backward(sum(adapted * adapted));
  for (const auto& [path, parameter] : trainable(model)) EXPECT_TRUE(parameter.grad().defined()) << path;
  EXPECT_EQ(trainable(model).size(), 2 * linears(model).size());
  const EncoderDecoder twin(model, Weights::kShared);
  EXPECT_TRUE(same_bits(
      twin.logits({.ids = model_ids(twin, 2, 5), .memory = twin.encode({.ids = model_ids(twin, 2, 6)})}),
      adapted));
  merge_lora(model);
  EXPECT_LT(relative_difference(logits(), adapted), 1e-12);
}

// Dropout of adapters is drawn again in a checkpoint's second run, in experts too.
TEST(Adapters, CheckpointsDrawTheSameDropout) {
  const auto folder = std::string("tests/golden/language_models/");
  for (const char* family : {"llama", "qwen2_moe"}) {
    std::vector<std::vector<double>> expected;
    for (const bool checkpointing : {false, true}) {
      PretrainedOptions options{.dtype = kF64, .compute_dtype = kF64};
      options.gradient_checkpointing = checkpointing;
      const auto model = load_pretrained(folder + family, options);
      ASSERT_TRUE(model.ok()) << model.status();
      Generator generator(3), dropout(4);
      attach_lora(**model, {.r = 2, .dropout = 0.4}, generator);
      draw(**model, generator);
      const Tensor ids = model_ids(**model, 2, 7);
      backward((*model)->loss_sum({.ids = ids, .generator = &dropout}, ids));
      std::vector<std::vector<double>> grads;
      for (const auto& [name, parameter] : trainable(**model)) {
        ASSERT_TRUE(parameter.grad().defined()) << name;
        grads.push_back(parameter.grad().to_vector<double>());
      }
      if (!checkpointing) expected = grads;
      EXPECT_EQ(grads, expected) << family;
    }
  }
}

TEST(Adapters, DecodeWithACache) {
  Generator generator(5);
  Transformer model(tiny_llama(kF64), {&generator, 0.3, kF64});
  attach_lora(model, {.r = 2, .dora = true}, generator);
  draw(model, generator);
  const NoGradGuard no_grad;
  const Tensor ids = some_ids(2, 6), whole = model.logits(ids);
  KVCache cache = model.make_cache(2, 6);
  for (int64_t t = 0; t < 6; ++t) {
    const Tensor step = model.logits({.ids = slice(ids, 1, t, t + 1), .cache = &cache});
    EXPECT_LT(relative_difference(step, slice(whole, 1, t, t + 1)), 1e-12);
  }
}

// Twins of a frozen base train adapters of their own, side by side, with the bits of one after the other; a
// twin of an adapted model begins with its adapters.
TEST(Adapters, OfTwinsTrainOnAThreadEach) {
  Generator generator(6);
  const Transformer base(tiny_llama(), {&generator, 0.3});
  const Tensor ids = some_ids(2, 9);
  const auto gradients = [&](uint64_t seed) {
    Generator own(seed);
    Transformer twin(base, Weights::kShared);
    attach_lora(twin, {.r = 3}, own);
    draw(twin, own);
    Transformer next(twin, Weights::kShared);
    EXPECT_TRUE(same_bits(next.logits(ids), twin.logits(ids)));
    backward(twin.loss_sum(ids, ids));
    std::vector<std::vector<float>> out;
    for (const auto& [name, parameter] : trainable(twin)) out.push_back(parameter.grad().to_vector<float>());
    return out;
  };
  const auto expected_1 = gradients(1), expected_2 = gradients(2);
  EXPECT_NE(expected_1, expected_2);
  std::vector<std::vector<float>> on_thread;
  std::thread thread([&] { on_thread = gradients(1); });
  EXPECT_EQ(gradients(2), expected_2);
  thread.join();
  EXPECT_EQ(on_thread, expected_1);
  for (const Tensor& parameter : base.parameters()) EXPECT_FALSE(parameter.grad().defined());
}

}  // namespace
}  // namespace roux
