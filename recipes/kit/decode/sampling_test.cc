#include "recipes/kit/decode/sampling.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <vector>

#include "recipes/kit/decode/trie.h"
#include "tensor/error_of.h"

namespace roux::kit {
namespace {

using Floats = std::vector<float>;

Floats after_cut(Floats p, const Sampling& sampling) {
  cut(sampling, absl::MakeSpan(p));
  return p;
}

TEST(Sampling, Cuts) {
  const Floats p = {0.1f, 0.4f, 0.2f, 0.2f, 0.1f};
  EXPECT_EQ(after_cut(p, {}), p);
  EXPECT_EQ(after_cut(p, {.top_k = 1}), (Floats{0, 0.4f, 0, 0, 0}));
  EXPECT_EQ(after_cut(p, {.top_k = 2}), (Floats{0, 0.4f, 0.2f, 0.2f, 0}));  // equals stay
  EXPECT_EQ(after_cut(p, {.top_k = 9}), p);
  EXPECT_EQ(after_cut(p, {.top_p = 0.01}), (Floats{0, 0.4f, 0, 0, 0}));
  EXPECT_EQ(after_cut(p, {.top_p = 0.5}), (Floats{0, 0.4f, 0.2f, 0, 0}));  // of equals the lower id
  EXPECT_EQ(after_cut(p, {.min_p = 0.5}), (Floats{0, 0.4f, 0.2f, 0.2f, 0}));
  EXPECT_EQ(after_cut(p, {.top_k = 3, .top_p = 0.6}), (Floats{0, 0.4f, 0.2f, 0, 0}));  // of what top_k left
}

TEST(Sampling, Draws) {
  const Floats p = {0, 1, 0, 2, 1, 0};
  EXPECT_EQ(draw(p, 0), 1);
  EXPECT_EQ(draw(p, 0.2499), 1);
  EXPECT_EQ(draw(p, 0.25), 3);
  EXPECT_EQ(draw(p, 0.75), 4);
  EXPECT_EQ(draw(p, 1 - 0x1p-53), 4);
  EXPECT_EQ(draw(Floats{0, 0}, 0.5), -1);
  EXPECT_EQ(draw(Floats{1, std::numeric_limits<float>::quiet_NaN()}, 0.5), -1);
  EXPECT_EQ(most_probable(Floats{-2, 3, 3}), 1);
  EXPECT_EQ(most_probable(Floats{-std::numeric_limits<float>::infinity()}), -1);
  std::set<double> uniforms;
  for (uint64_t i = 0; i < 4; ++i) {
    for (uint64_t j = 0; j < 4; ++j) {
      for (const double u :
           {keyed_uniform(i, j, 0, 0), keyed_uniform(9, i, j, 0), keyed_uniform(9, 9, i, j)}) {
        EXPECT_TRUE(u >= 0 && u < 1);
        uniforms.insert(u);
      }
    }
  }
  EXPECT_EQ(uniforms.size(), 48U);
}

Floats after(const TokenRule& rule, const Tokens& beginning, const Tokens& generated) {
  Floats logits = {1, -1, 2, 0, 4};
  rule({0, beginning, generated}, absl::MakeSpan(logits));
  return logits;
}

TEST(Sampling, Rules) {
  const float never = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(after(repetition_penalty(2), {0}, {1, 1}), (Floats{0.5f, -2, 2, 0, 4}));
  EXPECT_EQ(after(no_repeat_ngram(3), {1, 2, 3, 0}, {1, 2}), (Floats{1, -1, 2, never, 4}));
  EXPECT_EQ(after(no_repeat_ngram(1), {4}, {0}), (Floats{never, -1, 2, 0, never}));
  EXPECT_EQ(after(no_repeat_ngram(5), {1, 2}, {}), (Floats{1, -1, 2, 0, 4}));
  EXPECT_EQ(after(ban({2, 3}), {}, {}), (Floats{1, -1, never, never, 4}));
  EXPECT_EQ(after(not_before(2, {4}), {}, {1}), (Floats{1, -1, 2, 0, never}));
  EXPECT_EQ(after(not_before(2, {4}), {}, {1, 1}), (Floats{1, -1, 2, 0, 4}));
  const auto trie = std::make_shared<const TokenTrie>(std::vector<Tokens>{{2, 3}, {2}, {0}});
  EXPECT_EQ(after(only(trie, 4), {}, {}), (Floats{1, never, 2, never, never}));
  EXPECT_EQ(after(only(trie, 4), {}, {2}), (Floats{never, never, never, 0, 4}));
  EXPECT_EQ(after(only(trie, 4), {}, {0}), (Floats{never, never, never, never, 4}));
  EXPECT_EQ(after(only(trie, 4), {}, {1}), (Floats(5, never)));
  for (const std::function<void()>& wrong : std::vector<std::function<void()>>{
           [] { repetition_penalty(0); }, [] { no_repeat_ngram(0); }, [] { after(ban({5}), {}, {}); },
           [] { check({.min_p = 1}); }, [] { check({.top_k = -1}); }}) {
    EXPECT_NE(error_of(wrong), "no error");
  }
}

TEST(TokenTrie, HoldsSequences) {
  TokenTrie trie(std::vector<Tokens>{{5, 7}, {5}, {2, 2, 2}});
  trie.add({5, 7}, 9);
  EXPECT_EQ(trie.size(), 6);
  EXPECT_EQ(trie.children(TokenTrie::kRoot).size(), 2U);
  EXPECT_EQ(trie.children(TokenTrie::kRoot)[0].first, 2);
  EXPECT_EQ(trie.entries(*trie.find({5, 7})), (std::vector<int32_t>{0, 9}));
  EXPECT_EQ(trie.entries(*trie.find({5})), (std::vector<int32_t>{1}));
  EXPECT_TRUE(trie.entries(*trie.find({2, 2})).empty());
  EXPECT_EQ(trie.find({5, 8}), std::nullopt);
  EXPECT_EQ(trie.find({}), TokenTrie::kRoot);
  EXPECT_NE(error_of([&] { trie.add({}, 1); }), "no error");
}

}  // namespace
}  // namespace roux::kit
