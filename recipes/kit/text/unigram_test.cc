#include "recipes/kit/text/unigram.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "recipes/kit/text/charsmap.h"

namespace roux::kit {
namespace {

std::vector<int32_t> ids(const UnigramModel& model, std::string_view piece) {
  std::vector<Piece> pieces;
  model.encode(piece, &pieces);
  std::vector<int32_t> result;
  for (const Piece& p : pieces) result.push_back(p.id);
  return result;
}

TEST(Unigram, FindsTheMostProbableCut) {
  const std::vector<std::string> tokens = {"<unk>", "a", "b", "ab", "ba", "aba", "bb"};
  const std::vector<double> scores = {0, -3, -3.5, -4, -4.25, -7.125, -9};
  const auto model = *UnigramModel::build(tokens, scores, {.unknown = 0});
  // Against all cuts of every text over {a, b} up to length 12.
  for (int length = 1; length <= 12; ++length) {
    for (int bits = 0; bits < 1 << length; ++bits) {
      std::string text;
      for (int i = 0; i < length; ++i) text += (bits >> i & 1) != 0 ? 'b' : 'a';
      std::vector<double> best(length + 1, -1e9);
      best[0] = 0;
      for (int end = 1; end <= length; ++end) {
        for (size_t t = 1; t < tokens.size(); ++t) {
          const int start = end - static_cast<int>(tokens[t].size());
          if (start >= 0 && text.compare(start, tokens[t].size(), tokens[t]) == 0) {
            best[end] = std::max(best[end], best[start] + scores[t]);
          }
        }
      }
      double found = 0;
      std::string joined;
      for (const int32_t id : ids(*model, text)) found += scores[id], joined += tokens[id];
      ASSERT_EQ(joined, text);
      ASSERT_DOUBLE_EQ(found, best[length]) << text;
    }
  }
}

TEST(Unigram, UnknownTextIsOneTokenOrBytes) {
  std::vector<std::string> tokens = {"<unk>", "a"};
  std::vector<double> scores = {0, -1};
  const auto plain = *UnigramModel::build(tokens, scores, {.unknown = 0});
  EXPECT_EQ(ids(*plain, "\xC3\xA9zax"), (std::vector<int32_t>{0, 1, 0}));
  for (const char* byte : {"<0xC3>", "<0xA9>"}) tokens.push_back(byte), scores.push_back(-1);
  const auto bytes = *UnigramModel::build(tokens, scores, {.unknown = 0, .byte_fallback = true});
  EXPECT_EQ(ids(*bytes, "a\xC3\xA9"), (std::vector<int32_t>{1, 2, 3}));
  EXPECT_EQ(bytes->bytes(3), "\xA9");
  EXPECT_EQ(ids(*bytes, "z"), (std::vector<int32_t>{0}));
  EXPECT_EQ(ids(*UnigramModel::build({"a"}, {-1}, {}).value(), "xa"), (std::vector<int32_t>{0}));
}

TEST(Unigram, RefusesWhatIsNoModel) {
  EXPECT_FALSE(UnigramModel::build({}, {}, {}).ok());
  EXPECT_FALSE(UnigramModel::build({"a"}, {}, {}).ok());
  EXPECT_FALSE(UnigramModel::build({""}, {0}, {}).ok());
  EXPECT_FALSE(UnigramModel::build({"a"}, {INFINITY}, {}).ok());
  EXPECT_FALSE(UnigramModel::build({"a"}, {0}, {.unknown = 1}).ok());
}

TEST(Charsmap, RefusesDamageWithItsOffset) {
  using namespace std::string_literals;
  EXPECT_FALSE(Charsmap::parse("").ok());
  EXPECT_EQ(Charsmap::parse("\xFF\xFF\xFF\x7F"s).status().message(),
            "charsmap: byte 0: the trie has 2147483647 bytes, of which 0 are there");
  EXPECT_EQ(Charsmap::parse("\x04\0\0\0\0\0\0\0ab\xFF"s).status().message(), "charsmap: byte 10: not UTF-8");
  // Units that lead out of the trie match nothing.
  const auto map = Charsmap::parse("\x04\0\0\0\xFF\xFF\xFF\xFFx\0"s);
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(map->find("abc"), std::nullopt);
}

TEST(Charsmap, CheckFindsTriesThatLeadOutOfThemselves) {
  using namespace std::string_literals;
  const auto check = [](const std::vector<uint32_t>& units, const std::string& replacements) {
    std::string bytes;
    const auto append = [&](uint32_t value) {
      for (int i = 0; i < 4; ++i) bytes += static_cast<char>(value >> 8 * i & 0xFF);
    };
    append(static_cast<uint32_t>(4 * units.size()));
    for (const uint32_t unit : units) append(unit);
    return std::string(Charsmap::parse(bytes + replacements)->check().message());
  };
  // The root's children begin at 256; "a" leads to its leaf at 256 + 'a' ^ 1, with the replacement at 0.
  std::vector<uint32_t> units(512, 0xFF);  // no byte's label but 255
  for (size_t i = 0; i < units.size(); ++i) units[i] = (i & 0xFF) == 0 ? 1 : 0;
  units[0] = 256 << 10;
  EXPECT_EQ(check(units, "x\0"s), "");
  units[256 + 'a'] = (1 << 10) | (1 << 8) | 'a';
  units[(256 + 'a') ^ 1] = 0x80000000;
  EXPECT_EQ(check(units, "x\0"s), "");
  EXPECT_EQ(check(units, "x"), "charsmap: the last replacement has no end");
  units[(256 + 'a') ^ 1] = 0x80000002;
  EXPECT_EQ(check(units, "x\0"s), "charsmap: byte 1416: the trie leads beyond the replacements");
  units[256 + 'a'] = (512 << 10) | 'a';
  EXPECT_EQ(check(units, "x\0"s), "charsmap: byte 1416: the trie leads out of itself");
  units[256 + 'a'] = 'a';  // leads to itself: circles end
  EXPECT_EQ(check(units, "x\0"s), "");
}

}  // namespace
}  // namespace roux::kit
