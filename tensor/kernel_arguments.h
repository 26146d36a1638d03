// The tensors among a kernel's arguments, as a profile wants them: what it reads and writes, and how much.
#ifndef ROUX_TENSOR_KERNEL_ARGUMENTS_H_
#define ROUX_TENSOR_KERNEL_ARGUMENTS_H_

#include <type_traits>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "tensor/profiler.h"
#include "tensor/tensor.h"

namespace roux {

// Bytes of the elements of x in memory: axes of stride 0 count once. 0 for an undefined tensor.
int64_t distinct_bytes(const Tensor& x);

// Takes each argument with the type that the kernel's signature gives it: const Tensor& and lists are read,
// Tensor& is written (scratch too), other types are none of its business.
class KernelArguments {
 public:
  template <class Argument>
  void add(const std::remove_reference_t<Argument>& argument) {
    if constexpr (std::is_same_v<Argument, const Tensor&>) {
      add_to(argument, inputs_, cost_.read);
    } else if constexpr (std::is_same_v<Argument, Tensor&>) {
      add_to(argument, outputs_, cost_.written);
    } else if constexpr (std::is_same_v<Argument, absl::Span<const Tensor>>) {
      for (const Tensor& x : argument) add_to(x, inputs_, cost_.read);
    }
  }
  absl::Span<const TensorSpec> inputs() const { return inputs_; }
  absl::Span<const TensorSpec> outputs() const { return outputs_; }
  // Each argument moved once; flops unknown.
  const OpCost& cost() const { return cost_; }

 private:
  using Specs = absl::InlinedVector<TensorSpec, 6>;
  static void add_to(const Tensor& x, Specs& specs, int64_t& bytes) {
    if (!x.defined()) return;
    specs.push_back(x.spec());
    bytes += distinct_bytes(x);
  }
  Specs inputs_, outputs_;
  OpCost cost_;
};

}  // namespace roux

#endif  // ROUX_TENSOR_KERNEL_ARGUMENTS_H_
