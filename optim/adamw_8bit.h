// AdamW whose moments are kept in 8 bits: 2 bytes a parameter instead of 8, and 1/32 of a byte for scales.
//                                                                                    [Dettmers et al. 2022]
#ifndef ROUX_OPTIM_ADAMW_8BIT_H_
#define ROUX_OPTIM_ADAMW_8BIT_H_

#include <vector>

#include "optim/optimizer.h"

namespace roux {

// AdamW of optimizer.h by adamw_8bit_ (tensor/ops/optimizer.h), which says what the state's exp_avg,
// exp_avg_sq, exp_avg_absmax and exp_avg_sq_absmax are. Parameters of fewer than 4096 elements, and f64 ones,
// have whole moments.
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
