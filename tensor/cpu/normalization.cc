// CPU kernels of the normalization family: one pass over a row for each sum, the row staying in cache. Sums
// along a row run in 32 interleaved lanes that are added as a tree; sums over rows as
// normalization_tables.h says.
#include <cmath>

#include "tensor/cpu/elementwise_loops.h"
#include "tensor/cpu/grain.h"
#include "tensor/cpu/reduce_loops.h"
#include "tensor/ops/normalization_tables.h"

namespace roux::cpu {
namespace {

// In a function for AVX-512 a lambda is compiled for it only when it is inlined.
#define ROUX_INLINE_LAMBDA __attribute__((always_inline))

constexpr int kLanes = 32;

template <class Acc>
ROUX_ALWAYS_INLINE Acc fold_lanes(Acc (&lanes)[kLanes]) {
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int l = 0; l < width; ++l) lanes[l] += lanes[l + width];
  }
  return lanes[0];
}

// sum of term(j) for j in [0, n).
template <class Acc, class Term>
ROUX_ALWAYS_INLINE Acc sum_lanes(int64_t n, const Term& term) {
  Acc lanes[kLanes] = {};
  int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    for (int l = 0; l < kLanes; ++l) lanes[l] += term(j + l);
  }
  for (int l = 0; j < n; ++j, ++l) lanes[l] += term(j);
  return fold_lanes(lanes);
}

// task(begin, end) over [0, count), compiled for AVX2 and for AVX-512; the bits are the same.
template <class Task>
void run_base(const Task& task, int64_t begin, int64_t end) {
  task(begin, end);
}
template <class Task>
ROUX_TARGET_AVX512 void run_avx512(const Task& task, int64_t begin, int64_t end) {
  task(begin, end);
}
template <class Task>
void parallel_rows(int64_t count, int64_t grain, const Task& task) {
  auto* const run = has_avx512() ? run_avx512<Task> : run_base<Task>;
  parallel_for(0, count, grain, [&](int64_t begin, int64_t end) { run(task, begin, end); });
}

int64_t rows_of(const Tensor& x) { return x.size(-1) == 0 ? 0 : x.numel() / x.size(-1); }

template <class T>
void rms_norm_rows(const Tensor& x, const Tensor& weight, double eps, Tensor& y, Tensor& rstd) {
  using Acc = accumulate_t<T>;
  const int64_t n = x.size(-1);
  const T* px = x.data<const T>();
  const T* pw = weight.data<const T>();
  T* py = y.data<T>();
  Acc* pr = rstd.data<Acc>();
  parallel_rows(rows_of(x), rows_per_task(n), [=](int64_t begin, int64_t end) ROUX_INLINE_LAMBDA {
    for (int64_t r = begin; r < end; ++r) {
      const T* __restrict in = px + r * n;
      T* __restrict out = py + r * n;
      const Acc squares = sum_lanes<Acc>(n, [=](int64_t j) { return Acc(in[j]) * Acc(in[j]); });
      const Acc scale = Acc(1) / std::sqrt(squares / static_cast<Acc>(n) + static_cast<Acc>(eps));
      for (int64_t j = 0; j < n; ++j) out[j] = static_cast<T>(Acc(in[j]) * scale * Acc(pw[j]));
      pr[r] = scale;
    }
  });
}

template <class T>
void layer_norm_rows(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, Tensor& y,
                     Tensor& mean, Tensor& rstd) {
  using Acc = accumulate_t<T>;
  const int64_t n = x.size(-1);
  const T* px = x.data<const T>();
  const T* pw = weight.data<const T>();
  const T* pb = bias.defined() ? bias.data<const T>() : nullptr;
  T* py = y.data<T>();
  Acc* pm = mean.data<Acc>();
  Acc* pr = rstd.data<Acc>();
  parallel_rows(rows_of(x), rows_per_task(n), [=](int64_t begin, int64_t end) ROUX_INLINE_LAMBDA {
    for (int64_t r = begin; r < end; ++r) {
      const T* __restrict in = px + r * n;
      T* __restrict out = py + r * n;
      const Acc center = sum_lanes<Acc>(n, [=](int64_t j) { return Acc(in[j]); }) / static_cast<Acc>(n);
      const Acc squares = sum_lanes<Acc>(n, [=](int64_t j) {
        const Acc d = Acc(in[j]) - center;
        return d * d;
      });
      const Acc scale = Acc(1) / std::sqrt(squares / static_cast<Acc>(n) + static_cast<Acc>(eps));
      if (pb) {
        for (int64_t j = 0; j < n; ++j) {
          out[j] = static_cast<T>((Acc(in[j]) - center) * scale * Acc(pw[j]) + Acc(pb[j]));
        }
      } else {
        for (int64_t j = 0; j < n; ++j) {
          out[j] = static_cast<T>((Acc(in[j]) - center) * scale * Acc(pw[j]));
        }
      }
      pm[r] = center;
      pr[r] = scale;
    }
  });
}

