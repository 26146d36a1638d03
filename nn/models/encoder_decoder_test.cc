// What holds for every encoder-decoder; equality with transformers is in encoder_decoder_files_test.cc.
#include "nn/models/encoder_decoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <tuple>

#include "autograd/autograd.h"
#include "nn/models/model_test_util.h"
#include "nn/models/surgery.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/random.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

using testing::kVocabulary;
using testing::relative_difference;
using testing::same_bits;
using testing::some_ids;

Tensor i32(const std::vector<int32_t>& values, const Shape& shape) { return tensor(values, shape); }

Tensor rows(const Tensor& x, const std::vector<int32_t>& which) {
  return index_select(x, 0, i32(which, {static_cast<int64_t>(which.size())}));
}

std::vector<std::pair<std::string, EncoderDecoderConfig>> tiny_models(DType dtype = kF64) {
  std::vector<std::pair<std::string, EncoderDecoderConfig>> models = {
      {"t5", t5_style()}, {"t5 v1.1", t5_v1_1_style()}, {"bart", bart_style()}, {"mbart", mbart_style()}};
  for (auto& [name, config] : models) {
    for (TransformerConfig* c : {&config.encoder, &config.decoder}) {
      c->vocab_size = kVocabulary, c->hidden_size = 16, c->intermediate_size = 24;
      c->num_hidden_layers = 2, c->num_attention_heads = 4, c->max_position_embeddings = 20;
      c->relative_attention_num_buckets = 8, c->relative_attention_max_distance = 6;
      if (c->head_dim) c->head_dim = 6;
      c->compute_dtype = dtype;
    }
    config.encoder.num_hidden_layers = 1;
  }
  return models;
}

// No rows, no tokens on either side: cross-attention to nothing adds nothing.
TEST(EncoderDecoder, MayBeEmpty) {
  for (const auto& [name, config] : tiny_models(kF32)) {
    for (const auto& [rows, source, tokens] : {std::tuple(0, 3, 2), {2, 0, 3}, {2, 4, 0}, {2, 0, 0}}) {
      SCOPED_TRACE(name + " " + std::to_string(rows) + " x " + std::to_string(source) + ", " +
                   std::to_string(tokens));
      Generator generator(1);
      const EncoderDecoder model(config, {&generator, 0.3});
      const Tensor ids = zeros({rows, tokens}, kI64);
      const Memory memory =
          model.encode({.ids = zeros({rows, source}, kI64), .lengths = zeros({rows}, kI32)});
      const Tensor logits = model.logits({.ids = ids, .memory = memory});
      EXPECT_EQ(logits.shape(), (Shape{rows, tokens, kVocabulary}));
      backward(model.loss_sum({.ids = ids, .memory = memory}, ids));
      for (const double value : logits.to_vector<double>()) EXPECT_TRUE(std::isfinite(value));
      NoGradGuard no_grad;
      KVCache cache = model.make_cache(rows, 4);
      EXPECT_EQ(model.logits({.ids = ids, .cache = &cache, .memory = memory}).size(1), tokens);
      EXPECT_EQ(model.logits({.ids = zeros({rows, 1}, kI64), .cache = &cache}).size(1), 1);
    }
  }
}

TEST(EncoderDecoder, HasThePublishedSizes) {
  const std::pair<EncoderDecoderConfig, int64_t> published[] = {{t5_style(), 60506624},
                                                                {t5_v1_1_style(), 76961152},
                                                                {bart_style(), 139420416},
                                                                {mbart_style(), 610851840}};
  for (const auto& [config, parameters] : published) {
    Generator generator(1);
    EncoderDecoder model(config, {&generator, 0.02, kF32, kMeta});
    EXPECT_EQ(model.num_parameters(), parameters);
    const Tensor ids = empty({kI32, {2, 8}}, kMeta);
    const LmInput in{.ids = ids, .memory = model.encode({.ids = empty({kI32, {1, 32}}, kMeta)})};
    EXPECT_EQ(model.logits(in).shape(), (Shape{2, 8, config.decoder.vocab_size}));
    backward(model.loss_sum(in, ids));
    EXPECT_EQ(model.named_parameters().front().first, "shared.weight");
    for (const Tensor& parameter : model.parameters()) EXPECT_TRUE(parameter.grad().defined());
  }
}

