#include "recipes/kit/decode/trie.h"

#include <algorithm>

#include "tensor/error.h"

namespace roux::kit {
namespace {
bool is_before(const std::pair<int32_t, int32_t>& child, int32_t token) { return child.first < token; }
}  // namespace

TokenTrie::TokenTrie(absl::Span<const std::vector<int32_t>> sequences) : TokenTrie() {
  for (size_t i = 0; i < sequences.size(); ++i) add(sequences[i], static_cast<int32_t>(i));
}

std::optional<int32_t> TokenTrie::child(int32_t node, int32_t token) const {
  const auto& children = at(node).children;
  const auto found = std::lower_bound(children.begin(), children.end(), token, is_before);
  if (found == children.end() || found->first != token) return std::nullopt;
  return found->second;
}

void TokenTrie::add(absl::Span<const int32_t> tokens, int32_t entry) {
  ROUX_CHECK(!tokens.empty()) << "TokenTrie: entry " << entry << " has no tokens";
  int32_t node = kRoot;
  for (const int32_t token : tokens) {
    std::optional<int32_t> next = child(node, token);
    if (!next) {
      next = size();
      auto& children = nodes_[static_cast<size_t>(node)].children;
      children.insert(std::lower_bound(children.begin(), children.end(), token, is_before), {token, *next});
      nodes_.emplace_back();
    }
    node = *next;
  }
  nodes_[static_cast<size_t>(node)].entries.push_back(entry);
}

std::optional<int32_t> TokenTrie::find(absl::Span<const int32_t> tokens) const {
  std::optional<int32_t> node = kRoot;
  for (size_t i = 0; node && i < tokens.size(); ++i) node = child(*node, tokens[i]);
  return node;
}

}  // namespace roux::kit
