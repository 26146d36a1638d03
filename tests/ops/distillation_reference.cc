#include "tests/ops/distillation_reference.h"

#include <cmath>
#include <utility>

#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux::testing {
namespace {

// What a row's probabilities under student and teacher are, for each outcome that takes part.
using Outcomes = std::vector<std::pair<double, double>>;

double divergence_f64(const Outcomes& outcomes, Divergence divergence, double beta) {
  const auto term = [](double weight, double of, double over) {
    return weight == 0 ? 0 : weight * std::log(of / over);
  };
  double total = 0;
  for (const auto& [q, p] : outcomes) {
    const double m = beta * p + (1 - beta) * q;
    switch (divergence) {
      case Divergence::kCrossEntropy:
        total -= term(p, q, 1);
        break;
      case Divergence::kForwardKL:
        total += term(p, p, q);
        break;
      case Divergence::kReverseKL:
        total += term(q, q, p);
        break;
      case Divergence::kJensenShannon:
        total += beta * term(p, p, m) + (1 - beta) * term(q, q, m);
        break;
    }
  }
  return total;
}

std::vector<double> softmax_f64(const Ref& x, int64_t row, double temperature) {
  const int64_t n = x.shape.back();
  std::vector<double> y;
  double largest = -INFINITY, sum = 0;
  for (int64_t i = 0; i < n; ++i) largest = std::max(largest, x[row * n + i] / temperature);
  for (int64_t i = 0; i < n; ++i) y.push_back(std::exp(x[row * n + i] / temperature - largest));
  for (double v : y) sum += v;
  for (double& v : y) v /= sum;
  return y;
}

// The known classes of a top-k teacher in these tests: the even ones.
int64_t known_classes(int64_t classes) { return (classes + 1) / 2; }

Outcomes outcomes_f64(const std::vector<double>& q, const std::vector<double>& p,
                      const std::optional<RestMass>& rest) {
  Outcomes out;
  double known = 0, q_left = 0;
  const size_t others = q.size() / 2;
  for (size_t i = 0; i < q.size(); i += 2) known += p[i];
  for (size_t i = 1; i < q.size(); i += 2) q_left += q[i];
  for (size_t i = 0; i < q.size(); ++i) {
    if (!rest.has_value()) {
      out.push_back({q[i], p[i]});
    } else if (i % 2 == 0) {
      out.push_back({q[i], *rest == RestMass::kRenormalize ? p[i] / known : p[i]});
    } else if (*rest == RestMass::kRenormalize || *rest == RestMass::kSpread) {
      out.push_back({q[i], *rest == RestMass::kSpread ? (1 - known) / static_cast<double>(others) : 0});
    }
  }
  if (rest == RestMass::kBucket && q.size() > 1) out.push_back({q_left, 1 - known});
  return out;
}

}  // namespace

Ref distillation_f64(const Ref& logits, const Ref& teacher, const DistillationOptions& options,
                     std::optional<RestMass> rest, const Ref* mask) {
  const int64_t rows = teacher.shape.back() == 0 ? 0 : teacher.size() / teacher.shape.back();
  Ref each(Shape(absl::MakeConstSpan(logits.shape.begin(), logits.shape.rank() - 1)));
  double total = 0, count = 0;
  for (int64_t row = 0; row < rows; ++row) {
    if (mask != nullptr && (*mask)[row] == 0) continue;
    const auto q = softmax_f64(logits, row, options.temperature);
    const auto p = softmax_f64(teacher, row, options.teacher_temperature.value_or(options.temperature));
    each[row] = divergence_f64(outcomes_f64(q, p, rest), options.divergence, options.beta);
    if (options.scale_by_temperature_squared) each[row] *= options.temperature * options.temperature;
    total += each[row];
    count += 1;
  }
  if (options.reduction == Reduction::kNone) return each;
  return Ref({}, options.reduction == Reduction::kMean ? total / count : total);
}

Teacher known_of(const Tensor& logits, RestMass rest) {
  NoGradGuard no_grad;
  const int64_t k = known_classes(logits.size(-1));
  Shape shape = logits.shape();
  shape[shape.rank() - 1] = k;
  const Tensor ids = (arange(0, k, 1, kI64, logits.device()) * -2 + 2 * (k - 1)).expand(shape);
  const Tensor all = log_softmax(logits.to(logits.dtype() == kF64 ? kF64 : kF32));
  return {.ids = ids, .log_probs = gather(all, -1, contiguous(ids)), .rest = rest};
}

DistillationOptions unusual(Divergence divergence, Reduction reduction) {
  return {.divergence = divergence,
          .beta = 0.2,
          .temperature = 1.5,
          .teacher_temperature = 0.7,
          .scale_by_temperature_squared = true,
          .reduction = reduction};
}

}  // namespace roux::testing
