// IBM Model 1: word translation probabilities t(f | e) of sentence pairs by EM [Brown et al. 1993], with the
// empty word.
//
//   p(f | e) = prod_j  1 / (l + 1) * sum_{i = 0..l} t(f_j | e_i)        l words e_1..e_l, e_0 the empty word
//
// (without Brown's constant for the length of f). t starts as Brown's does, uniform over all target words;
// the likelihood is concave, so another start would end at the same height, but not after a few iterations.
// EM never lowers it.
//
//   const IbmModel1 model = train_ibm_model1(pairs, {.iterations = 10});
//   model.probability(/*target=*/haus, /*source=*/house);
//
// Words are ids, numbered by the caller (eval/symbols.h). All in f64; training is a pure function of the
// pairs in their order. Misuse throws Error.
#ifndef ROUX_RECIPES_KIT_TEXT_IBM_MODEL1_H_
#define ROUX_RECIPES_KIT_TEXT_IBM_MODEL1_H_

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"

namespace roux::kit {

struct SentencePair {
  std::vector<int32_t> source;  // e; may be empty where there is an empty word
  std::vector<int32_t> target;  // f
  double weight = 1;            // how often the pair counts, > 0
};

struct IbmModel1Options {
  int64_t iterations = 5;  // >= 1
  bool empty_word = true;  // without it every target word comes from a source word: 1 / l instead
};

inline constexpr int32_t kEmptyWord = -1;

class IbmModel1 {
 public:
  // t(target | source), kEmptyWord included; 0 for words that no pair has together.
  double probability(int32_t target, int32_t source) const;
  // Targets of a source word with their probabilities, the most probable first, equal ones by id.
  std::vector<std::pair<int32_t, double>> translations(int32_t source) const;
  // The same of every source word, kEmptyWord first where there is one, in one pass over the table; one call
  // of translations() takes as long.
  std::map<int32_t, std::vector<std::pair<int32_t, double>>> table() const;
  // The sum of weight * log p(f | e) in nats; -infinity where a word of f can't come from e.
  double log_likelihood(absl::Span<const SentencePair> pairs) const;
  // For each target word the position of its most probable source word, the first among equals; -1: the empty
  // word, which loses ties, or no word at all.
  std::vector<int64_t> alignment(absl::Span<const int32_t> source, absl::Span<const int32_t> target) const;
  // Of the pairs trained on, before the first iteration and after each.
  const std::vector<double>& log_likelihoods() const { return log_likelihoods_; }

 private:
  friend IbmModel1 train_ibm_model1(absl::Span<const SentencePair> pairs, const IbmModel1Options& options);
  double sum(absl::Span<const int32_t> source, int32_t target) const;

  bool empty_word_ = true;
  absl::flat_hash_map<std::pair<int32_t, int32_t>, int64_t> entries_;  // (source, target) to its index
  std::vector<std::pair<int32_t, int32_t>> words_;                     // by index
  std::vector<double> probabilities_;
  std::vector<double> log_likelihoods_;
};

// Throws Error without pairs or iterations, for a negative word, a weight that is not positive and finite,
// and a pair with target words and nothing that they could come from.
IbmModel1 train_ibm_model1(absl::Span<const SentencePair> pairs, const IbmModel1Options& options = {});

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_IBM_MODEL1_H_
