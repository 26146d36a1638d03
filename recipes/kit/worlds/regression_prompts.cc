#include "recipes/kit/worlds/regression_prompts.h"

#include <algorithm>

#include "tensor/error.h"

namespace roux::kit {

void RegressionPrompts::add(std::span<const double> xs, std::span<const double> ys) {
  ROUX_CHECK(static_cast<int64_t>(ys.size()) == length &&
             static_cast<int64_t>(xs.size()) == length * dimension)
      << "RegressionPrompts: " << xs.size() << " values of x and " << ys.size() << " of y, needed "
      << length * dimension << " and " << length;
  x.insert(x.end(), xs.begin(), xs.end());
  y.insert(y.end(), ys.begin(), ys.end());
}

std::span<const double> RegressionPrompts::x_at(int64_t row, int64_t t) const {
  return {x.data() + (row * length + t) * dimension, static_cast<size_t>(dimension)};
}

int64_t token_width(PromptFormat format, int64_t dimension) {
  return format == PromptFormat::kPaired ? 2 * dimension + 2 : dimension;
}

std::vector<float> prompt_tokens(const RegressionPrompts& prompts, PromptFormat format) {
  const int64_t width = token_width(format, prompts.dimension), d = prompts.dimension;
  const int64_t row_size = prompts.length * tokens_per_pair(format) * width;
  std::vector<float> out(static_cast<size_t>(prompts.rows() * row_size));
  for (int64_t row = 0; row < prompts.rows(); ++row) {
    for (int64_t t = 0; t < prompts.length; ++t) {
      float* token = out.data() + row * row_size + t * tokens_per_pair(format) * width;
      const auto put = [&](std::span<const double> x, float* to) {
        std::transform(x.begin(), x.end(), to, [](double v) { return static_cast<float>(v); });
      };
      put(prompts.x_at(row, t), token);
      if (format == PromptFormat::kAlternating) {
        token[d] = static_cast<float>(prompts.y_at(row, t));
      } else if (t == 0) {
        token[2 * d + 1] = 1;
      } else {
        put(prompts.x_at(row, t - 1), token + d);
        token[2 * d] = static_cast<float>(prompts.y_at(row, t - 1));
      }
    }
  }
  return out;
}

std::vector<double> mean_by_position(std::span<const double> values, int64_t length) {
  const auto size = static_cast<int64_t>(values.size());
  ROUX_CHECK(length >= 1 && size >= length && size % length == 0)
      << "mean_by_position: " << size << " values are no whole rows of " << length;
  std::vector<double> means(static_cast<size_t>(length));
  for (int64_t i = 0; i < size; ++i) {
    means[static_cast<size_t>(i % length)] +=
        values[static_cast<size_t>(i)] * static_cast<double>(length) / static_cast<double>(size);
  }
  return means;
}

}  // namespace roux::kit
