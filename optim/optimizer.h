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
//
// On several ranks the state can be divided between them (ZeRO stage 1, ShardOptimizerStates below).
#ifndef ROUX_OPTIM_OPTIMIZER_H_
#define ROUX_OPTIM_OPTIMIZER_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "tensor/comm/communicator.h"
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

// While it lives, optimizers that are made keep the state of this rank's slice of each parameter
// (slice_of_rank of its elements in row-major order), update that slice, and exchange slices at the end of a
// step, so that every rank has whole parameters again: AdamW's 8 bytes of state for a parameter become
// 8 / comm.size(). A step, state_dict() and for_each_state() are then collectives: every
// rank calls them; load_state_dict() takes the whole state on each. Optimizers whose update is not element by
// element (Adafactor, Muon, 8-bit AdamW, online merging) throw Error when they are made. Parameters are
// contiguous and on the CPU, or on meta, where nothing is exchanged. Objects nest; the communicator outlives
// the optimizers. Parameters that are divided too (ParameterSlices of tensor/comm) are not exchanged: their
// slices are updated, and gathered when they are needed.
//                                                              [Rajbhandari et al. 2020, section 5.1]
class ShardOptimizerStates {
 public:
  explicit ShardOptimizerStates(Communicator& comm);
  ~ShardOptimizerStates();
  ShardOptimizerStates(const ShardOptimizerStates&) = delete;
  ShardOptimizerStates& operator=(const ShardOptimizerStates&) = delete;
  static Communicator* current();  // that of the innermost; null: there is none

 private:
  Communicator* const outer_;
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

  // "step" (i64[1]) and per parameter "<state>.<name>". The tensors share memory with the optimizer's own,
  // unless its state is divided between ranks: then they are copies of all of it.
  NamedTensors state_dict() const;
  std::vector<std::pair<std::string, TensorSpec>> state_specs() const;
  // The same one after the other, so that of a divided state only one tensor need be whole at a time.
  void for_each_state(const std::function<void(const std::string& name, const Tensor& value)>& visit) const;
  // Copies the values. Error naming the key when one is missing, unknown or has another spec; then nothing is
  // changed. A state saved when all parameters shared one count has no "step.<name>" at all: "step" is then
  // everyone's.
  absl::Status load_state_dict(const NamedTensors& state);
  // State and counts as of a new optimizer. The parameters stay.
  void reset();

  // Whether its state is divided between ranks.
  bool sharded() const { return comm_ != nullptr; }
  // Of a divided one: this rank's slice of the gradient of parameters()[i], of rank 1, instead of the whole
  // p.grad(); until zero_grad().
  void set_grad_slice(size_t i, const Tensor& slice);

 protected:
  struct Slot {  // one parameter with its state tensors
    std::string name;
    Tensor whole;  // the parameter,
    Tensor param;  // and what is updated: it, or in a step, with a divided state, a slice of it
    NamedTensors state;
    Tensor mask;        // undefined: none
    Tensor grad_slice;  // undefined: the gradient is that of `whole`
  };
  // How an update goes over a parameter.
  enum class Update { kByElement, kWhole };
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
  // parameter, for a group's lr_scale, weight_decay or start_step that is negative, NaN or infinite, and for
  // an update of whole parameters under ShardOptimizerStates.
  Optimizer(std::vector<ParamGroup> groups, const std::function<StateSpecs(const TensorSpec& param)>& states,
            Update update = Update::kByElement);
  // Updates slots of one group and dtype that have the same names of state. lists[0] params, lists[1] grads,
  // then one list per name.
  virtual void update(const Group& group, const std::vector<std::vector<Tensor>>& lists,
                      const Tensor& scalars) = 0;

 private:
  struct StateEntry {
    std::string name;
    TensorSpec spec;  // whole
    const Slot* slot;
    Tensor own;
    bool is_count;
  };
  std::vector<StateEntry> entries() const;
  struct Launch {
    const Group* group;
    std::vector<const Slot*> slots;
    Tensor scalars;
  };
  void set_scalar(StepScalar which, double value);
  Tensor grad_of(const Slot& slot) const;
  Tensor norm_over_ranks(const Tensor& own) const;
  void exchange_slices() const;
  // A state tensor of the whole parameter, from all ranks' slices.
  Tensor whole_state(const StateEntry& entry) const;
  // This rank's elements of a contiguous tensor that is like a parameter; of a parameter, where they are now.
  Tensor own_slice(const Tensor& whole) const;
  Tensor param_slice(const Tensor& whole) const;
  // Whether a group's start_step has come: bool of rank 0.
  Tensor started(const Group& group) const;
  // The scalars for a group that is frozen unless `started`.
  Tensor scalars_if(const Tensor& started) const;
  void run(const Launch& launch);

  Communicator* const comm_;  // null: not sharded
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
