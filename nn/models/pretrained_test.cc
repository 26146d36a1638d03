// Folders that transformers wrote (tests/golden/language_models.py): read, computed with, written again.
#include "nn/models/pretrained.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "autograd/autograd.h"
#include "nn/models/checkpoint_names.h"
#include "nn/models/config_json.h"
#include "nn/models/model_test_util.h"
#include "tensor/fresh_directory.h"
#include "tensor/io/atomic_file.h"
#include "tensor/io/safetensors.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"

namespace roux {
namespace {

using testing::expect_gradients;
using testing::gradients;
using testing::named;
using testing::relative_difference;
using testing::sorted_names;

std::string folder_of(const std::string& family) { return "tests/golden/language_models/" + family; }

class Families : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, Families,
                         ::testing::Values("llama", "mistral", "qwen2", "gemma", "gemma2", "gpt2", "gpt_neox",
                                           "bert", "roberta", "qwen2_moe", "qwen3", "gemma3", "mixtral",
                                           "olmoe", "bloom", "phi3", "phi3_short", "olmo2"));

// Logits, summed loss and the gradient of every parameter, relative to the largest value of each tensor.
TEST_P(Families, EqualTransformers) {
  const auto golden = load_safetensors(folder_of(GetParam()) + "/golden.safetensors");
  ASSERT_TRUE(golden.ok()) << golden.status();
  for (const auto& [dtype, tolerance] : {std::pair{kF64, 1e-10}, std::pair{kF32, 1e-5}}) {
    const auto model =
        load_pretrained<Transformer>(folder_of(GetParam()), {.dtype = dtype, .compute_dtype = dtype});
    ASSERT_TRUE(model.ok()) << model.status();
    const Tensor ids = named(*golden, "ids"), targets = named(*golden, "targets");
    EXPECT_LT(relative_difference((*model)->logits(ids), named(*golden, "logits")), tolerance);
    const Tensor loss = (*model)->loss_sum(ids, targets);
    EXPECT_LT(std::abs(loss.item() / named(*golden, "loss").item() - 1), tolerance);
    backward(loss);
    const auto grads = to_checkpoint((*model)->config(), gradients(**model));
    ASSERT_TRUE(grads.ok()) << grads.status();
    expect_gradients(*grads, *golden, "self.key.bias", tolerance);
  }
}

// What we write has the names, shapes and bytes of what transformers wrote, and its config.json says the
// same.
TEST_P(Families, GoThereAndExactlyBack) {
  const auto model = load_pretrained<Transformer>(folder_of(GetParam()));
  ASSERT_TRUE(model.ok()) << model.status();
  const std::string folder = fresh_directory() + "/a/model";
  const absl::Status saved = save_pretrained(**model, folder);
  ASSERT_TRUE(saved.ok()) << saved;
  const auto theirs = load_safetensors(folder_of(GetParam()) + "/model.safetensors");
  const auto ours = load_safetensors(folder);
  ASSERT_TRUE(theirs.ok() && ours.ok());
  EXPECT_EQ(sorted_names(*ours), sorted_names(*theirs));
  for (const auto& [name, value] : *ours)
    EXPECT_TRUE(testing::same_bits(value, named(*theirs, name))) << name;
  const auto again = load_pretrained<Transformer>(folder);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)->config(), (*model)->config());
}

// Logits of mapped weights have the bits of copied ones, and training writes to no file.
TEST_P(Families, AreMapped) {
  const std::string folder = folder_of(GetParam());
  const auto copied = load_pretrained(folder), mapped = load_pretrained(folder, {.map = true});
  ASSERT_TRUE(copied.ok() && mapped.ok()) << mapped.status();
  const std::string before = *read_file(folder + "/model.safetensors");
  const Tensor ids = remainder(testing::some_ids(2, 9), 20);
  EXPECT_TRUE(testing::same_bits((*mapped)->logits(ids), (*copied)->logits(ids)));
  for (Tensor& weight : (*mapped)->parameters()) {
    EXPECT_TRUE(weight.requires_grad());
    fill_(weight.detach(), 0);
  }
  EXPECT_EQ(*read_file(folder + "/model.safetensors"), before);
}

