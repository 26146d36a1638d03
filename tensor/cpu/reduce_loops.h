// The two loops behind all CPU reductions, with a summation order that depends on sizes and strides alone.
//
// x's axes are split into kept and reduced ones and merged. If the fastest axis of x is a kept one, a task
// reduces a tile of neighbouring columns; otherwise it reduces one row in kLanes interleaved lanes. Both add
// blocks of elements into a cascade of levels (each level takes kFanOut results of the one below), so the
// error grows with the logarithm of the count. Long reductions are cut into chunks (reduce_chunk_length)
// whose results are combined in order.
//
// A Reducer has: In, Acc, Out; identity(); combine(a, b); map(value, parameter); finish(acc, parameter);
// const Acc* parameters (one per output, or nullptr: map and finish get identity()).
#ifndef ROUX_TENSOR_CPU_REDUCE_LOOPS_H_
#define ROUX_TENSOR_CPU_REDUCE_LOOPS_H_

#include <algorithm>
#include <array>

#include "tensor/cpu/grain.h"
#include "tensor/ops/reduce_tables.h"
#include "tensor/parallel.h"
#include "tensor/tensor.h"

namespace roux::cpu {

// Merged axes with their strides in x; walks their row-major index.
struct ReduceAxes {
  Dims sizes, strides;

  void append(int64_t size, int64_t stride) {
    if (size == 1) return;
    if (sizes.rank() > 0 && strides.back() == size * stride) {
      sizes[sizes.rank() - 1] *= size;
      strides[strides.rank() - 1] = stride;
    } else {
      sizes.push_back(size);
      strides.push_back(stride);
    }
  }
  void finish() {
    if (sizes.rank() == 0) {
      sizes.push_back(1);
      strides.push_back(0);
    }
  }
  int64_t inner_size() const { return sizes.back(); }
  int64_t inner_stride() const { return strides.back(); }
  // Offset in x of the element with that row-major index.
  int64_t offset(int64_t index) const {
    if (sizes.rank() == 1) return index * strides[0];
    int64_t at = 0;
    for (int axis = sizes.rank() - 1; axis >= 0; --axis) {
      at += index % sizes[axis] * strides[axis];
      index /= sizes[axis];
    }
    return at;
  }
};

struct ReducePlan {
  ReduceAxes kept, reduced;
  int64_t outputs = 1, count = 1;
  int64_t chunk = 1, chunks = 1;

  ReducePlan(const Tensor& x, const Tensor& y) {
    for (int axis = 0; axis < x.dim(); ++axis) {
      const int64_t size = x.shape()[axis];
      const bool is_kept = y.shape()[axis] == size;
      (is_kept ? kept : reduced).append(size, x.strides()[axis]);
      (is_kept ? outputs : count) *= size;
    }
    kept.finish();
    reduced.finish();
    chunk = reduce_chunk_length(outputs, count);
    chunks = std::max<int64_t>(1, (count + chunk - 1) / chunk);
  }
  bool columns() const {
    return kept.inner_stride() == 1 && kept.inner_size() > 1 &&
           !(reduced.inner_stride() == 1 && reduced.inner_size() > 1);
  }
};

// Partial results of W columns at several levels; a full level spills into the next.
template <class Reducer, int W>
class Cascade {
 public:
  using Acc = typename Reducer::Acc;
  static constexpr int kLevels = 8, kFanOut = 16;

  Cascade() { std::fill_n(level_[0], W, Reducer::identity()); }
  Acc* base() { return level_[0]; }
  // One more block has been added to base().
  void block_done(int width) {
    for (int i = 0; i + 1 < kLevels; ++i) {
      if (++filled_[i] < kFanOut) return;
      if (used_ == i + 1) {
        std::copy_n(level_[i], W, level_[i + 1]);
        ++used_;
      } else {
        for (int j = 0; j < width; ++j) level_[i + 1][j] = Reducer::combine(level_[i + 1][j], level_[i][j]);
      }
      filled_[i] = 0;
      std::fill_n(level_[i], W, Reducer::identity());
    }
  }
  // All levels added up, smallest first, into base().
  void collapse(int width) {
    for (int i = 1; i < used_; ++i) {
      for (int j = 0; j < width; ++j) level_[0][j] = Reducer::combine(level_[0][j], level_[i][j]);
    }
  }

