// What an LmInput may say: documents, padding, prefixes, embeddings, positions, pieces of the stack.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>

#include "autograd/autograd.h"
#include "nn/models/model_test_util.h"
#include "nn/models/transformer.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

using testing::kVocabulary;
using testing::relative_difference;
using testing::same_bits;
using testing::some_ids;
using testing::tiny_configs;
using testing::tiny_gpt2;
using testing::tiny_llama;

Tensor i32(const std::vector<int32_t>& values, const Shape& shape) { return tensor(values, shape); }

// No rows, no tokens, or neither: logits of no token, a loss of 0 and gradients of 0.
TEST(Input, MayBeEmpty) {
  for (auto [name, config] : tiny_configs(kF32)) {
    config.dropout = {.embedding = 0.1, .attention = 0.1, .hidden = 0.1};
    for (const DType dtype : {kF32, kBF16}) {
      config.compute_dtype = dtype;
      for (const auto& [rows, tokens] : {std::pair(0, 3), std::pair(2, 0), std::pair(0, 0)}) {
        SCOPED_TRACE(name + " " + std::to_string(rows) + " x " + std::to_string(tokens));
        Generator generator(12);
        const Transformer model(config, {&generator, 0.3});
        const Tensor ids = zeros({rows, tokens}, kI64), per_token = zeros({rows, tokens}, kI32),
                     per_row = zeros({rows}, kI32);
        std::vector<LmInput> inputs = {{.ids = ids}, {.ids = ids, .lengths = per_row}};
        inputs.push_back({.ids = ids, .document_begin = per_token});
        inputs.push_back({.ids = ids, .causal = false});
        inputs.push_back({.embeddings = zeros({rows, tokens, config.hidden_size})});
        if (!config.distance_biased()) inputs.push_back({.ids = ids, .positions = per_token});
        for (LmInput in : inputs) {
          if (in.causal.has_value() && (config.sliding_window || config.key_smear)) continue;
          in.generator = &generator;
          EXPECT_EQ(model.logits(in).shape(), (Shape{rows, tokens, kVocabulary}));
          const Tensor loss = model.loss_sum(in, ids);
          EXPECT_EQ(loss.item(), 0);
          backward(loss);
          for (const auto& [parameter, gradient] : testing::gradients(model)) {
            const std::vector<double> values = gradient.to_vector<double>();
            EXPECT_EQ(values, std::vector<double>(values.size(), 0)) << parameter;
          }
        }
        NoGradGuard no_grad;
        KVCache cache = model.make_cache(rows, 8);
        EXPECT_EQ(model.logits({.ids = ids, .cache = &cache, .dropout_scale = 0}).size(1), tokens);
        const Tensor next = zeros({rows, 2}, kI64);
        EXPECT_EQ(model.logits({.ids = next, .cache = &cache, .dropout_scale = 0}).size(1), 2);
        EXPECT_EQ(model.logits({.ids = ids, .cache = &cache, .dropout_scale = 0}).size(1), tokens);
        const KVCache none = model.make_cache(rows, 8);
        EXPECT_EQ(model.logits({.ids = next, .prefix = none.view(), .dropout_scale = 0}).size(1), 2);
        KVCache shared = model.make_cache(1, 8);
        EXPECT_EQ(model.logits({.ids = next, .prefix = shared.view(), .dropout_scale = 0}).size(1), 2);
        model.logits({.ids = zeros({1, 3}, kI64), .cache = &shared, .dropout_scale = 0});
        EXPECT_EQ(model.logits({.ids = ids, .prefix = shared.view(), .dropout_scale = 0}).size(1), tokens);
      }
    }
  }
}

