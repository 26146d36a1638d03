#include "recipes/kit/data/span_corruption.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "recipes/kit/data/windows.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

using Tokens = std::vector<int32_t>;

Tokens text_of(int64_t length) {
  Tokens tokens(length);
  std::iota(tokens.begin(), tokens.end(), 0);
  return tokens;
}

Tokens sentinels(int count) {
  Tokens ids;
  for (int i = 0; i < count; ++i) ids.push_back(1000 - i);  // downwards, as T5's
  return ids;
}

TEST(SpanCorruption, Example) {
  const CorruptedTokens c = corrupt_spans(text_of(6), {{1, 3}, {5, 6}}, sentinels(3));
  EXPECT_EQ(c.input, (Tokens{0, 1000, 3, 4, 999}));
  EXPECT_EQ(c.target, (Tokens{1000, 1, 2, 999, 5, 998}));
}

TEST(SpanCorruption, CountsAndRoundTrip) {
  stats::RandomStream random(1);
  for (int64_t length = 2; length < 90; ++length) {
    for (const double rate : {0.01, 0.15, 0.5, 0.99}) {
      for (const bool starts_masked : {false, true}) {
        const SpanOptions options{.rate = rate, .max_spans = 7, .starts_masked = starts_masked};
        const std::vector<TokenSpan> spans = sample_spans(length, options, random);
        int64_t masked = 0;
        for (const TokenSpan& s : spans) masked += s.end - s.begin;
        EXPECT_EQ(masked, std::clamp<int64_t>(std::llround(rate * length), 1, length - 1));
        EXPECT_LE(spans.size(), 7u);
        EXPECT_EQ(spans.front().begin == 0, starts_masked);
        EXPECT_EQ(spans.back().end == length, !starts_masked);
        const CorruptedTokens c = corrupt_spans(text_of(length), spans, sentinels(8));
        EXPECT_EQ(*restore_spans(c, sentinels(8)), text_of(length));
        EXPECT_EQ(c.input.size() + c.target.size(), static_cast<size_t>(length) + 2 * spans.size() + 1);
      }
    }
  }
}

// 3 masked tokens in 2 spans: 1 + 2 and 2 + 1 are equally frequent, whatever is between.
TEST(SpanCorruption, CompositionsAreUniform) {
  stats::RandomStream random(2);
  std::map<std::pair<int64_t, int64_t>, int> seen;  // length of the first span, begin of the first span
  for (int i = 0; i < 6000; ++i) {
    const std::vector<TokenSpan> spans = sample_spans(7, {.rate = 3.0 / 7, .mean_length = 1.5}, random);
    ASSERT_EQ(spans.size(), 2u);
    ++seen[{spans[0].end - spans[0].begin, spans[0].begin}];
  }
  EXPECT_EQ(seen.size(), 6u);  // 2 ways times 3 ways to write 4 as two numbers
  for (const auto& [key, count] : seen) EXPECT_NEAR(count, 1000, 150);
}

TEST(SpanCorruption, DamagedTargets) {
  const Tokens s = sentinels(4);
  const CorruptedTokens good = corrupt_spans(text_of(6), {{1, 3}, {5, 6}}, s);
  for (const Tokens& target :
       {Tokens{}, Tokens{1}, Tokens{1000, 1}, Tokens{999}, Tokens{1000, 1, 998}, Tokens{1000, 1, 999},
        Tokens{1000, 999, 998, 997}, Tokens{1000, 999, 998, 997, 1}})
    EXPECT_FALSE(restore_spans({good.input, target}, s).ok());
  EXPECT_FALSE(restore_spans({{999, 1000}, good.target}, s).ok());
  EXPECT_TRUE(restore_spans({good.input, {1000, 999, 998}}, s).ok());  // spans may turn out empty
}

TEST(SpanCorruption, Misuse) {
  stats::RandomStream random(3);
  EXPECT_THROW(sample_spans(1, {}, random), Error);
  EXPECT_THROW(sample_spans(10, {.rate = 1}, random), Error);
  EXPECT_THROW(sample_positions(10, 0, random), Error);
  EXPECT_THROW(corrupt_spans(text_of(4), {{2, 3}, {1, 2}}, sentinels(3)), Error);
  EXPECT_THROW(corrupt_spans(text_of(4), {{2, 5}}, sentinels(3)), Error);
  EXPECT_THROW(corrupt_spans(text_of(4), {{1, 2}}, sentinels(1)), Error);
  EXPECT_THROW(corrupt_spans(text_of(4), {{1, 2}}, Tokens{9, 9}), Error);
  EXPECT_THROW(corrupt_spans(text_of(4), {{1, 2}}, Tokens{3, 9}), Error);
}

TEST(MaskedTokens, SharesAndTargets) {
  stats::RandomStream random(4);
  const Tokens text(20000, 5);
  const std::vector<TokenSpan> spans = sample_positions(20000, 0.5, random);
  ASSERT_EQ(spans.size(), 10000u);
  const MaskedTokens m = mask_tokens(text, spans, 77, 50, random);
  int64_t targets = 0, masked = 0, kept = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (m.target[i] == kIgnoreTarget) {
      EXPECT_EQ(m.input[i], 5);
      continue;
    }
    EXPECT_EQ(m.target[i], 5);
    ++targets;
    masked += m.input[i] == 77 ? 1 : 0;
    kept += m.input[i] == 5 ? 1 : 0;
  }
  EXPECT_EQ(targets, 10000);
  EXPECT_NEAR(masked, 8000, 200);
  EXPECT_NEAR(kept, 1020, 150);  // and 1 in 50 of the random ones
}

}  // namespace
}  // namespace roux::kit
