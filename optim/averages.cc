#include "optim/averages.h"

#include <cmath>

#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"

namespace roux {
namespace {

void check_same(const char* op, const NamedTensors& a, const NamedTensors& b) {
  ROUX_CHECK(a.size() == b.size()) << op << ": a list has " << b.size() << " tensors, the first has "
                                   << a.size();
  for (size_t i = 0; i < a.size(); ++i) {
    ROUX_CHECK(a[i].first == b[i].first)
        << op << ": entry " << i << " is " << b[i].first << ", in the first list " << a[i].first;
    ROUX_CHECK(a[i].second.spec() == b[i].second.spec() && is_floating(a[i].second.dtype()))
        << op << ": " << a[i].first << " is " << b[i].second.spec() << ", in the first list "
        << a[i].second.spec() << ", needed one floating spec";
  }
}

}  // namespace

NamedTensors copy_of(const NamedTensors& tensors) {
  NoGradGuard no_grad;
  NamedTensors copies;
  for (const auto& [name, x] : tensors) {
    copies.emplace_back(name, empty_like(x));
    copy_(copies.back().second, x);
  }
  return copies;
}

NamedTensors average(absl::Span<const NamedTensors> lists, absl::Span<const double> weights) {
  ROUX_CHECK(!lists.empty()) << "average: there is no list";
  ROUX_CHECK(weights.empty() || weights.size() == lists.size())
      << "average: there are " << weights.size() << " weights for " << lists.size() << " lists";
  const std::vector<double> equal(lists.size(), 1.0);
  if (weights.empty()) weights = equal;
  double total = 0;
  for (double weight : weights) total += weight;
  ROUX_CHECK(std::isfinite(total) && total != 0)
      << "average: the weights have the sum " << total << ", needed finite and not 0";
  for (const NamedTensors& list : lists) check_same("average", lists[0], list);
  NoGradGuard no_grad;
  NamedTensors averages;
  for (size_t i = 0; i < lists[0].size(); ++i) {
    const auto& [name, first] = lists[0][i];
    Tensor sum = zeros(first.shape(), kF64, first.device());
    for (size_t k = 0; k < lists.size(); ++k) add_(sum, lists[k][i].second.to(kF64), weights[k]);
    averages.emplace_back(name, (sum / total).to(first.dtype()));
  }
  return averages;
}

void ema_(const NamedTensors& averages, const NamedTensors& values, double decay) {
  ROUX_CHECK(decay >= 0 && decay <= 1) << "ema_: decay is " << decay << ", needed 0 <= decay <= 1";
  check_same("ema_", averages, values);
  NoGradGuard no_grad;
  for (size_t i = 0; i < averages.size(); ++i) {
    const Tensor& average = averages[i].second;
    add_(average, values[i].second - average, 1 - decay);
  }
}

}  // namespace roux
