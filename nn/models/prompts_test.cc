// Soft prompts and prefixes: equal to PEFT's on models that transformers wrote (tests/golden/prompts.py).
#include "nn/models/prompts.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/autograd.h"
#include "nn/models/encoder_decoder.h"
#include "nn/models/model_test_util.h"
#include "nn/models/pretrained.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/io/safetensors.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

using testing::named;
using testing::relative_difference;
using testing::same_bits;
using testing::some_ids;
using testing::tiny_configs;
using testing::tiny_llama;

constexpr double kTolerance = 1e-10;

class PeftPrompts : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    auto file = load_safetensors("tests/golden/prompts.safetensors");
    ASSERT_TRUE(file.ok()) << file.status();
    golden = *file;
    const std::string folder = std::string("tests/golden/language_models/") + GetParam();
    auto loaded = load_pretrained<Transformer>(folder, {.dtype = kF64, .compute_dtype = kF64});
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    model = std::move(*loaded);
    freeze(*model, {"*"});
    ids = of("ids"), targets = of("targets");
  }
  Tensor of(const std::string& name) const { return named(golden, name); }
  std::string key(const std::string& kind) const { return std::string(GetParam()) + "." + kind + "."; }

  void compare(const std::string& kind, const Tensor& logits, const Tensor& loss, const Module& trained,
               const std::vector<std::pair<std::string, std::string>>& names) {
    EXPECT_LT(relative_difference(logits, of(key(kind) + "logits")), kTolerance) << kind;
    EXPECT_LT(std::abs(loss.item() / of(key(kind) + "loss").item() - 1), kTolerance) << kind;
    backward(loss);
    EXPECT_EQ(trained.named_parameters().size(), names.size());
    for (const auto& [ours, theirs] : names) {
      const Tensor grad = parameter(trained, ours).grad();
      EXPECT_LT(relative_difference(grad, of(key(kind) + "grad." + theirs)), kTolerance) << kind << ours;
    }
    EXPECT_TRUE(trainable(*model).empty());
  }
  void compare_prefix(const std::string& kind, const PrefixTuningOptions& options,
                      const std::vector<std::pair<std::string, std::string>>& names) {
    PrefixTuning prefix(model->config(), options, {.generator = nullptr, .dtype = kF64});
    for (const auto& [ours, theirs] : names) set_parameter(prefix, ours, of(key(kind) + theirs));
    const LmInput in{.ids = ids, .prefix = prefix()};
    compare(kind, model->logits(in), model->loss_sum(in, targets), prefix, names);
  }

  NamedTensors golden;
  std::unique_ptr<Transformer> model;
  Tensor ids, targets;
};
INSTANTIATE_TEST_SUITE_P(All, PeftPrompts, ::testing::Values("llama", "gpt2"));

TEST_P(PeftPrompts, PromptTuning) {
  const SoftPrompt prompt(of(key("prompt") + "embedding.weight"));
  const Tensor hidden = prompt.behind(model->hidden(prompt.prepend(*model, {.ids = ids})));
  compare("prompt", model->project(hidden), model->losses(hidden, targets, {.reduction = Reduction::kSum}),
          prompt, {{"weight", "embedding.weight"}});
}

TEST_P(PeftPrompts, PrefixTuning) {
  compare_prefix("prefix", {.tokens = 3}, {{"embedding.weight", "embedding.weight"}});
}

TEST_P(PeftPrompts, PrefixTuningThroughAnMlp) {
  compare_prefix("mlp", {.tokens = 3, .mlp_width = 5},
                 {{"embedding.weight", "embedding.weight"},
                  {"dense.0.weight", "transform.0.weight"},
                  {"dense.0.bias", "transform.0.bias"},
                  {"dense.1.weight", "transform.2.weight"},
                  {"dense.1.bias", "transform.2.bias"}});
}

