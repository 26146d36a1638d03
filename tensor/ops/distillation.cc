#include "tensor/ops/distillation.h"

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "tensor/ops/block_linear.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/distillation_tables.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/loss_tables.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux {

constinit KernelTable<TopKTeacherKernel> top_k_teacher_kernels("distillation_loss");
constinit KernelTable<DistillationKernel> distillation_kernels("distillation_loss");
constinit KernelTable<DistillationBackwardKernel> distillation_backward_kernels("distillation_loss_backward");
constinit GradSlot<DistillationSaved> distillation_loss_grad("distillation_loss", "//autograd/rules");
constinit GradSlot<LinearDistillationSaved> linear_distillation_loss_grad("linear_distillation_loss",
                                                                          "//autograd/rules");

namespace {

template <class... Parts>
absl::Status invalid(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(parts...));
}

Shape without_last(const Shape& shape) { return Shape(absl::MakeConstSpan(shape.begin(), shape.rank() - 1)); }

bool is_top_k(const Teacher& teacher) { return teacher.ids.defined() || teacher.log_probs.defined(); }
bool is_projection(const Teacher& teacher) { return teacher.x.defined() || teacher.output.weight.defined(); }

absl::Status check_top_k(const TensorSpec& logits, const Teacher& teacher,
                         const DistillationOptions& options) {
  if (!teacher.ids.defined() || !teacher.log_probs.defined()) {
    return invalid("teacher lacks ", teacher.ids.defined() ? "log_probs" : "ids", ", needed both");
  }
  const TensorSpec &ids = teacher.ids.spec(), &log_probs = teacher.log_probs.spec();
  const int64_t classes = logits.shape.back(), k = ids.shape.rank() > 0 ? ids.shape.back() : 0;
  if ((ids.dtype != kI32 && ids.dtype != kI64) || !is_floating(log_probs.dtype) ||
      !(ids.shape == log_probs.shape) || k < 1 || k > classes ||
      !(without_last(ids.shape) == without_last(logits.shape))) {
    return invalid("teacher does not match: teacher.ids is ", to_string(ids), ", teacher.log_probs is ",
                   to_string(log_probs), ", logits is ", to_string(logits),
                   ", needed i32 or i64 ids and floating log_probs [..., K] of logits [..., V], 1 <= K <= V");
  }
  if (options.divergence == Divergence::kReverseKL && teacher.rest == RestMass::kRenormalize && k < classes) {
    return invalid("reverse KL is infinite where the teacher has no mass: teacher.rest is kRenormalize with ",
                   k, " of ", classes, " classes, needed kSpread, kBucket or kIgnore");
  }
  const double temperature = options.teacher_temperature.value_or(options.temperature);
  if (teacher.rest != RestMass::kRenormalize && temperature != 1) {
    return invalid("the mass outside of the top classes is known at temperature 1 alone: the teacher's is ",
                   temperature, ", needed teacher_temperature 1, or rest kRenormalize");
  }
  return absl::OkStatus();
}

absl::Status check_options(const TensorSpec& logits, const DistillationOptions& options) {
  if (options.mask.defined() && !(options.mask.spec() == TensorSpec{kBool, without_last(logits.shape)})) {
    return invalid("mask has the wrong spec: mask is ", to_string(options.mask.spec()), ", logits is ",
                   to_string(logits), ", needed ", to_string(TensorSpec{kBool, without_last(logits.shape)}));
  }
  for (double temperature : {options.temperature, options.teacher_temperature.value_or(1)}) {
    if (!(temperature > 0 && std::isfinite(temperature))) {
      return invalid("temperature is out of range: it is ", temperature, ", needed a number above 0");
    }
  }
  if (options.divergence == Divergence::kJensenShannon && !(options.beta > 0 && options.beta < 1)) {
    return invalid("beta is out of range: beta is ", options.beta, ", needed 0 < beta < 1");
  }
  return absl::OkStatus();
}

