// Kernels that work on rows of a contiguous [rows, n] tensor share this: a team of threads per row (a warp
// for short rows, a block for long ones), its reductions in a fixed order, and 16-byte walks along the row.
#ifndef ROUX_CUDA_ROWS_H_
#define ROUX_CUDA_ROWS_H_

#include <algorithm>

#include "cuda/elementwise.h"
#include "cuda/kernel.h"
#include "tensor/vector_math.h"

namespace roux::ROUX_CUDA_NAMESPACE {

inline constexpr unsigned kAllLanes = 0xffffffffu;
inline constexpr int kRowBlock = 256;      // threads of a block
inline constexpr int64_t kLongRow = 1024;  // elements from which a whole block works on one row
inline constexpr int64_t kWarpsPerBlock = kRowBlock / 32;

// All lanes get the reduction; every lane of the warp must call it. merge: associative and commutative.
template <class V, class Merge>
__device__ __forceinline__ V warp_reduce(V value, Merge merge) {
  for (int lanes = 16; lanes > 0; lanes /= 2) value = merge(value, value.shuffled(lanes));
  return value;
}

// A number that the reductions move between lanes.
template <class C>
struct Sum {
  C value;
  __device__ __forceinline__ Sum shuffled(int lanes) const {
    return {__shfl_xor_sync(kAllLanes, value, lanes)};
  }
  __device__ __forceinline__ friend Sum merge(Sum a, Sum b) { return {a.value + b.value}; }
};

// Running maximum m and sum of exp(x - m) of a part of a row. Starts at {-inf, 0}.
template <class C>
struct MaxSum {
  C max, sum;
  __device__ __forceinline__ MaxSum shuffled(int lanes) const {
    return {__shfl_xor_sync(kAllLanes, max, lanes), __shfl_xor_sync(kAllLanes, sum, lanes)};
  }
  __device__ __forceinline__ void add(C x) {
    if (x > max) {
      sum = sum * vmath::exp(max - x) + (x - x + C(1));  // x - x: NaN for inf, as exp(inf - inf)
      max = x;
    } else if (!(x == -C(__builtin_inf()))) {
      sum += vmath::exp(x - max);
    }
  }
  __device__ __forceinline__ friend MaxSum merge(MaxSum a, MaxSum b) {
    const C m = a.max > b.max ? a.max : b.max;
    const C scale_a = a.max == m ? C(1) : vmath::exp(a.max - m),
            scale_b = b.max == m ? C(1) : vmath::exp(b.max - m);
    return {m, a.sum * scale_a + b.sum * scale_b};
  }
};

// A warp per row: kWarpsPerBlock rows a block.
struct WarpTeam {
  static constexpr int kSize = 32;
  __device__ __forceinline__ static int rank() { return static_cast<int>(threadIdx.x % 32); }
  __device__ __forceinline__ static int64_t row() {
    return blockIdx.x * kWarpsPerBlock + static_cast<int64_t>(threadIdx.x / 32);
  }
  static unsigned blocks(int64_t rows) { return blocks_for(rows, kWarpsPerBlock); }
  template <class V>
  __device__ __forceinline__ static V reduce(V value) {
    return warp_reduce(value, [](V a, V b) { return merge(a, b); });
  }
};

// A block per row.
struct BlockTeam {
  static constexpr int kSize = kRowBlock;
  __device__ __forceinline__ static int rank() { return static_cast<int>(threadIdx.x); }
  __device__ __forceinline__ static int64_t row() { return blockIdx.x; }
  static unsigned blocks(int64_t rows) { return static_cast<unsigned>(rows); }
  template <class V>
  __device__ static V reduce(V value) {
    ROUX_SHARED(of_warps, V[kWarpsPerBlock]);
    value = warp_reduce(value, [](V a, V b) { return merge(a, b); });
    __syncthreads();  // the previous reduction has been read
    if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = value;
    __syncthreads();
    value = of_warps[0];
    for (int64_t warp = 1; warp < kWarpsPerBlock; ++warp) value = merge(value, of_warps[warp]);
    return value;
  }
};

// Calls use(i, x[i]...) for the team's elements of a row of n. packets: every row starts 16-byte aligned and
// n is a multiple of the packet.
template <class Team, class T, class Use, class... In>
__device__ __forceinline__ void visit_row(int64_t n, bool packets, Use use, const T* x, const In*... more) {
  constexpr int kCount = 16 / sizeof(T);
  if (packets) {
    for (int64_t i = Team::rank() * int64_t{kCount}; i < n; i += Team::kSize * kCount) {
      auto each = [&](const auto&... packet) {
        for (int e = 0; e < kCount; ++e) use(i + e, static_cast<compute_t<T>>(packet.value[e])...);
      };
      each(load_packet<kCount>(x, i, false), load_packet<kCount>(more, i, false)...);
    }
  } else {
    for (int64_t i = Team::rank(); i < n; i += Team::kSize) {
      use(i, static_cast<compute_t<T>>(x[i]), static_cast<compute_t<T>>(more[i])...);
    }
  }
}

// y[i] = f(i, x[i]...) for the team's elements of a row of n. y may be one of the inputs.
template <class Team, class T, class F, class... In>
__device__ __forceinline__ void transform_row(int64_t n, bool packets, F f, T* y, const In*... x) {
  constexpr int kCount = 16 / sizeof(T);
  if (packets) {
    for (int64_t i = Team::rank() * int64_t{kCount}; i < n; i += Team::kSize * kCount) {
      auto each = [&](const auto&... packet) {
        Packet<T, kCount> out;
        for (int e = 0; e < kCount; ++e) {
          out.value[e] = static_cast<T>(f(i + e, static_cast<compute_t<T>>(packet.value[e])...));
        }
        *reinterpret_cast<Packet<T, kCount>*>(y + i) = out;
      };
      each(load_packet<kCount>(x, i, false)...);
    }
  } else {
    for (int64_t i = Team::rank(); i < n; i += Team::kSize) {
      y[i] = static_cast<T>(f(i, static_cast<compute_t<T>>(x[i])...));
    }
  }
}

// Whether rows of n elements of all these tensors can be walked in packets.
template <class... Tensors>
bool rows_in_packets(int64_t n, const Tensor& first, const Tensors&... more) {
  auto aligned = [](const Tensor& x) { return reinterpret_cast<uintptr_t>(x.raw_data()) % 16 == 0; };
  return n * static_cast<int64_t>(size_of(first.dtype())) % 16 == 0 && aligned(first) &&
         (aligned(more) && ...);
}

// Calls run(Team{}) with the team for rows of n elements.
template <class Run>
void with_team(int64_t n, Run&& run) {
  if (n > kLongRow) {
    run(BlockTeam{});
  } else {
    run(WarpTeam{});
  }
}

}  // namespace roux::ROUX_CUDA_NAMESPACE

#endif  // ROUX_CUDA_ROWS_H_
