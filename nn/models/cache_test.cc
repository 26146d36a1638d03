// Decoding with a cache against one forward over all tokens.
#include <gtest/gtest.h>

#include <cmath>

#include "autograd/autograd.h"
#include "nn/models/model_test_util.h"
#include "nn/models/transformer.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
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

Tensor i32(const std::vector<int32_t>& values, const Shape& shape) { return tensor(values, shape); }

// A fixed direction, of values in [-1, 1].
Tensor cos_like(const Tensor& x) {
  std::vector<double> values;
  for (int64_t i = 0; i < x.numel(); ++i) values.push_back(std::cos(static_cast<double>(3 * i + 1)));
  return tensor(values, x.shape());
}

// Three tokens, then one by one, then the rest at once: the same logits as all tokens together.
TEST(Cache, EqualsFullForward) {
  NoGradGuard no_grad;
  for (const auto& [dtype, tolerance] : {std::pair{kF64, 1e-12}, std::pair{kF32, 1e-5}}) {
    for (const auto& [name, config] : tiny_configs(dtype)) {
      Generator generator(2);
      const Transformer model(config, {&generator, 0.3, dtype});
      const Tensor ids = some_ids(2, 9);
      KVCache cache = model.make_cache(2, 9);
      std::vector<Tensor> pieces;
      for (const auto& [begin, end] : {std::pair{0, 3}, {3, 4}, {4, 5}, {5, 6}, {6, 9}}) {
        pieces.push_back(model.logits({.ids = ids.slice(1, begin, end), .cache = &cache}));
        EXPECT_EQ(cache.lengths(), (std::vector<int64_t>{end, end}));
      }
      EXPECT_LT(relative_difference(cat(pieces, 1), model.logits(ids)), tolerance) << name;
      EXPECT_NE(error_of([&] {
                  model.logits({.ids = some_ids(2, 1), .cache = &cache});
                }).find("10 tokens, capacity is 9"),
                std::string::npos);
      EXPECT_EQ(cache.longest(), 9);
    }
  }
}

// Steps find the table of the buckets' bias that the first calls made; once no token is left it is made anew.
TEST(Cache, KeepsTheBiasOfBuckets) {
  NoGradGuard no_grad;
  TransformerConfig config = testing::named_config("buckets", kF32);
  config.compute_dtype = kBF16;
  Generator generator(2);
  const Transformer model(config, {&generator, 0.3});
  const Tensor ids = some_ids(1, 9);
  KVCache cache = model.make_cache(1, 9);
  const auto run = [&](int64_t begin, int64_t end) {
    return model.logits({.ids = ids.slice(1, begin, end), .cache = &cache});
  };
  run(0, 4), run(4, 5);
  const Tensor table = cache.distance_bias();
  EXPECT_EQ(table.spec(), (TensorSpec{kF32, {4, 15}}));  // in the dtype of the scores
  for (int64_t t = 5; t < 8; ++t) run(t, t + 1);
  EXPECT_EQ(cache.distance_bias().impl(), table.impl());
  cache.set_lengths({0});
  for (const auto& [name, weight] : model.named_parameters()) {
    if (name.find("relative_attention") != std::string::npos) copy_(weight, weight * -3);
  }
  EXPECT_TRUE(same_bits(run(0, 9), model.logits(ids)));
}

// Prompts of 5, 2 and 3 tokens, padded; then two steps of one token, in the second of which row 1 pauses.
TEST(Cache, RaggedRowsEqualRowsAlone) {
  NoGradGuard no_grad;
  for (const auto& [name, config] : tiny_configs(kF64)) {
    Generator generator(3);
    const Transformer model(config, {&generator, 0.3, kF64});
    const Tensor all = some_ids(3, 7);
    const std::vector<int64_t> prompt = {5, 2, 3};
    KVCache cache = model.make_cache(3, 7);
    std::vector<Tensor> ragged;
    ragged.push_back(
        model.logits({.ids = all.slice(1, 0, 5), .lengths = i32({5, 2, 3}, {3}), .cache = &cache}));
    EXPECT_EQ(cache.lengths(), prompt);
    const auto next = [&](int64_t step) {
      std::vector<Tensor> rows;
      for (int64_t row = 0; row < 3; ++row) {
        const int64_t at = prompt[static_cast<size_t>(row)] + step;
        rows.push_back(all.slice(0, row, row + 1).slice(1, at, at + 1));
      }
      return cat(rows, 0);
    };
    ragged.push_back(model.logits({.ids = next(0), .cache = &cache}));
    ragged.push_back(model.logits({.ids = next(1), .lengths = i32({1, 0, 1}, {3}), .cache = &cache}));
    EXPECT_EQ(cache.lengths(), (std::vector<int64_t>{7, 3, 5}));
    for (int64_t row = 0; row < 3; ++row) {
      const int64_t n = prompt[static_cast<size_t>(row)];
      const Tensor alone = model.logits(all.slice(0, row, row + 1).slice(1, 0, n + 2));
      const auto of_row = [&](size_t i) { return ragged[i].slice(0, row, row + 1); };
      EXPECT_LT(relative_difference(of_row(0).slice(1, 0, n), alone.slice(1, 0, n)), 1e-12) << name << row;
      EXPECT_LT(relative_difference(of_row(1), alone.slice(1, n, n + 1)), 1e-12) << name << row;
      EXPECT_LT(relative_difference(of_row(2), alone.slice(1, n + 1, n + 2)), 1e-12) << name << row;
    }
  }
}

