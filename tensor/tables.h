// Kernel tables and gradient slots: what an op family declares (constinit, in tensor/ops/<family>_tables.h)
// and what tensor/cpu, cuda and autograd/rules fill from alwayslink libraries. A table is a plain array of
// function pointers that exists before any constructor runs, so link order can't matter; after start it is
// read-only.
#ifndef ROUX_TENSOR_TABLES_H_
#define ROUX_TENSOR_TABLES_H_

#include <initializer_list>
#include <utility>

#include "absl/types/span.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/kernel_arguments.h"
#include "tensor/profiler.h"
#include "tensor/tensor.h"

namespace roux {

namespace internal {
[[noreturn]] void missing_kernel(const char* op, Device device, DType dtype,
                                 absl::Span<void (*const)()> entries);
[[noreturn]] void missing_rule(const char* op, const char* library);
}  // namespace internal

// One kernel per device type and dtype; Fn is the kernel's function type and returns void.
template <class Fn>
class KernelTable;
template <class... Args>
class KernelTable<void(Args...)> {
 public:
  using Kernel = void(Args...);
  // What a call costs, where that is not each argument moved once (KernelArguments) or flops are known.
  using CostRule = OpCost(Args...);
  constexpr explicit KernelTable(const char* op, CostRule* cost = nullptr) : op_(op), cost_(cost) {}
  KernelTable(const KernelTable&) = delete;

  // Runs the kernel registered for key's device and dtype (key: the first floating argument, else the first
  // argument). On meta nothing runs. Throws Error listing what is registered when there is no kernel.
  template <class... Actual>
  void run(const Tensor& key, Actual&&... args) const {
    const Device device = key.device();
    if (device.type == DeviceType::kMeta) return;
    Kernel* kernel = entries_[static_cast<int>(device.type)][static_cast<int>(key.dtype())];
    if (kernel == nullptr) missing(device, key.dtype());
    if (internal::trace_enabled) [[unlikely]] {
      traced(kernel, std::forward<Actual>(args)...);
    } else {
      kernel(std::forward<Actual>(args)...);
    }
  }
  bool has(DeviceType device, DType dtype) const {
    return entries_[static_cast<int>(device)][static_cast<int>(dtype)] != nullptr;
  }
  const char* op() const { return op_; }
  void set(DeviceType device, DType dtype, Kernel* kernel) {
    entries_[static_cast<int>(device)][static_cast<int>(dtype)] = kernel;
  }

 private:
  [[noreturn]] void missing(Device device, DType dtype) const {
    internal::missing_kernel(op_, device, dtype,
                             absl::MakeConstSpan(reinterpret_cast<void (*const*)()>(&entries_[0][0]),
                                                 kDeviceTypeCount * kDTypeCount));
  }
  [[gnu::noinline]] void traced(Kernel* kernel, Args... args) const {
    KernelArguments arguments;
    (arguments.add<Args>(args), ...);
    const OpCost cost = cost_ ? cost_(args...) : arguments.cost();
    const TraceScope scope(op_, arguments.inputs(), arguments.outputs(), cost);
    kernel(args...);
  }
  const char* op_;
  CostRule* cost_;
  Kernel* entries_[kDeviceTypeCount][kDTypeCount] = {};
};

// const RegisterKernel kRmsNorm(rms_norm_kernels, DeviceType::kCpu, kFloating, rms_norm_cpu);
template <class Fn>
struct RegisterKernel {
  RegisterKernel(KernelTable<Fn>& table, DeviceType device, DTypeSet dtypes, Fn* kernel) {
    for (int i = 0; i < kDTypeCount; ++i) {
      if (dtypes.contains(static_cast<DType>(i))) table.set(device, static_cast<DType>(i), kernel);
    }
  }
};

// Redirects what is saved for backward (activation checkpointing drops it and computes it again).
// Thread-local.
class SavedTensorHooks : public RefCounted {
 public:
  static constexpr uint32_t kKeep = ~0u;
  // Called when an op saves x. kKeep: the SavedTensor keeps x itself; else the index that unpack() will get.
  virtual uint32_t pack(const Tensor& x) = 0;
  virtual Tensor unpack(uint32_t index) = 0;  // the tensor of that call, possibly computed again
};
SavedTensorHooks* exchange_saved_tensor_hooks(
    SavedTensorHooks* hooks);  // returns the previous ones; nullptr: none

// A tensor that backward will read. get() throws Error naming op and write when the data were overwritten
// since.
class SavedTensor {
 public:
  SavedTensor() = default;
  SavedTensor(const Tensor& input);  // NOLINT: implicit; undefined stays undefined
  // For an output of the op being recorded: holds the data without the graph (no reference cycle); get()
  // reconnects it.
  static SavedTensor output(const Tensor& y, uint32_t index = 0);

