// n-gram language models over token ids, interpolated by Witten and Bell's rule [Witten & Bell 1991, method
// C; Chen & Goodman 1999, section 2.7]:
//
//   p(w | h) = (c(h w) + T(h) p(w | h')) / (c(h) + T(h))
//
// h' is h without its oldest token, c(h) how often any token followed h, T(h) how many different ones did.
// Where h was not seen p(w | h) = p(w | h'); below the unigrams stands the uniform distribution over the
// vocabulary, so that every token has a probability above 0.
//
//   NgramLm lm({.order = 3, .vocab_size = tokenizer->vocab_size()});
//   for (const auto& ids : documents) lm.add(ids);
//   perplexity(-lm.log_likelihood(ids), ids.size());                                     // eval/likelihood.h
//
// No marks are put around a sequence: its first tokens are counted and predicted with the shorter contexts
// that they have. Put ids of your own in front and behind where beginnings and ends shall count. All in f64.
// Adding is not thread-safe, the rest is. Misuse throws Error.
#ifndef ROUX_RECIPES_KIT_STATS_NGRAM_LM_H_
#define ROUX_RECIPES_KIT_STATS_NGRAM_LM_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace roux::stats {

struct NgramLmOptions {
  int64_t order = 3;       // tokens of the longest n-gram, 1 .. 32
  int64_t vocab_size = 0;  // ids are 0 .. vocab_size - 1; at least 1
};

class NgramLm {
 public:
  explicit NgramLm(const NgramLmOptions& options);

  // Counts a sequence; n-grams do not reach over its ends.
  void add(std::span<const int32_t> tokens);

  // p(token | context), above 0; of the context the last order - 1 tokens count.
  double probability(std::span<const int32_t> context, int32_t token) const;
  // The same of every token of the vocabulary: [vocab_size], sum 1. Costs about one step a token of the
  // vocabulary and order.
  std::vector<double> distribution(std::span<const int32_t> context) const;
  // The sum of log p(token | those before it) over the sequence, in nats.
  double log_likelihood(std::span<const int32_t> tokens) const;

  int64_t order() const { return options_.order; }
  int64_t vocab_size() const { return options_.vocab_size; }
  int64_t contexts() const { return static_cast<int64_t>(nodes_.size()); }  // seen, the empty one included

 private:
  struct Node {  // a context
    int64_t total = 0;
    absl::flat_hash_map<int32_t, int64_t> followers;
  };
  void check(std::span<const int32_t> tokens, const char* function) const;
  int64_t child(int64_t node, int32_t token) const;  // -1: not seen
  double weighted(const Node& node, int32_t token, double lower) const;

  NgramLmOptions options_;
  std::vector<Node> nodes_;  // a tree: the root is the empty context, a child has one older token more
  absl::flat_hash_map<uint64_t, int64_t> children_;  // (node, token) to node
};

}  // namespace roux::stats

#endif  // ROUX_RECIPES_KIT_STATS_NGRAM_LM_H_
