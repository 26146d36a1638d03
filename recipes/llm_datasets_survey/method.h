// How the survey says that corpora are made (section 2.3: collection, filtering, deduplication,
// standardisation, review) and how data of one role become data of another. Pure, deterministic; misuse
// throws Error.
#ifndef ROUX_RECIPES_LLM_DATASETS_SURVEY_METHOD_H_
#define ROUX_RECIPES_LLM_DATASETS_SURVEY_METHOD_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "recipes/kit/stats/minhash.h"

namespace roux::llm_datasets_survey {

// --- Filtering: heuristic rules ---------------------------------------------------------------------------

struct FilterRules {  // values ours, but for those named
  int64_t min_words = 5;
  double min_letters = 0.6;         // of the bytes that are no white space; bytes >= 0x80 count as letters
  double max_bullet_lines = 0.9;    // Gopher's  [Rae et al. 2021]
  double max_repeated_lines = 0.3;  // Gopher's
  double min_mean_word = 2, max_mean_word = 12;  // bytes; Gopher's 3 .. 10, widened for short documents
  double max_rare_bigrams = 0.22;                // of the letter pairs inside words; see LetterPairs
};

// Letter pairs of a reference text of the same language: gibberish is text whose pairs the reference seldom
// has.
class LetterPairs {
 public:
  explicit LetterPairs(std::string_view reference);
  // Share of the ASCII letter pairs within words, both lowered, whose share in the reference is below 0.1 %;
  // 0 for a text without a pair.
  double rare_share(std::string_view text) const;

 private:
  std::vector<double> share_;  // [26 * 26]
};

// The first rule that drops a document: "too short", "few letters", "mean word length", "bullet lines",
// "repeated lines", "gibberish"; empty for one that is kept. Without `pairs` the last rule is left out.
std::string drop_reason(std::string_view document, const FilterRules& rules, const LetterPairs* pairs);

// E-mail addresses, IPv4 addresses and phone numbers as [EMAIL], [IP], [PHONE]. A phone number has 7 digits
// and more, and 0 or + in front or one of - ( ) among them; dates (2023-10-05) and spans of years are none.
std::string mask_personal_data(std::string_view text);

// --- Deduplication ----------------------------------------------------------------------------------------

// Lower case (ASCII), runs of white space as one blank, none at the ends: what exact duplicates agree in.
std::string normalised(std::string_view text);
// Word n-grams of the normalised text, hashed, sorted, unique; a shorter text is one shingle.
std::vector<uint64_t> word_shingles(std::string_view text, int64_t n = 5);

// Cluster of every document, the index of its first member: duplicates of duplicates are duplicates.
using Clusters = std::vector<int64_t>;
Clusters exact_duplicates(const std::vector<std::string>& documents);

struct NearOptions {
  int64_t bands = 16, rows = 8;  // the survey's 128 hashes; the threshold is about (1 / bands)^(1 / rows)
  int64_t shingle = 5;           // words
  double min_jaccard = 0;        // of a candidate, computed exactly; 0: every candidate counts
  uint64_t seed = 1;
};
Clusters near_duplicates(const std::vector<std::string>& documents, const NearOptions& options);
// Indices of the first member of each cluster, ascending.
std::vector<int64_t> first_of_each(const Clusters& clusters);

// Jaccard similarity to be expected of a long text and its copy with a share `edits` of its words replaced:
// s / (2 - s), s = (1 - edits)^n.
double jaccard_after_edits(double edits, int64_t n = 5);

// --- Review -----------------------------------------------------------------------------------------------

// Which evaluation items share a run of `n` words with the corpus (13: GPT-3's). Shorter items never do.
std::vector<bool> contaminated(const std::vector<std::string>& corpus, const std::vector<std::string>& items,
                               int64_t n = 13);

// log2(candidates / rank): how much more probable a planted string is than the random ones in its frame
// [Carlini et al. 2019]. losses[0] is the planted one's; rank 1 is the lowest; ties count against it.
double exposure(const std::vector<double>& losses);

// --- Preference data in pairwise form ---------------------------------------------------------------------

struct Preferred {
  int64_t chosen = 0, rejected = 0;  // items
  double margin = 0;                 // 1 of votes and sorts without one
  bool operator==(const Preferred&) const = default;
};
// Best first: n (n - 1) / 2 pairs, the margin the distance of their ranks.
std::vector<Preferred> pairs_of_sort(const std::vector<int64_t>& best_first);
// All pairs of different scores; equal ones are dropped.
std::vector<Preferred> pairs_of_scores(const std::vector<double>& scores);
// Votes of raters who each scored both items: the item that more of them put higher, the margin the
// difference of the votes; nothing (empty) for a tie.
std::vector<Preferred> pair_of_votes(int64_t a, int64_t b, const std::vector<int>& ratings_a,
                                     const std::vector<int>& ratings_b);

// --- Quality classifier -----------------------------------------------------------------------------------

// Shares of the letter trigrams of the normalised text by hashed bucket; sums to 1.
std::vector<double> trigram_shares(std::string_view text, int64_t buckets);

}  // namespace roux::llm_datasets_survey

#endif  // ROUX_RECIPES_LLM_DATASETS_SURVEY_METHOD_H_
