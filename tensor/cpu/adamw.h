// The update of AdamW for some elements, with whole moments.
#ifndef ROUX_TENSOR_CPU_ADAMW_H_
#define ROUX_TENSOR_CPU_ADAMW_H_

#include <cmath>
#include <cstdint>

#include "tensor/ops/optimizer.h"

namespace roux::cpu {

// What all elements of a parameter have in common. s: the scalars; step: this one's number.
// [tensor/ops/optimizer.h]
template <class T>
struct AdamWStep {
  AdamWStep(const double* s, double step, const AdamWOptions& o)
      : factor(static_cast<T>(s[kGradFactor])),
        b1(static_cast<T>(o.beta1)),
        b2(static_cast<T>(o.beta2)),
        c1(static_cast<T>(1 - o.beta1)),
        c2(static_cast<T>(1 - o.beta2)),
        eps(static_cast<T>(o.eps)) {
    const double lr = s[kLearningRate] * o.lr_scale;
    keep = static_cast<T>(1 - lr * o.weight_decay);
    rate = static_cast<T>(lr / (1 - std::pow(o.beta1, step)));
    inverse = static_cast<T>(1 / std::sqrt(1 - std::pow(o.beta2, step)));
  }
  T factor, b1, b2, c1, c2, eps, keep, rate, inverse;
};

template <class T>
void adamw_chunk(T* __restrict p, const T* __restrict g, T* __restrict m, T* __restrict v, int64_t n,
                 const AdamWStep<T> s) {
  for (int64_t i = 0; i < n; ++i) {
    const T grad = g[i] * s.factor;
    m[i] = s.b1 * m[i] + s.c1 * grad;
    v[i] = s.b2 * v[i] + s.c2 * grad * grad;
    p[i] = p[i] * s.keep - s.rate * m[i] / (std::sqrt(v[i]) * s.inverse + s.eps);
  }
}

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_ADAMW_H_
