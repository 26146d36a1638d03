// Entries, references and inputs of the op suite.
#include "tests/ops/suite.h"

#include "tensor/error.h"

namespace roux::testing {

namespace {
int64_t offset_of(const Shape& shape, const Dims& index) {
  int64_t offset = 0;
  for (int i = 0; i < shape.rank(); ++i) offset = offset * shape[i] + index[i];
  return offset;
}
}  // namespace

double& Ref::at(const Dims& index) { return (*this)[offset_of(shape, index)]; }
double Ref::at(const Dims& index) const { return (*this)[offset_of(shape, index)]; }

void for_each_index(const Shape& shape, const std::function<void(const Dims&)>& fn) {
  Dims index = Dims::filled(shape.rank(), 0);
  for (int64_t i = 0, count = numel(shape); i < count; ++i) {
    fn(index);
    for (int axis = shape.rank() - 1; axis >= 0 && ++index[axis] == shape[axis]; --axis) index[axis] = 0;
  }
}

double broadcast_at(const Ref& x, const Dims& index) {
  Dims own = Dims::filled(x.shape.rank(), 0);
  const int offset = index.rank() - x.shape.rank();
  for (int i = 0; i < own.rank(); ++i) own[i] = x.shape[i] == 1 ? 0 : index[offset + i];
  return x.at(own);
}

Ref elementwise(const Refs& in, const std::function<double(const std::vector<double>&)>& fn) {
  Shape shape = in[0].shape;
  for (const Ref& x : in) shape = or_throw(broadcast_shapes(shape, x.shape), "elementwise reference");
  Ref out(shape);
  std::vector<double> arguments(in.size());
  for_each_index(shape, [&](const Dims& index) {
    for (size_t i = 0; i < in.size(); ++i) arguments[i] = broadcast_at(in[i], index);
    out.at(index) = fn(arguments);
  });
  return out;
}

Domain uniform_in(double low, double high) {
  Domain domain;
  domain.low = low;
  domain.high = high;
  return domain;
}
Domain constant_in(double low, double high) {
  Domain domain = uniform_in(low, high);
  domain.differentiable = false;
  return domain;
}
Domain integers_in(int64_t low, int64_t high, DType dtype) {
  Domain domain = constant_in(static_cast<double>(low), static_cast<double>(high));
  domain.kind = Domain::kInteger;
  domain.integer_dtype = dtype;
  return domain;
}
Domain index_into(int input, int axis) {
  Domain domain = integers_in(0, 0);
  domain.kind = Domain::kIndexInto;
  domain.input = input;
  domain.axis = axis;
  return domain;
}
Domain booleans() {
  Domain domain = constant_in(0, 1);
  domain.kind = Domain::kBoolean;
  return domain;
}

Suite::Suite(const char* op_name, const char* variant_name) : op(op_name), variant(variant_name) {
  tolerances_ = {{kF32, 2e-5}, {kF64, 1e-11}, {kBF16, 1.6e-2}, {kF16, 2e-3}};
}
Suite& Suite::dtypes(DTypeSet dtypes) {
  dtypes_ = dtypes;
  return *this;
}
Suite& Suite::inputs(std::vector<Domain> domains) {
  domains_ = std::move(domains);
  return *this;
}
Suite& Suite::call(std::function<Tensors(const Tensors&)> fn) {
  call_ = std::move(fn);
  return *this;
}
Suite& Suite::reference(std::function<Refs(const Refs&)> fn) {
  reference_ = std::move(fn);
  return *this;
}
Suite& Suite::sample(std::initializer_list<Shape> shapes) {
  samples_.emplace_back(shapes);
  return *this;
}
Suite& Suite::error(std::string text, std::function<void(Device)> fn) {
  errors_.push_back({std::move(text), std::move(fn), false});
  return *this;
}
Suite& Suite::value_error(std::string text, std::function<void(Device)> fn) {
  errors_.push_back({std::move(text), std::move(fn), true});
  return *this;
}
Suite& Suite::tolerance(DType dtype, double value) {
  tolerances_[dtype] = value;
  return *this;
}
Suite& Suite::output_dtype(DType dtype) {
  has_output_dtype_ = true;
  output_dtype_ = dtype;
  return *this;
}
Suite& Suite::devices(DTypeSet emulated) {
  emulated_ = emulated;
  return *this;
}
Suite& Suite::special_values() {
  special_values_ = true;
  return *this;
}
Suite& Suite::accumulates(int input, int axis, double ulps) {
  sums_.push_back({input, axis, ulps, false, 0});
  return *this;
}
Suite& Suite::accumulates_backward(int input, int axis, int output_axis, double ulps) {
  sums_.push_back({input, axis, ulps, true, output_axis});
  return *this;
}
Suite& Suite::additive(int input, int axis) {
  additive_.push_back({input, axis});
  return *this;
}
Suite& Suite::rounds_once(double slack) {
  rounds_once_ = true;
  f32_slack_ = slack;
  return *this;
}
Suite& Suite::shift_invariant(int input) {
  shifted_input_ = input;
  return *this;
}
Suite& Suite::longest(int64_t length) {
  longest_ = length;
  return *this;
}
Suite& Suite::skip(std::string check, std::string reason) {
  skips_[std::move(check)] = std::move(reason);
  return *this;
}
Suite& Suite::cost(std::function<double(const std::vector<Shape>&)> bytes,
                   std::function<double(const std::vector<Shape>&)> flops) {
  bytes_ = std::move(bytes);
  flops_ = std::move(flops);
  return *this;
}

std::vector<Suite*>& all_suites() {
  static auto* suites = new std::vector<Suite*>;
  return *suites;
}
Suite& new_suite(const char* op, const char* variant) {
  all_suites().push_back(new Suite(op, variant));
  return *all_suites().back();
}

}  // namespace roux::testing
