// CPU kernels of cross_entropy: per row one pass for the maximum, one for the sum, one for the gradient.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tensor/cpu/row_softmax.h"
#include "tensor/error.h"
#include "tensor/ops/loss_tables.h"

namespace roux::cpu {
namespace {

template <class I, class C>
void target_weights(const I* targets, const C* weight, int64_t ignore_index, int64_t classes, const char* op,
                    int64_t n, C* row_weights) {
  for (int64_t i = 0; i < n; ++i) {
    const int64_t target = static_cast<int64_t>(targets[i]);
    if (target == ignore_index) {
      row_weights[i] = C(0);
      continue;
    }
    ROUX_CHECK(target >= 0 && target < classes)
        << op << ": target is out of range: targets[" << i << "] (in row-major order) is " << target
        << ", needed 0 <= target < " << classes << ", or ignore_index " << ignore_index;
    row_weights[i] = weight != nullptr ? weight[target] : C(1);
  }
}

void target_weights_cpu(const Tensor& targets, const Tensor& weight, int64_t ignore_index, int64_t classes,
                        const char* op, Tensor& row_weights) {
  dispatch_index(targets.dtype(), [&](auto index_tag) {
    using I = decltype(index_tag);
    auto run = [&](auto tag) {
      using C = decltype(tag);
      target_weights(targets.data<const I>(), weight.defined() ? weight.data<const C>() : nullptr,
                     ignore_index, classes, op, targets.numel(), row_weights.data<C>());
    };
    row_weights.dtype() == kF64 ? run(double{}) : run(float{});
  });
}

template <class C>
struct RowStats {
  C largest, log_sum;  // of exp(x - largest)
  // log of the probability of an element.
  ROUX_ALWAYS_INLINE C log_probability(C x) const { return (x - largest) - log_sum; }
};

template <class T>
ROUX_ALWAYS_INLINE RowStats<compute_t<T>> row_stats(const T* x, int64_t n) {
  const compute_t<T> largest = row_max(x, n);
  return {largest, vmath::log(row_sum_exp(x, n, largest))};
}
template <class T>
RowStats<compute_t<T>> row_stats_base(const T* x, int64_t n) {
  return row_stats(x, n);
}
template <class T>
ROUX_TARGET_AVX512 RowStats<compute_t<T>> row_stats_avx512(const T* x, int64_t n) {
  return row_stats(x, n);
}

// sum_i shares[i] (-log of the probability of x[i]).
template <class T, class C = compute_t<T>>
ROUX_ALWAYS_INLINE C smoothed(const T* x, int64_t n, RowStats<C> stats, const C* shares) {
  RowLanes<C> lanes(C(0));
  C tile[kRowTile];
  for (int64_t at = 0; at < n; at += kRowTile) {
    const int64_t count = n - at < kRowTile ? n - at : kRowTile;
    for (int64_t i = 0; i < count; ++i) {
      tile[i] = -shares[at + i] * stats.log_probability(static_cast<C>(x[at + i]));
    }
    lanes.add(tile, count);
  }
  return lanes.sum();
}
template <class T, class C = compute_t<T>>
C smoothed_base(const T* x, int64_t n, RowStats<C> stats, const C* shares) {
  return smoothed(x, n, stats, shares);
}
template <class T, class C = compute_t<T>>
ROUX_TARGET_AVX512 C smoothed_avx512(const T* x, int64_t n, RowStats<C> stats, const C* shares) {
  return smoothed(x, n, stats, shares);
}

// scale times the probabilities; with shares minus share_scale times those.
template <class T, class C = compute_t<T>>
ROUX_ALWAYS_INLINE void row_gradient(const T* x, int64_t n, RowStats<C> stats, C scale, const C* shares,
                                     C share_scale, T* grad) {
  if (shares == nullptr) {
    for (int64_t i = 0; i < n; ++i) {
      grad[i] = static_cast<T>(scale * exp_weight(stats.log_probability(static_cast<C>(x[i]))));
    }
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    const C q = exp_weight(stats.log_probability(static_cast<C>(x[i])));
    grad[i] = static_cast<T>(scale * q - share_scale * shares[i]);
  }
}
template <class T, class C = compute_t<T>>
void row_gradient_base(const T* x, int64_t n, RowStats<C> stats, C scale, const C* shares, C share_scale,
                       T* grad) {
  row_gradient(x, n, stats, scale, shares, share_scale, grad);
}
template <class T, class C = compute_t<T>>
ROUX_TARGET_AVX512 void row_gradient_avx512(const T* x, int64_t n, RowStats<C> stats, C scale,
                                            const C* shares, C share_scale, T* grad) {
  row_gradient(x, n, stats, scale, shares, share_scale, grad);
}

template <class C>
const C* data_or_null(const Tensor& x) {
  return x.defined() ? x.data<const C>() : nullptr;
}

void cross_entropy_cpu(const Tensor& logits, const Tensor& targets, const Tensor& row_weights,
                       const Tensor& shares, int64_t ignore_index, Tensor& losses, Tensor& stats) {
  dispatch_floating(logits.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    dispatch_index(targets.dtype(), [&](auto index_tag) {
      using I = decltype(index_tag);
      const int64_t rows = logits.shape()[0], classes = logits.shape()[1];
      const T* x = logits.data<const T>();
      const I* target = targets.data<const I>();
      const C *weight = row_weights.data<const C>(), *share = data_or_null<C>(shares);
      C *loss = losses.data<C>(), *largest = stats.data<C>(), *log_sum = largest + rows;
      const auto stats_of = has_avx512() ? row_stats_avx512<T> : row_stats_base<T>;
      const auto smoothed_of = has_avx512() ? smoothed_avx512<T> : smoothed_base<T>;
      parallel_for(0, rows, rows_per_task(classes), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          if (target[row] == ignore_index) {
            loss[row] = largest[row] = log_sum[row] = C(0);
            continue;
          }
          const T* values = x + row * classes;
          const RowStats<C> found = stats_of(values, classes);
          largest[row] = found.largest;
          log_sum[row] = found.log_sum;
          loss[row] = -weight[row] * found.log_probability(static_cast<C>(values[target[row]]));
          if (share != nullptr) loss[row] += smoothed_of(values, classes, found, share);
        }
      });
    });
  });
}

