// CPU kernels of distillation_loss. Rows are walked in tiles: log q and log p of a tile are computed from the
// statistics of student and teacher, then its terms; a top-k teacher's tile is filled from its sorted ids.
#include <algorithm>
#include <cmath>

#include "tensor/cpu/grain.h"
#include "tensor/cpu/row_softmax.h"
#include "tensor/ops/distillation_tables.h"

namespace roux::cpu {
namespace {

template <class C>
inline constexpr C kInfinity = std::numeric_limits<C>::infinity();

// Where a row of row_stats[kDistillationStats, N] keeps what.
enum Stat { kLargest, kLogSum, kTeacherLargest, kTeacherLogSum, kTotal, kBucket, kBucketDerivative };

// Elements [at, at + n) of a row of any floating dtype, as C; and back.
template <class C>
using Load = void(const void* row, int64_t at, int64_t n, C* tile);
template <class C>
using Store = void(const C* tile, int64_t at, int64_t n, void* row);
template <class T, class C = compute_t<T>>
void load_as(const void* row, int64_t at, int64_t n, C* tile) {
  load_tile(static_cast<const T*>(row) + at, n, tile);
}
template <class T, class C = compute_t<T>>
void store_as(const C* tile, int64_t at, int64_t n, void* row) {
  T* to = static_cast<T*>(row) + at;
  for (int64_t i = 0; i < n; ++i) to[i] = static_cast<T>(tile[i]);
}

int64_t tile_at(int64_t at, int64_t n) { return std::min<int64_t>(kRowTile, n - at); }

// One row of logits over a temperature.
template <class C>
struct Logits {
  const void* x;
  Load<C>* load;
  C inverse, largest = C(0), log_sum = C(0);

  ROUX_ALWAYS_INLINE void measure(int64_t n) {
    RowLanes<C> maxima(-kInfinity<C>), sums(C(0));
    C tile[kRowTile];
    for (int64_t at = 0; at < n; at += kRowTile) {
      load(x, at, tile_at(at, n), tile);
      maxima.maximise(tile, tile_at(at, n));
    }
    largest = maxima.largest() * inverse;
    for (int64_t at = 0; at < n; at += kRowTile) {
      const int64_t count = tile_at(at, n);
      load(x, at, count, tile);
      for (int64_t i = 0; i < count; ++i) tile[i] = exp_weight(tile[i] * inverse - largest);
      sums.add(tile, count);
    }
    log_sum = vmath::log(sums.sum());
  }
  // tile[i] = the log-probability of class at + i.
  ROUX_ALWAYS_INLINE void log_probs(int64_t at, int64_t n, C* tile) const {
    load(x, at, n, tile);
    for (int64_t i = 0; i < n; ++i) tile[i] = (tile[i] * inverse - largest) - log_sum;
  }
};

// The K known classes of a row, read from left to right. +inf stands for "does not take part".
template <class C>
struct TopK {
  const int32_t* ids;
  const C* log_probs;
  int64_t k;
  C rest;
  int64_t next = 0;

