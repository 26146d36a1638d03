#include "recipes/kit/text/unicode.h"

#include <gtest/gtest.h>

namespace roux::kit {
namespace {

TEST(Unicode, NormalisationForms) {
  // "ﬁ Å é" with a ligature, the Angstrom sign and a combining accent.
  const std::string text = "\xEF\xAC\x81 \xE2\x84\xAB e\xCC\x81";
  EXPECT_EQ(normalize(text, UnicodeForm::kNfc), "\xEF\xAC\x81 \xC3\x85 \xC3\xA9");
  EXPECT_EQ(normalize(text, UnicodeForm::kNfd), "\xEF\xAC\x81 A\xCC\x8A e\xCC\x81");
  EXPECT_EQ(normalize(text, UnicodeForm::kNfkc), "fi \xC3\x85 \xC3\xA9");
  EXPECT_EQ(normalize(text, UnicodeForm::kNfkd), "fi A\xCC\x8A e\xCC\x81");
}

TEST(Unicode, MarksAreReorderedAndHangulComposed) {
  EXPECT_EQ(normalize("q\xCC\x87\xCC\xA3", UnicodeForm::kNfc), "q\xCC\xA3\xCC\x87");
  EXPECT_EQ(normalize("\xE1\x84\x80\xE1\x85\xA1\xE1\x86\xA8", UnicodeForm::kNfc), "\xEA\xB0\x81");
}

TEST(Unicode, FormsAreIdempotentAndPiecesCoverTheText) {
  std::string text;
  for (int i = 0; i < 3000; ++i)
    text += i % 3 == 0 ? "a\xCC\x88" : i % 3 == 1 ? "\xE1\x84\x80\xE1\x85\xA1" : "x\xFF ";
  for (const UnicodeForm form :
       {UnicodeForm::kNfc, UnicodeForm::kNfd, UnicodeForm::kNfkc, UnicodeForm::kNfkd}) {
    const std::string once = normalize(text, form);
    EXPECT_EQ(normalize(once, form), once);
    size_t covered = 0;
    normalize_pieces(text, form, [&](size_t begin, size_t end, std::string_view) {
      EXPECT_EQ(begin, covered);
      covered = end;
    });
    EXPECT_EQ(covered, text.size());
  }
}

TEST(Unicode, LowerCase) {
  EXPECT_EQ(lowercase("\xCE\xA3\xCE\x8A\xCE\xA3"), "\xCF\x83\xCE\xAF\xCF\x82");  // the last sigma is final
  std::string dotted;
  append_lowercase(0x130, &dotted);
  EXPECT_EQ(dotted, "i\xCC\x87");
}

TEST(Unicode, Scripts) {
  EXPECT_EQ(script(U'a'), "Latin");
  EXPECT_EQ(script(0x0915), "Devanagari");
  EXPECT_EQ(script(U'1'), "Common");
  EXPECT_EQ(script(0x0300), "Inherited");
  const auto shares = script_shares("abc \xD0\xBC 123");  // three Latin letters, one Cyrillic
  ASSERT_EQ(shares.size(), 2u);
  EXPECT_EQ(shares[0].first, "Latin");
  EXPECT_DOUBLE_EQ(shares[0].second, 0.75);
  EXPECT_TRUE(script_shares("12 .").empty());
}

TEST(Unicode, Categories) {
  EXPECT_TRUE(is_white_space(0x3000));
  EXPECT_FALSE(is_white_space(0x180E));
  EXPECT_TRUE(is_number(0xBD));
  EXPECT_TRUE(is_word_char('_'));
  EXPECT_FALSE(is_word_char('-'));
  EXPECT_EQ(unicode_age(0x2E43), 9);
}

}  // namespace
}  // namespace roux::kit
