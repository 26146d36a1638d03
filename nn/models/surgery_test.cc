// Weights moved, added, cut and upcycled: what the model computes afterwards.
#include "nn/models/surgery.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/autograd.h"
#include "nn/models/model_test_util.h"
#include "nn/models/upcycle.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/order.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

using testing::kVocabulary;
using testing::relative_difference;
using testing::same_bits;
using testing::some_ids;
using testing::tiny_configs;
using testing::tiny_llama;

Tensor named(const Module& m, const std::string& name) {
  for (const auto& [key, value] : m.named_parameters()) {
    if (key == name) return value;
  }
  ADD_FAILURE() << name << " is missing";
  return zeros({1});
}

Tensor i64(const std::vector<int64_t>& values) {
  return tensor(values, {static_cast<int64_t>(values.size())});
}

// Biases too, which start at 0.
void randomize(Transformer& m, Generator& generator) {
  NoGradGuard no_grad;
  for (Tensor p : m.parameters()) {
    if (p.dim() == 1) copy_(p, normal(p.shape(), 0.5, 0.3, generator, p.dtype()));
  }
}

TEST(GrowVocabulary, KeepsTheOldTokensAndAddsTheNew) {
  for (const auto& [name, config] : tiny_configs(kF64)) {
    Generator generator(1);
    Transformer model(config, {&generator, 0.3, kF64});
    randomize(model, generator);
    const Tensor rows = normal({3, 16}, 0, 1, generator, kF64), ids = some_ids(2, 9);
    const auto grown = grow_vocabulary(model, rows);
    EXPECT_EQ(grown->config().vocab_size, kVocabulary + 3);
    const Tensor logits = grown->logits(ids), before = model.logits(ids);
    ASSERT_EQ(logits.size(2), kVocabulary + 3) << name;
    EXPECT_LT(relative_difference(slice(logits, 2, 0, kVocabulary), before), 1e-12) << name;
    EXPECT_TRUE(same_bits(slice(grown->embedding_weight(), 0, kVocabulary, kVocabulary + 3), rows));
    EXPECT_TRUE(same_bits(slice(grown->output().weight, 0, kVocabulary, kVocabulary + 3), rows));
    if (grown->output().bias.defined()) {
      EXPECT_NEAR(grown->output().bias.to_vector<double>().back(), mean(model.output().bias).item(), 1e-12);
    }
    // The new tokens can be read, and train.
    backward(grown->loss_sum(full({1, 2}, kVocabulary + 2, kI64), full({1, 2}, kVocabulary, kI64)));
    EXPECT_TRUE(grown->embedding_weight().grad().defined());
    NoGradGuard no_grad;
    copy_(grown->embedding_weight(), zeros({kVocabulary + 3, 16}, kF64));
    EXPECT_GT(amax(abs(model.embedding_weight())).item(), 0);  // copies
    const auto back = select_vocabulary(*grow_vocabulary(model, rows), arange(0, kVocabulary, 1, kI64));
    EXPECT_EQ(back->config(), model.config());
    EXPECT_TRUE(same_bits(back->logits(ids), before)) << name;
  }
}

TEST(GrowVocabulary, TakesOtherRowsForTheHeadAndRefusesWhatDoesNotFit) {
  Generator generator(2);
  const Transformer model(tiny_llama(), {&generator, 0.3});
  const Tensor rows = ones({2, 16}), head = ones({2, 16}) * 2.0;
  const auto grown = grow_vocabulary(model, rows, head);
  EXPECT_TRUE(same_bits(slice(named(*grown, "lm_head.weight"), 0, 40, 42), head));
  EXPECT_TRUE(same_bits(slice(grown->embedding_weight(), 0, 40, 42), rows));
  EXPECT_EQ(error_of([&] {
              grow_vocabulary(model, ones({2, 15}));
            }),
            "grow_vocabulary: rows is f32[2,15], needed floating [n, 16]");
  EXPECT_EQ(error_of([&] {
              grow_vocabulary(model, rows, ones({1, 16}));
            }),
            "grow_vocabulary: head_rows is f32[1,16], needed the shape of rows, f32[2,16]");
  const Transformer tied(testing::tiny_gpt2(), {&generator, 0.3});
  EXPECT_EQ(error_of([&] { grow_vocabulary(tied, rows, head); }),
            "grow_vocabulary: head_rows is f32[2,16], but the head is the embedding");
  EXPECT_EQ(error_of([&] { select_vocabulary(model, ones({2})); }),
            "select_vocabulary: ids is f32[2], needed integers [n], n above 0");
  EXPECT_NE(error_of([&] { select_vocabulary(model, i64({0, 40})); }).find("40"), std::string::npos);
}

