#include "nn/models/llama.h"

#include "nn/models/model_test_util.h"

namespace roux {
namespace {

using testing::some_ids;

// The model of tests/golden/language_models.py.
LlamaConfig tiny(DType dtype = kF32) {
  LlamaConfig config;
  config.vocab_size = 40;
  config.hidden_size = 16;
  config.intermediate_size = 24;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.max_position_embeddings = 16;
  config.compute_dtype = dtype;
  return config;
}

TEST(Llama, EqualsTransformersInF64) {
  Generator generator(1);
  LlamaForCausalLM model(tiny(kF64), {&generator, 0.02, kF64});
  testing::expect_golden(model, "llama", 1e-10);
}

TEST(Llama, EqualsTransformersInF32) {
  Generator generator(1);
  LlamaForCausalLM model(tiny(), {&generator});
  testing::expect_golden(model, "llama", 1e-5);
}

TEST(Llama, CacheEqualsFullForward) {
  Generator generator(2);
  LlamaForCausalLM f64(tiny(kF64), {&generator, 0.3, kF64});
  testing::expect_cache_equals_full(f64, some_ids(2, 9, 40), 1e-12);
  LlamaForCausalLM f32(tiny(), {&generator, 0.3});
  testing::expect_cache_equals_full(f32, some_ids(2, 9, 40), 1e-5);
}

TEST(Llama, LaterTokensDoNotChangeEarlierLogits) {
  Generator generator(3);
  LlamaForCausalLM model(tiny(), {&generator, 0.3});
  testing::expect_causal(model, some_ids(2, 9, 40), 40);
}

TEST(Llama, ComputesInBf16) {
  Generator generator(4);
  LlamaForCausalLM f32(tiny(), {&generator, 0.1});
  LlamaForCausalLM bf16(tiny(kBF16), {&generator});
  testing::expect_bf16_near_f32(bf16, f32, some_ids(2, 9, 40), some_ids(2, 9, 39));
}

TEST(Llama, TiedWeightsAreOneParameter) {
  LlamaConfig config = tiny();
  Generator generator(5);
  LlamaForCausalLM untied(config, {&generator, 0.1});
  config.tie_word_embeddings = true;
  LlamaForCausalLM tied(config, {&generator, 0.1});
  EXPECT_EQ(untied.num_parameters() - tied.num_parameters(), 40 * 16);
  EXPECT_EQ(untied.named_parameters().size() - tied.named_parameters().size(), 1u);

  // The tied gradient is the sum of the two of an untied model with equal weights.
  NamedTensors state = tied.state_dict();
  state.emplace_back("lm_head.weight", state.front().second);
  ASSERT_EQ(state.front().first, "model.embed_tokens.weight");
  ASSERT_TRUE(untied.load_state_dict(state).ok());
  const Tensor ids = some_ids(2, 9, 40), targets = some_ids(2, 9, 39);
  backward(tied.loss_sum(ids, targets));
  backward(untied.loss_sum(ids, targets));
  const Tensor sum =
      untied.named_parameters().front().second.grad() + untied.named_parameters().back().second.grad();
  EXPECT_EQ(untied.named_parameters().back().first, "lm_head.weight");
  EXPECT_LT(testing::relative_difference(tied.named_parameters().front().second.grad(), sum), 1e-6);
}

TEST(Llama, MetaModelHasShapesAndNoMemory) {
  LlamaConfig config;  // Llama 2 7B
  Generator generator(6);
  const int64_t before = memory_stats(kCpu).current;
  LlamaForCausalLM model(config, {&generator, 0.02, kF32, kMeta});
  EXPECT_EQ(model.num_parameters(), 6738415616);
  EXPECT_EQ(generator.state().offset, 0u);
  const Tensor ids = empty({kI32, {1, 32}}, kMeta);
  EXPECT_EQ(model(ids).shape(), (Shape{1, 32, 32000}));
  backward(model.loss_sum(ids, empty({kI32, {1, 32}}, kMeta)));
  EXPECT_EQ(model.parameters().front().grad().shape(), (Shape{32000, 4096}));
  EXPECT_LT(memory_stats(kCpu).current - before, 1 << 20);
}

TEST(Llama, ErrorsNameTheModule) {
  Generator generator(7);
  LlamaForCausalLM model(tiny(), {&generator});
  const std::string range = error_of([&] { model(tensor(std::vector<int32_t>{1, 40}, {1, 2})); });
  EXPECT_NE(range.find("40"), std::string::npos) << range;
  EXPECT_NE(
      range.find("\n  in model.embed_tokens (Embedding 40 x 16)\n  in model (LlamaModel 2 layers, d 16)\n"
                 "  in LlamaForCausalLM, "),
      std::string::npos)
      << range;
  EXPECT_NE(error_of([&] { model(some_ids(1, 17, 40)); }).find("17 tokens, max_position_embeddings is 16"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              model(tensor(std::vector<int32_t>{1, 2}, {2}));
            }).find("ids must be [B, T]"),
            std::string::npos);
  LlamaConfig odd = tiny();
  odd.num_attention_heads = 3;
  EXPECT_NE(error_of([&] { LlamaForCausalLM(odd, {&generator}); }).find("num_attention_heads 3"),
            std::string::npos);
}

}  // namespace
}  // namespace roux
