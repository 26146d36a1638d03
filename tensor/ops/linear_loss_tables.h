// What losses that are fused with their projection share: one pass over chunks of rows, which never holds all
// logits. N rows, V classes.
#ifndef ROUX_TENSOR_OPS_LINEAR_LOSS_TABLES_H_
#define ROUX_TENSOR_OPS_LINEAR_LOSS_TABLES_H_

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "tensor/ops/loss.h"
#include "tensor/tables.h"

namespace roux {

// What stands before the names of x and of weight, bias and softcap in errors.
struct ProjectionNames {
  const char *of_x = "", *of_output = "";
};
// The spec of the logits.
absl::StatusOr<TensorSpec> projected_spec(const ProjectionNames& names, const TensorSpec& x,
                                          const OutputProjection& output);
// The logits, in primitives.
Tensor project(const Tensor& x, const OutputProjection& output);
// x with zeros in the rows [N, D] that do not count (bool [N]): what is not finite there would reach the
// gradient of a weight as 0 * NaN.
Tensor rows_that_count(const Tensor& x, const Tensor& counts);

// Where gradients go; null: not needed.
struct ProjectionGradients {
  Tensor *x = nullptr, *weight = nullptr, *bias = nullptr;
  bool any() const { return x != nullptr || weight != nullptr || bias != nullptr; }
};
// For an upstream gradient of 1, made in forward; undefined where not needed.
struct ForwardGradients {
  Tensor x = {}, weight = {}, bias = {};
  ProjectionGradients wanted(const Tensor& x, const OutputProjection& output);
};
// What backward reads.
struct ProjectionSaved {
  ProjectionSaved(const Tensor& x, const OutputProjection& output, ForwardGradients made, const Shape& shape);
  OutputProjection output() const { return {weight.get(), bias.get(), softcap}; }

  SavedTensor x, weight, bias;  // x: [N, D]
  std::optional<double> softcap;
  ForwardGradients made;
  Shape shape;  // of x as given: [..., D]
};

// One pass over chunks of the rows of x [N, D], nothing recorded. `rows` gets the logits [end - begin, V] of
// each chunk and, where a gradient is asked for, replaces them by their gradient (0 in rows that do not
// count). `held`: how many tensors of that size live at once. Writes grad_x like x, grad_weight [V, D] and
// grad_bias [V] in `statistics`.
using ChunkOfLogits = void(int64_t begin, int64_t end, Tensor& logits);
void linear_loss_pass(const Tensor& x, const OutputProjection& output, const Tensor& counts, DType statistics,
                      int64_t held, absl::FunctionRef<ChunkOfLogits> rows,
                      const ProjectionGradients& gradients);
// What backward makes of the gradients that a pass wrote in forward: times a scalar grad_output, in whose
// place rows that do not count (and weight and bias, when none counts) see 0 where it is not finite.
void scale_linear_gradients(const Tensor& counts, const Tensor& grad_output,
                            const ProjectionGradients& gradients);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_LINEAR_LOSS_TABLES_H_
