#include "recipes/kit/text/tokenizer.h"

#include <gtest/gtest.h>

#include <numeric>

#include "recipes/kit/text/bpe.h"
#include "recipes/kit/text/utf8.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

// 256 bytes, then "ab", "abc", "aa", "aaaa" as tokens 256..259, and "<eos>" = 260.
std::shared_ptr<const Tokenizer> byte_level() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte)
    tokens.push_back(byte_level_to_text(std::string(1, static_cast<char>(byte))));
  for (const char* token : {"ab", "abc", "aa", "aaaa"}) tokens.push_back(token);
  TokenizerParts parts;
  parts.name = "test";
  parts.model = *BpeModel::from_merges(tokens, Pairs{{"a", "b"}, {"ab", "c"}, {"a", "a"}, {"aa", "aa"}}, {});
  parts.pre_tokenizer.add(split_step(*Regex::compile(kGpt2Pattern), SplitBehavior::kIsolated, false));
  AddedToken eos;
  eos.content = "<eos>";
  eos.id = 260;
  parts.added_tokens = {eos};
  parts.special.eos = 260;
  parts.single = {{TemplateItem::kTextA, 0}, {260, 0}};
  return *Tokenizer::build(std::move(parts));
}

TEST(Tokenizer, MergesInOrderOfRankLeftmostFirst) {
  const auto t = byte_level();
  EXPECT_EQ(t->encode("abc").ids, (std::vector<int32_t>{257}));
  EXPECT_EQ(t->encode("aab").ids, (std::vector<int32_t>{'a', 256}));  // "ab" ranks before "aa"
  EXPECT_EQ(t->encode("aaaaa").ids, (std::vector<int32_t>{259, 'a'}));
}

TEST(Tokenizer, AnyBytesRoundTrip) {
  const auto t = byte_level();
  uint64_t state = 1;
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (int i = 0; i < 200; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      text += static_cast<char>(round % 2 == 0 ? state >> 56 : "abc \xC3\xA9\xFF"[state >> 33 & 7]);
    }
    EncodeOptions options;
    options.offsets = true;
    const Encoding e = t->encode(text, options);
    ASSERT_EQ(t->decode(e.ids), text);
    uint32_t at = 0;  // offsets tile the text
    for (const Span& span : e.offsets) {
      ASSERT_EQ(span.begin, at);
      at = span.end;
    }
    ASSERT_EQ(at, text.size());
  }
}

TEST(Tokenizer, LongPiecesTakeNoQuadraticTime) {
  const auto t = byte_level();
  const std::string run(1 << 18, 'a');
  const Encoding e = t->encode(run);
  EXPECT_EQ(e.ids.size(), (1u << 18) / 4);
  EXPECT_EQ(t->decode(e.ids), run);
  std::string mixed;
  for (int i = 0; i < 1 << 16; ++i) mixed += "abca"[i * 7 % 4];
  EXPECT_EQ(t->decode(t->encode(mixed).ids), mixed);
  EXPECT_EQ(t->encode(std::string(1 << 18, ' ') + "x").ids.size(), (1u << 18) + 1);
}

TEST(Tokenizer, ShortAndLongPiecesMergeAlike) {
  const auto t = byte_level();
  const auto* model = t.get();
  // A piece around the length where the algorithm changes: equal to a plain merge loop.
  for (int length = 40; length < 60; ++length) {
    std::string text;
    for (int i = 0; i < length; ++i) text += "aabcaab"[i * i % 7];
    std::vector<int32_t> ids(text.begin(), text.end());
    const std::vector<std::array<int32_t, 3>> merges = {
        {'a', 'b', 256}, {256, 'c', 257}, {'a', 'a', 258}, {258, 258, 259}};
    for (bool again = true; again;) {
      again = false;
      for (const auto& [left, right, result] : merges) {
        for (size_t i = 0; i + 1 < ids.size() && !again; ++i) {
          if (ids[i] != left || ids[i + 1] != right) continue;
          ids[i] = result;
          ids.erase(ids.begin() + static_cast<int64_t>(i) + 1);
          again = true;
        }
        if (again) break;
      }
    }
    EXPECT_EQ(model->encode(text).ids, ids) << text;
  }
}

