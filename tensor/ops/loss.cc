#include "tensor/ops/loss.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/loss_tables.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/matmul_tables.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"
#include "tensor/tunable.h"

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

Tensor rows_that_count(const Tensor& x, const Tensor& counts) {
  return where(counts.unsqueeze(1), x, zeros({}, x.dtype(), x.device()));
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

absl::StatusOr<TensorSpec> linear_cross_entropy_spec(const TensorSpec& x, const TensorSpec& weight,
                                                     const TensorSpec& targets,
                                                     const CrossEntropyOptions& options) {
  ROUX_ASSIGN_OR_RETURN(const TensorSpec logits, linear_logits_spec("", x, weight));
  return cross_entropy_spec(logits, targets, options);
}

// Rows whose logits a chunk holds: 8 million of them (32 MB in f32), at least 128 rows.
int64_t chunk_rows(int64_t rows, int64_t classes) {
  static constinit const Tunable kChunkLogits("linear_cross_entropy.chunk_logits", 8 << 20, 24),
      kRowUnit("linear_cross_entropy.row_unit", 128, 3);
  const int64_t unit = kRowUnit,
                most = std::max(unit, kChunkLogits / std::max<int64_t>(classes, 1) / unit * unit);
  const int64_t chunks = std::max<int64_t>(1, (rows + most - 1) / most);
  return std::max<int64_t>(1, (rows + chunks - 1) / chunks);
}

}  // namespace

absl::StatusOr<TensorSpec> linear_logits_spec(const char* of, const TensorSpec& x, const TensorSpec& weight) {
  if (weight.shape.rank() != 2 || x.shape.rank() == 0 || x.dtype != weight.dtype ||
      x.shape.back() != weight.shape[1]) {
    return absl::InvalidArgumentError(absl::StrCat(of, "x and ", of, "weight do not match: ", of, "x is ",
                                                   to_string(x), ", ", of, "weight is ", to_string(weight),
                                                   ", needed x [..., D] and weight [V, D] of one dtype"));
  }
  TensorSpec logits = x;
  logits.shape[x.shape.rank() - 1] = weight.shape[0];
  return logits;
}

void linear_loss_pass(const Tensor& x, const Tensor& weight, const Tensor& counts, DType statistics,
                      int64_t held, absl::FunctionRef<ChunkOfLogits> rows_fn, Tensor* grad_x,
                      Tensor* grad_weight) {
  NoGradGuard no_grad;
  const int64_t rows = x.size(0), step = chunk_rows(rows, held * weight.size(0));
  if (grad_x != nullptr) *grad_x = empty(x.spec(), x.device());
  if (grad_weight != nullptr) {
    *grad_weight = rows > 0 ? empty({statistics, weight.shape()}, x.device())
                            : zeros(weight.shape(), statistics, x.device());
  }
  for (int64_t begin = 0; begin < rows; begin += step) {
    const int64_t end = std::min(rows, begin + step);
    const Tensor x_chunk = x.slice(0, begin, end);
    Tensor logits = linear(x_chunk, weight);
    rows_fn(begin, end, logits);
    if (grad_x != nullptr) copy_(grad_x->slice(0, begin, end), matmul(logits, weight));
    if (grad_weight != nullptr) {
      const Tensor counted = rows_that_count(x_chunk, counts.slice(0, begin, end));
      matmul_into(logits.transpose(0, 1), counted, begin > 0, *grad_weight);
    }
  }
}

void linear_cross_entropy_pass(const Tensor& x, const Tensor& weight, const CrossEntropyTargets& targets,
                               const Tensor& row_scales, Tensor* losses, Tensor* grad_x,
                               Tensor* grad_weight) {
  NoGradGuard no_grad;
  const DType statistics = targets.row_weights.dtype();
  const bool gradients = grad_x != nullptr || grad_weight != nullptr;
  if (losses != nullptr) *losses = empty(targets.row_weights.spec(), x.device());
  const auto chunk = [&](int64_t begin, int64_t end, Tensor& logits) {
    const CrossEntropyTargets t = slice_of(targets, begin, end);
    Tensor row_stats = empty({statistics, {2, end - begin}}, x.device());
    Tensor chunk_losses =
        losses != nullptr ? losses->slice(0, begin, end) : empty({statistics, {end - begin}}, x.device());
    cross_entropy_rows(logits, t, chunk_losses, row_stats);
    if (gradients) cross_entropy_gradient(logits, row_stats, t, row_scales.slice(0, begin, end), logits);
  };
  const Tensor counts = grad_weight != nullptr ? counting(targets.index, targets.ignore_index) : Tensor();
  linear_loss_pass(x, weight, counts, statistics, 1, chunk, grad_x, grad_weight);
}

void scale_linear_gradients(const Tensor& counts, const Tensor& grad_output, Tensor* grad_x,
                            Tensor* grad_weight) {
  const Tensor zero = zeros_like(grad_output);
  if (grad_x != nullptr) {
    *grad_x = *grad_x * where(counts, grad_output, zero).unsqueeze(1).to(grad_x->dtype());
  }
  if (grad_weight != nullptr) {
    *grad_weight = *grad_weight * where(gt(sum(counts), 0.0), grad_output, zero);
  }
}

Tensor linear_cross_entropy(const Tensor& x, const Tensor& weight, const Tensor& targets,
                            const CrossEntropyOptions& options) {
  constexpr const char* kOp = "linear_cross_entropy";
  common_device(kOp, {x, weight, targets}, {options.weight});
  const TensorSpec spec =
      or_throw(linear_cross_entropy_spec(x.spec(), weight.spec(), targets.spec(), options), kOp);
  const bool recording = linear_cross_entropy_grad.wants({x, weight});
  const CrossEntropyTargets t = prepare(targets, options, weight.size(0), spec.dtype, kOp);
  Tensor loss, rows, grad_x, grad_weight;
  {
    NoGradGuard no_grad;
    rows = rows_of(x, targets.numel());
    const bool gradients = recording && options.reduction != Reduction::kNone;
    Tensor losses;
    linear_cross_entropy_pass(rows, weight, t,
                              gradients ? loss_row_scales(t.row_weights, options.reduction) : Tensor(),
                              &losses, gradients && x.requires_grad() ? &grad_x : nullptr,
                              gradients && weight.requires_grad() ? &grad_weight : nullptr);
    loss = reduce_losses(losses, t.row_weights, options.reduction, spec.shape);
  }
  return linear_cross_entropy_grad.record({x, weight}, loss, [&] {
    return LinearCrossEntropySaved{rows.detach(), weight.detach(), t.index,  without_index(t),
                                   grad_x,        grad_weight,     x.shape()};
  });
}

Tensor linear_cross_entropy_from_targets(const Tensor& x, const Tensor& weight, const CrossEntropyTargets& t,
                                         const Shape& shape) {
  const Tensor counts = counting(t.index, t.ignore_index);
  const Tensor rows = rows_that_count(reshape(x, {t.index.numel(), x.size(-1)}), counts);
  return cross_entropy_from_targets(linear(rows, weight), t, shape);
}

Tensor linear_cross_entropy_composed(const Tensor& x, const Tensor& weight, const Tensor& targets,
                                     const CrossEntropyOptions& options) {
  constexpr const char* kOp = "linear_cross_entropy";
  common_device(kOp, {x, weight, targets}, {options.weight});
  const TensorSpec spec =
      or_throw(linear_cross_entropy_spec(x.spec(), weight.spec(), targets.spec(), options), kOp);
  return linear_cross_entropy_from_targets(
      x, weight, prepare(targets, options, weight.size(0), spec.dtype, kOp), targets.shape());
}

}  // namespace roux
