#include "tensor/cpu/attention_short.h"

#include <cstring>

namespace roux::cpu {
namespace {

constexpr int kLane = kRowLanes<float>;  // scores are handled in vectors of 16, on AVX2 as pairs
constexpr float kNone = -std::numeric_limits<float>::infinity();

int64_t rounded_up(int64_t n) { return (n + kLane - 1) / kLane * kLane; }

// A product's registers: kRows x 2 vectors of sums.
struct WideTile {
  typedef float Vector __attribute__((vector_size(64)));
  static constexpr int kRows = 14;
};
struct NarrowTile {
  typedef float Vector __attribute__((vector_size(32)));
  static constexpr int kRows = 6;
};

// m x k by k x n. Element (i, j) of a: a[i row + j depth].
struct Product {
  const float* a;
  int64_t row, depth;
  const float* b;
  int64_t ldb;
  float* c;
  int64_t ldc;
};

// sum += a b, each lane by one fma. GCC makes one instruction of it in this form.
template <class Vector>
ROUX_ALWAYS_INLINE void add_product(float a, const Vector& b, Vector& sum) {
  Vector next;
  for (size_t lane = 0; lane < sizeof(Vector) / sizeof(float); ++lane) {
    next[lane] = vmath::fma(a, b[lane], sum[lane]);
  }
  sum = next;
}

// kRows x kVectors of c (+)= a b over depths [0, k), in order.
template <class Vector, int kRows, int kVectors>
ROUX_ALWAYS_INLINE void multiply_block(const Product& in, int64_t k, bool accumulate) {
  constexpr int kLanes = sizeof(Vector) / sizeof(float);
  Vector sums[kRows][kVectors] = {};
  if (accumulate) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      for (int j = 0; j < kVectors; ++j) {
        std::memcpy(&sums[r][j], in.c + r * in.ldc + j * kLanes, sizeof(Vector));
      }
    }
  }
  for (int64_t i = 0; i < k; ++i) {
    Vector b[kVectors];
    for (int j = 0; j < kVectors; ++j) std::memcpy(&b[j], in.b + i * in.ldb + j * kLanes, sizeof(Vector));
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const float a = in.a[r * in.row + i * in.depth];
      for (int j = 0; j < kVectors; ++j) add_product(a, b[j], sums[r][j]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    for (int j = 0; j < kVectors; ++j) {
      std::memcpy(in.c + r * in.ldc + j * kLanes, &sums[r][j], sizeof(Vector));
    }
  }
}
// The same for n columns, a multiple of kLane.
template <class Tile, int kRows>
ROUX_ALWAYS_INLINE void multiply_rows(Product in, int64_t n, int64_t k, bool accumulate) {
  using Vector = typename Tile::Vector;
  constexpr int kLanes = sizeof(Vector) / sizeof(float);
  for (; n >= 2 * kLanes; n -= 2 * kLanes, in.b += 2 * kLanes, in.c += 2 * kLanes) {
    multiply_block<Vector, kRows, 2>(in, k, accumulate);
  }
  if (n > 0) multiply_block<Vector, kRows, 1>(in, k, accumulate);
}
// For m <= Tile::kRows rows.
template <class Tile>
ROUX_ALWAYS_INLINE void multiply(Product in, int64_t m, int64_t n, int64_t k, bool accumulate) {
  const auto past = [&](int64_t rows) {
    m -= rows;
    in.a += rows * in.row;
    in.c += rows * in.ldc;
  };
  if (m >= Tile::kRows) {
    multiply_rows<Tile, Tile::kRows>(in, n, k, accumulate);
    past(Tile::kRows);
  }
  if (Tile::kRows > 8 && m >= 8) {
    multiply_rows<Tile, 8>(in, n, k, accumulate);
    past(8);
  }
  if (m >= 4) {
    multiply_rows<Tile, 4>(in, n, k, accumulate);
    past(4);
  }
  while (m > 0) {
    multiply_rows<Tile, 1>(in, n, k, accumulate);
    past(1);
  }
}

using Row = RowVector<float>;

template <class Combine>
ROUX_ALWAYS_INLINE float folded_row(const float* row, int64_t begin, int64_t end, const Combine& combine) {
  Row::Vector all, next;
  Row::load(row + begin, all);
  for (int64_t i = begin + kLane; i < end; i += kLane) {
    Row::load(row + i, next);
    combine(next, all);
  }
  return Row::fold(all, combine);
}
ROUX_ALWAYS_INLINE float dot(const float* a, const float* b, int64_t n) {
  Row::Vector sum = {}, x, y;
  for (int64_t i = 0; i < n; i += kLane) {
    Row::load(a + i, x);
    Row::load(b + i, y);
    sum += x * y;
  }
  return Row::fold(sum, Row::add);
}

// out[j ld + i] = rows.row(i)[j], zero for i in [n, ld). width is a multiple of 4.
void transpose_rows(const Rows<const float>& rows, int64_t n, int64_t width, float* out, int64_t ld) {
  typedef float Four __attribute__((vector_size(16)));
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (int64_t j = 0; j < width; j += 4) {
      Four x[4];
      for (int r = 0; r < 4; ++r) std::memcpy(&x[r], rows.row(i + r) + j, sizeof(Four));
      const Four low_01 = __builtin_shufflevector(x[0], x[1], 0, 4, 1, 5),
                 low_23 = __builtin_shufflevector(x[2], x[3], 0, 4, 1, 5),
                 high_01 = __builtin_shufflevector(x[0], x[1], 2, 6, 3, 7),
                 high_23 = __builtin_shufflevector(x[2], x[3], 2, 6, 3, 7);
      x[0] = __builtin_shufflevector(low_01, low_23, 0, 1, 4, 5);
      x[1] = __builtin_shufflevector(low_01, low_23, 2, 3, 6, 7);
      x[2] = __builtin_shufflevector(high_01, high_23, 0, 1, 4, 5);
      x[3] = __builtin_shufflevector(high_01, high_23, 2, 3, 6, 7);
      for (int c = 0; c < 4; ++c) std::memcpy(out + (j + c) * ld + i, &x[c], sizeof(Four));
    }
  }
  for (; i < ld; ++i) {
    for (int64_t j = 0; j < width; ++j) out[j * ld + i] = i < n ? rows.row(i)[j] : 0.0f;
  }
}