TEST(Tokenizer, SpecialTokensAreReadOnlyWhereAllowed) {
  const auto t = byte_level();
  EXPECT_EQ(t->encode("ab<eos>ab").ids, (std::vector<int32_t>{256, 260, 256}));
  EncodeOptions plain;
  plain.parse_special = false;
  EXPECT_EQ(t->encode("<eos>", plain).ids.size(), 5u);
  const std::vector<Span> user = {{0, 5}};
  EncodeOptions literal;
  literal.literal_ranges = user;
  EXPECT_EQ(t->encode("<eos><eos>", literal).ids, (std::vector<int32_t>{'<', 'e', 'o', 's', '>', 260}));
  EncodeOptions add;
  add.add_special = true;
  EXPECT_EQ(t->encode("ab", add).ids, (std::vector<int32_t>{256, 260}));
  EXPECT_EQ(t->decode(std::vector<int32_t>{256, 260}, /*skip_special=*/true), "ab");
}

TEST(Tokenizer, StreamNeverSplitsACharacter) {
  const auto t = byte_level();
  StreamDecoder stream(*t);
  EXPECT_EQ(stream.push('x'), "x");
  EXPECT_EQ(stream.push(0xE4), "");
  EXPECT_EQ(stream.push(0xBD), "");
  EXPECT_EQ(stream.push(0xA0), "\xE4\xBD\xA0");
  EXPECT_EQ(stream.push(0xE4), "");
  EXPECT_EQ(stream.push('x'), "\xE4x");  // never became a character
  EXPECT_EQ(stream.push(0xF0), "");
  EXPECT_EQ(stream.finish(), "\xF0");
}

TEST(Tokenizer, AddedTokensGetNewIds) {
  const auto t = byte_level();
  AddedToken sentinel;
  sentinel.content = "<mask_1>";
  const auto more = *t->with_added({sentinel});
  EXPECT_EQ(more->vocab_size(), 262);
  EXPECT_EQ(more->encode("ab<mask_1>").ids, (std::vector<int32_t>{256, 261}));
  EXPECT_EQ(more->decode(std::vector<int32_t>{261}), "<mask_1>");
  const auto twice = t->with_added({sentinel, sentinel});
  EXPECT_FALSE(twice.ok());
  AddedToken known;
  known.content = "ab";
  EXPECT_EQ(t->with_added({known}).status().code(), absl::StatusCode::kAlreadyExists);
}

TEST(Tokenizer, AddedTokenFlags) {
  const auto t = byte_level();
  AddedToken word, mask;
  word.content = "ab";
  word.single_word = true;
  word.id = 261;
  mask.content = "[M]";
  mask.lstrip = mask.rstrip = true;
  mask.id = 262;
  AddedTokens added;
  added.add(word);
  added.add(mask);
  const auto spans = [&](std::string_view text) {
    std::vector<std::pair<uint32_t, uint32_t>> found;
    for (const auto& match : added.find(text, true, nullptr))
      found.emplace_back(match.span.begin, match.span.end);
    return found;
  };
  using Found = std::vector<std::pair<uint32_t, uint32_t>>;
  EXPECT_EQ(spans("ab abc xab ab."), (Found{{0, 2}, {11, 13}}));
  EXPECT_EQ(spans("x  [M] \xE3\x80\x80 y"), (Found{{1, 11}}));
  EXPECT_EQ(spans("[M] [M]"), (Found{{0, 4}, {4, 7}}));
}

TEST(Tokenizer, MisuseIsAnError) {
  const auto t = byte_level();
  EXPECT_THROW(t->decode(std::vector<int32_t>{1, 261}), Error);
  EXPECT_THROW(t->token(-1), Error);
  TokenizerParts parts;
  parts.name = "test";
  parts.model = *BpeModel::from_merges({"a", "b"}, Pairs{}, {});
  parts.single = {{7, 0}};
  EXPECT_FALSE(Tokenizer::build(parts).ok());
  EXPECT_FALSE(BpeModel::from_merges({"a", "b"}, Pairs{{"a", "b"}}, {}).ok());
  EXPECT_FALSE(BpeModel::from_merges({"a", "a"}, Pairs{}, {}).ok());
  EXPECT_FALSE(BpeModel::from_scores({"a"}, {}, {}).ok());
}

