// The known classes of a top-k teacher, checked, sorted and normalized: what the kernels of distillation.cc
// walk over from left to right.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "tensor/cpu/grain.h"
#include "tensor/error.h"
#include "tensor/ops/distillation_tables.h"

namespace roux::cpu {
namespace {

template <class C>
inline constexpr C kInfinity = std::numeric_limits<C>::infinity();

// One row of a top-k teacher: `known` holds its ids and log-probabilities, unsorted. Returns `rest`.
template <class I, class C>
C sort_and_normalize(std::vector<std::pair<I, C>>& known, const DivergenceRule& rule, int64_t classes) {
  std::sort(known.begin(), known.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  if (rule.rest == RestMass::kIgnore) return kInfinity<C>;
  if (rule.rest != RestMass::kRenormalize) {
    double mass = 0;
    for (const auto& [id, value] : known) mass += std::exp(static_cast<double>(value));
    const int64_t others = classes - static_cast<int64_t>(known.size());
    if (others == 0 || mass >= 1) return -kInfinity<C>;
    const double parts = rule.rest == RestMass::kSpread ? static_cast<double>(others) : 1;
    return static_cast<C>(std::log((1 - mass) / parts));
  }
  C largest = -kInfinity<C>;
  double total = 0;
  for (auto& [id, value] : known) {
    value *= static_cast<C>(1 / rule.teacher_temperature);
    largest = std::max(largest, value);
  }
  for (const auto& [id, value] : known) total += std::exp(static_cast<double>(value - largest));
  const C log_total = static_cast<C>(std::log(total));
  for (auto& [id, value] : known) value = (value - largest) - log_total;
  return -kInfinity<C>;
}

template <class I, class C>
void top_k_teacher(const Tensor& ids, const Tensor& log_probs, const Tensor& counts,
                   const DivergenceRule& rule, int64_t classes, const char* op, Tensor& sorted_ids,
                   Tensor& sorted_log_probs, Tensor& rest) {
  const int64_t k = ids.shape()[1];
  const bool* count = counts.data<const bool>();
  C* left = rest.data<C>();
  parallel_for(0, ids.shape()[0], rows_per_task(8 * k), [&](int64_t begin, int64_t end) {
    std::vector<std::pair<I, C>> known(static_cast<size_t>(k));
    for (int64_t row = begin; row < end; ++row) {
      const I* from_ids = ids.data<const I>() + row * k;
      const C* from = log_probs.data<const C>() + row * k;
      int32_t* to_ids = sorted_ids.data<int32_t>() + row * k;
      C* to = sorted_log_probs.data<C>() + row * k;
      if (!count[row]) {
        for (int64_t i = 0; i < k; ++i) to_ids[i] = static_cast<int32_t>(i);
        std::fill_n(to, k, C(0));
        left[row] = C(0);
        continue;
      }
      for (int64_t i = 0; i < k; ++i) {
        ROUX_CHECK(from_ids[i] >= 0 && from_ids[i] < classes)
            << op << ": id is out of range: teacher.ids[" << row << ", " << i
            << "] (rows in row-major order) is " << from_ids[i] << ", needed 0 <= id < " << classes;
        known[static_cast<size_t>(i)] = {from_ids[i], from[i]};
      }
      left[row] = sort_and_normalize(known, rule, classes);
      for (int64_t i = 0; i < k; ++i) {
        const auto& [id, value] = known[static_cast<size_t>(i)];
        to_ids[i] = static_cast<int32_t>(id);
        to[i] = value;
        ROUX_CHECK(i == 0 || to_ids[i] != to_ids[i - 1])
            << op << ": id is named twice: teacher.ids of row " << row << " (in row-major order) hold " << id
            << " twice";
      }
    }
  });
}

void top_k_teacher_cpu(const Tensor& ids, const Tensor& log_probs, const Tensor& counts,
                       const DivergenceRule& rule, int64_t classes, const char* op, Tensor& sorted_ids,
                       Tensor& sorted_log_probs, Tensor& rest) {
  dispatch_index(ids.dtype(), [&](auto index_tag) {
    using I = decltype(index_tag);
    log_probs.dtype() == kF64 ? top_k_teacher<I, double>(ids, log_probs, counts, rule, classes, op,
                                                         sorted_ids, sorted_log_probs, rest)
                              : top_k_teacher<I, float>(ids, log_probs, counts, rule, classes, op, sorted_ids,
                                                        sorted_log_probs, rest);
  });
}

const RegisterKernel kTopKTeacher(top_k_teacher_kernels, DeviceType::kCpu, kF32 | kF64, top_k_teacher_cpu);

}  // namespace
}  // namespace roux::cpu
