#include "recipes/kit/align/distill.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "recipes/kit/align/log_probs.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/order.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux::kit {
namespace {

// What makes logits of head_transform(hidden), in the dtype that has.
OutputProjection projection_of(const LanguageModel& model, DType dtype) {
  OutputProjection out = model.output();
  if (!is_block(out.weight.dtype())) out.weight = out.weight.to(dtype);
  if (out.bias.defined()) out.bias = out.bias.to(dtype);
  return out;
}

// The mask of targets, and options that fit it.
DistillationOptions at_targets(const LmBatch& batch, DistillationOptions options, Reduction reduction) {
  ROUX_CHECK(!options.mask.defined()) << "distillation: the mask is that of the batch's targets";
  options.mask = ne(batch.target, static_cast<double>(kIgnoreTarget));
  options.reduction = reduction;
  return options;
}

Tensor divergences(const LanguageModel& student, const Tensor& hidden, const Teacher& teacher,
                   const DistillationOptions& options) {
  const Tensor h = student.head_transform(hidden);
  return linear_distillation_loss(h, projection_of(student, h.dtype()), teacher, options);
}

Tensor named(const NamedTensors& table, const std::string& name) {
  for (const auto& [key, value] : table) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

TeacherOf live_teacher(const LanguageModel& model) {
  return [&model](const LmBatch& batch) -> Teacher {
    const NoGradGuard no_grad;
    const Tensor h = model.head_transform(model.hidden(input_of(batch)));
    return {.x = h, .output = projection_of(model, h.dtype())};
  };
}

NamedTensors teacher_table(const LanguageModel& model, const WindowSet& set, const TeacherTable& options) {
  ROUX_CHECK(options.rows >= 1 && std::isfinite(options.temperature) && options.temperature > 0)
      << "teacher_table: rows is " << options.rows << ", temperature " << options.temperature
      << ", needed at least 1 and above 0";
  const NoGradGuard no_grad;
  std::vector<Tensor> ids, log_probs;
  for (int64_t begin = 0; begin < set.size(); begin += options.rows) {
    std::vector<int64_t> rows(static_cast<size_t>(std::min(options.rows, set.size() - begin)));
    std::iota(rows.begin(), rows.end(), begin);
    const Tensor logits = model.logits(input_of(to_batch(set.batch(rows), options.device)));
    ROUX_CHECK(options.k >= 1 && options.k <= logits.size(-1))
        << "teacher_table: k is " << options.k << ", needed 1 to " << logits.size(-1);
    const Ordered best = topk(log_softmax(logits.to(kF32) / options.temperature), options.k);
    ids.push_back(to_device(best.indices.to(kI32), kCpu));
    log_probs.push_back(to_device(best.values, kCpu));
  }
  return {{"ids", cat(ids, 0)}, {"log_probs", cat(log_probs, 0)}};
}

TeacherOf cached_teacher(const NamedTensors& table, RestMass rest) {
  const Tensor ids = named(table, "ids"), log_probs = named(table, "log_probs");
  ROUX_CHECK(ids.defined() && log_probs.defined() && ids.dim() == 3 && ids.shape() == log_probs.shape() &&
             ids.dtype() == kI32 && log_probs.dtype() == kF32)
      << "cached_teacher: ids is " << (ids.defined() ? to_string(ids.spec()) : "missing") << ", log_probs is "
      << (log_probs.defined() ? to_string(log_probs.spec()) : "missing")
      << ", needed i32 and f32 [rows, T, k]";
  return [ids, log_probs, rest](const LmBatch& batch) -> Teacher {
    const auto rows = static_cast<int64_t>(batch.rows.size());
    ROUX_CHECK(rows == batch.target.size(0) && batch.target.size(1) == ids.size(1))
        << "cached_teacher: the batch is " << batch.target.spec() << " of " << rows
        << " rows of a set, the table " << ids.spec() << ", needed rows of its set";
    const Tensor index = tensor(batch.rows, {rows}, ids.device());
    const Device device = batch.target.device();
    return {.ids = to_device(index_select(ids, 0, index), device),
            .log_probs = to_device(index_select(log_probs, 0, index), device),
            .rest = rest};
  };
}

Tensor token_divergences(const LanguageModel& student, const LmBatch& batch, const Teacher& teacher,
                         const DistillationOptions& options) {
  return divergences(student, student.hidden(input_of(batch)), teacher,
                     at_targets(batch, options, Reduction::kNone));
}

Tensor distill_loss_sum(const LanguageModel& student, const LmBatch& batch, const Teacher& teacher,
                        const DistillStep& options) {
  ROUX_CHECK(options.share >= 0 && options.share <= 1)
      << "distill_loss_sum: share is " << options.share << ", needed in [0, 1]";
  const Tensor hidden = student.hidden(input_of(batch));
  const DistillationOptions at = at_targets(batch, options.divergence, Reduction::kSum);
  if (options.share == 1) return divergences(student, hidden, teacher, at);
  const Tensor likelihood = student.losses(hidden, batch.target, {.reduction = Reduction::kSum});
  if (options.share == 0) return likelihood;
  return (1 - options.share) * likelihood + options.share * divergences(student, hidden, teacher, at);
}

StepResult distill_step(const LanguageModel& student, Optimizer& optimizer, const TeacherOf& teacher,
                        const std::vector<LmBatch>& micro, const DistillStep& options) {
  return update(optimizer, options.update, micro, [&](const LmBatch& batch) {
    return distill_loss_sum(student, batch, options.share > 0 ? teacher(batch) : Teacher{}, options);
  });
}

}  // namespace roux::kit
