// CUDA kernels of cross_entropy: per row one pass for maximum and sum, one for the gradient.
#include "absl/strings/str_cat.h"
#include "cuda/fault.h"
#include "cuda/rows.h"
#include "tensor/ops/loss_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

// targets are i32 or i64.
struct Targets {
  const void* data;
  bool wide;
  __device__ __forceinline__ int64_t operator[](int64_t row) const {
    return wide ? static_cast<const int64_t*>(data)[row] : static_cast<const int32_t*>(data)[row];
  }
};
// Whether a row counts. A target out of range, which target_weights_kernel reports, may never be an index.
__device__ __forceinline__ bool counts(int64_t target, int64_t ignore_index, int64_t classes) {
  return target != ignore_index && target >= 0 && target < classes;
}
Targets targets_of(const Tensor& targets) { return {targets.raw_data(), targets.dtype() == kI64}; }

template <class C>
__global__ void target_weights_kernel(Targets targets, const C* weight, int64_t ignore_index, int64_t classes,
                                      int64_t n, FaultSlot fault, C* row_weights) {
  const int64_t i = blockIdx.x * int64_t{kRowBlock} + threadIdx.x;
  if (i >= n) return;
  const int64_t target = targets[i];
  C value = C(0);
  if (counts(target, ignore_index, classes)) {
    value = weight != nullptr ? weight[target] : C(1);
  } else if (target != ignore_index) {
    note_bad_index(fault, i, target);
  }
  row_weights[i] = value;
}

template <class T, class Team, class C = compute_t<T>>
__global__ void __launch_bounds__(kRowBlock)
    cross_entropy_kernel(const T* logits, Targets targets, const C* row_weights, const C* shares,
                         int64_t ignore_index, int64_t rows, int64_t classes, bool packets, C* losses,
                         C* row_stats) {
  const int64_t row = Team::row();
  if (row >= rows) return;
  const int64_t target = targets[row];
  if (!counts(target, ignore_index, classes)) {
    if (Team::rank() == 0) losses[row] = row_stats[row] = row_stats[rows + row] = C(0);
    return;
  }
  const T* x = logits + row * classes;
  MaxSum<C> total{-C(__builtin_inf()), C(0)};
  visit_row<Team>(
      classes, packets, [&](int64_t, C v) { total.add(v); }, x);
  total = Team::reduce(total);
  const C log_sum = vmath::log(total.sum);
  Sum<C> smoothed{C(0)};
  if (shares != nullptr) {
    visit_row<Team>(
        classes, packets, [&](int64_t i, C v) { smoothed.value -= shares[i] * ((v - total.max) - log_sum); },
        x);
    smoothed = Team::reduce(smoothed);
  }
  if (Team::rank() == 0) {
    row_stats[row] = total.max;
    row_stats[rows + row] = log_sum;
    losses[row] = smoothed.value - row_weights[row] * ((static_cast<C>(x[target]) - total.max) - log_sum);
  }
}

// grad may be the memory of logits.
template <class T, class Team, class C = compute_t<T>>
__global__ void __launch_bounds__(kRowBlock)
    cross_entropy_backward_kernel(const T* logits, Targets targets, const C* row_stats, const C* row_weights,
                                  const C* row_scales, const C* shares, const C* total_share,
                                  int64_t ignore_index, int64_t rows, int64_t classes, bool packets,
                                  T* grad) {
  const int64_t row = Team::row();
  if (row >= rows) return;
  const int64_t target = targets[row];
  const T* x = logits + row * classes;
  T* out = grad + row * classes;
  if (!counts(target, ignore_index, classes)) {
    transform_row<Team>(
        classes, packets, [](int64_t) { return C(0); }, out);
    return;
  }
  const C scale = row_scales[row], largest = row_stats[row], log_sum = row_stats[rows + row];
  const C weight = row_weights[row], total = shares != nullptr ? *total_share : C(0);
  auto gradient = [=](int64_t i, C v) {
    const C q = vmath::exp((v - largest) - log_sum);
    const C smoothed = shares != nullptr ? total * q - shares[i] : C(0);
    return scale * (weight * (q - (i == target ? C(1) : C(0))) + smoothed);
  };
  transform_row<Team>(classes, packets, gradient, out, x);
}

void target_weights(const Tensor& targets, const Tensor& weight, int64_t ignore_index, int64_t classes,
                    const char* op, Tensor& row_weights) {
  const int64_t n = targets.numel();
  if (n == 0) return;
  const FaultSlot fault = open_fault_slot();
  auto run = [&](auto tag) {
    using C = decltype(tag);
    launch(target_weights_kernel<C>, {.grid = blocks_for(n, kRowBlock), .block = kRowBlock},
           targets_of(targets), weight.defined() ? weight.data<const C>() : nullptr, ignore_index, classes, n,
           fault, row_weights.data<C>());
  };
  row_weights.dtype() == kF64 ? run(double{}) : run(float{});
  close_fault_slot(fault, [=, op = std::string(op)](int64_t position, int64_t target) {
    return absl::StrCat(op, ": target is out of range: targets[", position, "] (in row-major order) is ",
                        target, ", needed 0 <= target < ", classes, ", or ignore_index ", ignore_index);
  });
}

template <class C>
const C* data_or_null(const Tensor& x) {
  return x.defined() ? x.data<const C>() : nullptr;
}

void cross_entropy(const Tensor& logits, const Tensor& targets, const Tensor& row_weights,
                   const Tensor& shares, int64_t ignore_index, Tensor& losses, Tensor& row_stats) {
  const int64_t rows = logits.shape()[0], classes = logits.shape()[1];
  if (rows == 0) return;
  dispatch_floating(logits.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    with_team(classes, [&](auto team) {
      using Team = decltype(team);
      launch(cross_entropy_kernel<T, Team>, {.grid = Team::blocks(rows), .block = kRowBlock},
             logits.data<const T>(), targets_of(targets), row_weights.data<const C>(),
             data_or_null<C>(shares), ignore_index, rows, classes, rows_in_packets(classes, logits),
             losses.data<C>(), row_stats.data<C>());
    });
  });
}

void cross_entropy_backward(const Tensor& logits, const Tensor& targets, const Tensor& row_stats,
                            const Tensor& row_weights, const Tensor& row_scales, const Tensor& shares,
                            const Tensor& total_share, int64_t ignore_index, Tensor& grad) {
  const int64_t rows = logits.shape()[0], classes = logits.shape()[1];
  if (logits.numel() == 0) return;
  dispatch_floating(logits.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    with_team(classes, [&](auto team) {
      using Team = decltype(team);
      launch(cross_entropy_backward_kernel<T, Team>, {.grid = Team::blocks(rows), .block = kRowBlock},
             logits.data<const T>(), targets_of(targets), row_stats.data<const C>(),
             row_weights.data<const C>(), row_scales.data<const C>(), data_or_null<C>(shares),
             data_or_null<C>(total_share), ignore_index, rows, classes,
             rows_in_packets(classes, logits, grad), grad.data<T>());
    });
  });
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kTargetWeights(target_weights_kernels, kDevice, kF32 | kF64, target_weights);
const RegisterKernel kCrossEntropy(cross_entropy_kernels, kDevice, kFloating, cross_entropy);
const RegisterKernel kCrossEntropyBackward(cross_entropy_backward_kernels, kDevice, kFloating,
                                           cross_entropy_backward);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
