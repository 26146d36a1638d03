// CPU kernels of the optimizer updates: all tensors of a list form one range of chunks.
#include <cmath>
#include <vector>

#include "tensor/cpu/adamw.h"
#include "tensor/ops/optimizer_tables.h"
#include "tensor/parallel.h"

namespace roux::cpu {
namespace {

struct Chunk {
  size_t tensor;
  int64_t begin, end;
};

std::vector<Chunk> chunks_of(TensorList list) {
  std::vector<Chunk> chunks;
  for (size_t i = 0; i < list.size(); ++i) {
    for (int64_t begin = 0; begin < list[i].numel(); begin += kNormChunk) {
      chunks.push_back({i, begin, std::min(list[i].numel(), begin + kNormChunk)});
    }
  }
  return chunks;
}

template <class Fn>
void for_each_chunk(TensorList list, Fn&& fn) {
  const std::vector<Chunk> chunks = chunks_of(list);
  parallel_for(0, static_cast<int64_t>(chunks.size()), 4, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) fn(c, chunks[static_cast<size_t>(c)]);
  });
}

void adamw_cpu(TensorList params, TensorList grads, TensorList exp_avg, TensorList exp_avg_sq,
               TensorList steps, const Tensor& scalars, const AdamWOptions& options) {
  const double* s = scalars.data<const double>();
  if (s[kFinite] == 0) return;
  for (const Tensor& step : steps) ++*step.data<double>();
  dispatch_floating(params[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    if constexpr (sizeof(T) >= 4) {
      for_each_chunk(params, [&](int64_t, const Chunk& c) {
        adamw_chunk(params[c.tensor].data<T>() + c.begin, grads[c.tensor].data<const T>() + c.begin,
                    exp_avg[c.tensor].data<T>() + c.begin, exp_avg_sq[c.tensor].data<T>() + c.begin,
                    c.end - c.begin, AdamWStep<T>(s, *steps[c.tensor].data<const double>(), options));
      });
    }
  });
}

template <class T>
void sgd_chunk(T* __restrict p, const T* __restrict g, T* __restrict b, int64_t n, const double* s,
               const SgdOptions& o) {
  const T lr = static_cast<T>(s[kLearningRate] * o.lr_scale), factor = static_cast<T>(s[kGradFactor]);
  const T decay = static_cast<T>(o.weight_decay), momentum = static_cast<T>(o.momentum);
  for (int64_t i = 0; i < n; ++i) {
    T grad = g[i] * factor + decay * p[i];
    if (b != nullptr) {
      b[i] = momentum * b[i] + grad;
      grad = o.nesterov ? grad + momentum * b[i] : b[i];
    }
    p[i] -= lr * grad;
  }
}

void sgd_cpu(TensorList params, TensorList grads, TensorList buffers, const Tensor& scalars,
             const SgdOptions& options) {
  const double* s = scalars.data<const double>();
  if (s[kFinite] == 0) return;
  dispatch_floating(params[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    if constexpr (sizeof(T) >= 4) {
      for_each_chunk(params, [&](int64_t, const Chunk& c) {
        T* b = options.momentum != 0 ? buffers[c.tensor].data<T>() + c.begin : nullptr;
        sgd_chunk(params[c.tensor].data<T>() + c.begin, grads[c.tensor].data<const T>() + c.begin, b,
                  c.end - c.begin, s, options);
      });
    }
  });
}

// a and b: null unless kCentered and kMomentum.
template <bool kCentered, bool kMomentum, class T>
void rmsprop_chunk(T* __restrict p, const T* __restrict g, T* __restrict v, T* __restrict a, T* __restrict b,
                   int64_t n, const double* s, const RmspropOptions& o) {
  const T lr = static_cast<T>(s[kLearningRate] * o.lr_scale), factor = static_cast<T>(s[kGradFactor]);
  const T decay = static_cast<T>(o.weight_decay), momentum = static_cast<T>(o.momentum);
  const T alpha = static_cast<T>(o.alpha), rest = static_cast<T>(1 - o.alpha), eps = static_cast<T>(o.eps);
  for (int64_t i = 0; i < n; ++i) {
    const T grad = g[i] * factor + decay * p[i];
    T variance = alpha * v[i] + rest * grad * grad;
    v[i] = variance;
    if constexpr (kCentered) {
      a[i] = alpha * a[i] + rest * grad;
      variance -= a[i] * a[i];
      variance = variance < T(0) ? T(0) : variance;  // rounding may leave less than 0
    }
    T direction = grad / (std::sqrt(variance) + eps);
    if constexpr (kMomentum) {
      direction = momentum * b[i] + direction;
      b[i] = direction;
    }
    p[i] -= lr * direction;
  }
}