TEST(Tokenizer, ScoredMergesWithByteFallback) {
  // SentencePiece's BPE: "ab" scores better than "bc"; "é" is not in the vocabulary.
  std::vector<std::string> tokens = {"<unk>", "a", "b", "c", "ab", "bc", "abc"};
  std::vector<float> scores = {NAN, -10, -10, -10, 0, -1, -2};
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof(name), "<0x%02X>", byte);
    tokens.push_back(name);
    scores.push_back(NAN);
  }
  BpeOptions options;
  options.byte_level = false;
  options.byte_fallback = true;
  options.unknown = 0;
  const auto model = *BpeModel::from_scores(tokens, scores, options);
  std::vector<Piece> pieces;
  model->encode("abc\xC3\xA9", &pieces);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_EQ(pieces[0].id, 6);
  EXPECT_EQ(pieces[1].id, 7 + 0xC3);
  EXPECT_EQ(model->bytes(pieces[2].id), "\xA9");
}

// Characters a to d as tokens 0 to 3, "ab" as 4; lower-cased.
TokenizerParts lower_case() {
  TokenizerParts parts;
  parts.name = "test";
  parts.model = *BpeModel::from_merges({"a", "b", "c", "d", "ab", "\xEF\xBF\xBD"}, Pairs{{"a", "b"}},
                                       {.byte_level = false});
  parts.normalizer.add(lowercase_step());
  return parts;
}

AddedToken added(const std::string& content, int32_t id, bool normalized, bool special = false) {
  AddedToken token;
  token.content = content;
  token.id = id;
  token.normalized = normalized;
  token.special = special;
  return token;
}

TEST(Tokenizer, NormalizedAddedTokensAreFoundByTheirNormalizedContent) {
  TokenizerParts parts = lower_case();
  parts.added_tokens = {added("AB", 6, true), added("C", 7, false)};
  const auto t = *Tokenizer::build(std::move(parts));
  EXPECT_EQ(t->encode("dAbdabC").ids, (std::vector<int32_t>{3, 6, 3, 6, 7}));
  EXPECT_EQ(t->encode("c").ids, (std::vector<int32_t>{2}));  // not normalised: as written only
  const std::vector<Span> literal = {{0, 3}};
  EXPECT_EQ(t->encode("dABAB", {.literal_ranges = literal}).ids, (std::vector<int32_t>{3, 4, 6}));
}

TEST(Tokenizer, NormalizedAddedTokensComeSecond) {
  TokenizerParts parts = lower_case();
  parts.normalizer = {};
  parts.added_tokens = {added("bc", 6, false), added("ab", 4, true)};
  const auto t = *Tokenizer::build(std::move(parts));
  EXPECT_EQ(t->encode("abcab").ids, (std::vector<int32_t>{0, 6, 4}));
}

TEST(Tokenizer, SpecialTokensNotParsedAreSteppedOver) {
  TokenizerParts parts = lower_case();
  parts.added_tokens = {added("abc", 6, false, true), added("bc", 7, false)};
  const auto t = *Tokenizer::build(std::move(parts));
  EXPECT_EQ(t->encode("abcbc", {.parse_special = false}).ids, (std::vector<int32_t>{4, 2, 7}));
}

TEST(Tokenizer, AddedTokensMustAgreeWithTheModel) {
  for (const AddedToken& token : {added("x", 4, false), added("ab", 9, false), added("", 9, false)}) {
    TokenizerParts parts = lower_case();
    parts.added_tokens = {token};
    EXPECT_FALSE(Tokenizer::build(std::move(parts)).ok()) << token.content;
  }
  TokenizerParts parts = lower_case();
  parts.added_tokens = {added("ab", 4, false)};
  EXPECT_TRUE(Tokenizer::build(std::move(parts)).ok());
}

TEST(Tokenizer, OffsetsAndLiteralRangesCountInTheTextAsGiven) {
  TokenizerParts parts = lower_case();
  parts.added_tokens = {added("<x>", 6, false, true)};
  const auto t = *Tokenizer::build(std::move(parts));
  // A lone byte and the first two bytes of a character: one U+FFFD each.
  const std::string text =
      "ab\xFF<x>\xE4\xBD"
      "cd<x>";
  const std::vector<Span> literal = {{8, 13}};
  const Encoding e = t->encode(text, {.offsets = true, .literal_ranges = literal});
  EXPECT_EQ(e.ids, (std::vector<int32_t>{4, 5, 6, 5, 2, 3}));  // the second "<x>" is literal and unknown
  EXPECT_EQ(e.offsets, (std::vector<Span>{{0, 2}, {2, 3}, {3, 6}, {6, 8}, {8, 9}, {9, 10}}));
}

