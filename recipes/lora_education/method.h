// An adapter trained in two phases on a 4-bit base and handed over between them, and how its answers are
// judged (arXiv 2504.15610, v4).
//
//   y = dequant(W_nf4) x + (alpha / r) B A x        A, B trained; W frozen                          [section 3]
//
// LoRA, NF4 and AdamW are the framework's (nn/lora.h, tensor/ops/quantize.h, optim/). Here is what the paper
// makes of them.
#ifndef ROUX_RECIPES_LORA_EDUCATION_METHOD_H_
#define ROUX_RECIPES_LORA_EDUCATION_METHOD_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "optim/schedules.h"
#include "recipes/kit/stats/matrix.h"
#include "recipes/kit/text/ngram_features.h"

namespace roux::lora_education {

// The 16 levels of NF4, ascending: 7 negative ones from 8 equispaced quantiles of the normal distribution, 0,
// and 8 positive ones from 9, from 1 - delta to 1/2 with delta = 0.9677083, the last (0) left out; divided by
// the largest.                                                   [Dettmers et al. 2023, appendix E]
std::array<double, 16> nf4_levels();

// Bits a weight: 4, and an f32 scale for 64 weights; or, quantised twice, a scale of 8 bits for 64 weights
// and an f32 one for 256 such.                                       [Dettmers et al. 2023, section 3]
double nf4_bits(bool double_quantization);

struct LinearShape {
  int64_t in = 0, out = 0;
};
// q, k, v, o, gate, up and down of each of the 32 layers of Mistral-7B: 224 modules.
std::vector<LinearShape> mistral_7b_layers();
// Sum of r (d_in + d_out).
int64_t adapter_parameters(absl::Span<const LinearShape> layers, int64_t r);

// Warm-up from 0 over ceil(ratio * steps) steps, then linear to 0, as transformers' Trainer has it: the first
// step of a warm-up moves nothing. Throws Error unless steps >= 1 and 0 <= ratio < 1.
Schedule linear_with_warmup(double peak, int64_t steps, double ratio);

// What the second phase begins with, beside the adapter.
enum class HandOff : uint8_t {
  kAdapterOnly,     // zero moments, a schedule of its own                                  [the paper's]
  kOptimizerState,  // moments and count of steps of the first phase, a schedule of its own
  kContinuous,      // these, and one schedule over both phases: one run of three epochs
};
struct Phases {
  int64_t first = 0, second = 0;  // steps
  double lr = 2e-4, warmup_ratio = 0.03;
};
// Of step `step`, counted from 0, of phase 0 or 1.
double learning_rate(const Phases& phases, HandOff kind, int phase, int64_t step);

// (first - last) / first; the paper's 52.7 % = (1.0125 - 0.4787) / 1.0125.
double loss_reduction(double first, double last);

// What of the wanted format an answer has; each is a pattern (method.cc).
struct Markdown {
  bool heading = false, list = false, bold = false, action_steps = false;
  bool all() const { return heading && list && bold && action_steps; }
};
Markdown markdown_of(std::string_view text);
// Whether the answer tells the reader to check: "may change", "verify", "official website" ... (ours).
bool has_caveat(std::string_view text);

// Bowker's test of symmetry of a square table of counts (before x after, or judge's score of base x of
// tuned): sum over i < j of (n_ij - n_ji)^2 / (n_ij + n_ji), a degree of freedom for each pair that occurs;
// of two classes McNemar's test without correction. p = 1 where none occurs. Throws Error for another table.
struct SymmetryTest {
  double statistic = 0, p_value = 1;
  int64_t degrees = 0;
};
SymmetryTest bowker_test(const stats::Matrix& counts);

// Preferences of a judge: the exact sign test of wins against losses, and chi-square against equal thirds. At
// least one item (Error).
struct PreferenceTest {
  double sign_p = 1, thirds = 0, thirds_p = 1;
};
PreferenceTest preference_test(int64_t wins, int64_t ties, int64_t losses);

// Tells near duplicates: documents whose cosine with one that it let pass is above `above`, by TF-IDF of
// words and pairs of words, fitted to all of them.                          [quality pipeline: cosine > 0.9]
class NearDuplicates {
 public:
  explicit NearDuplicates(absl::Span<const std::string> documents, double above = 0.9);
  bool operator()(std::string_view document);

 private:
  std::optional<kit::TfIdf> tf_idf_;  // none without documents
  double above_;
  std::vector<kit::SparseVector> passed_;
};

}  // namespace roux::lora_education

#endif  // ROUX_RECIPES_LORA_EDUCATION_METHOD_H_
