#include "nn/module.h"

#include <algorithm>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nn/weights.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/random.h"

namespace roux {

void Module::check_name(const std::string& name) const {
  ROUX_CHECK(!name.empty() && name.find('.') == std::string::npos)
      << "register: the name \"" << name << "\" is empty or contains a dot";
  for (const Entry& entry : entries_)
    ROUX_CHECK(entry.name != name) << "register: the name " << name << " is taken";
  for (const auto& child : children_)
    ROUX_CHECK(child.first != name) << "register: the name " << name << " is taken";
}

void Module::register_parameter(const std::string& name, Tensor* slot, Tensor value) {
  check_name(name);
  value.set_requires_grad(true);
  *slot = std::move(value);
  entries_.push_back({name, slot, true, true});
}

void Module::register_buffer(const std::string& name, Tensor* slot, Tensor value, bool persistent) {
  check_name(name);
  *slot = std::move(value);
  entries_.push_back({name, slot, false, persistent});
}

void Module::register_module(const std::string& name, Module& child) {
  check_name(name);
  ROUX_CHECK(child.parent_ == nullptr)
      << "register: the module for " << name << " has a parent already, as " << child.name_;
  child.name_ = name;
  child.parent_ = this;
  children_.emplace_back(name, &child);
}

void Module::unregister_module(const std::string& name) {
  const auto child = std::find_if(children_.begin(), children_.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  ROUX_CHECK(child != children_.end()) << "unregister: there is no module " << name;
  child->second->name_.clear();
  child->second->parent_ = nullptr;
  children_.erase(child);
}

void Module::collect(const std::string& prefix, std::vector<Slot>* slots) const {
  for (const Entry& entry : entries_) {
    if (entry.persistent) slots->push_back({prefix + entry.name, entry.slot, entry.parameter});
  }
  for (const auto& [name, child] : children_) child->collect(absl::StrCat(prefix, name, "."), slots);
}

std::vector<Module::Slot> Module::slots() const {
  std::vector<Slot> slots;
  collect("", &slots);
  return slots;
}

std::vector<std::pair<std::string, Module*>> Module::modules() const {
  std::vector<std::pair<std::string, Module*>> out;
  for (const auto& [name, child] : children_) {
    out.emplace_back(name, child);
    for (auto& [path, module] : child->modules()) out.emplace_back(absl::StrCat(name, ".", path), module);
  }
  return out;
}

namespace {
// The tensors of the slots, those that stand in several under their first name.
NamedTensors tensors_of(const std::vector<Module::Slot>& slots, bool parameters_only) {
  NamedTensors out;
  std::unordered_set<const TensorImpl*> seen;
  for (const Module::Slot& slot : slots) {
    if (parameters_only && !slot.parameter) continue;
    if (seen.insert(slot.tensor->impl()).second) out.emplace_back(slot.name, *slot.tensor);
  }
  return out;
}
}  // namespace

NamedTensors Module::named_parameters() const { return tensors_of(slots(), true); }

NamedTensors Module::state_dict() const { return tensors_of(slots(), false); }

absl::Status Module::load_state_dict(const NamedTensors& state) { return load(*this, state).status(); }

std::vector<Tensor> Module::parameters() const {
  std::vector<Tensor> out;
  for (const auto& [name, parameter] : named_parameters()) out.push_back(parameter);
  return out;
}

int64_t Module::num_parameters() const {
  int64_t count = 0;
  for (const Tensor& parameter : parameters()) count += numel(value_shape(parameter.spec()));
  return count;
}

void Module::train(bool training) {
  training_ = training;
  for (const auto& child : children_) child.second->train(training);
}

void Module::zero_grad() {
  for (Tensor parameter : parameters()) parameter.set_grad(Tensor());
}

std::string Module::path() const {
  if (parent_ == nullptr) return name_;
  const std::string above = parent_->path();
  return above.empty() ? name_ : absl::StrCat(above, ".", name_);
}

std::string Module::context() const {
  const std::string where = path();
  return where.empty() ? pretty_print() : absl::StrCat(where, " (", pretty_print(), ")");
}

std::string Module::tree() const {
  std::string out = absl::StrCat(name_.empty() ? "" : name_ + ": ", pretty_print(), "\n");
  for (const auto& child : children_) {
    std::string below = child.second->tree();
    below.pop_back();
    absl::StrAppend(&out, "  ", absl::StrJoin(absl::StrSplit(below, '\n'), "\n  "), "\n");
  }
  return out;
}

Tensor init_normal(const Shape& shape, const Init& init) {
  if (init.device.type == DeviceType::kMeta) return empty({init.dtype, shape}, kMeta);
  if (init.generator == nullptr) return zeros(shape, init.dtype, init.device);
  return normal(shape, 0, init.std, *init.generator, init.dtype).to(init.device);
}

}  // namespace roux