TEST(RowsLike, HasTheMomentsOfTheColumns) {
  Generator generator(3);
  const Tensor weight = tensor(std::vector<double>{1, 10, 3, 10, 5, 10}, {3, 2});
  const Tensor rows = rows_like(weight, 20000, generator);
  const std::vector<double> means = mean(rows, 0).to_vector<double>(),
                            variances = var(rows, 0).to_vector<double>();
  EXPECT_NEAR(means[0], 3, 0.05);
  EXPECT_NEAR(variances[0], 8.0 / 3, 0.1);
  EXPECT_NEAR(means[1], 10, 1e-12);
  EXPECT_NEAR(variances[1], 0, 1e-12);
}

TEST(SelectVocabulary, ReordersAndCuts) {
  for (const auto& [name, config] : tiny_configs(kF64)) {
    Generator generator(4);
    Transformer model(config, {&generator, 0.3, kF64});
    randomize(model, generator);
    const Tensor kept = i64({7, 0, 39, 12});
    const auto small = select_vocabulary(model, kept);
    const Tensor ids = tensor(std::vector<int64_t>{3, 1, 2, 0, 0}, {1, 5});
    const Tensor old = model.logits(reshape(index_select(kept, 0, reshape(ids, {5})), {1, 5}));
    EXPECT_LT(relative_difference(small->logits(ids), index_select(old, 2, kept)), 1e-12) << name;
    EXPECT_LT(small->num_parameters(), model.num_parameters());
  }
}

TEST(Permute, LeavesTheFunctionAsItIs) {
  for (const auto& [name, config] : tiny_configs(kF64)) {
    Generator generator(5);
    Transformer model(config, {&generator, 0.3, kF64});
    randomize(model, generator);
    const Tensor ids = some_ids(2, 9), before = model.logits(ids);
    const auto weight = [&](const std::string& path) {
      return named(model, "model.layers.1." + path + ".weight").contiguous().to_vector<double>();
    };
    const std::vector<double> up = weight("mlp.up_proj"), q = weight("self_attn.q_proj");
    permute_units(model, "model.layers.1.mlp", randperm(24, generator));
    EXPECT_NE(weight("mlp.up_proj"), up) << name;
    EXPECT_LT(relative_difference(model.logits(ids), before), 1e-12) << name;
    if (config.distance_biased()) {
      EXPECT_EQ(error_of([&] {
                  permute_heads(model, 1, i64({3, 2, 0, 1}));
                }),
                "permute_heads: the heads' biases of distances are shared by all layers");
      continue;
    }
    // Heads that share keys: {0 1} {2 3}, or all four, or none.
    permute_heads(model, 1, i64({3, 2, 0, 1}));
    EXPECT_NE(weight("self_attn.q_proj"), q) << name;
    EXPECT_LT(relative_difference(model.logits(ids), before), 1e-12) << name;
  }
}

TEST(Permute, RefusesWhatIsNoPermutation) {
  Generator generator(6);
  Transformer model(tiny_llama(), {&generator, 0.3});
  const auto heads = [&](const std::vector<int64_t>& order) {
    return error_of([&] { permute_heads(model, 0, i64(order)); });
  };
  EXPECT_EQ(heads({0, 2, 1, 3}), "permute_heads: order parts the heads 0 to 1, which share keys");
  EXPECT_EQ(heads({0, 1, 1, 3}), "permute_heads: order has 1 twice, needed each of 0 to 3 once");
  EXPECT_EQ(heads({0, 1, 4, 3}), "permute_heads: order has 4, needed each of 0 to 3 once");
  EXPECT_EQ(heads({0, 1}), "permute_heads: order is i64[2], needed integers [4]");
  EXPECT_EQ(error_of([&] { permute_units(model, "model.layers.2.mlp", i64({0})); }),
            "permute_units: there is no MLP model.layers.2.mlp");
}

// Whole MLPs and parts of them; any order of units; GELU with biases and SwiGLU without.
TEST(Upcycle, ComputesWhatTheDenseModelDid) {
  const MoeConfig cases[] = {
      {.experts = 4, .per_token = 2, .width = 24, .renormalise = true},
      {.experts = 3, .per_token = 1, .width = 24, .renormalise = true, .dense_layers = {0}},
      {.experts = 9, .per_token = 6, .width = 8, .renormalise = true, .scale = 3},
      {.experts = 8, .per_token = 2, .width = 12, .renormalise = true, .scale = 2}};
  for (const auto& [name, config] : tiny_configs(kF64)) {
    Generator generator(7);
    Transformer dense(config, {&generator, 0.3, kF64});
    randomize(dense, generator);
    const Tensor ids = some_ids(2, 9), before = dense.logits(ids);
    for (const MoeConfig& moe : cases) {
      for (const bool shuffle : {false, true}) {
        const auto model = upcycle(dense, moe, generator, {.router_std = 0.5, .shuffle = shuffle});
        EXPECT_LT(relative_difference(model->logits(ids), before), 1e-11) << name << moe.experts << shuffle;
        EXPECT_GT(model->num_parameters(), dense.num_parameters());
      }
    }
    // Parts that are chosen one by one do not make up an MLP.
    const auto parts = upcycle(dense, cases[2], generator, {.router_std = 2, .whole_copies = false});
    EXPECT_GT(relative_difference(parts->logits(ids), before), 1e-6) << name;
  }
}

