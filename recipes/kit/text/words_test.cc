#include "recipes/kit/text/words.h"

#include <gtest/gtest.h>

#include <string>

#include "recipes/kit/text/utf8.h"

namespace roux::kit {
namespace {

TEST(Words, StripTakesWhatPythonTakes) {
  // ' \x1c\u00a0\u3000a b\u2028\x85 \n'.strip() in Python.
  const std::string text =
      " \x1C\xC2\xA0\xE3\x80\x80"
      "a b\xE2\x80\xA8\xC2\x85 \n";
  EXPECT_EQ(strip(text), "a b");
  EXPECT_EQ(right_strip(text), text.substr(0, text.size() - 7));
  EXPECT_EQ(strip(" \t\xE3\x80\x80"), "");
  EXPECT_EQ(right_strip(""), "");
  EXPECT_EQ(strip("\xE2\x80\x8B"), "\xE2\x80\x8B");  // U+200B is no white space
}

TEST(Words, StripKeepsDamagedBytes) {
  EXPECT_EQ(strip(" \xFF\x80 "), "\xFF\x80");
  EXPECT_EQ(right_strip("a\xE3\x80"), "a\xE3\x80");
  EXPECT_EQ(right_strip("\x80\x80\x80\x80\x80 "), "\x80\x80\x80\x80\x80");
  EXPECT_EQ(right_strip("\xF0\xE3\x80\x80"), "\xF0");
}

// From the ends: the first and the last word found from the front.
TEST(Words, StripAgreesWithSplit) {
  const char* parts[] = {" ",    "a",    "\xC2\x85",         "\xC2", "\x85", "\xE3\x80\x80",
                         "\xE3", "\x80", "\xF0\x9F\x98\x80", "\x1F"};
  for (int n = 0; n < 10000; ++n) {
    const std::string text =
        std::string(parts[n % 10]) + parts[n / 10 % 10] + parts[n / 100 % 10] + parts[n / 1000];
    const auto words = split_words(text);
    if (words.empty()) {
      EXPECT_EQ(strip(text), "");
      continue;
    }
    const auto begin = static_cast<size_t>(words.front().data() - text.data());
    const auto end = static_cast<size_t>(words.back().data() + words.back().size() - text.data());
    EXPECT_EQ(strip(text), std::string_view(text).substr(begin, end - begin)) << n;
    EXPECT_EQ(right_strip(text), std::string_view(text).substr(0, end)) << n;
  }
}

}  // namespace
}  // namespace roux::kit