TEST(Tokenizer, NoSpaceIsAddedBehindInvalidBytes) {
  TokenizerParts parts;
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) {
    tokens.push_back(byte_level_to_text(std::string(1, static_cast<char>(byte))));
  }
  parts.name = "test";
  parts.model = *BpeModel::from_merges(tokens, Pairs{}, {});
  parts.pre_tokenizer.add(prefix_space_step());
  parts.trim_offsets.on = true;
  parts.added_tokens = {added("<x>", 256, false)};
  const auto t = *Tokenizer::build(std::move(parts));
  EXPECT_EQ(t->decode(t->encode("a\xFF\xC3\xA9<x>b").ids), " a\xFF\xC3\xA9<x> b");
  const Encoding e = t->encode("a b<x>\xC3\xA9", {.offsets = true});
  EXPECT_EQ(t->decode(e.ids), " a b<x> \xC3\xA9");
  EXPECT_EQ(e.offsets, (std::vector<Span>{{0, 0}, {0, 1}, {2, 2}, {2, 3}, {3, 6}, {6, 6}, {6, 7}, {7, 8}}));
}

TEST(Tokenizer, ByteFallbackUsesTheBytesThatExist) {
  BpeOptions options;
  options.byte_level = false;
  options.byte_fallback = true;
  options.unknown = 0;
  const auto model = *BpeModel::from_merges({"<unk>", "a", "<0xC3>", "<0xA9>", "<0xZZ>"}, Pairs{}, options);
  std::vector<Piece> pieces;
  model->encode("\xC3\xA9z", &pieces);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_EQ(pieces[0].id, 2);
  EXPECT_EQ(pieces[2].id, 0);
  EXPECT_EQ(model->bytes(3), "\xA9");
  EXPECT_EQ(model->bytes(4), "<0xZZ>");
}

TEST(Tokenizer, StreamStripsTheLeadingSpaceOnce) {
  TokenizerParts parts;
  parts.name = "test";
  parts.model =
      *BpeModel::from_merges({"\xE2\x96\x81", "\xE2\x96\x81x", "y", "<0xE2>", "<0x96>", "<0x81>", "<0x20>"},
                             Pairs{}, {.byte_level = false, .byte_fallback = true});
  parts.decode.kind = DecodeRules::Kind::kMetaspace;
  const auto t = *Tokenizer::build(parts);
  EXPECT_EQ(t->decode(std::vector<int32_t>{0, 1, 0, 2}), " x y");
  EXPECT_EQ(t->decode(std::vector<int32_t>{2, 1}), "y x");
  // Three bytes that happen to be the mark stay one: only tokens are rewritten.
  EXPECT_EQ(t->decode(std::vector<int32_t>{3, 4, 5}), "\xE2\x96\x81");
  StreamDecoder stream(*t);
  EXPECT_EQ(stream.push(1), "x");
  EXPECT_EQ(stream.push(3), "");
  EXPECT_EQ(stream.push(1), "\xE2 x");  // a character that was never finished
  EXPECT_EQ(stream.finish(), "");
  EXPECT_EQ(stream.push(1), "x");  // a new text
  parts.decode.strip_every = true;
  EXPECT_EQ((*Tokenizer::build(parts))->decode(std::vector<int32_t>{0, 0, 1, 1}), "x x");
}

TEST(Tokenizer, VeryLongRunsOfEachPatternStayLinear) {
  TokenizerParts parts;
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) {
    tokens.push_back(byte_level_to_text(std::string(1, static_cast<char>(byte))));
  }
  parts.name = "test";
  parts.model = *BpeModel::from_merges(tokens, Pairs{}, {});
  for (const char* name : {"gpt-2", "llama-bpe", "qwen2", "tekken", "gpt-4o", "qwen35", "deepseek-v3"}) {
    parts.pre_tokenizer = {};
    for (const std::string& pattern : pre_tokenizer_patterns(name)) {
      parts.pre_tokenizer.add(split_step(*Regex::compile(pattern), SplitBehavior::kIsolated, false));
    }
    const auto t = *Tokenizer::build(parts);
    for (const char* unit : {"a", "A", "Aa", " ", "\n", "1", "!", "\xE4\xB8\x80", "a\xCC\x81"}) {
      std::string text;
      while (text.size() < 100000) text += unit;
      ASSERT_EQ(t->encode(text + "x").ids.size(), text.size() + 1) << name << " " << unit;
    }
  }
}

}  // namespace
}  // namespace roux::kit
