// Optimizers: updates of named parameters that have gradients.
//
//   AdamW optimizer({{model.named_parameters()}}, {.beta2 = 0.95, .weight_decay = 0.1});
//   backward(loss);
//   Tensor norm = optimizer.step({.lr = schedule(step), .max_grad_norm = 1.0});
//   optimizer.zero_grad();
//
// Here AdamW, Adam and SGD, one launch per dtype and group; adamw_8bit.h, rmsprop.h, adafactor.h, muon.h and
// online_merging.h have the others. What is said here holds for all of them.
//
// Gradients add up over micro-batches: divide each micro-batch's summed loss by the target tokens of the
// whole global batch and the result equals one large batch. A step whose gradients are not finite changes
// nothing: no parameter, no moment, and not the counts that bias correction goes by (as PyTorch's
// GradScaler). A parameter without a gradient takes no part in a step and does not count it, as in PyTorch.
// That is decided and counted on the device, without waiting for it; skipped() and steps() tell. The schedule
// of the learning rate is the caller's and goes on. State is saved and restored bit for bit. Parameters are
// f32 or f64.
//
// Another run goes on with this one's state by other.load_state_dict(optimizer.state_dict()), or begins
// afresh by reset().
#ifndef ROUX_OPTIM_OPTIMIZER_H_
#define ROUX_OPTIM_OPTIMIZER_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "tensor/ops/optimizer.h"
#include "tensor/tensor.h"

namespace roux {

struct ParamGroup {
  NamedTensors params;
  double lr_scale = 1;
  std::optional<double> weight_decay;  // instead of the optimizer's
  // The group is frozen until the optimizer has made this many steps: its parameters and their state keep
  // every bit, and its gradients are in no norm.
  int64_t start_step = 0;
  // By the name of a parameter, where one has a mask: bool, of its shape and on its device. The gradient is 0
  // where the mask is false, after the norm was taken and clipping decided.
  NamedTensors masks;
  // Whether what a mask excludes keeps every bit. If not, weight decay, and what the state remembers of
  // earlier gradients, move it.
  bool masked_decay = true;
};

struct StepOptions {
  double lr = 0;
  double max_grad_norm = 0;  // clip the global norm to this; 0: no clipping
  double grad_scale = 1;     // the true gradient is grad_scale times the stored one
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // One update of all parameters that have a gradient. Returns the global gradient norm before clipping,
  // f64[1] on the device (reading it waits; do so a step late where that matters). Throws Error when no
  // parameter has a gradient, and for options that are negative, NaN or infinite.
  // While a StepGraph captures (tensor/step_graph.h) options.lr is left alone: every run of the graph takes
  // the one that set_lr() set last.
  Tensor step(const StepOptions& options);
  // The learning rate of the next runs of a captured step. Throws Error unless it is finite and at least 0.
  void set_lr(double lr);
  void zero_grad();
  // All parameters, group by group.
  std::vector<Tensor> parameters() const;
  // Whether the last step was skipped because a gradient was not finite (waits for the device).
  bool skipped() const;
  // Steps that were not skipped (waits for the device; 0 on meta).
  int64_t steps() const;

  // "step" (i64[1]) and per parameter "<state>.<name>". The tensors share memory with the optimizer's own.
  NamedTensors state_dict() const;
  // Copies the values. Error naming the key when one is missing, unknown or has another spec; then nothing is
  // changed. A state saved when all parameters shared one count has no "step.<name>" at all: "step" is then
  // everyone's.
  absl::Status load_state_dict(const NamedTensors& state);
  // State and counts as of a new optimizer. The parameters stay.
  void reset();

 protected:
  struct Slot {  // one parameter with its state tensors
    std::string name;
    Tensor param;
    NamedTensors state;
    Tensor mask;  // undefined: none
  };
  struct Group {
    std::vector<Slot> slots;
    double lr_scale;
    std::optional<double> weight_decay;
    int64_t start_step;
    bool masked_decay;
  };
  // Names and specs of a parameter's state tensors, which begin as zeros.
  using StateSpecs = std::vector<std::pair<std::string, TensorSpec>>;
  // A state of this name is the count of a parameter's own steps, f64[1].
  static constexpr const char* kOwnSteps = "step";
  // Throws Error for parameters that are no leaves, are not f32 or f64 or share memory, for masks that fit no
  // parameter, and for a group's lr_scale, weight_decay or start_step that is negative, NaN or infinite.
  Optimizer(std::vector<ParamGroup> groups, const std::function<StateSpecs(const TensorSpec& param)>& states);
  // Updates slots of one group and dtype that have the same names of state. lists[0] params, lists[1] grads,
  // then one list per name.
  virtual void update(const Group& group, const std::vector<std::vector<Tensor>>& lists,
                      const Tensor& scalars) = 0;

 private:
  struct Launch {
    const Group* group;
    std::vector<const Slot*> slots;
    Tensor scalars;
  };
  void set_scalar(StepScalar which, double value);
  // Whether a group's start_step has come: bool of rank 0.
  Tensor started(const Group& group) const;
  // The scalars for a group that is frozen unless `started`.
  Tensor scalars_if(const Tensor& started) const;
  void run(const Launch& launch);

  std::vector<Group> groups_;
  Tensor scalars_;  // of tensor/ops/optimizer.h; the count of steps lives here
};

// Adam with decoupled weight decay. Defaults are PyTorch's; papers' values are given by the recipe.
class AdamW final : public Optimizer {
 public:
  explicit AdamW(std::vector<ParamGroup> groups, const AdamWOptions& options = {});

 private:
  void update(const Group& group, const std::vector<std::vector<Tensor>>& lists,
              const Tensor& scalars) override;
  AdamWOptions options_;
};

// Adam as it was published: weight_decay * p is added to the gradient.                    [Kingma & Ba 2015]
class Adam final : public Optimizer {
 public:
  explicit Adam(std::vector<ParamGroup> groups, const AdamWOptions& options = {.weight_decay = 0});

 private:
  void update(const Group& group, const std::vector<std::vector<Tensor>>& lists,
              const Tensor& scalars) override;
  AdamWOptions options_;
};

// Stochastic gradient descent with optional (Nesterov) momentum.
class Sgd final : public Optimizer {
 public:
  explicit Sgd(std::vector<ParamGroup> groups, const SgdOptions& options = {});

 private:
  void update(const Group& group, const std::vector<std::vector<Tensor>>& lists,
              const Tensor& scalars) override;
  SgdOptions options_;
};

}  // namespace roux

#endif  // ROUX_OPTIM_OPTIMIZER_H_
