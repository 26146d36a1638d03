// Distillation of a language model's distributions, from a teacher that runs or from what was kept of one.
// The divergences are those of tensor/ops/distillation.h; here they meet batches, models and updates.
//
//   distill_step(student, optimizer, live_teacher(teacher), micro_batches(loader, device),
//                {.divergence = {.divergence = Divergence::kForwardKL}, .update = {.lr = 1e-3}});
//
// On-policy  [GKD, Agarwal et al. 2024]: the batch is to_batch() of the student's own answers. From a table:
// teacher_table() in a part of its own, which leaves it; then cached_teacher(table) in the place of
// live_teacher(teacher).
#ifndef ROUX_RECIPES_KIT_ALIGN_DISTILL_H_
#define ROUX_RECIPES_KIT_ALIGN_DISTILL_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "nn/models/language_model.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/train/batches.h"
#include "recipes/kit/train/update.h"
#include "tensor/ops/distillation.h"
#include "tensor/tensor.h"

namespace roux::kit {

// The teacher of each token of a batch: rows [B, T].
using TeacherOf = std::function<Teacher(const LmBatch&)>;

// A forward without recording; models that drop out belong in eval mode. The model must outlive it.
TeacherOf live_teacher(const LanguageModel& model);

// Of all rows of a set, the k classes that the teacher finds likeliest at each token, with their
// log-probabilities under softmax(logits / temperature): "ids", i32 [rows, T, k], and "log_probs", f32
// [rows, T, k], on the CPU. `rows` rows at once. Throws Error unless 1 <= k <= V.
struct TeacherTable {
  int64_t k = 64;
  double temperature = 1;
  int64_t rows = 32;
  Device device = kCpu;
};
NamedTensors teacher_table(const LanguageModel& model, const WindowSet& set, const TeacherTable& options);
// Looks up batch.rows: batches of that set. The student's options then need teacher_temperature = 1, unless
// rest is kRenormalize and the table's temperature 1. Throws Error for tables of other tensors.
TeacherOf cached_teacher(const NamedTensors& table, RestMass rest);

struct DistillStep {
  // mask and reduction are set from the batch's targets.
  DistillationOptions divergence = {};
  double share = 1;  // w: the loss is (1 - w) cross-entropy of the targets + w divergence
  StepOptions update = {};
};
// [B, T]: the divergence at each target, 0 elsewhere, differentiable to the student.
Tensor token_divergences(const LanguageModel& student, const LmBatch& batch, const Teacher& teacher,
                         const DistillationOptions& options);
// Summed over the batch's targets; logits are never held at once where both models allow it.
Tensor distill_loss_sum(const LanguageModel& student, const LmBatch& batch, const Teacher& teacher,
                        const DistillStep& options);
// One update on the mean over the targets of all micro-batches.
StepResult distill_step(const LanguageModel& student, Optimizer& optimizer, const TeacherOf& teacher,
                        const std::vector<LmBatch>& micro, const DistillStep& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_ALIGN_DISTILL_H_
