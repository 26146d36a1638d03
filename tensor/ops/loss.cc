#include "tensor/ops/loss.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "tensor/ops/block_linear.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/loss_tables.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux {

constinit KernelTable<TargetWeightsKernel> target_weights_kernels("cross_entropy");
constinit KernelTable<CrossEntropyKernel> cross_entropy_kernels("cross_entropy");
constinit KernelTable<CrossEntropyBackwardKernel> cross_entropy_backward_kernels("cross_entropy_backward");
constinit GradSlot<CrossEntropySaved> cross_entropy_grad("cross_entropy", "//autograd/rules");
constinit GradSlot<LinearCrossEntropySaved> linear_cross_entropy_grad("linear_cross_entropy",
                                                                      "//autograd/rules");

namespace {

// The spec of the loss. `logits` names that argument in messages.
absl::StatusOr<TensorSpec> cross_entropy_spec(const TensorSpec& logits, const TensorSpec& targets,
                                              const CrossEntropyOptions& options) {
  auto describe = [&] { return absl::StrCat(to_string(logits), ", targets is ", to_string(targets)); };
  if (!is_floating(logits.dtype) || (targets.dtype != kI32 && targets.dtype != kI64)) {
    return absl::InvalidArgumentError(absl::StrCat("dtype is not supported: logits is ", describe(),
                                                   ", needed floating logits and i32 or i64 targets"));
  }
  const int rank = logits.shape.rank();
  if (rank == 0 || !(Shape(absl::MakeConstSpan(logits.shape.begin(), rank - 1)) == targets.shape)) {
    return absl::InvalidArgumentError(absl::StrCat("shapes do not match: logits is ", describe(),
                                                   ", needed logits [..., V] and targets [...]"));
  }
  const DType dtype = loss_dtype(logits.dtype);
  if (options.weight.defined() && !(options.weight.spec() == TensorSpec{dtype, {logits.shape.back()}})) {
    return absl::InvalidArgumentError(absl::StrCat(
        "weight has the wrong spec: weight is ", to_string(options.weight.spec()), ", logits is ",
        to_string(logits), ", needed ", to_string(TensorSpec{dtype, {logits.shape.back()}})));
  }
  if (!(options.label_smoothing >= 0 && options.label_smoothing <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat("label_smoothing is out of range: label_smoothing is ",
                                                   options.label_smoothing,
                                                   ", needed 0 <= label_smoothing <= 1"));
  }
  return TensorSpec{dtype, options.reduction == Reduction::kNone ? targets.shape : Shape{}};
}

// [..., C] as [rows, C], contiguous.
Tensor rows_of(const Tensor& x, int64_t rows) { return contiguous(x).view({rows, x.size(-1)}); }

CrossEntropyTargets prepare(const Tensor& targets, const CrossEntropyOptions& options, int64_t classes,
                            DType dtype, const char* op) {
  NoGradGuard no_grad;
  CrossEntropyTargets t;
  t.ignore_index = options.ignore_index;
  t.reduction = options.reduction;
  t.index = contiguous(targets).view({targets.numel()});
  t.row_weights = empty({dtype, t.index.shape()}, targets.device());
  target_weights_kernels.run(t.row_weights, t.index,
                             options.weight.defined() ? contiguous(options.weight.detach()) : Tensor(),
                             options.ignore_index, classes, op, t.row_weights);
  t.target_weights = t.row_weights;
  if (const double eps = options.label_smoothing; eps > 0) {
    t.target_weights = t.row_weights * (1 - eps);
    t.shares = full({classes}, eps / static_cast<double>(classes), dtype, targets.device());
    if (options.weight.defined()) t.shares = t.shares * options.weight.detach();
    t.total_share = sum(t.shares, 0, true);
  }
  return t;
}

void cross_entropy_rows(const Tensor& logits, const CrossEntropyTargets& t, Tensor& losses,
                        Tensor& row_stats) {
  cross_entropy_kernels.run(logits, logits, t.index, t.target_weights, t.shares, t.ignore_index, losses,
                            row_stats);
}

// The targets of rows [begin, end).
CrossEntropyTargets slice_of(CrossEntropyTargets t, int64_t begin, int64_t end) {
  for (Tensor* each : {&t.index, &t.row_weights, &t.target_weights}) *each = each->slice(0, begin, end);
  return t;
}

// As kept for backward, where the index comes back checked for overwriting.
CrossEntropyTargets without_index(CrossEntropyTargets t) {
  t.index = Tensor();
  return t;
}

}  // namespace