  ROUX_ALWAYS_INLINE void load(int64_t at, int64_t n, C* tile) {
    for (int64_t i = 0; i < n; ++i) tile[i] = rest;
    for (; next < k && ids[next] < at + n; ++next) tile[ids[next] - at] = log_probs[next];
  }
  // Overwrites the known classes of a tile that starts at `at`.
  ROUX_ALWAYS_INLINE void mask(int64_t at, int64_t n, C* tile) {
    for (; next < k && ids[next] < at + n; ++next) tile[ids[next] - at] = -kInfinity<C>;
  }
};

// values[i] = 0 where the weight is 0 (whatever it was multiplied with) and where a class takes no part. A
// loop of its own: GCC does not vectorise products under a condition.
template <class C>
ROUX_ALWAYS_INLINE void drop(const C* weights, const C* log_p, int64_t n, C* values) {
  for (int64_t i = 0; i < n; ++i) {
    const bool none = (weights[i] == C(0)) | (log_p[i] == kInfinity<C>);
    values[i] = none ? C(0) : values[i];
  }
}

// Of n <= kRowTile classes: the terms of the loss and their derivatives to log q (of the whole loss, the
// normalization of q left aside).
template <class C>
ROUX_ALWAYS_INLINE void terms(Divergence divergence, C beta, const C* log_q, const C* log_p, int64_t n,
                              C* term, C* derivative) {
  C p[kRowTile], q[kRowTile];
  switch (divergence) {
    case Divergence::kCrossEntropy:
    case Divergence::kForwardKL: {
      const C entropy = divergence == Divergence::kForwardKL ? C(1) : C(0);
      for (int64_t i = 0; i < n; ++i) {
        p[i] = exp_weight(log_p[i]);
        term[i] = p[i] * (entropy * log_p[i] - log_q[i]);
        derivative[i] = -p[i];
      }
      drop(p, log_p, n, term);
      drop(p, log_p, n, derivative);
      break;
    }
    case Divergence::kReverseKL:
      for (int64_t i = 0; i < n; ++i) {
        q[i] = exp_weight(log_q[i]);
        term[i] = q[i] * (log_q[i] - log_p[i]);
        derivative[i] = term[i] + q[i];
      }
      drop(q, log_p, n, term);
      drop(q, log_p, n, derivative);
      break;
    case Divergence::kJensenShannon:
      for (int64_t i = 0; i < n; ++i) {
        p[i] = exp_weight(log_p[i]);
        q[i] = exp_weight(log_q[i]);
        const C ratio = log_p[i] - log_q[i], distance = std::abs(ratio);
        const C part = ratio > C(0) ? C(1) - beta : beta;
        // log of the larger of p and q over the mixture; that of the smaller is `distance` below.
        const C upper = -vmath::log((C(1) - part) + part * exp_weight(-distance));
        term[i] = beta * p[i] * (upper - (ratio > C(0) ? C(0) : distance));
        derivative[i] = (C(1) - beta) * q[i] * (upper - (ratio > C(0) ? distance : C(0)));
      }
      drop(p, log_p, n, term);
      drop(q, log_p, n, derivative);
      for (int64_t i = 0; i < n; ++i) term[i] += derivative[i];
      break;
  }
}

template <class C>
using Terms = void(Divergence divergence, C beta, const C* log_q, const C* log_p, int64_t n, C* term,
                   C* derivative);
template <class C>
void terms_base(Divergence divergence, C beta, const C* log_q, const C* log_p, int64_t n, C* term,
                C* derivative) {
  terms(divergence, beta, log_q, log_p, n, term, derivative);
}
template <class C>
ROUX_TARGET_AVX512 void terms_avx512(Divergence divergence, C beta, const C* log_q, const C* log_p, int64_t n,
                                     C* term, C* derivative) {
  terms(divergence, beta, log_q, log_p, n, term, derivative);
}

// What is the same for all rows.
template <class C>
struct Rows {
  Terms<C>* terms = has_avx512() ? terms_avx512<C> : terms_base<C>;
  bool dense;  // the teacher's logits are there, not the known classes alone
  const char *logits, *teacher;
  Load<C>* load;
  Store<C>* store;
  const int32_t* ids;
  const C *known_log_probs, *rest;
  int64_t rows, n, k, row_bytes;
  Divergence divergence;
  C beta, inverse, teacher_inverse;
  bool bucket;  // and there are classes in it

  template <class T>
  Rows(T, const Tensor& x, const TeacherRows& t, const DivergenceRule& rule)
      : dense(t.logits.defined()),
        logits(static_cast<const char*>(x.raw_data())),
        teacher(dense ? static_cast<const char*>(t.logits.raw_data()) : nullptr),
        load(load_as<T>),
        store(store_as<T>),
        ids(dense ? nullptr : t.ids.data<const int32_t>()),
        known_log_probs(dense ? nullptr : t.log_probs.data<const C>()),
        rest(dense ? nullptr : t.rest.data<const C>()),
        rows(x.shape()[0]),
        n(x.shape()[1]),
        k(dense ? n : t.ids.shape()[1]),
        row_bytes(n * static_cast<int64_t>(sizeof(T))),
        divergence(rule.divergence),
        beta(static_cast<C>(rule.beta)),
        inverse(static_cast<C>(1 / rule.temperature)),
        teacher_inverse(static_cast<C>(1 / rule.teacher_temperature)),
        bucket(rule.rest == RestMass::kBucket && k < n) {}