// Beams: rows 2, 0 and 2 go on as three, then the last two; tokens are taken back.
TEST(Cache, SelectedRowsEqualRecomputedOnes) {
  NoGradGuard no_grad;
  Generator generator(4);
  const Transformer model(tiny_llama(kF64), {&generator, 0.3, kF64});
  const Tensor ids = some_ids(3, 6);
  const auto rows = [](const Tensor& x, const std::vector<int64_t>& which) {
    std::vector<Tensor> out;
    for (const int64_t row : which) out.push_back(x.slice(0, row, row + 1));
    return cat(out, 0);
  };
  KVCache cache = model.make_cache(3, 6);
  model.hidden({.ids = ids.slice(1, 0, 4), .lengths = i32({4, 4, 3}, {3}), .cache = &cache});
  cache.select_rows({2, 0, 2});
  EXPECT_EQ(cache.lengths(), (std::vector<int64_t>{3, 4, 3}));
  const Tensor next = i32({7, 8, 9}, {3, 1});
  const auto expect_row = [&](const Tensor& logits, int64_t row, const std::vector<Tensor>& tokens) {
    std::vector<Tensor> wide;
    for (const Tensor& piece : tokens) wide.push_back(cast(piece, kI64));
    const Tensor full = model.logits(cat(wide, 1));
    EXPECT_LT(
        relative_difference(logits.slice(0, row, row + 1), full.slice(1, full.size(1) - 1, full.size(1))),
        1e-12)
        << row;
  };
  const Tensor two = rows(ids, {2}).slice(1, 0, 3), zero = rows(ids, {0}).slice(1, 0, 4);
  const Tensor logits = model.logits({.ids = next, .cache = &cache});
  expect_row(logits, 0, {two, rows(next, {0})});
  expect_row(logits, 1, {zero, rows(next, {1})});
  expect_row(logits, 2, {two, rows(next, {2})});

  cache.select_rows({1, 2});
  EXPECT_EQ(cache.rows(), 2);
  const Tensor fewer = model.logits({.ids = rows(next, {0, 1}), .cache = &cache});
  expect_row(fewer, 0, {zero, rows(next, {1}), rows(next, {0})});
  expect_row(fewer, 1, {two, rows(next, {2}), rows(next, {1})});

  cache.set_lengths({4, 3});
  const Tensor again = model.logits({.ids = rows(next, {2, 2}), .cache = &cache});
  expect_row(again, 0, {zero, rows(next, {2})});
  expect_row(again, 1, {two, rows(next, {2})});

  cache.set_lengths({4, 3});
  cache.select_rows({1, 0, 1});  // back to as many as there is memory for
  const Tensor more = model.logits({.ids = next, .cache = &cache});
  expect_row(more, 0, {two, rows(next, {0})});
  expect_row(more, 1, {zero, rows(next, {1})});
  expect_row(more, 2, {two, rows(next, {2})});
}

// Rows behind a shared prompt, whose rows differ in length, against one sequence each; then with caches of
// their own on top.
TEST(Cache, PrefixEqualsOneSequence) {
  NoGradGuard no_grad;
  for (const auto& [name, config] : tiny_configs(kF64)) {
    Generator generator(5);
    const Transformer model(config, {&generator, 0.3, kF64});
    const Tensor prompts = some_ids(2, 5), answers = some_ids(4, 4) + 0;
    for (const bool ragged : {false, true}) {
      const std::vector<int64_t> lengths = {5, ragged ? 3 : 5};
      KVCache prompt = model.make_cache(2, 5);
      const Tensor given = ragged ? i32({5, 3}, {2}) : Tensor();
      model.hidden({.ids = prompts, .lengths = given, .cache = &prompt});
      const KeyValues prefix = prompt.view();
      const Tensor logits = model.logits({.ids = answers, .prefix = prefix});
      KVCache own = model.make_cache(4, 4);
      std::vector<Tensor> steps;
      for (const auto& [begin, end] : {std::pair{0, 2}, {2, 3}, {3, 4}}) {
        steps.push_back(model.logits({.ids = answers.slice(1, begin, end), .cache = &own, .prefix = prefix}));
      }
      for (int64_t row = 0; row < 4; ++row) {
        const int64_t n = lengths[static_cast<size_t>(row / 2)];
        const Tensor before = prompts.slice(0, row / 2, row / 2 + 1).slice(1, 0, n);
        const Tensor full = model.logits(cat({before, answers.slice(0, row, row + 1)}, 1)).slice(1, n, n + 4);
        EXPECT_LT(relative_difference(logits.slice(0, row, row + 1), full), 1e-12) << name << ragged << row;
        EXPECT_LT(relative_difference(cat(steps, 1).slice(0, row, row + 1), full), 1e-12) << name << row;
      }
    }
  }
}

