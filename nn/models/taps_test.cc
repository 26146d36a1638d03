// Reads and edits of activations, and attention replaced from outside.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "autograd/autograd.h"
#include "nn/models/model_test_util.h"
#include "nn/models/transformer.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

using testing::relative_difference;
using testing::same_bits;
using testing::some_ids;
using testing::tiny_configs;
using testing::tiny_llama;

constexpr Site kSites[] = {Site::kEmbedding, Site::kMixerInput,  Site::kHeads,
                           Site::kMixer,     Site::kMiddle,      Site::kFeedForwardInput,
                           Site::kUnits,     Site::kFeedForward, Site::kBlock};

bool has_site(const TransformerConfig& c, Site site) {
  return site != Site::kMiddle ||
         (c.residual != Residual::kParallel && c.residual != Residual::kParallelOneNorm);
}

// No taps, an empty list, reads and edits that change nothing: the same bits of logits and gradients.
TEST(Taps, ThatChangeNothingChangeNothing) {
  for (const auto& [name, config] : tiny_configs()) {
    Generator generator(1);
    const Transformer model(config, {&generator, 0.3});
    const Tensor ids = some_ids(2, 6);
    const auto gradients = [&](const Taps& taps, Tensor* logits) {
      *logits = model.logits({.ids = ids, .taps = taps});
      const std::vector<Tensor> g = grad({sum(*logits * *logits)}, model.parameters());
      std::vector<std::vector<double>> values;
      for (const Tensor& x : g) values.push_back(x.to_vector<double>());
      return values;
    };
    Taps identity;
    std::vector<Tensor> all[9];
    for (const Site site : kSites) {
      if (!has_site(config, site)) continue;
      identity.read(site, &all[static_cast<int>(site)]);
      for (int64_t layer = 0; layer < (site == Site::kEmbedding ? 1 : 2); ++layer)
        identity.edit(site, layer, [](const Tensor& x) { return x; });
    }
    Tensor plain, tapped;
    const auto expected = gradients({}, &plain);
    EXPECT_EQ(gradients(identity, &tapped), expected) << name;
    EXPECT_TRUE(same_bits(plain, tapped)) << name;
    const Shape hidden{2, 6, 16}, heads{2, 6, 4, config.head_size()}, units{2, 6, 24};
    for (const Site site : kSites) {
      if (!has_site(config, site)) continue;
      const std::vector<Tensor>& read = all[static_cast<int>(site)];
      EXPECT_EQ(read.size(), site == Site::kEmbedding ? 1u : 2u);
      EXPECT_EQ(read.back().shape(), site == Site::kHeads ? heads : site == Site::kUnits ? units : hidden);
    }
  }
}

// What is read are the parts of the residual stream.
TEST(Taps, ReadsAddUp) {
  Generator generator(2);
  const Transformer model(tiny_llama(kF64), {&generator, 0.3, kF64});
  std::vector<Tensor> mixer, middle, mlp, block, heads, units;
  Tensor embedding;
  Taps taps;
  taps.read(Site::kEmbedding, 0, &embedding).read(Site::kMixer, &mixer).read(Site::kMiddle, &middle);
  taps.read(Site::kFeedForward, &mlp).read(Site::kBlock, &block).read(Site::kHeads, &heads);
  taps.read(Site::kUnits, &units);
  model.hidden({.ids = some_ids(2, 6), .taps = taps});
  EXPECT_TRUE(same_bits(embedding, model.embed(some_ids(2, 6))));
  for (size_t layer = 0; layer < 2; ++layer) {
    const Tensor& x = layer == 0 ? embedding : block[0];
    EXPECT_TRUE(same_bits(x + mixer[layer], middle[layer]));
    EXPECT_TRUE(same_bits(middle[layer] + mlp[layer], block[layer]));
    const auto weight = [&](const std::string& name) {
      for (const auto& [key, value] : model.named_parameters()) {
        if (key == "model.layers." + std::to_string(layer) + "." + name) return value;
      }
      return Tensor();
    };
    EXPECT_LT(relative_difference(
                  linear(reshape(heads[layer], {2, 6, 16}), weight("self_attn.o_proj.weight")), mixer[layer]),
              1e-12);
    EXPECT_LT(relative_difference(linear(units[layer], weight("mlp.down_proj.weight")), mlp[layer]), 1e-12);
  }
}