TEST(Input, PackedDocumentsEqualRowsAlone) {
  for (const auto& [name, config] : tiny_configs(kF64)) {
    Generator generator(12);
    const Transformer model(config, {&generator, 0.3, kF64});
    const Tensor a = some_ids(1, 3), b = some_ids(1, 5) + 1;
    const Tensor packed = cat({a, b}, 1);
    const Tensor begins = i32({0, 0, 0, 3, 3, 3, 3, 3}, {1, 8});
    const Tensor logits = model.logits({.ids = packed, .document_begin = begins});
    const Tensor numbers = i32({7, 7, 7, 2, 2, 2, 2, 2}, {1, 8});
    EXPECT_TRUE(same_bits(model.logits({.ids = packed, .documents = numbers}), logits)) << name;
    EXPECT_LT(relative_difference(logits.slice(1, 0, 3), model.logits(a)), 1e-10) << name;
    EXPECT_LT(relative_difference(logits.slice(1, 3, 8), model.logits(b)), 1e-10) << name;
    // Both ways, as an encoder: ends are needed too.
    if (config.sliding_window) continue;
    const LmInput both{.ids = packed,
                       .document_begin = begins,
                       .document_end = i32({3, 3, 3, 8, 8, 8, 8, 8}, {1, 8}),
                       .causal = false};
    const Tensor seen = model.logits(both);
    EXPECT_LT(relative_difference(seen.slice(1, 0, 3), model.logits({.ids = a, .causal = false})), 1e-10);
    EXPECT_LT(relative_difference(seen.slice(1, 3, 8), model.logits({.ids = b, .causal = false})), 1e-10);
    EXPECT_GT(relative_difference(seen.slice(1, 0, 2), logits.slice(1, 0, 2)), 1e-3);
  }
}

TEST(Input, PaddedRowsEqualRowsAloneAlsoWhenNotCausal) {
  Generator generator(13);
  const Transformer model(tiny_gpt2(kF64), {&generator, 0.3, kF64});
  const Tensor ids = some_ids(2, 6);
  for (const bool causal : {true, false}) {
    const LmInput padded{.ids = ids, .lengths = i32({6, 4}, {2}), .causal = causal};
    const LmInput alone{.ids = ids.slice(0, 1, 2).slice(1, 0, 4), .causal = causal};
    EXPECT_LT(relative_difference(model.logits(padded).slice(0, 1, 2).slice(1, 0, 4), model.logits(alone)),
              1e-12);
  }
  // Two tokens that see each other, then causal ones: as the mask that says so.
  const LmInput prefix{.ids = ids, .lengths = i32({6, 4}, {2}), .bidirectional = i32({2, 0}, {2})};
  std::vector<uint8_t> sees;
  for (int row = 0; row < 2; ++row) {
    for (int t = 0; t < 6; ++t) {
      for (int s = 0; s < 6; ++s) sees.push_back((s <= t || (row == 0 && s < 2)) && (row == 0 || s < 4));
    }
  }
  const LmInput masked{.ids = ids, .causal = false, .mask = cast(tensor(sees, {2, 1, 6, 6}), kBool)};
  const Tensor a = model.logits(prefix), b = model.logits(masked);
  EXPECT_LT(relative_difference(a.slice(0, 0, 1), b.slice(0, 0, 1)), 1e-12);
  EXPECT_LT(relative_difference(a.slice(0, 1, 2).slice(1, 0, 4), b.slice(0, 1, 2).slice(1, 0, 4)), 1e-12);
}

// Embeddings in place of ids; gradients arrive at them.
TEST(Input, TakesEmbeddingsAndPositions) {
  for (const auto& [name, config] : tiny_configs(kF64)) {
    Generator generator(14);
    const Transformer model(config, {&generator, 0.3, kF64});
    const Tensor ids = some_ids(2, 5);
    Tensor embeddings = model.embed(ids).detach();
    embeddings.set_requires_grad(true);
    const Tensor logits = model.logits({.embeddings = embeddings});
    EXPECT_TRUE(same_bits(logits, model.logits(ids))) << name;
    backward(sum(logits));
    EXPECT_TRUE(embeddings.grad().defined()) << name;

    const Tensor moved = arange(2, 7, 1, kI64), rows = moved + zeros({2, 1}, kI64);
    if (config.distance_biased()) {
      EXPECT_NE(error_of([&] {
                  model.logits({.ids = ids, .positions = moved});
                }).find("positions is given, but the distances of this model's biases are those of slots"),
                std::string::npos);
      continue;
    }
    const Tensor a = model.logits({.ids = ids, .positions = moved});
    EXPECT_TRUE(same_bits(a, model.logits({.ids = ids, .positions = rows}))) << name;
    if (config.positions == Positions::kLearned) {
      EXPECT_GT(relative_difference(a, logits), 1e-3) << name;
    } else {  // rotary ones are relative
      EXPECT_LT(relative_difference(a, logits), 1e-12) << name;
    }
  }
}

