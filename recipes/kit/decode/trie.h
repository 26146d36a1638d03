// A tree of token sequences: labels that a text may be, choices that share their beginnings.
//
//   TokenTrie trie;
//   trie.add({5, 7}, 0);
//   trie.add({5, 8}, 1);
//   for (const auto& [token, child] : trie.children(TokenTrie::kRoot)) ...        // 5
#ifndef ROUX_RECIPES_KIT_DECODE_TRIE_H_
#define ROUX_RECIPES_KIT_DECODE_TRIE_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/types/span.h"

namespace roux::kit {

class TokenTrie {
 public:
  static constexpr int32_t kRoot = 0;
  TokenTrie() : nodes_(1) {}
  // Sequence i is entry i.
  explicit TokenTrie(absl::Span<const std::vector<int32_t>> sequences);

  // Throws Error for no tokens.
  void add(absl::Span<const int32_t> tokens, int32_t entry);
  // The node that these tokens lead to from the root.
  std::optional<int32_t> find(absl::Span<const int32_t> tokens) const;
  // {token, node}, by token.
  const std::vector<std::pair<int32_t, int32_t>>& children(int32_t node) const { return at(node).children; }
  // Of the sequences that end here, in the order in which they were added.
  const std::vector<int32_t>& entries(int32_t node) const { return at(node).entries; }
  // Nodes are numbered from 0, parents before their children.
  int32_t size() const { return static_cast<int32_t>(nodes_.size()); }

 private:
  struct Node {
    std::vector<std::pair<int32_t, int32_t>> children;
    std::vector<int32_t> entries;
  };
  const Node& at(int32_t node) const { return nodes_[static_cast<size_t>(node)]; }
  std::optional<int32_t> child(int32_t node, int32_t token) const;
  std::vector<Node> nodes_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DECODE_TRIE_H_