// Rows [first, first + rows) of the queries and the columns, in whole vectors, that they see.
struct Group {
  int64_t first, rows;
  KeyInterval all{0, 0};
  Group(const QueryTile& tile, int64_t at, int64_t most) : first(at), rows(std::min(most, tile.rows - at)) {
    for (int64_t r = first; r < first + rows; ++r) {
      const KeyInterval& sees = tile.sees[r];
      if (sees.begin == sees.end) continue;
      all = all.begin == all.end ? sees
                                 : KeyInterval{std::min(all.begin, sees.begin), std::max(all.end, sees.end)};
    }
  }
  int64_t begin() const { return all.begin / kLane * kLane; }
  int64_t end() const { return rounded_up(all.end); }
};

// [begin, end) of a row of products become weights, unnormalised; returns {largest, total}.
struct RowSum {
  float largest, total;
};
ROUX_ALWAYS_INLINE RowSum softmax_row(float* row, int64_t begin, int64_t end, const KeyInterval& sees,
                                      float scale) {
  const int32_t low = static_cast<int32_t>(sees.begin), high = static_cast<int32_t>(sees.end);
  for (int32_t i = static_cast<int32_t>(begin); i < static_cast<int32_t>(end); ++i) {
    row[i] = i >= low && i < high ? row[i] : kNone;
  }
  float largest = folded_row(row, begin, end, Row::take_larger);
  if (largest == kNone) {
    bool hidden = true;  // or the maximum missed a NaN
    for (int64_t i = begin; i < end; ++i) hidden &= row[i] == kNone;
    if (hidden) {
      std::fill(row + begin, row + end, 0.0f);
      return {kNone, 0.0f};
    }
    largest = std::numeric_limits<float>::quiet_NaN();
  }
  for (int64_t i = begin; i < end; ++i) row[i] = exp_weight((row[i] - largest) * scale);
  return {largest, folded_row(row, begin, end, Row::add)};
}

