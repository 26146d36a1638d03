// CUDA kernels of the optimizer updates.
#include <cmath>

#include "cuda/rows.h"
#include "cuda/tensor_lists.h"
#include "tensor/ops/optimizer_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

constexpr int kBlock = kListBlock;

// As tensor/cpu/adamw.h, operation by operation.
template <class T>
__global__ void __launch_bounds__(kBlock)
    adamw_kernel(Listed<T, 4> list, const double* scalars, AdamWOptions options) {
  ROUX_SHARED(shared, AdamWNumbers<T>);
  if (scalars[kFinite] == 0) return;
  const ChunkPlace at = chunk_of(list);
  if (threadIdx.x == 0) shared = adamw_numbers<T>(scalars, *list.steps[at.tensor], options);
  __syncthreads();
  const AdamWNumbers<T> s = shared;
  const T b1 = static_cast<T>(options.beta1), b2 = static_cast<T>(options.beta2);
  const T c1 = static_cast<T>(1 - options.beta1), c2 = static_cast<T>(1 - options.beta2);
  const T eps = static_cast<T>(options.eps);
  T *p = list.data[0][at.tensor], *m = list.data[2][at.tensor], *v = list.data[3][at.tensor];
  const T* g = list.data[1][at.tensor];
  for (int64_t i = at.begin + threadIdx.x; i < at.end; i += kBlock) {
    const T grad = g[i] * s.factor;
    const T mean = b1 * m[i] + c1 * grad, square = b2 * v[i] + c2 * grad * grad;
    m[i] = mean;
    v[i] = square;
    p[i] = p[i] * s.keep - s.rate * mean / (std::sqrt(square) * s.inverse + eps);
  }
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    sgd_kernel(Listed<T, 3> list, const double* scalars, SgdOptions options) {
  if (scalars[kFinite] == 0) return;
  const ChunkPlace at = chunk_of(list);
  const T lr = static_cast<T>(scalars[kLearningRate] * options.lr_scale);
  const T factor = static_cast<T>(scalars[kGradFactor]);
  const T decay = static_cast<T>(options.weight_decay), momentum = static_cast<T>(options.momentum);
  T *p = list.data[0][at.tensor], *b = list.data[2][at.tensor];
  const T* g = list.data[1][at.tensor];
  for (int64_t i = at.begin + threadIdx.x; i < at.end; i += kBlock) {
    T grad = g[i] * factor + decay * p[i];
    if (b != nullptr) {
      b[i] = momentum * b[i] + grad;
      grad = options.nesterov ? grad + momentum * b[i] : b[i];
    }
    p[i] -= lr * grad;
  }
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    rmsprop_kernel(Listed<T, 5> list, const double* scalars, RmspropOptions options) {
  if (scalars[kFinite] == 0) return;
  const ChunkPlace at = chunk_of(list);
  const T lr = static_cast<T>(scalars[kLearningRate] * options.lr_scale);
  const T factor = static_cast<T>(scalars[kGradFactor]), eps = static_cast<T>(options.eps);
  const T decay = static_cast<T>(options.weight_decay), momentum = static_cast<T>(options.momentum);
  const T alpha = static_cast<T>(options.alpha), rest = static_cast<T>(1 - options.alpha);
  T *p = list.data[0][at.tensor], *v = list.data[2][at.tensor], *a = list.data[3][at.tensor],
    *b = list.data[4][at.tensor];
  const T* g = list.data[1][at.tensor];
  for (int64_t i = at.begin + threadIdx.x; i < at.end; i += kBlock) {
    const T grad = g[i] * factor + decay * p[i];
    T variance = alpha * v[i] + rest * grad * grad;
    v[i] = variance;
    if (a != nullptr) {
      a[i] = alpha * a[i] + rest * grad;
      variance -= a[i] * a[i];
      variance = variance < T(0) ? T(0) : variance;  // rounding may leave less than 0
    }
    T direction = grad / (std::sqrt(variance) + eps);
    if (b != nullptr) {
      direction = momentum * b[i] + direction;
      b[i] = direction;
    }
    p[i] -= lr * direction;
  }
}

struct Largest {
  double value;
  __device__ __forceinline__ Largest shuffled(int lanes) const {
    return {__shfl_xor_sync(kAllLanes, value, lanes)};
  }
  __device__ __forceinline__ friend Largest merge(Largest a, Largest b) {
    return {std::fmax(a.value, b.value)};
  }
};

// partial[chunk]: the sum of (scale g)^2, or the largest |g|. scale may be null: 1.
template <class T>
__global__ void __launch_bounds__(kBlock)
    chunk_squares_kernel(Listed<const T, 1> list, const double* scale, double* partial) {
  const ChunkPlace at = chunk_of(list);
  const T* g = list.data[0][at.tensor];
  const double factor = scale ? *scale : 1.0;
  Sum<double> sum{0};
  for (int64_t i = at.begin + threadIdx.x; i < at.end; i += kBlock) {
    const double value = factor * static_cast<double>(static_cast<accumulate_t<T>>(g[i]));
    sum.value += value * value;
  }
  sum = BlockTeam::reduce(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum.value;
}
__global__ void __launch_bounds__(kBlock)
    chunk_largest_kernel(Listed<const double, 1> list, double* partial) {
  const ChunkPlace at = chunk_of(list);
  const double* g = list.data[0][at.tensor];
  Largest largest{0};
  for (int64_t i = at.begin + threadIdx.x; i < at.end; i += kBlock) {
    largest.value = std::fmax(largest.value, std::fabs(g[i]));
  }
  largest = BlockTeam::reduce(largest);
  if (threadIdx.x == 0) partial[blockIdx.x] = largest.value;
}
// One block. norm: on entry the scale where there is one.
__global__ void __launch_bounds__(kBlock)
    norm_kernel(const double* partial, int64_t chunks, bool scaled, double* norm) {
  Sum<double> sum{0};
  for (int64_t i = threadIdx.x; i < chunks; i += kBlock) sum.value += partial[i];
  sum = BlockTeam::reduce(sum);
  if (threadIdx.x == 0) *norm = scaled ? std::sqrt(sum.value) / *norm : std::sqrt(sum.value);
}
// One block. A power of two that takes the largest element into [1, 2), so that f64 holds the squares.
__global__ void __launch_bounds__(kBlock)
    norm_scale_kernel(const double* partial, int64_t chunks, double* scale) {
  Largest largest{0};
  for (int64_t i = threadIdx.x; i < chunks; i += kBlock) largest.value = std::fmax(largest.value, partial[i]);
  largest = BlockTeam::reduce(largest);
  if (threadIdx.x != 0) return;
  const double x = largest.value;
  const bool usual = x == 0 || !(x <= 1.7976931348623157e308);
  *scale = usual ? 1.0 : std::ldexp(1.0, -min(max(std::ilogb(x), -1000), 1000));
}

__global__ void clip_factor_kernel(const double* norm, double max_norm, double factor, double* scalars) {
  const double n = *norm * factor;
  scalars[kGradFactor] = max_norm > 0 ? factor * std::fmin(1.0, max_norm / (n + 1e-6)) : factor;
  scalars[kFinite] = std::fabs(n) <= 1.7976931348623157e308 ? 1.0 : 0.0;
  scalars[kStep] += scalars[kFinite];
}

template <class T>
void adamw(TensorList params, TensorList grads, TensorList exp_avg, TensorList exp_avg_sq, TensorList steps,
           const Tensor& scalars, const AdamWOptions& options) {
  const double* s = scalars.data<const double>();
  for_listed<T, 4>({params, grads, exp_avg, exp_avg_sq}, steps, [&](const auto& list, int64_t) {
    launch(count_steps_kernel<Listed<T, 4>>, {.grid = 1, .block = 64}, list, s);
    if (list.first_chunk[list.count] > 0) launch(adamw_kernel<T>, chunks_config(list), list, s, options);
  });
}

template <class T>
void sgd(TensorList params, TensorList grads, TensorList buffers, const Tensor& scalars,
         const SgdOptions& options) {
  const TensorList used = options.momentum != 0 ? buffers : TensorList();
  for_listed<T, 3>({params, grads, used}, {}, [&](const auto& list, int64_t) {
    if (list.first_chunk[list.count] == 0) return;
    launch(sgd_kernel<T>, chunks_config(list), list, scalars.data<const double>(), options);
  });
}

template <class T>
void rmsprop(TensorList params, TensorList grads, TensorList square_avg, TensorList grad_avg,
             TensorList buffers, const Tensor& scalars, const RmspropOptions& options) {
  const TensorList centres = options.centered ? grad_avg : TensorList();
  const TensorList used = options.momentum != 0 ? buffers : TensorList();
  for_listed<T, 5>({params, grads, square_avg, centres, used}, {}, [&](const auto& list, int64_t) {
    if (list.first_chunk[list.count] == 0) return;
    launch(rmsprop_kernel<T>, chunks_config(list), list, scalars.data<const double>(), options);
  });
}

template <class T>
void grad_norm(TensorList grads, Tensor& partial, Tensor& norm) {
  const int64_t chunks = partial.numel();
  double *parts = partial.data<double>(), *result = norm.data<double>();
  constexpr bool kScaled = sizeof(T) == 8;
  const auto for_chunks = [&](auto run) {
    for_listed<const T, 1>({grads}, {}, [&](const auto& list, int64_t before) {
      if (list.first_chunk[list.count] > 0) run(list, before);
    });
  };
  if constexpr (kScaled) {
    for_chunks([&](const auto& list, int64_t before) {
      launch(chunk_largest_kernel, chunks_config(list), list, parts + before);
    });
    launch(norm_scale_kernel, {.grid = 1, .block = kBlock}, parts, chunks, result);
  }
  for_chunks([&](const auto& list, int64_t before) {
    launch(chunk_squares_kernel<T>, chunks_config(list), list, kScaled ? result : nullptr, parts + before);
  });
  launch(norm_kernel, {.grid = 1, .block = kBlock}, parts, chunks, kScaled, result);
}

void clip_factor(const Tensor& norm, double max_norm, double factor, Tensor& scalars) {
  launch(clip_factor_kernel, {.grid = 1, .block = 1}, norm.data<const double>(), max_norm, factor,
         scalars.data<double>());
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kAdamWFloat(adamw_kernels, kDevice, kF32, adamw<float>);
const RegisterKernel kAdamWDouble(adamw_kernels, kDevice, kF64, adamw<double>);
const RegisterKernel kSgdFloat(sgd_kernels, kDevice, kF32, sgd<float>);
const RegisterKernel kSgdDouble(sgd_kernels, kDevice, kF64, sgd<double>);
const RegisterKernel kRmspropFloat(rmsprop_kernels, kDevice, kF32, rmsprop<float>);
const RegisterKernel kRmspropDouble(rmsprop_kernels, kDevice, kF64, rmsprop<double>);
const RegisterKernel kNormFloat(grad_norm_kernels, kDevice, kF32, grad_norm<float>);
const RegisterKernel kNormDouble(grad_norm_kernels, kDevice, kF64, grad_norm<double>);
const RegisterKernel kNormBfloat16(grad_norm_kernels, kDevice, kBF16, grad_norm<bfloat16>);
const RegisterKernel kNormFloat16(grad_norm_kernels, kDevice, kF16, grad_norm<float16>);
const RegisterKernel kClipFactor(clip_factor_kernels, kDevice, kF64, clip_factor);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
