#include "optim/optimizer.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "optim/composed.h"
#include "tensor/comm/parameter_slices.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"
#include "tensor/overlap.h"
#include "tensor/step_graph.h"

namespace roux {

namespace {
using optim::check_at_least_0;

// options, if they are in range.
template <class Options>
const Options& checked(const Options& options) {
  options.check("optimizer");
  return options;
}

Tensor copy_of(const Tensor& x) {
  Tensor copy = empty_like(x);
  copy_(copy, x);
  return copy;
}

bool same_names(const NamedTensors& a, const NamedTensors& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.first == y.first; });
}

Tensor mask_of(const std::string& name, const Tensor& param, const NamedTensors& masks) {
  for (const auto& [masked, mask] : masks) {
    if (masked != name) continue;
    ROUX_CHECK(mask.defined() && mask.spec() == (TensorSpec{kBool, param.shape()}) &&
               mask.device() == param.device())
        << "optimizer: the mask of " << name << " is "
        << (mask.defined() ? to_string(mask.spec()) : "undefined") << ", needed bool of the shape of "
        << param.spec() << " on its device";
    return mask;
  }
  return Tensor();
}

void check_masks(const ParamGroup& group) {
  for (const auto& entry : group.masks) {
    const bool known = std::any_of(group.params.begin(), group.params.end(),
                                   [&](const auto& param) { return param.first == entry.first; });
    ROUX_CHECK(known) << "optimizer: there is a mask of " << entry.first
                      << ", which is no parameter of its group";
  }
}

std::vector<std::pair<std::string, TensorSpec>> adam_states(const TensorSpec& param) {
  return {{"exp_avg", param}, {"exp_avg_sq", param}, {"step", {kF64, {1}}}};
}

void check_param(const std::string& name, const Tensor& param) {
  ROUX_CHECK(param.requires_grad() && param.is_leaf())
      << "optimizer: parameter " << name << " is not a leaf that requires grad";
  ROUX_CHECK(param.dtype() == kF32 || param.dtype() == kF64)
      << "optimizer: parameter " << name << " is " << param.spec() << ", needed f32 or f64 (master weights)";
}
}  // namespace

