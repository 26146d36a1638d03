#include "recipes/kit/text/sentencepiece_merge.h"

#include <gtest/gtest.h>

#include <limits>
#include <utility>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/text/protobuf_fields.h"

namespace roux::kit {
namespace {

constexpr char kSpace[] = "\xE2\x96\x81";

SentencepieceFile golden(const std::string& name) {
  return {name, *read_text(*find_runfile("tests/golden/tokenizers/" + name))};
}

struct Row {
  std::string text;
  float score;
  int type;  // 1 normal, 2 unknown, 3 control, 4 user-defined
};

// A BPE model without byte fallback, with a space in front of each text.
SentencepieceFile model(const std::string& name, const std::vector<Row>& rows, int model_type = 2) {
  std::string bytes, trainer, normalizer;
  std::vector<Row> all = {{"<unk>", 0, 2}, {"<s>", 0, 3}, {"</s>", 0, 3}};
  all.insert(all.end(), rows.begin(), rows.end());
  for (const Row& row : all) {
    std::string piece;
    append_bytes_field(1, row.text, &piece);
    append_float_field(2, row.score, &piece);
    append_varint_field(3, row.type, &piece);
    append_bytes_field(1, piece, &bytes);
  }
  append_varint_field(3, model_type, &trainer);
  append_bytes_field(2, trainer, &bytes);
  append_varint_field(3, 1, &normalizer);
  append_bytes_field(3, normalizer, &bytes);
  return {name, bytes};
}

// "ab" joins before "bc" does.
SentencepieceFile small_base() {
  return model("base", {{"ab", 0, 1}, {kSpace, -1, 1}, {"a", -2, 1}, {"b", -3, 1}, {"c", -4, 1}});
}

std::vector<std::string> pieces(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<std::string> result;
  for (const int32_t id : tokenizer.encode(text).ids) result.push_back(tokenizer.token(id));
  return result;
}

using Texts = std::vector<std::string>;
using Ids = std::vector<int32_t>;

TEST(SentencepieceMerge, KeepsTheBaseAndAddsWhatItLacks) {
  const SentencepieceFile base = golden("tiny_bpe.model"), more = golden("tiny_bpe_more.model");
  const auto merged = merge_sentencepiece(base, more);
  ASSERT_TRUE(merged.ok()) << merged.status();
  const auto old = *parse_sentencepiece(base.bytes, "base");
  const auto extra = *parse_sentencepiece(more.bytes, "more");
  const Tokenizer& grown = *merged->vocabulary.tokenizer;
  const auto added = static_cast<int32_t>(merged->vocabulary.new_tokens.size());
  EXPECT_GT(added, 100);
  EXPECT_EQ(grown.vocab_size(), old->vocab_size() + added);
  for (int32_t id = 0; id < old->vocab_size(); ++id) ASSERT_EQ(grown.token(id), old->token(id));
  for (int32_t i = 0; i < added; ++i)
    ASSERT_EQ(grown.token(old->vocab_size() + i), merged->vocabulary.new_tokens[i]);
  ASSERT_EQ(static_cast<int32_t>(merged->extra_ids.size()), extra->vocab_size());
  for (int32_t id = 0; id < extra->vocab_size(); ++id) {
    if (merged->extra_ids[id] < 0) {
      EXPECT_EQ(extra->token(id), "<sep>");
    } else {
      ASSERT_EQ(grown.token(merged->extra_ids[id]), extra->token(id));
    }
  }
  EXPECT_EQ(grown.special().bos, old->special().bos);
  // The model's bytes are the tokenizer.
  const auto reread = parse_sentencepiece(merged->model, "grown");
  ASSERT_TRUE(reread.ok()) << reread.status();
  const std::string text = "\xD0\xBF\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82, liebe Lotte";
  EXPECT_EQ((*reread)->encode(text).ids, grown.encode(text).ids);
  EXPECT_EQ(grown.decode(grown.encode(text).ids), text);
  EXPECT_LT(grown.encode(text).ids.size(), old->encode(text).ids.size());
}

TEST(SentencepieceMerge, ScoresSayWhichMergesComeFirst) {
  const SentencepieceFile more = model("more", {{"bc", 0, 1}, {"ca", -1, 1}});
  const auto zero = merge_sentencepiece(small_base(), more);
  ASSERT_TRUE(zero.ok()) << zero.status();
  EXPECT_EQ(pieces(*zero->vocabulary.tokenizer, "cabc"), (Texts{kSpace, "ca", "bc"}));
  SentencepieceMergeOptions options;
  options.scores = NewPieceScores::kBehind;
  const auto behind = merge_sentencepiece(small_base(), more, options);
  ASSERT_TRUE(behind.ok()) << behind.status();
  EXPECT_EQ(pieces(*behind->vocabulary.tokenizer, "cabc"), (Texts{kSpace, "c", "ab", "c"}));
  EXPECT_EQ(pieces(*behind->vocabulary.tokenizer, "bca"), (Texts{kSpace, "bc", "a"}));
  EXPECT_EQ(pieces(*behind->vocabulary.tokenizer, "ca"), (Texts{kSpace, "ca"}));
}

TEST(SentencepieceMerge, PartsSpellThePieceWithoutSpaceInFront) {
  const std::string spaced = std::string(kSpace) + "b";
  const SentencepieceFile more = model(
      "more", {{"abc", 0, 1}, {spaced, -1, 1}, {"ad", -2, 1}, {"<x>", 0, 3}, {"cc", 0, 4}, {"ab", 0, 1}});
  const auto merged = merge_sentencepiece(small_base(), more);
  ASSERT_TRUE(merged.ok()) << merged.status();
  // base: 0 <unk> 1 <s> 2 </s> 3 ab 4 space 5 a 6 b 7 c
  EXPECT_EQ(merged->vocabulary.new_tokens, (Texts{"abc", spaced, "ad", "cc"}));
  EXPECT_EQ(merged->vocabulary.parts, (std::vector<Ids>{{3, 7}, {4, 6}, {5, 0}, {7, 7}}));
  EXPECT_EQ(merged->extra_ids, (Ids{0, 1, 2, 8, 9, 10, -1, 11, 3}));
}

TEST(SentencepieceMerge, UnigramPiecesNeedAChainOfPairs) {
  // "abca" comes of "ab" + "ca", "bbb" of nothing.
  const SentencepieceFile more =
      model("more", {{"abca", -9.5F, 1}, {"bbb", -9.25F, 1}, {"ca", -9.125F, 1}}, 1);
  for (const NewPieceScores scores : {NewPieceScores::kZero, NewPieceScores::kBehind}) {
    SentencepieceMergeOptions options;
    options.scores = scores;
    const auto merged = merge_sentencepiece(small_base(), more, options);
    ASSERT_TRUE(merged.ok()) << merged.status();
    EXPECT_EQ(merged->vocabulary.new_tokens, (Texts{"abca", "bbb", "ca"}));
    EXPECT_EQ(merged->unreachable, (Ids{9}));
    EXPECT_EQ(pieces(*merged->vocabulary.tokenizer, "abca"), (Texts{kSpace, "abca"}));
  }
}

TEST(SentencepieceMerge, LimitAndSelf) {
  const SentencepieceFile base = golden("tiny_bpe.model"), more = golden("tiny_bpe_more.model");
  const auto self = merge_sentencepiece(base, base);
  ASSERT_TRUE(self.ok()) << self.status();
  EXPECT_TRUE(self->vocabulary.new_tokens.empty());
  EXPECT_EQ(self->model, base.bytes);
  SentencepieceMergeOptions options;
  options.limit = 10;
  const auto ten = merge_sentencepiece(base, more, options);
  ASSERT_TRUE(ten.ok()) << ten.status();
  EXPECT_EQ(ten->vocabulary.new_tokens.size(), 10u);
}

std::string message(const SentencepieceFile& base, const SentencepieceFile& extra) {
  const auto merged = merge_sentencepiece(base, extra);
  return merged.ok() ? "ok" : std::string(merged.status().message());
}

TEST(SentencepieceMerge, DamageIsNamedWithItsFile) {
  const SentencepieceFile good = small_base();
  EXPECT_NE(message({"b.model", "x"}, good).find("b.model: not a SentencePiece model"), std::string::npos);
  EXPECT_NE(message(good, {"e.model", ""}).find("e.model: "), std::string::npos);
  EXPECT_NE(message(golden("tiny_unigram.model"), good)
                .find("tiny_unigram.model: SentencePiece model type 1 cannot be grown, only BPE (2) can"),
            std::string::npos);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NE(message(good, model("more", {{"d", nan, 1}})).find("more: score of piece 3 is nan"),
            std::string::npos);
  // A file cut anywhere is an error or a smaller model, never a crash.
  const SentencepieceFile more = golden("tiny_bpe_more.model");
  for (size_t size = 0; size < more.bytes.size(); size += 97)
    (void)merge_sentencepiece(good, {"cut", more.bytes.substr(0, size)});
}

}  // namespace
}  // namespace roux::kit