  Logits<C> student(int64_t row) const { return {logits + row * row_bytes, load, inverse}; }
  Logits<C> dense_teacher(int64_t row) const {
    return {dense ? teacher + row * row_bytes : nullptr, load, teacher_inverse};
  }
  TopK<C> known(int64_t row) const {
    if (dense) return {};
    return {ids + row * k, known_log_probs + row * k, k, bucket ? kInfinity<C> : rest[row]};
  }
};

// log of the student's mass outside of the known classes.
template <class C>
ROUX_ALWAYS_INLINE C bucket_of(const Rows<C>& r, int64_t row, const Logits<C>& student) {
  RowLanes<C> maxima(-kInfinity<C>), sums(C(0));
  C tile[kRowTile];
  TopK<C> known = r.known(row);
  for (int64_t at = 0; at < r.n; at += kRowTile) {
    const int64_t count = tile_at(at, r.n);
    student.log_probs(at, count, tile);
    known.mask(at, count, tile);
    maxima.maximise(tile, count);
  }
  const C largest = maxima.largest();
  if (largest == -kInfinity<C>) return largest;
  known = r.known(row);
  for (int64_t at = 0; at < r.n; at += kRowTile) {
    const int64_t count = tile_at(at, r.n);
    student.log_probs(at, count, tile);
    known.mask(at, count, tile);
    for (int64_t i = 0; i < count; ++i) tile[i] = exp_weight(tile[i] - largest);
    sums.add(tile, count);
  }
  return largest + vmath::log(sums.sum());
}

// The loss of a row; writes its statistics.
template <class C>
ROUX_ALWAYS_INLINE C forward_row(const Rows<C>& r, int64_t row, C* stats) {
  Logits<C> student = r.student(row), teacher = r.dense_teacher(row);
  TopK<C> known = r.known(row);
  student.measure(r.n);
  if (r.dense) teacher.measure(r.n);
  RowLanes<C> losses(C(0)), derivatives(C(0));
  C log_q[kRowTile], log_p[kRowTile], term[kRowTile], derivative[kRowTile];
  for (int64_t at = 0; at < r.n; at += kRowTile) {
    const int64_t count = tile_at(at, r.n);
    student.log_probs(at, count, log_q);
    if (r.dense) {
      teacher.log_probs(at, count, log_p);
    } else {
      known.load(at, count, log_p);
    }
    r.terms(r.divergence, r.beta, log_q, log_p, count, term, derivative);
    losses.add(term, count);
    derivatives.add(derivative, count);
  }
  C loss = losses.sum(), total = derivatives.sum(), bucket = C(0), of_bucket = C(0);
  if (r.bucket) {
    bucket = bucket_of(r, row, student);
    r.terms(r.divergence, r.beta, &bucket, r.rest + row, 1, term, &of_bucket);
    loss += term[0];
    total += of_bucket;
  }
  const C values[kDistillationStats] = {student.largest, student.log_sum, teacher.largest, teacher.log_sum,
                                        total,           bucket,          of_bucket};
  for (int64_t i = 0; i < kDistillationStats; ++i) stats[i * r.rows + row] = values[i];
  return loss;
}

// The gradient to logits: (d - q sum(d)) / temperature with d the derivative to log q; scaled.
template <class C>
ROUX_ALWAYS_INLINE void backward_row(const Rows<C>& r, int64_t row, const C* stats, C scale, char* grad) {
  const auto stat = [&](Stat which) { return stats[which * r.rows + row]; };
  Logits<C> student = r.student(row), teacher = r.dense_teacher(row);
  TopK<C> known = r.known(row);
  student.largest = stat(kLargest);
  student.log_sum = stat(kLogSum);
  teacher.largest = stat(kTeacherLargest);
  teacher.log_sum = stat(kTeacherLogSum);
  const C total = stat(kTotal), bucket = stat(kBucket), of_bucket = stat(kBucketDerivative);
  scale *= r.inverse;
  C log_q[kRowTile], log_p[kRowTile], term[kRowTile], derivative[kRowTile];
  for (int64_t at = 0; at < r.n; at += kRowTile) {
    const int64_t count = tile_at(at, r.n);
    student.log_probs(at, count, log_q);
    if (r.dense) {
      teacher.log_probs(at, count, log_p);
    } else {
      known.load(at, count, log_p);
    }
    r.terms(r.divergence, r.beta, log_q, log_p, count, term, derivative);
    if (r.bucket) {  // the bucket's log q is the log of a sum: each class takes its part
      for (int64_t i = 0; i < count; ++i) {
        const C inside = log_q[i] - bucket, part = exp_weight(inside > C(0) ? C(0) : inside);
        derivative[i] = log_p[i] == kInfinity<C> ? of_bucket * part : derivative[i];
      }
    }
    for (int64_t i = 0; i < count; ++i) term[i] = scale * (derivative[i] - exp_weight(log_q[i]) * total);
    r.store(term, at, count, grad);
  }
}

template <class C>
C forward_row_base(const Rows<C>& r, int64_t row, C* stats) {
  return forward_row(r, row, stats);
}
template <class C>
ROUX_TARGET_AVX512 C forward_row_avx512(const Rows<C>& r, int64_t row, C* stats) {
  return forward_row(r, row, stats);
}
template <class C>
void backward_row_base(const Rows<C>& r, int64_t row, const C* stats, C scale, char* grad) {
  backward_row(r, row, stats, scale, grad);
}
template <class C>
ROUX_TARGET_AVX512 void backward_row_avx512(const Rows<C>& r, int64_t row, const C* stats, C scale,
                                            char* grad) {
  backward_row(r, row, stats, scale, grad);
}

void distillation_cpu(const Tensor& logits, const TeacherRows& teacher, const Tensor& counts,
                      const DivergenceRule& rule, Tensor& losses, Tensor& row_stats) {
  dispatch_floating(logits.dtype(), [&](auto tag) {
    using C = compute_t<decltype(tag)>;
    const Rows<C> r(tag, logits, teacher, rule);
    const bool* count = counts.data<const bool>();
    C *loss = losses.data<C>(), *stats = row_stats.data<C>();
    const auto forward = has_avx512() ? forward_row_avx512<C> : forward_row_base<C>;
    parallel_for(0, r.rows, rows_per_task(2 * r.n), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        if (count[row]) {
          loss[row] = forward(r, row, stats);
          continue;
        }
        loss[row] = C(0);
        for (int64_t i = 0; i < kDistillationStats; ++i) stats[i * r.rows + row] = C(0);
      }
    });
  });
}

