#include "tensor/cpu/transposed_copy.h"

#include <algorithm>
#include <cstring>

#include "tensor/cpu/elementwise_loops.h"

namespace roux::cpu {
namespace {

// A tile is two cache lines of y by one of x (of 4-byte elements). Small enough that its lines stay in the
// cache even when rows are a power of two apart and fall into the same sets.
constexpr int64_t kRows = 32;  // of x
constexpr int64_t kColumns = 16;
constexpr int64_t kShort = 8;  // shorter axes gain nothing from tiles

// y[j, i] = x[i, j] for 8 x 8 elements; rows are x_row and y_row elements apart.
template <class Bits>
void transpose_8x8(const Bits* x, int64_t x_row, Bits* y, int64_t y_row) {
  for (int64_t j = 0; j < 8; ++j) {
    for (int64_t i = 0; i < 8; ++i) y[j * y_row + i] = x[i * x_row + j];
  }
}

// In registers: rows are interleaved pairwise by one element, then by two, then halves are exchanged.
template <>
void transpose_8x8(const uint32_t* x, int64_t x_row, uint32_t* y, int64_t y_row) {
  typedef uint32_t Row __attribute__((vector_size(32), aligned(4)));
  Row row[8], ones[8], twos[8];
  for (int i = 0; i < 8; ++i) std::memcpy(&row[i], x + i * x_row, sizeof(Row));
  for (int i = 0; i < 8; i += 2) {
    ones[i] = __builtin_shufflevector(row[i], row[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    ones[i + 1] = __builtin_shufflevector(row[i], row[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int i = 0; i < 8; i += 4) {
    for (int half = 0; half < 2; ++half) {
      const Row a = ones[i + half], b = ones[i + half + 2];
      twos[i + 2 * half] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
      twos[i + 2 * half + 1] = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  for (int i = 0; i < 4; ++i) {
    const Row low = __builtin_shufflevector(twos[i], twos[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    const Row high = __builtin_shufflevector(twos[i], twos[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    std::memcpy(y + i * y_row, &low, sizeof(Row));
    std::memcpy(y + (i + 4) * y_row, &high, sizeof(Row));
  }
}

template <class Bits>
void transpose_tile(const Bits* x, int64_t x_row, Bits* y, int64_t y_row, int64_t rows, int64_t columns) {
  const int64_t whole_rows = rows / 8 * 8, whole_columns = columns / 8 * 8;
  for (int64_t j = 0; j < whole_columns; j += 8) {
    for (int64_t i = 0; i < whole_rows; i += 8) {
      transpose_8x8(x + i * x_row + j, x_row, y + j * y_row + i, y_row);
    }
  }
  for (int64_t j = 0; j < columns; ++j) {
    for (int64_t i = j < whole_columns ? whole_rows : 0; i < rows; ++i) y[j * y_row + i] = x[i * x_row + j];
  }
}

template <class Bits>
void copy_planes(const Tensor& x, Tensor& y, int from) {
  const int last = y.dim() - 1;
  const int64_t rows = y.size(last), columns = y.size(from);
  const int64_t row_tiles = (rows + kRows - 1) / kRows;
  int64_t planes = 1;
  for (int axis = 0; axis < last; ++axis) {
    if (axis != from) planes *= y.size(axis);
  }
  const Bits* px = static_cast<const Bits*>(x.raw_data());
  Bits* py = static_cast<Bits*>(y.raw_data());
  parallel_for(0, planes * row_tiles, items_per_task(kRows * columns), [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      int64_t at_x = 0, at_y = 0;
      for (int64_t rest = task / row_tiles, axis = last - 1; axis >= 0; --axis) {
        const int a = static_cast<int>(axis);
        if (a == from) continue;
        at_x += rest % y.size(a) * x.strides()[a];
        at_y += rest % y.size(a) * y.strides()[a];
        rest /= y.size(a);
      }
      const int64_t i = task % row_tiles * kRows, count = std::min(kRows, rows - i);
      for (int64_t j = 0; j < columns; j += kColumns) {
        transpose_tile(px + at_x + i * x.strides()[last] + j, x.strides()[last],
                       py + at_y + j * y.strides()[from] + i, y.strides()[from], count,
                       std::min(kColumns, columns - j));
      }
    }
  });
}

}  // namespace

bool copy_transposed(const Tensor& x, Tensor& y) {
  const int last = y.dim() - 1;
  if (last < 1 || x.shape() != y.shape() || y.strides()[last] != 1 || x.strides()[last] < kShort)
    return false;
  if (y.size(last) < kShort) return false;
  for (int axis = 0; axis < last; ++axis) {
    if (x.strides()[axis] != 1 || x.size(axis) < kShort) continue;
    dispatch_bits(size_of(x.dtype()), [&](auto tag) { copy_planes<decltype(tag)>(x, y, axis); });
    return true;
  }
  return false;
}

}  // namespace roux::cpu
