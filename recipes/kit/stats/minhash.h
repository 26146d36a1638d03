// MinHash signatures and banded locality-sensitive hashing for near-duplicate texts.          [Broder 1997]
//
//   MinHash hasher(128, /*seed=*/1);
//   std::vector<uint64_t> a = hasher.signature(byte_shingles(text, 8));
//   double similarity = estimate_jaccard(a, b);        // standard error at most 0.5 / sqrt(128)
//   LshIndex index(16, 8);                             // finds pairs with Jaccard similarity above about 0.7
//   index.add(0, a);
//   std::vector<int64_t> duplicates = index.candidates(b);
//
// Hashes are the same on every machine. Const methods are thread-safe; bad input throws roux::Error.
#ifndef ROUX_RECIPES_KIT_STATS_MINHASH_H_
#define ROUX_RECIPES_KIT_STATS_MINHASH_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace roux::stats {

// Hashes of all runs of `length` bytes or tokens, sorted, without repetition. A text shorter than that is one
// shingle; an empty one has none.
std::vector<uint64_t> byte_shingles(std::string_view text, int64_t length);
std::vector<uint64_t> token_shingles(std::span<const int64_t> tokens, int64_t length);

// |A and B| / |A or B| of sorted sets without repetition; two empty sets: 1.
double jaccard(std::span<const uint64_t> a, std::span<const uint64_t> b);

class MinHash {
 public:
  // `hashes` >= 1 random functions (a x + b) mod (2^61 - 1), drawn from `seed`.
  MinHash(int64_t hashes, uint64_t seed);
  // The smallest value of each function over the set; an empty set gives the largest number everywhere.
  std::vector<uint64_t> signature(std::span<const uint64_t> shingles) const;

 private:
  std::vector<uint64_t> multipliers_, offsets_;
};

// Share of equal entries of two signatures of one hasher: an unbiased estimate of the Jaccard similarity.
double estimate_jaccard(std::span<const uint64_t> a, std::span<const uint64_t> b);

class LshIndex {
 public:
  // Signatures of at least bands * rows entries are cut into bands; a pair is a candidate when one band is
  // equal.
  LshIndex(int64_t bands, int64_t rows);
  void add(int64_t id, std::span<const uint64_t> signature);
  // Ids that share a band with this signature, ascending, without repetition.
  std::vector<int64_t> candidates(std::span<const uint64_t> signature) const;
  // P(candidate) of a pair with this Jaccard similarity: 1 - (1 - s^rows)^bands.
  double collision_probability(double similarity) const;

 private:
  uint64_t bucket(int64_t band, std::span<const uint64_t> signature) const;

  int64_t bands_, rows_;
  std::vector<std::unordered_map<uint64_t, std::vector<int64_t>>> buckets_;
};

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_MINHASH_H_
