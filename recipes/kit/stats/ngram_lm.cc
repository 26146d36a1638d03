#include "recipes/kit/stats/ngram_lm.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tensor/error.h"

namespace roux::stats {
namespace {

uint64_t key(int64_t node, int32_t token) {
  return static_cast<uint64_t>(node) << 32 | static_cast<uint32_t>(token);
}

}  // namespace

NgramLm::NgramLm(const NgramLmOptions& options) : options_(options), nodes_(1) {
  ROUX_CHECK(options.order >= 1 && options.order <= 32)
      << "NgramLm: order is " << options.order << ", needed 1 to 32";
  ROUX_CHECK(options.vocab_size >= 1 && options.vocab_size <= std::numeric_limits<int32_t>::max())
      << "NgramLm: vocab_size is " << options.vocab_size << ", needed 1 to 2^31 - 1";
}

void NgramLm::check(std::span<const int32_t> tokens, const char* function) const {
  for (size_t i = 0; i < tokens.size(); ++i) {
    ROUX_CHECK(tokens[i] >= 0 && tokens[i] < options_.vocab_size)
        << function << ": token " << i << " is " << tokens[i] << ", needed 0 to " << options_.vocab_size - 1;
  }
}

int64_t NgramLm::child(int64_t node, int32_t token) const {
  const auto at = children_.find(key(node, token));
  return at == children_.end() ? -1 : at->second;
}

void NgramLm::add(std::span<const int32_t> tokens) {
  check(tokens, "NgramLm::add");
  for (int64_t i = 0; i < static_cast<int64_t>(tokens.size()); ++i) {
    int64_t node = 0;
    for (int64_t length = 0;; ++length) {
      ++nodes_[node].total;
      ++nodes_[node].followers[tokens[i]];
      if (length == std::min(i, options_.order - 1)) break;
      const auto [at, fresh] =
          children_.emplace(key(node, tokens[i - length - 1]), static_cast<int64_t>(nodes_.size()));
      node = at->second;
      if (fresh) nodes_.emplace_back();
    }
  }
  ROUX_CHECK(nodes_.size() < uint64_t{1} << 32) << "NgramLm::add: there are 2^32 contexts";
}

double NgramLm::weighted(const Node& node, int32_t token, double lower) const {
  if (node.total == 0) return lower;
  const auto at = node.followers.find(token);
  const double count = at == node.followers.end() ? 0 : static_cast<double>(at->second);
  const auto types = static_cast<double>(node.followers.size());
  return (count + types * lower) / (static_cast<double>(node.total) + types);
}

double NgramLm::probability(std::span<const int32_t> context, int32_t token) const {
  check(context.last(std::min(context.size(), static_cast<size_t>(options_.order - 1))),
        "NgramLm::probability");
  check({&token, 1}, "NgramLm::probability");
  double p = 1 / static_cast<double>(options_.vocab_size);
  int64_t node = 0;
  const auto longest = std::min(static_cast<int64_t>(context.size()), options_.order - 1);
  for (int64_t length = 0; node >= 0; ++length) {
    p = weighted(nodes_[node], token, p);
    if (length == longest) break;
    node = child(node, context[context.size() - 1 - static_cast<size_t>(length)]);
  }
  return p;
}

std::vector<double> NgramLm::distribution(std::span<const int32_t> context) const {
  check(context.last(std::min(context.size(), static_cast<size_t>(options_.order - 1))),
        "NgramLm::distribution");
  std::vector<double> p(static_cast<size_t>(options_.vocab_size),
                        1 / static_cast<double>(options_.vocab_size));
  int64_t at = 0;
  const auto longest = std::min(static_cast<int64_t>(context.size()), options_.order - 1);
  for (int64_t length = 0; at >= 0; ++length) {
    const Node& node = nodes_[at];
    if (node.total > 0) {
      const auto types = static_cast<double>(node.followers.size());
      for (double& value : p) value *= types;
      for (const auto& [token, count] : node.followers) p[token] += static_cast<double>(count);
      for (double& value : p) value /= static_cast<double>(node.total) + types;
    }
    if (length == longest) break;
    at = child(at, context[context.size() - 1 - static_cast<size_t>(length)]);
  }
  return p;
}

double NgramLm::log_likelihood(std::span<const int32_t> tokens) const {
  double sum = 0;
  for (size_t i = 0; i < tokens.size(); ++i) sum += std::log(probability(tokens.first(i), tokens[i]));
  return sum;
}

}  // namespace roux::stats
