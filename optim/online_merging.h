// AdamW that merges each of its steps with a fixed direction, so that what a model had learnt before is not
// lost while its preferences are tuned.                          [Lu et al. 2024, OnDARE-AdamW and
// OnTIES-AdamW]
#ifndef ROUX_OPTIM_ONLINE_MERGING_H_
#define ROUX_OPTIM_ONLINE_MERGING_H_

#include <utility>
#include <vector>

#include "optim/optimizer.h"
#include "tensor/generator.h"

namespace roux {

enum class Merging : uint8_t {
  kDare,  // elements are dropped at random
  kTies,  // the smallest are dropped, and then those against the larger one's sign
};

struct OnlineMergingOptions {
  AdamWOptions adamw;
  Merging merging = Merging::kDare;
  double merge_weight = 1e-6;  // alpha, in [0, 1]
  double keep = 1;             // share of the elements that dropping leaves, in (0, 1]
  bool rescale = false;        // what is left is scaled to the sum of absolute values of the whole
};

// Once, t = drop(clamp(task_vector, -1, 1)), where the task vector is usually theta_sft - theta_base. Then,
// with d the update of Adam, its learning rate included and without decay, in each step
//   p += alpha t + (1 - alpha) drop(d);  p -= lr weight_decay p
// kDare: drop(x) is x where a uniform draw is below `keep`, else 0 (equations 3 and 4). kTies: it is x among
// the ceil(keep n) largest absolute values of its tensor (and what equals the last of them), else 0; and
// then, where alpha t and (1 - alpha) drop(d) have opposite signs, only the larger of the two is added
// (equations 5 to 7; the authors' published code compares t with drop(d), before the weights). The clamp and
// `rescale` are of that code; the paper has neither. alpha = 0 and keep = 1 is AdamW with its decay after the
// update. The state is AdamW's; the generator's is the caller's to save (restore it after the optimizer was
// made, which draws t), and a skipped step draws as others do; kTies draws nothing.
class OnlineMergingAdamW final : public Optimizer {
 public:
  // task_vectors: by the name of a parameter, of its spec and on its device; one each, or Error. Error too
  // for options that are out of range. The generator outlives the optimizer.
  OnlineMergingAdamW(std::vector<ParamGroup> groups, const NamedTensors& task_vectors,
                     const OnlineMergingOptions& options, Generator& generator);

 private:
  void update(const Group& group, const std::vector<std::vector<Tensor>>& lists,
              const Tensor& scalars) override;
  Tensor kept_of(const Tensor& x) const;  // bool: what dropping leaves
  Tensor drop(const Tensor& x) const;
  const Tensor& task_vector(const Tensor& param) const;

  std::vector<std::pair<Tensor, Tensor>> task_vectors_;  // of parameters
  OnlineMergingOptions options_;
  Generator& generator_;
};

}  // namespace roux

#endif  // ROUX_OPTIM_ONLINE_MERGING_H_
