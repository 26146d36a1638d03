#include "tensor/comm/parameter_slices.h"

#include "tensor/error.h"

namespace roux {
namespace {
ParameterSlices* the_current = nullptr;
}  // namespace

ParameterSlices::ParameterSlices() {
  ROUX_CHECK(the_current == nullptr) << "parameter slices: there are some already, of another loop";
  the_current = this;
}
ParameterSlices::~ParameterSlices() { the_current = nullptr; }

ParameterSlices* ParameterSlices::current() { return the_current; }

Device device_of(const Tensor& parameter) {
  if (the_current == nullptr) return parameter.device();
  const Tensor slice = the_current->slice_of(parameter);
  return slice.defined() ? slice.device() : parameter.device();
}

Tensor whole_value(const Tensor& x) { return the_current == nullptr ? x : the_current->whole(x); }

}  // namespace roux
