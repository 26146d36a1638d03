// Adapters that PEFT wrote (tests/golden/peft_adapters.py): read, computed with, merged, written again.
#include "nn/models/peft.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "autograd/autograd.h"
#include "nn/layers.h"
#include "nn/models/checkpoint_names.h"
#include "nn/models/model_test_util.h"
#include "nn/models/peft_config.h"
#include "nn/models/pretrained.h"
#include "tensor/error_of.h"
#include "tensor/fresh_directory.h"
#include "tensor/grad_mode.h"
#include "tensor/io/atomic_file.h"
#include "tensor/io/safetensors.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/random.h"

namespace roux {
namespace {

using testing::named;
using testing::relative_difference;
using testing::same_bits;
using testing::some_ids;
using testing::sorted_names;

std::string folder_of(const std::string& adapter) { return "tests/golden/peft_adapters/" + adapter; }

std::unique_ptr<Transformer> base_of(const std::string& adapter, DType dtype = kF64) {
  const std::string base = adapter.substr(0, adapter.rfind('_'));
  auto model = load_pretrained<Transformer>("tests/golden/language_models/" + base,
                                            {.dtype = dtype, .compute_dtype = dtype});
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

std::unique_ptr<Transformer> adapted(const std::string& adapter, DType dtype = kF64) {
  std::unique_ptr<Transformer> model = base_of(adapter, dtype);
  const absl::Status loaded = load_peft(*model, folder_of(adapter));
  EXPECT_TRUE(loaded.ok()) << loaded;
  model->eval();
  return model;
}

// The tensors of a file of PEFT but for weights of the base, which Roux does not write.
NamedTensors adapters_of(const std::string& adapter) {
  NamedTensors out;
  const NamedTensors all = *load_safetensors(folder_of(adapter) + "/adapter_model.safetensors");
  for (const auto& entry : all) {
    if (entry.first.find(".base_layer.") == std::string::npos) out.push_back(entry);
  }
  return out;
}

NamedTensors saved(const Transformer& model, const std::string& folder, const SavePeftOptions& options = {}) {
  const absl::Status status = save_peft(model, folder, options);
  EXPECT_TRUE(status.ok()) << status;
  return *load_safetensors(folder + "/adapter_model.safetensors");
}

class Adapters : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, Adapters,
                         ::testing::Values("llama_lora", "llama_dora", "llama_modules", "gpt2_lora",
                                           "gpt2_dora", "gpt_neox_dora", "llama_embeddings",
                                           "llama_embeddings-dora", "gpt2_embeddings", "gemma3_embeddings",
                                           "bert_embeddings"));

// Logits, summed loss, and the gradients of all that trains, which go to the names and layouts of files as
// the values do.
TEST_P(Adapters, EqualPeft) {
  const auto golden = load_safetensors(folder_of(GetParam()) + "/golden.safetensors");
  ASSERT_TRUE(golden.ok()) << golden.status();
  for (const auto& [dtype, tolerance] : {std::pair{kF64, 1e-10}, std::pair{kF32, 2e-5}}) {
    const auto model = adapted(GetParam(), dtype);
    const Tensor ids = named(*golden, "ids"), targets = named(*golden, "targets");
    EXPECT_LT(relative_difference(model->logits(ids), named(*golden, "logits")), tolerance);
    const Tensor loss = model->loss_sum(ids, targets);
    EXPECT_LT(std::abs(loss.item() / named(*golden, "loss").item() - 1), tolerance);
    backward(loss);
    const Transformer gradients(*model, Weights::kCopied);
    for (const auto& [name, parameter] : model->named_parameters()) {
      EXPECT_EQ(parameter.grad().defined(), parameter.requires_grad()) << name;
      const NoGradGuard no_grad;
      if (parameter.grad().defined()) copy_(roux::parameter(gradients, name), parameter.grad());
    }
    const std::string unseen = "no name";
    testing::expect_gradients(saved(gradients, fresh_directory()), *golden, unseen, tolerance);
  }
}

TEST_P(Adapters, GoThereAndExactlyBack) {
  const auto model = adapted(GetParam(), kF32);
  const std::string folder = fresh_directory() + "/a/b";
  const NamedTensors ours = saved(*model, folder, {.base_model = "some/base"});
  const NamedTensors theirs = adapters_of(GetParam());
  EXPECT_EQ(sorted_names(ours), sorted_names(theirs));
  for (const auto& [name, value] : ours) EXPECT_TRUE(same_bits(value, named(theirs, name))) << name;

  const auto read = [](const std::string& of) {
    return *parse_peft_config(*read_file(of + "/adapter_config.json"), "c");
  };
  const PeftConfig our_config = read(folder), their_config = read(folder_of(GetParam()));
  EXPECT_EQ(our_config.base_model_name_or_path, "some/base");
  EXPECT_EQ(our_config.task_type, their_config.task_type);
  if (GetParam() != std::string("gpt2_embeddings")) {  // there PEFT's is that of the layer which it saw last
    EXPECT_EQ(our_config.fan_in_fan_out, their_config.fan_in_fan_out);
  }
  EXPECT_EQ(our_config.modules_to_save.size(), their_config.modules_to_save.size());
  for (const auto& [name, value] : theirs) {
    const LoraOptions a = our_config.options_of(name.substr(17, name.rfind(".lora_") - 17)),
                      b = their_config.options_of(name.substr(17, name.rfind(".lora_") - 17));
    EXPECT_EQ(a.r, b.r) << name;
    EXPECT_EQ(a.scale(), b.scale()) << name;
    EXPECT_EQ(a.dora, b.dora);
  }
  const auto again = base_of(GetParam(), kF32);
  const absl::Status loaded = load_peft(*again, folder, "other");
  ASSERT_TRUE(loaded.ok()) << loaded;
  again->eval();
  const Tensor ids = some_ids(2, 7) - 20 * cast(gt(some_ids(2, 7), 19), kI64);
  EXPECT_TRUE(same_bits(again->logits(ids), model->logits(ids)));
  EXPECT_EQ(trainable(*again).size(), trainable(*model).size());
}

// Where PEFT would change a tied weight for both its uses, which is no merge, Roux refuses.
TEST_P(Adapters, MergeAsPeftDoes) {
  const NamedTensors golden = *load_safetensors(folder_of(GetParam()) + "/golden.safetensors");
  const auto model = adapted(GetParam());
  const Tensor ids = named(golden, "ids");
  if (model->config().tie_word_embeddings &&
      std::string(GetParam()).find("embeddings") != std::string::npos) {
    EXPECT_EQ(error_of([&] { merge_lora(*model); }),
              "merge_lora: lm_head has the weight of model.embed_tokens: merging model.embed_tokens would "
              "change both");
    EXPECT_LT(relative_difference(model->logits(ids), named(golden, "logits")), 1e-10);
    return;
  }
  merge_lora(*model);
  EXPECT_LT(relative_difference(model->logits(ids), named(golden, "logits")), 1e-10);
  const NamedTensors file = *to_checkpoint(model->config(), model->state_dict());
  int64_t compared = 0;
  for (const auto& [name, expected] : golden) {
    if (name.rfind("merged.", 0) != 0) continue;
    EXPECT_LT(relative_difference(named(file, name.substr(7)), expected), 1e-12) << name;
    ++compared;
  }
  EXPECT_GE(compared, 1);
}

// The three that share lora_A in the file train it together.
TEST(Peft, AFusedAdapterIsOneTensorInThreeLayers) {
  const auto model = adapted("gpt2_lora");
  const std::string attention = "model.layers.0.self_attn.";
  const Tensor a = parameter(*model, attention + "q_proj.default.lora_A");
  EXPECT_EQ(parameter(*model, attention + "k_proj.default.lora_A").impl(), a.impl());
  EXPECT_EQ(parameter(*model, attention + "v_proj.default.lora_A").impl(), a.impl());
  const Transformer twin(*model, Weights::kShared);
  EXPECT_EQ(parameter(twin, attention + "q_proj.default.lora_A").impl(),
            parameter(twin, attention + "v_proj.default.lora_A").impl());
}

// Attached here, where q, k and v are layers: other lora_As, ranks and scales, and one without an adapter.
TEST(Peft, LayersOfAFusedModuleBecomeOneAdapter) {
  for (const char* base : {"gpt2_lora", "gpt_neox_dora"}) {
    for (const bool dora : {false, true}) {
      for (const bool rank_stabilised : {false, true}) {
        Generator generator(3);
        const auto model = base_of(base);
        LoraOptions options{.r = 2, .alpha = 3, .rank_stabilised = rank_stabilised, .dora = dora};
        options.targets = {"*.0.self_attn.q_proj", "*.1.*.{q,k,v}_proj"};
        attach_lora(*model, options, generator);
        options.r = 4, options.alpha = 5, options.targets = {"*.0.self_attn.v_proj", "*.down_proj"};
        attach_lora(*model, options, generator);
        unfreeze(*model, {"*.lora_*"});
        for (const auto& [name, x] : trainable(*model)) {
          const NoGradGuard no_grad;
          if (name.find("lora_A") == std::string::npos)
            copy_(x, x + normal(x.shape(), 0, 0.2, generator, kF64));
        }
        const std::string folder = fresh_directory();
        const NamedTensors file = saved(*model, folder);
        const auto again = base_of(base);
        const absl::Status loaded = load_peft(*again, folder);
        ASSERT_TRUE(loaded.ok()) << loaded;
        const Tensor ids = some_ids(2, 7) - 20 * cast(gt(some_ids(2, 7), 19), kI64);
        EXPECT_LT(relative_difference(again->logits(ids), model->logits(ids)), 1e-13);
        EXPECT_GT(relative_difference(again->logits(ids), base_of(base)->logits(ids)), 1e-3);
        const std::string joined = std::string(base) == "gpt2_lora"
                                       ? "base_model.model.transformer.h.0.attn.c_attn.lora_A.weight"
                                       : "base_model.model.gpt_neox.layers.0.attention.query_key_value."
                                         "lora_A.weight";
        EXPECT_EQ(named(file, joined).shape(), (Shape{6, 16}));
      }
    }
  }
}

TEST(Peft, TargetsAreWrittenAsShortAsTheyAreExact) {
  Generator generator(4);
  const auto targets = [&](const Patterns& which) {
    const auto model = base_of("llama_lora");
    attach_lora(*model, {.targets = which}, generator);
    const std::string folder = fresh_directory();
    saved(*model, folder);
    return parse_peft_config(*read_file(folder + "/adapter_config.json"), "c")->target_modules;
  };
  EXPECT_EQ(targets({"*.{q,v}_proj"}), (std::vector<std::string>{"q_proj", "v_proj"}));
  EXPECT_EQ(targets({"*.1.*.q_proj", "*.up_proj"}),
            (std::vector<std::string>{"model.layers.1.self_attn.q_proj", "up_proj"}));
}

// PEFT writes the weights beneath adapters of embeddings and heads too: those of the file count.
TEST(Peft, BaseWeightsOfTheFileTakeThePlaceOfOthers) {
  const std::string folder = fresh_directory(), config = "/adapter_config.json";
  ASSERT_TRUE(
      write_file_atomically(folder + config, *read_file(folder_of("llama_embeddings") + config)).ok());
  NamedTensors file = *load_safetensors(folder_of("llama_embeddings") + "/adapter_model.safetensors");
  for (auto& [name, value] : file) {
    if (name.find("embed_tokens.base_layer") != std::string::npos) value = value * 2.0;
  }
  ASSERT_TRUE(save_safetensors(folder + "/adapter_model.safetensors", file).ok());
  const auto base = base_of("llama_embeddings"), model = base_of("llama_embeddings");
  const Transformer twin(*model, Weights::kShared);
  const absl::Status loaded = load_peft(*model, folder);
  ASSERT_TRUE(loaded.ok()) << loaded;
  EXPECT_TRUE(same_bits(model->embedding_weight(), base->embedding_weight() * 2.0));
  EXPECT_TRUE(same_bits(twin.embedding_weight(), base->embedding_weight()));
  EXPECT_FALSE(model->embedding_weight().requires_grad());
  EXPECT_EQ(parameter(*model, "lm_head.weight").impl() == parameter(twin, "lm_head.weight").impl(), false);
  EXPECT_TRUE(same_bits(parameter(*model, "lm_head.weight"), parameter(*base, "lm_head.weight")));
}

class BadFolders : public ::testing::Test {
 protected:
  // The folder of a case, its config changed and its tensors by `change`.
  std::string refusal(const std::string& adapter,
                      const std::vector<std::pair<std::string, std::string>>& config,
                      const std::function<void(NamedTensors&)>& change = {}, const std::string& base = "") {
    const std::string folder = fresh_directory();
    std::string text = *read_file(folder_of(adapter) + "/adapter_config.json");
    EXPECT_TRUE(
        write_file_atomically(folder + "/adapter_config.json", absl::StrReplaceAll(text, config)).ok());
    NamedTensors file = *load_safetensors(folder_of(adapter) + "/adapter_model.safetensors");
    if (change) change(file);
    EXPECT_TRUE(save_safetensors(folder + "/adapter_model.safetensors", file).ok());
    const auto model = base_of(base.empty() ? adapter : base);
    const std::string tree = model->tree();
    const absl::Status status = load_peft(*model, folder);
    EXPECT_EQ(model->tree(), tree);
    EXPECT_EQ(trainable(*model).size(), model->named_parameters().size());
    return absl::StrReplaceAll(std::string(status.message()), {{folder, "F"}});
  }
};

TEST_F(BadFolders, AreRefusedWholly) {
  EXPECT_EQ(refusal("llama_lora", {}, {}, "gpt2_lora"),
            "F: the adapter is one of another base: this model has no layer model.layers.0.mlp.down_proj");
  EXPECT_EQ(
      refusal("llama_lora", {},
              [](NamedTensors& file) {
                for (auto& [name, value] : file)
                  if (name.find("q_proj.lora_A") != std::string::npos) value = zeros({2, 24});
              }),
      "F: the adapter is one of another base: model.layers.0.self_attn.q_proj changes [16, 24] weights, "
      "model.layers.0.self_attn.q_proj is f64[16,16]");
  EXPECT_EQ(
      refusal("gpt2_lora", {},
              [](NamedTensors& file) {
                for (auto& [name, value] : file)
                  if (name.find("c_attn.lora_B") != std::string::npos) value = zeros({47, 2});
              }),
      "F: the adapter is one of another base: checkpoint: transformer.h.0.attn.c_attn.bias is f32[47,2], "
      "needed q, k and v of 4 heads of 4 units each");
  EXPECT_EQ(refusal("llama_lora", {{"\"r\": 2", "\"r\": 4"}}),
            "F: model.layers.0.self_attn.q_proj: lora_A is f32[2,16], lora_B is f32[16,2], "
            "lora_magnitude_vector is missing, needed [4, in], [out, 4] and none");
  EXPECT_EQ(
      refusal("llama_lora", {{"\"use_dora\": false", "\"use_dora\": true"}}),
      "F: model.layers.0.mlp.down_proj: lora_A is f32[3,16], lora_B is f32[16,3], lora_magnitude_vector "
      "is missing, needed [3, in], [out, 3] and [out]");
  EXPECT_EQ(refusal("llama_lora", {}, [](NamedTensors& file) { file.clear(); }), "F: there is no adapter");
  EXPECT_EQ(refusal("llama_lora", {}, [](NamedTensors& file) { file[0].first = "model.x"; }),
            "F: model.x does not begin with base_model.model.");
  EXPECT_EQ(refusal("llama_lora", {},
                    [](NamedTensors& file) {
                      file[0].first = "base_model.model.model.layers.0.mlp.up_proj.lora_bias";
                    }),
            "F: base_model.model.model.layers.0.mlp.up_proj.lora_bias is not supported");
  const auto with_adapter_of = [&](const std::string& module, const char* a, const char* b) {
    return refusal("llama_lora", {}, [&](NamedTensors& file) {
      const std::string name = absl::StrCat("base_model.model.", module);
      file = {{name + a, zeros({2, 16})}, {name + b, zeros({20, 2})}};
    });
  };
  EXPECT_EQ(with_adapter_of("model.norm", ".lora_A.weight", ".lora_B.weight"),
            "F: an adapter of model.norm, which is no Linear layer or embedding, is not supported");
  EXPECT_EQ(with_adapter_of("model.embed_tokens", ".lora_A.weight", ".lora_B.weight"),
            "F: the adapter is one of another base: the file has lora_A for model.embed_tokens, here "
            "model.embed_tokens is Embedding 20 x 16");
  EXPECT_EQ(
      with_adapter_of("lm_head", ".lora_embedding_A", ".lora_embedding_B"),
      "F: the adapter is one of another base: the file has lora_embedding_A for lm_head, here lm_head is "
      "LmHead");
  EXPECT_EQ(with_adapter_of("model.embed_tokens", ".lora_embedding_A", ".lora_embedding_B"),
            "F: the adapter is one of another base: model.embed_tokens changes [16, 20] weights, "
            "model.embed_tokens is f64[20,16]");
  EXPECT_EQ(with_adapter_of("model.embed_tokens", ".lora_embedding_A", ".base_layer.weight"),
            "F: model.embed_tokens: lora_embedding_A is f32[2,16], lora_embedding_B is missing, "
            "lora_magnitude_vector is missing, needed [2, in], [out, 2] and none");
  EXPECT_EQ(refusal("gpt2_embeddings", {{"\"ensure_weight_tying\": false", "\"ensure_weight_tying\": true"}}),
            "F: ensure_weight_tying for an adapter of lm_head is not supported");
  EXPECT_EQ(refusal("llama_modules", {},
                    [](NamedTensors& file) {
                      for (auto& [name, value] : file)
                        if (name == "base_model.model.lm_head.weight") value = zeros({30, 16});
                    }),
            "F: the adapter is one of another base: lm_head.weight is f32[30,16] in the file, in this model "
            "f64[20,16]");
}

TEST_F(BadFolders, HaveFieldsThatAreNotSupported) {
  const auto refused = [&](const std::string& from, const std::string& to) {
    return refusal("llama_lora", {{from, to}});
  };
  EXPECT_EQ(refused("\"LORA\"", "\"LOHA\""), "F: adapter_config.json: peft_type \"LOHA\" is not supported");
  EXPECT_EQ(refused("\"bias\": \"none\"", "\"bias\": \"all\""),
            "F: adapter_config.json: bias \"all\" is not supported");
  EXPECT_EQ(refused("\"layer_replication\": null", "\"layer_replication\": [[0, 2]]"),
            "F: adapter_config.json: layer_replication is not supported");
  EXPECT_EQ(refused("\"revision\"", "\"something_new\": true, \"revision\""),
            "F: adapter_config.json: something_new is not supported");
  EXPECT_EQ(refused("\"init_lora_weights\": true", "\"init_lora_weights\": \"pissa_niter_4\""),
            "F: adapter_config.json: init_lora_weights \"pissa_niter_4\", which changes the base, is not "
            "supported");
  EXPECT_EQ(
      refused("\"down_proj\": 3", "\"(down|up)_proj\": 3"),
      "F: adapter_config.json: rank_pattern \"(down|up)_proj\", a regular expression, is not supported");
  EXPECT_EQ(refused("\"down_proj\": 3", "\"down_proj\": \"3\""),
            "F: adapter_config.json: rank_pattern: down_proj is of type string, needed a number");
  for (const char* rank : {"1e300", "-1", "2.5", "0"}) {
    const std::string message = refused("\"down_proj\": 3", absl::StrCat("\"down_proj\": ", rank));
    EXPECT_NE(message.find("rank_pattern: down_proj is "), std::string::npos) << message;
    EXPECT_NE(message.find(", needed a whole number from 1 on"), std::string::npos) << message;
  }
  EXPECT_EQ(refused("\"lora_dropout\": 0.0", "\"lora_dropout\": 1.5"),
            "F: adapter_config.json: r is 2, lora_dropout is 1.5, needed r >= 1 and a rate below 1");
  EXPECT_NE(refused("\"r\": 2,", "\"r\": 2"), "");
}

TEST(Peft, RefusesTiedEmbeddingsAndMissingAdapters) {
  Generator generator(5);
  const auto model = base_of("gpt2_lora");
  EXPECT_EQ(save_peft(*model, fresh_directory()).message().find("no layer has an adapter 'default'") ==
                std::string::npos,
            false);
  attach_lora(*model, {}, generator);
  unfreeze(*model, {"model.embed_tokens.weight"});
  EXPECT_NE(std::string(save_peft(*model, fresh_directory()).message())
                .find("the embeddings train and are tied: PEFT would not tie them"),
            std::string::npos);
  freeze(*model, {"model.embed_tokens.weight"});
  EXPECT_EQ(error_of([&] { static_cast<void>(load_peft(*model, folder_of("gpt2_lora"))); }),
            "register: the name default is taken");
  EXPECT_TRUE(load_peft(*model, folder_of("gpt2_lora"), "second").ok());
  EXPECT_FALSE(load_peft(*model, "/nowhere").ok());

  const std::string folder = fresh_directory(), cut = folder + "/adapter_model.safetensors";
  const std::string config = "/adapter_config.json";
  ASSERT_TRUE(write_file_atomically(folder + config, *read_file(folder_of("gpt2_lora") + config)).ok());
  const std::string whole = *read_file(folder_of("gpt2_lora") + "/adapter_model.safetensors");
  ASSERT_TRUE(write_file_atomically(cut, whole.substr(0, whole.size() - 1)).ok());
  const absl::Status status = load_peft(*model, folder, "third");
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_EQ(std::string(status.message()).rfind(cut, 0), 0u) << status;
}

}  // namespace
}  // namespace roux