 private:
  Acc level_[kLevels][W];
  int filled_[kLevels] = {};
  int used_ = 1;
};

constexpr int kLanes = 32;

// Elements [0, n) of a run go to the lanes in turn.
template <class Reducer, class Acc = typename Reducer::Acc>
ROUX_ALWAYS_INLINE void add_run(const typename Reducer::In* run, int64_t stride, int64_t n, Acc parameter,
                                Acc* lanes) {
  int64_t k = 0;
  for (; stride == 1 && k + kLanes <= n; k += kLanes) {
    for (int l = 0; l < kLanes; ++l) {
      lanes[l] = Reducer::combine(lanes[l], Reducer::map(static_cast<Acc>(run[k + l]), parameter));
    }
  }
  for (; k < n; ++k) {
    Acc& lane = lanes[k % kLanes];
    lane = Reducer::combine(lane, Reducer::map(static_cast<Acc>(run[k * stride]), parameter));
  }
}

// One output: elements [begin, end) of the reduced index, counted from `data`.
template <class Reducer>
ROUX_ALWAYS_INLINE typename Reducer::Acc reduce_row(const typename Reducer::In* data, const ReduceAxes& axes,
                                                    int64_t begin, int64_t end,
                                                    typename Reducer::Acc parameter) {
  using In = typename Reducer::In;
  using Acc = typename Reducer::Acc;
  constexpr int64_t kBlock = 16 * kLanes;
  Cascade<Reducer, kLanes> cascade;
  Acc lanes[kLanes];  // of the block that is not full yet
  std::fill_n(lanes, kLanes, Reducer::identity());
  int64_t in_block = 0;
  const auto add_block = [&](const Acc* block) {
    for (int l = 0; l < kLanes; ++l) cascade.base()[l] = Reducer::combine(cascade.base()[l], block[l]);
    cascade.block_done(kLanes);
  };
  const int64_t inner = axes.inner_size(), stride = axes.inner_stride();
  for (int64_t i = begin; i < end;) {
    int64_t left = std::min(end - i, inner - i % inner);
    const In* run = data + axes.offset(i);
    i += left;
    while (left > 0) {
      if (in_block == 0 && stride == 1 && left >= kBlock) {  // in registers
        Acc block[kLanes];
        std::fill_n(block, kLanes, Reducer::identity());
        add_run<Reducer>(run, 1, kBlock, parameter, block);
        add_block(block);
        run += kBlock;
        left -= kBlock;
        continue;
      }
      const int64_t n = std::min(left, kBlock - in_block);
      add_run<Reducer>(run, stride, n, parameter, lanes);
      run += n * stride;
      left -= n;
      in_block += n;
      if (in_block == kBlock) {
        add_block(lanes);
        std::fill_n(lanes, kLanes, Reducer::identity());
        in_block = 0;
      }
    }
  }
  cascade.collapse(kLanes);
  for (int l = 0; l < kLanes; ++l) lanes[l] = Reducer::combine(lanes[l], cascade.base()[l]);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int l = 0; l < width; ++l) lanes[l] = Reducer::combine(lanes[l], lanes[l + width]);
  }
  return lanes[0];
}

// `width` outputs side by side (stride 1 in x): elements [begin, end) of the reduced index.
template <class Reducer, int W>
void reduce_columns(const Reducer&, const typename Reducer::In* data, const ReduceAxes& axes, int64_t begin,
                    int64_t end, int width, const typename Reducer::Acc* parameters,
                    typename Reducer::Acc* out) {
  using In = typename Reducer::In;
  using Acc = typename Reducer::Acc;
  constexpr int64_t kRows = 4;
  Cascade<Reducer, W> cascade;
  Acc parameter[W];
  for (int j = 0; j < width; ++j) parameter[j] = parameters ? parameters[j] : Reducer::identity();
  for (int64_t i = begin; i < end; i += kRows) {
    Acc* __restrict acc = cascade.base();
    if (end - i >= kRows) {
      const In* r0 = data + axes.offset(i);
      const In* r1 = data + axes.offset(i + 1);
      const In* r2 = data + axes.offset(i + 2);
      const In* r3 = data + axes.offset(i + 3);
      for (int j = 0; j < width; ++j) {
        const Acc a = Reducer::combine(Reducer::map(static_cast<Acc>(r0[j]), parameter[j]),
                                       Reducer::map(static_cast<Acc>(r1[j]), parameter[j]));
        const Acc b = Reducer::combine(Reducer::map(static_cast<Acc>(r2[j]), parameter[j]),
                                       Reducer::map(static_cast<Acc>(r3[j]), parameter[j]));
        acc[j] = Reducer::combine(acc[j], Reducer::combine(a, b));
      }
    } else {
      for (int64_t row = i; row < end; ++row) {
        const In* r = data + axes.offset(row);
        for (int j = 0; j < width; ++j) {
          acc[j] = Reducer::combine(acc[j], Reducer::map(static_cast<Acc>(r[j]), parameter[j]));
        }
      }
    }
    cascade.block_done(width);
  }
  cascade.collapse(width);
  std::copy_n(cascade.base(), width, out);
}

