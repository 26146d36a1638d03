// CUDA kernels of the random family. A thread makes one Philox block, where an element takes one word for
// four of them: the same bits as on the CPU.
#include <limits>

#include "absl/strings/str_cat.h"
#include "cuda/fault.h"
#include "cuda/rows.h"
#include "tensor/convert.h"
#include "tensor/ops/order_tables.h"
#include "tensor/ops/random_tables.h"
#include "tensor/philox.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

constexpr int kBlock = 256;

// state: {seed, base}; the draw's offset is base + increment.
__device__ __forceinline__ PhiloxWords draw_words(const int64_t* state, int64_t increment, int64_t block) {
  return philox(static_cast<uint64_t>(state[0]), static_cast<uint64_t>(state[1] + increment),
                static_cast<uint64_t>(block));
}

template <class T>
__global__ void uniform_kernel(const int64_t* state, int64_t increment, UniformIn<compute_t<T>> in, int64_t n,
                               T* y) {
  const int64_t block = blockIdx.x * int64_t{kBlock} + threadIdx.x;
  if (block * 4 >= n) return;
  const PhiloxWords words = draw_words(state, increment, block);
  for (int i = 0; i < 4 && block * 4 + i < n; ++i) {
    y[block * 4 + i] = static_cast<T>(in(words.word[i]));
  }
}

template <class T>
__global__ void normal_kernel(const int64_t* state, int64_t increment, float mean, float std, int64_t n,
                              T* y) {
  const int64_t block = blockIdx.x * int64_t{kBlock} + threadIdx.x;
  if (block * 4 >= n) return;
  const PhiloxWords words = draw_words(state, increment, block);
  float z[4];
  philox_normal(words.word[0], words.word[1], &z[0], &z[1]);
  philox_normal(words.word[2], words.word[3], &z[2], &z[3]);
  for (int i = 0; i < 4 && block * 4 + i < n; ++i)
    y[block * 4 + i] = static_cast<T>(vmath::fma(z[i], std, mean));
}

template <class T, class A = accumulate_t<T>>
__global__ void dropout_kernel(const T* x, const int64_t* state, int64_t increment, float threshold, A scale,
                               int64_t n, T* y) {
  const int64_t block = blockIdx.x * int64_t{kBlock} + threadIdx.x;
  if (block * 4 >= n) return;
  const PhiloxWords words = draw_words(state, increment, block);
  for (int i = 0; i < 4 && block * 4 + i < n; ++i) {
    const bool kept = philox_uniform(words.word[i]) >= threshold;
    y[block * 4 + i] = kept ? static_cast<T>(static_cast<A>(x[block * 4 + i]) * scale) : T(0.0f);
  }
}

// Two elements a block: words 0, 1 or 2, 3 as one number, low half first.
__device__ __forceinline__ uint64_t wide_word(const int64_t* state, int64_t increment, int64_t i) {
  const PhiloxWords words = draw_words(state, increment, i / 2);
  const bool second = i % 2 == 1;
  return words.word[second ? 2 : 0] | uint64_t{words.word[second ? 3 : 1]} << 32;
}
template <class T>
__global__ void randint_kernel(const int64_t* state, int64_t increment, int64_t low, uint64_t count,
                               int64_t n, T* y) {
  const int64_t i = blockIdx.x * int64_t{kBlock} + threadIdx.x;
  if (i >= n) return;
  const uint64_t wide = wide_word(state, increment, i);
  const auto step = static_cast<uint64_t>(static_cast<unsigned __int128>(wide) * count >> 64);
  y[i] = static_cast<T>(static_cast<uint64_t>(low) + step);
}

// What randperm sorts: draws, in signed numbers of the same order.
__global__ void permutation_keys_kernel(const int64_t* state, int64_t increment, int64_t n, int64_t* keys) {
  const int64_t i = blockIdx.x * int64_t{kBlock} + threadIdx.x;
  if (i < n) keys[i] = static_cast<int64_t>(wide_word(state, increment, i) ^ uint64_t{1} << 63);
}

