// RMSprop, with the state and step rules of optimizer.h.                 [Tieleman & Hinton 2012; Graves
// 2013]
#ifndef ROUX_OPTIM_RMSPROP_H_
#define ROUX_OPTIM_RMSPROP_H_

#include <vector>

#include "optim/optimizer.h"

namespace roux {

// rmsprop_() of tensor/ops/optimizer.h, one launch a dtype and group. Defaults are PyTorch's. The constructor
// throws Error for options that are negative, NaN or infinite, and for alpha outside [0, 1).
class Rmsprop final : public Optimizer {
 public:
  explicit Rmsprop(std::vector<ParamGroup> groups, const RmspropOptions& options = {});

 private:
  void update(const Group& group, const std::vector<std::vector<Tensor>>& lists,
              const Tensor& scalars) override;
  RmspropOptions options_;
};

}  // namespace roux

#endif  // ROUX_OPTIM_RMSPROP_H_