void cross_entropy_backward_cpu(const Tensor& logits, const Tensor& targets, const Tensor& stats,
                                const Tensor& row_weights, const Tensor& row_scales, const Tensor& shares,
                                const Tensor& total_share, int64_t ignore_index, Tensor& grad) {
  dispatch_floating(logits.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    dispatch_index(targets.dtype(), [&](auto index_tag) {
      using I = decltype(index_tag);
      const int64_t rows = logits.shape()[0], classes = logits.shape()[1];
      const T* x = logits.data<const T>();
      const I* target = targets.data<const I>();
      const C *largest = stats.data<const C>(), *log_sum = largest + rows;
      const C *weight = row_weights.data<const C>(), *scale = row_scales.data<const C>();
      const C* share = data_or_null<C>(shares);
      const C total = share != nullptr ? *total_share.data<const C>() : C(0);
      T* out = grad.data<T>();
      const auto gradient = has_avx512() ? row_gradient_avx512<T> : row_gradient_base<T>;
      parallel_for(0, rows, rows_per_task(classes), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const T* values = x + row * classes;
          T* to = out + row * classes;
          if (target[row] == ignore_index) {
            std::fill_n(to, classes, T(0.0f));
            continue;
          }
          const RowStats<C> found{largest[row], log_sum[row]};
          const I t = target[row];
          const C q = vmath::exp(found.log_probability(static_cast<C>(values[t]))), w = weight[row];
          gradient(values, classes, found, scale[row] * (w + total), share, scale[row], to);
          to[t] = static_cast<T>(share == nullptr ? scale[row] * w * (q - C(1))
                                                  : scale[row] * (w * (q - C(1)) + (total * q - share[t])));
        }
      });
    });
  });
}

const RegisterKernel kTargetWeights(target_weights_kernels, DeviceType::kCpu, kF32 | kF64,
                                    target_weights_cpu);
const RegisterKernel kCrossEntropy(cross_entropy_kernels, DeviceType::kCpu, kFloating, cross_entropy_cpu);
const RegisterKernel kCrossEntropyBackward(cross_entropy_backward_kernels, DeviceType::kCpu, kFloating,
                                           cross_entropy_backward_cpu);

}  // namespace
}  // namespace roux::cpu