// Two rows of a target for each of three sources of 7, 4 and 5 tokens: a source and a target at a time give
// the same logits and, together, the same gradients. Padding of the source changes nothing.
TEST(EncoderDecoder, BatchedRowsEqualRowsAlone) {
  for (const auto& [name, config] : tiny_models()) {
    Generator generator(2);
    EncoderDecoder model(config, {&generator, 0.3, kF64});
    const std::vector<int32_t> lengths = {7, 4, 5};
    const Tensor source = some_ids(3, 7), ids = some_ids(6, 5), targets = some_ids(6, 5) + 0;
    const LmInput in{.ids = ids, .memory = model.encode({.ids = source, .lengths = i32(lengths, {3})})};
    const Tensor logits = model.logits(in);
    backward(model.loss_sum(in, targets));
    std::vector<Tensor> together;
    for (const Tensor& parameter : model.parameters()) together.push_back(parameter.grad());
    model.zero_grad();
    for (int32_t row = 0; row < 6; ++row) {
      const Tensor alone =
          source.slice(0, row / 2, row / 2 + 1).slice(1, 0, lengths[static_cast<size_t>(row / 2)]);
      const LmInput one{.ids = rows(ids, {row}), .memory = model.encode({.ids = alone})};
      EXPECT_LT(relative_difference(model.logits(one), rows(logits, {row})), 1e-12) << name << row;
      backward(model.loss_sum(one, rows(targets, {row})));
    }
    const NamedTensors parameters = model.named_parameters();
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (parameters[i].first.find("k_proj.bias") != std::string::npos) continue;  // rounding alone
      EXPECT_LT(relative_difference(parameters[i].second.grad(), together[i]), 1e-10)
          << name << parameters[i].first;
    }
    std::vector<int64_t> padded = source.to_vector<int64_t>();
    padded[1 * 7 + 4] = (padded[1 * 7 + 4] + 1) % kVocabulary;
    const LmInput other{
        .ids = ids, .memory = model.encode({.ids = tensor(padded, {3, 7}), .lengths = i32(lengths, {3})})};
    EXPECT_TRUE(same_bits(model.logits(other), logits)) << name;
  }
}

// Every token of the source reaches every token of the target, and no later token of the target does.
TEST(EncoderDecoder, SeesTheSourceBothWaysAndTheTargetOneWay) {
  NoGradGuard no_grad;
  for (const auto& [name, config] : tiny_models()) {
    Generator generator(3);
    const EncoderDecoder model(config, {&generator, 0.3, kF64});
    const Tensor source = some_ids(1, 6), ids = some_ids(1, 5);
    const auto logits = [&](const Tensor& of_source, const Tensor& of_target) {
      return model.logits({.ids = of_target, .memory = model.encode({.ids = of_source})});
    };
    const auto changed = [](const Tensor& x, int64_t at) {
      std::vector<int64_t> values = x.to_vector<int64_t>();
      values[static_cast<size_t>(at)] = (values[static_cast<size_t>(at)] + 1) % kVocabulary;
      return tensor(values, x.shape());
    };
    const Tensor expected = logits(source, ids);
    for (const int64_t at : {0, 5}) {
      const Tensor other = logits(changed(source, at), ids);
      for (int64_t t = 0; t < 5; ++t)
        EXPECT_FALSE(same_bits(other.slice(1, t, t + 1), expected.slice(1, t, t + 1))) << name << at << t;
    }
    const Tensor other = logits(source, changed(ids, 3));
    EXPECT_TRUE(same_bits(other.slice(1, 0, 3), expected.slice(1, 0, 3))) << name;
    EXPECT_FALSE(same_bits(other.slice(1, 3, 4), expected.slice(1, 3, 4))) << name;
  }
}

