// roux::Tensor: a cheap handle (one pointer) on storage, shape, strides, dtype and device, with an opaque
// slot for autograd state. Copying a Tensor shares the data. Ops are the functions of tensor/ops/*.h; the
// members below that compute something call them.
//
//   Tensor x = uniform({4, 3}, -1, 1, generator);
//   Tensor y = matmul(x, x.transpose(0, 1)) + 1.0;
//
// Threads: handles may be copied and read on any thread; a tensor being written, and an autograd graph,
// belong to one.
#ifndef ROUX_TENSOR_TENSOR_H_
#define ROUX_TENSOR_TENSOR_H_

#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "tensor/device.h"
#include "tensor/dtype.h"
#include "tensor/intrusive_ptr.h"
#include "tensor/shape.h"
#include "tensor/storage.h"

namespace roux {

class Tensor;

// The opaque autograd state of a tensor: the graph node that produced it, or for a leaf the node that
// accumulates its gradient. Implemented by autograd/.
class GraphNode : public RefCounted {
 public:
  virtual const Tensor& accumulated_grad() const = 0;  // undefined unless a leaf with a gradient
  virtual void set_accumulated_grad(const Tensor& grad) = 0;
  virtual bool is_leaf_node() const = 0;
  virtual const char* op() const = 0;
};

struct TensorImpl final : RefCounted {
  IntrusivePtr<Storage> storage;
  int64_t offset = 0;  // in elements
  TensorSpec spec;
  Strides strides;
  int64_t numel = 0;
  bool contiguous = true;
  bool requires_grad = false;
  uint32_t output_index = 0;  // which output of `node` this is
  IntrusivePtr<GraphNode> node;
};

namespace internal {
[[noreturn]] void undefined_tensor();
}

class Tensor {
 public:
  Tensor() = default;  // undefined: no shape, no data; members but defined() and impl() throw Error
  explicit Tensor(IntrusivePtr<TensorImpl> impl) : impl_(std::move(impl)) {}

  bool defined() const { return static_cast<bool>(impl_); }
  const TensorSpec& spec() const { return checked().spec; }
  const Shape& shape() const { return checked().spec.shape; }
  int64_t size(int64_t axis) const;  // axis may be negative; throws Error out of range
  const Strides& strides() const { return checked().strides; }
  int dim() const { return checked().spec.shape.rank(); }
  int64_t numel() const { return checked().numel; }
  DType dtype() const { return checked().spec.dtype; }
  Device device() const { return checked().storage->device(); }
  bool is_contiguous() const { return checked().contiguous; }
  size_t bytes() const {
    const auto count = static_cast<size_t>(checked().numel);
    return count * size_of(dtype()) + trailer_bytes(dtype(), count);
  }

  // Pointer to the first element. data<T>() throws Error unless T is the dtype, and on meta.
  void* raw_data() const {
    return static_cast<char*>(checked().storage->data()) +
           checked().offset * static_cast<int64_t>(size_of(dtype()));
  }
  template <class T>
  T* data() const {
    check_data(dtype_of<std::remove_const_t<T>>);
    return static_cast<T*>(raw_data());
  }
  // The value of a one-element tensor of any dtype and device (copied to the host). Throws Error on meta, and
  // for an i64 that a double does not hold exactly (to_vector<int64_t>() gives it).
  double item() const;
  // All values in row-major order, converted to T (float, double, int64_t or int32_t). Throws Error on meta.
  template <class T>
  std::vector<T> to_vector() const;

  // Autograd state. set_requires_grad throws Error on a non-floating tensor and on a non-leaf.
  bool requires_grad() const { return checked().requires_grad; }
  Tensor& set_requires_grad(bool requires_grad);
  bool is_leaf() const { return !checked().node || checked().node->is_leaf_node(); }
  const Tensor& grad() const;  // undefined when nothing was accumulated
  // Of a leaf that requires grad; undefined clears it. Throws Error unless grad has the leaf's spec and
  // device.
  void set_grad(const Tensor& grad);
  Tensor detach() const;  // same data, no graph
  uint32_t version() const { return checked().storage->version(); }

  // Ops as members; documented where the function is declared.
  Tensor to(DType dtype) const;                          // tensor/ops/elementwise.h: cast
  Tensor to(Device device) const;                        // tensor/ops/creation.h: to_device
  Tensor contiguous() const;                             // tensor/ops/view.h
  Tensor view(const Shape& shape) const;                 // tensor/ops/view.h
  Tensor reshape(const Shape& shape) const;              // tensor/ops/view.h
  Tensor transpose(int64_t axis0, int64_t axis1) const;  // tensor/ops/view.h
  Tensor permute(absl::Span<const int64_t> axes) const;  // tensor/ops/view.h
  Tensor slice(int64_t axis, int64_t begin, int64_t end, int64_t step = 1) const;  // tensor/ops/view.h
  Tensor squeeze(int64_t axis) const;                                              // tensor/ops/view.h
  Tensor unsqueeze(int64_t axis) const;                                            // tensor/ops/view.h
  Tensor expand(const Shape& shape) const;                                         // tensor/ops/view.h

  TensorImpl* impl() const { return impl_.get(); }  // for tables and autograd

 private:
  TensorImpl& checked() const {
    if (!impl_) [[unlikely]]
      internal::undefined_tensor();
    return *impl_;
  }
  void check_data(DType wanted) const;
  IntrusivePtr<TensorImpl> impl_;
};

// Tensors with names, in a fixed order: parameters, states, the contents of a file.
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

// New memory of that spec, contents undefined, contiguous. On meta it is only counted. Throws Error for a
// negative size, for more bytes than int64 counts and when memory runs out.
Tensor empty(const TensorSpec& spec, Device device = kCpu);
// A view of the same storage: no copy, no autograd record (ops/view.h records).
Tensor alias(const Tensor& base, const Shape& shape, const Strides& strides, int64_t offset);
// A tensor over memory owned by someone else (a mapped file), contiguous, on the CPU.
Tensor from_memory(void* data, const TensorSpec& spec, std::shared_ptr<void> owner);

// Marks a write to x by `op` (bumps the version that all views share). Throws Error when x or a view of it
// takes part in a recorded graph (requires grad while recording is on), or overlaps itself: what would stand
// at a place that several elements share?
void note_write(const Tensor& x, const char* op);

// Like NumPy: nested brackets, aligned columns, "..." above 1000 elements, then dtype and device when not f32
// on cpu.
std::string to_string(const Tensor& x);
std::ostream& operator<<(std::ostream& out, const Tensor& x);

}  // namespace roux

#endif  // ROUX_TENSOR_TENSOR_H_
