// CPU kernels of the index family.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "tensor/cpu/nested_scales.h"
#include "tensor/cpu/stream.h"
#include "tensor/cpu/strided_loop.h"
#include "tensor/ops/index_tables.h"

namespace roux::cpu {
namespace {

// Columns that one task sums, and rows of which embedding_backward makes one partial sum (the error grows
// slower).
constexpr int64_t kMostColumns = 256;
constinit const Tunable kStrip("index.strip", kMostColumns, 5), kRowsAtOnce("index.rows_at_once", 64, 3);

// Throws for the first index outside [0, limit).
template <class I>
void check_range(const char* op, const char* argument, const I* index, int64_t count, int64_t limit) {
  for (int64_t i = 0; i < count; ++i) {
    if (index[i] < 0 || index[i] >= limit) {
      throw Error(absl::StrCat(op, ": ", argument, " out of range: ", argument, "[", i, "] is ",
                               int64_t{index[i]}, " in row-major order, needed 0 to ", limit - 1));
    }
  }
}

struct Axes {
  int64_t outer = 1, size, count, inner = 1;  // x is [outer, size, inner], index [outer, count, inner]
};
Axes axes_of(const Shape& x, const Shape& index, int axis) {
  Axes axes;
  for (int i = 0; i < axis; ++i) axes.outer *= x[i];
  for (int i = axis + 1; i < x.rank(); ++i) axes.inner *= x[i];
  axes.size = x[axis];
  axes.count = index[axis];
  return axes;
}

void gather_cpu(const Tensor& x, int axis, const Tensor& index, Tensor& y) {
  const Axes a = axes_of(x.shape(), index.shape(), axis);
  dispatch_index(index.dtype(), [&](auto index_tag) {
    const auto* at = index.data<const decltype(index_tag)>();
    check_range("gather", "index", at, index.numel(), a.size);
    dispatch_all(x.dtype(), [&](auto tag) {
      using T = decltype(tag);
      const T* px = x.data<const T>();
      T* py = y.data<T>();
      parallel_for(0, a.outer * a.count, items_per_task(a.inner), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const T* from = px + row / a.count * a.size * a.inner;
          for (int64_t k = row * a.inner; k < (row + 1) * a.inner; ++k) {
            py[k] = from[at[k] * a.inner + k - row * a.inner];
          }
        }
      });
    });
  });
}

void scatter_add_cpu(const Tensor& source, int axis, const Tensor& index, Tensor& y) {
  const Axes a = axes_of(y.shape(), index.shape(), axis);
  dispatch_index(index.dtype(), [&](auto index_tag) {
    const auto* at = index.data<const decltype(index_tag)>();
    check_range("scatter_add", "index", at, index.numel(), a.size);
    dispatch_numeric(source.dtype(), [&](auto tag) {
      using T = decltype(tag);
      using A = std::conditional_t<is_floating(dtype_of<T>), accumulate_t<T>, T>;
      const T* ps = source.data<const T>();
      A* py = y.data<A>();
      // One task owns a strip of columns of an outer slice: no two tasks add to one element.
      const int64_t strip = kStrip, strips = (a.inner + strip - 1) / strip;
      parallel_for(0, a.outer * strips, items_per_task(a.count * std::min(a.inner, strip)),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t task = begin; task < end; ++task) {
                       const int64_t o = task / strips, first = task % strips * strip;
                       const int64_t last = std::min(a.inner, first + strip);
                       for (int64_t row = o * a.count; row < (o + 1) * a.count; ++row) {
                         for (int64_t k = first; k < last; ++k) {
                           const int64_t from = row * a.inner + k;
                           py[(o * a.size + at[from]) * a.inner + k] += static_cast<A>(ps[from]);
                         }
                       }
                     }
                   });
    });
  });
}

void last_writer_cpu(const Tensor& index, int axis, Tensor& winner) {
  const Axes a = axes_of(winner.shape(), index.shape(), axis);
  int64_t* to = winner.data<int64_t>();
  dispatch_index(index.dtype(), [&](auto tag) {
    const auto* at = index.data<const decltype(tag)>();
    check_range("scatter", "index", at, index.numel(), a.size);
    parallel_for(0, a.outer, rows_per_task(a.count * a.inner), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin * a.count; row < end * a.count; ++row) {
        for (int64_t k = 0; k < a.inner; ++k) {
          to[(row / a.count * a.size + at[row * a.inner + k]) * a.inner + k] = row % a.count;
        }
      }
    });
  });
}

