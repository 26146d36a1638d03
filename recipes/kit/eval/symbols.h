// Text as sequences of numbers, which is what edit distances and n-gram counts compare. Equal numbers mean
// equal symbols within one pair of sequences.
#ifndef ROUX_RECIPES_KIT_EVAL_SYMBOLS_H_
#define ROUX_RECIPES_KIT_EVAL_SYMBOLS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"

namespace roux::kit {

using Symbols = std::vector<int32_t>;

// The code points of a text; U+FFFD for each invalid part.
Symbols char_symbols(std::string_view text);

// Numbers of tokens, 0, 1, 2, ... in the order in which they are first seen. Not thread-safe.
//   TokenNumbers numbers;
//   edit_distance(numbers.of(words_a), numbers.of(words_b));
class TokenNumbers {
 public:
  int32_t of(std::string_view token);
  Symbols of(absl::Span<const std::string> tokens);
  Symbols of(absl::Span<const std::string_view> tokens);

 private:
  absl::flat_hash_map<std::string, int32_t> numbers_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_SYMBOLS_H_
