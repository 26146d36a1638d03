#include "optim/optimizer.h"

#include "absl/strings/str_cat.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"

namespace roux {

Optimizer::Optimizer(std::vector<ParamGroup> groups, std::vector<std::string> state_names)
    : state_names_(std::move(state_names)) {
  for (const ParamGroup& group : groups) {
    groups_.push_back({{}, group.lr_scale, group.weight_decay});
    for (const auto& [name, param] : group.params) {
      ROUX_CHECK(param.requires_grad() && param.is_leaf())
          << "optimizer: parameter " << name << " is not a leaf that requires grad";
      ROUX_CHECK(param.dtype() == kF32 || param.dtype() == kF64)
          << "optimizer: parameter " << name << " is " << param.spec()
          << ", needed f32 or f64 (master weights)";
      for (const Group& earlier : groups_) {
        for (const Slot& slot : earlier.slots) {
          ROUX_CHECK(slot.param.impl() != param.impl())
              << "optimizer: parameter " << name << " is the same tensor as " << slot.name;
        }
      }
      Slot slot{name, param, {}};
      for (size_t i = 0; i < state_names_.size(); ++i) slot.state.push_back(zeros_like(param));
      groups_.back().slots.push_back(std::move(slot));
      if (!scalars_.defined()) {
        std::vector<double> scalars(kStepScalarCount, 0);
        scalars[kFinite] = 1;  // nothing was skipped yet
        scalars_ = tensor(scalars, {kStepScalarCount}, param.device());
      }
    }
  }
  ROUX_CHECK(scalars_.defined()) << "optimizer: needs at least one parameter";
}

Tensor Optimizer::step(const StepOptions& options) {
  NoGradGuard no_grad;
  // Lists by group and dtype, in the order of the parameters.
  struct Launch {
    const Group* group;
    std::vector<std::vector<Tensor>> lists;
  };
  std::vector<Launch> launches;
  Tensor norm;
  for (DType dtype : {kF32, kF64}) {
    std::vector<Tensor> all_grads;
    for (const Group& group : groups_) {
      Launch launch{&group, std::vector<std::vector<Tensor>>(2 + state_names_.size())};
      for (const Slot& slot : group.slots) {
        if (slot.param.dtype() != dtype || !slot.param.grad().defined()) continue;
        launch.lists[0].push_back(slot.param);
        launch.lists[1].push_back(slot.param.grad());
        for (size_t i = 0; i < slot.state.size(); ++i) launch.lists[2 + i].push_back(slot.state[i]);
      }
      all_grads.insert(all_grads.end(), launch.lists[1].begin(), launch.lists[1].end());
      if (!launch.lists[0].empty()) launches.push_back(std::move(launch));
    }
    if (all_grads.empty()) continue;
    const Tensor part = grad_norm(all_grads);
    norm = norm.defined() ? sqrt(norm * norm + part * part) : part;
  }
  ROUX_CHECK(norm.defined()) << "optimizer: no parameter has a gradient; call backward first";
  set_scalar(kLearningRate, options.lr);
  clip_factor_(norm, options.max_grad_norm, options.grad_scale, scalars_);
  for (const Launch& launch : launches) update(*launch.group, launch.lists, scalars_);
  return norm;
}

void Optimizer::zero_grad() {
  for (const Group& group : groups_) {
    for (const Slot& slot : group.slots) Tensor(slot.param).set_grad(Tensor());
  }
}

void Optimizer::set_scalar(StepScalar which, double value) {
  const Device device = scalars_.device();
  runtime(device.type)
      .copy_from_host(static_cast<double*>(scalars_.raw_data()) + which, &value, sizeof value, device.index);
}

bool Optimizer::skipped() const { return scalars_.to_vector<double>()[kFinite] == 0; }
int64_t Optimizer::steps() const {
  if (scalars_.device().type == DeviceType::kMeta) return 0;
  return static_cast<int64_t>(scalars_.to_vector<double>()[kStep]);
}

NamedTensors Optimizer::state_dict() const {
  NamedTensors state{{"step", tensor(std::vector<int64_t>{steps()}, {1})}};
  for (const Group& group : groups_) {
    for (const Slot& slot : group.slots) {
      for (size_t i = 0; i < slot.state.size(); ++i) {
        state.emplace_back(absl::StrCat(state_names_[i], ".", slot.name), slot.state[i]);
      }
    }
  }
  return state;
}

absl::Status Optimizer::load_state_dict(const NamedTensors& state) {
  const NamedTensors own = state_dict();
  std::vector<Tensor> sources;
  for (const auto& [name, tensor] : own) {
    Tensor found;
    for (const auto& [key, value] : state) {
      if (key == name) found = value;
    }
    if (!found.defined()) return absl::InvalidArgumentError(absl::StrCat("optimizer state lacks ", name));
    if (!(found.spec() == tensor.spec())) {
      return absl::InvalidArgumentError(absl::StrCat(
          "optimizer state ", name, " is ", to_string(found.spec()), ", needed ", to_string(tensor.spec())));
    }
    sources.push_back(found);
  }
  if (state.size() != own.size()) {
    for (const auto& [key, value] : state) {
      bool known = false;
      for (const auto& entry : own) known |= entry.first == key;
      if (!known)
        return absl::InvalidArgumentError(absl::StrCat("optimizer state has an unknown entry ", key));
    }
    return absl::InvalidArgumentError("optimizer state has an entry twice");
  }
  NoGradGuard no_grad;
  set_scalar(kStep, sources[0].to_vector<double>()[0]);
  for (size_t i = 1; i < own.size(); ++i) copy_(own[i].second, to_device(sources[i], own[i].second.device()));
  return absl::OkStatus();
}

AdamW::AdamW(std::vector<ParamGroup> groups, const AdamWOptions& options)
    : Optimizer(std::move(groups), {"exp_avg", "exp_avg_sq"}), options_(options) {}

void AdamW::update(const Group& group, const std::vector<std::vector<Tensor>>& lists, const Tensor& scalars) {
  AdamWOptions options = options_;
  options.lr_scale = group.lr_scale;
  options.weight_decay = group.weight_decay.value_or(options_.weight_decay);
  adamw_(lists[0], lists[1], lists[2], lists[3], scalars, options);
}

Sgd::Sgd(std::vector<ParamGroup> groups, const SgdOptions& options)
    : Optimizer(std::move(groups), options.momentum != 0 ? std::vector<std::string>{"momentum_buffer"}
                                                         : std::vector<std::string>{}),
      options_(options) {}

void Sgd::update(const Group& group, const std::vector<std::vector<Tensor>>& lists, const Tensor& scalars) {
  SgdOptions options = options_;
  options.lr_scale = group.lr_scale;
  options.weight_decay = group.weight_decay.value_or(options_.weight_decay);
  sgd_(lists[0], lists[1], lists.size() > 2 ? lists[2] : std::vector<Tensor>{}, scalars, options);
}

}  // namespace roux