TEST(Input, RefusesWhatHasNoMeaning) {
  Generator generator(17);
  const Transformer model(tiny_llama(), {&generator});
  const Tensor ids = some_ids(2, 5), embeddings = model.embed(ids);
  KVCache cache = model.make_cache(2, 8), of_one = model.make_cache(1, 8);
  const auto refuses = [&](const LmInput& in, const std::string& what) {
    const std::string error = error_of([&] { model.logits(in); });
    EXPECT_NE(error.find(what), std::string::npos) << error;
  };
  refuses({}, "transformer: neither of ids and embeddings given");
  refuses({.ids = ids, .embeddings = embeddings}, "transformer: both of ids and embeddings given");
  refuses({.ids = tensor(std::vector<int32_t>{1, 2}, {2})}, "ids must be [B, T], i32 or i64: ids is i32[2]");
  refuses({.embeddings = zeros({2, 5, 8})},
          "embeddings must be floating [B, T, 16]: embeddings is f32[2,5,8]");
  refuses({.ids = some_ids(1, 17)}, "17 tokens, max_position_embeddings is 16");
  refuses({.ids = ids, .positions = zeros({3}, kI64)}, "positions is i64[3], needed [5] or [2,5]");
  refuses({.ids = ids, .lengths = zeros({2}, kI64)}, "lengths is i64[2], needed i32[2]");
  refuses({.ids = ids, .first_layer = 1}, "first_layer 1 needs the residual stream in embeddings");
  refuses({.embeddings = embeddings, .first_layer = 2, .end_layer = 1}, "layers 2 to 1, there are 2");
  refuses({.ids = ids, .cache = &of_one}, "the cache has 1 rows, the input 2");
  refuses({.ids = ids, .causal = false, .cache = &cache}, "a cache needs causal attention");
  const Tensor documents = zeros({2, 5}, kI32);
  refuses({.ids = ids, .document_begin = documents, .causal = false},
          "document_begin alone, but attention is not causal: a token would see other documents");
  refuses({.ids = ids, .document_end = documents + 5, .causal = false},
          "document_end alone, but attention is not causal");
  refuses({.ids = ids, .document_begin = documents, .documents = documents},
          "documents is i32[2,5], needed i32 or i64 [B, T], without document_begin and document_end");
  refuses({.ids = ids, .documents = zeros({5}, kI32)}, "documents is i32[5], needed");
  refuses({.ids = ids, .document_begin = documents, .bidirectional = zeros({2}, kI32)},
          "bidirectional counts the first tokens of a row, which holds several documents");
  refuses({.embeddings = zeros({2, 5, 16}, kI64)}, "embeddings must be floating [B, T, 16]");
  const auto prefix = [](const Tensor& first, const Tensor& other) {
    return KeyValues{.k = {first, other}, .v = {first, first}};
  };
  const Tensor keys = zeros({1, 2, 3, 4}), longer = zeros({1, 2, 4, 4});
  refuses({.ids = ids, .prefix = prefix(Tensor(), keys)}, "the prefix of layer 0 has an undefined tensor");
  refuses({.ids = ids, .prefix = prefix(zeros({2, 3, 4}), keys)},
          "the prefix of layer 0 has f32[2,3,4], needed [R, 2, P, 4] with the R and P of all layers");
  refuses({.ids = ids, .prefix = prefix(keys, longer)}, "the prefix of layer 1 has f32[1,2,4,4]");
  refuses({.ids = ids, .dropout_scale = -1}, "dropout_scale is -1, needed at least 0");
  refuses({.ids = ids, .cache = &cache, .end_layer = 1}, "a cache needs all layers");
  refuses({.ids = ids, .document_begin = zeros({2, 5}, kI32), .cache = &cache},
          "a cached row holds one document");
  refuses({.ids = ids, .cache = &cache}, "KVCache: used while recording");

  TransformerConfig odd = tiny_llama();
  odd.num_attention_heads = 3;
  EXPECT_NE(error_of([&] { Transformer(odd, {&generator}); }).find("num_attention_heads 3"),
            std::string::npos);
  odd.head_dim = 8;
  EXPECT_NE(error_of([&] {
              Transformer(odd, {&generator});
            }).find("num_attention_heads 3 is not a multiple of num_key_value_heads 2"),
            std::string::npos);
  TransformerConfig experts = tiny_llama();
  experts.moe = MoeConfig{.experts = 2, .per_token = 1, .width = 4};
  experts.dropout.units = 0.1;
  EXPECT_NE(error_of([&] { experts.check(); }).find("dropout.units with experts"), std::string::npos);
  const auto refuses_config = [](const std::function<void(TransformerConfig&)>& change,
                                 const std::string& what) {
    TransformerConfig config = tiny_llama();
    change(config);
    EXPECT_EQ(error_of([&] { config.check(); }), "transformer: " + what);
  };
  refuses_config([](auto& c) { c.norm_eps = NAN; }, "norm_eps is nan, needed at least 0");
  refuses_config([](auto& c) { c.attention_scale = INFINITY; },
                 "attention_scale is inf, needed a finite one");
  refuses_config([](auto& c) { c.attention_softcap = 0; }, "attention_softcap is 0, needed one above 0");
  refuses_config([](auto& c) { c.logit_softcap = -1; }, "logit_softcap is -1, needed one above 0");
  refuses_config([](auto& c) { c.dropout.attention = 1; }, "dropout.attention is 1, needed 0 <= rate < 1");
  refuses_config([](auto& c) { c.dropout.output = NAN; }, "dropout.output is nan, needed 0 <= rate < 1");
  refuses_config([](auto& c) { c.compute_dtype = kI64; }, "compute_dtype is i64, needed a floating one");
  refuses_config([](auto& c) { c.position_offset = 16; },
                 "position_offset is 16, needed below max_position_embeddings, 16");
  TransformerConfig odd_width = tiny_llama();
  odd_width.head_dim = 5;
  EXPECT_NE(error_of([&] {
              Transformer(odd_width, {&generator});
            }).find("rotary positions turn 5 of a head's 5 units"),
            std::string::npos);
}