// What the backward of rows reads and writes; sums over rows may be null.
template <class T, class Acc>
struct BackwardRow {
  const T* __restrict in, * __restrict grad, * __restrict weight;
  int64_t n;
  Acc center, scale;
  T* __restrict out;  // grad_x, or null
  Acc* __restrict weight_sum, * __restrict bias_sum;
};

// With g = grad_output * weight and h = (x - center) * scale: weight_sum += grad_output * h, bias_sum +=
// grad_output, grad_x = scale * (g - [mean(g)] - h * mean(g * h)); the bracket is layer_norm's.
template <bool kCentered, bool kWeightSum, bool kBiasSum, class T, class Acc>
ROUX_ALWAYS_INLINE void backward_row(const BackwardRow<T, Acc>& row) {
  const T* __restrict in = row.in, * __restrict grad = row.grad, * __restrict weight = row.weight;
  Acc* __restrict weight_sum = row.weight_sum, * __restrict bias_sum = row.bias_sum;
  const int64_t n = row.n;
  const Acc center = row.center, scale = row.scale;
  Acc products[kLanes] = {}, gradients[kLanes] = {};
  const auto add = [&](int64_t j, int lane) ROUX_INLINE_LAMBDA {
    const Acc g = Acc(grad[j]), h = (kCentered ? Acc(in[j]) - center : Acc(in[j])) * scale;
    const Acc weighted = g * Acc(weight[j]);
    products[lane] += weighted * h;
    if (kCentered) gradients[lane] += weighted;
    if (kWeightSum) weight_sum[j] += g * h;
    if (kBiasSum) bias_sum[j] += g;
  };
  int64_t at = 0;
  for (; at + kLanes <= n; at += kLanes) {
    for (int l = 0; l < kLanes; ++l) add(at + l, l);
  }
  for (int l = 0; at < n; ++at, ++l) add(at, l);
  if (row.out == nullptr) return;
  const Acc slope = fold_lanes(products) / static_cast<Acc>(n),
            shift = kCentered ? fold_lanes(gradients) / static_cast<Acc>(n) : Acc(0);
  T* __restrict out = row.out;
  for (int64_t j = 0; j < n; ++j) {
    const Acc h = (kCentered ? Acc(in[j]) - center : Acc(in[j])) * scale;
    out[j] = static_cast<T>(scale * (Acc(grad[j]) * Acc(weight[j]) - shift - h * slope));
  }
}

template <class A>
struct Adder {
  using Acc = A;
  static Acc identity() { return Acc(0); }
  static Acc combine(Acc a, Acc b) { return a + b; }
};

// out[j] = sum over p of partials[p, j].
template <class T, class Acc>
void add_partials(const Acc* partials, int64_t count, int64_t n, T* out) {
  constexpr int kTile = 128;
  parallel_for(0, (n + kTile - 1) / kTile, 8, [&](int64_t begin, int64_t end) {
    for (int64_t tile = begin; tile < end; ++tile) {
      const int64_t from = tile * kTile;
      const int width = static_cast<int>(std::min<int64_t>(kTile, n - from));
      Cascade<Adder<Acc>, kTile> cascade;
      for (int64_t p = 0; p < count; ++p) {
        Acc* sums = cascade.base();
        for (int j = 0; j < width; ++j) sums[j] += partials[p * n + from + j];
        cascade.block_done(width);
      }
      cascade.collapse(width);
      for (int j = 0; j < width; ++j) out[from + j] = static_cast<T>(cascade.base()[j]);
    }
  });
}

