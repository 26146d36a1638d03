#include "recipes/kit/text/sentences.h"

#include <gtest/gtest.h>

namespace roux::kit {
namespace {

std::vector<std::string> split(const std::string& text, const std::string& language = "en") {
  std::vector<std::string> parts;
  const auto spans = split_sentences(text, language);
  EXPECT_TRUE(spans.ok()) << spans.status();
  for (const Span& span : *spans) parts.push_back(text.substr(span.begin, span.end - span.begin));
  return parts;
}

using Parts = std::vector<std::string>;

TEST(Sentences, SplitsAtTheEnds) {
  EXPECT_EQ(split("One. Two!  Three? Four"), (Parts{"One.", "Two!", "Three?", "Four"}));
  EXPECT_EQ(split("Pi is 3.14. It is \"round.\" Yes."), (Parts{"Pi is 3.14.", "It is \"round.\"", "Yes."}));
  EXPECT_EQ(split("今天好。明天见！"), (Parts{"今天好。", "明天见！"}));
  EXPECT_EQ(split("नमस्ते। फिर मिलेंगे।", "hi"), (Parts{"नमस्ते।", "फिर मिलेंगे।"}));
}

TEST(Sentences, AbbreviationsGoOn) {
  EXPECT_EQ(split("Mr. Smith left. He ran."), (Parts{"Mr. Smith left.", "He ran."}));
}

TEST(Sentences, NothingAndDamage) {
  EXPECT_TRUE(split("").empty());
  EXPECT_TRUE(split(" \n ").empty());
  EXPECT_EQ(split_sentences("ab\xFF").status().message(), "sentences: byte 2 is not valid UTF-8");
}

}  // namespace
}  // namespace roux::kit