// A prompt that begins as the embeddings of words is these words, in every model and for rows of any length.
TEST(SoftPrompt, OfWordsIsTheseWords) {
  for (const auto& [name, config] : tiny_configs(kF64)) {
    Generator generator(1);
    const Transformer model(config, {&generator, 0.3, kF64});
    const Tensor words = some_ids(1, 3), ids = some_ids(2, 5) + 0;
    const Tensor lengths = tensor(std::vector<int32_t>{5, 2}, {2});
    const SoftPrompt prompt(model.embed(words));
    const Tensor logits = model.logits(prompt.prepend(model, {.ids = ids, .lengths = lengths}));
    const Tensor whole = model.logits({.ids = cat({expand(words, {2, 3}), ids}, 1)});
    EXPECT_LT(relative_difference(prompt.behind(logits).slice(0, 0, 1), whole.slice(1, 3, 8).slice(0, 0, 1)),
              1e-12)
        << name;
    EXPECT_LT(relative_difference(logits.slice(0, 1, 2).slice(1, 3, 5), whole.slice(0, 1, 2).slice(1, 3, 5)),
              1e-12)
        << name;
    const SoftPrompt nothing(0, 16, {&generator, 0.3, kF64});
    EXPECT_TRUE(same_bits(model.logits(nothing.prepend(model, {.ids = ids})), model.logits(ids))) << name;
  }
}

// In front of a source, whose length it makes longer; and behind it a cache goes on.
TEST(SoftPrompt, StandsBeforeTheSourceOfAnEncoderDecoder) {
  EncoderDecoderConfig config = t5_style();
  for (TransformerConfig* c : {&config.encoder, &config.decoder}) {
    c->vocab_size = testing::kVocabulary, c->hidden_size = 16, c->intermediate_size = 24,
    c->num_hidden_layers = 1, c->num_attention_heads = 2, c->head_dim = 6, c->compute_dtype = kF64;
  }
  Generator generator(2);
  const EncoderDecoder model(config, {&generator, 0.3, kF64});
  const Tensor words = some_ids(1, 3), source = some_ids(2, 4) + 0, ids = some_ids(2, 5);
  const SoftPrompt prompt(model.embed(words));
  const Tensor lengths = tensor(std::vector<int32_t>{4, 4}, {2});
  const Memory memory = model.encode(prompt.prepend(model, {.ids = source, .lengths = lengths}));
  const Memory whole = model.encode({.ids = cat({expand(words, {2, 3}), source}, 1)});
  EXPECT_LT(relative_difference(model.logits({.ids = ids, .memory = memory}),
                                model.logits({.ids = ids, .memory = whole})),
            1e-12);
  PrefixTuning prefix(config.decoder, {.tokens = 2, .mlp_width = 3}, {&generator, 0.3, kF64});
  backward(model.loss_sum({.ids = ids, .prefix = prefix(), .memory = memory}, ids));
  for (const auto& [name, p] : prefix.named_parameters()) EXPECT_TRUE(p.grad().defined()) << name;
}

TEST(SoftPrompt, RefusesWhatDoesNotSayWhatHoldsForIt) {
  Generator generator(3);
  const Transformer model(tiny_llama(), {&generator});
  const SoftPrompt prompt(2, 16, {&generator});
  const auto refuses = [&](const LmInput& in, const std::string& what) {
    const std::string error = error_of([&] { prompt.prepend(model, in); });
    EXPECT_NE(error.find(what), std::string::npos) << error;
  };
  const Tensor ids = some_ids(1, 3);
  refuses({}, "SoftPrompt: neither of ids and embeddings given");
  refuses({.embeddings = zeros({1, 3, 8})}, "the embeddings are f32[1,3,8], the prompt f32[2,16]");
  refuses({.ids = ids, .positions = zeros({3}, kI64)}, "do not say what holds for the prompt");
  KVCache cache = model.make_cache(1, 8);
  {
    NoGradGuard no_grad;
    model.hidden({.ids = ids, .cache = &cache});
  }
  refuses({.ids = ids, .cache = &cache}, "the cache has tokens already");
  EXPECT_NE(error_of([&] { PrefixTuning(model.config(), {.tokens = 0}, {&generator}); }), "no error");
}

}  // namespace
}  // namespace roux
