// Sequences of different lengths in one tensor: masks from lengths, sums and means over the positions that
// count. The losses of this folder give one value per position with Reduction::kNone; per sequence they are
//
//   Tensor losses = cross_entropy(logits, targets, {.reduction = Reduction::kNone});     // [B, T]
//   Tensor per_sequence = masked_mean(losses, sequence_mask(lengths, losses.size(1)));   // [B]
#ifndef ROUX_TENSOR_OPS_SEQUENCE_H_
#define ROUX_TENSOR_OPS_SEQUENCE_H_

#include "tensor/tensor.h"

namespace roux {

// mask[..., t] = t < lengths[...]: bool [..., length] for lengths: [...] i32 or i64. Throws Error for another
// dtype and for length < 0.
Tensor sequence_mask(const Tensor& lengths, int64_t length);

// Where the document of each position begins and, one past its last, ends, of rows that hold several: i32
// [..., T] each, as attention takes them. ids: [..., T] i32 or i64, any number for each position; neighbours
// of one number are one document. Throws Error for another dtype and without an axis.
struct DocumentBounds {
  Tensor begin, end;
};
DocumentBounds document_bounds(const Tensor& ids);

// Sum or mean along `axis` of the elements whose mask is true; the others are not read and get a gradient of
// 0, also where they are not finite. x: floating; mask: bool, broadcasts to x's shape. Computed in f32 for
// f32, bf16 and f16 and rounded once to x's dtype. Over no element: a sum of 0, a mean of NaN. Any order of
// derivative. Throws Error on a mask that does not fit and for an axis out of range.
Tensor masked_sum(const Tensor& x, const Tensor& mask, int64_t axis = -1);
Tensor masked_mean(const Tensor& x, const Tensor& mask, int64_t axis = -1);

}  // namespace roux

#endif  // ROUX_TENSOR_OPS_SEQUENCE_H_
