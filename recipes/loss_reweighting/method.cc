#include "recipes/loss_reweighting/method.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tensor/error.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"

namespace roux::loss_reweighting {
namespace {

constexpr double kSmallestSpread = 1e-6;  // the authors' code

void check_losses(absl::Span<const double> losses, const char* name) {
  ROUX_CHECK(!losses.empty()) << name << ": there are no losses";
  for (size_t i = 0; i < losses.size(); ++i) {
    ROUX_CHECK(std::isfinite(losses[i]))
        << name << ": loss " << i << " is " << losses[i] << ", needed finite";
  }
}

}  // namespace

const char* strategy_name(Strategy strategy) {
  switch (strategy) {
    case Strategy::kUniform:
      return "uniform";
    case Strategy::kLinUpper:
      return "lin_upper";
    case Strategy::kQuadratic:
      return "quadratic";
    case Strategy::kExtremes:
      return "extremes";
    case Strategy::kUpper:
      return "upper";
  }
  throw Error("strategy_name: no such strategy");
}

std::vector<double> normalized_losses(absl::Span<const double> losses, double d) {
  check_losses(losses, "normalized_losses");
  ROUX_CHECK(d > 0) << "normalized_losses: d is " << d << ", needed above 0";
  const auto [lowest, highest] = std::minmax_element(losses.begin(), losses.end());
  const double spread = std::max(*highest - *lowest, kSmallestSpread);
  std::vector<double> h;
  for (const double l : losses) h.push_back(d * ((l - *lowest) - (*highest - l)) / spread);
  return h;
}

double strategy_value(Strategy strategy, double h, double d) {
  switch (strategy) {
    case Strategy::kUniform:
      return 0;
    case Strategy::kLinUpper:
      return std::min(h + d, d);
    case Strategy::kQuadratic:
      return 1 - h * h / (d * d);
    case Strategy::kExtremes:
      return std::abs(h);
    case Strategy::kUpper:
      return 0.5 * h + 0.5 * d;
  }
  throw Error("strategy_value: no such strategy");
}

std::vector<double> softmax_weights(absl::Span<const double> values, double r) {
  ROUX_CHECK(!values.empty()) << "softmax_weights: there are no values";
  ROUX_CHECK(r > 0) << "softmax_weights: r is " << r << ", needed above 0";
  const double largest = *std::max_element(values.begin(), values.end());
  std::vector<double> w;
  for (const double f : values) w.push_back(std::exp((f - largest) / r));
  const double sum = std::accumulate(w.begin(), w.end(), 0.0);
  for (double& one : w) one /= sum;
  return w;
}

std::vector<double> clipped_losses(absl::Span<const double> losses, double quantile) {
  check_losses(losses, "clipped_losses");
  ROUX_CHECK(quantile >= 0 && quantile <= 1)
      << "clipped_losses: quantile is " << quantile << ", needed in [0, 1]";
  std::vector<double> sorted(losses.begin(), losses.end());
  std::sort(sorted.begin(), sorted.end());
  const double place = quantile * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t next = std::min(below + 1, sorted.size() - 1);
  const double most = sorted[below] + (place - std::floor(place)) * (sorted[next] - sorted[below]);
  std::vector<double> clipped(losses.begin(), losses.end());
  for (double& l : clipped) l = std::min(l, most);
  return clipped;
}

std::vector<double> loss_weights(absl::Span<const double> losses, const Weighting& weighting) {
  std::vector<double> values;
  const std::vector<double> clipped = clipped_losses(losses, weighting.clip_quantile);
  for (const double h : normalized_losses(clipped, weighting.d))
    values.push_back(strategy_value(weighting.strategy, h, weighting.d));
  return softmax_weights(values, weighting.r);
}

double effective_sample_size(absl::Span<const double> weights) {
  double squares = 0;
  for (const double w : weights) squares += w * w;
  return 1 / squares;
}

Tensor weighted_loss(const Tensor& losses, absl::Span<const double> weights) {
  ROUX_CHECK(losses.dim() == 1 && losses.size(0) == static_cast<int64_t>(weights.size()))
      << "weighted_loss: losses are " << losses.spec() << ", needed one of each of " << weights.size()
      << " weights";
  const Tensor w = tensor(std::vector<double>(weights.begin(), weights.end()), losses.shape());
  return sum(losses * w.to(losses.dtype()).to(losses.device()));
}

std::vector<double> released_coefficients(absl::Span<const double> weights, absl::Span<const int64_t> tokens,
                                          int64_t ranks) {
  ROUX_CHECK(weights.size() == tokens.size() && ranks >= 1)
      << "released_coefficients: " << weights.size() << " weights, " << tokens.size() << " token counts and "
      << ranks << " ranks; needed one count a weight, and a rank";
  double all = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    ROUX_CHECK(tokens[i] >= 1) << "released_coefficients: sequence " << i << " has " << tokens[i]
                               << " tokens, needed >= 1";
    all += static_cast<double>(tokens[i]);
  }
  std::vector<double> out;
  for (size_t i = 0; i < weights.size(); ++i) {
    out.push_back(static_cast<double>(ranks) * static_cast<double>(weights.size()) * weights[i] *
                  static_cast<double>(tokens[i]) / all);
  }
  return out;
}

}  // namespace roux::loss_reweighting