// Three beams for each of two sources, ragged both; the memory comes with the first call only.
TEST(EncoderDecoder, CachedDecodingEqualsFullForward) {
  NoGradGuard no_grad;
  for (const auto& [dtype, tolerance] : {std::pair{kF64, 1e-12}, std::pair{kF32, 1e-5}}) {
    for (const auto& [name, config] : tiny_models(dtype)) {
      Generator generator(4);
      const EncoderDecoder model(config, {&generator, 0.3, dtype});
      const Memory memory = model.encode({.ids = some_ids(2, 7), .lengths = i32({7, 4}, {2})});
      const Tensor ids = some_ids(6, 8), full = model.logits({.ids = ids, .memory = memory});
      KVCache cache = model.make_cache(6, 8);
      std::vector<Tensor> pieces = {
          model.logits({.ids = ids.slice(1, 0, 3), .cache = &cache, .memory = memory}),
          model.logits({.ids = ids.slice(1, 3, 4), .cache = &cache}),
          model.logits({.ids = ids.slice(1, 4, 5), .cache = &cache, .memory = memory}),
          model.logits({.ids = ids.slice(1, 5, 8), .cache = &cache})};
      EXPECT_LT(relative_difference(cat(pieces, 1), full), tolerance) << name;
      // Prompts of 2 and 3 tokens by turns, then one more of each.
      KVCache ragged = model.make_cache(6, 4);
      const Tensor lengths = i32({2, 3, 2, 3, 2, 3}, {6});
      model.logits({.ids = ids.slice(1, 0, 3), .lengths = lengths, .cache = &ragged, .memory = memory});
      std::vector<Tensor> next, expected;
      for (int64_t row = 0; row < 6; ++row) {
        const int64_t at = 2 + row % 2;
        next.push_back(ids.slice(0, row, row + 1).slice(1, at, at + 1));
        expected.push_back(full.slice(0, row, row + 1).slice(1, at, at + 1));
      }
      const Tensor step = model.logits({.ids = cat(next, 0), .cache = &ragged});
      EXPECT_LT(relative_difference(step, cat(expected, 0)), tolerance) << name;
    }
  }
}

// Beams change places inside a source and keep its memory; rows of sources that are done are dropped, and
// rows that now read memories in unequal numbers get one each.
TEST(EncoderDecoder, SelectedRowsKeepTheirMemory) {
  NoGradGuard no_grad;
  Generator generator(5);
  const auto models = tiny_models();
  const EncoderDecoder model(models[0].second, {&generator, 0.3, kF64});
  const Tensor source = some_ids(3, 7), lengths = i32({7, 4, 5}, {3}), ids = some_ids(6, 4);
  const Memory memory = model.encode({.ids = source, .lengths = lengths});
  const struct {
    std::vector<int64_t> from;
    int64_t memories;
  } selections[] = {
      {{1, 0, 2, 2, 5, 4}, 3}, {{0, 1, 4, 5}, 2}, {{4, 4, 5, 0, 1, 0}, 2}, {{0, 1, 2}, 3}, {{3}, 1}};
  for (const auto& [from, memories] : selections) {
    KVCache cache = model.make_cache(6, 6);
    model.hidden({.ids = ids.slice(1, 0, 3), .cache = &cache, .memory = memory});
    cache.select_rows(from);
    EXPECT_EQ(cache.memory_keys().k[0].size(0), memories);
    std::vector<int32_t> of_ids, of_sources;
    for (const int64_t row : from) {
      of_ids.push_back(static_cast<int32_t>(row));
      of_sources.push_back(static_cast<int32_t>(row / 2));
    }
    const Tensor targets = rows(ids, of_ids);
    const Memory again =
        model.encode({.ids = rows(source, of_sources), .lengths = rows(lengths, of_sources)});
    const Tensor expected = model.logits({.ids = targets, .memory = again}).slice(1, 3, 4);
    const Tensor logits = model.logits({.ids = targets.slice(1, 3, 4), .cache = &cache});
    EXPECT_LT(relative_difference(logits, expected), 1e-12) << from.size();
  }
}