// BERT's kinds of tokens: none given are all 0, and another kind moves the logits.
TEST(Input, TellsKindsOfTokensApart) {
  TransformerConfig config = tiny_gpt2(kF64);
  config.type_vocab_size = 2;
  Generator generator(19);
  const Transformer model(config, {&generator, 0.3, kF64});
  const Tensor ids = some_ids(2, 5), logits = model.logits(ids);
  EXPECT_TRUE(same_bits(logits, model.logits({.ids = ids, .token_types = zeros({2, 5}, kI64)})));
  EXPECT_FALSE(same_bits(logits, model.logits({.ids = ids, .token_types = ones({2, 5}, kI64)})));
  const Transformer without(tiny_gpt2(kF64), {&generator, 0.3, kF64});
  EXPECT_NE(
      error_of([&] {
        without.logits({.ids = ids, .token_types = zeros({2, 5}, kI64)});
      }).find("token_types is i64[2,5], needed integers [2,5] for a model with type_vocab_size above 0"),
      std::string::npos);
}

// A stack in two pieces is the stack.
TEST(Input, RunsInPieces) {
  Generator generator(18);
  const Transformer model(tiny_gpt2(kF64), {&generator, 0.3, kF64});
  const Tensor ids = some_ids(2, 5);
  const Tensor stream = model.hidden({.ids = ids, .end_layer = 1});
  EXPECT_TRUE(same_bits(model.hidden({.embeddings = stream, .first_layer = 1}), model.hidden({.ids = ids})));
}

}  // namespace
}  // namespace roux
