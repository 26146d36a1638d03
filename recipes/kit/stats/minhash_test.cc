#include "recipes/kit/stats/minhash.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "recipes/kit/stats/random.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

using Hashes = std::vector<uint64_t>;

// Two sets of `size` shingles whose Jaccard similarity is common / (2 size - common).
std::pair<Hashes, Hashes> sets_with_overlap(int64_t size, int64_t common, int64_t offset) {
  std::vector<int64_t> a, b;
  for (int64_t i = 0; i < size; ++i) {
    a.push_back(offset + i);
    b.push_back(offset + (i < common ? i : size + i));
  }
  return {token_shingles(a, 1), token_shingles(b, 1)};
}

TEST(ShinglesTest, AreTheRunsOfTheText) {
  EXPECT_EQ(byte_shingles("abcab", 2).size(), 3u);  // ab bc ca
  EXPECT_EQ(byte_shingles("ab", 5).size(), 1u);
  EXPECT_TRUE(byte_shingles("", 3).empty());
  EXPECT_EQ(byte_shingles("abab", 2), byte_shingles("babab", 2));
  EXPECT_NE(byte_shingles("ab", 2), byte_shingles("ba", 2));
  EXPECT_NE(byte_shingles("ab", 5), byte_shingles("abc", 5));
  const std::vector<int64_t> tokens = {97, 98, 99};
  EXPECT_EQ(token_shingles(tokens, 2), byte_shingles("abc", 2));
  EXPECT_THROW(byte_shingles("abc", 0), Error);
}

TEST(JaccardTest, CountsCommonShingles) {
  EXPECT_EQ(jaccard(Hashes{1, 2, 3}, Hashes{2, 3, 4}), 0.5);
  EXPECT_EQ(jaccard(Hashes{}, Hashes{}), 1);
  EXPECT_EQ(jaccard(Hashes{1}, Hashes{}), 0);
  const auto [a, b] = sets_with_overlap(100, 60, 0);
  EXPECT_NEAR(jaccard(a, b), 60.0 / 140, 1e-15);
}

TEST(MinHashTest, EstimatesTheSimilarityWithinItsError) {
  const MinHash hasher(512, 3);
  for (int64_t common : {0, 10, 50, 90, 100}) {
    double sum = 0;
    for (int64_t trial = 0; trial < 10; ++trial) {
      const auto [a, b] = sets_with_overlap(100, common, 1000 * trial);
      const double similarity = jaccard(a, b);
      const double estimate = estimate_jaccard(hasher.signature(a), hasher.signature(b));
      EXPECT_NEAR(estimate, similarity, 5 * std::sqrt(similarity * (1 - similarity) / 512) + 1e-15);
      sum += estimate - similarity;
    }
    EXPECT_NEAR(sum / 10, 0, 0.02);
  }
}

TEST(MinHashTest, SignatureOfAUnionIsTheMinimum) {
  const MinHash hasher(64, 1);
  const Hashes a = byte_shingles("the quick brown fox", 4);
  const Hashes b = byte_shingles("jumps over the lazy dog", 4);
  Hashes both = a;
  both.insert(both.end(), b.begin(), b.end());
  const Hashes sa = hasher.signature(a), sb = hasher.signature(b), sab = hasher.signature(both);
  for (size_t i = 0; i < sab.size(); ++i) EXPECT_EQ(sab[i], std::min(sa[i], sb[i]));
  EXPECT_EQ(hasher.signature(Hashes{})[0], std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(MinHash(64, 1).signature(a), sa);
  EXPECT_NE(MinHash(64, 2).signature(a), sa);
}

TEST(LshTest, FindsNearDuplicates) {
  const MinHash hasher(128, 5);
  LshIndex index(16, 8);
  std::vector<std::string> texts;
  RandomStream random(6);
  for (int64_t id = 0; id < 50; ++id) {
    std::string text;
    for (int i = 0; i < 400; ++i) text += static_cast<char>('a' + random.below(26));
    texts.push_back(text);
    index.add(id, hasher.signature(byte_shingles(text, 8)));
  }
  for (int64_t id = 0; id < 50; ++id) {
    std::string changed = texts[id];
    changed[200] = '!';  // 8 of about 393 shingles differ
    EXPECT_EQ(index.candidates(hasher.signature(byte_shingles(changed, 8))), std::vector<int64_t>{id});
  }
}

TEST(LshTest, CandidatesComeAsOftenAsTheFormulaSays) {
  const MinHash hasher(32, 7);
  int64_t found = 0;
  for (int64_t trial = 0; trial < 400; ++trial) {
    const auto [a, b] = sets_with_overlap(60, 40, 1000 * trial);  // similarity 0.5
    LshIndex index(8, 4);
    index.add(1, hasher.signature(a));
    found += static_cast<int64_t>(index.candidates(hasher.signature(b)).size());
  }
  const double p = LshIndex(8, 4).collision_probability(0.5);
  EXPECT_NEAR(p, 1 - std::pow(1 - 0.0625, 8), 1e-15);
  EXPECT_NEAR(static_cast<double>(found) / 400, p, 5 * std::sqrt(p * (1 - p) / 400));
}

TEST(MinHashTest, MisuseThrows) {
  EXPECT_THROW(MinHash(0, 1), Error);
  EXPECT_THROW(estimate_jaccard(Hashes{1}, Hashes{1, 2}), Error);
  EXPECT_THROW(LshIndex(0, 4), Error);
  LshIndex index(2, 4);
  EXPECT_THROW(index.add(1, Hashes(7)), Error);
  EXPECT_THROW(index.candidates(Hashes(7)), Error);
}

}  // namespace
}  // namespace roux::stats
