#include "tensor/tables.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace roux {
namespace internal {

void missing_kernel(const char* op, Device device, DType dtype, absl::Span<void (*const)()> entries) {
  std::string registered;
  for (int d = 0; d < kDeviceTypeCount; ++d) {
    std::string dtypes;
    for (int t = 0; t < kDTypeCount; ++t) {
      if (entries[d * kDTypeCount + t])
        absl::StrAppend(&dtypes, dtypes.empty() ? "" : " ", name(static_cast<DType>(t)));
    }
    if (!dtypes.empty()) {
      absl::StrAppend(&registered, registered.empty() ? "" : ", ", name(static_cast<DeviceType>(d)), " (",
                      dtypes, ")");
    }
  }
  throw Error(absl::StrCat(op, ": no kernel for ", name(dtype), " on ", to_string(device),
                           "; registered: ", registered.empty() ? "none (link //tensor/cpu)" : registered));
}

void missing_rule(const char* op, const char* library) {
  throw Error(absl::StrCat(op, ": no gradient rule is registered: link ", library));
}

}  // namespace internal

int64_t distinct_bytes(const Tensor& x) {
  if (!x.defined()) return 0;
  int64_t elements = 1;
  for (int axis = 0; axis < x.dim(); ++axis) {
    if (x.strides()[axis] != 0 || x.size(axis) == 0) elements *= x.size(axis);
  }
  return elements * static_cast<int64_t>(size_of(x.dtype()));
}

namespace {
thread_local GraphNode* backward_node = nullptr;
}
GraphNode* current_backward_node() { return backward_node; }
GraphNode* exchange_current_backward_node(GraphNode* node) { return std::exchange(backward_node, node); }

namespace {
thread_local SavedTensorHooks* saved_tensor_hooks = nullptr;
}
SavedTensorHooks* exchange_saved_tensor_hooks(SavedTensorHooks* hooks) {
  return std::exchange(saved_tensor_hooks, hooks);
}

SavedTensor::SavedTensor(const Tensor& input) {
  if (!input.defined()) return;
  if (saved_tensor_hooks != nullptr) [[unlikely]] {
    const uint32_t index = saved_tensor_hooks->pack(input);
    if (index != SavedTensorHooks::kKeep) {
      hooks_ = IntrusivePtr<SavedTensorHooks>(saved_tensor_hooks);
      version_ = index;
      return;
    }
  }
  tensor_ = input;
  version_ = input.version();
}

SavedTensor SavedTensor::output(const Tensor& y, uint32_t index) {
  SavedTensor saved(y.detach());
  saved.output_index_ = static_cast<int32_t>(index);
  return saved;
}

Tensor SavedTensor::get() const {
  Tensor x = hooks_ ? hooks_->unpack(version_) : tensor_;
  if (!hooks_ && x.defined() && x.version() != version_) {
    const char* op = backward_node ? backward_node->op() : "backward";
    throw Error(absl::StrCat(op, ": a tensor saved for backward was overwritten: ", to_string(x.spec()),
                             " was at version ", version_, " when saved and is at version ", x.version(),
                             " now, last written by ", x.impl()->storage->last_write()));
  }
  if (output_index_ < 0 || !grad_mode_enabled() || !backward_node) return x;
  Tensor connected = x.detach();
  connected.impl()->requires_grad = true;
  connected.impl()->node = IntrusivePtr<GraphNode>(backward_node);
  connected.impl()->output_index = static_cast<uint32_t>(output_index_);
  return connected;
}

Device common_device(const char* op, std::initializer_list<TensorRef> inputs,
                     std::initializer_list<TensorRef> optional) {
  const Tensor& first = **inputs.begin();
  int position = 0;
  auto check = [&](const Tensor& x) {
    ROUX_CHECK(x.device() == first.device())
        << op << ": tensors are on different devices: " << first.spec() << " is on " << first.device() << ", "
        << x.spec() << " is on " << x.device() << "; move one with .to(device)";
  };
  for (const TensorRef& x : inputs) {
    ROUX_CHECK(x->defined()) << op << ": needs a tensor, got an undefined one: argument " << position;
    check(*x);
    ++position;
  }
  for (const TensorRef& x : optional) {
    if (x->defined()) check(*x);
  }
  return first.device();
}

}  // namespace roux