// ln of a gamma draw of shape a.                                                  [tensor/ops/random.h]
__device__ __forceinline__ double log_gamma_draw(const int64_t* state, int64_t increment, int64_t element,
                                                 double a) {
  const double d = (a < 1 ? a + 1 : a) - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  const auto log_unit = [](uint32_t word) { return vmath::log(((word >> 8) + 1) * 0x1p-24); };
  for (int64_t attempt = 0;; ++attempt) {
    const PhiloxWords block = draw_words(state, increment, element + (attempt << 40));
    float normal, unused;
    philox_normal(block.word[0], block.word[1], &normal, &unused);
    const double z = normal, v = 1 + c * z;
    if (v <= 0) continue;
    const double log_cube = 3 * vmath::log(v);
    if (log_unit(block.word[2]) >= 0.5 * z * z + d - d * v * v * v + d * log_cube) continue;
    const double boost = a < 1 ? log_unit(draw_words(state, increment, element).word[3]) / a : 0;
    return vmath::log(d) + log_cube + boost;
  }
}
template <class T>
__global__ void gamma_kernel(const T* concentration, const int64_t* state, int64_t increment, bool log,
                             int64_t n, FaultSlot fault, T* y) {
  const int64_t i = blockIdx.x * int64_t{kBlock} + threadIdx.x;
  if (i >= n) return;
  const double a = static_cast<double>(concentration[i]);
  if (!(a > 0 && a <= 1.7976931348623157e308)) {
    return note_bad_index(fault, i, __builtin_bit_cast(int32_t, static_cast<float>(a)));
  }
  const double value = log_gamma_draw(state, increment, i, a);
  y[i] = convert<T>(log ? value : vmath::exp(value));
}

struct LargestLogit {  // NaN before all
  double value;
  __device__ __forceinline__ LargestLogit shuffled(int lanes) const {
    return {__shfl_xor_sync(kAllLanes, value, lanes)};
  }
  __device__ __forceinline__ friend LargestLogit merge(LargestLogit a, LargestLogit b) {
    return a.value > b.value || a.value != a.value ? a : b;
  }
};

// A block a row, a thread a piece of it: the first index at which the running sum of e^(logit - max) exceeds
// u times the total, in f64. A row whose largest element is not finite is reported as 0 (NaN), 1 or -1.
template <class T>
__global__ void __launch_bounds__(kRowBlock)
    categorical_kernel(const T* logits, const int64_t* state, int64_t increment, int64_t classes,
                       FaultSlot fault, int64_t* y) {
  ROUX_SHARED(before, double[kRowBlock + 1]);
  ROUX_SHARED(last_possible, int64_t[kRowBlock]);
  const int64_t row = blockIdx.x, share = (classes + kRowBlock - 1) / kRowBlock;
  const int thread = static_cast<int>(threadIdx.x);
  const T* x = logits + row * classes;
  const int64_t begin = min(classes, thread * share), end = min(classes, begin + share);
  LargestLogit largest{-__builtin_inf()};
  for (int64_t i = begin; i < end; ++i) largest = merge(LargestLogit{static_cast<double>(x[i])}, largest);
  const double m = BlockTeam::reduce(largest).value;
  if (!(m - m == 0)) {
    if (thread == 0) note_bad_index(fault, row, m > 0 ? 1 : m < 0 ? -1 : 0);
    return;
  }
  auto weight = [&](int64_t i) { return vmath::exp(static_cast<double>(x[i]) - m); };
  double sum = 0;
  int64_t possible = -1;  // rounding may leave the sum below the limit: the last possible index then
  for (int64_t i = begin; i < end; ++i) {
    const double w = weight(i);
    sum += w;
    if (w > 0) possible = i;
  }
  before[thread + 1] = sum;
  last_possible[thread] = possible;
  __syncthreads();
  if (thread == 0) {
    before[0] = 0;
    for (int i = 0; i < kRowBlock; ++i) before[i + 1] += before[i];
    const PhiloxWords words = draw_words(state, increment, row / 4);
    const double limit = philox_uniform(words.word[row % 4]) * before[kRowBlock];
    int piece = 0;
    while (piece < kRowBlock - 1 && !(before[piece + 1] > limit)) ++piece;
    double running = before[piece];
    int64_t chosen = -1;
    for (int64_t i = min(classes, piece * share); i < min(classes, (piece + 1) * share); ++i) {
      running += weight(i);
      if (running > limit) {
        chosen = i;
        break;
      }
    }
    for (int i = piece; chosen < 0 && i >= 0; --i) chosen = last_possible[i];
    y[row] = chosen;
  }
}

LaunchConfig config_for(int64_t n) { return {.grid = blocks_for(n, int64_t{kBlock} * 4), .block = kBlock}; }

