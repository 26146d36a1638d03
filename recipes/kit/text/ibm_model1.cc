#include "recipes/kit/text/ibm_model1.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/container/flat_hash_set.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

void check_pairs(absl::Span<const SentencePair> pairs, const IbmModel1Options& options) {
  ROUX_CHECK(!pairs.empty() && options.iterations >= 1)
      << "ibm_model1: there are " << pairs.size() << " pairs and " << options.iterations
      << " iterations, needed 1 or more of each";
  for (size_t n = 0; n < pairs.size(); ++n) {
    const SentencePair& pair = pairs[n];
    for (const std::vector<int32_t>* words : {&pair.source, &pair.target}) {
      for (const int32_t word : *words)
        ROUX_CHECK(word >= 0) << "ibm_model1: pair " << n << " has the word " << word << ", needed >= 0";
    }
    ROUX_CHECK(pair.weight > 0 && std::isfinite(pair.weight))
        << "ibm_model1: the weight of pair " << n << " is " << pair.weight << ", needed > 0 and finite";
    ROUX_CHECK(options.empty_word || !pair.source.empty() || pair.target.empty())
        << "ibm_model1: pair " << n << " has no source word, and there is no empty word";
  }
}

// What target words may come from: the source words, and the empty word in front.
std::vector<int32_t> origins(absl::Span<const int32_t> source, bool empty_word) {
  const int64_t first = empty_word ? 1 : 0;
  std::vector<int32_t> words(source.size() + static_cast<size_t>(first), kEmptyWord);
  std::copy(source.begin(), source.end(), words.begin() + first);
  return words;
}

void sort_by_probability(std::vector<std::pair<int32_t, double>>& targets) {
  std::sort(targets.begin(), targets.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
}

}  // namespace

IbmModel1 train_ibm_model1(absl::Span<const SentencePair> pairs, const IbmModel1Options& options) {
  check_pairs(pairs, options);
  IbmModel1 model;
  model.empty_word_ = options.empty_word;
  // The index of every word pair, in the order in which EM walks over them.
  std::vector<int64_t> walk;
  absl::flat_hash_map<int32_t, int64_t> source_index;
  std::vector<int64_t> source_of;  // of an entry
  for (const SentencePair& pair : pairs) {
    const std::vector<int32_t> sources = origins(pair.source, options.empty_word);
    for (const int32_t target : pair.target) {
      for (const int32_t source : sources) {
        const auto [at, fresh] =
            model.entries_.emplace(std::make_pair(source, target), static_cast<int64_t>(model.words_.size()));
        if (fresh) {
          model.words_.emplace_back(source, target);
          source_of.push_back(
              source_index.emplace(source, static_cast<int64_t>(source_index.size())).first->second);
        }
        walk.push_back(at->second);
      }
    }
  }
  absl::flat_hash_set<int32_t> targets;
  for (const SentencePair& pair : pairs) targets.insert(pair.target.begin(), pair.target.end());
  model.probabilities_.assign(model.words_.size(), 1 / static_cast<double>(targets.size()));
  std::vector<double> totals(source_index.size(), 0.0);
  model.log_likelihoods_.push_back(model.log_likelihood(pairs));
  std::vector<double> counts(model.words_.size());
  for (int64_t iteration = 0; iteration < options.iterations; ++iteration) {
    std::fill(counts.begin(), counts.end(), 0.0);
    std::fill(totals.begin(), totals.end(), 0.0);
    size_t at = 0;
    for (const SentencePair& pair : pairs) {
      const size_t sources = pair.source.size() + (options.empty_word ? 1 : 0);
      for (size_t j = 0; j < pair.target.size(); ++j, at += sources) {
        double sum = 0;
        for (size_t i = 0; i < sources; ++i) sum += model.probabilities_[walk[at + i]];
        for (size_t i = 0; i < sources; ++i)
          counts[walk[at + i]] += pair.weight * model.probabilities_[walk[at + i]] / sum;
      }
    }
    for (size_t e = 0; e < counts.size(); ++e) totals[source_of[e]] += counts[e];
    // A source word whose expected counts all fell below the smallest number keeps what it had.
    for (size_t e = 0; e < counts.size(); ++e)
      if (totals[source_of[e]] > 0) model.probabilities_[e] = counts[e] / totals[source_of[e]];
    model.log_likelihoods_.push_back(model.log_likelihood(pairs));
  }
  return model;
}

double IbmModel1::probability(int32_t target, int32_t source) const {
  const auto at = entries_.find(std::make_pair(source, target));
  return at == entries_.end() ? 0 : probabilities_[at->second];
}

std::vector<std::pair<int32_t, double>> IbmModel1::translations(int32_t source) const {
  std::vector<std::pair<int32_t, double>> found;
  for (size_t e = 0; e < words_.size(); ++e)
    if (words_[e].first == source) found.emplace_back(words_[e].second, probabilities_[e]);
  sort_by_probability(found);
  return found;
}

std::map<int32_t, std::vector<std::pair<int32_t, double>>> IbmModel1::table() const {
  std::map<int32_t, std::vector<std::pair<int32_t, double>>> all;
  for (size_t e = 0; e < words_.size(); ++e)
    all[words_[e].first].emplace_back(words_[e].second, probabilities_[e]);
  for (auto& [source, targets] : all) sort_by_probability(targets);
  return all;
}

double IbmModel1::sum(absl::Span<const int32_t> source, int32_t target) const {
  double sum = empty_word_ ? probability(target, kEmptyWord) : 0;
  for (const int32_t word : source) sum += probability(target, word);
  return sum;
}

double IbmModel1::log_likelihood(absl::Span<const SentencePair> pairs) const {
  double total = 0;
  for (const SentencePair& pair : pairs) {
    const double places = static_cast<double>(pair.source.size()) + (empty_word_ ? 1 : 0);
    for (const int32_t target : pair.target) {
      const double s = sum(pair.source, target);
      if (s <= 0) return -std::numeric_limits<double>::infinity();
      total += pair.weight * std::log(s / places);
    }
  }
  return total;
}

std::vector<int64_t> IbmModel1::alignment(absl::Span<const int32_t> source,
                                          absl::Span<const int32_t> target) const {
  std::vector<int64_t> positions;
  for (const int32_t word : target) {
    int64_t best = -1;
    double most = 0;
    for (size_t i = 0; i < source.size(); ++i) {
      const double p = probability(word, source[i]);
      if (p > most) most = p, best = static_cast<int64_t>(i);
    }
    if (empty_word_ && probability(word, kEmptyWord) > most) best = -1;
    positions.push_back(best);
  }
  return positions;
}

}  // namespace roux::kit
