// The rotary tables that a model keeps, so that no forward makes them again: rows of positions 0, 1, ... in
// each dtype and on each device that was asked for, doubled when more are needed, and of what no such row
// gives (positions that are not whole, frequencies of one length alone) the last that was made. Bits are
// those of rotary(). Belongs to one thread, like the module that holds it.
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
  // Positions as rotary() takes them, rows of the tables where all are integers in [0, 2^17). Their values
  // are read on the host.
  Rotary at(const Tensor& positions, DType dtype) const;

 private:
  // Frequencies of kLongRope are two sets and those of kDynamicNtk one for each length beyond the original
  // one; all others are one set.
  enum class Frequencies : uint8_t { kOfAll, kOfBeyond, kOfOneLength };
  struct Rows {
    Frequencies of;
    Rotary tables;
  };
  struct Last {
    std::vector<double> positions;
    Shape shape;
    Rotary tables;
  };
  Frequencies frequencies(int64_t length) const;                         // of a largest position `length` - 1
  const Rotary& rows(int64_t length, DType dtype, Device device) const;  // of at least so many positions
  Rotary last(const Tensor& positions, DType dtype) const;

  Rope rope_;
  int64_t head_dim_;
  mutable std::vector<Rows> rows_;  // one for each set, dtype and device
  mutable std::vector<Last> last_;  // one for each dtype and device
};

}  // namespace roux

#endif  // ROUX_NN_ROTARY_H_