void uniform(const Tensor& state, int64_t increment, const UniformRange& range, Tensor& y) {
  if (y.numel() == 0) return;
  dispatch_floating(y.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    const UniformIn<C> in{static_cast<C>(range.low), static_cast<C>(range.width), static_cast<C>(range.first),
                          static_cast<C>(range.last)};
    launch(uniform_kernel<T>, config_for(y.numel()), state.data<const int64_t>(), increment, in, y.numel(),
           y.data<T>());
  });
}
void normal(const Tensor& state, int64_t increment, double mean, double std, Tensor& y) {
  if (y.numel() == 0) return;
  dispatch_floating(y.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch(normal_kernel<T>, config_for(y.numel()), state.data<const int64_t>(), increment,
           static_cast<float>(mean), static_cast<float>(std), y.numel(), y.data<T>());
  });
}
void dropout(const Tensor& x, const Tensor& state, int64_t increment, double p, Tensor& y) {
  if (y.numel() == 0) return;
  dispatch_floating(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch(dropout_kernel<T>, config_for(y.numel()), x.data<const T>(), state.data<const int64_t>(),
           increment, static_cast<float>(p), static_cast<accumulate_t<T>>(1 / (1 - p)), y.numel(),
           y.data<T>());
  });
}

void randint(const Tensor& state, int64_t increment, int64_t low, uint64_t count, Tensor& y) {
  if (y.numel() == 0) return;
  dispatch_index(y.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch(randint_kernel<T>, {.grid = blocks_for(y.numel(), kBlock), .block = kBlock},
           state.data<const int64_t>(), increment, low, count, y.numel(), y.data<T>());
  });
}
void randperm(const Tensor& state, int64_t increment, Tensor& y) {
  const int64_t n = y.numel();
  if (n == 0) return;
  Tensor keys = empty({kI64, {1, n}}, y.device()), scratch = empty({kU8, {1, 32 * n}}, y.device());
  launch(permutation_keys_kernel, {.grid = blocks_for(n, kBlock), .block = kBlock},
         state.data<const int64_t>(), increment, n, keys.data<int64_t>());
  Tensor places = alias(y, {1, n}, {n, 1}, y.impl()->offset);
  argsort_kernels.run(keys, keys, false, scratch, places);
}
void gamma(const Tensor& concentration, const Tensor& state, int64_t increment, bool log, Tensor& y) {
  const int64_t n = y.numel();
  if (n == 0) return;
  const FaultSlot fault = open_fault_slot();
  dispatch_floating(y.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch(gamma_kernel<T>, {.grid = blocks_for(n, kBlock), .block = kBlock}, concentration.data<const T>(),
           state.data<const int64_t>(), increment, log, n, fault, y.data<T>());
  });
  close_fault_slot(fault, [log](int64_t i, int64_t bits) {
    const auto a = static_cast<double>(__builtin_bit_cast(float, static_cast<int32_t>(bits)));
    return absl::StrCat(log ? "log_gamma" : "gamma", ": concentration is ", a, " at element ", i,
                        ", needed above 0 and finite");
  });
}
void categorical(const Tensor& logits, const Tensor& state, int64_t increment, Tensor& y) {
  const int64_t rows = y.numel();
  if (rows == 0) return;
  const FaultSlot fault = open_fault_slot();
  dispatch_floating(logits.dtype(), [&](auto tag) {
    using T = decltype(tag);
    launch(categorical_kernel<T>, {.grid = static_cast<unsigned>(rows), .block = kRowBlock},
           logits.data<const T>(), state.data<const int64_t>(), increment, logits.shape().back(), fault,
           y.data<int64_t>());
  });
  close_fault_slot(fault, [](int64_t row, int64_t kind) {
    const double largest = kind == 0 ? std::numeric_limits<double>::quiet_NaN()
                                     : static_cast<double>(kind) * std::numeric_limits<double>::infinity();
    return absl::StrCat("categorical: row ", row, " of logits has no finite largest element: ", largest);
  });
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kUniform(uniform_kernels, kDevice, kFloating, uniform);
const RegisterKernel kNormal(normal_kernels, kDevice, kFloating, normal);
const RegisterKernel kRandint(randint_kernels, kDevice, kI32 | kI64, randint);
const RegisterKernel kRandperm(randperm_kernels, kDevice, kI64, randperm);
const RegisterKernel kGamma(gamma_kernels, kDevice, kFloating, gamma);
const RegisterKernel kCategorical(categorical_kernels, kDevice, kFloating, categorical);
const RegisterKernel kDropout(dropout_kernels, kDevice, kFloating, dropout);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