// The spec of the loss. projected: the student's logits are linear(x, weight).
absl::StatusOr<TensorSpec> distillation_spec(const TensorSpec& logits, const Teacher& teacher,
                                             const DistillationOptions& options, bool projected) {
  if (!is_floating(logits.dtype) || logits.shape.rank() == 0) {
    return invalid("logits do not fit: logits is ", to_string(logits), ", needed floating [..., V]");
  }
  if (teacher.logits.defined() + is_projection(teacher) + is_top_k(teacher) != 1) {
    return invalid("teacher must have one form: logits, x and output, or ids and log_probs");
  }
  if (is_projection(teacher) && !projected) {
    return invalid("teacher.x and teacher.output are for linear_distillation_loss, needed teacher.logits");
  }
  if (is_top_k(teacher)) {
    ROUX_RETURN_IF_ERROR(check_top_k(logits, teacher, options));
  } else {
    TensorSpec theirs;
    if (is_projection(teacher)) {
      if (!teacher.x.defined() || !teacher.output.weight.defined()) {
        return invalid("teacher lacks ", teacher.x.defined() ? "output" : "x", ", needed both");
      }
      ROUX_ASSIGN_OR_RETURN(
          theirs, projected_spec({"teacher.", "teacher.output."}, teacher.x.spec(), teacher.output));
    } else {
      theirs = teacher.logits.spec();
    }
    if (!(theirs == logits)) {
      return invalid("teacher does not match: its logits are ", to_string(theirs), ", logits is ",
                     to_string(logits), ", needed the same spec");
    }
  }
  ROUX_RETURN_IF_ERROR(check_options(logits, options));
  return TensorSpec{loss_dtype(logits.dtype),
                    options.reduction == Reduction::kNone ? without_last(logits.shape) : Shape{}};
}

// [..., C] as [rows, C], contiguous, without its graph.
Tensor rows_of(const Tensor& x, int64_t rows) {
  return x.defined() ? contiguous(x.detach()).view({rows, x.size(-1)}) : x;
}

// Checks everything; x holds the rows, be it logits or what they are projected from.
DistillationCase prepare(const char* op, const Tensor& x, const TensorSpec& logits, const Teacher& teacher,
                         const DistillationOptions& options, bool projected) {
  NoGradGuard no_grad;
  const Device device = common_device(op, {x},
                                      {teacher.logits, teacher.x, teacher.output.weight, teacher.output.bias,
                                       teacher.ids, teacher.log_probs, options.mask});
  const DType dtype = or_throw(distillation_spec(logits, teacher, options, projected), op).dtype;
  const int64_t rows = numel(without_last(logits.shape));
  DistillationCase c;
  c.rule = {options.divergence, teacher.rest, options.beta, options.temperature,
            options.teacher_temperature.value_or(options.temperature)};
  c.counts = options.mask.defined() ? contiguous(options.mask).view({rows}) : full({rows}, 1, kBool, device);
  c.row_weights = c.counts.to(dtype);
  c.scale = options.scale_by_temperature_squared ? options.temperature * options.temperature : 1;
  c.reduction = options.reduction;
  if (is_top_k(teacher)) {
    const Tensor ids = rows_of(teacher.ids, rows), log_probs = rows_of(teacher.log_probs, rows).to(dtype);
    c.teacher.ids = empty({kI32, ids.shape()}, device);
    c.teacher.log_probs = empty(log_probs.spec(), device);
    c.teacher.rest = empty({dtype, {rows}}, device);
    top_k_teacher_kernels.run(log_probs, ids, log_probs, c.counts, c.rule, logits.shape.back(), op,
                              c.teacher.ids, c.teacher.log_probs, c.teacher.rest);
  } else {
    c.rule.rest = RestMass::kRenormalize;
    c.teacher.logits = rows_of(teacher.logits, rows);
    c.teacher_x = rows_of(teacher.x, rows);
    c.teacher_output = teacher.output;
    for (Tensor* each : {&c.teacher_output.weight, &c.teacher_output.bias}) {
      if (each->defined()) *each = each->detach();
    }
  }
  return c;
}
DistillationCase prepare_linear(const char* op, const Tensor& x, const OutputProjection& output,
                                const Teacher& teacher, const DistillationOptions& options) {
  common_device(op, {x, output.weight}, {output.bias});
  return prepare(op, x, or_throw(projected_spec({"", "output."}, x.spec(), output), op), teacher, options,
                 true);
}

Tensor reduced(const Tensor& losses, const DistillationCase& c, const Shape& shape) {
  const Tensor loss = reduce_losses(losses, c.row_weights, c.reduction, shape);
  return c.scale == 1 ? loss : loss * c.scale;
}

Tensor sliced(const Tensor& x, int64_t begin, int64_t end) {
  return x.defined() ? x.slice(0, begin, end) : x;
}

