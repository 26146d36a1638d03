// Translation edit rate [Snover et al. 2006] as sacreBLEU 2 computes it, after the program Tercom: the fewest
// word edits, where moving a run of words is one edit and moves are found greedily. Pure. Texts are UTF-8.
#ifndef ROUX_RECIPES_KIT_EVAL_TER_H_
#define ROUX_RECIPES_KIT_EVAL_TER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace roux::kit {

struct TerOptions {
  bool normalized = false;     // entities, punctuation and possessives split off as in Tercom
  bool no_punct = false;       // without . , ? : ; ! " ( )
  bool asian_support = false;  // with the two above: Chinese and Japanese characters and punctuation too
  bool case_sensitive = false;
};

// Words of a segment as Tercom splits them.
std::vector<std::string> ter_tokens(std::string_view text, const TerOptions& options = {});

// Of one or more segments; those of a corpus are the sums.
struct TerStatistics {
  int64_t edits = 0;            // to the reference that needs fewest
  double reference_length = 0;  // mean over the references, in words
  TerStatistics& operator+=(const TerStatistics& other);
};

// One segment against its references (at least one, otherwise Error).
TerStatistics ter_statistics(std::string_view hypothesis, absl::Span<const std::string> references,
                             const TerOptions& options = {});
// Edits per hundred reference words; may exceed 100. Without reference words: 0 if there are no edits, or
// 100.
double ter_score(const TerStatistics& statistics);

// references[i] are those of hypotheses[i]. Lists of different length, or empty ones, are misuse (Error).
double corpus_ter(absl::Span<const std::string> hypotheses,
                  absl::Span<const std::vector<std::string>> references, const TerOptions& options = {});

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_TER_H_
