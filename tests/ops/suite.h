// The op suite: one declarative entry per op, from which every check is derived (see suite.cc for the list).
//
//   OP_SUITE(rms_norm)
//       .dtypes(kFloating)
//       .call([](const Tensors& in) { return Tensors{rms_norm(in[0], in[1])}; })
//       .reference([](const Refs& in) { return Refs{rms_norm_f64(in[0], in[1])}; })
//       .sample({{2, 3, 8}, {8}}).sample({{0, 8}, {8}}).sample({{1, 4097}, {4097}})
//       .error("weight must be", [](Device d) { rms_norm(zeros({2, 8}, kF32, d), zeros({7}, kF32, d)); });
//
// Several entries for one op (another axis, another flag) are OP_SUITE_VARIANT(softmax, axis0). Sizes in a
// sample that are equal are taken as one and the same dimension by the shape fuzz: use different numbers for
// different roles. A check that can't apply is switched off by name with a reason: .skip("gradgrad",
// "piecewise constant").
#ifndef ROUX_TESTS_OPS_SUITE_H_
#define ROUX_TESTS_OPS_SUITE_H_

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace roux::testing {

using Tensors = std::vector<Tensor>;

// A dense f64 array: what references compute with, by plain loops that share no code with the kernels.
struct Ref {
  Shape shape;
  std::vector<double> v;

  Ref() = default;
  explicit Ref(const Shape& s, double fill = 0) : shape(s), v(static_cast<size_t>(numel(s)), fill) {}
  int64_t size() const { return static_cast<int64_t>(v.size()); }
  double& operator[](int64_t i) { return v[static_cast<size_t>(i)]; }
  double operator[](int64_t i) const { return v[static_cast<size_t>(i)]; }
  // Element at a multi-index.
  double& at(const Dims& index);
  double at(const Dims& index) const;
};
using Refs = std::vector<Ref>;

// Calls fn(index) for each multi-index of the shape in row-major order.
void for_each_index(const Shape& shape, const std::function<void(const Dims&)>& fn);
// The element of x that broadcasting shows at `index` of a larger shape.
double broadcast_at(const Ref& x, const Dims& index);
// fn over broadcast inputs: the reference of any elementwise op.
Ref elementwise(const Refs& in, const std::function<double(const std::vector<double>&)>& fn);

// How the values of one input are drawn.
struct Domain {
  DType integer_dtype = kI64;
  enum Kind { kUniform, kInteger, kIndexInto, kBoolean } kind = kUniform;
  double low = -2, high = 2;
  int input = 0, axis = 0;  // kIndexInto: valid indices of that axis of that input
  bool differentiable = true;
};
Domain uniform_in(double low, double high);
Domain constant_in(double low, double high);  // floating, but no gradient is asked for
Domain integers_in(int64_t low, int64_t high, DType dtype = kI64);
Domain index_into(int input, int axis);
Domain booleans();

class Suite {
 public:
  Suite(const char* op, const char* variant);

  Suite& dtypes(DTypeSet dtypes);              // of the floating (or numeric) inputs; default kFloating
  Suite& inputs(std::vector<Domain> domains);  // default: all uniform in [-2, 2]
  Suite& call(std::function<Tensors(const Tensors&)> fn);
  Suite& reference(std::function<Refs(const Refs&)> fn);
  Suite& sample(std::initializer_list<Shape> shapes);
  // The message must be the same on every device, so fn runs on cpu and on meta.
  Suite& error(std::string text, std::function<void(Device)> fn);
  Suite& value_error(std::string text, std::function<void(Device)> fn);  // needs values: not on meta
  Suite& tolerance(DType dtype, double value);                           // |y - r| <= value * (1 + |r|)
  Suite& output_dtype(DType dtype);   // when the result's dtype is fixed (comparisons, argmax)
  Suite& devices(DTypeSet emulated);  // dtypes with CUDA kernels; others must report a missing kernel
  Suite& special_values();            // also NaN, +-inf, -0 and subnormals
  // Input `input` is summed along an axis in the forward pass, or what comes from above along an axis of the
  // outputs in the backward pass (where equal sizes of `input`'s axis grow with it): sums that 16 bits can't
  // hold must come out within `ulps` of the result's dtype.
  Suite& accumulates(int input, int axis, double ulps = 1);
  Suite& accumulates_backward(int input, int axis, int output_axis, double ulps = 1);
  // The outputs, and what comes from above times them, are sums over an axis of `input` (and over all axes
  // that have its size in the first sample): what two calls make of its two parts add up to what one makes of
  // all. An output that has the axis consists of the two; so do gradients.
  Suite& additive(int input, int axis);
  // 16-bit results are within 0.501 ulp of the f64 reference, and the error of f32 arithmetic where it says
  // more: slack (1 + |r|).
  Suite& rounds_once(double slack = 0);
  Suite& shift_invariant(int input = 0);  // also at offsets of 1e4 and 1e6 on all of that input
  Suite& longest(int64_t length);         // of an axis in the check "thresholds"; 20,000 where not said
  Suite& skip(std::string check, std::string reason);
  // What several entries share: fn adds it.
  Suite& with(const std::function<void(Suite&)>& fn) {
    fn(*this);
    return *this;
  }
  // Per call on the sample: bytes moved and operations, for the benchmark row.
  Suite& cost(std::function<double(const std::vector<Shape>&)> bytes,
              std::function<double(const std::vector<Shape>&)> flops);

  struct ErrorCase {
    std::string text;
    std::function<void(Device)> fn;
    bool needs_values;
  };
  struct Sum {
    int input, axis;
    double ulps;
    bool backward = false;
    int output_axis = 0;
  };
  struct Axis {
    int input, axis;
  };
  std::string op, variant;
  DTypeSet dtypes_ = kFloating, emulated_;
  std::vector<Domain> domains_;
  std::function<Tensors(const Tensors&)> call_;
  std::function<Refs(const Refs&)> reference_;
  std::vector<std::vector<Shape>> samples_;
  std::vector<ErrorCase> errors_;
  std::map<DType, double> tolerances_;
  std::map<std::string, std::string> skips_;
  std::vector<Sum> sums_;
  std::vector<Axis> additive_;
  bool has_output_dtype_ = false, special_values_ = false, rounds_once_ = false;
  double f32_slack_ = 0;
  int shifted_input_ = -1;
  int64_t longest_ = 20000;
  DType output_dtype_ = kF32;
  std::function<double(const std::vector<Shape>&)> bytes_, flops_;
};

// All entries linked into this program, in order of definition.
std::vector<Suite*>& all_suites();
Suite& new_suite(const char* op, const char* variant);

}  // namespace roux::testing

#define OP_SUITE(op) \
  [[maybe_unused]] static ::roux::testing::Suite& roux_suite_##op = ::roux::testing::new_suite(#op, "")
#define OP_SUITE_VARIANT(op, variant)                                           \
  [[maybe_unused]] static ::roux::testing::Suite& roux_suite_##op##_##variant = \
      ::roux::testing::new_suite(#op, #variant)

#endif  // ROUX_TESTS_OPS_SUITE_H_
