// Attention with linear biases: scores fall with the distance, by a slope of each head.   [Press et al. 2022]
#ifndef ROUX_NN_ALIBI_H_
#define ROUX_NN_ALIBI_H_

#include <vector>

#include "tensor/tensor.h"

namespace roux {

// Of n heads, n a power of two: 2^(-8 / n), 2^(-16 / n), ..., 2^-8. Else those of the power of two below n,
// and then every second one of twice as many, from the first on.
std::vector<double> alibi_slopes(int64_t heads);

// AttentionRules::distance_bias, [heads, 2 reach - 1]: -slope |distance| for distances below reach.
Tensor alibi_bias(int64_t heads, int64_t reach, DType dtype, Device device);

}  // namespace roux

#endif  // ROUX_NN_ALIBI_H_
