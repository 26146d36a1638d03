#include "recipes/kit/decode/sampling.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "tensor/error.h"
#include "tensor/philox.h"

namespace roux::kit {
namespace {

using Candidate = std::pair<float, int32_t>;
// The more probable first, and of equals the lower id.
bool comes_first(const Candidate& a, const Candidate& b) {
  return a.first != b.first ? a.first > b.first : a.second < b.second;
}

void cut_below(float least, absl::Span<float> probabilities) {
  for (float& p : probabilities) {
    if (p < least) p = 0;
  }
}

double total_of(absl::Span<const float> probabilities) {
  double total = 0;
  for (const float p : probabilities) total += p;
  return total;
}

}  // namespace

void check(const Sampling& sampling) {
  ROUX_CHECK(sampling.temperature >= 0 && std::isfinite(sampling.temperature))
      << "sampling: temperature is " << sampling.temperature << ", needed 0 (greedy) or a finite one above";
  ROUX_CHECK(sampling.top_k >= 0) << "sampling: top_k is " << sampling.top_k
                                  << ", needed 0 (all) or a number of tokens";
  ROUX_CHECK(sampling.top_p > 0 && sampling.top_p <= 1)
      << "sampling: top_p is " << sampling.top_p << ", needed 0 < top_p <= 1";
  ROUX_CHECK(sampling.min_p >= 0 && sampling.min_p < 1)
      << "sampling: min_p is " << sampling.min_p << ", needed 0 <= min_p < 1";
}

void cut(const Sampling& sampling, absl::Span<float> probabilities) {
  const auto size = static_cast<int64_t>(probabilities.size());
  if (sampling.top_k > 0 && sampling.top_k < size) {
    std::vector<float> sorted(probabilities.begin(), probabilities.end());
    const auto kth = sorted.begin() + (sampling.top_k - 1);
    std::nth_element(sorted.begin(), kth, sorted.end(), std::greater<>());
    cut_below(*kth, probabilities);
  }
  if (sampling.top_p < 1) {
    std::vector<Candidate> heap;
    for (int32_t id = 0; id < size; ++id) {
      const float p = probabilities[static_cast<size_t>(id)];
      if (p > 0) heap.emplace_back(p, id);
    }
    const double wanted = sampling.top_p * total_of(probabilities);
    std::fill(probabilities.begin(), probabilities.end(), 0.0f);
    const auto comes_later = [](const Candidate& a, const Candidate& b) { return comes_first(b, a); };
    std::make_heap(heap.begin(), heap.end(), comes_later);
    for (double so_far = 0; !heap.empty() && so_far < wanted; heap.pop_back()) {
      std::pop_heap(heap.begin(), heap.end(), comes_later);
      const auto [p, id] = heap.back();
      probabilities[static_cast<size_t>(id)] = p;
      so_far += p;
    }
  }
  if (sampling.min_p > 0 && !probabilities.empty()) {
    const float largest = *std::max_element(probabilities.begin(), probabilities.end());
    cut_below(static_cast<float>(sampling.min_p * static_cast<double>(largest)), probabilities);
  }
}

int32_t draw(absl::Span<const float> probabilities, double u) {
  const double total = total_of(probabilities);
  if (!(total > 0) || !std::isfinite(total)) return -1;
  const double wanted = u * total;
  double so_far = 0;
  int32_t last = -1;
  for (size_t id = 0; id < probabilities.size(); ++id) {
    if (!(probabilities[id] > 0)) continue;
    so_far += probabilities[id];
    last = static_cast<int32_t>(id);
    if (so_far > wanted) break;
  }
  return last;
}

int32_t most_probable(absl::Span<const float> logits) {
  float largest = -std::numeric_limits<float>::infinity();
  int32_t best = -1;
  for (size_t id = 0; id < logits.size(); ++id) {
    if (logits[id] > largest) largest = logits[id], best = static_cast<int32_t>(id);
  }
  return best;
}

uint64_t mix(uint64_t seed, uint64_t number) {
  const PhiloxWords words = philox(seed, number, 0);
  return uint64_t{words.word[0]} << 32 | words.word[1];
}

double keyed_uniform(uint64_t seed, uint64_t key, uint64_t sample, uint64_t position) {
  const PhiloxWords words = philox(mix(seed, key), sample, position);
  const uint64_t bits = uint64_t{words.word[0]} << 32 | words.word[1];
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

TokenRule repetition_penalty(double penalty) {
  ROUX_CHECK(penalty > 0) << "repetition_penalty: " << penalty << ", needed one above 0";
  return [factor = static_cast<float>(penalty)](const RowSoFar& row, absl::Span<float> logits) {
    std::vector<bool> seen(logits.size(), false);
    const auto apply = [&](const Tokens& tokens) {
      for (const int32_t token : tokens) {
        const auto id = static_cast<size_t>(token);
        if (id >= logits.size() || seen[id]) continue;
        seen[id] = true;
        logits[id] = logits[id] > 0 ? logits[id] / factor : logits[id] * factor;
      }
    };
    apply(row.beginning);
    apply(row.generated);
  };
}

TokenRule no_repeat_ngram(int64_t n) {
  ROUX_CHECK(n > 0) << "no_repeat_ngram: n is " << n << ", needed one above 0";
  return [n](const RowSoFar& row, absl::Span<float> logits) {
    Tokens all = row.beginning;
    all.insert(all.end(), row.generated.begin(), row.generated.end());
    const int64_t before = n - 1, size = static_cast<int64_t>(all.size());
    for (int64_t i = 0; i + before < size; ++i) {
      if (!std::equal(all.begin() + i, all.begin() + i + before, all.end() - before)) continue;
      const auto id = static_cast<size_t>(all[static_cast<size_t>(i + before)]);
      if (id < logits.size()) logits[id] = -std::numeric_limits<float>::infinity();
    }
  };
}

TokenRule ban(Tokens tokens) { return not_before(std::numeric_limits<int64_t>::max(), std::move(tokens)); }

TokenRule not_before(int64_t length, Tokens tokens) {
  return [length, tokens = std::move(tokens)](const RowSoFar& row, absl::Span<float> logits) {
    if (static_cast<int64_t>(row.generated.size()) >= length) return;
    for (const int32_t token : tokens) {
      ROUX_CHECK(token >= 0 && token < static_cast<int64_t>(logits.size()))
          << "decode: a rule names token " << token << ", the vocabulary has " << logits.size();
      logits[static_cast<size_t>(token)] = -std::numeric_limits<float>::infinity();
    }
  };
}

TokenRule only(std::shared_ptr<const TokenTrie> labels, int32_t end) {
  return [labels = std::move(labels), end](const RowSoFar& row, absl::Span<float> logits) {
    const std::optional<int32_t> node = labels->find(row.generated);
    Tokens allowed;
    if (node) {
      for (const auto& [token, child] : labels->children(*node)) allowed.push_back(token);
      if (!labels->entries(*node).empty()) allowed.push_back(end);
    }
    std::vector<std::pair<int32_t, float>> kept;
    for (const int32_t token : allowed) {
      ROUX_CHECK(token >= 0 && token < static_cast<int64_t>(logits.size()))
          << "only: token " << token << ", the vocabulary has " << logits.size();
      kept.emplace_back(token, logits[static_cast<size_t>(token)]);
    }
    std::fill(logits.begin(), logits.end(), -std::numeric_limits<float>::infinity());
    for (const auto& [token, logit] : kept) logits[static_cast<size_t>(token)] = logit;
  };
}

}  // namespace roux::kit
