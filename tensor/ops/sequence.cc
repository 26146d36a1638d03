#include "tensor/ops/sequence.h"

#include "absl/strings/str_cat.h"
#include "tensor/error.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"
#include "tensor/tables.h"

namespace roux {
namespace {

absl::StatusOr<TensorSpec> sequence_mask_spec(const TensorSpec& lengths, int64_t length) {
  if (length >= 0 && (lengths.dtype == kI32 || lengths.dtype == kI64)) {
    TensorSpec mask{kBool, lengths.shape};
    mask.shape.push_back(length);
    return mask;
  }
  return absl::InvalidArgumentError(absl::StrCat("arguments do not fit: lengths is ", to_string(lengths),
                                                 ", length is ", length,
                                                 ", needed i32 or i64 lengths and a length >= 0"));
}

// x's own spec where the mask fits.
absl::StatusOr<TensorSpec> masked_spec(const TensorSpec& x, const TensorSpec& mask) {
  const absl::StatusOr<Shape> shape = broadcast_shapes(mask.shape, x.shape);
  if (is_floating(x.dtype) && mask.dtype == kBool && shape.ok() && *shape == x.shape) return x;
  return absl::InvalidArgumentError(absl::StrCat("mask does not fit: mask is ", to_string(mask), ", x is ",
                                                 to_string(x),
                                                 ", needed a bool mask that broadcasts to a floating x"));
}

// The sum of what counts, in f32 or f64.
Tensor sum_of(const char* op, const Tensor& x, const Tensor& mask, int64_t axis) {
  common_device(op, {x, mask});
  or_throw(masked_spec(x.spec(), mask.spec()), op);
  const int at = or_throw(normalize_axis(axis, x.spec()), op);
  const DType dtype = x.dtype() == kF64 ? kF64 : kF32;
  return sum(where(mask, x.to(dtype), zeros({}, dtype, x.device())), at);
}

}  // namespace

Tensor sequence_mask(const Tensor& lengths, int64_t length) {
  common_device("sequence_mask", {lengths});
  or_throw(sequence_mask_spec(lengths.spec(), length), "sequence_mask");
  return lt(arange(0, length, 1, lengths.dtype(), lengths.device()), lengths.unsqueeze(-1));
}

Tensor masked_sum(const Tensor& x, const Tensor& mask, int64_t axis) {
  return sum_of("masked_sum", x, mask, axis).to(x.dtype());
}

Tensor masked_mean(const Tensor& x, const Tensor& mask, int64_t axis) {
  const Tensor total = sum_of("masked_mean", x, mask, axis);
  return (total / sum(expand(mask, x.shape()), axis).to(total.dtype())).to(x.dtype());
}

}  // namespace roux