// Fills y (contiguous, x's rank, size 1 where reduced).
template <class Reducer>
void reduce_loop(const Tensor& x, const Reducer& reducer, Tensor& y, Tensor& partials) {
  using Acc = typename Reducer::Acc;
  using Out = typename Reducer::Out;
  constexpr int kTile = 128;
  const ReducePlan plan(x, y);
  if (plan.outputs == 0) return;
  const auto* px = static_cast<const typename Reducer::In*>(x.raw_data());
  Out* py = y.data<Out>();
  const bool chunked = plan.chunks > 1;
  Acc* pp = chunked ? static_cast<Acc*>(partials.raw_data()) : nullptr;
  auto parameter_of = [&](int64_t o) {
    return reducer.parameters ? reducer.parameters[o] : Reducer::identity();
  };
  auto store = [&](int64_t chunk, int64_t o, Acc value) {
    if (chunked)
      pp[chunk * plan.outputs + o] = value;
    else
      py[o] = static_cast<Out>(reducer.finish(value, parameter_of(o)));
  };
  const int64_t length = std::min(plan.chunk, plan.count);
  if (plan.columns()) {
    const int64_t m = plan.kept.inner_size(), tiles = (m + kTile - 1) / kTile, outer = plan.outputs / m;
    const int64_t grain = items_per_task(length * std::min<int64_t>(m, kTile));
    parallel_for(0, plan.chunks * outer * tiles, grain, [&](int64_t task_begin, int64_t task_end) {
      Acc result[kTile];
      for (int64_t task = task_begin; task < task_end; ++task) {
        const int64_t chunk = task / (outer * tiles), rest = task % (outer * tiles);
        const int64_t o = rest / tiles * m + rest % tiles * kTile;
        const int width = static_cast<int>(std::min<int64_t>(kTile, m - rest % tiles * kTile));
        reduce_columns<Reducer, kTile>(reducer, px + plan.kept.offset(o), plan.reduced, chunk * plan.chunk,
                                       std::min(plan.count, (chunk + 1) * plan.chunk), width,
                                       reducer.parameters ? reducer.parameters + o : nullptr, result);
        for (int j = 0; j < width; ++j) store(chunk, o + j, result[j]);
      }
    });
  } else {
    const int64_t grain = items_per_task(length);
    parallel_for(0, plan.chunks * plan.outputs, grain, [&](int64_t task_begin, int64_t task_end) {
      for (int64_t task = task_begin; task < task_end; ++task) {
        const int64_t chunk = task / plan.outputs, o = task % plan.outputs;
        store(chunk, o,
              reduce_row<Reducer>(px + plan.kept.offset(o), plan.reduced, chunk * plan.chunk,
                                  std::min(plan.count, (chunk + 1) * plan.chunk), parameter_of(o)));
      }
    });
  }
  if (!chunked) return;
  for (int64_t o = 0; o < plan.outputs; ++o) {
    Cascade<Reducer, 1> cascade;
    for (int64_t chunk = 0; chunk < plan.chunks; ++chunk) {
      cascade.base()[0] = Reducer::combine(cascade.base()[0], pp[chunk * plan.outputs + o]);
      cascade.block_done(1);
    }
    cascade.collapse(1);
    py[o] = static_cast<Out>(reducer.finish(cascade.base()[0], parameter_of(o)));
  }
}

}  // namespace roux::cpu

#endif  // ROUX_TENSOR_CPU_REDUCE_LOOPS_H_