Optimizer::Optimizer(std::vector<ParamGroup> groups,
                     const std::function<StateSpecs(const TensorSpec& param)>& states, Update update)
    : comm_(ShardOptimizerStates::current()) {
  ROUX_CHECK(comm_ == nullptr || update == Update::kByElement)
      << "optimizer: its state cannot be divided between ranks: an update needs whole parameters";
  for (const ParamGroup& group : groups) {
    check_at_least_0("a group's lr_scale", group.lr_scale);
    if (group.weight_decay) check_at_least_0("a group's weight_decay", *group.weight_decay);
    check_at_least_0("a group's start_step", static_cast<double>(group.start_step));
    check_masks(group);
    groups_.push_back({{}, group.lr_scale, group.weight_decay, group.start_step, group.masked_decay});
    for (const auto& [name, param] : group.params) {
      check_param(name, param);
      for (const Group& earlier : groups_) {
        for (const Slot& slot : earlier.slots) {
          ROUX_CHECK(!shares_memory(slot.whole, param) && slot.whole.impl() != param.impl())
              << "optimizer: parameter " << name << " shares memory with " << slot.name;
        }
      }
      Slot slot{name, param, param, {}, mask_of(name, param, group.masks), {}};
      if (comm_ != nullptr) {
        ROUX_CHECK(param.is_contiguous() &&
                   (device_of(param).type == DeviceType::kCpu || device_of(param).type == DeviceType::kMeta))
            << "optimizer: parameter " << name << " is " << param.spec() << " on " << param.device()
            << ", needed contiguous on cpu for a state that is divided between ranks";
        slot.param = param_slice(param);
        if (slot.mask.defined()) slot.mask = own_slice(slot.mask.contiguous());
      }
      for (const auto& [state, spec] : states(slot.param.spec())) {
        slot.state.emplace_back(state, zeros(spec.shape, spec.dtype, slot.param.device()));
      }
      if (comm_ != nullptr) slot.param = Tensor();  // memory that may be divided meanwhile
      groups_.back().slots.push_back(std::move(slot));
      if (!scalars_.defined()) {
        std::vector<double> scalars(kStepScalarCount, 0);
        scalars[kFinite] = 1;  // nothing was skipped yet
        scalars_ = tensor(scalars, {kStepScalarCount}, device_of(param));
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
  if (comm_ != nullptr) {  // parameters may have been divided since, or made whole
    for (Group& group : groups_) {
      for (Slot& slot : group.slots) slot.param = param_slice(slot.whole);
    }
  }
  std::vector<Launch> launches;
  Tensor norm;
  const auto join = [&norm](const Tensor& part) { norm = norm.defined() ? grad_norm({norm, part}) : part; };
  for (DType dtype : {kF32, kF64}) {
    std::vector<Tensor> grads;  // of the groups that are never frozen
    for (const Group& group : groups_) {
      std::vector<Tensor> own;
      const size_t first = launches.size();
      for (const Slot& slot : group.slots) {
        if (slot.param.dtype() != dtype || (comm_ != nullptr && slot.param.numel() == 0)) continue;
        const Tensor grad = grad_of(slot);
        if (!grad.defined()) continue;
        own.push_back(grad);
        size_t i = first;
        while (i < launches.size() && !same_names(launches[i].slots[0]->state, slot.state)) ++i;
        if (i == launches.size()) launches.push_back({&group, {}, Tensor()});
        launches[i].slots.push_back(&slot);
      }
      if (group.start_step == 0) {
        grads.insert(grads.end(), own.begin(), own.end());
      } else if (!own.empty()) {
        const Tensor part = grad_norm(own);
        join(where(started(group), part, zeros_like(part)));
      }
    }
    if (!grads.empty()) join(grad_norm(grads));
  }
  if (comm_ != nullptr) norm = norm_over_ranks(norm);
  ROUX_CHECK(norm.defined()) << "optimizer: no parameter has a gradient; call backward first";
  for (Launch& launch : launches) {
    if (launch.group->start_step > 0) launch.scalars = started(*launch.group);  // before this step is counted
  }
  if (!capturing()) set_scalar(kLearningRate, options.lr);
  clip_factor_(norm, options.max_grad_norm, options.grad_scale, scalars_);
  for (Launch& launch : launches) {
    launch.scalars = launch.scalars.defined() ? scalars_if(launch.scalars) : scalars_;
    run(launch);
  }
  if (comm_ != nullptr) {
    exchange_slices();
    for (Group& group : groups_) {
      for (Slot& slot : group.slots) slot.param = Tensor();
    }
  }
  return norm;
}

Tensor Optimizer::grad_of(const Slot& slot) const {
  if (slot.grad_slice.defined()) return slot.grad_slice;
  const Tensor& grad = slot.whole.grad();
  return comm_ == nullptr || !grad.defined() ? grad : own_slice(grad.contiguous());
}

void Optimizer::set_lr(double lr) {
  check_at_least_0("lr", lr);
  set_scalar(kLearningRate, lr);
}

Tensor Optimizer::started(const Group& group) const {
  return gt(optim::scalar_of(scalars_, kStep, kF64), static_cast<double>(group.start_step) - 0.5);
}

Tensor Optimizer::scalars_if(const Tensor& started) const {
  Tensor scalars = copy_of(scalars_);
  const Tensor finite = select(scalars, 0, kFinite);
  copy_(finite, where(started, finite, zeros_like(finite)));
  return scalars;
}

void Optimizer::run(const Launch& launch) {
  std::vector<std::vector<Tensor>> lists(2 + launch.slots[0]->state.size());
  std::vector<std::pair<const Slot*, Tensor>> kept;  // with the values before the update
  for (const Slot* slot : launch.slots) {
    const Tensor grad = grad_of(*slot);
    lists[0].push_back(slot->param);
    lists[1].push_back(slot->mask.defined() ? where(slot->mask, grad, zeros({}, grad.dtype(), grad.device()))
                                            : grad);
    for (size_t i = 0; i < slot->state.size(); ++i) lists[2 + i].push_back(slot->state[i].second);
    if (slot->mask.defined() && launch.group->masked_decay) kept.emplace_back(slot, copy_of(slot->param));
  }
  update(*launch.group, lists, launch.scalars);
  for (const auto& [slot, before] : kept) copy_(slot->param, where(slot->mask, slot->param, before));
}

void Optimizer::zero_grad() {
  for (Group& group : groups_) {
    for (Slot& slot : group.slots) {
      slot.whole.set_grad(Tensor());
      slot.grad_slice = Tensor();
    }
  }
}

std::vector<Tensor> Optimizer::parameters() const {
  std::vector<Tensor> parameters;
  for (const Group& group : groups_) {
    for (const Slot& slot : group.slots) parameters.push_back(slot.whole);
  }
  return parameters;
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

std::vector<Optimizer::StateEntry> Optimizer::entries() const {
  std::vector<StateEntry> entries;
  for (const Group& group : groups_) {
    for (const Slot& slot : group.slots) {
      for (const auto& [key, value] : slot.state) {
        const bool is_count = key == kOwnSteps;
        entries.push_back({absl::StrCat(key, ".", slot.name),
                           is_count || comm_ == nullptr ? value.spec() : slot.whole.spec(), &slot, value,
                           is_count});
      }
    }
  }
  return entries;
}

std::vector<std::pair<std::string, TensorSpec>> Optimizer::state_specs() const {
  std::vector<std::pair<std::string, TensorSpec>> specs{{"step", {kI64, {1}}}};
  for (const StateEntry& entry : entries()) specs.emplace_back(entry.name, entry.spec);
  return specs;
}

void Optimizer::for_each_state(
    const std::function<void(const std::string& name, const Tensor& value)>& visit) const {
  const NoGradGuard no_grad;
  visit("step", tensor(std::vector<int64_t>{steps()}, {1}));
  for (const StateEntry& entry : entries()) visit(entry.name, whole_state(entry));
}

NamedTensors Optimizer::state_dict() const {
  NamedTensors state;
  for_each_state([&](const std::string& name, const Tensor& value) { state.emplace_back(name, value); });
  return state;
}

absl::Status Optimizer::load_state_dict(const NamedTensors& state) {
  std::vector<StateEntry> own = entries();
  const std::string prefix = absl::StrCat(kOwnSteps, ".");
  const bool shared_count = std::none_of(
      state.begin(), state.end(), [&](const auto& entry) { return absl::StartsWith(entry.first, prefix); });
  if (shared_count) {
    own.erase(std::remove_if(own.begin(), own.end(), [](const StateEntry& entry) { return entry.is_count; }),
              own.end());
  }
  own.insert(own.begin(), StateEntry{"step", {kI64, {1}}, nullptr, Tensor(), false});
  std::vector<Tensor> sources;
  for (const StateEntry& entry : own) {
    Tensor found;
    for (const auto& [key, value] : state) {
      if (key == entry.name) found = value;
    }
    if (!found.defined())
      return absl::InvalidArgumentError(absl::StrCat("optimizer state lacks ", entry.name));
    if (!(found.spec() == entry.spec)) {
      return absl::InvalidArgumentError(absl::StrCat("optimizer state ", entry.name, " is ",
                                                     to_string(found.spec()), ", needed ",
                                                     to_string(entry.spec)));
    }
    sources.push_back(found);
  }
  if (state.size() != own.size()) {
    for (const auto& [key, value] : state) {
      const bool known = std::any_of(own.begin(), own.end(),
                                     [&key = key](const StateEntry& entry) { return entry.name == key; });
      if (!known)
        return absl::InvalidArgumentError(absl::StrCat("optimizer state has an unknown entry ", key));
    }
    return absl::InvalidArgumentError("optimizer state has an entry twice");
  }
  NoGradGuard no_grad;
  const double count = sources[0].to_vector<double>()[0];
  set_scalar(kStep, count);
  if (shared_count) {
    for (const StateEntry& entry : entries()) {
      if (entry.is_count) fill_(entry.own, count);
    }
  }
  for (size_t i = 1; i < own.size(); ++i) {
    const bool cut = comm_ != nullptr && !own[i].is_count;
    copy_(own[i].own, to_device(cut ? own_slice(sources[i].contiguous()) : sources[i], own[i].own.device()));
  }
  return absl::OkStatus();
}

void Optimizer::reset() {
  NoGradGuard no_grad;
  for (const Group& group : groups_) {
    for (const Slot& slot : group.slots) {
      for (const auto& entry : slot.state) fill_(entry.second, 0);
    }
  }
  set_scalar(kStep, 0);
  set_scalar(kFinite, 1);
}

AdamW::AdamW(std::vector<ParamGroup> groups, const AdamWOptions& options)
    : Optimizer(std::move(groups), adam_states), options_(checked(options)) {}

void AdamW::update(const Group& group, const std::vector<std::vector<Tensor>>& lists, const Tensor& scalars) {
  AdamWOptions options = options_;
  options.lr_scale = group.lr_scale;
  options.weight_decay = group.weight_decay.value_or(options_.weight_decay);
  adamw_(lists[0], lists[1], lists[2], lists[3], lists[4], scalars, options);
}

Adam::Adam(std::vector<ParamGroup> groups, const AdamWOptions& options)
    : Optimizer(std::move(groups), adam_states), options_(checked(options)) {}

void Adam::update(const Group& group, const std::vector<std::vector<Tensor>>& lists, const Tensor& scalars) {
  AdamWOptions options = options_;
  options.lr_scale = group.lr_scale;
  options.weight_decay = 0;
  const double decay = group.weight_decay.value_or(options_.weight_decay);
  if (decay == 0) return adamw_(lists[0], lists[1], lists[2], lists[3], lists[4], scalars, options);
  std::vector<Tensor> grads;
  for (size_t i = 0; i < lists[0].size(); ++i) {
    grads.push_back(optim::true_grad(lists[0][i], lists[1][i], decay, scalars));
  }
  const Tensor unscaled = copy_of(scalars);
  fill_(select(unscaled, 0, kGradFactor), 1);
  adamw_(lists[0], grads, lists[2], lists[3], lists[4], unscaled, options);
}

Sgd::Sgd(std::vector<ParamGroup> groups, const SgdOptions& options)
    : Optimizer(std::move(groups),
                [momentum = options.momentum](const TensorSpec& param) {
                  return momentum != 0 ? StateSpecs{{"momentum_buffer", param}} : StateSpecs{};
                }),
      options_(checked(options)) {}

void Sgd::update(const Group& group, const std::vector<std::vector<Tensor>>& lists, const Tensor& scalars) {
  SgdOptions options = options_;
  options.lr_scale = group.lr_scale;
  options.weight_decay = group.weight_decay.value_or(options_.weight_decay);
  sgd_(lists[0], lists[1], lists.size() > 2 ? lists[2] : std::vector<Tensor>{}, scalars, options);
}

}  // namespace roux
