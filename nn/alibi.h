// Attention with linear biases: scores fall with the distance, by a slope of each head.   [Press et al. 2022]
#ifndef ROUX_NN_ALIBI_H_
#define ROUX_NN_ALIBI_H_

#include <vector>

#include "tensor/tensor.h"

namespace roux {

// Of n heads, n a power of two: 2^(-8 / n), 2^(-16 / n), ..., 2^-8. Else those of the power of two below n,
// and then every second one of twice as many, from the first on.
std::vector<double> alibi_slopes(int64_t heads);

class AlibiTable {
 public:
  explicit AlibiTable(int64_t heads) : heads_(heads) {}
  // AttentionRules::distance_bias, [heads, 2 M - 1] with M >= reach: -slope |distance|. Kept, and made anew
  // for twice as many distances where that is too short: the steps of a decoding find it.
  const Tensor& at_least(int64_t reach, DType dtype, Device device) const;

 private:
  int64_t heads_;
  mutable Tensor table_;
};

}  // namespace roux

#endif  // ROUX_NN_ALIBI_H_
