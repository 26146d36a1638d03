// Lists of tensors for the kernels of optimizers. A launch takes up to kListed tensors by value, cut into
// chunks of which each is a block's; what changes from step to step is read on the device.
#ifndef ROUX_CUDA_TENSOR_LISTS_H_
#define ROUX_CUDA_TENSOR_LISTS_H_

#include <algorithm>
#include <array>
#include <cmath>

#include "cuda/kernel.h"
#include "tensor/ops/optimizer_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {

inline constexpr int kListBlock = 256;
inline constexpr int kListed = 48;  // tensors of a launch: its arguments must fit 4 KiB

// The tensors of a launch and where the chunks of each begin. kLists pointers a tensor.
template <class T, int kLists>
struct Listed {
  T* data[kLists][kListed];
  double* steps[kListed];  // AdamW's counts
  int64_t numel[kListed];
  int first_chunk[kListed + 1];
  int count, chunk;  // tensors, and elements of a chunk
};
struct ChunkPlace {
  int tensor;
  int64_t begin, end;
};
template <class L>
__device__ __forceinline__ ChunkPlace chunk_of(const L& list) {
  const int block = static_cast<int>(blockIdx.x);
  int low = 0, high = list.count - 1;  // the last tensor whose chunks begin at or before the block's
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (list.first_chunk[middle] <= block) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  const int64_t begin = int64_t{block - list.first_chunk[low]} * list.chunk;
  return {low, begin, min(list.numel[low], begin + list.chunk)};
}

// Calls run(list, chunks before it) for up to kListed tensors at a time; empty ones have no chunk.
template <class T, int kLists, class Run>
void for_listed(const std::array<TensorList, kLists>& lists, TensorList steps, Run run,
                int64_t chunk = kNormChunk) {
  const auto n = static_cast<int64_t>(lists[0].size());
  int64_t chunks_before = 0;
  for (int64_t from = 0; from < n; from += kListed) {
    Listed<T, kLists> list = {};
    list.count = static_cast<int>(std::min<int64_t>(kListed, n - from));
    list.chunk = static_cast<int>(chunk);
    for (int i = 0; i < list.count; ++i) {
      const auto at = static_cast<size_t>(from + i);
      for (size_t k = 0; k < kLists; ++k) {
        if (!lists[k].empty()) list.data[k][i] = static_cast<T*>(lists[k][at].raw_data());
      }
      if (!steps.empty()) list.steps[i] = static_cast<double*>(steps[at].raw_data());
      list.numel[i] = lists[0][at].numel();
      list.first_chunk[i + 1] =
          list.first_chunk[i] + static_cast<int>((list.numel[i] + list.chunk - 1) / list.chunk);
    }
    run(list, chunks_before);
    chunks_before += list.first_chunk[list.count];
  }
}
template <class L>
LaunchConfig chunks_config(const L& list) {
  return {.grid = static_cast<unsigned>(list.first_chunk[list.count]), .block = kListBlock};
}

// One block.
template <class L>
__global__ void count_steps_kernel(L list, const double* scalars) {
  const int i = static_cast<int>(threadIdx.x);
  if (i < list.count && scalars[kFinite] != 0) ++*list.steps[i];
}

// What all elements of a parameter have in common in AdamW's update.
template <class T>
struct AdamWNumbers {
  T factor, keep, rate, inverse;
};
template <class T>
__device__ __forceinline__ AdamWNumbers<T> adamw_numbers(const double* scalars, double step,
                                                         const AdamWOptions& options) {
  const double lr = scalars[kLearningRate] * options.lr_scale;
  return {static_cast<T>(scalars[kGradFactor]), static_cast<T>(1 - lr * options.weight_decay),
          static_cast<T>(lr / (1 - std::pow(options.beta1, step))),
          static_cast<T>(1 / std::sqrt(1 - std::pow(options.beta2, step)))};
}

}  // namespace roux::ROUX_CUDA_NAMESPACE

#endif  // ROUX_CUDA_TENSOR_LISTS_H_
