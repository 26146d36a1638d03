// What is asked of a model at windows of any length: the bits a byte of their last bytes, and a symbol that
// was planted somewhere in them ("marker recall").
#ifndef ROUX_RECIPES_E2_LLM_WINDOWS_H_
#define ROUX_RECIPES_E2_LLM_WINDOWS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "nn/models/language_model.h"
#include "recipes/kit/stats/random.h"
#include "tensor/tensor.h"

namespace roux::e2_llm {

// Tokens: bytes, then the marker and the symbols, which no text holds.
inline constexpr int32_t kMarker = 256, kFirstSymbol = 257, kSymbols = 16;
inline constexpr int64_t kVocabulary = kFirstSymbol + kSymbols;

// `symbol` (0 .. 15) stands at index `at`, and once more behind the marker at index `marker` > at.
struct Planted {
  int64_t at = 0, marker = 0;
  int32_t symbol = 0;
};
// Writes it over a window's tokens, inputs and last target. Throws Error where they do not hold it.
void plant(const Planted& planted, absl::Span<int32_t> tokens);
// For a row of training of `length` >= 4 inputs: the marker in its second half, the symbol half of the time
// at index 1, among the attention sinks, else anywhere before the marker.
Planted draw_planted(int64_t length, stats::RandomStream& random);

// Indices into a text of `tokens`, spread evenly, at which `count` windows have their last target; the
// longest window fits before the first. The same places for windows of all lengths, so that these predict the
// same bytes. Throws Error when there are fewer than longest + count tokens.
std::vector<int64_t> window_ends(int64_t tokens, int64_t longest, int64_t count);

// The windows' lengths, in the text that they are cut from, and how they are read.
struct Windows {
  absl::Span<const int32_t> text;
  absl::Span<const int64_t> ends;
  int64_t length = 0;
  Tensor positions = {};  // [length]
  Device device = kCpu;
};
// Mean bits of the last `last` targets of each window, over all windows.   [windowed perplexity, in bits]
double windowed_bits(const LanguageModel& model, const Windows& windows, int64_t last);
// The likeliest of the 16 symbols behind the marker that ends each window: planted[i] stands in window i, its
// marker at the last input. By chance one in 16 is right.
std::vector<int32_t> recall(const LanguageModel& model, const Windows& windows,
                            absl::Span<const Planted> planted);

}  // namespace roux::e2_llm

#endif  // ROUX_RECIPES_E2_LLM_WINDOWS_H_
