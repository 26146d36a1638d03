// CUDA kernel of adamw_8bit_: a block of threads decodes, updates and encodes again the moments of one block
// of kMomentBlock elements after the other.
#include <cmath>

#include "cuda/rows.h"
#include "cuda/tensor_lists.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

static_assert(kMomentBlock == kRowBlock && kListBlock == kRowBlock);

// Codes of 8 bits for values from -1 or 0 to 1 (tensor/ops/optimizer.h), ascending: 0, 1, and of each decade
// the middles of equal parts, whose number doubles from one to the next.
__device__ __forceinline__ float moment_value(int code, bool is_signed) {
  const int zero = is_signed ? 127 : 0;
  if (code == zero) return 0.0f;
  if (code == 255) return 1.0f;
  int parts = is_signed ? 1 : 2, k = (code > zero ? code - zero : zero - code) - 1;
  double decade = 1e-6;
  for (int i = 0; k >= parts; ++i) {
    k -= parts;
    parts *= 2;
    decade = i == 0 ? 1e-5 : i == 1 ? 1e-4 : i == 2 ? 1e-3 : i == 3 ? 1e-2 : i == 4 ? 1e-1 : 1.0;
  }
  const float value = static_cast<float>(decade * (0.1 + 0.9 * (k + 0.5) / parts));
  return code > zero ? value : -value;
}
// The code of the value nearest to x; a negative x stays negative where there are such values.
__device__ __forceinline__ uint8_t nearest_moment(const float (&values)[256], float x) {
  int low = 0, high = 255;  // the first code whose middle to the next one is not below x
  while (low < high) {
    const int middle = (low + high) / 2;
    if ((values[middle] + values[middle + 1]) * 0.5f < x) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return static_cast<uint8_t>(x < 0 && values[low] == 0 && low > 0 ? low - 1 : low);
}

struct LargestMoments {
  float mean, square;
  __device__ __forceinline__ LargestMoments shuffled(int lanes) const {
    return {__shfl_xor_sync(kAllLanes, mean, lanes), __shfl_xor_sync(kAllLanes, square, lanes)};
  }
  __device__ __forceinline__ friend LargestMoments merge(LargestMoments a, LargestMoments b) {
    return {a.mean < b.mean ? b.mean : a.mean, a.square < b.square ? b.square : a.square};
  }
};

// p, g, codes of m and v, absmax of m and v. As tensor/cpu/adamw.h, operation by operation.
using MomentLists = Listed<void, 6>;
__global__ void __launch_bounds__(kRowBlock)
    adamw_8bit_kernel(MomentLists list, const double* scalars, AdamWOptions options) {
  ROUX_SHARED(shared, AdamWNumbers<float>);
  ROUX_SHARED(of_mean, float[256]);
  ROUX_SHARED(of_square, float[256]);
  if (scalars[kFinite] == 0) return;
  const ChunkPlace at = chunk_of(list);
  const int thread = static_cast<int>(threadIdx.x);
  if (thread == 0) shared = adamw_numbers<float>(scalars, *list.steps[at.tensor], options);
  of_mean[thread] = moment_value(thread, true);
  of_square[thread] = moment_value(thread, false);
  __syncthreads();
  const AdamWNumbers<float> s = shared;
  const float b1 = static_cast<float>(options.beta1), b2 = static_cast<float>(options.beta2);
  const float c1 = static_cast<float>(1 - options.beta1), c2 = static_cast<float>(1 - options.beta2);
  const float eps = static_cast<float>(options.eps);
  auto* p = static_cast<float*>(list.data[0][at.tensor]);
  const auto* g = static_cast<const float*>(list.data[1][at.tensor]);
  auto *m = static_cast<uint8_t*>(list.data[2][at.tensor]),
       *v = static_cast<uint8_t*>(list.data[3][at.tensor]);
  auto *absmax_m = static_cast<float*>(list.data[4][at.tensor]),
       *absmax_v = static_cast<float*>(list.data[5][at.tensor]);
  for (int64_t first = at.begin; first < at.end; first += kMomentBlock) {
    const int64_t i = first + thread, block = first / kMomentBlock;
    const bool valid = i < at.end;
    float mean = 0, square = 0;
    if (valid) {
      const float grad = g[i] * s.factor;
      mean = b1 * (of_mean[m[i]] * absmax_m[block]) + c1 * grad;
      square = b2 * (of_square[v[i]] * absmax_v[block]) + c2 * grad * grad;
      p[i] = p[i] * s.keep - s.rate * mean / (std::sqrt(square) * s.inverse + eps);
    }
    const LargestMoments largest = BlockTeam::reduce(LargestMoments{std::fabs(mean), square});
    if (valid) {
      m[i] = nearest_moment(of_mean, mean / (largest.mean > 0 ? largest.mean : 1.0f) + 0.0f);
      v[i] = nearest_moment(of_square, square / (largest.square > 0 ? largest.square : 1.0f) + 0.0f);
    }
    if (thread == 0) {  // all have read the old ones before the reduction's barriers
      absmax_m[block] = largest.mean;
      absmax_v[block] = largest.square;
    }
  }
}

void adamw_8bit(TensorList params, TensorList grads, TensorList exp_avg, TensorList exp_avg_sq,
                TensorList exp_avg_absmax, TensorList exp_avg_sq_absmax, TensorList steps,
                const Tensor& scalars, const AdamWOptions& options) {
  const double* s = scalars.data<const double>();
  for_listed<void, 6>(
      {params, grads, exp_avg, exp_avg_sq, exp_avg_absmax, exp_avg_sq_absmax}, steps,
      [&](const MomentLists& list, int64_t) {
        launch(count_steps_kernel<MomentLists>, {.grid = 1, .block = 64}, list, s);
        if (list.first_chunk[list.count] > 0)
          launch(adamw_8bit_kernel, chunks_config(list), list, s, options);
      },
      (kNormChunk + kMomentBlock - 1) / kMomentBlock * kMomentBlock);
}

const RegisterKernel kAdamW8bit(adamw_8bit_kernels, ROUX_CUDA_DEVICE_TYPE, DTypeSet(kF32), adamw_8bit);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
