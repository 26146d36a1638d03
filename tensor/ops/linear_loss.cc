#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tensor/ops/block_linear.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/linear_loss_tables.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/matmul_tables.h"
#include "tensor/ops/quantize.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"
#include "tensor/tunable.h"

namespace roux {
namespace {

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

absl::StatusOr<TensorSpec> projected_spec(const ProjectionNames& names, const TensorSpec& x,
                                          const OutputProjection& output) {
  const TensorSpec& weight = output.weight.spec();
  const std::string x_name = absl::StrCat(names.of_x, "x"),
                    weight_name = absl::StrCat(names.of_output, "weight");
  const auto weight_is = [&] { return absl::StrCat(weight_name, " is ", to_string(weight)); };
  const bool dtypes_fit = x.dtype == weight.dtype || (is_block(weight.dtype) && is_floating(x.dtype));
  if (weight.shape.rank() != 2 || x.shape.rank() == 0 || !dtypes_fit ||
      x.shape.back() != weight.shape[1] * values_per_element(weight.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat(x_name, " and ", weight_name, " do not match: ", x_name, " is ", to_string(x), ", ",
                     weight_is(), ", needed x [..., D] and weight [V, D] of one dtype, or blocks"));
  }
  const TensorSpec per_class{x.dtype, {weight.shape[0]}};
  if (output.bias.defined() && !(output.bias.spec() == per_class)) {
    return absl::InvalidArgumentError(
        absl::StrCat(names.of_output, "bias has the wrong spec: ", names.of_output, "bias is ",
                     to_string(output.bias.spec()), ", ", weight_is(), ", needed ", to_string(per_class)));
  }
  if (output.softcap && !(*output.softcap > 0)) {
    return absl::InvalidArgumentError(absl::StrCat(names.of_output, "softcap is out of range: it is ",
                                                   *output.softcap, ", needed a number above 0"));
  }
  TensorSpec logits = x;
  logits.shape[x.shape.rank() - 1] = weight.shape[0];
  return logits;
}

Tensor project(const Tensor& x, const OutputProjection& output) {
  const Tensor logits = linear(x, output.weight, output.bias);
  return output.softcap ? tanh(logits / *output.softcap) * *output.softcap : logits;
}

Tensor rows_that_count(const Tensor& x, const Tensor& counts) {
  return where(counts.unsqueeze(1), x, zeros({}, x.dtype(), x.device()));
}

ProjectionGradients ForwardGradients::wanted(const Tensor& rows, const OutputProjection& output) {
  return {rows.requires_grad() ? &x : nullptr, output.weight.requires_grad() ? &weight : nullptr,
          output.bias.defined() && output.bias.requires_grad() ? &bias : nullptr};
}

ProjectionSaved::ProjectionSaved(const Tensor& x, const OutputProjection& output, ForwardGradients made,
                                 const Shape& shape)
    : x(x.detach()),
      weight(output.weight.detach()),
      bias(output.bias.defined() ? output.bias.detach() : Tensor()),
      softcap(output.softcap),
      made(std::move(made)),
      shape(shape) {}

void linear_loss_pass(const Tensor& x, const OutputProjection& output, const Tensor& counts, DType statistics,
                      int64_t held, absl::FunctionRef<ChunkOfLogits> rows_fn,
                      const ProjectionGradients& gradients) {
  NoGradGuard no_grad;
  std::optional<ActivationsGuard> exact;  // as block_linear has it where its product is recorded
  if (gradients.any()) exact.emplace(Activations::kExact);
  const Tensor& weight = output.weight;
  const int64_t rows = x.size(0), classes = weight.size(0);
  const bool uncap = output.softcap && gradients.any();
  const int64_t step = chunk_rows(rows, (held + (output.softcap ? 2 : 0)) * classes);
  const auto start = [&](Tensor* grad, const TensorSpec& spec) {
    if (grad != nullptr)
      *grad = rows > 0 ? empty(spec, x.device()) : zeros(spec.shape, spec.dtype, x.device());
  };
  start(gradients.x, x.spec());
  start(gradients.weight, {statistics, weight.shape()});
  start(gradients.bias, {statistics, {classes}});
  for (int64_t begin = 0; begin < rows; begin += step) {
    const int64_t end = std::min(rows, begin + step);
    Tensor x_chunk = x.slice(0, begin, end), bounded;
    if (uncap || gradients.weight != nullptr) x_chunk = rows_that_count(x_chunk, counts.slice(0, begin, end));
    Tensor logits = linear(x_chunk, weight, output.bias);
    if (output.softcap) {
      logits = logits / *output.softcap;
      bounded = tanh(logits);
      logits = bounded * *output.softcap;
    }
    rows_fn(begin, end, logits);
    if (uncap) {
      bounded = bounded * bounded;
      bounded = 1.0 - bounded;
      logits = logits * bounded;
      bounded = Tensor();
    }
    if (gradients.x != nullptr) {
      copy_(gradients.x->slice(0, begin, end),
            is_block(weight.dtype()) ? block_linear_transposed(logits, weight) : matmul(logits, weight));
    }
    if (gradients.weight != nullptr) {
      matmul_into(logits.transpose(0, 1), x_chunk, begin > 0, *gradients.weight);
    }
    if (gradients.bias != nullptr) {  // as a product, which sums 16 bits in f32
      Tensor sums = gradients.bias->view({1, classes});
      matmul_into(ones({1, end - begin}, x.dtype(), x.device()), logits, begin > 0, sums);
    }
  }
}

void scale_linear_gradients(const Tensor& counts, const Tensor& grad_output,
                            const ProjectionGradients& gradients) {
  const Tensor zero = zeros_like(grad_output);
  if (gradients.x != nullptr) {
    Tensor& grad = *gradients.x;
    grad = grad * where(counts, grad_output, zero).unsqueeze(1).to(grad.dtype());
  }
  for (Tensor* grad : {gradients.weight, gradients.bias}) {
    if (grad != nullptr) *grad = *grad * where(gt(sum(counts), 0.0), grad_output, zero);
  }
}

}  // namespace roux
