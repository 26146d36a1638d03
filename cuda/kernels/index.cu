// CUDA kernels of embedding and its backward. The gradient of a weight row is the sum of the gradients of its
// positions in ascending order: positions are sorted by id (stable counting sort), so there are no
// floating-point atomics and the bits are the same every time.
#include "absl/strings/str_cat.h"
#include "cuda/blocks.h"
#include "cuda/fault.h"
#include "cuda/kernel.h"
#include "tensor/ops/index_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

constexpr int kBlock = 256;
constexpr int kSortBlock = 1024;   // one block scans and places: a few microseconds for what a step embeds
using Count = unsigned long long;  // NOLINT: CUDA's type of atomics

__global__ void clear_kernel(Count* starts, int64_t rows) {
  const int64_t i = blockIdx.x * int64_t{kBlock} + threadIdx.x;
  if (i < rows) starts[i] = 0;
}

template <class I>
__global__ void count_kernel(const I* ids, int64_t count, int64_t rows, FaultSlot fault, Count* starts) {
  const int64_t i = blockIdx.x * int64_t{kBlock} + threadIdx.x;
  if (i >= count) return;
  const int64_t id = ids[i];
  if (id >= 0 && id < rows) {
    atomicAdd(&starts[id], Count{1});
  } else {
    note_bad_index(fault, i, id);
  }
}

// starts[r]: from the number of positions of row r to the sum of the numbers of the rows before it. One
// block.
__global__ void __launch_bounds__(kSortBlock) scan_kernel(int64_t rows, Count* starts) {
  ROUX_SHARED(before, Count[kSortBlock]);
  const int thread = static_cast<int>(threadIdx.x);
  const int64_t share = (rows + kSortBlock - 1) / kSortBlock;
  const int64_t begin = min(rows, thread * share), end = min(rows, begin + share);
  Count sum = 0;
  for (int64_t r = begin; r < end; ++r) sum += starts[r];
  before[thread] = sum;
  __syncthreads();
  for (int distance = 1; distance < kSortBlock; distance *= 2) {
    const Count earlier = thread >= distance ? before[thread - distance] : 0;
    __syncthreads();
    before[thread] += earlier;
    __syncthreads();
  }
  Count at = before[thread] - sum;
  for (int64_t r = begin; r < end; ++r) {
    const Count here = starts[r];
    starts[r] = at;
    at += here;
  }
}

// sorted: the positions of row 0, of row 1, ..., each ascending. Afterwards starts[r] is where row r ends.
// One block takes the positions in pieces, in order.
template <class I>
__global__ void __launch_bounds__(kSortBlock)
    place_kernel(const I* ids, int64_t count, int64_t rows, Count* starts, int64_t* sorted) {
  ROUX_SHARED(piece, int[kSortBlock]);
  const int thread = static_cast<int>(threadIdx.x);
  for (int64_t first = 0; first < count; first += kSortBlock) {
    const int64_t i = first + thread;
    const int64_t id = i < count ? static_cast<int64_t>(ids[i]) : -1;
    const bool valid = id >= 0 && id < rows;  // fewer than 2^31
    piece[thread] = valid ? static_cast<int>(id) : -1;
    __syncthreads();
    Count earlier = 0, later = 0;  // positions of the same row in this piece
    for (int j = 0; valid && j < kSortBlock; ++j) {
      if (piece[j] != id) continue;
      earlier += j < thread;
      later += j > thread;
    }
    const Count at = valid ? starts[id] + earlier : 0;
    if (valid) sorted[at] = i;
    __syncthreads();
    if (valid && later == 0) starts[id] = at + 1;  // read again behind the next piece's first barrier
  }
}

// One block per weight row and strip of columns; `ends` are the starts after place_kernel.
template <class T>
__global__ void embedding_backward_kernel(const T* grad, const Count* ends, const int64_t* sorted,
                                          int64_t width, T* y) {
  const int64_t row = blockIdx.x, column = blockIdx.y * int64_t{kBlock} + threadIdx.x;
  if (column >= width) return;
  const Count begin = row == 0 ? 0 : ends[row - 1], end = ends[row];
  constexpr Count kPiece = 64;  // sums of pieces: the error grows slower; as on the CPU
  accumulate_t<T> sum = 0;
  for (Count i = begin; i < end;) {
    accumulate_t<T> piece = 0;
    for (const Count last = min(end, i + kPiece); i < last; ++i) {
      piece += static_cast<accumulate_t<T>>(grad[sorted[i] * width + column]);
    }
    sum += piece;
  }
  y[row * width + column] = static_cast<T>(sum);
}

// Element sizes only: rows are copied.
template <class T, class I>
__global__ void embedding_kernel(const T* weight, const I* ids, int64_t count, int64_t rows, int64_t width,
                                 FaultSlot fault, T* y) {
  const int64_t i = blockIdx.x * int64_t{kBlock} + threadIdx.x, position = i / width, column = i % width;
  if (position >= count) return;
  const int64_t id = ids[position];
  if (id >= 0 && id < rows) {
    y[i] = weight[id * width + column];
  } else if (column == 0) {
    note_bad_index(fault, position, id);
  }
}

