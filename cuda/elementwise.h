// The kernels that all elementwise ops share: y = op(x...) over tensors that broadcast to y's shape. Included
// by the elementwise kernel sources.
//
// Two ways to walk: where every input is contiguous or a single element, each thread handles one packet of up
// to 16 bytes per operand (elementwise_packets_kernel); everything else goes element by element through
// strides, after axes that all operands allow have been merged (elementwise_strided_kernel).
#ifndef ROUX_CUDA_ELEMENTWISE_H_
#define ROUX_CUDA_ELEMENTWISE_H_

#include <algorithm>
#include <utility>

#include "cuda/kernel.h"
#include "tensor/tensor.h"

namespace roux::ROUX_CUDA_NAMESPACE {

inline constexpr int kElementwiseBlock = 256;

template <class T, int kCount>
struct alignas(sizeof(T) * kCount) Packet {
  T value[kCount];
};

template <int kCount, class T>
__device__ __forceinline__ Packet<T, kCount> load_packet(const T* x, int64_t at, bool single) {
  if (!single) return *reinterpret_cast<const Packet<T, kCount>*>(x + at);
  Packet<T, kCount> packet;
  for (int i = 0; i < kCount; ++i) packet.value[i] = x[0];
  return packet;
}

// One of several functors, chosen at run time by its position: one kernel for a group of ops, at the price of
// a uniform branch outside its loops.
template <class... Ops>
struct OneOf {
  int kind;
  template <class Use>
  __device__ __forceinline__ void visit(Use&& use) const {
    int index = 0;
    ((index++ == kind ? use(Ops{}) : void()), ...);
  }
};
template <class Op, class... Ops>
constexpr int position_in(OneOf<Ops...>*) {
  int index = 0, found = -1;
  ((found = std::is_same_v<Op, Ops> ? index : found, ++index), ...);
  return found;
}
// A functor stands for itself.
template <class Op, class Use>
__device__ __forceinline__ void visit(const Op& op, Use&& use) {
  if constexpr (requires { op.visit(use); }) {
    op.visit(use);
  } else {
    use(op);
  }
}

// y[i] = op(x[i]...) for i < n. Bit k of `single`: input k has one element. kCount elements a thread.
template <int kCount, class Op, class Out, class... In>
__global__ void elementwise_packets_kernel(Op op, int64_t n, unsigned single, Out* y, const In*... x) {
  const int64_t i = (blockIdx.x * int64_t{kElementwiseBlock} + threadIdx.x) * kCount;
  [&]<size_t... k>(std::index_sequence<k...>) {
    if (i + kCount <= n) {
      auto apply = [&](const auto&... packet) {
        Packet<Out, kCount> out;
        visit(op, [&](const auto& f) {
          for (int e = 0; e < kCount; ++e) {
            out.value[e] = static_cast<Out>(f(static_cast<compute_t<In>>(packet.value[e])...));
          }
        });
        *reinterpret_cast<Packet<Out, kCount>*>(y + i) = out;
      };
      apply(load_packet<kCount>(x, i, (single >> k & 1u) != 0)...);
    } else {
      for (int64_t e = i; e < n; ++e) {
        visit(op, [&](const auto& f) {
          y[e] = static_cast<Out>(f(static_cast<compute_t<In>>(x[(single >> k & 1u) != 0 ? 0 : e])...));
        });
      }
    }
  }
  (std::index_sequence_for<In...>{});
}

// Sizes of the merged axes, outermost first, and each operand's strides in elements; operand 0 is y.
template <int kOperands>
struct Layout {
  int rank = 0;
  int64_t size[kMaxRank];
  int64_t stride[kOperands][kMaxRank];

