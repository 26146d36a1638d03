// Training examples in which parts of a text are to be predicted: spans behind sentinels as T5 and CodeGen2
// have them, masked tokens as BERT has them. Draws come from a RandomStream and repeat.
//
//   const std::vector<TokenSpan> spans = sample_spans(tokens.size(), {.rate = 0.15}, random);
//   const CorruptedTokens example = corrupt_spans(tokens, spans, sentinels);
#ifndef ROUX_RECIPES_KIT_DATA_SPAN_CORRUPTION_H_
#define ROUX_RECIPES_KIT_DATA_SPAN_CORRUPTION_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "recipes/kit/stats/random.h"

namespace roux::kit {

struct TokenSpan {
  int64_t begin, end;  // tokens begin .. end - 1; not empty
};

struct SpanOptions {
  double rate = 0.15;          // share of tokens in spans, in (0, 1)
  double mean_length = 3;      // of a span, at least 1
  int64_t max_spans = 100;     // number of sentinels, at least 1
  bool starts_masked = false;  // false: the text starts outside of a span and ends in one; true: the reverse
};

// m = clamp(round(rate * length), 1, length - 1) tokens in k = clamp(round(m / mean_length), 1, min(m, length
// - m, max_spans)) spans, ascending. Lengths of spans, and of what is between, are uniformly random among all
// ways to write m, and length - m, as k positive numbers [Raffel et al. 2020; Nijkamp et al. 2023]. Needs
// length >= 2.
std::vector<TokenSpan> sample_spans(int64_t length, const SpanOptions& options, stats::RandomStream& random);

// Spans of one token each: round(rate * length), at least 1, of all positions, each set equally likely. Needs
// length >= 1 and a rate in (0, 1].
std::vector<TokenSpan> sample_positions(int64_t length, double rate, stats::RandomStream& random);

struct CorruptedTokens {
  std::vector<int32_t> input;   // span i replaced by sentinels[i]
  std::vector<int32_t> target;  // sentinels[0], span 0, sentinels[1], span 1, ..., sentinels[number of spans]
};

// Spans ascend without overlap; there is one sentinel more than spans, all different, and none of them is in
// the text. Otherwise Error.
CorruptedTokens corrupt_spans(absl::Span<const int32_t> tokens, absl::Span<const TokenSpan> spans,
                              absl::Span<const int32_t> sentinels);

// The text again. InvalidArgument with the position where input or target are not of this form: a model may
// have written the target.
absl::StatusOr<std::vector<int32_t>> restore_spans(const CorruptedTokens& corrupted,
                                                   absl::Span<const int32_t> sentinels);

struct MaskedTokens {
  std::vector<int32_t> input;
  std::vector<int32_t> target;  // the token in spans, elsewhere kIgnoreTarget (windows.h)
};

// Each token of the spans becomes `mask` (80 %), a token of 0 .. vocabulary - 1 (10 %) or stays [Devlin et
// al. 2019].
MaskedTokens mask_tokens(absl::Span<const int32_t> tokens, absl::Span<const TokenSpan> spans, int32_t mask,
                         int64_t vocabulary, stats::RandomStream& random);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SPAN_CORRUPTION_H_