// Experts that go across the borders of copies, cut from four copies, all asked: the sum of the copies.
TEST(Upcycle, AllExpertsTogetherAreTheirCopies) {
  Generator generator(8);
  const Transformer dense(tiny_llama(kF64), {&generator, 0.3, kF64});
  const MoeConfig moe{.experts = 6, .per_token = 6, .width = 16, .renormalise = true, .scale = 1.5};
  const auto model = upcycle(dense, moe, generator, {.router_std = 0, .shuffle = true});
  EXPECT_LT(relative_difference(model->logits(some_ids(2, 9)), dense.logits(some_ids(2, 9))), 1e-11);
}

TEST(Upcycle, SharesDrawsAndIsAQwen2Moe) {
  Generator generator(9);
  TransformerConfig config = tiny_llama();
  config.family = Family::kQwen2, config.qkv_bias = true;
  const Transformer dense(config, {&generator, 0.3});
  const MoeConfig moe{.experts = 4, .per_token = 2, .width = 10, .shared_width = 30, .shared_gate = true};
  const auto same = upcycle(dense, moe, generator);
  EXPECT_EQ(same->config().family, Family::kQwen2Moe);
  const std::string path = "model.layers.1.mlp.";
  const Tensor up = named(dense, path + "up_proj.weight"), down = named(dense, path + "down_proj.weight");
  EXPECT_TRUE(same_bits(named(*same, path + "experts.1.up_proj.weight"), slice(up, 0, 10, 20)));
  EXPECT_TRUE(same_bits(named(*same, path + "experts.2.down_proj.weight"),
                        cat({slice(down, 1, 20, 24), slice(down, 1, 0, 6)}, 1)));
  EXPECT_TRUE(
      same_bits(named(*same, path + "shared_expert.up_proj.weight"), cat({up, slice(up, 0, 0, 6)}, 0)));
  EXPECT_EQ(named(*same, path + "shared_expert_gate.weight").shape(), (Shape{1, 16}));

  const auto redrawn = upcycle(dense, moe, generator, {.redrawn = 0.5, .std = 3});
  const Tensor now = named(*redrawn, path + "experts.1.up_proj.weight"), was = slice(up, 0, 10, 20);
  const double changed = mean(cast(ne(now, was), kF64)).item();
  EXPECT_GT(changed, 0.3);
  EXPECT_LT(changed, 0.7);
  EXPECT_GT(std::sqrt(var(now).item()), 1.5);  // sqrt((0.3^2 + 3^2) / 2)
  EXPECT_TRUE(same_bits(redrawn->embedding_weight(), dense.embedding_weight()));

  EXPECT_EQ(error_of([&] { upcycle(*same, moe, generator); }), "upcycle: the model has experts already");
  EXPECT_EQ(error_of([&] { upcycle(dense, moe, generator, {.redrawn = 2}); }),
            "upcycle: redrawn is 2, needed a probability");
  EXPECT_EQ(error_of([&] { upcycle(dense, {.experts = 2, .per_token = 3, .width = 2}, generator); }),
            "transformer: moe.per_token is 3, needed 1 to moe.experts, 2");
}

class Scaling final : public Mixer {
 public:
  explicit Scaling(const Init& init) { register_parameter("scale", &scale_, init_normal({16}, init)); }
  Tensor forward(const Tensor& x, const Pass&) const override { return x * scale_; }
  std::string pretty_print() const override { return "Scaling"; }

 private:
  Tensor scale_;
};

TEST(Remake, MakesARecipesMixersAgain) {
  Generator generator(10);
  const Init init{&generator, 0.3};
  const Transformer odd(tiny_llama(), init, [&](int64_t layer) -> std::unique_ptr<Mixer> {
    if (layer == 0) return nullptr;
    return std::make_unique<Scaling>(init);
  });
  const auto grown = grow_vocabulary(odd, ones({1, 16}));
  const Tensor ids = some_ids(2, 9);
  // A product with another number of columns may be summed in another order.
  EXPECT_LT(relative_difference(grown->logits(ids).slice(2, 0, kVocabulary), odd.logits(ids)), 1e-6);
  EXPECT_NE(grown->block(0).attention(), nullptr);
  EXPECT_EQ(grown->block(1).mixer().pretty_print(), "Scaling");
  EXPECT_TRUE(
      same_bits(named(*grown, "model.layers.1.mixer.scale"), named(odd, "model.layers.1.mixer.scale")));
}

TEST(Remake, RefusesWhatDoesNotFit) {
  Generator generator(10);
  const Transformer model(tiny_llama(), {&generator});
  TransformerConfig other = tiny_llama();
  other.num_hidden_layers = 1;
  EXPECT_NE(
      error_of([&] { remake(model, other, [](NamedTensors*) {}); }).find("remake: state_dict: 9 unknown: "),
      std::string::npos);
}

}  // namespace
}  // namespace roux
