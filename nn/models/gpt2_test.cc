#include "nn/models/gpt2.h"

#include "nn/models/model_test_util.h"

namespace roux {
namespace {

using testing::some_ids;

// The model of tests/golden/language_models.py.
GPT2Config tiny(DType dtype = kF32) {
  GPT2Config config;
  config.vocab_size = 40;
  config.n_positions = 16;
  config.n_embd = 16;
  config.n_layer = 2;
  config.n_head = 2;
  config.compute_dtype = dtype;
  return config;
}

TEST(GPT2, EqualsTransformersInF64) {
  Generator generator(1);
  GPT2LMHeadModel model(tiny(kF64), {&generator, 0.02, kF64});
  testing::expect_golden(model, "gpt2", 1e-10);
}

TEST(GPT2, EqualsTransformersInF32) {
  Generator generator(1);
  GPT2LMHeadModel model(tiny(), {&generator});
  testing::expect_golden(model, "gpt2", 1e-5);
}

// The published files: names as in openai-community/gpt2 (no prefix, masks as buffers) and as transformers
// writes them today (prefix, no head), through a file.
TEST(GPT2, LoadsEveryPublishedNaming) {
  Generator generator(11);
  GPT2LMHeadModel source(tiny(), {&generator, 0.3});
  const Tensor ids = some_ids(2, 9, 40), expected = source(ids);
  const std::string path = ::testing::TempDir() + "/gpt2.safetensors";
  enum Head { kNone, kBoth, kOnly };
  for (const bool prefix : {false, true}) {
    for (const bool buffers : {false, true}) {
      for (const Head head : {kNone, kBoth, kOnly}) {
        NamedTensors file;
        for (const auto& [name, value] : source.state_dict()) {
          const std::string bare = name.substr(std::string("transformer.").size());
          if (bare == "wte.weight" && head != kNone) file.emplace_back("lm_head.weight", value);
          if (bare != "wte.weight" || head != kOnly) file.emplace_back(prefix ? name : bare, value);
        }
        for (const std::string layer : {"h.0.attn.", "h.1.attn."}) {
          if (!buffers) continue;
          file.emplace_back((prefix ? "transformer." : "") + layer + "bias", ones({1, 1, 16, 16}));
          file.emplace_back((prefix ? "transformer." : "") + layer + "masked_bias", full({}, -1e4));
        }
        ASSERT_TRUE(save_safetensors(path, file).ok());
        const auto loaded = load_safetensors(path);
        ASSERT_TRUE(loaded.ok()) << loaded.status();
        GPT2LMHeadModel model(tiny(), {&generator, 0.3});
        ASSERT_FALSE(testing::same_bits(model(ids), expected));
        const absl::Status status = model.load_pretrained(*loaded);
        EXPECT_TRUE(status.ok()) << status;
        EXPECT_TRUE(testing::same_bits(model(ids), expected)) << prefix << buffers << head;
      }
    }
  }
}

TEST(GPT2, RefusesOtherCheckpoints) {
  Generator generator(12);
  GPT2LMHeadModel model(tiny(), {&generator});
  const NamedTensors good = model.state_dict();
  const auto refusal = [&](const std::string& name, const Tensor& value) {
    NamedTensors changed = good;
    changed.emplace_back(name, value);
    return std::string(model.load_pretrained(changed).message());
  };
  EXPECT_EQ(refusal("lm_head.weight", zeros({40, 16})),
            "gpt2: lm_head.weight, f32[40,16], is not wte.weight, f32[40,16]: this model ties them");
  EXPECT_EQ(refusal("wte.weight", zeros({40, 16})),
            "gpt2: transformer.wte.weight is given with and without its prefix");
  EXPECT_EQ(refusal("h.0.attn.scale", zeros({1})), "state_dict: unknown entry transformer.h.0.attn.scale");
  EXPECT_EQ(std::string(model.load_pretrained({good.begin() + 1, good.end()}).message()),
            "state_dict: 1 missing: transformer.wte.weight");
}

TEST(GPT2, CacheEqualsFullForward) {
  Generator generator(2);
  GPT2LMHeadModel f64(tiny(kF64), {&generator, 0.3, kF64});
  testing::expect_cache_equals_full(f64, some_ids(2, 9, 40), 1e-12);
  GPT2LMHeadModel f32(tiny(), {&generator, 0.3});
  testing::expect_cache_equals_full(f32, some_ids(2, 9, 40), 1e-5);
}

TEST(GPT2, LaterTokensDoNotChangeEarlierLogits) {
  Generator generator(3);
  GPT2LMHeadModel model(tiny(), {&generator, 0.3});
  testing::expect_causal(model, some_ids(2, 9, 40), 40);
}

TEST(GPT2, ComputesInBf16) {
  Generator generator(4);
  GPT2LMHeadModel f32(tiny(), {&generator, 0.1});
  GPT2LMHeadModel bf16(tiny(kBF16), {&generator});
  testing::expect_bf16_near_f32(bf16, f32, some_ids(2, 9, 40), some_ids(2, 9, 39));
}

TEST(GPT2, SmallModelHasItsPublishedSize) {
  Generator generator(5);
  GPT2LMHeadModel model(GPT2Config(), {&generator, 0.02, kF32, kMeta});
  EXPECT_EQ(model.num_parameters(), 124439808);
  EXPECT_EQ(model(empty({kI64, {2, 5}}, kMeta)).shape(), (Shape{2, 5, 50257}));
}

TEST(GPT2, ResidualProjectionsStartSmaller) {
  GPT2Config config = tiny();
  config.n_layer = 8;
  Generator generator(6);
  GPT2LMHeadModel model(config, {&generator, 0.02});
  for (const auto& [name, parameter] : model.named_parameters()) {
    if (name.find("mlp.") == std::string::npos || parameter.dim() != 2) continue;
    double square = 0;
    for (double w : parameter.to_vector<double>()) square += w * w;
    const double deviation = std::sqrt(square / static_cast<double>(parameter.numel()));
    const bool projection = name.find("c_proj") != std::string::npos;
    EXPECT_NEAR(deviation, projection ? 0.02 / 4 : 0.02, projection ? 0.0005 : 0.002) << name;
  }
}

TEST(GPT2, DropoutDrawsOnlyInTraining) {
  GPT2Config config = tiny();
  config.resid_pdrop = config.embd_pdrop = 0.5;
  Generator generator(7);
  GPT2LMHeadModel model(config, {&generator, 0.3});
  const Tensor ids = some_ids(1, 9, 40);
  const GeneratorState state = generator.state();
  const Tensor a = model(ids, nullptr, &generator), b = model(ids, nullptr, &generator);
  EXPECT_FALSE(testing::same_bits(a, b));
  generator.set_state(state);
  EXPECT_TRUE(testing::same_bits(a, model(ids, nullptr, &generator)));
  EXPECT_NE(error_of([&] { model(ids); }).find("gpt2: dropout 0.5 in training mode needs a generator"),
            std::string::npos);
  model.eval();
  EXPECT_TRUE(testing::same_bits(model(ids), model(ids)));
}

TEST(GPT2, ErrorsNameTheModule) {
  Generator generator(8);
  GPT2LMHeadModel model(tiny(), {&generator});
  EXPECT_NE(
      error_of([&] { model(some_ids(1, 17, 40)); }).find("17 tokens, n_positions is 16\n  in transformer ("),
      std::string::npos);
  const std::string range = error_of([&] { model(tensor(std::vector<int64_t>{3, -1}, {1, 2})); });
  EXPECT_NE(range.find("-1"), std::string::npos) << range;
  EXPECT_NE(range.find("\n  in transformer.wte (Embedding 40 x 16)"), std::string::npos) << range;
}

}  // namespace
}  // namespace roux
