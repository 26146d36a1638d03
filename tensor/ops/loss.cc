#include "tensor/ops/loss.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/loss_tables.h"
#include "tensor/ops/matmul.h"
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

DType statistics_dtype(DType dtype) { return dtype == kF64 ? kF64 : kF32; }

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
  const DType dtype = statistics_dtype(logits.dtype);
  if (options.weight.defined() && !(options.weight.spec() == TensorSpec{dtype, {logits.shape.back()}})) {
    return absl::InvalidArgumentError(absl::StrCat(
        "weight has the wrong spec: weight is ", to_string(options.weight.spec()), ", logits is ",
        to_string(logits), ", needed ", to_string(TensorSpec{dtype, {logits.shape.back()}})));
  }
  return TensorSpec{dtype, options.reduction == Reduction::kNone ? targets.shape : Shape{}};
}

// [..., C] as [rows, C], contiguous.
Tensor rows_of(const Tensor& x, int64_t rows) { return contiguous(x).view({rows, x.size(-1)}); }

Tensor target_weights(const Tensor& targets, const CrossEntropyOptions& options, int64_t classes, DType dtype,
                      const char* op) {
  const Tensor flat = contiguous(targets).view({targets.numel()});
  Tensor row_weights = empty({dtype, flat.shape()}, targets.device());
  target_weights_kernels.run(row_weights, flat,
                             options.weight.defined() ? contiguous(options.weight.detach()) : Tensor(),
                             options.ignore_index, classes, op, row_weights);
  return row_weights;
}

// The reduced loss from losses[N], shaped like targets for kNone.
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

}  // namespace

Tensor cross_entropy_row_scales(const Tensor& row_weights, Reduction reduction) {
  return reduction == Reduction::kMean ? row_weights / sum(row_weights) : row_weights;
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

Tensor cross_entropy_from_weights(const Tensor& logits, const Tensor& targets, const Tensor& row_weights,
                                  int64_t ignore_index, Reduction reduction) {
  const int64_t classes = logits.size(-1);
  const Tensor rows = reshape(logits, {targets.numel(), classes}).to(row_weights.dtype());
  const Tensor index = reshape(targets, {targets.numel(), 1});
  const Tensor hit = eq(arange(0, static_cast<double>(classes), 1, targets.dtype(), targets.device()), index);
  const Tensor counts = counting(index, ignore_index);  // other rows are not read
  const Tensor zero = zeros({}, row_weights.dtype(), logits.device());
  const Tensor log_probability = sum(where(hit, log_softmax_composed(where(counts, rows, zero)), zero), -1);
  return reduce_losses(-(log_probability * row_weights), row_weights, reduction, targets.shape());
}

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options) {
  common_device("cross_entropy", {logits, targets}, {options.weight});
  const TensorSpec spec =
      or_throw(cross_entropy_spec(logits.spec(), targets.spec(), options), "cross_entropy");
  Tensor loss, rows, index, row_weights, row_stats;
  {
    NoGradGuard no_grad;
    rows = rows_of(logits, targets.numel());
    index = contiguous(targets).view({targets.numel()});
    row_weights = target_weights(targets, options, logits.size(-1), spec.dtype, "cross_entropy");
    Tensor losses = empty(row_weights.spec(), logits.device());
    row_stats = empty({spec.dtype, {2, targets.numel()}}, logits.device());
    cross_entropy_kernels.run(logits, rows, index, row_weights, options.ignore_index, losses, row_stats);
    loss = reduce_losses(losses, row_weights, options.reduction, spec.shape);
  }
  return cross_entropy_grad.record({logits}, loss, [&] {
    return CrossEntropySaved{rows.detach(),     index,         row_weights, row_stats, options.ignore_index,
                             options.reduction, logits.shape()};
  });
}

Tensor cross_entropy_composed(const Tensor& logits, const Tensor& targets,
                              const CrossEntropyOptions& options) {
  common_device("cross_entropy", {logits, targets}, {options.weight});
  const TensorSpec spec =
      or_throw(cross_entropy_spec(logits.spec(), targets.spec(), options), "cross_entropy");
  const Tensor row_weights = target_weights(targets, options, logits.size(-1), spec.dtype, "cross_entropy");
  return cross_entropy_from_weights(logits, targets, row_weights, options.ignore_index, options.reduction);
}

