#include "nn/module.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
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

Tensor Module::register_parameter(const std::string& name, Tensor value) {
  check_name(name);
  value.set_requires_grad(true);
  entries_.push_back({name, value, true, true});
  return value;
}

Tensor Module::register_buffer(const std::string& name, Tensor value, bool persistent) {
  check_name(name);
  entries_.push_back({name, value, false, persistent});
  return value;
}

void Module::register_module(const std::string& name, Module& child) {
  check_name(name);
  ROUX_CHECK(child.parent_ == nullptr)
      << "register: the module for " << name << " has a parent already, as " << child.name_;
  child.name_ = name;
  child.parent_ = this;
  children_.emplace_back(name, &child);
}

void Module::collect(const std::string& prefix, NamedTensors* parameters, NamedTensors* all) const {
  for (const Entry& entry : entries_) {
    if (entry.parameter && parameters) parameters->emplace_back(prefix + entry.name, entry.tensor);
    if (entry.persistent && all) all->emplace_back(prefix + entry.name, entry.tensor);
  }
  for (const auto& [name, child] : children_)
    child->collect(absl::StrCat(prefix, name, "."), parameters, all);
}

namespace {
// Keeps the first name of a tensor that stands in the list twice.
NamedTensors without_repeats(const NamedTensors& list) {
  NamedTensors out;
  for (const auto& entry : list) {
    bool repeated = false;
    for (const auto& earlier : out) repeated |= earlier.second.impl() == entry.second.impl();
    if (!repeated) out.push_back(entry);
  }
  return out;
}
}  // namespace

NamedTensors Module::named_parameters() const {
  NamedTensors parameters;
  collect("", &parameters, nullptr);
  return without_repeats(parameters);
}

std::vector<Tensor> Module::parameters() const {
  std::vector<Tensor> out;
  for (const auto& [name, parameter] : named_parameters()) out.push_back(parameter);
  return out;
}

int64_t Module::num_parameters() const {
  int64_t count = 0;
  for (const Tensor& parameter : parameters()) count += parameter.numel();
  return count;
}

NamedTensors Module::state_dict() const {
  NamedTensors all;
  collect("", nullptr, &all);
  return without_repeats(all);
}

absl::Status Module::load_state_dict(const NamedTensors& state) {
  NamedTensors own;
  collect("", nullptr, &own);
  std::vector<std::pair<Tensor, Tensor>> copies;
  std::vector<std::string> missing;
  for (const auto& [name, target] : own) {
    Tensor source;
    for (const auto& [key, value] : state) {
      if (key == name) source = value;
    }
    if (source.defined()) {
      if (!(source.shape() == target.shape())) {
        return absl::InvalidArgumentError(absl::StrCat("state_dict: ", name, " is ", to_string(source.spec()),
                                                       ", the module needs ", to_string(target.spec())));
      }
      copies.emplace_back(target, source);
      continue;
    }
    bool tied = false;  // another name of the same tensor is in the state
    for (const auto& [other, tensor] : own) {
      if (tensor.impl() != target.impl() || other == name) continue;
      for (const auto& entry : state) tied |= entry.first == other;
    }
    if (!tied) missing.push_back(name);
  }
  if (!missing.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("state_dict: ", missing.size(), " missing: ", absl::StrJoin(missing, ", ")));
  }
  for (const auto& [key, value] : state) {
    bool known = false;
    for (const auto& entry : own) known |= entry.first == key;
    if (!known) return absl::InvalidArgumentError(absl::StrCat("state_dict: unknown entry ", key));
  }
  NoGradGuard no_grad;
  for (const auto& [target, source] : copies) copy_(target, to_device(source, target.device()));
  return absl::OkStatus();
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
