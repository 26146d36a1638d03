// load(): what fits is found out first, then every value is made ready, then all are written.
#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nn/weights.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/quantize.h"
#include "tensor/overlap.h"

namespace roux {
namespace {

struct Assignment {
  std::string name;
  Tensor target, value;
};

absl::Status misfit(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("state_dict: ", what));
}

Tensor copy_of(const Tensor& x) {
  Tensor copy = empty(x.spec(), x.device());
  copy_(copy, x);
  return copy;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  const Tensor x = a.contiguous(), y = b.contiguous();
  return x.numel() == 0 || std::memcmp(x.raw_data(), y.raw_data(), x.bytes()) == 0;
}

// What copy_() takes into the target.
Tensor converted(const Assignment& a) {
  const bool is_read = is_block(a.value.dtype()) && !is_block(a.target.dtype());
  return is_read ? dequantize(a.value, a.target.dtype()) : a.value;
}

// Whether a's target still holds a's value when b's has been written behind it: tried out in other memory
// with the same places in common.
bool agree(const Assignment& a, const Assignment& b) {
  for (const Assignment* assignment : {&a, &b}) {
    if (assignment->value.device().type == DeviceType::kMeta) return true;
  }
  const Tensor &x = a.target, &y = b.target;
  const int64_t begin = std::min(x.impl()->offset, y.impl()->offset);
  int64_t end = begin;
  for (const Tensor* t : {&x, &y}) {
    int64_t last = t->impl()->offset;
    for (int axis = 0; axis < t->dim(); ++axis) last += (t->size(axis) - 1) * t->strides()[axis];
    end = std::max(end, last + 1);
  }
  const Tensor memory = zeros({end - begin}, x.dtype());
  const auto place = [&](const Tensor& t) {
    return alias(memory, t.shape(), t.strides(), t.impl()->offset - begin);
  };
  copy_(place(x), converted(a).to(kCpu));
  const Tensor before = copy_of(place(x));
  copy_(place(y), converted(b).to(kCpu));
  return same_bits(before, place(x));
}

// Slots of one tensor share what arrives; slots of one memory do where values are written into it.
absl::Status check_conflicts(const std::vector<Assignment>& assignments, bool written) {
  std::unordered_map<const Storage*, std::vector<const Assignment*>> by_storage;
  for (const Assignment& assignment : assignments) {
    std::vector<const Assignment*>& earlier = by_storage[assignment.target.impl()->storage.get()];
    for (const Assignment* other : earlier) {
      const bool meet = other->target.impl() == assignment.target.impl() ||
                        (written && shares_memory(other->target, assignment.target));
      if (!meet || agree(*other, assignment)) continue;
      return misfit(absl::StrCat(other->name, " and ", assignment.name,
                                 " share memory in the module, the values given for them differ"));
    }
    earlier.push_back(&assignment);
  }
  return absl::OkStatus();
}

void write(std::vector<Assignment> assignments) {
  NoGradGuard no_grad;
  std::unordered_set<const Storage*> written;
  for (const Assignment& assignment : assignments) written.insert(assignment.target.impl()->storage.get());
  for (Assignment& assignment : assignments) {
    const bool own_memory = written.count(assignment.value.impl()->storage.get()) > 0;
    if (own_memory) assignment.value = copy_of(assignment.value);
    assignment.value = to_device(assignment.value, assignment.target.device());
  }
  for (const Assignment& assignment : assignments) copy_(assignment.target, converted(assignment));
}

void map(const std::vector<Module::Slot>& slots, const std::vector<Assignment>& assignments) {
  std::unordered_map<const TensorImpl*, Tensor> aliases;
  for (const Assignment& assignment : assignments) {
    const Tensor& old = assignment.target;
    Tensor& alias = aliases[old.impl()];
    if (alias.defined()) continue;
    alias = assignment.value;
    alias.set_requires_grad(old.requires_grad() && is_floating(alias.dtype()));
  }
  for (const Module::Slot& slot : slots) {
    const auto found = aliases.find(slot.tensor->impl());
    if (found != aliases.end()) *slot.tensor = found->second;
  }
}

}  // namespace

absl::StatusOr<LoadReport> load(Module& m, const NamedTensors& state, const LoadOptions& options) {
  const std::vector<Module::Slot> slots = m.slots();
  std::vector<std::string> names;
  for (const Module::Slot& slot : slots) names.push_back(slot.name);
  const bool all = options.only == Patterns{"*"};  // also of a module without names
  const std::vector<bool> wanted =
      all ? std::vector<bool>(names.size(), true) : matching("load", options.only, names);

  std::unordered_map<std::string, Tensor> given;
  for (const auto& [name, value] : state) {
    if (!given.emplace(name, value).second) return misfit(absl::StrCat(name, " is given twice"));
  }
  std::unordered_set<const TensorImpl*> arriving;
  std::vector<Assignment> assignments;
  std::vector<std::string> problems;  // all of them are reported at once
  for (size_t i = 0; i < slots.size(); ++i) {
    const Tensor& target = *slots[i].tensor;
    const auto found = given.find(names[i]);
    if (!wanted[i] || found == given.end()) continue;
    const bool converts = options.map || !is_block(target.dtype()) || target.dtype() == found->second.dtype();
    if (!(value_shape(found->second.spec()) == value_shape(target.spec())) || !converts) {
      problems.push_back(absl::StrCat(names[i], " is ", to_string(found->second.spec()),
                                      ", the module needs ", to_string(target.spec())));
    }
    arriving.insert(target.impl());
    assignments.push_back({names[i], target, found->second.detach()});
  }

  LoadReport report;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (!wanted[i]) continue;
    const bool arrives = arriving.count(slots[i].tensor->impl()) > 0;
    (arrives ? report.loaded : report.missing).push_back(names[i]);
  }
  const std::unordered_set<std::string> known(names.begin(), names.end());
  for (const auto& [name, value] : state) {
    const bool unexpected = known.count(name) == 0 && (all || matches(options.only, name));
    if (unexpected) report.unexpected.push_back(name);
  }
  if (!options.partial && !report.missing.empty()) {
    problems.push_back(
        absl::StrCat(report.missing.size(), " missing: ", absl::StrJoin(report.missing, ", ")));
  }
  if (!options.partial && !report.unexpected.empty()) {
    problems.push_back(
        absl::StrCat(report.unexpected.size(), " unknown: ", absl::StrJoin(report.unexpected, ", ")));
  }
  if (!problems.empty()) return misfit(absl::StrJoin(problems, "; "));
  if (assignments.empty() && !state.empty()) {
    return misfit(
        absl::StrCat("none of ", state.size(), " entries fits, the first is ", state.front().first));
  }
  ROUX_RETURN_IF_ERROR(check_conflicts(assignments, !options.map));
  if (options.map) {
    map(slots, assignments);
  } else {
    write(std::move(assignments));
  }
  return report;
}

}  // namespace roux