// An edit at one site: the stack behind it goes on with the edited tensor, and what the edit captured gets
// the gradient, with checkpointing as without. Reads happen once.
TEST(Taps, EditsPassGradientsUnderCheckpointing) {
  for (auto [name, config] : tiny_configs(kF64)) {
    for (const Site site : kSites) {
      if (!has_site(config, site)) continue;
      std::vector<std::vector<double>> results[2];
      for (const bool checkpointing : {false, true}) {
        config.gradient_checkpointing = checkpointing;
        Generator generator(3);
        const Transformer model(config, {&generator, 0.3, kF64});
        const Shape shape = site == Site::kHeads   ? Shape{2, 6, 4, config.head_size()}
                            : site == Site::kUnits ? Shape{2, 6, 24}
                                                   : Shape{2, 6, 16};
        Tensor delta = normal(shape, 0, 0.1, generator, kF64), after;
        delta.set_requires_grad(true);
        int runs = 0;
        Taps taps;
        taps.edit(site, 0, [&, d = delta * 2.0](const Tensor& x) { return ++runs, x + d; });
        taps.read(site, 0, &after);
        const Tensor loss = model.loss_sum({.ids = some_ids(2, 6), .taps = taps}, some_ids(2, 6));
        const Tensor first = after;
        backward(loss);
        EXPECT_EQ(after.impl(), first.impl()) << name << roux::name(site);
        EXPECT_EQ(runs, checkpointing && site != Site::kEmbedding ? 2 : 1) << name << roux::name(site);
        results[checkpointing] = {loss.to_vector<double>(), delta.grad().to_vector<double>()};
        for (const Tensor& p : model.parameters())
          results[checkpointing].push_back(p.grad().to_vector<double>());
        // The gradient of the captured tensor is the slope of the loss.
        if (checkpointing) continue;
        NoGradGuard no_grad;
        const auto loss_at = [&](double h) {
          Taps moved;
          moved.edit(site, 0, [&](const Tensor& x) { return x + (delta + h) * 2.0; });
          return model.loss_sum({.ids = some_ids(2, 6), .taps = moved}, some_ids(2, 6)).item();
        };
        double slope = 0;
        for (const double g : delta.grad().to_vector<double>()) slope += g;
        const double scale = std::max(1e-2, std::abs(slope));
        EXPECT_NEAR((loss_at(1e-5) - loss_at(-1e-5)) / 2e-5 / scale, slope / scale, 1e-5)
            << name << roux::name(site);
      }
      EXPECT_EQ(results[0], results[1]) << name << roux::name(site);
    }
  }
}

TEST(Taps, RefuseWhatTheModelLacks) {
  Generator generator(4);
  TransformerConfig config = tiny_llama();
  config.residual = Residual::kParallel;
  const Transformer model(config, {&generator});
  const auto refuses = [&](const Taps& taps, const std::string& what, int64_t end_layer = 2) {
    const std::string error =
        error_of([&] { model.hidden({.ids = some_ids(1, 3), .taps = taps, .end_layer = end_layer}); });
    EXPECT_NE(error.find(what), std::string::npos) << error;
  };
  Tensor x;
  refuses(Taps().read(Site::kMiddle, 0, &x), "taps: parallel blocks have no kMiddle");
  refuses(Taps().read(Site::kBlock, 2, &x), "taps: layer 2 of kBlock does not run, those that do are 0 to 1");
  refuses(Taps().read(Site::kBlock, 1, &x), "taps: layer 1 of kBlock does not run, those that do are 0 to 0",
          1);
  refuses(Taps().edit(Site::kUnits, 0, [](const Tensor& u) { return sum(u); }),
          "taps: an edit of kUnits in layer 0 made f32[] of f32[1,3,24]");
}

// Attention as usual, from outside: rotary positions and all, with and without a cache.
TEST(AttentionCore, CanBeAttention) {
  NoGradGuard no_grad;
  Generator generator(5);
  const Transformer model(tiny_llama(kF64), {&generator, 0.3, kF64});
  const AttentionCore usual = [&](const Tensor& q, const Tensor& k, const Tensor& v, const CoreCall& call) {
    const int64_t first = k.size(2) - q.size(2);
    const auto at = [&](const Tensor& x, int64_t begin) {
      return rotary_embedding(
          x, rotary(model.config().rope, x.size(3), arange(begin, begin + x.size(2), 1, kI64), x.dtype()));
    };
    return scaled_dot_product_attention(at(q, first), at(k, 0), v, {.rules = call.pass.rules});
  };
  const Tensor ids = some_ids(2, 6), expected = model.logits(ids);
  EXPECT_LT(relative_difference(model.logits({.ids = ids, .core = usual}), expected), 1e-12);
  KVCache cache = model.make_cache(2, 6);
  model.logits({.ids = ids.slice(1, 0, 4), .cache = &cache, .core = usual});
  const Tensor rest = model.logits({.ids = ids.slice(1, 4, 6), .cache = &cache, .core = usual});
  EXPECT_LT(relative_difference(rest, expected.slice(1, 4, 6)), 1e-12);
}