// A configuration of more layers than there are tensors is refused before memory is taken for them.
TEST(PretrainedFiles, MoreLayersThanTensors) {
  const std::string folder = fresh_directory();
  std::string config = *read_file(folder_of("llama") + "/config.json");
  const std::string two = "\"num_hidden_layers\": 2";
  config.replace(config.find(two), two.size(), "\"num_hidden_layers\": 60000");
  ASSERT_TRUE(write_file_atomically(folder + "/config.json", config).ok());
  ASSERT_TRUE(save_safetensors(folder + "/model.safetensors", {{"a", ones({1})}}).ok());
  EXPECT_EQ(load_pretrained(folder).status().message(),
            folder + ": config.json has 60000 layers, the weights are 1 tensors");
}

// Two tensors with the names of a GPT-2 of one layer and more, changed in one way each.
class Gpt2Files : public ::testing::Test {
 protected:
  Gpt2Files() : source(config(), {&generator, 0.3}), good(*to_checkpoint(config(), source.state_dict())) {}
  static TransformerConfig config() { return testing::tiny_gpt2(); }
  std::string refusal(NamedTensors file) {
    Transformer model(config(), {&generator});
    const auto state = from_checkpoint(config(), file);
    if (!state.ok()) return std::string(state.status().message());
    return std::string(model.load_state_dict(*state).message());
  }
  NamedTensors with(const std::string& name, const Tensor& value) {
    NamedTensors file = good;
    file.emplace_back(name, value);
    return file;
  }
  Generator generator{11};
  Transformer source;
  NamedTensors good;
};

// As in openai-community/gpt2 (no prefix, masks as buffers), and as transformers writes them (prefix, no
// head).
TEST_F(Gpt2Files, LoadInEveryPublishedForm) {
  const Tensor ids = testing::some_ids(2, 9), expected = source.logits(ids);
  enum Head { kNone, kBoth, kOnly };
  for (const bool prefix : {false, true}) {
    for (const bool buffers : {false, true}) {
      for (const Head head : {kNone, kBoth, kOnly}) {
        NamedTensors file;
        for (const auto& [name, value] : good) {
          const std::string bare = name.substr(std::string("transformer.").size());
          if (bare == "wte.weight" && head != kNone) file.emplace_back("lm_head.weight", value);
          if (bare != "wte.weight" || head != kOnly) file.emplace_back(prefix ? name : bare, value);
        }
        for (const std::string layer : {"h.0.attn.", "h.1.attn."}) {
          if (!buffers) continue;
          file.emplace_back((prefix ? "transformer." : "") + layer + "bias", ones({1, 1, 16, 16}));
          file.emplace_back((prefix ? "transformer." : "") + layer + "masked_bias", full({}, -1e4));
        }
        const auto state = from_checkpoint(config(), file);
        ASSERT_TRUE(state.ok()) << state.status();
        Transformer model(config(), {&generator, 0.3});
        ASSERT_FALSE(testing::same_bits(model.logits(ids), expected));
        const absl::Status status = model.load_state_dict(*state);
        ASSERT_TRUE(status.ok()) << status;
        EXPECT_TRUE(testing::same_bits(model.logits(ids), expected)) << prefix << buffers << head;
      }
    }
  }
}

TEST_F(Gpt2Files, RefuseWhatDoesNotFit) {
  EXPECT_EQ(refusal(with("lm_head.weight", zeros({40, 16}))),
            "checkpoint: lm_head.weight, f32[40,16], is not transformer.wte.weight, f32[40,16]: this model "
            "ties them");
  EXPECT_EQ(refusal(with("wte.weight", zeros({40, 16}))),
            "checkpoint: transformer.wte.weight and wte.weight are both model.embed_tokens.weight");
  EXPECT_EQ(refusal(with("h.0.attn.scale", zeros({1}))), "state_dict: 1 unknown: model.layers.0.attn.scale");
  EXPECT_EQ(refusal({good.begin() + 1, good.end()}), "state_dict: 1 missing: model.embed_tokens.weight");
  NamedTensors short_qkv = good;
  for (auto& [name, value] : short_qkv) {
    if (name == "transformer.h.1.attn.c_attn.weight") value = zeros({16, 40});
  }
  EXPECT_EQ(refusal(short_qkv),
            "checkpoint: transformer.h.1.attn.c_attn.weight is f32[16,40], needed q, k and v of 4 heads of 4 "
            "units each");
  NamedTensors adapted = source.state_dict();
  adapted.emplace_back("model.layers.0.self_attn.q_proj.lora_A", zeros({1}));
  EXPECT_EQ(to_checkpoint(config(), adapted).status().message(),
            "checkpoint: model.layers.0.self_attn.q_proj.lora_A has no place in the files of this family");
}

