#include "recipes/kit/text/utf8.h"

#include <gtest/gtest.h>

namespace roux::kit {
namespace {

constexpr char kMark[] = "\xEF\xBF\xBD";

TEST(Utf8, EveryCodePointRoundTrips) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(c, &text);
    const DecodedChar back = decode_utf8(text, 0);
    ASSERT_TRUE(back.valid) << static_cast<uint32_t>(c);
    ASSERT_EQ(static_cast<uint32_t>(back.code_point), static_cast<uint32_t>(c));
    ASSERT_EQ(back.length, static_cast<int>(text.size()));
    for (size_t cut = 1; cut < text.size(); ++cut) {
      ASSERT_EQ(incomplete_utf8_suffix(text.substr(0, cut)), cut) << static_cast<uint32_t>(c);
    }
  }
}

// The examples of the Unicode Standard, section 3.9, tables 3-8 to 3-11.
TEST(Utf8, ReplacesMaximalSubparts) {
  const auto marks = [](int n) {
    std::string text;
    for (int i = 0; i < n; ++i) text += kMark;
    return text;
  };
  EXPECT_EQ(replace_invalid_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82"
                                 "A"),
            marks(8) + "A");
  EXPECT_EQ(replace_invalid_utf8("\xED\xA0\x80\xED\xBF\xBF\xED\xAF"
                                 "A"),
            marks(8) + "A");
  EXPECT_EQ(replace_invalid_utf8("\xF4\x91\x92\x93\xFF"
                                 "A\x80\xBF"
                                 "B"),
            marks(5) + "A" + marks(2) + "B");
  EXPECT_EQ(replace_invalid_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF"
                                 "A"),
            marks(4) + "A");
}

TEST(Utf8, ValidPrefixStopsAtTheFirstBadByte) {
  EXPECT_EQ(valid_utf8_prefix("0123456789abcdef\xFFxyz"), 16u);
  EXPECT_EQ(valid_utf8_prefix("\xE4\xBD\xA0\xE5\xA5"), 3u);
  EXPECT_TRUE(is_valid_utf8(""));
  EXPECT_EQ(count_chars("\xE4\xBD\xA0"
                        "a\xFF"),
            3u);
}

TEST(Utf8, OnlyWhatCanStillBecomeACharacterIsIncomplete) {
  EXPECT_EQ(incomplete_utf8_suffix("ab\xE4\xBD"), 2u);
  EXPECT_EQ(incomplete_utf8_suffix("ab\xED\xA0"), 0u);      // a surrogate can't be completed
  EXPECT_EQ(incomplete_utf8_suffix("ab\xBD\xBD\xBD"), 0u);  // continuation bytes alone
  EXPECT_EQ(incomplete_utf8_suffix("ab\xE4\xBD\xA0"), 0u);
  EXPECT_EQ(incomplete_utf8_suffix("\xF5"), 0u);
}

TEST(Utf8, ExcerptIsCutBetweenCharacters) {
  EXPECT_EQ(excerpt(std::string(200, 'x')), std::string(200, 'x'));
  EXPECT_EQ(excerpt(std::string(199, 'x') + "\xC3\xA9"), std::string(199, 'x') + "...");
  EXPECT_EQ(excerpt(std::string(198, 'x') + "\xC3\xA9y"), std::string(198, 'x') + "\xC3\xA9...");
}

}  // namespace
}  // namespace roux::kit
