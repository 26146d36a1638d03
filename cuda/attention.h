// What the attention kernels share: how heads are read, what becomes of a product of query and key.
#ifndef ROUX_CUDA_ATTENTION_H_
#define ROUX_CUDA_ATTENTION_H_

#include "cuda/kernel.h"
#include "tensor/ops/attention_tables.h"
#include "tensor/philox.h"
#include "tensor/vector_math.h"

namespace roux::ROUX_CUDA_NAMESPACE {

// One of q, k, v, y: [B, heads, length, width], the last axis with stride 1.
template <class T>
struct Heads {
  T* data;
  int64_t batch_stride, head_stride, row_stride;  // in elements
  int64_t length;
  int width;
  bool packets;  // every row starts 16-byte aligned
  __device__ __forceinline__ T* head(int64_t batch, int64_t index) const {
    return data + batch * batch_stride + index * head_stride;
  }
};
template <class Data>
Heads<Data> heads_of(const Tensor& x) {
  if (!x.defined()) return {};
  const Strides& s = x.strides();
  const int64_t packet = 16 / static_cast<int64_t>(sizeof(Data));
  auto in_packets = [=](int64_t stride) { return stride % packet == 0; };
  const bool packets = reinterpret_cast<uintptr_t>(x.raw_data()) % 16 == 0 && in_packets(s[0]) &&
                       in_packets(s[1]) && in_packets(s[2]);
  return {x.data<Data>(), s[0], s[1], s[2], x.shape()[2], static_cast<int>(x.shape()[3]), packets};
}

// A tensor [B, H, T, S] whose axes may have size 1; undefined: null.
template <class T>
struct Scored {
  const T* data;
  int64_t stride[4];
  __device__ __forceinline__ T at(int64_t batch, int64_t head, int64_t query, int64_t key) const {
    return data[batch * stride[0] + head * stride[1] + query * stride[2] + key * stride[3]];
  }
};
template <class T>
Scored<T> scored(const Tensor& x) {
  Scored<T> result = {};
  if (!x.defined()) return result;
  result.data = static_cast<const T*>(x.raw_data());
  for (int axis = 0; axis < 4; ++axis) result.stride[axis] = broadcast_strides(x)[axis];
  return result;
}

// What becomes of a product of query and key, and of a weight. C: float or double.
template <class C>
struct Scoring {
  C scale, softcap;
  Scored<bool> mask;
  Scored<C> bias;
  const C* distance_bias;  // [H, distances]; may be null
  int64_t distances;
  float dropout;
  C kept_scale;
  const int64_t* draw_state;
  int64_t increment;

  // The entry of distance_bias for a key, seen from a query whose own position is `own`.
  __device__ __forceinline__ int64_t entry(int64_t key, int64_t own) const {
    const int64_t entry = key - own + (distances - 1) / 2;
    return min(max(entry, int64_t{0}), distances - 1);
  }
  // slope: unless null, gets the derivative with respect to the product.
  __device__ __forceinline__ C score(C product, int64_t batch, int64_t head, int64_t query, int64_t key,
                                     int64_t own, C* slope = nullptr) const {
    C x = product * scale;
    if (slope) *slope = scale;
    if (softcap > C(0)) {
      const C bounded = vmath::tanh(x / softcap);
      x = bounded * softcap;
      if (slope) *slope = (C(1) - bounded * bounded) * scale;
    }
    if (bias.data) x += bias.at(batch, head, query, key);
    if (distance_bias) x += distance_bias[head * distances + entry(key, own)];
    if (mask.data && !mask.at(batch, head, query, key)) x = -C(__builtin_inf());
    return x;
  }
  // Element `index` of the weights' dropout.
  __device__ __forceinline__ C keep(int64_t index) const {
    const PhiloxWords words =
        philox(static_cast<uint64_t>(draw_state[0]), static_cast<uint64_t>(draw_state[1] + increment),
               static_cast<uint64_t>(index / 4));
    return philox_uniform(words.word[index % 4]) >= dropout ? kept_scale : C(0);
  }
};
template <class C>
Scoring<C> scoring_of(const AttentionCase& options) {
  Scoring<C> s = {};
  s.scale = static_cast<C>(options.scale);
  s.softcap = static_cast<C>(options.softcap);
  s.mask = scored<bool>(options.mask);
  s.bias = scored<C>(options.bias);
  if (options.distance_bias.defined()) {
    s.distance_bias = options.distance_bias.data<const C>();
    s.distances = options.distance_bias.shape()[1];
  }
  s.dropout = static_cast<float>(options.dropout);
  s.kept_scale = static_cast<C>(1 / (1 - options.dropout));
  if (options.dropout > 0) s.draw_state = options.draw_state.data<const int64_t>();
  s.increment = options.increment;
  return s;
}

// From the first to the last key that one of the queries [first, first + count) sees. Called by whole warps.
__device__ __forceinline__ KeyInterval seen_by_block(const AttentionIntervals& intervals, int64_t batch,
                                                     int64_t first, int64_t count, int64_t queries,
                                                     int64_t keys) {
  int begin = static_cast<int>(keys), end = 0;
  for (int64_t query = first + threadIdx.x % 32; query < min(first + count, queries); query += 32) {
    const KeyInterval seen = intervals.seen_by(batch, query);
    if (seen.begin == seen.end) continue;
    begin = min(begin, static_cast<int>(seen.begin));
    end = max(end, static_cast<int>(seen.end));
  }
  for (int distance = 16; distance > 0; distance /= 2) {
    begin = min(begin, __shfl_xor_sync(0xffffffffu, begin, distance));
    end = max(end, __shfl_xor_sync(0xffffffffu, end, distance));
  }
  return {begin, end};
}

}  // namespace roux::ROUX_CUDA_NAMESPACE

#endif  // ROUX_CUDA_ATTENTION_H_
