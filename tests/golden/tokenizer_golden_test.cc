// The small tokenizers of tests/golden/tokenizers against what their reference packages say to 10,400
// strings.
#include <gtest/gtest.h>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/text/sentencepiece_model.h"
#include "recipes/kit/text/tokenizer_json.h"
#include "tests/golden/golden_file.h"
#include "tests/golden/text_strings.h"

namespace roux::golden {
namespace {

struct Case {
  const char* file;
  bool add_special;
};

class TokenizerGolden : public testing::TestWithParam<Case> {};

TEST_P(TokenizerGolden, EqualsTheReference) {
  const std::string file = GetParam().file;
  const auto path = kit::find_runfile("tests/golden/tokenizers/" + file);
  ASSERT_TRUE(path.ok()) << path.status();
  const bool json = file.find(".json") != std::string::npos;
  const auto tokenizer = json ? kit::load_tokenizer_json(*path) : kit::load_sentencepiece(*path);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const auto golden = read_golden(path->substr(0, path->rfind('.')) + ".golden");
  ASSERT_TRUE(golden.ok()) << golden.status();
  const GoldenResult result = compare(**tokenizer, *golden, GetParam().add_special);
  EXPECT_GE(result.strings, 10000);
  EXPECT_EQ(result.wrong_ids, 0) << result.first_wrong;
  EXPECT_EQ(result.wrong_offsets, 0) << result.first_wrong;
  EXPECT_EQ(result.wrong_stream, 0) << result.first_wrong;
}

INSTANTIATE_TEST_SUITE_P(All, TokenizerGolden,
                         testing::Values(Case{"tiny_gpt2.json", false}, Case{"tiny_gpt2_prefix.json", false},
                                         Case{"tiny_llama3.json", true}, Case{"tiny_qwen2.json", false},
                                         Case{"tiny_llama2.json", false}, Case{"tiny_bert.json", true},
                                         Case{"tiny_unigram.model", false}, Case{"tiny_bpe.model", false}),
                         [](const auto& info) {
                           const std::string file = info.param.file;
                           return file.substr(0, file.find('.'));
                         });

TEST(TokenizerGolden, ByteLevelKeepsEveryByte) {
  const auto path = kit::find_runfile("tests/golden/tokenizers/tiny_llama3.json");
  const auto tokenizer = kit::load_tokenizer_json(*path);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  for (uint64_t i = 0; i < 10400; ++i) {
    const std::string text = make_string(i);
    ASSERT_EQ((*tokenizer)->decode((*tokenizer)->encode(text).ids), text) << i;
  }
}

}  // namespace
}  // namespace roux::golden