template <bool kCentered, bool kMomentum>
void rmsprop_update(TensorList params, TensorList grads, TensorList square_avg, TensorList grad_avg,
                    TensorList buffers, const double* s, const RmspropOptions& options) {
  dispatch_floating(params[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    if constexpr (sizeof(T) >= 4) {
      for_each_chunk(params, [&](int64_t, const Chunk& c) {
        rmsprop_chunk<kCentered, kMomentum>(
            params[c.tensor].data<T>() + c.begin, grads[c.tensor].data<const T>() + c.begin,
            square_avg[c.tensor].data<T>() + c.begin,
            kCentered ? grad_avg[c.tensor].data<T>() + c.begin : nullptr,
            kMomentum ? buffers[c.tensor].data<T>() + c.begin : nullptr, c.end - c.begin, s, options);
      });
    }
  });
}

void rmsprop_cpu(TensorList params, TensorList grads, TensorList square_avg, TensorList grad_avg,
                 TensorList buffers, const Tensor& scalars, const RmspropOptions& options) {
  const double* s = scalars.data<const double>();
  if (s[kFinite] == 0) return;
  const bool momentum = options.momentum != 0;
  const auto update = options.centered
                          ? (momentum ? rmsprop_update<true, true> : rmsprop_update<true, false>)
                          : (momentum ? rmsprop_update<false, true> : rmsprop_update<false, false>);
  update(params, grads, square_avg, grad_avg, buffers, s, options);
}

// sqrt(sum of (scale g)^2), in f64; `sums` has one place per chunk.
double scaled_norm(TensorList grads, double scale, double* sums) {
  const auto chunks = static_cast<int64_t>(chunks_of(grads).size());
  dispatch_floating(grads[0].dtype(), [&](auto tag) {
    using T = decltype(tag);
    for_each_chunk(grads, [&](int64_t c, const Chunk& chunk) {
      const T* g = grads[chunk.tensor].data<const T>();
      double lanes[8] = {};
      int64_t i = chunk.begin;
      for (; i + 8 <= chunk.end; i += 8) {
        for (int lane = 0; lane < 8; ++lane) {
          const double value = scale * static_cast<double>(static_cast<accumulate_t<T>>(g[i + lane]));
          lanes[lane] += value * value;
        }
      }
      for (int lane = 0; i < chunk.end; ++i, ++lane) {
        const double value = scale * static_cast<double>(static_cast<accumulate_t<T>>(g[i]));
        lanes[lane] += value * value;
      }
      double sum = 0;
      for (double lane : lanes) sum += lane;
      sums[c] = sum;
    });
  });
  double total = 0;
  for (int64_t c = 0; c < chunks; ++c) total += sums[c];
  return std::sqrt(total);
}

void grad_norm_cpu(TensorList grads, Tensor& partial, Tensor& norm) {
  double& result = *norm.data<double>();
  result = scaled_norm(grads, 1, partial.data<double>());
  if (grads[0].dtype() != kF64 || (result > 0x1p-400 && result < 0x1p500)) return;
  // Squares that f64 does not hold: again with the largest element scaled to 1, by a power of two.
  double largest = 0;
  for (const Tensor& grad : grads) {
    const double* g = grad.data<const double>();
    for (int64_t i = 0; i < grad.numel(); ++i) largest = std::fmax(largest, std::fabs(g[i]));
  }
  if (largest == 0 || !std::isfinite(largest) || std::isnan(result)) return;
  const int exponent = std::min(std::max(std::ilogb(largest), -1000), 1000);
  result = std::ldexp(scaled_norm(grads, std::ldexp(1.0, -exponent), partial.data<double>()), exponent);
}

void clip_factor_cpu(const Tensor& norm, double max_norm, double factor, Tensor& scalars) {
  const double n = *norm.data<const double>() * factor;
  double* s = scalars.data<double>();
  s[kGradFactor] = max_norm > 0 ? factor * std::fmin(1.0, max_norm / (n + 1e-6)) : factor;
  s[kFinite] = std::isfinite(n) ? 1 : 0;
  s[kStep] += s[kFinite];
}

constexpr DTypeSet kMaster = kF32 | kF64;
const RegisterKernel kAdamW(adamw_kernels, DeviceType::kCpu, kMaster, adamw_cpu);
const RegisterKernel kSgd(sgd_kernels, DeviceType::kCpu, kMaster, sgd_cpu);
const RegisterKernel kRmsprop(rmsprop_kernels, DeviceType::kCpu, kMaster, rmsprop_cpu);
const RegisterKernel kGradNorm(grad_norm_kernels, DeviceType::kCpu, kFloating, grad_norm_cpu);
const RegisterKernel kClipFactor(clip_factor_kernels, DeviceType::kCpu, DTypeSet(kF64), clip_factor_cpu);

}  // namespace
}  // namespace roux::cpu
