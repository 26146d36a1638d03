#include "tensor/ops/sequence.h"

#include "absl/strings/str_cat.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/scan.h"
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

DocumentBounds document_bounds(const Tensor& ids) {
  common_device("document_bounds", {ids});
  ROUX_CHECK(ids.dim() >= 1 && (ids.dtype() == kI32 || ids.dtype() == kI64))
      << "document_bounds: ids must be [..., T], i32 or i64: ids is " << ids.spec();
  NoGradGuard no_grad;
  const int64_t length = ids.size(-1);
  if (ids.numel() == 0)
    return {zeros(ids.shape(), kI32, ids.device()), zeros(ids.shape(), kI32, ids.device())};
  Shape first = ids.shape();
  first[first.rank() - 1] = 1;
  const Tensor differs = ne(slice(ids, -1, 1, length), slice(ids, -1, 0, length - 1));
  const Tensor number = cumsum(cat({zeros(first, kBool, ids.device()), differs}, -1), -1);  // of its document
  const Tensor sizes = scatter_add(ids.shape(), -1, number, ones(ids.shape(), kI64, ids.device()));
  const Tensor end = gather(cumsum(sizes, -1), -1, number);
  return {cast(end - gather(sizes, -1, number), kI32), cast(end, kI32)};
}

Tensor masked_sum(const Tensor& x, const Tensor& mask, int64_t axis) {
  return sum_of("masked_sum", x, mask, axis).to(x.dtype());
}

Tensor masked_mean(const Tensor& x, const Tensor& mask, int64_t axis) {
  const Tensor total = sum_of("masked_mean", x, mask, axis);
  return (total / sum(expand(mask, x.shape()), axis).to(total.dtype())).to(x.dtype());
}

}  // namespace roux
