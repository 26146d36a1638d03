// BLEU [Papineni et al. 2002] as sacreBLEU 2 computes it. All functions are pure. Texts are UTF-8.
#ifndef ROUX_RECIPES_KIT_EVAL_BLEU_H_
#define ROUX_RECIPES_KIT_EVAL_BLEU_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "recipes/kit/eval/bleu_tokens.h"

namespace roux::kit {

// What an order without matches counts [Chen & Cherry 2014]: nothing (the score is 0), `smooth_value` matches
// (kFloor, 0.1 by default), k more matches and n-grams in each order above 1 (kAddK, 1), or half as many as
// the empty order before (kExp).
enum class BleuSmoothing { kNone, kFloor, kAddK, kExp };

struct BleuOptions {
  BleuTokens tokens = BleuTokens::k13a;
  bool lowercase = false;
  BleuSmoothing smoothing = BleuSmoothing::kExp;
  std::optional<double> smooth_value = std::nullopt;
  int max_order = 4;
  bool effective_order = false;  // leave out orders that the text is too short for: for single sentences
};

// Counts of one or more segments; those of a corpus are the sums over its segments, so that a bootstrap over
// segments needs to split no text twice. correct[n-1] and total[n-1] belong to order n.
struct BleuStatistics {
  int64_t hypothesis_length = 0, reference_length = 0;
  std::vector<int64_t> correct, total;
  BleuStatistics& operator+=(const BleuStatistics& other);
};

struct BleuScore {
  double score = 0;                // 0 .. 100
  std::vector<double> precisions;  // in per cent, order 1 to max_order
  double brevity_penalty = 1;
  int64_t hypothesis_length = 0, reference_length = 0;
};

// One segment against its references (at least one, otherwise Error): n-grams count as often as in the
// reference that has most of them; the reference length is the closest one, of two the shorter.
BleuStatistics bleu_statistics(std::string_view hypothesis, absl::Span<const std::string> references,
                               const BleuOptions& options = {});
BleuScore bleu_score(const BleuStatistics& statistics, const BleuOptions& options = {});

// references[i] are those of hypotheses[i]. Lists of different length, or empty ones, are misuse (Error).
BleuScore corpus_bleu(absl::Span<const std::string> hypotheses,
                      absl::Span<const std::vector<std::string>> references, const BleuOptions& options = {});
// The score of one segment, 0 .. 100, with sacreBLEU's defaults for it.
double sentence_bleu(std::string_view hypothesis, absl::Span<const std::string> references,
                     const BleuOptions& options = {.effective_order = true});

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_BLEU_H_
