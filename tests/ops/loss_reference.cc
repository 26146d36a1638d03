#include "tests/ops/loss_reference.h"

#include <algorithm>
#include <cmath>

namespace roux::testing {

Ref losses_f64(const Ref& logits, const Ref& targets, const Ref* weight, int64_t ignore, Reduction reduction,
               double smoothing) {
  const int64_t classes = logits.shape.back(), rows = targets.size();
  Ref each(targets.shape);
  double total = 0, total_weight = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t target = static_cast<int64_t>(targets[row]);
    if (target == ignore) continue;
    double largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < classes; ++i) largest = std::max(largest, logits[row * classes + i]);
    for (int64_t i = 0; i < classes; ++i) sum += std::exp(logits[row * classes + i] - largest);
    const double w = weight ? (*weight)[target] : 1;
    const auto nll = [&](int64_t i) { return std::log(sum) - (logits[row * classes + i] - largest); };
    each[row] = (1 - smoothing) * w * nll(target);
    for (int64_t i = 0; i < classes; ++i) {
      each[row] += smoothing / static_cast<double>(classes) * (weight ? (*weight)[i] : 1) * nll(i);
    }
    total += each[row];
    total_weight += w;
  }
  if (reduction == Reduction::kNone) return each;
  return Ref({}, reduction == Reduction::kMean ? total / total_weight : total);
}

Ref projected_f64(const Ref& x, const Ref& weight, const Ref* bias, double softcap) {
  Shape shape = x.shape;
  const int64_t d = weight.shape[1], classes = weight.shape[0];
  shape[shape.rank() - 1] = classes;
  Ref y(shape);
  for (int64_t i = 0; i < y.size(); ++i) {
    for (int64_t j = 0; j < d; ++j) y[i] += x[i / classes * d + j] * weight[i % classes * d + j];
    if (bias != nullptr) y[i] += (*bias)[i % classes];
    if (softcap > 0) y[i] = softcap * std::tanh(y[i] / softcap);
  }
  return y;
}

}  // namespace roux::testing