  bool defined() const { return tensor_.defined() || hooks_; }
  Tensor get() const;

 private:
  Tensor tensor_;
  IntrusivePtr<SavedTensorHooks> hooks_;
  uint32_t version_ = 0;  // or the index that hooks_ gave
  int32_t output_index_ = -1;
};

// The graph node whose backward runs on this thread (set by the engine; read by SavedTensor::get).
GraphNode* current_backward_node();
GraphNode* exchange_current_backward_node(GraphNode* node);

// A borrowed input in a recording call.
class TensorRef {
 public:
  TensorRef(const Tensor& x) : x_(&x) {}  // NOLINT: implicit
  const Tensor& operator*() const { return *x_; }
  const Tensor* operator->() const { return x_; }

 private:
  const Tensor* x_;
};

inline bool any_requires_grad(std::initializer_list<TensorRef> inputs) {
  for (const TensorRef& x : inputs) {
    if (x->defined() && x->requires_grad()) return true;
  }
  return false;
}

// Where autograd/rules plugs in the gradient of one op. Saved is what the rule reads: SavedTensors and plain
// values.
template <class Saved>
class GradSlot {
 public:
  using RecordFn = void(const void* rule, const char* op, absl::Span<const TensorRef> inputs,
                        absl::Span<Tensor* const> outputs, Saved&& saved);
  // library: the Bazel target that registers the rule, for the error text.
  constexpr GradSlot(const char* op, const char* library) : op_(op), library_(library) {}
  GradSlot(const GradSlot&) = delete;

  // Returns y; when grad mode is on and an input requires grad, y joins the graph and make_saved() is kept
  // for backward.
  template <class MakeSaved>
  Tensor record(std::initializer_list<TensorRef> inputs, Tensor y, MakeSaved&& make_saved) const {
    if (wants(inputs)) {
      Tensor* const outputs[] = {&y};
      attach(inputs, outputs, make_saved());
    }
    return y;
  }
  // The same for several outputs.
  template <class MakeSaved>
  void record_all(std::initializer_list<TensorRef> inputs, absl::Span<Tensor* const> outputs,
                  MakeSaved&& make_saved) const {
    if (wants(inputs)) attach(inputs, outputs, make_saved());
  }
  // The same for a list of inputs whose length is known at run time (cat).
  template <class MakeSaved>
  Tensor record_list(absl::Span<const Tensor> inputs, Tensor y, MakeSaved&& make_saved) const {
    bool wanted = false;
    for (const Tensor& x : inputs) wanted |= x.requires_grad();
    if (wanted && grad_mode_enabled()) {
      std::vector<TensorRef> refs(inputs.begin(), inputs.end());
      Tensor* const outputs[] = {&y};
      attach(refs, outputs, make_saved());
    }
    return y;
  }
  // True when record() would record: lets an op skip statistics that only backward needs.
  bool wants(std::initializer_list<TensorRef> inputs) const {
    return grad_mode_enabled() && any_requires_grad(inputs);
  }

  void set(RecordFn* record, const void* rule) {
    record_ = record;
    rule_ = rule;
  }
  const char* op() const { return op_; }
  bool has_rule() const { return record_ != nullptr; }

 private:
  void attach(absl::Span<const TensorRef> inputs, absl::Span<Tensor* const> outputs, Saved&& saved) const {
    if (record_ == nullptr) internal::missing_rule(op_, library_);
    record_(rule_, op_, inputs, outputs, std::move(saved));
  }
  const char* op_;
  const char* library_;
  RecordFn* record_ = nullptr;
  const void* rule_ = nullptr;
};

// The device of an op's arguments. Throws Error when one of `inputs` is undefined, or when two of them or a
// defined one of `optional` are on different devices.
Device common_device(const char* op, std::initializer_list<TensorRef> inputs,
                     std::initializer_list<TensorRef> optional = {});

}  // namespace roux

#endif  // ROUX_TENSOR_TABLES_H_
