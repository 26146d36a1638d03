// The rotary tables that a model keeps, so that no forward makes them again: rows of positions 0, 1, ... in
// each dtype and on each device that was asked for, doubled when more are needed. Bits are those of rotary().
// Belongs to one thread, like the module that holds it.
#ifndef ROUX_NN_ROTARY_H_
#define ROUX_NN_ROTARY_H_

#include <vector>

#include "tensor/ops/rotary.h"

namespace roux {

class RotaryCache {
 public:
  RotaryCache(const Rope& rope, int64_t head_dim) : rope_(rope), head_dim_(head_dim) {}

  // Positions first .. first + count - 1, first >= 0: views [count, r/2].
  Rotary range(int64_t first, int64_t count, DType dtype, Device device) const;
  // Positions as rotary() takes them: rows of the tables where all are integers in [0, 2^17), else (and for
  // kDynamicNtk and kLongRope, whose frequencies depend on all of them) computed now. Their values are read
  // on the host.
  Rotary at(const Tensor& positions, DType dtype) const;

 private:
  const Rotary& tables(int64_t rows, DType dtype, Device device) const;  // of at least so many rows
  Rope rope_;
  int64_t head_dim_;
  mutable std::vector<Rotary> tables_;  // one for each dtype and device
};

}  // namespace roux

#endif  // ROUX_NN_ROTARY_H_
