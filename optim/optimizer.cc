#include "optim/optimizer.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/overlap.h"

namespace roux {

namespace {
void check_at_least_0(const char* what, double value) {
  ROUX_CHECK(std::isfinite(value) && value >= 0)
      << "optimizer: " << what << " is " << value << ", needed finite and at least 0";
}

// options, if they are in range.
template <class Options>
const Options& checked(const Options& options) {
  options.check("optimizer");
  return options;
}
}  // namespace

Optimizer::Optimizer(std::vector<ParamGroup> groups, std::vector<std::string> state_names)
    : state_names_(std::move(state_names)) {
  for (const ParamGroup& group : groups) {
    check_at_least_0("a group's lr_scale", group.lr_scale);
    if (group.weight_decay) check_at_least_0("a group's weight_decay", *group.weight_decay);
    groups_.push_back({{}, group.lr_scale, group.weight_decay});
    for (const auto& [name, param] : group.params) {
      ROUX_CHECK(param.requires_grad() && param.is_leaf())
          << "optimizer: parameter " << name << " is not a leaf that requires grad";
      ROUX_CHECK(param.dtype() == kF32 || param.dtype() == kF64)
          << "optimizer: parameter " << name << " is " << param.spec()
          << ", needed f32 or f64 (master weights)";
      for (const Group& earlier : groups_) {
        for (const Slot& slot : earlier.slots) {
          ROUX_CHECK(!shares_memory(slot.param, param) && slot.param.impl() != param.impl())
              << "optimizer: parameter " << name << " shares memory with " << slot.name;
        }
      }
      Slot slot{name, param, {}};
      for (const std::string& state : state_names_) {
        slot.state.push_back(state == kOwnSteps ? zeros({1}, kF64, param.device()) : zeros_like(param));
      }
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
  check_at_least_0("lr", options.lr);
  check_at_least_0("max_grad_norm", options.max_grad_norm);
  ROUX_CHECK(std::isfinite(options.grad_scale) && options.grad_scale > 0)
      << "optimizer: grad_scale is " << options.grad_scale << ", needed finite and above 0";
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
    norm = norm.defined() ? grad_norm({norm, part}) : part;
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
  NamedTensors own = state_dict();
  const std::string prefix = absl::StrCat(kOwnSteps, ".");
  const auto is_own_steps = [&](const auto& entry) { return absl::StartsWith(entry.first, prefix); };
  const bool shared_count = std::none_of(state.begin(), state.end(), is_own_steps);
  if (shared_count) own.erase(std::remove_if(own.begin(), own.end(), is_own_steps), own.end());
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
  const double count = sources[0].to_vector<double>()[0];
  set_scalar(kStep, count);
  if (shared_count) {
    for (const auto& entry : state_dict()) {
      if (is_own_steps(entry)) fill_(entry.second, count);
    }
  }
  for (size_t i = 1; i < own.size(); ++i) copy_(own[i].second, to_device(sources[i], own[i].second.device()));
  return absl::OkStatus();
}

AdamW::AdamW(std::vector<ParamGroup> groups, const AdamWOptions& options)
    : Optimizer(std::move(groups), {"exp_avg", "exp_avg_sq", kOwnSteps}), options_(checked(options)) {}

void AdamW::update(const Group& group, const std::vector<std::vector<Tensor>>& lists, const Tensor& scalars) {
  AdamWOptions options = options_;
  options.lr_scale = group.lr_scale;
  options.weight_decay = group.weight_decay.value_or(options_.weight_decay);
  adamw_(lists[0], lists[1], lists[2], lists[3], lists[4], scalars, options);
}

Sgd::Sgd(std::vector<ParamGroup> groups, const SgdOptions& options)
    : Optimizer(std::move(groups), options.momentum != 0 ? std::vector<std::string>{"momentum_buffer"}
                                                         : std::vector<std::string>{}),
      options_(checked(options)) {}

void Sgd::update(const Group& group, const std::vector<std::vector<Tensor>>& lists, const Tensor& scalars) {
  SgdOptions options = options_;
  options.lr_scale = group.lr_scale;
  options.weight_decay = group.weight_decay.value_or(options_.weight_decay);
  sgd_(lists[0], lists[1], lists.size() > 2 ? lists[2] : std::vector<Tensor>{}, scalars, options);
}

}  // namespace roux
