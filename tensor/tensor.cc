#include "tensor/tensor.h"

#include <limits>

#include "tensor/convert.h"
#include "tensor/enter_device.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/overlap.h"

namespace roux {

namespace {
thread_local bool grad_mode = true;

IntrusivePtr<TensorImpl> make_impl(IntrusivePtr<Storage> storage, const TensorSpec& spec,
                                   const Strides& strides, int64_t offset) {
  auto impl = make_intrusive<TensorImpl>();
  impl->storage = std::move(storage);
  impl->offset = offset;
  impl->spec = spec;
  impl->strides = strides;
  impl->numel = numel(spec.shape);
  impl->contiguous = is_contiguous(spec.shape, strides);
  return impl;
}
}  // namespace

bool grad_mode_enabled() { return grad_mode; }
void set_grad_mode(bool enabled) { grad_mode = enabled; }

namespace internal {
void undefined_tensor() {
  throw Error("tensor: undefined: it was never given a value (a gradient: nothing was accumulated)");
}
}  // namespace internal

Tensor empty(const TensorSpec& spec, Device device) {
  for (int64_t size : spec.shape) {
    ROUX_CHECK(size >= 0) << "empty: negative size in shape " << spec.shape;
  }
  const size_t count = static_cast<size_t>(numel(spec.shape)), element = size_of(spec.dtype);
  ROUX_CHECK(count <= static_cast<size_t>(std::numeric_limits<int64_t>::max()) / element)
      << "empty: out of memory: " << spec << " has more bytes than an int64 counts";
  const size_t bytes = count * element + trailer_bytes(spec.dtype, count);
  return Tensor(make_impl(make_intrusive<Storage>(bytes, device), spec, contiguous_strides(spec.shape), 0));
}

Tensor alias(const Tensor& base, const Shape& shape, const Strides& strides, int64_t offset) {
  const DType dtype = base.dtype();  // throws for an undefined base
  return Tensor(make_impl(base.impl()->storage, {dtype, shape}, strides, offset));
}

Tensor from_memory(void* data, const TensorSpec& spec, std::shared_ptr<void> owner) {
  const size_t bytes = static_cast<size_t>(numel(spec.shape)) * size_of(spec.dtype);
  return Tensor(make_impl(make_intrusive<Storage>(data, bytes, kCpu, std::move(owner)), spec,
                          contiguous_strides(spec.shape), 0));
}

int64_t Tensor::size(int64_t axis) const { return shape()[or_throw(normalize_axis(axis, spec()), "size")]; }

void Tensor::check_data(DType wanted) const {
  ROUX_CHECK(wanted == dtype()) << "data: asked for " << name(wanted) << ", the tensor is " << spec();
  ROUX_CHECK(device().type != DeviceType::kMeta) << "data: " << spec() << " is on meta and has no values";
}

Tensor& Tensor::set_requires_grad(bool requires_grad) {
  ROUX_CHECK(!requires_grad || is_floating(dtype())) << "set_requires_grad: " << spec() << " is not floating";
  ROUX_CHECK(is_leaf()) << "set_requires_grad: " << spec() << " is the result of " << impl_->node->op()
                        << ", not a leaf; use detach() first";
  impl_->requires_grad = requires_grad;
  return *this;
}

const Tensor& Tensor::grad() const {
  static const Tensor kUndefined;
  return checked().node ? impl_->node->accumulated_grad() : kUndefined;
}

void Tensor::set_grad(const Tensor& grad) {
  ROUX_CHECK(is_leaf()) << "set_grad: " << spec() << " is the result of " << impl_->node->op()
                        << ", not a leaf";
  ROUX_CHECK(!grad.defined() || (grad.spec() == spec() && grad.device() == device()))
      << "set_grad: grad is " << grad.spec() << " on " << grad.device() << ", the tensor is " << spec()
      << " on " << device();
  if (impl_->node)
    impl_->node->set_accumulated_grad(grad);
  else
    ROUX_CHECK(!grad.defined()) << "set_grad: " << spec() << " has not taken part in a graph yet";
}

Tensor Tensor::detach() const { return alias(*this, shape(), strides(), checked().offset); }

void note_write(const Tensor& x, const char* op) {
  ROUX_CHECK(!(grad_mode_enabled() && x.requires_grad()))
      << op << ": " << x.spec()
      << " requires grad and recording is on; write under NoGradGuard or to a detached copy";
  ROUX_CHECK(!overlaps_itself(x)) << op << ": x overlaps itself: x is " << x.spec() << " with strides "
                                  << x.strides() << ": several elements lie at one place; write to a copy";
  x.impl()->storage->bump_version();
  x.impl()->storage->set_last_write(op);
  enter_device(x.device());
}

namespace {

// Element values of a host copy of x, in row-major order, through the widest type of its class.
template <class Out>
void copy_values(const Tensor& x, Out* out) {
  ROUX_CHECK(x.device().type != DeviceType::kMeta)
      << "to_vector: " << x.spec() << " is on meta and has no values";
  ROUX_CHECK(!is_block(x.dtype())) << "to_vector: " << x.spec() << " holds blocks; dequantize() it first";
  const Storage& storage = *x.impl()->storage;
  std::vector<char> host;
  const char* base = static_cast<const char*>(storage.data());
  if (storage.device().type != DeviceType::kCpu && storage.bytes() > 0) {
    host.resize(storage.bytes());
    runtime(storage.device().type)
        .copy_to_host(host.data(), storage.data(), storage.bytes(), storage.device().index);
    base = host.data();
  }
  dispatch_all(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* data = reinterpret_cast<const T*>(base) + x.impl()->offset;
    Dims index = Dims::filled(x.dim(), 0);
    for (int64_t i = 0; i < x.numel(); ++i) {
      int64_t at = 0;
      for (int axis = 0; axis < x.dim(); ++axis) at += index[axis] * x.strides()[axis];
      out[i] = convert<Out>(data[at]);
      for (int axis = x.dim() - 1; axis >= 0 && ++index[axis] == x.shape()[axis]; --axis) index[axis] = 0;
    }
  });
}

}  // namespace

double Tensor::item() const {
  ROUX_CHECK(numel() == 1) << "item: needs exactly one element, x is " << spec();
  if (dtype() == kI64) {
    int64_t exact = 0;
    copy_values(*this, &exact);
    const auto value = static_cast<double>(exact);
    ROUX_CHECK(convert<int64_t>(value) == exact && value != 0x1p63)
        << "item: " << exact << " is not exact as a double; use to_vector<int64_t>()";
    return value;
  }
  double value = 0;
  copy_values(*this, &value);
  return value;
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  std::vector<T> values(static_cast<size_t>(numel()));
  copy_values(*this, values.data());
  return values;
}
template std::vector<float> Tensor::to_vector() const;
template std::vector<double> Tensor::to_vector() const;
template std::vector<int64_t> Tensor::to_vector() const;
template std::vector<int32_t> Tensor::to_vector() const;

}  // namespace roux