void distillation_backward_cpu(const Tensor& logits, const TeacherRows& teacher, const Tensor& counts,
                               const DivergenceRule& rule, const Tensor& row_stats, const Tensor& row_scales,
                               Tensor& grad) {
  dispatch_floating(logits.dtype(), [&](auto tag) {
    using C = compute_t<decltype(tag)>;
    const Rows<C> r(tag, logits, teacher, rule);
    const bool* count = counts.data<const bool>();
    const C *stats = row_stats.data<const C>(), *scale = row_scales.data<const C>();
    char* out = static_cast<char*>(grad.raw_data());
    const auto backward = has_avx512() ? backward_row_avx512<C> : backward_row_base<C>;
    parallel_for(0, r.rows, rows_per_task(2 * r.n), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        char* to = out + row * r.row_bytes;
        if (count[row]) {
          backward(r, row, stats, scale[row], to);
        } else {
          std::fill_n(to, r.row_bytes, char{0});
        }
      }
    });
  });
}

const RegisterKernel kDistillation(distillation_kernels, DeviceType::kCpu, kFloating, distillation_cpu);
const RegisterKernel kDistillationBackward(distillation_backward_kernels, DeviceType::kCpu, kFloating,
                                           distillation_backward_cpu);

}  // namespace
}  // namespace roux::cpu
