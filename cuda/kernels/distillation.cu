// CUDA kernels of distillation_loss: per row one pass for the maxima and sums of student and teacher, one for
// the terms of the loss, one for the gradient. The known classes of a top-k teacher stand in ascending order,
// and each thread walks along them as it walks along its row.
#include "absl/strings/str_cat.h"
#include "cuda/fault.h"
#include "cuda/rows.h"
#include "tensor/ops/distillation_tables.h"

namespace roux::ROUX_CUDA_NAMESPACE {
namespace {

template <class C>
constexpr C infinity() {
  return C(__builtin_inf());
}

// Where a row of row_stats[kDistillationStats, N] keeps what.
enum Stat { kLargest, kLogSum, kTeacherLargest, kTeacherLogSum, kTotal, kBucket, kBucketDerivative };

// e^x for x <= 0; exactly 0 below -87.
__device__ __forceinline__ float exp_weight(float x) { return x < -87.0f ? 0.0f : vmath::exp_normal(x); }
__device__ __forceinline__ double exp_weight(double x) { return vmath::exp(x); }

// One row of logits over a temperature.
template <class C>
struct Logits {
  C inverse, largest, log_sum;
  __device__ __forceinline__ C log_prob(C x) const { return (x * inverse - largest) - log_sum; }
};

template <class C>
struct Rule {
  Divergence divergence;
  C beta, inverse, teacher_inverse;
  bool bucket;  // and there are classes in it
};

template <class C>
struct Term {
  C loss, derivative;  // to log q, the normalization of q left aside
  __device__ __forceinline__ Term shuffled(int lanes) const {
    return {__shfl_xor_sync(kAllLanes, loss, lanes), __shfl_xor_sync(kAllLanes, derivative, lanes)};
  }
  __device__ __forceinline__ friend Term merge(Term a, Term b) {
    return {a.loss + b.loss, a.derivative + b.derivative};
  }
};

// Of one class; log_p = +inf: it does not take part. As tensor/cpu/distillation.cc, operation by operation.
template <class C>
__device__ __forceinline__ Term<C> term_of(const Rule<C>& rule, C log_q, C log_p) {
  if (log_p == infinity<C>()) return {C(0), C(0)};
  switch (rule.divergence) {
    case Divergence::kCrossEntropy:
    case Divergence::kForwardKL: {
      const C p = exp_weight(log_p), entropy = rule.divergence == Divergence::kForwardKL ? C(1) : C(0);
      if (p == C(0)) return {C(0), C(0)};
      return {p * (entropy * log_p - log_q), -p};
    }
    case Divergence::kReverseKL: {
      const C q = exp_weight(log_q);
      if (q == C(0)) return {C(0), C(0)};
      const C loss = q * (log_q - log_p);
      return {loss, loss + q};
    }
    default: {
      const C p = exp_weight(log_p), q = exp_weight(log_q), ratio = log_p - log_q;
      const C distance = ratio < C(0) ? -ratio : ratio, part = ratio > C(0) ? C(1) - rule.beta : rule.beta;
      // log of the larger of p and q over the mixture; that of the smaller is `distance` below.
      const C upper = -vmath::log((C(1) - part) + part * exp_weight(-distance));
      const C of_p = rule.beta * p * (upper - (ratio > C(0) ? C(0) : distance));
      const C of_q = (C(1) - rule.beta) * q * (upper - (ratio > C(0) ? distance : C(0)));
      const C derivative = q == C(0) ? C(0) : of_q;
      return {(p == C(0) ? C(0) : of_p) + derivative, derivative};
    }
  }
}

// The teacher of a launch: logits, or K known classes a row.
template <class T, class C>
struct Teachers {
  const T* logits;
  const int32_t* ids;
  const C *log_probs, *rest;
  int k;
};

// The K known classes of a row, asked for classes in ascending order.
template <class C>
struct Known {
  const int32_t* ids;
  const C* log_probs;
  int k;
  C rest;
  int next, id;  // the first known class from the one asked last on