Tensor reduce_losses(const Tensor& losses, const Tensor& row_weights, Reduction reduction,
                     const Shape& shape) {
  switch (reduction) {
    case Reduction::kNone:
      return losses.view(shape);
    case Reduction::kSum:
      return sum(losses);
    default:
      return sum(losses) / sum(row_weights);
  }
}

Tensor loss_row_scales(const Tensor& row_weights, Reduction reduction) {
  const Tensor ones = ones_like(row_weights);
  return reduction == Reduction::kMean ? ones / sum(row_weights) : ones;
}

Tensor counting(const Tensor& targets, int64_t ignore_index) {
  // Weights of 1 and 0 from the kernel that compares in i64: a captured step may not copy the index to the
  // device.
  const Tensor flat = contiguous(targets).view({targets.numel()});
  Tensor weights = empty({kF32, flat.shape()}, targets.device());
  target_weights_kernels.run(weights, flat, Tensor(), ignore_index, std::numeric_limits<int64_t>::max(),
                             "cross_entropy", weights);
  return gt(weights, 0.0).view(targets.shape());
}

void cross_entropy_gradient(const Tensor& logits, const Tensor& row_stats, const CrossEntropyTargets& t,
                            const Tensor& row_scales, Tensor& grad) {
  cross_entropy_backward_kernels.run(logits, logits, t.index, row_stats, t.target_weights, row_scales,
                                     t.shares, t.total_share, t.ignore_index, grad);
}

Tensor cross_entropy_from_targets(const Tensor& logits, const CrossEntropyTargets& t, const Shape& shape) {
  const int64_t classes = logits.size(-1), count = t.index.numel();
  const Tensor rows = reshape(logits, {count, classes}).to(t.row_weights.dtype());
  const Tensor hit =
      eq(arange(0, static_cast<double>(classes), 1, t.index.dtype(), t.index.device()), t.index.unsqueeze(1));
  const Tensor counts = counting(t.index, t.ignore_index);  // other rows are not read
  const Tensor zero = zeros({}, t.row_weights.dtype(), logits.device());
  const Tensor log_probability = log_softmax_composed(rows_that_count(rows, counts));
  Tensor losses = -(sum(where(hit, log_probability, zero), -1) * t.target_weights);
  if (t.shares.defined()) losses = losses - where(counts, sum(log_probability * t.shares, -1), zero);
  return reduce_losses(losses, t.row_weights, t.reduction, shape);
}

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options) {
  common_device("cross_entropy", {logits, targets}, {options.weight});
  const TensorSpec spec =
      or_throw(cross_entropy_spec(logits.spec(), targets.spec(), options), "cross_entropy");
  const CrossEntropyTargets t = prepare(targets, options, logits.size(-1), spec.dtype, "cross_entropy");
  Tensor loss, rows, row_stats;
  {
    NoGradGuard no_grad;
    rows = rows_of(logits, targets.numel());
    Tensor losses = empty(t.row_weights.spec(), logits.device());
    row_stats = empty({spec.dtype, {2, targets.numel()}}, logits.device());
    cross_entropy_rows(rows, t, losses, row_stats);
    loss = reduce_losses(losses, t.row_weights, options.reduction, spec.shape);
  }
  return cross_entropy_grad.record({logits}, loss, [&] {
    return CrossEntropySaved{rows.detach(), t.index, row_stats, without_index(t), logits.shape()};
  });
}