template <class Tile>
ROUX_ALWAYS_INLINE void forward(const ShortHead& head, Scratch<float> scratch, const Rows<float>& y,
                                float* largest, float* log_sum) {
  const Problem<float>& p = head.p;
  const int64_t columns = rounded_up(p.keys);
  float *keys = scratch.take(p.width * columns),
        *weights = scratch.take(std::min<int64_t>(Tile::kRows, p.queries) * columns);
  transpose_rows(head.k, p.keys, p.width, keys, columns);
  for (int64_t first = 0; first < p.queries; first += Tile::kRows) {
    const Group group(head.tile, first, Tile::kRows);
    const int64_t begin = group.begin(), end = group.end();
    multiply<Tile>({head.q.row(first), head.q.ld, 1, keys + begin, columns, weights + begin, columns},
                   group.rows, end - begin, p.width, false);
    float inverse[Tile::kRows];
    for (int64_t r = 0; r < group.rows; ++r) {
      RowSum sum{kNone, 0.0f};
      if (begin < end)
        sum = softmax_row(weights + r * columns, begin, end, head.tile.sees[first + r], p.scale);
      const bool blind = sum.largest == kNone;
      largest[first + r] = sum.largest;
      log_sum[first + r] = blind ? 0.0f : vmath::log(sum.total);
      inverse[r] = blind ? 0.0f : 1.0f / sum.total;
    }
    multiply<Tile>(
        {weights + group.all.begin, columns, 1, head.v.row(group.all.begin), head.v.ld, y.row(first), y.ld},
        group.rows, p.v_width, group.all.end - group.all.begin, false);
    for (int64_t r = 0; r < group.rows; ++r) {
      float* out = y.row(first + r);
      for (int64_t i = 0; i < p.v_width; ++i) out[i] *= inverse[r];
    }
  }
}

// A row of products and of gradients of weights become weights and gradients of products; zero outside of
// what the query sees, in all columns.
ROUX_ALWAYS_INLINE void backward_row(float* __restrict row, float* __restrict grad, int64_t begin,
                                     int64_t end, int64_t columns, const KeyInterval& sees, float scale,
                                     float largest, float log_sum, float delta) {
  const int32_t low = static_cast<int32_t>(sees.begin),
                high = largest == kNone ? low : static_cast<int32_t>(sees.end);
  for (int32_t i = static_cast<int32_t>(begin); i < static_cast<int32_t>(end); ++i) {
    const bool seen = i >= low && i < high;
    const float weight = exp_weight((row[i] - largest) * scale - log_sum);
    row[i] = seen ? weight : 0.0f;
    grad[i] = seen ? weight * (grad[i] - delta) * scale : 0.0f;
  }
  for (float* x : {row, grad}) {
    std::fill(x, x + begin, 0.0f);
    std::fill(x + end, x + columns, 0.0f);
  }
}