namespace {

absl::StatusOr<TensorSpec> linear_cross_entropy_spec(const TensorSpec& x, const TensorSpec& weight,
                                                     const TensorSpec& targets,
                                                     const CrossEntropyOptions& options) {
  if (weight.shape.rank() != 2 || x.shape.rank() == 0 || x.dtype != weight.dtype ||
      x.shape.back() != weight.shape[1]) {
    return absl::InvalidArgumentError(absl::StrCat("x and weight do not match: x is ", to_string(x),
                                                   ", weight is ", to_string(weight),
                                                   ", needed x [..., D] and weight [V, D] of one dtype"));
  }
  TensorSpec logits = x;
  logits.shape[x.shape.rank() - 1] = weight.shape[0];
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

void linear_cross_entropy_pass(const Tensor& x, const Tensor& weight, const Tensor& targets,
                               const Tensor& row_weights, const Tensor& row_scales, int64_t ignore_index,
                               Tensor* losses, Tensor* grad_x, Tensor* grad_weight) {
  NoGradGuard no_grad;
  const int64_t rows = x.size(0), step = chunk_rows(rows, weight.size(0));
  const DType statistics = row_weights.dtype();
  if (grad_x != nullptr) *grad_x = empty(x.spec(), x.device());
  if (grad_weight != nullptr) {
    *grad_weight = rows > 0 ? empty({statistics, weight.shape()}, x.device())
                            : zeros(weight.shape(), statistics, x.device());
  }
  if (losses != nullptr) *losses = empty(row_weights.spec(), x.device());
  for (int64_t begin = 0; begin < rows; begin += step) {
    const int64_t end = std::min(rows, begin + step);
    const Tensor x_chunk = x.slice(0, begin, end), index = targets.slice(0, begin, end);
    Tensor logits = linear(x_chunk, weight);
    Tensor row_stats = empty({statistics, {2, end - begin}}, x.device());
    Tensor chunk_losses =
        losses != nullptr ? losses->slice(0, begin, end) : empty({statistics, {end - begin}}, x.device());
    cross_entropy_kernels.run(logits, logits, index, row_weights.slice(0, begin, end), ignore_index,
                              chunk_losses, row_stats);
    if (grad_x == nullptr && grad_weight == nullptr) continue;
    cross_entropy_backward_kernels.run(logits, logits, index, row_stats, row_scales.slice(0, begin, end),
                                       ignore_index, logits);
    if (grad_x != nullptr) copy_(grad_x->slice(0, begin, end), matmul(logits, weight));
    if (grad_weight != nullptr) {
      const Tensor part = matmul(logits.transpose(0, 1), x_chunk).to(statistics);
      if (begin == 0) {
        copy_(*grad_weight, part);
      } else {
        add_(*grad_weight, part);
      }
    }
  }
}

Tensor linear_cross_entropy(const Tensor& x, const Tensor& weight, const Tensor& targets,
                            const CrossEntropyOptions& options) {
  constexpr const char* kOp = "linear_cross_entropy";
  common_device(kOp, {x, weight, targets}, {options.weight});
  const TensorSpec spec =
      or_throw(linear_cross_entropy_spec(x.spec(), weight.spec(), targets.spec(), options), kOp);
  const bool recording = linear_cross_entropy_grad.wants({x, weight});
  Tensor loss, rows, index, row_weights, grad_x, grad_weight;
  {
    NoGradGuard no_grad;
    rows = rows_of(x, targets.numel());
    index = contiguous(targets).view({targets.numel()});
    row_weights = target_weights(targets, options, weight.size(0), spec.dtype, kOp);
    const bool gradients = recording && options.reduction != Reduction::kNone;
    Tensor losses;
    linear_cross_entropy_pass(rows, weight, index, row_weights,
                              gradients ? cross_entropy_row_scales(row_weights, options.reduction) : Tensor(),
                              options.ignore_index, &losses,
                              gradients && x.requires_grad() ? &grad_x : nullptr,
                              gradients && weight.requires_grad() ? &grad_weight : nullptr);
    loss = reduce_losses(losses, row_weights, options.reduction, spec.shape);
  }
  return linear_cross_entropy_grad.record({x, weight}, loss, [&] {
    return LinearCrossEntropySaved{
        rows.detach(),        weight.detach(),   index,    row_weights, grad_x, grad_weight,
        options.ignore_index, options.reduction, x.shape()};
  });
}

Tensor linear_cross_entropy_composed(const Tensor& x, const Tensor& weight, const Tensor& targets,
                                     const CrossEntropyOptions& options) {
  return cross_entropy_composed(linear(x, weight), targets, options);
}

}  // namespace roux
