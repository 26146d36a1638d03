#include "recipes/kit/eval/ngram_matches.h"

#include "absl/container/flat_hash_map.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

// An n-gram is named by the name of its first n-1 tokens and its last token; so each order is one look-up a
// position, and equal names mean equal n-grams.
using Names = absl::flat_hash_map<uint64_t, int32_t>;

uint64_t name_key(int32_t prefix, int32_t token) {
  return (static_cast<uint64_t>(static_cast<uint32_t>(prefix)) << 32) | static_cast<uint32_t>(token);
}

// Turns names of (n-1)-grams into names of n-grams; all (n-1)-grams are named 0 for n = 1.
void name_next(absl::Span<const int32_t> tokens, int n, Names* known, Symbols* names) {
  names->resize(static_cast<size_t>(ngram_total(static_cast<int64_t>(tokens.size()), n)));
  for (size_t i = 0; i < names->size(); ++i) {
    const uint64_t key = name_key((*names)[i], tokens[i + n - 1]);
    (*names)[i] = known->try_emplace(key, static_cast<int32_t>(known->size())).first->second;
  }
}

}  // namespace

std::vector<int64_t> clipped_ngram_matches(absl::Span<const int32_t> hypothesis,
                                           absl::Span<const Symbols> references, int max_order) {
  constexpr int32_t kUnknown = -1;  // in no reference; nor is any n-gram that starts with it
  std::vector<int64_t> matches(static_cast<size_t>(std::max(0, max_order)));
  std::vector<Symbols> names(references.size());
  size_t positions = hypothesis.size();
  for (size_t r = 0; r < references.size(); ++r) {
    names[r].resize(references[r].size());
    positions = std::max(positions, references[r].size());
  }
  Symbols hypothesis_names(hypothesis.size());
  std::vector<int64_t> count, limit;
  Names known;
  for (int n = 1; n <= max_order; ++n) {
    known.clear();
    known.reserve(positions);
    limit.clear();
    for (size_t r = 0; r < references.size(); ++r) {
      name_next(references[r], n, &known, &names[r]);
      count.assign(known.size(), 0);
      limit.resize(known.size());
      for (const int32_t name : names[r]) ++count[name];
      for (const int32_t name : names[r]) limit[name] = std::max(limit[name], count[name]);
    }
    hypothesis_names.resize(static_cast<size_t>(ngram_total(static_cast<int64_t>(hypothesis.size()), n)));
    for (size_t i = 0; i < hypothesis_names.size(); ++i) {
      int32_t& name = hypothesis_names[i];
      if (name == kUnknown) continue;
      const auto at = known.find(name_key(name, hypothesis[i + n - 1]));
      name = at == known.end() ? kUnknown : at->second;
      if (name != kUnknown && limit[name] > 0) {
        --limit[name];
        ++matches[n - 1];
      }
    }
  }
  return matches;
}

int64_t distinct_ngrams(absl::Span<const Symbols> sequences, int n) {
  ROUX_CHECK(n >= 1) << "distinct_ngrams: n is " << n << ", expected 1 or more";
  std::vector<Symbols> names(sequences.size());
  for (size_t s = 0; s < sequences.size(); ++s) names[s].resize(sequences[s].size());
  Names known;
  for (int order = 1; order <= n; ++order) {
    known.clear();
    for (size_t s = 0; s < sequences.size(); ++s) name_next(sequences[s], order, &known, &names[s]);
  }
  return static_cast<int64_t>(known.size());
}

}  // namespace roux::kit
