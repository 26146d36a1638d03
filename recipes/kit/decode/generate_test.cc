// generate() against loops over whole forwards, in all ways of batching.
#include "recipes/kit/decode/generate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "autograd/autograd.h"
#include "nn/models/encoder_decoder.h"
#include "nn/models/model_test_util.h"
#include "nn/models/transformer.h"
#include "tensor/batch_invariant.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"

namespace roux::kit {
namespace {

using ::roux::testing::kVocabulary;
using ::roux::testing::tiny_configs;
using ::roux::testing::tiny_llama;

Tokens some_tokens(int64_t count, uint64_t seed) {
  Tokens tokens;
  for (int64_t i = 0; i < count; ++i) {
    tokens.push_back(static_cast<int32_t>(mix(seed, static_cast<uint64_t>(i)) % kVocabulary));
  }
  return tokens;
}
Tokens joined(Tokens a, const Tokens& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Logits behind the last of these tokens, by one forward over all.
std::vector<float> last_logits(const LanguageModel& model, const Tokens& tokens) {
  NoGradGuard no_grad;
  const auto n = static_cast<int64_t>(tokens.size());
  const Tensor logits = model.logits(tensor(tokens, {1, n}));
  return cast(reshape(logits.slice(1, n - 1, n), {logits.size(2)}), kF32).to_vector<float>();
}

// What generate() promises, in the plainest way.
Tokens recomputed(const LanguageModel& model, const Tokens& prompt, size_t prompt_index, uint64_t sample,
                  const GenerateOptions& options) {
  Tokens generated;
  while (static_cast<int64_t>(generated.size()) < options.max_tokens) {
    std::vector<float> p = last_logits(model, joined(prompt, generated));
    const float largest = *std::max_element(p.begin(), p.end());
    for (float& x : p) x = std::exp((x - largest) / static_cast<float>(options.sampling.temperature));
    cut(options.sampling, absl::MakeSpan(p));
    generated.push_back(draw(p, keyed_uniform(options.seed, prompt_index, sample, generated.size())));
    if (std::count(options.stop_tokens.begin(), options.stop_tokens.end(), generated.back()) > 0) break;
  }
  return generated;
}

const std::vector<Tokens> kPrompts = {some_tokens(5, 1), some_tokens(2, 2), some_tokens(9, 3),
                                      some_tokens(5, 4)};

TEST(Generate, EqualsForwardsOverWholeRows) {
  const GenerateOptions options{.max_tokens = 6,
                                .samples = 3,
                                .sampling = {.temperature = 0.8, .top_k = 30, .top_p = 0.9},
                                .seed = 11,
                                .stop_tokens = {3, 17},
                                .rows = 7};
  for (const auto& [name, config] : tiny_configs()) {
    Generator generator(2);
    Transformer model(config, {&generator, 0.3});
    model.eval();
    const auto found = generate(decode_model(model), kPrompts, options);
    ASSERT_EQ(found.size(), 12U);
    for (size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].prompt, static_cast<int64_t>(i / 3));
      EXPECT_EQ(found[i].sample, static_cast<int64_t>(i % 3));
      EXPECT_EQ(found[i].tokens, recomputed(model, kPrompts[i / 3], i / 3, i % 3, options)) << name << i;
    }
  }
}

// The losses of the training forward: recorded, in one padded batch.
std::vector<double> training_log_probs(const LanguageModel& model, const std::vector<Generation>& texts) {
  size_t width = 0;
  for (const Generation& text : texts) {
    width = std::max(width, kPrompts[static_cast<size_t>(text.prompt)].size() + text.tokens.size());
  }
  Tokens input, target;
  for (const Generation& text : texts) {
    const Tokens& prompt = kPrompts[static_cast<size_t>(text.prompt)];
    Tokens row = joined(prompt, text.tokens);
    Tokens next(width, -100);
    for (size_t i = prompt.size(); i < row.size(); ++i) next[i - 1] = row[i];
    row.resize(width, 0);
    input.insert(input.end(), row.begin(), row.end());
    target.insert(target.end(), next.begin(), next.end());
  }
  const Shape shape{static_cast<int64_t>(texts.size()), static_cast<int64_t>(width)};
  const std::vector<double> losses =
      model.token_losses({.ids = tensor(input, shape)}, tensor(target, shape)).to_vector<double>();
  std::vector<double> log_probs;
  for (size_t i = 0; i < losses.size(); ++i) {
    if (target[i] != -100) log_probs.push_back(-losses[i]);
  }
  return log_probs;
}

std::vector<double> all_log_probs(const std::vector<Generation>& texts) {
  std::vector<double> all;
  for (const Generation& text : texts) all.insert(all.end(), text.log_probs.begin(), text.log_probs.end());
  return all;
}

TEST(Generate, LogProbsAreThoseOfTheTrainingForward) {
  for (const DType compute : {kF32, kBF16, kF16}) {
    for (auto [name, config] : tiny_configs()) {
      config.compute_dtype = compute;
      Generator generator(2);
      Transformer model(config, {&generator, 0.3});
      model.eval();
      for (const int64_t rows : {1, 5, 64}) {
        const GenerateOptions options{
            .max_tokens = 7, .samples = 3, .seed = 5, .stop_tokens = {3}, .rows = rows};
        {
          BatchInvariantGuard invariant;
          const auto found = generate(decode_model(model), kPrompts, options);
          EXPECT_EQ(all_log_probs(found), training_log_probs(model, found)) << name << rows;
        }
        if (compute != kF32) continue;
        const auto found = generate(decode_model(model), kPrompts, options);
        const std::vector<double> ours = all_log_probs(found), training = training_log_probs(model, found);
        ASSERT_EQ(ours.size(), training.size());
        for (size_t i = 0; i < ours.size(); ++i) EXPECT_NEAR(ours[i], training[i], 2e-5) << name;
      }
    }
  }
}

// The mode changes the last bits of a forward, so gradients are the same but for rounding.
TEST(Generate, GradientsOfTheInvariantForward) {
  for (auto [name, config] : tiny_configs()) {
    config.max_position_embeddings = 100;
    for (const int64_t length : {12, 90}) {
      const auto gradients_of = [&](bool invariant) {
        BatchInvariantGuard guard(invariant);
        Generator generator(2);
        Transformer model(config, {&generator, 0.3});
        const Tensor ids = tensor(some_tokens(2 * length, 3), {2, length});
        backward(model.loss_sum({.ids = ids}, ids));
        return ::roux::testing::gradients(model);
      };
      const NamedTensors usual = gradients_of(false), invariant = gradients_of(true);
      ASSERT_EQ(usual.size(), invariant.size());
      double largest = 0, apart = 0;
      for (size_t i = 0; i < usual.size(); ++i) {
        const std::vector<double> a = usual[i].second.to_vector<double>(),
                                  b = invariant[i].second.to_vector<double>();
        for (size_t j = 0; j < a.size(); ++j) {
          largest = std::max(largest, std::abs(a[j]));
          apart = std::max(apart, std::abs(a[j] - b[j]));
        }
      }
      EXPECT_LT(apart, 1e-4 * largest) << name << length;
    }
  }
}

// Sources of different lengths, and distances in buckets.
TEST(Generate, LogProbsOfEncoderDecodersToo) {
  for (EncoderDecoderConfig config : {t5_style(), bart_style()}) {
    for (TransformerConfig* c : {&config.encoder, &config.decoder}) {
      c->vocab_size = 40, c->hidden_size = 32, c->intermediate_size = 48, c->num_hidden_layers = 2;
      c->num_attention_heads = 4, c->head_dim = 8, c->max_position_embeddings = 32;
    }
    Generator generator(2);
    EncoderDecoder model(config, {&generator, 0.3});
    model.eval();
    BatchInvariantGuard invariant;
    const Tokens start = {1, 2};
    const auto found = generate(decode_model(model, start), kPrompts,
                                {.max_tokens = 7, .samples = 3, .seed = 5, .stop_tokens = {3, 4}, .rows = 7});
    for (const Generation& text : found) {
      const Tokens& source = kPrompts[static_cast<size_t>(text.prompt)];
      const Tokens input = joined(start, Tokens(text.tokens.begin(), text.tokens.end() - 1));
      const auto length = static_cast<int64_t>(input.size());
      const Memory memory = model.encode({.ids = tensor(source, {1, static_cast<int64_t>(source.size())})});
      Tensor target = tensor(joined({-100}, text.tokens), {1, length});
      const std::vector<double> losses =
          model.token_losses({.ids = tensor(input, {1, length}), .memory = memory}, target)
              .to_vector<double>();
      for (size_t i = 0; i < text.tokens.size(); ++i) EXPECT_EQ(text.log_probs[i], -losses[i + 1]);
    }
  }
}

TEST(Generate, TheSameTextWhateverTheBatch) {
  Generator generator(7);
  Transformer model(tiny_llama(), {&generator, 0.3});
  model.eval();
  for (const bool invariant : {false, true}) {
    BatchInvariantGuard guard(invariant);
    GenerateOptions options{.max_tokens = 7, .samples = 4, .seed = 3, .stop_tokens = {3, 4, 5}};
    const auto all = generate(decode_model(model), kPrompts, options);
    for (const int64_t rows : {1, 2, 3, 5, 9}) {
      options.rows = rows;
      const auto found = generate(decode_model(model), kPrompts, options);
      for (size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(found[i].tokens, all[i].tokens) << rows;
        if (invariant) {
          EXPECT_EQ(found[i].log_probs, all[i].log_probs);
        }
      }
    }
    // Prompts alone, under their keys; fewer samples.
    options = {.max_tokens = 7, .samples = 2, .seed = 3, .stop_tokens = {3, 4, 5}};
    for (size_t prompt = 0; prompt < kPrompts.size(); ++prompt) {
      options.keys = {prompt};
      const auto alone = generate(decode_model(model), {kPrompts[prompt]}, options);
      EXPECT_EQ(alone[1].tokens, all[4 * prompt + 1].tokens);
      if (invariant) {
        EXPECT_EQ(alone[1].log_probs, all[4 * prompt + 1].log_probs);
      }
    }
    options.keys = {}, options.seed = 4;
    EXPECT_NE(generate(decode_model(model), {kPrompts[0]}, options)[0].tokens, all[0].tokens);
  }
}

// Beginnings that are long enough to be shared: found in the prompts, given for all calls, or both.
TEST(Generate, SharedBeginnings) {
  for (auto [name, config] : tiny_configs()) {
    config.max_position_embeddings = 80;
    Generator generator(2);
    Transformer model(config, {&generator, 0.3});
    model.eval();
    const Tokens prefix = some_tokens(21, 5), common = some_tokens(18, 6);
    std::vector<Tokens> rest = {some_tokens(1, 7), some_tokens(4, 8), some_tokens(3, 9)}, behind, whole;
    for (const Tokens& own : rest) {
      behind.push_back(joined(common, own));
      whole.push_back(joined(prefix, behind.back()));
    }
    for (const bool invariant : {false, true}) {
      BatchInvariantGuard guard(invariant);
      const GenerateOptions options{.max_tokens = 6, .samples = 2, .seed = 5};
      const auto shared = generate(decode_model(model), whole, options);
      const auto given = generate(decode_model(model, {.prefix = prefix}), behind, options);
      for (size_t i = 0; i < shared.size(); ++i) {
        GenerateOptions alone = options;
        alone.keys = {i / 2}, alone.rows = 1;
        const auto expected = generate(decode_model(model), {whole[i / 2]}, alone)[i % 2];
        EXPECT_EQ(shared[i].tokens, expected.tokens) << name << i;
        EXPECT_EQ(given[i].tokens, expected.tokens) << name << i;
        for (size_t t = 0; t < expected.log_probs.size(); ++t) {
          EXPECT_NEAR(shared[i].log_probs[t], expected.log_probs[t], invariant ? 0 : 1e-5) << name;
          EXPECT_NEAR(given[i].log_probs[t], expected.log_probs[t], invariant ? 0 : 1e-5) << name;
        }
      }
    }
  }
}

// Tokens that pass through the model, padding included.
LmDecodeOptions counting(int64_t* count, Tokens prefix = {}) {
  LmDecodeOptions options{.prefix = std::move(prefix)};
  options.input.taps.edit(Site::kEmbedding, 0, [count](const Tensor& x) {
    *count += x.size(0) * x.size(1);
    return x;
  });
  return options;
}

TEST(Generate, ComputesSharedTokensOnce) {
  TransformerConfig config = tiny_llama();
  config.max_position_embeddings = 80;
  Generator generator(2);
  Transformer model(config, {&generator, 0.3});
  model.eval();
  const Tokens common = some_tokens(20, 6);
  const std::vector<Tokens> rest = {{1, 2}, {3, 4}, {5, 6}};
  std::vector<Tokens> whole;
  for (const Tokens& own : rest) whole.push_back(joined(common, own));
  const GenerateOptions options{.max_tokens = 1, .samples = 4};
  for (const bool invariant : {false, true}) {
    BatchInvariantGuard guard(invariant);
    int64_t count = 0;
    generate(decode_model(model, counting(&count)), whole, options);
    EXPECT_EQ(count, 20 + 3 * 2);
    count = 0;
    generate(decode_model(model, counting(&count)), {whole[0]}, options);  // samples of one prompt
    EXPECT_EQ(count, 22);
  }
  int64_t count = 0;
  const DecodeModel behind = decode_model(model, counting(&count, common));
  generate(behind, rest, options);
  generate(behind, rest, options);
  EXPECT_EQ(count, 20 + 2 * 3 * 2);
}

// A plan: shapes and memory without values, rows of full length.
TEST(Generate, OnMeta) {
  Transformer model(tiny_llama(), {.generator = nullptr, .device = kMeta});
  model.eval();
  const auto found = generate(decode_model(model), kPrompts, {.max_tokens = 6, .samples = 2, .rows = 5});
  ASSERT_EQ(found.size(), 8U);
  for (const Generation& text : found) EXPECT_EQ(text.tokens.size(), 6U);
}

}  // namespace
}  // namespace roux::kit