// Dual chunk attention: keys stand at s mod c; a query at t mod c for its own chunk, at c more, but at most
// `chunk`, for the one before, and at `chunk` for all earlier ones.           [An et al. 2024]
struct DualChunk {
  const Rope& rope;
  int64_t chunk, local;

  struct Turned {
    Tensor own, before, earlier, keys;
  };
  int64_t c() const { return chunk - local; }
  Turned turned(const Tensor& q, const Tensor& k) const {
    const Tensor inside = remainder(arange(0, q.size(2), 1, kI64), c()), most = full({}, chunk, kI64);
    const auto at = [&](const Tensor& x, const Tensor& positions) {
      return rotary_embedding(x, rotary(rope, x.size(3), positions, x.dtype()));
    };
    return {at(q, inside), at(q, minimum(inside + c(), most)), at(q, inside * int64_t{0} + most),
            at(k, inside)};
  }
  // Three partial attentions, in memory of O(T).
  Tensor parts(const Tensor& q, const Tensor& k, const Tensor& v) const {
    const Turned x = turned(q, k);
    const Tensor t = arange(0, q.size(2), 1, kI32), own = t - remainder(t, c());
    return merge_attention(
        {attention_with_lse(x.own, x.keys, v, {.rules = {.causal = true, .begin = own}}),
         attention_with_lse(x.before, x.keys, v, {.rules = {.begin = own - c(), .end = own}}),
         attention_with_lse(x.earlier, x.keys, v, {.rules = {.end = own - c()}})});
  }
  // All scores, chosen by the distance of chunks.
  Tensor whole(const Tensor& q, const Tensor& k, const Tensor& v) const {
    const Turned x = turned(q, k);
    const Tensor t = arange(0, q.size(2), 1, kI64), chunks = (t - remainder(t, c())) / c();
    const Tensor distance = unsqueeze(chunks, 1) - unsqueeze(chunks, 0);
    const auto scores = [&](const Tensor& turned_q) {
      return matmul(turned_q, transpose(x.keys, 2, 3)) / std::sqrt(static_cast<double>(q.size(3)));
    };
    const Tensor chosen = where(lt(distance, 0.5), scores(x.own),
                                where(lt(distance, 1.5), scores(x.before), scores(x.earlier)));
    const Tensor later = gt(unsqueeze(t, 0), unsqueeze(t, 1));
    return matmul(softmax(masked_fill(chosen, later, -std::numeric_limits<double>::infinity())), v);
  }
};

TEST(AttentionCore, CanBeDualChunkAttention) {
  TransformerConfig config = tiny_llama(kF64);
  config.num_key_value_heads = config.num_attention_heads;
  Generator generator(6);
  const Transformer model(config, {&generator, 0.3, kF64});
  const auto run = [&](const DualChunk& dual, bool in_parts, int64_t length) {
    const AttentionCore core = [&](const Tensor& q, const Tensor& k, const Tensor& v, const CoreCall&) {
      return in_parts ? dual.parts(q, k, v) : dual.whole(q, k, v);
    };
    const Tensor logits = model.logits({.ids = some_ids(2, length), .core = core});
    std::vector<Tensor> out = grad({sum(logits * logits)}, model.parameters());
    out.push_back(logits);
    return out;
  };
  const DualChunk dual{model.config().rope, 5, 2};
  const std::vector<Tensor> parts = run(dual, true, 14), whole = run(dual, false, 14);
  for (size_t i = 0; i < parts.size(); ++i) EXPECT_LT(relative_difference(parts[i], whole[i]), 1e-10) << i;
  // Within one chunk it is attention as usual, beyond it is not.
  EXPECT_LT(relative_difference(run(dual, true, 3).back(), model.logits(some_ids(2, 3))), 1e-12);
  EXPECT_GT(relative_difference(parts.back(), model.logits(some_ids(2, 14))), 1e-3);
}

}  // namespace
}  // namespace roux