  // Where element i (in row-major order) of each operand lies.
  __device__ __forceinline__ void offsets(int64_t i, int64_t (&at)[kOperands]) const {
    for (int k = 0; k < kOperands; ++k) at[k] = 0;
    for (int axis = rank - 1; axis >= 0; --axis) {
      const int64_t index = i % size[axis];
      i /= size[axis];
      for (int k = 0; k < kOperands; ++k) at[k] += index * stride[k][axis];
    }
  }
};

template <class Op, class Out, class... In>
__global__ void elementwise_strided_kernel(Op op, int64_t n, Layout<1 + sizeof...(In)> layout, Out* y,
                                           const In*... x) {
  const int64_t i = blockIdx.x * int64_t{kElementwiseBlock} + threadIdx.x;
  if (i >= n) return;
  int64_t at[1 + sizeof...(In)];
  layout.offsets(i, at);
  [&]<size_t... k>(std::index_sequence<k...>) {
    visit(op, [&](const auto& f) {
      y[at[0]] = static_cast<Out>(f(static_cast<compute_t<In>>(x[at[1 + k]])...));
    });
  }
  (std::index_sequence_for<In...>{});
}

// strides[k] of operand k over `shape`; 0 on broadcast axes.
template <int kOperands>
Layout<kOperands> merged_layout(const Shape& shape, const Strides (&strides)[kOperands]) {
  Layout<kOperands> layout;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) continue;
    bool merge = layout.rank > 0;
    for (int k = 0; merge && k < kOperands; ++k) {
      merge = layout.stride[k][layout.rank - 1] == strides[k][axis] * shape[axis];
    }
    if (!merge) layout.size[layout.rank++] = 1;
    layout.size[layout.rank - 1] *= shape[axis];
    for (int k = 0; k < kOperands; ++k) layout.stride[k][layout.rank - 1] = strides[k][axis];
  }
  return layout;
}

template <class... Inputs>
Layout<1 + sizeof...(Inputs)> layout_of(const Tensor& y, const Inputs&... x) {
  return merged_layout<1 + sizeof...(Inputs)>(
      y.shape(), {y.strides(), broadcast_strides(x.shape(), x.strides(), y.shape())...});
}

// Launches y = op(x...) on data of types Out and In... (the dtypes, or anything of their size where op only
// moves data). Op works on compute_t of the input types and returns what converts to Out. y may be one of the
// inputs when both have the same strides.
template <class Out, class... In, class Op, class... Inputs>
void launch_elementwise(Op op, Tensor& y, const Inputs&... x) {
  static_assert(sizeof...(In) == sizeof...(Inputs));
  const int64_t n = y.numel();
  if (n == 0) return;
  constexpr int kCount = static_cast<int>(16 / std::max({sizeof(Out), sizeof(In)...}));
  unsigned single = 0, bit = 1;
  bool packets = y.is_contiguous() && reinterpret_cast<uintptr_t>(y.raw_data()) % 16 == 0;
  [[maybe_unused]] auto look = [&](const Tensor& input) {
    const bool same = input.is_contiguous() && input.shape() == y.shape();
    packets =
        packets && (input.numel() == 1 || (same && reinterpret_cast<uintptr_t>(input.raw_data()) % 16 == 0));
    if (input.numel() == 1) single |= bit;
    bit <<= 1;
  };
  (look(x), ...);
  if (packets) {
    launch(elementwise_packets_kernel<kCount, Op, Out, In...>,
           {.grid = blocks_for(n, int64_t{kElementwiseBlock} * kCount), .block = kElementwiseBlock}, op, n,
           single, static_cast<Out*>(y.raw_data()), static_cast<const In*>(x.raw_data())...);
    return;
  }
  launch(elementwise_strided_kernel<Op, Out, In...>,
         {.grid = blocks_for(n, kElementwiseBlock), .block = kElementwiseBlock}, op, n, layout_of(y, x...),
         static_cast<Out*>(y.raw_data()), static_cast<const In*>(x.raw_data())...);
}

}  // namespace roux::ROUX_CUDA_NAMESPACE

#endif  // ROUX_CUDA_ELEMENTWISE_H_