// One call for any family; a typed one refuses the other type.
TEST(Pretrained, LoadsWhicheverModelAFolderHolds) {
  const auto gemma = load_pretrained(folder_of("gemma3")), t5 = load_pretrained(folder_of("t5"));
  ASSERT_TRUE(gemma.ok()) << gemma.status();
  ASSERT_TRUE(t5.ok()) << t5.status();
  EXPECT_NE(dynamic_cast<const Transformer*>(gemma->get()), nullptr);
  EXPECT_NE(dynamic_cast<const EncoderDecoder*>(t5->get()), nullptr);
  for (const auto& [name, model] : {std::pair("gemma3", gemma->get()), {"t5", t5->get()}}) {
    const std::string folder = fresh_directory() + "/" + name;
    ASSERT_TRUE(save_pretrained(*model, folder).ok());
    const auto ours = load_safetensors(folder), theirs = load_safetensors(folder_of(name));
    ASSERT_TRUE(ours.ok() && theirs.ok());
    EXPECT_EQ(sorted_names(*ours), sorted_names(*theirs));
  }
  EXPECT_EQ(load_pretrained<Transformer>(folder_of("t5")).status().message(),
            folder_of("t5") + "/config.json: an encoder-decoder, needed a Transformer");
  EXPECT_EQ(load_pretrained<EncoderDecoder>(folder_of("llama")).status().message(),
            folder_of("llama") + "/config.json: one Transformer, needed an encoder-decoder");
}

// A BERT without its head for masked tokens, as sentence encoders are published: no prefix, with a pooler.
TEST(BertFiles, LoadWithoutAHead) {
  const auto whole = load_pretrained<Transformer>(folder_of("bert"));
  ASSERT_TRUE(whole.ok()) << whole.status();
  const auto file = load_safetensors(folder_of("bert"));
  ASSERT_TRUE(file.ok());
  NamedTensors encoder = {{"pooler.dense.weight", zeros({16, 16})},
                          {"embeddings.position_ids", zeros({1, 16}, kI64)}};
  for (const auto& [name, value] : *file) {
    if (name.rfind("bert.", 0) == 0) encoder.emplace_back(name.substr(5), value);
  }
  std::string config = *read_file(folder_of("bert") + "/config.json");
  config.replace(config.find("BertForMaskedLM"), 15, "BertModel");
  const std::string folder = fresh_directory();
  ASSERT_TRUE(save_safetensors(folder + "/model.safetensors", encoder).ok());
  ASSERT_TRUE(write_file_atomically(folder + "/config.json", config).ok());
  const auto bare = load_pretrained<Transformer>(folder);
  ASSERT_TRUE(bare.ok()) << bare.status();
  const LmInput in{.ids = testing::some_ids(2, 5) - 20 * cast(gt(testing::some_ids(2, 5), 19), kI64)};
  EXPECT_TRUE(testing::same_bits((*bare)->hidden(in), (*whole)->hidden(in)));
  EXPECT_LT((*bare)->num_parameters(), (*whole)->num_parameters());
}

// A config.json of these members, beside those that a Llama needs.
absl::StatusOr<TransformerConfig> llama_with(const std::string& members, const std::string& type = "llama") {
  return parse_config_json(R"({"model_type": ")" + type + R"(", "vocab_size": 40, "hidden_size": 16,
      "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, )" +
                               members + R"("use_cache": true})",
                           "f");
}