  __device__ __forceinline__ static Known of_row(const int32_t* ids, const C* log_probs, int k, int64_t row,
                                                 C rest) {
    ids += row * k;
    return {ids, log_probs + row * k, k, rest, 0, ids[0]};
  }
  __device__ __forceinline__ C at(int64_t i) {
    if (id < i) {
      int high = k;
      for (++next; next < high;) {
        const int middle = next + (high - next) / 2;
        if (ids[middle] < i) {
          next = middle + 1;
        } else {
          high = middle;
        }
      }
      id = next < k ? ids[next] : INT32_MAX;
    }
    return id == i ? log_probs[next] : rest;
  }
};

template <class T, class Team, bool kDense, class C = compute_t<T>>
__global__ void __launch_bounds__(kRowBlock)
    distillation_kernel(const T* logits, Teachers<T, C> teachers, const bool* counts, Rule<C> rule,
                        int64_t rows, int64_t classes, bool packets, C* losses, C* row_stats) {
  const int64_t row = Team::row();
  if (row >= rows) return;
  if (!counts[row]) {
    if (Team::rank() == 0) {
      losses[row] = C(0);
      for (int64_t stat = 0; stat < kDistillationStats; ++stat) row_stats[stat * rows + row] = C(0);
    }
    return;
  }
  const T* x = logits + row * classes;
  const T* t = kDense ? teachers.logits + row * classes : nullptr;
  MaxSum<C> of_student{-infinity<C>(), C(0)}, of_teacher = of_student;
  if constexpr (kDense) {
    visit_row<Team>(
        classes, packets,
        [&](int64_t, C v, C w) {
          of_student.add(v * rule.inverse);
          of_teacher.add(w * rule.teacher_inverse);
        },
        x, t);
    of_teacher = Team::reduce(of_teacher);
  } else {
    visit_row<Team>(
        classes, packets, [&](int64_t, C v) { of_student.add(v * rule.inverse); }, x);
  }
  of_student = Team::reduce(of_student);
  const Logits<C> student{rule.inverse, of_student.max, vmath::log(of_student.sum)};
  Term<C> total{C(0), C(0)}, of_bucket = total;
  C teacher_largest = C(0), teacher_log_sum = C(0), bucket = C(0);
  if constexpr (kDense) {
    const Logits<C> teacher{rule.teacher_inverse, of_teacher.max, vmath::log(of_teacher.sum)};
    teacher_largest = teacher.largest;
    teacher_log_sum = teacher.log_sum;
    visit_row<Team>(
        classes, packets,
        [&](int64_t, C v, C w) {
          total = merge(total, term_of(rule, student.log_prob(v), teacher.log_prob(w)));
        },
        x, t);
    total = Team::reduce(total);
  } else {
    const C of_rest = teachers.rest[row], rest = rule.bucket ? infinity<C>() : of_rest;
    Known<C> known = Known<C>::of_row(teachers.ids, teachers.log_probs, teachers.k, row, rest);
    const bool weighs_p =
        rule.divergence == Divergence::kCrossEntropy || rule.divergence == Divergence::kForwardKL;
    MaxSum<C> outside{-infinity<C>(), C(0)};
    if (!rule.bucket && (rest == infinity<C>() || (weighs_p && rest == -infinity<C>()))) {
      // The other classes add nothing.
      for (int j = Team::rank(); j < known.k; j += Team::kSize) {
        const C log_q = student.log_prob(static_cast<C>(x[known.ids[j]]));
        total = merge(total, term_of(rule, log_q, known.log_probs[j]));
      }
    } else {
      visit_row<Team>(
          classes, packets,
          [&](int64_t i, C v) {
            const C log_q = student.log_prob(v), log_p = known.at(i);
            if (rule.bucket && log_p == infinity<C>()) {
              outside.add(log_q);
            } else {
              total = merge(total, term_of(rule, log_q, log_p));
            }
          },
          x);
    }
    total = Team::reduce(total);
    if (rule.bucket) {
      outside = Team::reduce(outside);
      bucket = outside.sum == C(0) ? -infinity<C>() : outside.max + vmath::log(outside.sum);
      of_bucket = term_of(rule, bucket, of_rest);
      total = merge(total, of_bucket);
    }
  }
  if (Team::rank() != 0) return;
  losses[row] = total.loss;
  row_stats[kLargest * rows + row] = student.largest;
  row_stats[kLogSum * rows + row] = student.log_sum;
  row_stats[kTeacherLargest * rows + row] = teacher_largest;
  row_stats[kTeacherLogSum * rows + row] = teacher_log_sum;
  row_stats[kTotal * rows + row] = total.derivative;
  row_stats[kBucket * rows + row] = bucket;
  row_stats[kBucketDerivative * rows + row] = of_bucket.derivative;
}

// The gradient to logits: (d - q sum(d)) / temperature with d the derivative to log q; scaled. grad may be
// the memory of logits.
template <class T, class Team, bool kDense, class C = compute_t<T>>
__global__ void __launch_bounds__(kRowBlock)
    distillation_backward_kernel(const T* logits, Teachers<T, C> teachers, const bool* counts, Rule<C> rule,
                                 const C* row_stats, const C* row_scales, int64_t rows, int64_t classes,
                                 bool packets, T* grad) {
  const int64_t row = Team::row();
  if (row >= rows) return;
  const T* x = logits + row * classes;
  T* out = grad + row * classes;
  if (!counts[row]) {
    transform_row<Team>(
        classes, packets, [](int64_t) { return C(0); }, out);
    return;
  }
  const Logits<C> student{rule.inverse, row_stats[kLargest * rows + row], row_stats[kLogSum * rows + row]};
  const C total = row_stats[kTotal * rows + row], scale = row_scales[row] * rule.inverse;
  const auto gradient = [=](C log_q, C derivative) {
    return scale * (derivative - exp_weight(log_q) * total);
  };
  if constexpr (kDense) {
    const Logits<C> teacher{rule.teacher_inverse, row_stats[kTeacherLargest * rows + row],
                            row_stats[kTeacherLogSum * rows + row]};
    transform_row<Team>(
        classes, packets,
        [=](int64_t, C v, C w) {
          const C log_q = student.log_prob(v);
          return gradient(log_q, term_of(rule, log_q, teacher.log_prob(w)).derivative);
        },
        out, x, teachers.logits + row * classes);
  } else {
    const C bucket = row_stats[kBucket * rows + row], of_bucket = row_stats[kBucketDerivative * rows + row];
    const C rest = rule.bucket ? infinity<C>() : teachers.rest[row];
    Known<C> known = Known<C>::of_row(teachers.ids, teachers.log_probs, teachers.k, row, rest);
    transform_row<Team>(
        classes, packets,
        [=](int64_t i, C v) mutable {
          const C log_q = student.log_prob(v), log_p = known.at(i);
          // The bucket's log q is the log of a sum: each class takes its part.
          const C inside = log_q - bucket;
          const C derivative = rule.bucket && log_p == infinity<C>()
                                   ? of_bucket * exp_weight(inside > C(0) ? C(0) : inside)
                                   : term_of(rule, log_q, log_p).derivative;
          return gradient(log_q, derivative);
        },
        out, x);
  }
}

template <class C>
struct Largest {
  C value;
  __device__ __forceinline__ Largest shuffled(int lanes) const {
    return {__shfl_xor_sync(kAllLanes, value, lanes)};
  }
  __device__ __forceinline__ friend Largest merge(Largest a, Largest b) { return a.value < b.value ? b : a; }
};

// The known classes of a row in ascending order: each goes to the number of smaller ones. That takes K^2 / 32
// or 256 comparisons, little beside a row of logits for the K that teachers are stored with.
template <class I, class C, class Team>
__global__ void __launch_bounds__(kRowBlock)
    top_k_teacher_kernel(const I* ids, const C* log_probs, const bool* counts, RestMass rest_mass, C inverse,
                         int64_t rows, int64_t k, int64_t classes, FaultSlot fault, int32_t* sorted_ids,
                         C* sorted_log_probs, C* rest) {
  const int64_t row = Team::row();
  if (row >= rows) return;
  ids += row * k;
  log_probs += row * k;
  sorted_ids += row * k;
  sorted_log_probs += row * k;
  if (!counts[row]) {
    for (int64_t i = Team::rank(); i < k; i += Team::kSize) {
      sorted_ids[i] = static_cast<int32_t>(i);
      sorted_log_probs[i] = C(0);
    }
    if (Team::rank() == 0) rest[row] = C(0);
    return;
  }
  C largest = C(0), log_total = C(0), left = infinity<C>();
  if (rest_mass == RestMass::kRenormalize) {
    Largest<C> most{-infinity<C>()};
    for (int64_t i = Team::rank(); i < k; i += Team::kSize) {
      most = merge(most, Largest<C>{log_probs[i] * inverse});
    }
    largest = Team::reduce(most).value;
    Sum<double> total{0};
    for (int64_t i = Team::rank(); i < k; i += Team::kSize) {
      total.value += vmath::exp(static_cast<double>(log_probs[i] * inverse - largest));
    }
    log_total = static_cast<C>(vmath::log(Team::reduce(total).value));
    left = -infinity<C>();
  } else if (rest_mass != RestMass::kIgnore) {
    Sum<double> mass{0};
    for (int64_t i = Team::rank(); i < k; i += Team::kSize) {
      mass.value += vmath::exp(static_cast<double>(log_probs[i]));
    }
    const double known = Team::reduce(mass).value, others = static_cast<double>(classes - k);
    const double parts = rest_mass == RestMass::kSpread ? others : 1.0;
    left = others == 0 || known >= 1 ? -infinity<C>() : static_cast<C>(vmath::log((1 - known) / parts));
  }
  if (Team::rank() == 0) rest[row] = left;
  for (int64_t i = Team::rank(); i < k; i += Team::kSize) {
    const int64_t id = ids[i];
    int64_t smaller = 0;
    bool again = false;
    for (int64_t j = 0; j < k; ++j) {
      const int64_t other = ids[j];
      const bool before = other == id && j < i;
      smaller += other < id || before;
      again |= before;
    }
    // One position for each kind of fault, ids out of range before those named twice.
    if (id < 0 || id >= classes) {
      note_bad_index(fault, row * 2 * k + i, id);
    } else if (again) {
      note_bad_index(fault, (row * 2 + 1) * k + smaller, id);
    }
    sorted_ids[smaller] = static_cast<int32_t>(min(max(id, int64_t{0}), classes - 1));
    const C value = log_probs[i];
    sorted_log_probs[smaller] =
        rest_mass == RestMass::kRenormalize ? (value * inverse - largest) - log_total : value;
  }
}

void top_k_teacher(const Tensor& ids, const Tensor& log_probs, const Tensor& counts,
                   const DivergenceRule& rule, int64_t classes, const char* op, Tensor& sorted_ids,
                   Tensor& sorted_log_probs, Tensor& rest) {
  const int64_t rows = ids.shape()[0], k = ids.shape()[1];
  if (rows == 0) return;
  const FaultSlot fault = open_fault_slot();
  dispatch_index(ids.dtype(), [&](auto index_tag) {
    using I = decltype(index_tag);
    const auto run = [&](auto tag) {
      using C = decltype(tag);
      with_team(k, [&](auto team) {
        using Team = decltype(team);
        launch(top_k_teacher_kernel<I, C, Team>, {.grid = Team::blocks(rows), .block = kRowBlock},
               ids.data<const I>(), log_probs.data<const C>(), counts.data<const bool>(), rule.rest,
               static_cast<C>(1 / rule.teacher_temperature), rows, k, classes, fault,
               sorted_ids.data<int32_t>(), sorted_log_probs.data<C>(), rest.data<C>());
      });
    };
    log_probs.dtype() == kF64 ? run(double{}) : run(float{});
  });
  close_fault_slot(fault, [=, op = std::string(op)](int64_t position, int64_t id) {
    const int64_t row = position / (2 * k), i = position % (2 * k);
    return i < k ? absl::StrCat(op, ": id is out of range: teacher.ids[", row, ", ", i,
                                "] (rows in row-major order) is ", id, ", needed 0 <= id < ", classes)
                 : absl::StrCat(op, ": id is named twice: teacher.ids of row ", row,
                                " (in row-major order) hold ", id, " twice");
  });
}

// Calls run(T, Team, dense, teachers, rule) with the kernels' types and arguments.
template <class Run>
void with_teachers(const Tensor& logits, const TeacherRows& teacher, const DivergenceRule& rule, Run run) {
  const bool dense = teacher.logits.defined();
  const int64_t classes = logits.shape()[1], k = dense ? classes : teacher.ids.shape()[1];
  dispatch_floating(logits.dtype(), [&](auto tag) {
    using T = decltype(tag);
    using C = compute_t<T>;
    const Rule<C> in{rule.divergence, static_cast<C>(rule.beta), static_cast<C>(1 / rule.temperature),
                     static_cast<C>(1 / rule.teacher_temperature),
                     rule.rest == RestMass::kBucket && k < classes};
    Teachers<T, C> teachers = {};
    if (dense) {
      teachers.logits = teacher.logits.data<const T>();
    } else {
      teachers = {nullptr, teacher.ids.data<const int32_t>(), teacher.log_probs.data<const C>(),
                  teacher.rest.data<const C>(), static_cast<int>(k)};
    }
    with_team(classes, [&](auto team) {
      dense ? run(tag, team, std::true_type(), teachers, in)
            : run(tag, team, std::false_type(), teachers, in);
    });
  });
}

void distillation(const Tensor& logits, const TeacherRows& teacher, const Tensor& counts,
                  const DivergenceRule& rule, Tensor& losses, Tensor& row_stats) {
  const int64_t rows = logits.shape()[0], classes = logits.shape()[1];
  if (rows == 0) return;
  const bool packets = rows_in_packets(classes, logits) &&
                       (!teacher.logits.defined() || rows_in_packets(classes, teacher.logits));
  with_teachers(
      logits, teacher, rule, [&](auto tag, auto team, auto dense, const auto& teachers, const auto& in) {
        using T = decltype(tag);
        using Team = decltype(team);
        using C = compute_t<T>;
        launch(distillation_kernel<T, Team, decltype(dense)::value>,
               {.grid = Team::blocks(rows), .block = kRowBlock}, logits.data<const T>(), teachers,
               counts.data<const bool>(), in, rows, classes, packets, losses.data<C>(), row_stats.data<C>());
      });
}

void distillation_backward(const Tensor& logits, const TeacherRows& teacher, const Tensor& counts,
                           const DivergenceRule& rule, const Tensor& row_stats, const Tensor& row_scales,
                           Tensor& grad) {
  const int64_t rows = logits.shape()[0], classes = logits.shape()[1];
  if (logits.numel() == 0) return;
  const bool packets = rows_in_packets(classes, logits, grad) &&
                       (!teacher.logits.defined() || rows_in_packets(classes, teacher.logits));
  with_teachers(logits, teacher, rule,
                [&](auto tag, auto team, auto dense, const auto& teachers, const auto& in) {
                  using T = decltype(tag);
                  using Team = decltype(team);
                  using C = compute_t<T>;
                  launch(distillation_backward_kernel<T, Team, decltype(dense)::value>,
                         {.grid = Team::blocks(rows), .block = kRowBlock}, logits.data<const T>(), teachers,
                         counts.data<const bool>(), in, row_stats.data<const C>(), row_scales.data<const C>(),
                         rows, classes, packets, grad.data<T>());
                });
}

constexpr DeviceType kDevice = ROUX_CUDA_DEVICE_TYPE;
const RegisterKernel kTopKTeacher(top_k_teacher_kernels, kDevice, kF32 | kF64, top_k_teacher);
const RegisterKernel kDistillation(distillation_kernels, kDevice, kFloating, distillation);
const RegisterKernel kDistillationBackward(distillation_backward_kernels, kDevice, kFloating,
                                           distillation_backward);

}  // namespace
}  // namespace roux::ROUX_CUDA_NAMESPACE
