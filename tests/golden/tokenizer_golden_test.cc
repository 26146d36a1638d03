// The small tokenizers of tests/golden/tokenizers against what their reference packages say to 10,400
// strings.
#include <gtest/gtest.h>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/text/gguf_tokenizer.h"
#include "recipes/kit/text/gguf_tokenizer_json.h"
#include "recipes/kit/text/sentencepiece_merge.h"
#include "recipes/kit/text/sentencepiece_model.h"
#include "recipes/kit/text/tokenizer_json.h"
#include "tests/golden/golden_file.h"
#include "tests/golden/text_strings.h"

namespace roux::golden {
namespace {

struct Case {
  const char* file;
  kit::EncodeOptions options = {};
  const char* golden = "";  // if it is another tokenizer's
};

const kit::EncodeOptions kSpecial = {.add_special = true};

class TokenizerGolden : public testing::TestWithParam<Case> {};

TEST_P(TokenizerGolden, EqualsTheReference) {
  const std::string file = GetParam().file;
  const auto path = kit::find_runfile("tests/golden/tokenizers/" + file);
  ASSERT_TRUE(path.ok()) << path.status();
  const auto has = [&](const char* ending) { return file.find(ending) != std::string::npos; };
  const auto tokenizer = has(".json")   ? kit::load_tokenizer_json(*path)
                         : has(".gguf") ? kit::load_gguf_tokenizer(*path)
                                        : kit::load_sentencepiece(*path);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const std::string own = path->substr(0, path->rfind('.')) + ".golden";
  const std::string other = path->substr(0, path->rfind('/') + 1) + GetParam().golden;
  const auto golden = read_golden(*GetParam().golden == 0 ? own : other);
  ASSERT_TRUE(golden.ok()) << golden.status();
  const GoldenResult result = compare(**tokenizer, *golden, GetParam().options);
  EXPECT_GE(result.strings, 10000);
  EXPECT_EQ(result.wrong_ids, 0) << result.first_wrong;
  EXPECT_EQ(result.wrong_offsets, 0) << result.first_wrong;
  EXPECT_EQ(result.wrong_texts, 0) << result.first_wrong;
  EXPECT_EQ(result.wrong_stream, 0) << result.first_wrong;
}

INSTANTIATE_TEST_SUITE_P(All, TokenizerGolden,
                         testing::Values(Case{"tiny_gpt2.json"}, Case{"tiny_gpt2_prefix.json"},
                                         Case{"tiny_llama3.json", kSpecial}, Case{"tiny_qwen2.json"},
                                         Case{"tiny_llama2.json"}, Case{"tiny_bert.json", kSpecial},
                                         Case{"tiny_bert.gguf", kSpecial, "tiny_bert.golden"},
                                         Case{"tiny_t5.json", kSpecial}, Case{"tiny_xlmr.json", kSpecial},
                                         Case{"tiny_added.json", kSpecial},
                                         Case{"tiny_llama.gguf", {.parse_special = false}},
                                         Case{"tiny_llama_plain.gguf", {.parse_special = false}},
                                         Case{"tiny_t5.gguf", kSpecial, "tiny_t5.golden"},
                                         Case{"tiny_unigram.model"}, Case{"tiny_bpe.model"}),
                         [](const auto& info) {
                           std::string file = info.param.file;
                           file.replace(file.find('.'), 1, "_");
                           return file;
                         });

// Written as tokenizer.json, which transformers reads.
TEST(TokenizerGolden, GgufTokenizersAsJson) {
  const std::string folder = "tests/golden/tokenizers/";
  for (const Case& c : {Case{"tiny_llama_plain.gguf", {.parse_special = false}, "tiny_llama_plain.golden"},
                        Case{"tiny_llama.gguf", {.parse_special = false}, "tiny_llama.golden"},
                        Case{"tiny_t5.gguf", kSpecial, "tiny_t5.golden"}}) {
    const auto metadata = kit::load_gguf_metadata(*kit::find_runfile(folder + c.file));
    ASSERT_TRUE(metadata.ok()) << metadata.status();
    const auto files = kit::gguf_tokenizer_files(*metadata);
    ASSERT_TRUE(files.ok()) << files.status();
    const auto tokenizer = kit::parse_tokenizer_json(files->tokenizer_json, c.file);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    const auto golden = read_golden(*kit::find_runfile(folder + c.golden));
    ASSERT_TRUE(golden.ok()) << golden.status();
    const GoldenResult result = compare(**tokenizer, *golden, c.options);
    EXPECT_GE(result.strings, 10000);
    EXPECT_EQ(result.wrong_ids, 0) << c.file << ": " << result.first_wrong;
    EXPECT_EQ(result.wrong_texts, 0) << c.file << ": " << result.first_wrong;
    EXPECT_EQ(result.wrong_stream, 0) << c.file << ": " << result.first_wrong;
  }
}

// The reference grows the model through sentencepiece's own ModelProto.
TEST(TokenizerGolden, SentencepieceMergeIsTheReferences) {
  const std::string folder = "tests/golden/tokenizers/";
  kit::SentencepieceFile base{"base", *kit::read_text(*kit::find_runfile(folder + "tiny_bpe.model"))};
  kit::SentencepieceFile more{"more", *kit::read_text(*kit::find_runfile(folder + "tiny_bpe_more.model"))};
  for (const bool behind : {false, true}) {
    const auto golden = read_golden(
        *kit::find_runfile(folder + (behind ? "tiny_merged_behind.golden" : "tiny_merged_zero.golden")));
    ASSERT_TRUE(golden.ok()) << golden.status();
    kit::SentencepieceMergeOptions options;
    options.scores = behind ? kit::NewPieceScores::kBehind : kit::NewPieceScores::kZero;
    options.tokenizer.bos = false;
    const auto merged = kit::merge_sentencepiece(base, more, options);
    ASSERT_TRUE(merged.ok()) << merged.status();
    EXPECT_EQ(merged->vocabulary.tokenizer->vocab_size(), 1606);
    const GoldenResult result = compare(*merged->vocabulary.tokenizer, *golden, {});
    EXPECT_GE(result.strings, 10000);
    EXPECT_EQ(result.wrong_ids, 0) << behind << ": " << result.first_wrong;
    EXPECT_EQ(result.wrong_texts, 0) << behind << ": " << result.first_wrong;
    EXPECT_EQ(result.wrong_stream, 0) << behind << ": " << result.first_wrong;
  }
}

TEST(TokenizerGolden, SentencepiecePairsHaveTheirEnds) {
  const auto path = kit::find_runfile("tests/golden/tokenizers/tiny_bpe.model");
  const auto tokenizer = kit::load_sentencepiece(*path, {.bos = true, .eos = true});
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const auto& special = (*tokenizer)->special();
  const kit::Encoding pair = (*tokenizer)->encode_pair("the", "end");
  EXPECT_EQ(pair.ids.front(), special.bos);
  EXPECT_EQ(pair.ids.back(), special.eos);
  EXPECT_EQ(pair.type_ids.back(), 1);
}

TEST(TokenizerGolden, ByteLevelKeepsEveryByte) {
  const auto path = kit::find_runfile("tests/golden/tokenizers/tiny_llama3.json");
  const auto tokenizer = kit::load_tokenizer_json(*path);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  for (uint64_t i = 0; i < 10400; ++i) {
    const std::string text = make_string(i);
    ASSERT_EQ((*tokenizer)->decode((*tokenizer)->encode(text).ids), text) << i;
  }
}

TEST(TokenizerGolden, SentencepieceErrorsNameTheFileAndNotTheLibrarysSource) {
  const auto tokenizer = kit::parse_sentencepiece("no model", "dir/f.model");
  ASSERT_FALSE(tokenizer.ok());
  const std::string message(tokenizer.status().message());
  EXPECT_EQ(message.find("dir/f.model: not a SentencePiece model: "), 0u) << message;
  EXPECT_EQ(message.find(".cc("), std::string::npos) << message;
}

}  // namespace
}  // namespace roux::golden