// Trained keys and values: their gradient is the slope of the loss.
TEST(Cache, PrefixGetsGradients) {
  for (const auto& [name, config] : tiny_configs(kF64)) {
    Generator generator(7);
    const Transformer model(config, {&generator, 0.3, kF64});
    const Shape shape{1, config.kv_heads(), 3, config.head_size()};
    KeyValues prefix;
    for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
      prefix.k.push_back(normal(shape, 0, 1, generator, kF64).set_requires_grad(true));
      prefix.v.push_back(normal(shape, 0, 1, generator, kF64).set_requires_grad(true));
    }
    const auto loss = [&](double h) {
      KeyValues moved;
      for (const Tensor& k : prefix.k) moved.k.push_back(k + h * cos_like(k));
      for (const Tensor& v : prefix.v) moved.v.push_back(v + h * cos_like(v));
      return model.loss_sum({.ids = some_ids(2, 4), .prefix = moved}, some_ids(2, 4));
    };
    backward(loss(0));
    double slope = 0;
    for (const std::vector<Tensor>* list : {&prefix.k, &prefix.v}) {
      for (const Tensor& x : *list) slope += sum(x.grad() * cos_like(x)).item();
    }
    NoGradGuard no_grad;
    EXPECT_NEAR((loss(1e-5).item() - loss(-1e-5).item()) / 2e-5 / slope, 1, 1e-5) << name;
  }
}

// A step writes its token in place: what it allocates does not depend on the capacity, and on what was
// decoded only by the attention's own workspace.
TEST(Cache, StepsDoNotCopyIt) {
  NoGradGuard no_grad;
  TransformerConfig config = tiny_llama();
  config.max_position_embeddings = 4096;
  Generator generator(6);
  const Transformer model(config, {&generator, 0.3});
  KVCache cache = model.make_cache(2, 2048);
  const auto peak_of_step = [&] {
    model.logits({.ids = some_ids(2, 1), .cache = &cache});
    reset_peak_memory(kCpu);
    const int64_t before = memory_stats(kCpu).current;
    model.logits({.ids = some_ids(2, 1), .cache = &cache});
    return memory_stats(kCpu).peak - before;
  };
  model.hidden({.ids = some_ids(2, 600), .cache = &cache});
  const int64_t early = peak_of_step();
  model.hidden({.ids = some_ids(2, 1200), .cache = &cache});
  EXPECT_LE(peak_of_step(), early + 1024);  // the keys alone are 2 x 2 x 1802 x 4 f32, 115 kB
}

TEST(Cache, RefusesWhatDoesNotFit) {
  NoGradGuard no_grad;
  KVCache cache({.layers = 1, .rows = 2, .capacity = 4, .kv_heads = 1, .head_dim = 3});
  const auto refuses = [](const std::function<void()>& f, const std::string& what) {
    EXPECT_EQ(error_of(f), what);
  };
  const Tensor k = ones({2, 1, 2, 3});
  refuses([&] { cache.append(1, k, k); }, "KVCache: layer 1, there are 1");
  refuses(
      [&] {
        cache.append(0, ones({2, 1, 2, 4}), k);
      },
      "KVCache: k is f32[2,1,2,4], v is f32[2,1,2,3], needed f32[2,1,T,3]");
  refuses(
      [&] {
        cache.append(0, ones({2, 1, 5, 3}), ones({2, 1, 5, 3}));
      },
      "KVCache: 5 tokens, capacity is 4");
  refuses([&] { cache.advance(2, {1, 3}); }, "KVCache: length 3 of 2 tokens");
  cache.append(0, k, k);
  cache.advance(2, {1, 2});
  refuses([&] { cache.set_lengths({2, 2}); }, "KVCache: length 2 for row 0, which has 1 tokens");
  refuses([&] { cache.set_lengths({1}); }, "KVCache: 1 lengths for 2 rows");
  refuses([&] { cache.select_rows({0, 2}); }, "KVCache: row 2 selected, there are 2");
  refuses([&] { cache.select_rows({0, 0, 0}); }, "KVCache: 3 rows selected, there is memory for 2");
  EXPECT_EQ(cache.lengths(), (std::vector<int64_t>{1, 2}));
}

}  // namespace
}  // namespace roux