TEST(ConfigJson, ReadsOlderFiles) {
  const auto llama3 = llama_with(R"("rope_theta": 5e5, "max_position_embeddings": 131072, "rope_scaling": {
      "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
      "original_max_position_embeddings": 8192}, )");
  ASSERT_TRUE(llama3.ok()) << llama3.status();
  EXPECT_EQ(llama3->rope.theta, 5e5);
  EXPECT_EQ(llama3->rope.scaling.type, RopeType::kLlama3);
  EXPECT_EQ(llama3->rope.scaling.factor, 8);
  EXPECT_EQ(llama3->rope.scaling.original_max_position_embeddings, 8192);
  const auto linear = llama_with(R"("rope_scaling": {"type": "linear", "factor": 4}, )");
  ASSERT_TRUE(linear.ok()) << linear.status();
  EXPECT_EQ(linear->rope.scaling.type, RopeType::kLinear);
  const auto neox = llama_with(R"("rotary_pct": 0.5, "rotary_emb_base": 1000, )", "gpt_neox");
  ASSERT_TRUE(neox.ok()) << neox.status();
  EXPECT_EQ(neox->rope.fraction, 0.5);
  EXPECT_EQ(neox->rope.theta, 1000);
  EXPECT_EQ(llama_with(R"("num_key_value_heads": null, )", "mistral")->sliding_window, 4096);
  EXPECT_EQ(llama_with(R"("num_key_value_heads": 2, "sliding_window": null, )", "mistral")->sliding_window,
            std::nullopt);
  EXPECT_EQ(llama_with(R"("num_key_value_heads": 2, "sliding_window": 8, "use_sliding_window": true,
                          "max_window_layers": 2, )",
                       "qwen2")
                ->sliding_window,
            std::nullopt);
  EXPECT_EQ(llama_with(R"("num_key_value_heads": 1, "hidden_act": "gelu", )", "gemma")->activation,
            Activation::kGeglu);
}

TEST(ConfigJson, ReadsTheRopesOfGemma3InEitherForm) {
  const std::string older =
      R"("num_key_value_heads": 2, "sliding_window": 8, "sliding_window_pattern": 2, "rope_theta": 5e5,
      "rope_local_base_freq": 2e4, "rope_scaling": {"rope_type": "linear", "factor": 8.0}, )";
  const std::string newer =
      R"("num_key_value_heads": 2, "sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"],
      "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 5e5},
                          "sliding_attention": {"rope_type": "default", "rope_theta": 2e4}}, )";
  for (const std::string& members : {older, newer}) {
    const auto c = llama_with(members, "gemma3_text");
    ASSERT_TRUE(c.ok()) << c.status();
    EXPECT_EQ(c->full_attention_every, 2);
    EXPECT_EQ(c->sliding_window, 8);
    EXPECT_EQ(c->rope, (Rope{.theta = 5e5, .scaling = {.type = RopeType::kLinear, .factor = 8}}));
    EXPECT_EQ(c->local_rope, (Rope{.theta = 2e4}));
    EXPECT_EQ(*parse_config_json(*config_json(*c, kF32), "f"), *c);
  }
  EXPECT_EQ(llama_with(R"("num_key_value_heads": 2, "sliding_window": null, )", "gemma3_text")->local_rope,
            std::nullopt);
}

// What transformers ignores is neither read nor written.
TEST(ConfigJson, HasNoBiasesThatAFamilyLacks) {
  for (const char* type : {"mistral", "qwen2", "gemma", "qwen3"}) {
    const auto c = llama_with(R"("num_key_value_heads": 2, "mlp_bias": true, )", type);
    ASSERT_TRUE(c.ok()) << c.status();
    EXPECT_FALSE(c->mlp_bias) << type;
    EXPECT_EQ(config_json(*c, kF32)->find("mlp_bias"), std::string::npos) << type;
    TransformerConfig biased = *c;
    biased.mlp_bias = true;
    EXPECT_NE(config_json(biased, kF32).status().message().find("cannot express this model's mlp_bias"),
              std::string::npos);
  }
  EXPECT_FALSE(llama_with(R"("num_key_value_heads": 2, "attention_bias": true, )", "mistral")->qkv_bias);
}