template <bool kCentered, class T>
void backward_rows(const Tensor& x, const Tensor& weight, const Tensor& mean, const Tensor& rstd,
                   const Tensor& grad_output, Tensor& grad_x, Tensor& grad_weight, Tensor& grad_bias,
                   Tensor& partials) {
  using Acc = accumulate_t<T>;
  const int64_t n = x.size(-1), rows = rows_of(x), piece = norm_rows_per_partial(),
                count = norm_partial_rows(rows);
  const T* px = x.data<const T>();
  const T* pw = weight.data<const T>();
  const T* pg = grad_output.data<const T>();
  const Acc* pm = kCentered ? mean.data<const Acc>() : nullptr;
  const Acc* pr = rstd.data<const Acc>();
  T* out = grad_x.defined() ? grad_x.data<T>() : nullptr;
  Acc* weight_sums = grad_weight.defined() ? partials.data<Acc>() : nullptr;
  Acc* bias_sums = grad_bias.defined() ? partials.data<Acc>() + count * n : nullptr;
  parallel_rows(count, 1, [=](int64_t begin, int64_t end) ROUX_INLINE_LAMBDA {
    for (int64_t p = begin; p < end; ++p) {
      Acc* weight_sum = weight_sums ? weight_sums + p * n : nullptr;
      Acc* bias_sum = bias_sums ? bias_sums + p * n : nullptr;
      if (weight_sum) std::fill_n(weight_sum, n, Acc(0));
      if (bias_sum) std::fill_n(bias_sum, n, Acc(0));
      for (int64_t r = p * piece; r < std::min(rows, (p + 1) * piece); ++r) {
        const BackwardRow<T, Acc> row{
            px + r * n, pg + r * n, pw, n, kCentered ? pm[r] : Acc(0), pr[r], out ? out + r * n : nullptr,
            weight_sum, bias_sum};
        if (kCentered && bias_sum) {  // rms_norm has none
          weight_sum ? backward_row<kCentered, true, kCentered>(row)
                     : backward_row<kCentered, false, kCentered>(row);
        } else {
          weight_sum ? backward_row<kCentered, true, false>(row) : backward_row<kCentered, false, false>(row);
        }
      }
    }
  });
  if (grad_weight.defined()) add_partials(weight_sums, count, n, grad_weight.data<T>());
  if (grad_bias.defined()) add_partials(bias_sums, count, n, grad_bias.data<T>());
}

void rms_norm_cpu(const Tensor& x, const Tensor& weight, double eps, Tensor& y, Tensor& rstd) {
  dispatch_floating(x.dtype(), [&](auto tag) { rms_norm_rows<decltype(tag)>(x, weight, eps, y, rstd); });
}
void layer_norm_cpu(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps, Tensor& y,
                    Tensor& mean, Tensor& rstd) {
  dispatch_floating(x.dtype(),
                    [&](auto tag) { layer_norm_rows<decltype(tag)>(x, weight, bias, eps, y, mean, rstd); });
}
void rms_norm_backward_cpu(const Tensor& x, const Tensor& weight, const Tensor& rstd,
                           const Tensor& grad_output, Tensor& grad_x, Tensor& grad_weight, Tensor& partials) {
  Tensor none;
  dispatch_floating(x.dtype(), [&](auto tag) {
    backward_rows<false, decltype(tag)>(x, weight, none, rstd, grad_output, grad_x, grad_weight, none,
                                        partials);
  });
}
void layer_norm_backward_cpu(const Tensor& x, const Tensor& weight, const Tensor& mean, const Tensor& rstd,
                             const Tensor& grad_output, Tensor& grad_x, Tensor& grad_weight,
                             Tensor& grad_bias, Tensor& partials) {
  dispatch_floating(x.dtype(), [&](auto tag) {
    backward_rows<true, decltype(tag)>(x, weight, mean, rstd, grad_output, grad_x, grad_weight, grad_bias,
                                       partials);
  });
}

const RegisterKernel kRmsNorm(rms_norm_kernels, DeviceType::kCpu, kFloating, rms_norm_cpu);
const RegisterKernel kLayerNorm(layer_norm_kernels, DeviceType::kCpu, kFloating, layer_norm_cpu);
const RegisterKernel kRmsNormBackward(rms_norm_backward_kernels, DeviceType::kCpu, kFloating,
                                      rms_norm_backward_cpu);
const RegisterKernel kLayerNormBackward(layer_norm_backward_kernels, DeviceType::kCpu, kFloating,
                                        layer_norm_backward_cpu);

}  // namespace
}  // namespace roux::cpu
