// Prompts of pairs (x, y) for in-context regression, and the tokens that a Transformer reads of them.
//
//   RegressionPrompts prompts(/*length=*/12, /*dimension=*/2);
//   prompts.add(xs, ys);                                             // one prompt
//   const std::vector<float> tokens = prompt_tokens(prompts, PromptFormat::kPaired);
//
// The label at position t is predicted from the pairs before it and from its own x: predictions are read at
// tokens that have seen x_t and not y_t.
#ifndef ROUX_RECIPES_KIT_WORLDS_REGRESSION_PROMPTS_H_
#define ROUX_RECIPES_KIT_WORLDS_REGRESSION_PROMPTS_H_

#include <cstdint>
#include <span>
#include <vector>

namespace roux::kit {

struct RegressionPrompts {
  RegressionPrompts(int64_t length, int64_t dimension) : length(length), dimension(dimension) {}

  // x: [length, dimension], y: [length]. Throws Error for other sizes.
  void add(std::span<const double> x, std::span<const double> y);
  int64_t rows() const { return static_cast<int64_t>(y.size()) / length; }
  std::span<const double> x_at(int64_t row, int64_t t) const;  // [dimension]
  double y_at(int64_t row, int64_t t) const { return y[static_cast<size_t>(row * length + t)]; }

  int64_t length, dimension;
  std::vector<double> x;  // [rows, length, dimension]
  std::vector<double> y;  // [rows, length]
};

enum class PromptFormat {
  // A token a pair: [x_t ; x_(t-1) ; y_(t-1) ; 1 if t = 0], zeros for the pair before the first. Token t
  // predicts y_t.
  kPaired,
  // x_t and y_t in turn, y in coordinate 1 and zeros behind it. Token 2 t predicts y_t.   [Garg et al. 2022]
  kAlternating,
};
int64_t token_width(PromptFormat format, int64_t dimension);
inline int64_t tokens_per_pair(PromptFormat format) { return format == PromptFormat::kPaired ? 1 : 2; }

// [rows, length * tokens_per_pair, token_width] in row-major order.
std::vector<float> prompt_tokens(const RegressionPrompts& prompts, PromptFormat format);

// Mean over rows of values: [rows, length]. Throws Error unless they are whole rows.
std::vector<double> mean_by_position(std::span<const double> values, int64_t length);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_WORLDS_REGRESSION_PROMPTS_H_