TEST(ConfigJson, NamesWhatItCannotRead) {
  const auto refusal = [](const std::string& members, const std::string& type = "llama") {
    return std::string(llama_with(members, type).status().message());
  };
  EXPECT_EQ(refusal("", "t5"), "f: model_type \"t5\" is not supported");
  EXPECT_EQ(refusal(R"("hidden_act": "relu2", )"), "f: hidden_act \"relu2\" is not supported");
  EXPECT_EQ(refusal(R"("rope_scaling": {"type": "proportional"}, )"),
            "f: rope_scaling: rope_type \"proportional\" is not supported");
  EXPECT_EQ(refusal(R"("rope_scaling": {"type": "longrope", "short_factor": ["a"]}, )"),
            "f: rope_scaling: short_factor is of type string, needed an array of numbers");
  EXPECT_EQ(refusal(R"("rope_interleaved": true, )"), "f: rope_interleaved = true is not supported");
  EXPECT_EQ(refusal(R"("rms_norm_eps": "small", )"), "f: rms_norm_eps is of type string, needed a number");
  EXPECT_EQ(refusal(R"("head_dim": 4.5, )"), "f: head_dim is of type number, needed an integer");
  EXPECT_EQ(refusal(R"("num_key_value_heads": 3, )"),
            "f: transformer: num_attention_heads 4 is not a multiple of num_key_value_heads 3");
  EXPECT_EQ(
      refusal(R"("num_key_value_heads": 2, "use_sliding_window": true, "max_window_layers": 1, )", "qwen2"),
      "f: a window in some of the layers (max_window_layers, layer_types) is not supported");
  EXPECT_EQ(parse_config_json(R"({"model_type": "llama"})", "f").status().message(),
            "f: vocab_size is missing");
  EXPECT_EQ(parse_config_json("[]", "f").status().message(), "f: not an object");
  EXPECT_EQ(parse_config_json(R"({"model_type": "qwen2_moe", "num_hidden_layers": 1000000000000})", "f")
                .status()
                .message(),
            "f: num_hidden_layers is 1000000000000, at most 65536");
}

TEST(ConfigJson, ReadsWhichLayersHaveExperts) {
  const auto with = [](const std::string& members) {
    return llama_with(
        R"("num_key_value_heads": 2, "shared_expert_intermediate_size": 5, "num_experts": 6, )" + members,
        "qwen2_moe");
  };
  const auto sparse = with(R"("decoder_sparse_step": 2, "norm_topk_prob": true, "qkv_bias": false, )");
  ASSERT_TRUE(sparse.ok()) << sparse.status();
  MoeConfig moe{.experts = 6, .per_token = 4, .width = 1408, .shared_width = 5, .shared_gate = true};
  moe.renormalise = true, moe.dense_layers = {0};
  EXPECT_EQ(sparse->moe, moe);
  EXPECT_FALSE(sparse->qkv_bias);
  moe.renormalise = false, moe.dense_layers = {1};
  EXPECT_EQ(with(R"("mlp_only_layers": [1], )")->moe, moe);
  EXPECT_EQ(llama_with(R"("num_key_value_heads": 2, "num_experts": 0, )", "qwen2_moe")->moe, std::nullopt);
  EXPECT_EQ(with(R"("use_sliding_window": true, )").status().message(),
            "f: use_sliding_window = true is not supported");
  EXPECT_EQ(llama_with(R"("num_key_value_heads": 2, "shared_expert_intermediate_size": 0, )", "qwen2_moe")
                .status()
                .message(),
            "f: shared_expert_intermediate_size 0 is not supported");

  TransformerConfig c = testing::tiny_llama();
  c.moe = moe;
  EXPECT_EQ(config_json(c, kF32).status().message(),
            "config.json: the files of llama models cannot express this model's moe");
  c.family = Family::kQwen2Moe;
  EXPECT_EQ(*parse_config_json(*config_json(c, kF32), "f"), c);
  c.moe->scale = 2;
  EXPECT_EQ(config_json(c, kF32).status().message(),
            "config.json: the files of qwen2_moe models cannot express this model's moe");
}

TEST(ConfigJson, KeepsEveryOptionOfItsFamily) {
  TransformerConfig c = testing::tiny_llama();
  c.head_dim = 8, c.qkv_bias = c.output_bias = c.mlp_bias = true, c.tie_word_embeddings = true;
  c.norm_eps = 1e-4, c.dropout.attention = 0.25;
  c.rope = {.theta = 5e5,
            .fraction = 0.5,
            .scaling = {.type = RopeType::kYarn,
                        .factor = 4,
                        .original_max_position_embeddings = 4,
                        .beta_fast = 16,
                        .beta_slow = 2,
                        .truncate = false,
                        .attention_factor = 1.5}};
  const auto text = config_json(c, kBF16);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*parse_config_json(*text, "f"), c);

  c.residual = Residual::kPostNorm;
  EXPECT_EQ(config_json(c, kF32).status().message(),
            "config.json: the files of llama models cannot express this model's residual");
}

}  // namespace
}  // namespace roux
