#include "recipes/kit/stats/regression.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "recipes/kit/stats/check.h"
#include "recipes/kit/stats/moments.h"
#include "tensor/error.h"

namespace roux::stats {
namespace {

template <class F>
double mean_over(std::span<const double> truth, std::span<const double> prediction, const char* name,
                 F term) {
  check_same_length(truth, prediction, 1, name);
  double sum = 0;
  for (size_t i = 0; i < truth.size(); ++i) sum += term(truth[i], prediction[i]);
  return sum / static_cast<double>(truth.size());
}

double nonzero(double t, const char* name) {
  ROUX_CHECK(t != 0) << name << ": a true value is 0, so relative errors are not defined";
  return std::abs(t);
}

}  // namespace

double r_squared(std::span<const double> truth, std::span<const double> prediction) {
  check_same_length(truth, prediction, 1, "r_squared");
  const double unit = std::max(unit_of(truth), unit_of(prediction));
  const double mean = mean_of(truth) / unit;
  double residual = 0;
  double total = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    const double error = truth[i] / unit - prediction[i] / unit;
    const double deviation = truth[i] / unit - mean;
    residual += error * error;
    total += deviation * deviation;
  }
  if (total == 0) return residual == 0 ? 1 : -std::numeric_limits<double>::infinity();
  return 1 - residual / total;
}

double mape(std::span<const double> truth, std::span<const double> prediction) {
  return mean_over(truth, prediction, "mape",
                   [](double t, double p) { return std::abs(p - t) / nonzero(t, "mape"); });
}

double mean_relative_error(std::span<const double> truth, std::span<const double> prediction) {
  return mean_over(truth, prediction, "mean_relative_error",
                   [](double t, double p) { return (p - t) / nonzero(t, "mean_relative_error"); });
}

double mean_squared_error(std::span<const double> truth, std::span<const double> prediction) {
  return mean_over(truth, prediction, "mean_squared_error",
                   [](double t, double p) { return (p - t) * (p - t); });
}

}  // namespace roux::stats
