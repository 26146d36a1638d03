#include "recipes/kit/text/unicode.h"

#include <gtest/gtest.h>

#include "recipes/kit/text/utf8.h"
#include "tests/golden/unicode_forms.h"

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

// FNV-1a over lines.
class Hash {
 public:
  void add(std::string_view line) {
    for (const char c : line) byte(static_cast<unsigned char>(c));
    byte('\n');
  }
  uint64_t value() const { return value_; }

 private:
  void byte(unsigned char b) { value_ = (value_ ^ b) * 0x100000001B3u; }
  uint64_t value_ = 0xCBF29CE484222325u;
};

// The strings of tests/golden/unicode_forms.py.
template <class Visit>
void each_string(Visit visit) {
  std::string text;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    text.clear();
    append_utf8(c, &text);
    visit(text);
  }
  uint64_t state = 1;
  const auto random = [&](uint64_t below) {  // splitmix64
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (z ^ (z >> 31)) % below;
  };
  for (int i = 0; i < 20000; ++i) {
    text.clear();
    for (uint64_t n = 1 + random(8); n > 0; --n) {
      const golden::Range& range = golden::kUnicodeRanges[random(std::size(golden::kUnicodeRanges))];
      append_utf8(range.low + static_cast<char32_t>(random(range.high - range.low)), &text);
    }
    visit(text);
  }
}

TEST(Unicode, EqualsPythonOnEveryCodePointAndRandomStrings) {
  if (unicode_version() != "15.0")
    GTEST_SKIP() << "the hashes are of Unicode 15.0, ICU has " << unicode_version();
  Hash forms[4], lower, categories;
  each_string([&](const std::string& text) {
    for (int form = 0; form < 4; ++form) forms[form].add(normalize(text, static_cast<UnicodeForm>(form)));
    lower.add(lowercase(text));
  });
  for (int form = 0; form < 4; ++form) EXPECT_EQ(forms[form].value(), golden::kUnicodeForms[form]) << form;
  EXPECT_EQ(lower.value(), golden::kUnicodeLowercase);
  for (char32_t c = 0; c < 0x110000; ++c) categories.add(general_category(c));
  EXPECT_EQ(categories.value(), golden::kUnicodeCategories);
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
