// CUDA kernels of gather, scatter and triangles. Where several sources meet at one place a thread owns the
// place's whole line and goes along it in order: the CPU's bits, without atomics.
#include "absl/strings/str_cat.h"
#include "cuda/fault.h"
#include "cuda/kernel.h"
#include "tensor/ops/index_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

constexpr int kBlock = 256;

// x is [outer, size, inner], index [outer, count, inner].
struct Axes {
  int64_t outer = 1, size = 0, count = 0, inner = 1;
};
Axes axes_of(const Shape& x, const Shape& index, int axis) {
  Axes axes;
  for (int i = 0; i < axis; ++i) axes.outer *= x[i];
  for (int i = axis + 1; i < x.rank(); ++i) axes.inner *= x[i];
  axes.size = x[axis];
  axes.count = index[axis];
  return axes;
}

// Bits: an unsigned integer of the element's size.
template <class Bits, class I>
__global__ void gather_kernel(const Bits* x, const I* index, Axes axes, FaultSlot fault, Bits* y) {
  const int64_t i = blockIdx.x * int64_t{kBlock} + threadIdx.x;
  if (i >= axes.outer * axes.count * axes.inner) return;
  const int64_t from = index[i], outer = i / (axes.count * axes.inner), column = i % axes.inner;
  if (from < 0 || from >= axes.size) return note_bad_index(fault, i, from);
  y[i] = x[(outer * axes.size + from) * axes.inner + column];
}

// Calls use(j, place) along a thread's line of the index: place is where element j goes in [outer, size,
// inner].
template <class I, class Use>
__device__ __forceinline__ void visit_line(const I* index, const Axes& axes, FaultSlot fault, Use use) {
  const int64_t line = blockIdx.x * int64_t{kBlock} + threadIdx.x;
  if (line >= axes.outer * axes.inner) return;
  const int64_t outer = line / axes.inner, column = line % axes.inner;
  for (int64_t j = 0; j < axes.count; ++j) {
    const int64_t i = (outer * axes.count + j) * axes.inner + column, to = index[i];
    if (to < 0 || to >= axes.size) {
      note_bad_index(fault, i, to);
    } else {
      use(j, i, (outer * axes.size + to) * axes.inner + column);
    }
  }
}

template <class T, class A, class I>
__global__ void scatter_add_kernel(const T* source, const I* index, Axes axes, FaultSlot fault, A* y) {
  visit_line(index, axes, fault, [&](int64_t, int64_t i, int64_t to) { y[to] += static_cast<A>(source[i]); });
}
template <class I>
__global__ void last_writer_kernel(const I* index, Axes axes, FaultSlot fault, int64_t* winner) {
  visit_line(index, axes, fault, [&](int64_t j, int64_t, int64_t to) { winner[to] = j; });
}

template <class Bits>
__global__ void triangle_kernel(const Bits* x, int64_t n, int64_t rows, int64_t columns, int64_t k,
                                bool lower, Bits* y) {
  const int64_t i = blockIdx.x * int64_t{kBlock} + threadIdx.x;
  if (i >= n) return;
  const int64_t column = i % columns, diagonal = i / columns % rows + k;
  y[i] = (lower ? column <= diagonal : column >= diagonal) ? x[i] : Bits(0);
}

template <class Run>
void with_bits(DType dtype, Run run) {
  switch (size_of(dtype)) {
    case 1:
      return run(uint8_t{});
    case 2:
      return run(uint16_t{});
    case 4:
      return run(uint32_t{});
    default:
      return run(uint64_t{});
  }
}

// run(index pointer, slot) with a slot for indices out of [0, size).
template <class Run>
void with_index(const char* op, const Tensor& index, int64_t size, Run run) {
  const FaultSlot fault = open_fault_slot();
  dispatch_index(index.dtype(), [&](auto tag) { run(index.data<const decltype(tag)>(), fault); });
  close_fault_slot(fault, [=](int64_t position, int64_t value) {
    return absl::StrCat(op, ": index out of range: index[", position, "] is ", value,
                        " in row-major order, needed 0 to ", size - 1);
  });
}

void gather(const Tensor& x, int axis, const Tensor& index, Tensor& y) {
  if (index.numel() == 0) return;
  const Axes axes = axes_of(x.shape(), index.shape(), axis);
  with_index("gather", index, axes.size, [&](const auto* at, FaultSlot fault) {
    with_bits(x.dtype(), [&](auto bits) {
      using Bits = decltype(bits);
      launch(gather_kernel<Bits, std::decay_t<decltype(*at)>>,
             {.grid = blocks_for(index.numel(), kBlock), .block = kBlock},
             static_cast<const Bits*>(x.raw_data()), at, axes, fault, static_cast<Bits*>(y.raw_data()));
    });
  });
}

void scatter_add(const Tensor& source, int axis, const Tensor& index, Tensor& y) {
  if (index.numel() == 0) return;
  const Axes axes = axes_of(y.shape(), index.shape(), axis);
  with_index("scatter_add", index, axes.size, [&](const auto* at, FaultSlot fault) {
    dispatch_numeric(source.dtype(), [&](auto tag) {
      using T = decltype(tag);
      using A = std::conditional_t<is_floating(dtype_of<T>), accumulate_t<T>, T>;
      launch(scatter_add_kernel<T, A, std::decay_t<decltype(*at)>>,
             {.grid = blocks_for(axes.outer * axes.inner, kBlock), .block = kBlock}, source.data<const T>(),
             at, axes, fault, y.data<A>());
    });
  });
}

void last_writer(const Tensor& index, int axis, Tensor& winner) {
  if (index.numel() == 0) return;
  const Axes axes = axes_of(winner.shape(), index.shape(), axis);
  with_index("scatter", index, axes.size, [&](const auto* at, FaultSlot fault) {
    launch(last_writer_kernel<std::decay_t<decltype(*at)>>,
           {.grid = blocks_for(axes.outer * axes.inner, kBlock), .block = kBlock}, at, axes, fault,
           winner.data<int64_t>());
  });
}

void triangle(const Tensor& x, int64_t k, bool lower, Tensor& y) {
  const int64_t n = x.numel();
  if (n == 0) return;
  with_bits(x.dtype(), [&](auto bits) {
    using Bits = decltype(bits);
    launch(triangle_kernel<Bits>, {.grid = blocks_for(n, kBlock), .block = kBlock},
           static_cast<const Bits*>(x.raw_data()), n, x.size(-2), x.size(-1), k, lower,
           static_cast<Bits*>(y.raw_data()));
  });
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kGather(gather_kernels, kDevice, kAllDTypes, gather);
const RegisterKernel kScatterAdd(scatter_add_kernels, kDevice, kNumeric, scatter_add);
const RegisterKernel kLastWriter(last_writer_kernels, kDevice, kI32 | kI64, last_writer);
const RegisterKernel kTriangle(tril_kernels, kDevice, kAllDTypes, triangle);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
