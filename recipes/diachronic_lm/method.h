// Language models of periods: how dated text is cut into slices and splits, what a student learns from two
// teachers, and what is read off models of different periods.
//   Fittschen and others, Pretraining Language Models for Diachronic Linguistic Change Discovery, arXiv
//   2504.05523; settings as in the authors' code.
// Numbers "ours" are not the paper's. DoRA is nn/lora.h, AUC and precision at k are kit/eval/ranking.h.
#ifndef ROUX_RECIPES_DIACHRONIC_LM_METHOD_H_
#define ROUX_RECIPES_DIACHRONIC_LM_METHOD_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "recipes/kit/stats/random.h"
#include "tensor/tensor.h"

namespace roux::diachronic_lm {

// ---- Words and paragraphs (section 3) ----

// Paragraphs, already in random order, to parts of so many words (train, test, dev): each part takes what the
// parts before have left, in order, and passes over what would overflow it. One list of indices a part, and
// last what no part took.
std::vector<std::vector<int64_t>> split_paragraphs(const std::vector<int64_t>& words,
                                                   const std::vector<int64_t>& budgets);

struct Word {
  size_t begin = 0, end = 0;  // bytes, without punctuation
  std::string text;           // lower case
  bool capital = false;       // begins with a capital
};
// Parts between white space without ASCII punctuation at both ends; what is punctuation alone is none.
std::vector<Word> words_of(std::string_view text);

using Counts = std::map<std::string, int64_t, std::less<>>;
Counts count_words(std::string_view text);
// ---- Random chunks (random_chunk of the code) ----

// Chunk i of n tokens begins at T i + offset, with a new offset from [0, T) each time it is drawn; it has T
// inputs and T targets, so that floor(n / T) - 1 chunks never pass the end. 0 where n is too small.
int64_t chunk_count(int64_t tokens, int64_t length);

// ---- Distillation (BabyLlama-2, section 3) ----

struct StudentLoss {
  double alpha = 0.5;  // of the cross-entropy
  double temperature = 1;
  // The code's reduction: the KL summed over positions and divided by rows, so T times its mean over tokens.
  bool batchmean = true;
};
// The teachers' logits averaged, not their probabilities.
Tensor mean_logits(const std::vector<Tensor>& teachers);
// alpha CE + (1 - alpha) temperature^2 KL(softmax(teacher / temperature) || softmax(logits / temperature)).
// logits, teacher: [B, T, V]; target: [B, T]. No gradient to the teacher; with alpha = 1 it is not read.
Tensor student_loss(const Tensor& logits, const Tensor& target, const Tensor& teacher,
                    const StudentLoss& options);

// ---- Perplexity grid ----

double bits_per_byte(double nats, int64_t bytes);
// grid[i][j]: bits a byte of the model of slice i on unseen text of slice j. Throw Error unless square,
// of at least two slices.
using Grid = std::vector<std::vector<double>>;
// Share of the cells off the diagonal that are above the diagonal of their column: the text's own model.
double diagonal_dominance(const Grid& grid);
// Mean over columns of mean off the diagonal minus the diagonal: how well periods are told apart.
double separation(const Grid& grid);
// Spearman's correlation of |i - j| and what a cell is above the diagonal of its column; three slices at
// least.
double growth_with_distance(const Grid& grid);

// ---- Change ----

// Sense change with known truth, ours: of each pair (a, b), which are lower-case words, m of each word's
// occurrences become the other, m half of the rarer's: both counts stay, contexts mix. A capital stays one.
std::string exchange_words(const std::string& text,
                           const std::vector<std::pair<std::string, std::string>>& pairs,
                           stats::RandomStream& random);

// Surprisals of one occurrence, in bits: mean over the models of early slices, and of late ones.
struct Surprisals {
  double early = 0, late = 0;
};
// By how much either period's models are more surprised in the other's text, mean of both directions. What
// shifts a word's surprisal everywhere, as its frequency does, cancels: contexts are left.
double sense_change(const std::vector<Surprisals>& early_text, const std::vector<Surprisals>& late_text);

// The count-based baseline: of each word 1 - cosine of its vectors of positive pointwise mutual information
// with the words up to `reach` away, before and after; 1 where there is nothing to compare.
std::vector<double> neighbour_changes(const std::vector<std::string>& before,
                                      const std::vector<std::string>& after,
                                      const std::vector<std::string>& words, int64_t reach);

// Words by the mean of their surprisal differences (another period's model minus the text's own), the largest
// first: those whose mean is above 0 by a one-sided t-test, Benjamini-Hochberg at `level` over all words,
// each with two occurrences at least.
using Differences = std::map<std::string, std::vector<double>>;
std::vector<std::string> changed_words(const Differences& differences, double level);

// What is known beforehand to have changed between the King James Bible and later English (ours, before any
// model was trained): hath/has, doth/does, saith/says, unto, thou (thee, thy, thine), ye, you (your), verbs
// in -eth, thereof, spake/spoke.
bool is_known_change(const std::string& word);

}  // namespace roux::diachronic_lm

#endif  // ROUX_RECIPES_DIACHRONIC_LM_METHOD_H_