void embedding_cpu(const Tensor& weight, const Tensor& ids, Tensor& y) {
  const int64_t width = weight.shape()[1], rows = ids.numel();
  const size_t bytes = static_cast<size_t>(width) * size_of(weight.dtype());
  const char* from = static_cast<const char*>(weight.raw_data());
  char* to = static_cast<char*>(y.raw_data());
  dispatch_index(ids.dtype(), [&](auto tag) {
    const auto* id = ids.data<const decltype(tag)>();
    check_range("embedding", "ids", id, rows, weight.shape()[0]);
    if (bytes == 0) return;
    if (weight.dtype() == kNF4_DQ) {
      const NestedScales scales(weight);
      const size_t row_bytes = static_cast<size_t>(width) * size_of(kNF4);
      parallel_for(0, rows, items_per_task(width), [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r)
          scales.expand(id[r] * width, width,
                        reinterpret_cast<uint8_t*>(to) + static_cast<size_t>(r) * row_bytes);
      });
      return;
    }
    const bool streamed = is_streamed(y);
    parallel_for(0, rows, items_per_task(width), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const char* row = from + static_cast<size_t>(id[r]) * bytes;
        char* out = to + static_cast<size_t>(r) * bytes;
        streamed ? stream(row, out, bytes) : static_cast<void>(std::memcpy(out, row, bytes));
      }
      if (streamed) finish_stream();
    });
  });
}

// Counting sort of the positions by id, then each weight row is summed by one task in the order of ids.
void embedding_backward_cpu(const Tensor& grad, const Tensor& ids, Tensor& order, Tensor& y) {
  const int64_t rows = y.shape()[0], width = y.shape()[1], count = ids.numel();
  int64_t* starts = order.data<int64_t>();  // [rows + 1]
  int64_t* sorted = starts + rows + 1;      // [count]
  int64_t* next = sorted + count;           // [count]: the place of position i in `sorted`
  dispatch_index(ids.dtype(), [&](auto index_tag) {
    const auto* id = ids.data<const decltype(index_tag)>();
    check_range("embedding_backward", "ids", id, count, rows);
    std::fill(starts, starts + rows + 1, 0);
    for (int64_t i = 0; i < count; ++i) ++starts[id[i] + 1];
    for (int64_t r = 0; r < rows; ++r) starts[r + 1] += starts[r];
    // starts[id] serves as the cursor and is shifted back afterwards; equal ids keep their order.
    for (int64_t i = 0; i < count; ++i) next[i] = starts[id[i]]++;
    for (int64_t i = 0; i < count; ++i) sorted[next[i]] = i;
    for (int64_t r = rows; r > 0; --r) starts[r] = starts[r - 1];
    starts[0] = 0;
  });
  dispatch_floating(grad.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using A = accumulate_t<T>;
    const T* pg = grad.data<const T>();
    T* py = y.data<T>();
    const int64_t strip = std::min(kMostColumns, int64_t{kStrip}), rows_at_once = kRowsAtOnce;
    parallel_for(0, rows, items_per_task(width), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        for (int64_t from = 0; from < width; from += strip) {
          const int64_t n = std::min(strip, width - from);
          A sums[kMostColumns] = {};
          for (int64_t i = starts[r]; i < starts[r + 1];) {
            A block[kMostColumns] = {};
            for (const int64_t last = std::min(starts[r + 1], i + rows_at_once); i < last; ++i) {
              const T* row = pg + sorted[i] * width + from;
              for (int64_t c = 0; c < n; ++c) block[c] += static_cast<A>(row[c]);
            }
            for (int64_t c = 0; c < n; ++c) sums[c] += block[c];
          }
          for (int64_t c = 0; c < n; ++c) py[r * width + from + c] = static_cast<T>(sums[c]);
        }
      }
    });
  });
}

void tril_cpu(const Tensor& x, int64_t k, bool lower, Tensor& y) {
  const int64_t rows = x.shape()[x.dim() - 2], columns = x.shape()[x.dim() - 1];
  const int64_t all = columns == 0 ? 0 : x.numel() / columns;
  dispatch_all(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* px = x.data<const T>();
    T* py = y.data<T>();
    parallel_for(0, all, items_per_task(columns), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const int64_t diagonal = r % rows + k;  // last column kept by tril, first kept by triu
        for (int64_t c = 0; c < columns; ++c) {
          const bool kept = lower ? c <= diagonal : c >= diagonal;
          py[r * columns + c] = kept ? px[r * columns + c] : T(0.0f);
        }
      }
    });
  });
}

const RegisterKernel kGather(gather_kernels, DeviceType::kCpu, kAllDTypes, gather_cpu);
const RegisterKernel kScatterAdd(scatter_add_kernels, DeviceType::kCpu, kNumeric, scatter_add_cpu);
const RegisterKernel kLastWriter(last_writer_kernels, DeviceType::kCpu, kI32 | kI64, last_writer_cpu);
const RegisterKernel kEmbedding(embedding_kernels, DeviceType::kCpu, kAllDTypes | kBlockDTypes | kNF4_DQ,
                                embedding_cpu);
const RegisterKernel kEmbeddingBackward(embedding_backward_kernels, DeviceType::kCpu, kFloating,
                                        embedding_backward_cpu);
const RegisterKernel kTril(tril_kernels, DeviceType::kCpu, kAllDTypes, tril_cpu);

}  // namespace
}  // namespace roux::cpu