FaultMessage out_of_range(const char* op, int64_t rows) {
  return [=](int64_t position, int64_t id) {
    return absl::StrCat(op, ": ids out of range: ids[", position, "] is ", id,
                        " in row-major order, needed 0 to ", rows - 1);
  };
}

// Rows of nf4_dq as nf4: a thread writes four bytes.
template <class I>
__global__ void __launch_bounds__(kBlock)
    embedding_nested_kernel(Blocks weight, const I* ids, int64_t count, int64_t rows, int64_t width,
                            FaultSlot fault, uint32_t* y) {
  ROUX_SHARED(tables, BlockTables<kNF4_DQ>);
  fill_tables(weight, tables);
  constexpr int kWords = kNf4Bytes / 4;
  const int64_t i = blockIdx.x * int64_t{kBlock} + threadIdx.x, element = i / kWords,
                position = element / width, column = element % width;
  if (position >= count) return;
  const int word = static_cast<int>(i % kWords);
  const int64_t id = ids[position];
  if (id < 0 || id >= rows) return column == 0 && word == 0 ? note_bad_index(fault, position, id) : void();
  const int64_t from = id * width + column;
  y[i] = word < kWords - 1 ? load_word<1>(weight.data + from * kNestedBytes + word * 4)
                           : __builtin_bit_cast(uint32_t, Reader<kNF4_DQ>(weight, tables).scale(from));
}

void embedding(const Tensor& weight, const Tensor& ids, Tensor& y) {
  const int64_t rows = weight.shape()[0], count = ids.numel();
  int64_t width = weight.shape()[1];
  if (count * width == 0) return;
  // Blocks go in pieces of a size that elements have.
  const size_t size = size_of(weight.dtype()), piece = !is_block(weight.dtype()) ? size
                                                       : size % 4 == 0           ? 4
                                                                                 : 2;
  const FaultSlot fault = open_fault_slot();
  dispatch_index(ids.dtype(), [&](auto index_tag) {
    using I = decltype(index_tag);
    if (weight.dtype() == kNF4_DQ) {
      launch(embedding_nested_kernel<I>,
             {.grid = blocks_for(count * width * (kNf4Bytes / 4), kBlock), .block = kBlock},
             blocks_of(weight), ids.data<const I>(), count, rows, width, fault,
             static_cast<uint32_t*>(y.raw_data()));
      return;
    }
    width *= static_cast<int64_t>(size / piece);
    auto run = [&](auto bits) {
      using T = decltype(bits);
      launch(embedding_kernel<T, I>, {.grid = blocks_for(count * width, kBlock), .block = kBlock},
             static_cast<const T*>(weight.raw_data()), ids.data<const I>(), count, rows, width, fault,
             static_cast<T*>(y.raw_data()));
    };
    dispatch_bits(piece, run);
  });
  close_fault_slot(fault, out_of_range("embedding", rows));
}

void embedding_backward(const Tensor& grad, const Tensor& ids, Tensor& order, Tensor& y) {
  const int64_t rows = y.shape()[0], width = y.shape()[1], count = ids.numel();
  if (rows == 0) return;
  auto* starts = reinterpret_cast<Count*>(order.data<int64_t>());
  int64_t* sorted = order.data<int64_t>() + rows;
  launch(clear_kernel, {.grid = blocks_for(rows, kBlock), .block = kBlock}, starts, rows);
  if (count > 0) {
    const FaultSlot fault = open_fault_slot();
    dispatch_index(ids.dtype(), [&](auto tag) {
      using I = decltype(tag);
      const I* id = ids.data<const I>();
      launch(count_kernel<I>, {.grid = blocks_for(count, kBlock), .block = kBlock}, id, count, rows, fault,
             starts);
      launch(scan_kernel, {.grid = 1, .block = kSortBlock}, rows, starts);
      launch(place_kernel<I>, {.grid = 1, .block = kSortBlock}, id, count, rows, starts, sorted);
    });
    close_fault_slot(fault, out_of_range("embedding_backward", rows));
  }
  if (width == 0) return;
  dispatch_floating(grad.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const dim3 grid(static_cast<unsigned>(rows), blocks_for(width, kBlock));
    const unsigned threads = static_cast<unsigned>(std::min<int64_t>(kBlock, (width + 31) / 32 * 32));
    launch(embedding_backward_kernel<T>, {.grid = grid, .block = threads}, grad.data<const T>(), starts,
           sorted, width, y.data<T>());
  });
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kEmbedding(embedding_kernels, kDevice, kAllDTypes | kBlockDTypes | kNF4_DQ, embedding);
const RegisterKernel kEmbeddingBackward(embedding_backward_kernels, kDevice, kFloating, embedding_backward);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
