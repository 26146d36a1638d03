// What tensor/cpu, cuda and autograd fill for the distillation family. All tensors are contiguous; N rows, V
// classes; "statistics" are in the loss's dtype (f64 for f64, else f32).
#ifndef ROUX_TENSOR_OPS_DISTILLATION_TABLES_H_
#define ROUX_TENSOR_OPS_DISTILLATION_TABLES_H_

#include "tensor/ops/distillation.h"
#include "tensor/ops/linear_loss_tables.h"
#include "tensor/tables.h"

namespace roux {

struct DivergenceRule {
  Divergence divergence;
  RestMass rest;
  double beta, temperature, teacher_temperature;
};

// Logits, or the K known classes of each row as TopKTeacherKernel wrote them.
struct TeacherRows {
  Tensor logits;                // [N, V]
  Tensor ids, log_probs, rest;  // [N, K] i32, ascending in a row; [N, K], [N] statistics
};

// ids[N, K] and log_probs[N, K] (statistics) of rows in any order, as rows in ascending order of ids. For
// kRenormalize log_probs are divided by the temperature and normalized. rest: the log-probability of each
// class that is not named (kRenormalize, kSpread), of all of them (kBucket), or +inf (kIgnore). Of rows that
// do not count (counts[N], bool) nothing is read; they get the ids from 0 on and zeros. Reports ids that are
// out of range or named twice in an Error that starts with `op`. Keyed by log_probs.
using TopKTeacherKernel = void(const Tensor& ids, const Tensor& log_probs, const Tensor& counts,
                               const DivergenceRule& rule, int64_t classes, const char* op,
                               Tensor& sorted_ids, Tensor& sorted_log_probs, Tensor& rest);
// What backward needs of each row, as row_stats[kDistillationStats, N]: of logits / temperature the largest
// and log(sum(exp(. - largest))), the same of the teacher's logits, the sum over classes of the derivative of
// the loss to log q, and of the bucket log q and the derivative to it.
inline constexpr int64_t kDistillationStats = 7;
// losses[N]: the divergence of each row of logits [N, V], 0 where it does not count. Keyed by logits.
using DistillationKernel = void(const Tensor& logits, const TeacherRows& teacher, const Tensor& counts,
                                const DivergenceRule& rule, Tensor& losses, Tensor& row_stats);
// grad[N, V] = row_scales times the gradient of each row's loss, 0 where it does not count; overwrites; may
// be the memory of logits.
using DistillationBackwardKernel = void(const Tensor& logits, const TeacherRows& teacher,
                                        const Tensor& counts, const DivergenceRule& rule,
                                        const Tensor& row_stats, const Tensor& row_scales, Tensor& grad);
extern constinit KernelTable<TopKTeacherKernel> top_k_teacher_kernels;
extern constinit KernelTable<DistillationKernel> distillation_kernels;
extern constinit KernelTable<DistillationBackwardKernel> distillation_backward_kernels;

// What teacher and options come to.
struct DistillationCase {
  DivergenceRule rule;
  TeacherRows teacher;  // undefined where the teacher is a projection:
  Tensor teacher_x;
  OutputProjection teacher_output;
  Tensor counts;       // [N] bool
  Tensor row_weights;  // [N] statistics: 1 where it counts
  double scale;        // of the loss
  Reduction reduction;
};
struct SavedCase {
  explicit SavedCase(const DistillationCase& c);
  DistillationCase get() const;

  SavedTensor teacher_logits, teacher_x, teacher_weight, teacher_bias, counts;
  DistillationCase rest;  // but for these
};
struct DistillationSaved {
  SavedTensor logits, row_stats;
  SavedCase c;
  Shape shape;  // of logits as given
};
struct LinearDistillationSaved {
  ProjectionSaved projection;
  SavedCase c;
};
extern constinit GradSlot<DistillationSaved> distillation_loss_grad;
extern constinit GradSlot<LinearDistillationSaved> linear_distillation_loss_grad;

// One pass over chunks of rows of x [N, D]: losses[N] where not null, and the gradients for row_scales[N].
void linear_distillation_pass(const Tensor& x, const OutputProjection& output, const DistillationCase& c,
                              const Tensor& row_scales, Tensor* losses, const ProjectionGradients& gradients);
// The losses in primitives, from a case that was validated before; for kNone they have `shape`.
Tensor distillation_from_case(const Tensor& logits, const DistillationCase& c, const Shape& shape);
Tensor linear_distillation_from_case(const Tensor& x, const OutputProjection& output,
                                     const DistillationCase& c, const Shape& shape);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_DISTILLATION_TABLES_H_
