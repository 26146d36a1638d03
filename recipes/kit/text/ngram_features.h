// Bags of word n-grams as sparse vectors: hashed counts and TF-IDF. For classifiers of documents
// (stats/logistic.h) and for near duplicates by cosine. Pure; words come from the caller (words.h, tokens)
// and hold no U+0000.
//
//   const SparseVector a = hashed_ngrams(split_words(text), {.max_n = 2}, 1 << 12);
#ifndef ROUX_RECIPES_KIT_TEXT_NGRAM_FEATURES_H_
#define ROUX_RECIPES_KIT_TEXT_NGRAM_FEATURES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"

namespace roux::kit {

// (index, value) pairs, ascending by index, without zeros.
using SparseVector = std::vector<std::pair<int64_t, double>>;

struct NgramRange {
  int min_n = 1, max_n = 1;  // 1 <= min_n <= max_n
};

// Counts of n-grams by bucket: a 64-bit FNV-1a hash of the words modulo `buckets` (at least 1), the same on
// every machine. Different n-grams may share a bucket.
SparseVector hashed_ngrams(absl::Span<const std::string_view> words, const NgramRange& range,
                           int64_t buckets);

double dot(const SparseVector& a, const SparseVector& b);
// 0 if one of them has no entry.
double cosine_similarity(const SparseVector& a, const SparseVector& b);

// Term frequency times inverse document frequency, as scikit-learn's TfidfVectorizer by default: count of the
// n-gram times ln((1 + documents) / (1 + documents with it)) + 1, then scaled to length 1. N-grams that no
// document of the fit had don't count.
class TfIdf {
 public:
  using Words = std::vector<std::string_view>;

  // Copies what it needs of the documents; there must be at least one (Error).
  explicit TfIdf(absl::Span<const Words> documents, const NgramRange& range = {});

  SparseVector operator()(absl::Span<const std::string_view> words) const;
  // Number of different n-grams; indices are below it, in order of first use.
  int64_t size() const { return static_cast<int64_t>(weights_.size()); }

 private:
  NgramRange range_;
  absl::flat_hash_map<std::string, int64_t> indices_;
  std::vector<double> weights_;  // inverse document frequencies
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_NGRAM_FEATURES_H_