// The sum over outcomes (the last axis) from their log q and the constant log p.
Tensor divergence_of(const DivergenceRule& rule, const Tensor& log_q, const Tensor& log_p) {
  const Tensor zero = zeros({}, log_q.dtype(), log_q.device());
  const Tensor p = exp(log_p), no_p = eq(p, 0.0), log_q_of_p = where(no_p, zero, log_q);
  if (rule.divergence == Divergence::kCrossEntropy) return -sum(p * log_q_of_p, -1);
  const Tensor log_p_of_p = where(no_p, zero, log_p);
  if (rule.divergence == Divergence::kForwardKL) return sum(p * (log_p_of_p - log_q_of_p), -1);
  const Tensor q = exp(log_q), no_q = eq(q, 0.0), log_q_of_q = where(no_q, zero, log_q);
  if (rule.divergence == Divergence::kReverseKL) {
    return sum(q * (log_q_of_q - where(no_q, zero, log_p)), -1);
  }
  const Tensor m = p * rule.beta + q * (1 - rule.beta);
  const Tensor log_m = log(where(eq(m, 0.0), zero + 1.0, m));
  return sum(p * (log_p_of_p - log_m) * rule.beta + q * (log_q_of_q - log_m) * (1 - rule.beta), -1);
}

// The same of rows of log q [N, V] and the K known classes of the teacher.
Tensor divergence_of_top_k(const DivergenceRule& rule, const Tensor& log_q, const TeacherRows& teacher) {
  const Tensor rest = teacher.rest.unsqueeze(1);
  const bool all = teacher.ids.size(1) == log_q.size(1);
  const Tensor named = gt(scatter_add(log_q.shape(), 1, teacher.ids, ones_like(teacher.log_probs)), 0.0);
  if (rule.rest == RestMass::kRenormalize || rule.rest == RestMass::kSpread) {
    const Tensor log_p = scatter_add(log_q.shape(), 1, teacher.ids, teacher.log_probs);
    return divergence_of(rule, log_q, where(named, log_p, rest));
  }
  const Tensor known = gather(log_q, 1, teacher.ids);
  if (rule.rest == RestMass::kIgnore || all) return divergence_of(rule, known, teacher.log_probs);
  const Tensor nothing = full({}, -std::numeric_limits<double>::infinity(), log_q.dtype(), log_q.device());
  const Tensor bucket = logsumexp(where(named, nothing, log_q), -1, true);
  return divergence_of(rule, cat({known, bucket}, 1), cat({teacher.log_probs, rest}, 1));
}

}  // namespace

SavedCase::SavedCase(const DistillationCase& c)
    : teacher_logits(c.teacher.logits),
      teacher_x(c.teacher_x),
      teacher_weight(c.teacher_output.weight),
      teacher_bias(c.teacher_output.bias),
      counts(c.counts),
      rest(c) {
  for (Tensor* kept : {&rest.teacher.logits, &rest.teacher_x, &rest.teacher_output.weight,
                       &rest.teacher_output.bias, &rest.counts}) {
    *kept = Tensor();
  }
}

DistillationCase SavedCase::get() const {
  DistillationCase c = rest;
  c.teacher.logits = teacher_logits.get();
  c.teacher_x = teacher_x.get();
  c.teacher_output.weight = teacher_weight.get(), c.teacher_output.bias = teacher_bias.get();
  c.counts = counts.get();
  return c;
}

Tensor distillation_from_case(const Tensor& logits, const DistillationCase& c, const Shape& shape) {
  const DType dtype = c.row_weights.dtype();
  const auto log_softmax_at = [&](const Tensor& rows, double temperature) {
    return log_softmax_composed(rows_that_count(rows, c.counts).to(dtype) * (1 / temperature));
  };
  const Tensor log_q =
      log_softmax_at(reshape(logits, {c.counts.numel(), logits.size(-1)}), c.rule.temperature);
  const Tensor losses =
      c.teacher.logits.defined()
          ? divergence_of(c.rule, log_q, log_softmax_at(c.teacher.logits, c.rule.teacher_temperature))
          : divergence_of_top_k(c.rule, log_q, c.teacher);
  return reduced(where(c.counts, losses, zeros({}, dtype, logits.device())), c, shape);
}

