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

template <class F>
void dispatch_index(DType dtype, const F& f) {
  if (dtype == kI32) {
    f(int32_t{});
  } else {
    f(int64_t{});
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

template <class T>
ROUX_ALWAYS_INLINE compute_t<T> row_logsumexp(const T* x, int64_t n) {
  const compute_t<T> largest = row_max(x, n);
  return largest + vmath::log(row_sum_exp(x, n, largest));
}
template <class T>
compute_t<T> row_logsumexp_base(const T* x, int64_t n) {
  return row_logsumexp(x, n);
}
template <class T>
ROUX_TARGET_AVX512 compute_t<T> row_logsumexp_avx512(const T* x, int64_t n) {
  return row_logsumexp(x, n);
}

template <class T, class C = compute_t<T>>
ROUX_ALWAYS_INLINE void row_gradient(const T* x, int64_t n, C lse, C scale, T* grad) {
  for (int64_t i = 0; i < n; ++i) grad[i] = static_cast<T>(scale * exp_weight(static_cast<C>(x[i]) - lse));
}
template <class T, class C = compute_t<T>>
void row_gradient_base(const T* x, int64_t n, C lse, C scale, T* grad) {
  row_gradient(x, n, lse, scale, grad);
}
template <class T, class C = compute_t<T>>
ROUX_TARGET_AVX512 void row_gradient_avx512(const T* x, int64_t n, C lse, C scale, T* grad) {
  row_gradient(x, n, lse, scale, grad);
}

int64_t row_grain(int64_t classes) { return std::max<int64_t>(1, 16384 / std::max<int64_t>(classes, 1)); }

void cross_entropy_cpu(const Tensor& logits, const Tensor& targets, const Tensor& row_weights, Tensor& losses,
                       Tensor& lse) {
  dispatch_floating(logits.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    dispatch_index(targets.dtype(), [&](auto index_tag) {
      using I = decltype(index_tag);
      const int64_t classes = logits.shape()[1];
      const T* x = logits.data<const T>();
      const I* target = targets.data<const I>();
      const C* weight = row_weights.data<const C>();
      C *loss = losses.data<C>(), *log_sum = lse.data<C>();
      const auto logsumexp = has_avx512() ? row_logsumexp_avx512<T> : row_logsumexp_base<T>;
      parallel_for(0, logits.shape()[0], row_grain(classes), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const bool counts = weight[row] != C(0);
          const T* values = x + row * classes;
          log_sum[row] = counts ? logsumexp(values, classes) : C(0);
          loss[row] = counts ? weight[row] * (log_sum[row] - static_cast<C>(values[target[row]])) : C(0);
        }
      });
    });
  });
}

void cross_entropy_backward_cpu(const Tensor& logits, const Tensor& targets, const Tensor& lse,
                                const Tensor& row_scales, Tensor& grad) {
  dispatch_floating(logits.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    dispatch_index(targets.dtype(), [&](auto index_tag) {
      using I = decltype(index_tag);
      const int64_t classes = logits.shape()[1];
      const T* x = logits.data<const T>();
      const I* target = targets.data<const I>();
      const C *log_sum = lse.data<const C>(), *scale = row_scales.data<const C>();
      T* out = grad.data<T>();
      const auto gradient = has_avx512() ? row_gradient_avx512<T> : row_gradient_base<T>;
      parallel_for(0, logits.shape()[0], row_grain(classes), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const T* values = x + row * classes;
          T* to = out + row * classes;
          if (scale[row] == C(0)) {
            std::fill_n(to, classes, T(0.0f));
            continue;
          }
          const C hit = vmath::exp(static_cast<C>(values[target[row]]) - log_sum[row]) - C(1);
          gradient(values, classes, log_sum[row], scale[row], to);
          to[target[row]] = static_cast<T>(scale[row] * hit);
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
