// AdamW whose moments are kept in 8 bits: 2 bytes a parameter instead of 8, and 1/32 of a byte for scales.
//                                                                                    [Dettmers et al. 2022]
#ifndef ROUX_OPTIM_ADAMW_8BIT_H_
#define ROUX_OPTIM_ADAMW_8BIT_H_

#include <vector>

#include "optim/optimizer.h"

namespace roux {

// AdamW of optimizer.h; between steps exp_avg and exp_avg_sq are codes (u8, of the parameter's shape), and
// exp_avg_absmax and exp_avg_sq_absmax (f32) the largest absolute value of each block of 256 elements in
// row-major order. A code is the index of the value of a dynamic map nearest to moment / absmax, but that a
// negative first moment stays negative; a moment is map[code] * absmax.
//
// The maps have 256 values in increasing order: 0, 1 and for each decade i of 0..6 the midpoints of 2^i (of
// exp_avg_sq: 2^(i + 1)) equal steps from 0.1 to 1, times 10^(i - 6), and of exp_avg their negatives.
//
// Parameters of fewer than 4096 elements, and f64 ones, have whole moments. Composed of public ops; a step
// holds the whole moments of one parameter at a time.
class AdamW8bit final : public Optimizer {
 public:
  explicit AdamW8bit(std::vector<ParamGroup> groups, const AdamWOptions& options = {});

 private:
  void update(const Group& group, const std::vector<std::vector<Tensor>>& lists,
              const Tensor& scalars) override;
  AdamWOptions options_;
};

}  // namespace roux

#endif  // ROUX_OPTIM_ADAMW_8BIT_H_