Tensor distillation_loss(const Tensor& logits, const Teacher& teacher, const DistillationOptions& options) {
  common_device("distillation_loss", {logits});
  const DistillationCase c = prepare("distillation_loss", logits, logits.spec(), teacher, options, false);
  const int64_t count = c.counts.numel();
  const DType dtype = c.row_weights.dtype();
  const Tensor rows = rows_of(logits, count);
  Tensor row_stats = empty({dtype, {kDistillationStats, count}}, logits.device()), loss;
  {
    NoGradGuard no_grad;
    Tensor losses = empty({dtype, {count}}, logits.device());
    distillation_kernels.run(rows, rows, c.teacher, c.counts, c.rule, losses, row_stats);
    loss = reduced(losses, c, without_last(logits.shape()));
  }
  return distillation_loss_grad.record({logits}, loss, [&] {
    return DistillationSaved{rows, row_stats, SavedCase(c), logits.shape()};
  });
}

Tensor distillation_loss_composed(const Tensor& logits, const Teacher& teacher,
                                  const DistillationOptions& options) {
  common_device("distillation_loss", {logits});
  const DistillationCase c = prepare("distillation_loss", logits, logits.spec(), teacher, options, false);
  return distillation_from_case(logits, c, without_last(logits.shape()));
}

void linear_distillation_pass(const Tensor& x, const OutputProjection& output, const DistillationCase& c,
                              const Tensor& row_scales, Tensor* losses,
                              const ProjectionGradients& gradients) {
  NoGradGuard no_grad;
  const DType statistics = c.row_weights.dtype();
  if (losses != nullptr) *losses = empty(c.row_weights.spec(), x.device());
  const auto chunk = [&](int64_t begin, int64_t end, Tensor& logits) {
    TeacherRows teacher;
    teacher.logits = c.teacher_x.defined() ? project(c.teacher_x.slice(0, begin, end), c.teacher_output)
                                           : sliced(c.teacher.logits, begin, end);
    teacher.ids = sliced(c.teacher.ids, begin, end);
    teacher.log_probs = sliced(c.teacher.log_probs, begin, end);
    teacher.rest = sliced(c.teacher.rest, begin, end);
    const Tensor counts = c.counts.slice(0, begin, end);
    Tensor row_stats = empty({statistics, {kDistillationStats, end - begin}}, x.device());
    Tensor chunk_losses =
        losses != nullptr ? losses->slice(0, begin, end) : empty({statistics, {end - begin}}, x.device());
    distillation_kernels.run(logits, logits, teacher, counts, c.rule, chunk_losses, row_stats);
    if (gradients.any()) {
      distillation_backward_kernels.run(logits, logits, teacher, counts, c.rule, row_stats,
                                        row_scales.slice(0, begin, end), logits);
    }
  };
  linear_loss_pass(x, output, c.counts, statistics, c.teacher_x.defined() ? 2 : 1, chunk, gradients);
}

Tensor linear_distillation_loss(const Tensor& x, const OutputProjection& output, const Teacher& teacher,
                                const DistillationOptions& options) {
  const DistillationCase c = prepare_linear("linear_distillation_loss", x, output, teacher, options);
  const Tensor rows = rows_of(x, c.counts.numel());
  const bool recorded = linear_distillation_loss_grad.wants({x, output.weight, output.bias}),
             gradients = recorded && options.reduction != Reduction::kNone;
  std::optional<ActivationsGuard> exact;
  if (recorded) exact.emplace(Activations::kExact);
  Tensor loss;
  ForwardGradients made;
  {
    NoGradGuard no_grad;
    const Tensor scales = gradients ? loss_row_scales(c.row_weights, options.reduction) * c.scale : Tensor();
    Tensor losses;
    linear_distillation_pass(rows, output, c, scales, &losses,
                             gradients ? made.wanted(x, output) : ProjectionGradients{});
    loss = reduced(losses, c, without_last(x.shape()));
  }
  return linear_distillation_loss_grad.record({x, output.weight, output.bias}, loss, [&] {
    return LinearDistillationSaved{{rows, output, made, x.shape()}, SavedCase(c)};
  });
}

Tensor linear_distillation_from_case(const Tensor& x, const OutputProjection& output,
                                     const DistillationCase& given, const Shape& shape) {
  DistillationCase c = given;
  if (c.teacher_x.defined()) c.teacher.logits = project(c.teacher_x, c.teacher_output);
  const Tensor rows = rows_that_count(reshape(x, {c.counts.numel(), x.size(-1)}), c.counts);
  return distillation_from_case(project(rows, output), c, shape);
}

Tensor linear_distillation_loss_composed(const Tensor& x, const OutputProjection& output,
                                         const Teacher& teacher, const DistillationOptions& options) {
  const DistillationCase c = prepare_linear("linear_distillation_loss", x, output, teacher, options);
  return linear_distillation_from_case(x, output, c, without_last(x.shape()));
}

}  // namespace roux
