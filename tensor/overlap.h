// Where views of one memory meet. Every op that writes into a tensor of the caller's goes by these:
// note_write() refuses a destination that overlaps itself, and a source that shares memory with the
// destination in another order is read from a copy (unaliased() in tensor/ops/elementwise_tables.h).
#ifndef ROUX_TENSOR_OVERLAP_H_
#define ROUX_TENSOR_OVERLAP_H_

#include "tensor/tensor.h"

namespace roux {

// Whether two elements of x lie at one place: an expanded axis, overlapping windows. Exact, but for strides
// so contrived that the search is given up: those count as overlapping.
bool overlaps_itself(const Tensor& x);

// Whether some place belongs to both, or may.
bool shares_memory(const Tensor& a, const Tensor& b);

enum class Overlap {
  kNone,
  kSame,     // element for element the same places, once the source is broadcast to x's shape
  kPartial,  // they share memory in another way
};
// source must broadcast to x's shape.
Overlap overlap(const Tensor& x, const Tensor& source);

}  // namespace roux

#endif  // ROUX_TENSOR_OVERLAP_H_
