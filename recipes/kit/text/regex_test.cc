#include "recipes/kit/text/regex.h"

#include <gtest/gtest.h>

#include "recipes/kit/text/pre_tokenizer.h"

namespace roux::kit {
namespace {

std::string message(const std::string& pattern) {
  const absl::StatusOr<Regex> regex = Regex::compile(pattern);
  return regex.ok() ? "ok" : std::string(regex.status().message());
}

TEST(Regex, WhatMayFailWhileMatchingIsRefused) {
  EXPECT_EQ(message("a(?R)"), "regex: `(?R` at offset 1 is not supported, in `a(?R)`");
  for (const char* pattern : {"(?R)",
                              "(?0)",
                              "(a)(?1)",
                              "(a)(?+1)",
                              "(a)(?-1)",
                              "(?<n>a)(?&n)",
                              "(?P<n>a)(?P>n)",
                              R"((a)\g<1>)",
                              R"((a)\g'1')",
                              "(?C)a",
                              "(?C1)",
                              R"((*LIMIT_HEAP=0)\C(?C))",
                              "(*LIMIT_MATCH=0)a",
                              "(*UTF)a",
                              "a(*COMMIT)b",
                              "(*pla:a)",
                              "(?(?C9)(?=a)b)",
                              "(?(DEFINE)(a))",
                              R"(\C)",
                              R"(\Q[\E(?R))",
                              R"(\c[(?R))",
                              R"([[:alpha:][](?R))",
                              "(?#[)(?R)",
                              "(?x)#[\n(?R)",
                              "(?x:a)",
                              "(?",
                              "(?i"}) {
    EXPECT_NE(message(pattern).find("is not supported"), std::string::npos) << pattern << message(pattern);
  }
}

TEST(Regex, EndlessBacktrackingIsRefused) {
  for (const char* pattern : {"(a+)+$", "(?:x+x+)+y", R"((?:\s*\s*)*!)", R"((?:\p{L}|\p{L})*\d)"}) {
    EXPECT_NE(message(pattern).find("backtracks without end"), std::string::npos) << pattern;
  }
}

TEST(Regex, OrdinaryGroupsAreTaken) {
  for (const char* pattern : {
           "(?:a)",   "(?i)a",      "(?i:a)",         "(?-i)a",  "(?s-m:.)",
           "(?=a)b",  "(?!a)",      "(?<=a)b",        "(?<!a)b", "(?>a+)b",
           "(?|a|b)", "(?<n>a)",    "(?P<n>a)(?P=n)", "(?'n'a)", R"((a)\1)",
           R"(\(?R)", R"([\(?*)])", "[)(]",           "(a+b)+",  R"((?:\p{L}\p{M}*)+)",
       }) {
    EXPECT_EQ(message(pattern), "ok") << pattern;
  }
}

TEST(Regex, PatternsOfRealTokenizersAreTaken) {
  for (const char* name :
       {"gpt2", "smollm", "llama3", "qwen2", "gpt-4o", "tekken", "qwen35", "deepseek-v3"}) {
    ASSERT_FALSE(pre_tokenizer_patterns(name).empty()) << name;
    for (const std::string& pattern : pre_tokenizer_patterns(name)) EXPECT_EQ(message(pattern), "ok") << name;
  }
  // tiktoken's own spelling of cl100k_base.
  EXPECT_EQ(
      message(R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+)"
              R"(|\s++$|\s*[\r\n]|\s+(?!\S)|\s)"),
      "ok");
}

TEST(Regex, LongMatchesLeaveTheStackOfCompiledCode) {
  const auto regex = Regex::compile("(?:a|b)+!");
  ASSERT_TRUE(regex.ok()) << regex.status();
  std::string text;
  for (int i = 0; i < 100000; ++i) text += i % 3 == 0 ? 'a' : 'b';
  text += '!';
  std::vector<Span> matches;
  const Span all{0, static_cast<uint32_t>(text.size())};
  ASSERT_TRUE(regex->find_all(text, all, &matches).ok());
  ASSERT_EQ(matches.size(), 1u);
  EXPECT_EQ(matches[0], all);
}

TEST(Regex, LongPatternsAreCutInMessages) {
  EXPECT_LT(message(std::string(5000, 'x') + "(").size(), 400u);
  EXPECT_LT(message(std::string(5000, 'x') + "(?R)").size(), 400u);
}

}  // namespace
}  // namespace roux::kit