TEST(EncoderDecoder, RefusesAnotherMemoryAndNone) {
  Generator generator(6);
  const auto models = tiny_models();
  const EncoderDecoder model(models[0].second, {&generator, 0.3, kF64});
  const Tensor ids = some_ids(2, 3);
  const Memory memory = model.encode({.ids = some_ids(1, 4)}), other = model.encode({.ids = some_ids(2, 4)});
  const auto refuses = [&](const LmInput& in, const std::string& what) {
    const std::string error = error_of([&] { model.logits(in); });
    EXPECT_NE(error.find(what), std::string::npos) << error;
    EXPECT_NE(error.find("in decoder (TransformerModel"), std::string::npos) << error;
  };
  refuses({.ids = ids}, "transformer: cross-attention needs a memory");
  refuses({.ids = some_ids(3, 3), .memory = other},
          "the memory is f64[2,4,16], needed [R, S, 16], R a divisor of 3 rows");
  refuses({.ids = ids, .memory = {memory.states, i32({4, 4}, {2})}},
          "the memory's lengths are i32[2], needed i32[1]");
  refuses({.ids = ids, .document_begin = zeros({2, 3}, kI32), .memory = memory},
          "a row with a memory holds one document");
  EXPECT_NE(error_of([&] {
              model.encode({.ids = ids, .document_begin = zeros({2, 3}, kI32)});
            }).find("encode: a row of a source holds one document"),
            std::string::npos);
  const Transformer decoder_only(testing::tiny_llama(), {&generator});
  EXPECT_NE(error_of([&] {
              decoder_only.logits({.ids = ids, .memory = memory});
            }).find("a memory, but no cross-attention that reads it"),
            std::string::npos);
  {
    NoGradGuard no_grad;
    KVCache cache = model.make_cache(2, 8);
    model.logits({.ids = ids, .cache = &cache, .memory = memory});
    refuses({.ids = ids, .cache = &cache, .memory = other},
            "KVCache: another memory f64[2,4,16] than the one whose keys are kept");
    cache.set_lengths({0, 0});
    EXPECT_TRUE(same_bits(model.logits({.ids = ids, .cache = &cache, .memory = other}),
                          model.logits({.ids = ids, .memory = other})));
    // An error on the way keeps no memory.
    KVCache small = model.make_cache(2, 2);
    refuses({.ids = ids, .cache = &small, .memory = memory}, "3 tokens, capacity is 2");
    EXPECT_FALSE(small.memory_keys().defined());
  }
  const auto broken = [&](EncoderDecoderConfig config, const std::string& what) {
    EXPECT_NE(error_of([&] { config.check(); }).find(what), std::string::npos) << what;
  };
  EncoderDecoderConfig config = models[0].second;
  config.encoder.hidden_size = 32;
  broken(config, "encoder-decoder: hidden_size is 32 in the encoder, 16 in the decoder");
  config = models[0].second, config.decoder.cross_attention = false;
  broken(config, "cross_attention is the decoder's, and needed there");
  config = models[0].second, config.decoder.residual = Residual::kParallel;
  broken(config, "cross_attention needs blocks of kPreNorm or kPostNorm");
}

// Also of the memory's keys, which each layer makes again.
TEST(EncoderDecoder, TwinsShareOrCopyAllWeights) {
  for (const auto& [name, config] : tiny_models()) {
    Generator generator(21);
    EncoderDecoder model(config, {&generator, 0.3, kF64});
    const Tensor source = some_ids(2, 5), ids = some_ids(2, 4);
    const auto logits = [&](const EncoderDecoder& m) {
      return m.logits({.ids = ids, .memory = m.encode({.ids = source})});
    };
    const int64_t before = memory_stats(kCpu).current;
    const EncoderDecoder twin(model, Weights::kShared);
    EXPECT_EQ(memory_stats(kCpu).current, before) << name;
    const EncoderDecoder arm(model, Weights::kCopied);
    const Tensor old = logits(model).detach();
    EXPECT_TRUE(same_bits(logits(twin), old)) << name;
    EXPECT_TRUE(same_bits(logits(arm), old)) << name;
    EXPECT_TRUE(trainable(twin).empty());
    EXPECT_EQ(trainable(arm).size(), trainable(model).size());
    {
      NoGradGuard no_grad;
      for (const Tensor& parameter : model.parameters()) copy_(parameter, parameter * 1.25);
    }
    EXPECT_TRUE(same_bits(logits(twin), logits(model))) << name;
    EXPECT_TRUE(same_bits(logits(arm), old)) << name;
  }
}

TEST(EncoderDecoder, VocabularyGrowsAndIsCut) {
  for (const auto& [name, config] : tiny_models()) {
    Generator generator(22);
    const EncoderDecoder model(config, {&generator, 0.3, kF64});
    if (config.final_logits_bias) {
      NoGradGuard no_grad;
      const Tensor bias = model.output().bias;
      copy_(bias, normal(bias.shape(), 0, 1, generator, kF64));
    }
    const Tensor source = some_ids(2, 5), ids = some_ids(2, 4);
    const auto logits = [&](const EncoderDecoder& m) {
      return m.logits({.ids = ids, .memory = m.encode({.ids = source})});
    };
    const auto grown = grow_vocabulary(model, normal({3, 16}, 0, 1, generator, kF64));
    EXPECT_EQ(logits(*grown).size(2), kVocabulary + 3);
    EXPECT_LT(relative_difference(logits(*grown).slice(2, 0, kVocabulary), logits(model)), 1e-12) << name;
    const auto cut = select_vocabulary(*grown, arange(0, kVocabulary, 1, kI64));
    EXPECT_TRUE(same_bits(logits(*cut), logits(model))) << name;
    for (const auto& [slot, value] : model.state_dict()) {
      for (const auto& [other, after] : cut->state_dict()) {
        if (slot != other) continue;
        EXPECT_TRUE(same_bits(value, after)) << slot;
      }
    }
  }
}