template <class Tile>
ROUX_ALWAYS_INLINE void backward(const ShortHead& head, Scratch<float> scratch,
                                 const Rows<const float>& grad_y, const Rows<const float>& y,
                                 const float* largest, const float* log_sum, const float* grad_lse,
                                 const Rows<float>& grad_q, const Rows<float>& grad_k,
                                 const Rows<float>& grad_v) {
  const Problem<float>& p = head.p;
  const int64_t columns = rounded_up(p.keys);
  float *keys = scratch.take(p.width * columns), *values = scratch.take(p.v_width * columns),
        *weights = scratch.take(p.queries * columns), *grads = scratch.take(p.queries * columns);
  transpose_rows(head.k, p.keys, p.width, keys, columns);
  transpose_rows(head.v, p.keys, p.v_width, values, columns);
  for (int64_t first = 0; first < p.queries; first += Tile::kRows) {
    const Group group(head.tile, first, Tile::kRows);
    const int64_t begin = group.begin(), end = group.end(), n = end - begin;
    float *w = weights + first * columns, *g = grads + first * columns;
    multiply<Tile>({head.q.row(first), head.q.ld, 1, keys + begin, columns, w + begin, columns}, group.rows,
                   n, p.width, false);
    multiply<Tile>({grad_y.row(first), grad_y.ld, 1, values + begin, columns, g + begin, columns}, group.rows,
                   n, p.v_width, false);
    for (int64_t r = 0; r < group.rows; ++r) {
      const int64_t t = first + r;
      float delta = dot(grad_y.row(t), y.row(t), p.v_width);
      if (grad_lse) delta -= grad_lse[t];
      backward_row(w + r * columns, g + r * columns, begin, end, columns, head.tile.sees[t], p.scale,
                   largest[t], log_sum[t], delta);
    }
    multiply<Tile>({g + group.all.begin, columns, 1, head.k.row(group.all.begin), head.k.ld,
                    grad_q.row(first), grad_q.ld},
                   group.rows, p.width, group.all.end - group.all.begin, false);
  }
  for (int64_t first = 0; first < p.keys; first += Tile::kRows) {
    // The queries from the first to the last that sees one of these keys.
    const int64_t rows = std::min<int64_t>(Tile::kRows, p.keys - first);
    int64_t from = p.queries, to = 0;
    for (int64_t t = 0; t < p.queries; ++t) {
      const KeyInterval& sees = head.tile.sees[t];
      if (sees.begin >= first + rows || sees.end <= first) continue;
      from = std::min(from, t);
      to = t + 1;
    }
    if (from >= to) continue;
    multiply<Tile>({weights + from * columns + first, 1, columns, grad_y.row(from), grad_y.ld,
                    grad_v.row(first), grad_v.ld},
                   rows, p.v_width, to - from, true);
    multiply<Tile>({grads + from * columns + first, 1, columns, head.q.row(from), head.q.ld,
                    grad_k.row(first), grad_k.ld},
                   rows, p.width, to - from, true);
  }
}

struct Forward {
  template <class Tile, class... A>
  ROUX_ALWAYS_INLINE static void run(A&&... a) {
    forward<Tile>(a...);
  }
};
struct Backward {
  template <class Tile, class... A>
  ROUX_ALWAYS_INLINE static void run(A&&... a) {
    backward<Tile>(a...);
  }
};
template <class Way, class... A>
void run_base(A&&... a) {
  Way::template run<NarrowTile>(a...);
}
template <class Way, class... A>
ROUX_TARGET_AVX512 void run_avx512(A&&... a) {
  Way::template run<WideTile>(a...);
}

}  // namespace

bool has_short_heads(const Problem<float>& p) {
  return p.tiles.short_heads && p.plain && !(p.dropout > 0) && p.queries >= 4 && p.keys > 0 && p.width > 0 &&
         p.width % kLane == 0 && p.v_width > 0 && p.v_width % kLane == 0;
}

void short_forward(const ShortHead& head, Scratch<float> scratch, const Rows<float>& y, float* largest,
                   float* log_sum) {
  has_avx512() ? run_avx512<Forward>(head, scratch, y, largest, log_sum)
               : run_base<Forward>(head, scratch, y, largest, log_sum);
}

void short_backward(const ShortHead& head, Scratch<float> scratch, const Rows<const float>& grad_y,
                    const Rows<const float>& y, const float* largest, const float* log_sum,
                    const float* grad_lse, const Rows<float>& grad_q, const Rows<float>& grad_k,
                    const Rows<float>& grad_v) {
  has_avx512()
      ? run_avx512<Backward>(head, scratch, grad_y, y, largest, log_sum, grad_lse, grad_q, grad_k, grad_v)
      : run_base<Backward>(head, scratch, grad_y, y, largest, log_sum, grad_lse, grad_q, grad_k, grad_v);
}

}  // namespace roux::cpu
