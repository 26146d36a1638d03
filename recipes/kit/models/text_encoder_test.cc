#include "recipes/kit/models/text_encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "tensor/fresh_directory.h"
#include "tensor/grad_mode.h"
#include "tensor/io/atomic_file.h"
#include "tensor/ops/creation.h"

namespace roux::kit {
namespace {

namespace fs = std::filesystem;

// Letters, "[" in front and "]" behind.
constexpr char kTokenizer[] = R"({
  "version": "1.0", "truncation": null, "padding": null, "normalizer": null,
  "added_tokens": [{"id": 3, "content": "[", "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true},
                   {"id": 4, "content": "]", "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true}],
  "post_processor": {"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "[", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
               {"SpecialToken": {"id": "]", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"[": {"id": "[", "ids": [3], "tokens": ["["]}, "]": {"id": "]", "ids": [4], "tokens": ["]"]}}},
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
  "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
  "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "vocab": {"a": 0, "b": 1, "c": 2}, "merges": []}})";

// The BERT of tests/golden/language_models with a tokenizer, and files of sentence-transformers.
std::string folder_with(const std::string& modules, const std::string& pooling = "",
                        const std::string& sentence_config = "") {
  const std::string folder = fresh_directory();
  for (const char* name : {"config.json", "model.safetensors"})
    fs::copy_file(absl::StrCat("tests/golden/language_models/bert/", name), folder + "/" + name);
  const auto write = [&](const std::string& name, const std::string& text) {
    if (!text.empty()) {
      EXPECT_TRUE(write_file_atomically(folder + "/" + name, text).ok());
    }
  };
  fs::create_directories(folder + "/1_Pooling");
  write("tokenizer.json", kTokenizer);
  write("modules.json", modules);
  write("1_Pooling/config.json", pooling);
  write("sentence_bert_config.json", sentence_config);
  return folder;
}

constexpr char kModules[] = R"([
  {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
  {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}])";
constexpr char kNormalized[] = R"([
  {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
  {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
  {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}])";

TextEncoder loaded(const std::string& folder) {
  auto encoder = load_text_encoder(folder);
  EXPECT_TRUE(encoder.ok()) << encoder.status();
  return std::move(*encoder);
}

// Hidden states of one text alone, [T][D].
std::vector<std::vector<float>> hidden(const TextEncoder& encoder, const std::string& text) {
  NoGradGuard no_grad;
  const std::vector<int32_t> ids = encoder.ids(text);
  const auto count = static_cast<int64_t>(ids.size());
  const std::vector<float> all = encoder.model->hidden({.ids = tensor(ids, {1, count})}).to_vector<float>();
  std::vector<std::vector<float>> rows;
  const size_t d = all.size() / ids.size();
  for (size_t i = 0; i < ids.size(); ++i)
    rows.emplace_back(all.begin() + static_cast<int64_t>(i * d),
                      all.begin() + static_cast<int64_t>((i + 1) * d));
  return rows;
}

std::vector<float> mean_of(const std::vector<std::vector<float>>& rows) {
  std::vector<float> mean(rows[0].size(), 0);
  for (const std::vector<float>& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) mean[i] += row[i] / static_cast<float>(rows.size());
  }
  return mean;
}

void expect_near(const std::vector<float>& values, size_t row, const std::vector<float>& expected) {
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(values[row * expected.size() + i], expected[i], 1e-5) << row << ", " << i;
}

const std::vector<std::string> kTexts = {"abcab", "", "c", "abcabcabc"};

TEST(TextEncoder, PoolsEachTextAsIfItWereAlone) {
  const TextEncoder mean = loaded(folder_with("")),
                    first = loaded(folder_with(kModules, R"({"pooling_mode_cls_token": true})")),
                    last = loaded(folder_with(kModules, R"({"pooling_mode": "lasttoken"})"));
  EXPECT_FALSE(mean.normalize);
  for (const int64_t rows : {1, 2, 8}) {
    const std::vector<float> means = mean.encode(kTexts, rows).to_vector<float>();
    const std::vector<float> firsts = first.encode(kTexts, rows).to_vector<float>();
    const std::vector<float> lasts = last.encode(kTexts, rows).to_vector<float>();
    for (size_t i = 0; i < kTexts.size(); ++i) {
      const std::vector<std::vector<float>> tokens = hidden(mean, kTexts[i]);
      expect_near(means, i, mean_of(tokens));
      expect_near(firsts, i, tokens.front());
      expect_near(lasts, i, tokens.back());
    }
  }
}

TEST(TextEncoder, NormalizesWhereTheFolderSaysSo) {
  const TextEncoder encoder = loaded(folder_with(kNormalized, R"({"pooling_mode_mean_tokens": true})"));
  const std::vector<float> values = encoder.encode(kTexts).to_vector<float>();
  for (size_t i = 0; i < kTexts.size(); ++i) {
    std::vector<float> mean = mean_of(hidden(encoder, kTexts[i]));
    double sum = 0;
    for (const float x : mean) sum += static_cast<double>(x) * x;
    for (float& x : mean) x = static_cast<float>(x / std::sqrt(sum));
    expect_near(values, i, mean);
  }
}

TEST(TextEncoder, LongTextsLoseTheirEndButNotTheLastSpecialToken) {
  const TextEncoder encoder = loaded(folder_with("", "", R"({"max_seq_length": 5, "do_lower_case": true})"));
  EXPECT_EQ(encoder.ids("ABCabc"), (std::vector<int32_t>{3, 0, 1, 2, 4}));
  EXPECT_EQ(encoder.ids("abc"), (std::vector<int32_t>{3, 0, 1, 2, 4}));
  EXPECT_EQ(encoder.ids(""), (std::vector<int32_t>{3, 4}));
  EXPECT_EQ(loaded(folder_with("")).max_tokens, 16);  // the model's positions
}

TEST(TextEncoder, ReadsGguf) {
  const auto encoder = load_text_encoder("tests/golden/gguf_models/bert.gguf");
  ASSERT_TRUE(encoder.ok()) << encoder.status();
  const std::vector<float> values = encoder->encode({"abc"}).to_vector<float>();
  double sum = 0;
  for (const float x : values) sum += static_cast<double>(x) * x;
  EXPECT_NEAR(sum, 1, 1e-6);
}

TEST(TextEncoder, NamesWhatItCannotDo) {
  const auto complaint = [](const std::string& folder) {
    const std::string message(load_text_encoder(folder).status().message());
    EXPECT_EQ(message.find(folder), 0u) << message;
    return message.substr(std::min(message.size(), folder.size()));
  };
  EXPECT_EQ(complaint(folder_with(kModules, R"({"pooling_mode_max_tokens": true})")),
            "/1_Pooling/config.json: pooling by pooling_mode_max_tokens is not supported");
  EXPECT_EQ(complaint(folder_with(kModules,
                                  R"({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true})")),
            "/1_Pooling/config.json: pooling by 2 modes at once is not supported");
  EXPECT_EQ(complaint(folder_with(R"([{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}])")),
            "/modules.json: a module \"sentence_transformers.models.Dense\" at \"2_Dense\" is not supported");
}

}  // namespace
}  // namespace roux::kit