// Reads and edits of cross-attention, and a core in its place that does what it does.
TEST(EncoderDecoder, CrossAttentionHasTapsAndACore) {
  for (const auto& [name, config] : tiny_models()) {
    Generator generator(23);
    const EncoderDecoder model(config, {&generator, 0.3, kF64});
    const Tensor source = some_ids(2, 5), ids = some_ids(4, 4);
    const Memory memory = model.encode({.ids = source, .lengths = i32({5, 3}, {2})});
    std::vector<Tensor> input, heads, cross;
    Taps taps;
    taps.read(Site::kCrossInput, &input).read(Site::kCrossHeads, &heads).read(Site::kCross, &cross);
    const Tensor plain = model.logits({.ids = ids, .memory = memory});
    EXPECT_TRUE(same_bits(model.logits({.ids = ids, .memory = memory, .taps = taps}), plain)) << name;
    ASSERT_EQ(cross.size(), 2u);
    EXPECT_EQ(input[0].shape(), (Shape{4, 4, 16}));
    EXPECT_EQ(heads[1].shape(), (Shape{4, 4, 4, config.decoder.head_size()}));
    const CrossAttention& last = *model.decoder_block(1).cross_attention();
    EXPECT_TRUE(same_bits(cross[1], last.o_proj(reshape(heads[1], {4, 4, -1}))));

    const AttentionCore attention = [&](const Tensor& q, const Tensor& k, const Tensor& v,
                                        const CoreCall& call) {
      EXPECT_EQ(k.size(0), 4);
      return scaled_dot_product_attention(
          q, k, v,
          {.rules = {.end = unsqueeze(call.memory_lengths, 1)}, .scale = config.decoder.attention_scale});
    };
    const Tensor by_core = model.logits({.ids = ids, .memory = memory, .cross_core = attention});
    EXPECT_LT(relative_difference(by_core, plain), 1e-12) << name;

    Taps silent;
    for (int64_t layer = 0; layer < 2; ++layer)
      silent.edit(Site::kCross, layer, [](const Tensor& x) { return x * 0.0; });
    const auto muted = [&](const Memory& m) {
      return model.logits({.ids = ids, .memory = m, .taps = silent});
    };
    EXPECT_TRUE(same_bits(muted(memory), muted(model.encode({.ids = some_ids(2, 9).slice(1, 4, 9)}))))
        << name;
  }
  Generator generator(24);
  const Transformer decoder(testing::tiny_llama(), {&generator});
  std::vector<Tensor> all;
  EXPECT_NE(error_of([&] {
              decoder.logits({.ids = some_ids(1, 2), .taps = Taps().read(Site::kCross, &all)});
            }).find("taps: kCross of a model without cross-attention"),
            std::string::npos);
}

TEST(EncoderDecoder, CheckpointingGivesTheSameBits) {
  for (auto [name, config] : tiny_models(kF32)) {
    std::vector<std::vector<double>> grads[2];
    for (const bool checkpointing : {false, true}) {
      for (TransformerConfig* c : {&config.encoder, &config.decoder}) {
        c->gradient_checkpointing = checkpointing;
        c->dropout = {0.1, 0.1, 0.1, 0.1, 0.1};
      }
      Generator generator(7);
      const EncoderDecoder model(config, {&generator, 0.3});
      const Memory memory = model.encode({.ids = some_ids(2, 7), .generator = &generator});
      backward(
          model.loss_sum({.ids = some_ids(4, 5), .memory = memory, .generator = &generator}, some_ids(4, 5)));
      for (const Tensor& parameter : model.parameters())
        grads[checkpointing].push_back(parameter.grad().to_vector<double>());
    }
    EXPECT_EQ(grads[0], grads[1]) << name;
  }
}

}  // namespace
}  // namespace roux
