// Overlap of generated with reference text: BLEU, chrF, ROUGE, each equal to its reference package. All
// functions are pure. Texts are UTF-8. Lists of different length are misuse (Error).
#ifndef ROUX_RECIPES_KIT_EVAL_NGRAM_OVERLAP_H_
#define ROUX_RECIPES_KIT_EVAL_NGRAM_OVERLAP_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"

namespace roux::kit {

// How BLEU splits text, with sacreBLEU's names: "13a" (mteval-v13a, Western languages), "zh" (each Chinese
// character alone, the rest as 13a), "char" (each character), "none" (at spaces).
enum class BleuTokens { k13a, kZh, kChar, kNone };
std::vector<std::string> bleu_tokens(std::string_view text, BleuTokens tokens);

struct BleuOptions {
  BleuTokens tokens = BleuTokens::k13a;
  bool lowercase = false;
  bool effective_order = false;  // leave out orders that the text is too short for: for single sentences
};

struct BleuScore {
  double score = 0;                       // 0 .. 100
  std::array<double, 4> precisions = {};  // in per cent, order 1 to 4
  double brevity_penalty = 1;
  int64_t hypothesis_length = 0, reference_length = 0;
};

// BLEU of a corpus [Papineni et al. 2002] as sacreBLEU 2 computes it: exponential smoothing of empty orders,
// the closest reference length. references[i] holds one or more references of hypotheses[i].
BleuScore corpus_bleu(absl::Span<const std::string> hypotheses,
                      absl::Span<const std::vector<std::string>> references, const BleuOptions& options = {});

struct ChrfOptions {
  int char_order = 6;
  int word_order = 0;  // 2: chrF++
  double beta = 2;
};
// chrF and chrF++ of a corpus, 0 .. 100 [Popovic 2015, 2017], as sacreBLEU 2.
double corpus_chrf(absl::Span<const std::string> hypotheses,
                   absl::Span<const std::vector<std::string>> references, const ChrfOptions& options = {});

struct RougeScore {
  double precision = 0, recall = 0, f1 = 0;
};
// ROUGE-N and ROUGE-L of one text [Lin 2004] as the package rouge-score without stemming: lower case, tokens
// of a-z and 0-9. Averages over texts are the caller's.
RougeScore rouge_n(std::string_view reference, std::string_view hypothesis, int n);
RougeScore rouge_l(std::string_view reference, std::string_view hypothesis);

// Share of different n-grams among all n-grams of the texts, split at spaces [Li et al. 2016]; 0 without
// n-grams.
double distinct_n(absl::Span<const std::string> texts, int n);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_NGRAM_OVERLAP_H_
