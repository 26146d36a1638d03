#include "nn/weights.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "tensor/error.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"

namespace roux {
namespace {

using Slots = std::vector<Module::Slot>;

std::vector<std::string> names_of(const Slots& slots) {
  std::vector<std::string> names;
  for (const Module::Slot& slot : slots) names.push_back(slot.name);
  return names;
}

Slots parameters_of(const Module& m) {
  Slots parameters;
  for (const Module::Slot& slot : m.slots()) {
    if (slot.parameter) parameters.push_back(slot);
  }
  return parameters;
}

const Module::Slot& named(const char* op, const Slots& slots, const std::string& name) {
  for (const Module::Slot& slot : slots) {
    if (slot.name == name) return slot;
  }
  throw Error(std::string(op) + ": there is no " + name + " among " + std::to_string(slots.size()) +
              " names");
}

// What each tensor gives way to, in all slots that hold it.
using Replacements = std::unordered_map<const TensorImpl*, Tensor>;

void replace(const Slots& slots, const Replacements& replacements) {
  for (const Module::Slot& slot : slots) {
    const auto found = replacements.find(slot.tensor->impl());
    if (found != replacements.end()) *slot.tensor = found->second;
  }
}

Tensor copy_of(const Tensor& x) {
  Tensor copy = empty(x.spec(), x.device());
  copy_(copy, x.detach());
  return copy;
}

void set_trains(Tensor& parameter, bool trains) {
  if (!trains) parameter.set_grad(Tensor());
  parameter.set_requires_grad(trains);
}

// Sets what matches to `trains`, and with `others_too` what does not to the opposite.
int64_t set_trains(const char* op, const Module& m, const Patterns& which, bool trains, bool others_too) {
  const Slots parameters = parameters_of(m);
  const std::vector<bool> met = matching(op, which, names_of(parameters));
  std::unordered_set<const TensorImpl*> chosen;
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (met[i]) chosen.insert(parameters[i].tensor->impl());
  }
  for (const Module::Slot& slot : parameters) {
    const bool is_chosen = chosen.count(slot.tensor->impl()) > 0;
    if (is_chosen || others_too) set_trains(*slot.tensor, is_chosen == trains);
  }
  return static_cast<int64_t>(chosen.size());
}

}  // namespace

Tensor parameter(const Module& m, const std::string& name) {
  return *named("parameter", parameters_of(m), name).tensor;
}

NamedTensors trainable(const Module& m) {
  NamedTensors out;
  for (const auto& [name, x] : m.named_parameters()) {
    if (x.requires_grad()) out.emplace_back(name, x);
  }
  return out;
}

void set_parameter(Module& m, const std::string& name, const Tensor& value) {
  const Slots parameters = parameters_of(m);
  const Tensor old = *named("set_parameter", parameters, name).tensor;
  ROUX_CHECK(value.is_leaf()) << "set_parameter: the value for " << name << ", " << value.spec()
                              << ", is part of a graph; detach() it";
  Tensor alias = value.detach();
  alias.set_requires_grad(old.requires_grad() && is_floating(alias.dtype()));
  replace(parameters, {{old.impl(), alias}});
}

void share(const Module& from, Module& to, const Patterns& which) {
  const Slots sources = from.slots(), targets = to.slots();
  const std::vector<bool> met = matching("share", which, names_of(sources));
  Replacements aliases, replacements;
  for (size_t i = 0; i < sources.size(); ++i) {
    if (!met[i]) continue;
    const Tensor& source = *sources[i].tensor;
    const Tensor& target = *named("share", targets, sources[i].name).tensor;
    ROUX_CHECK(value_shape(source.spec()) == value_shape(target.spec()))
        << "share: " << sources[i].name << " is " << source.spec() << ", in the module that takes it "
        << target.spec();
    Tensor& alias = aliases[source.impl()];
    if (!alias.defined()) alias = source.detach();
    const auto [earlier, is_new] = replacements.emplace(target.impl(), alias);
    ROUX_CHECK(is_new || earlier->second.impl() == alias.impl())
        << "share: " << sources[i].name << " is tied to another name in the module that takes it, but not in "
        << "the one that gives it";
  }
  replace(targets, replacements);
}

void own(Module& m, const Patterns& which) {
  const Slots slots = m.slots();
  const std::vector<bool> met = matching("own", which, names_of(slots));
  Replacements copies;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (!met[i]) continue;
    Tensor& copy = copies[slots[i].tensor->impl()];
    if (!copy.defined()) copy = copy_of(*slots[i].tensor);
    if (slots[i].parameter && is_floating(copy.dtype())) copy.set_requires_grad(true);
  }
  replace(slots, copies);
}

void take_weights(const Module& from, Module& to, Weights weights) {
  const Slots sources = from.slots();
  for (const Module::Slot& target : to.slots()) named("take_weights", sources, target.name);
  if (sources.empty()) return;
  share(from, to);
  if (weights == Weights::kShared) return;
  own(to);
  for (const Module::Slot& target : to.slots()) {
    target.tensor->set_requires_grad(named("take_weights", sources, target.name).tensor->requires_grad());
  }
}

int64_t freeze(Module& m, const Patterns& which) { return set_trains("freeze", m, which, false, false); }
int64_t unfreeze(Module& m, const Patterns& which) { return set_trains("unfreeze", m, which, true, false); }
int64_t train_only(Module& m, const Patterns& which) {
  return set_trains("train_only", m, which, true, true);
}

int64_t quantize(Module& m, const Patterns& which, DType block_dtype, Nf4Scales scales) {
  const Slots parameters = parameters_of(m);
  const std::vector<bool> met = matching("quantize", which, names_of(parameters));
  std::vector<Tensor> chosen;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Tensor& x = *parameters[i].tensor;
    if (!met[i] || x.dim() != 2 || !is_floating(x.dtype())) continue;
    const bool is_new = std::none_of(chosen.begin(), chosen.end(),
                                     [&](const Tensor& other) { return other.impl() == x.impl(); });
    if (is_new) chosen.push_back(x);
    ROUX_CHECK(x.size(1) % values_per_element(block_dtype) == 0)
        << "quantize: " << parameters[i].name << " is " << x.spec() << ", " << name(block_dtype)
        << " needed rows of a multiple of " << values_per_element(block_dtype) << " values";
  }
  for (Tensor& x : chosen) {
    replace(parameters, {{x.impl(), quantize(x.detach(), block_dtype, scales)}});
    x = Tensor();  // frees its memory before the next one
  }
  return static_cast<int64_t>(chosen.size());
}

}  // namespace roux