Tensor cross_entropy_composed(const Tensor& logits, const Tensor& targets,
                              const CrossEntropyOptions& options) {
  common_device("cross_entropy", {logits, targets}, {options.weight});
  const TensorSpec spec =
      or_throw(cross_entropy_spec(logits.spec(), targets.spec(), options), "cross_entropy");
  return cross_entropy_from_targets(
      logits, prepare(targets, options, logits.size(-1), spec.dtype, "cross_entropy"), targets.shape());
}

namespace {

CrossEntropyTargets prepare_linear(const Tensor& x, const OutputProjection& output, const Tensor& targets,
                                   const CrossEntropyOptions& options, const char* op) {
  common_device(op, {x, output.weight, targets}, {output.bias, options.weight});
  const TensorSpec logits = or_throw(projected_spec({}, x.spec(), output), op);
  const TensorSpec spec = or_throw(cross_entropy_spec(logits, targets.spec(), options), op);
  return prepare(targets, options, logits.shape.back(), spec.dtype, op);
}

}  // namespace

void linear_cross_entropy_pass(const Tensor& x, const OutputProjection& output,
                               const CrossEntropyTargets& targets, const Tensor& row_scales, Tensor* losses,
                               const ProjectionGradients& gradients) {
  NoGradGuard no_grad;
  const DType statistics = targets.row_weights.dtype();
  if (losses != nullptr) *losses = empty(targets.row_weights.spec(), x.device());
  const auto chunk = [&](int64_t begin, int64_t end, Tensor& logits) {
    const CrossEntropyTargets t = slice_of(targets, begin, end);
    Tensor row_stats = empty({statistics, {2, end - begin}}, x.device());
    Tensor chunk_losses =
        losses != nullptr ? losses->slice(0, begin, end) : empty({statistics, {end - begin}}, x.device());
    cross_entropy_rows(logits, t, chunk_losses, row_stats);
    if (gradients.any()) {
      cross_entropy_gradient(logits, row_stats, t, row_scales.slice(0, begin, end), logits);
    }
  };
  const Tensor counts = gradients.any() ? counting(targets.index, targets.ignore_index) : Tensor();
  linear_loss_pass(x, output, counts, statistics, 1, chunk, gradients);
}

Tensor linear_cross_entropy(const Tensor& x, const OutputProjection& output, const Tensor& targets,
                            const CrossEntropyOptions& options) {
  const CrossEntropyTargets t = prepare_linear(x, output, targets, options, "linear_cross_entropy");
  const bool recorded = linear_cross_entropy_grad.wants({x, output.weight, output.bias}),
             gradients = recorded && options.reduction != Reduction::kNone;
  std::optional<ActivationsGuard> exact;
  if (recorded) exact.emplace(Activations::kExact);
  Tensor loss, rows;
  ForwardGradients made;
  {
    NoGradGuard no_grad;
    rows = rows_of(x, targets.numel());
    Tensor losses;
    linear_cross_entropy_pass(rows, output, t,
                              gradients ? loss_row_scales(t.row_weights, options.reduction) : Tensor(),
                              &losses, gradients ? made.wanted(x, output) : ProjectionGradients{});
    loss = reduce_losses(losses, t.row_weights, options.reduction, targets.shape());
  }
  return linear_cross_entropy_grad.record({x, output.weight, output.bias}, loss, [&] {
    return LinearCrossEntropySaved{{rows, output, made, x.shape()}, t.index, without_index(t)};
  });
}

Tensor linear_cross_entropy_from_targets(const Tensor& x, const OutputProjection& output,
                                         const CrossEntropyTargets& t, const Shape& shape) {
  const Tensor counts = counting(t.index, t.ignore_index);
  const Tensor rows = rows_that_count(reshape(x, {t.index.numel(), x.size(-1)}), counts);
  return cross_entropy_from_targets(project(rows, output), t, shape);
}

Tensor linear_cross_entropy_composed(const Tensor& x, const OutputProjection& output, const Tensor& targets,
                                     const CrossEntropyOptions& options) {
  return linear_cross_entropy_from_targets(
      x, output, prepare_linear(x, output, targets, options, "linear_cross_entropy"), targets.shape());
}

}  // namespace roux
