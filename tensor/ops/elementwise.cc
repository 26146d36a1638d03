#include "tensor/ops/elementwise.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise_tables.h"
#include "tensor/overlap.h"

namespace roux {

namespace {
OpCost add_in_place_cost(Tensor& x, const Tensor& other, const Scalar&) {
  return {distinct_bytes(x) + distinct_bytes(other), distinct_bytes(x)};
}
}  // namespace

constinit KernelTable<BinaryKernel> add_kernels("add"), sub_kernels("sub"), mul_kernels("mul"),
    div_kernels("div"), pow_kernels("pow"), remainder_kernels("remainder"), maximum_kernels("maximum"),
    minimum_kernels("minimum"), eq_kernels("eq"), ne_kernels("ne"), lt_kernels("lt"), le_kernels("le");
constinit KernelTable<UnaryKernel> neg_kernels("neg"), abs_kernels("abs"), sign_kernels("sign"),
    round_kernels("round"), floor_kernels("floor"), ceil_kernels("ceil"), exp_kernels("exp"),
    expm1_kernels("expm1"), log_kernels("log"), log1p_kernels("log1p"), sin_kernels("sin"),
    cos_kernels("cos"), sqrt_kernels("sqrt"), rsqrt_kernels("rsqrt"), tanh_kernels("tanh"),
    sigmoid_kernels("sigmoid"), erf_kernels("erf"), softplus_kernels("softplus"),
    log_sigmoid_kernels("log_sigmoid"), relu_kernels("relu"), silu_kernels("silu"), gelu_erf_kernels("gelu"),
    gelu_tanh_kernels("gelu"), cast_kernels("cast");
constinit KernelTable<BinaryKernel> silu_backward_kernels("silu_backward"),
    gelu_erf_backward_kernels("gelu_backward"), gelu_tanh_backward_kernels("gelu_backward");
constinit KernelTable<WhereKernel> where_kernels("where");
constinit KernelTable<ClampKernel> clamp_kernels("clamp");
constinit KernelTable<FillKernel> fill_kernels("fill_");
constinit KernelTable<AddInPlaceKernel> add_in_place_kernels("add_", add_in_place_cost);

namespace {
constexpr const char* kRules = "//autograd/rules";
}
constinit GradSlot<NothingSaved> add_grad("add", kRules), sub_grad("sub", kRules), neg_grad("neg", kRules),
    sign_grad("sign", kRules), round_grad("round", kRules), floor_grad("floor", kRules),
    ceil_grad("ceil", kRules);
constinit GradSlot<PairSaved> mul_grad("mul", kRules), div_grad("div", kRules),
    maximum_grad("maximum", kRules), minimum_grad("minimum", kRules);
constinit GradSlot<PowSaved> pow_grad("pow", kRules), remainder_grad("remainder", kRules);
constinit GradSlot<InputSaved> abs_grad("abs", kRules), expm1_grad("expm1", kRules), log_grad("log", kRules),
    log1p_grad("log1p", kRules), sin_grad("sin", kRules), cos_grad("cos", kRules), erf_grad("erf", kRules),
    softplus_grad("softplus", kRules), log_sigmoid_grad("log_sigmoid", kRules), silu_grad("silu", kRules);
constinit GradSlot<OutputSaved> exp_grad("exp", kRules), sqrt_grad("sqrt", kRules),
    rsqrt_grad("rsqrt", kRules), tanh_grad("tanh", kRules), sigmoid_grad("sigmoid", kRules),
    relu_grad("relu", kRules);
constinit GradSlot<GeluSaved> gelu_grad("gelu", kRules);
constinit GradSlot<WhereSaved> where_grad("where", kRules);
constinit GradSlot<ClampSaved> clamp_grad("clamp", kRules);
constinit GradSlot<CastSaved> cast_grad("cast", kRules);

namespace {

absl::StatusOr<TensorSpec> binary_spec(const TensorSpec& a, const TensorSpec& b, DTypeSet allowed) {
  TensorSpec spec;
  spec.dtype = promote(a.dtype, b.dtype);
  if (!allowed.contains(spec.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("dtype is not supported: a is ", to_string(a), ", b is ", to_string(b), ", needed ",
                     is_floating(spec.dtype) ? "another" : "a numeric", " dtype; cast first"));
  }
  absl::StatusOr<Shape> shape = broadcast_shapes(a.shape, b.shape);
  if (!shape.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("shapes do not broadcast: a is ", to_string(a), ", b is ", to_string(b)));
  }
  spec.shape = *shape;
  return spec;
}

absl::StatusOr<TensorSpec> unary_spec(const TensorSpec& x, DTypeSet allowed) {
  if (!allowed.contains(x.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("dtype is not supported: x is ", to_string(x), ", needed a ",
                     allowed.contains(kI32) ? "numeric" : "floating", " dtype"));
  }
  return x;
}

// Shape rule, promotion, allocation and kernel of a binary op; `make_saved` sees the promoted inputs.
template <class Table, class Slot, class MakeSaved>
Tensor binary(const Tensor& a, const Tensor& b, DTypeSet allowed, const Table& table, const Slot& slot,
              MakeSaved make_saved) {
  const Device device = common_device(table.op(), {a, b});
  const TensorSpec spec = or_throw(binary_spec(a.spec(), b.spec(), allowed), table.op());
  if (a.dtype() != b.dtype()) {
    return binary(cast(a, spec.dtype), cast(b, spec.dtype), allowed, table, slot, make_saved);
  }
  Tensor y = empty(spec, device);
  table.run(a, a, b, y);
  return slot.record({a, b}, y, [&] { return make_saved(a, b, y); });
}

// `swapped`: the kernel is called with b, a (gt is lt the other way round).
Tensor compare(const Tensor& a, const Tensor& b, const char* op, const KernelTable<BinaryKernel>& table,
               bool swapped = false) {
  const Device device = common_device(op, {a, b});
  TensorSpec spec = or_throw(binary_spec(a.spec(), b.spec(), kAllDTypes), op);
  if (a.dtype() != b.dtype()) return compare(cast(a, spec.dtype), cast(b, spec.dtype), op, table, swapped);
  spec.dtype = kBool;
  Tensor y = empty(spec, device);
  table.run(a, swapped ? b : a, swapped ? a : b, y);
  return y;
}

template <class Slot, class MakeSaved>
Tensor unary(const Tensor& x, DTypeSet allowed, const KernelTable<UnaryKernel>& table, const Slot& slot,
             MakeSaved make_saved) {
  common_device(table.op(), {x});
  Tensor y = empty(or_throw(unary_spec(x.spec(), allowed), table.op()), x.device());
  table.run(x, x, y);
  return slot.record({x}, y, [&] { return make_saved(x, y); });
}

const auto nothing = [](const auto&...) { return NothingSaved{}; };
const auto inputs = [](const Tensor& a, const Tensor& b, const Tensor&) { return PairSaved{a, b}; };
const auto inputs_and_output = [](const Tensor& a, const Tensor& b, const Tensor& y) {
  return PowSaved{a, b, SavedTensor::output(y)};
};
const auto input = [](const Tensor& x, const Tensor&) { return InputSaved{x}; };
const auto output = [](const Tensor&, const Tensor& y) { return OutputSaved{SavedTensor::output(y)}; };

// A number as a zero-dimensional tensor that leaves x's dtype alone.
Tensor number_like(const char* op, const Tensor& x, const Scalar& value) {
  common_device(op, {x});
  const bool needs_floating = !is_floating(x.dtype()) && (value.is_fraction() || x.dtype() == kBool);
  return full({}, value, needs_floating ? kF32 : x.dtype(), x.device());
}

// Whether `dtype` is bf16 or f16 and does not hold the number.
bool rounds_number(DType dtype, const Scalar& value) {
  if (dtype != kBF16 && dtype != kF16) return false;
  const double held =
      dtype == kBF16 ? static_cast<double>(value.to<bfloat16>()) : static_cast<double>(value.to<float16>());
  return held == held && held != value.to<double>();
}

// apply(x, value as a tensor).
template <class Apply>
Tensor with_number(const char* op, const Tensor& x, const Scalar& value, const Apply& apply) {
  common_device(op, {x});
  if (!rounds_number(x.dtype(), value)) return apply(x, number_like(op, x, value));
  return cast(apply(cast(x, kF32), full({}, value, kF32, x.device())), x.dtype());
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  return binary(a, b, kNumeric, add_kernels, add_grad, nothing);
}
Tensor sub(const Tensor& a, const Tensor& b) {
  return binary(a, b, kNumeric, sub_kernels, sub_grad, nothing);
}
Tensor mul(const Tensor& a, const Tensor& b) { return binary(a, b, kNumeric, mul_kernels, mul_grad, inputs); }
Tensor div(const Tensor& a, const Tensor& b) {
  common_device("div", {a, b});
  if (!is_floating(a.dtype()) && !is_floating(b.dtype())) return div(cast(a, kF32), cast(b, kF32));
  return binary(a, b, kFloating, div_kernels, div_grad, inputs);
}
Tensor pow(const Tensor& a, const Tensor& b) {
  return binary(a, b, kFloating, pow_kernels, pow_grad, inputs_and_output);
}
Tensor remainder(const Tensor& a, const Tensor& b) {
  return binary(a, b, kNumeric, remainder_kernels, remainder_grad, inputs_and_output);
}
Tensor maximum(const Tensor& a, const Tensor& b) {
  return binary(a, b, kNumeric, maximum_kernels, maximum_grad, inputs);
}
Tensor minimum(const Tensor& a, const Tensor& b) {
  return binary(a, b, kNumeric, minimum_kernels, minimum_grad, inputs);
}

Tensor eq(const Tensor& a, const Tensor& b) { return compare(a, b, "eq", eq_kernels); }
Tensor ne(const Tensor& a, const Tensor& b) { return compare(a, b, "ne", ne_kernels); }
Tensor lt(const Tensor& a, const Tensor& b) { return compare(a, b, "lt", lt_kernels); }
Tensor le(const Tensor& a, const Tensor& b) { return compare(a, b, "le", le_kernels); }
Tensor gt(const Tensor& a, const Tensor& b) { return compare(a, b, "gt", lt_kernels, true); }
Tensor ge(const Tensor& a, const Tensor& b) { return compare(a, b, "ge", le_kernels, true); }

namespace {
// Both as bool, once their shapes are known to broadcast.
std::pair<Tensor, Tensor> truths(const char* op, const Tensor& a, const Tensor& b) {
  common_device(op, {a, b});
  or_throw(binary_spec(a.spec(), b.spec(), kAllDTypes), op);
  return {cast(a, kBool), cast(b, kBool)};
}
}  // namespace

Tensor logical_and(const Tensor& a, const Tensor& b) {
  const auto [p, q] = truths("logical_and", a, b);
  return where(p, q, p);
}
Tensor logical_or(const Tensor& a, const Tensor& b) {
  const auto [p, q] = truths("logical_or", a, b);
  return where(p, p, q);
}
Tensor logical_xor(const Tensor& a, const Tensor& b) {
  const auto [p, q] = truths("logical_xor", a, b);
  return ne(p, q);
}
Tensor logical_not(const Tensor& x) {
  common_device("logical_not", {x});
  return eq(x, zeros({}, x.dtype(), x.device()));
}

Tensor neg(const Tensor& x) { return unary(x, kNumeric, neg_kernels, neg_grad, nothing); }
Tensor abs(const Tensor& x) { return unary(x, kNumeric, abs_kernels, abs_grad, input); }
Tensor sign(const Tensor& x) { return unary(x, kNumeric, sign_kernels, sign_grad, nothing); }
Tensor round(const Tensor& x) { return unary(x, kFloating, round_kernels, round_grad, nothing); }
Tensor floor(const Tensor& x) { return unary(x, kFloating, floor_kernels, floor_grad, nothing); }
Tensor ceil(const Tensor& x) { return unary(x, kFloating, ceil_kernels, ceil_grad, nothing); }
Tensor expm1(const Tensor& x) { return unary(x, kFloating, expm1_kernels, expm1_grad, input); }
Tensor log1p(const Tensor& x) { return unary(x, kFloating, log1p_kernels, log1p_grad, input); }
Tensor sin(const Tensor& x) { return unary(x, kFloating, sin_kernels, sin_grad, input); }
Tensor cos(const Tensor& x) { return unary(x, kFloating, cos_kernels, cos_grad, input); }
Tensor softplus(const Tensor& x) { return unary(x, kFloating, softplus_kernels, softplus_grad, input); }
Tensor log_sigmoid(const Tensor& x) {
  return unary(x, kFloating, log_sigmoid_kernels, log_sigmoid_grad, input);
}
Tensor exp(const Tensor& x) { return unary(x, kFloating, exp_kernels, exp_grad, output); }
Tensor log(const Tensor& x) { return unary(x, kFloating, log_kernels, log_grad, input); }
Tensor sqrt(const Tensor& x) { return unary(x, kFloating, sqrt_kernels, sqrt_grad, output); }
Tensor rsqrt(const Tensor& x) { return unary(x, kFloating, rsqrt_kernels, rsqrt_grad, output); }
Tensor tanh(const Tensor& x) { return unary(x, kFloating, tanh_kernels, tanh_grad, output); }
Tensor sigmoid(const Tensor& x) { return unary(x, kFloating, sigmoid_kernels, sigmoid_grad, output); }
Tensor erf(const Tensor& x) { return unary(x, kFloating, erf_kernels, erf_grad, input); }
Tensor relu(const Tensor& x) { return unary(x, kFloating, relu_kernels, relu_grad, output); }
Tensor silu(const Tensor& x) { return unary(x, kFloating, silu_kernels, silu_grad, input); }
Tensor gelu(const Tensor& x, GeluKind kind) {
  return unary(x, kFloating, kind == GeluKind::kErf ? gelu_erf_kernels : gelu_tanh_kernels, gelu_grad,
               [kind](const Tensor& x, const Tensor&) {
                 return GeluSaved{x, kind};
               });
}

Tensor silu_backward(const Tensor& x, const Tensor& grad_output) {
  Tensor grad_input = empty(x.spec(), x.device());
  silu_backward_kernels.run(x, x, grad_output, grad_input);
  return grad_input;
}
Tensor gelu_backward(const Tensor& x, const Tensor& grad_output, GeluKind kind) {
  Tensor grad_input = empty(x.spec(), x.device());
  const auto& table = kind == GeluKind::kErf ? gelu_erf_backward_kernels : gelu_tanh_backward_kernels;
  table.run(x, x, grad_output, grad_input);
  return grad_input;
}

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  const Device device = common_device("where", {condition, a, b});
  ROUX_CHECK(condition.dtype() == kBool)
      << "where: condition must be bool: condition is " << condition.spec();
  TensorSpec spec = or_throw(binary_spec(a.spec(), b.spec(), kAllDTypes), "where");
  spec.shape = or_throw(broadcast_shapes(condition.shape(), spec.shape), "where");
  if (a.dtype() != b.dtype()) return where(condition, cast(a, spec.dtype), cast(b, spec.dtype));
  Tensor y = empty(spec, device);
  where_kernels.run(a, condition, a, b, y);
  return where_grad.record({condition, a, b}, y, [&] { return WhereSaved{condition}; });
}

Tensor clamp(const Tensor& x, const Scalar& low, const Scalar& high) {
  common_device("clamp", {x});
  ROUX_CHECK(low <= high) << "clamp: low is " << low << ", high is " << high << ", needed low <= high";
  Tensor y = empty(or_throw(unary_spec(x.spec(), kNumeric), "clamp"), x.device());
  clamp_kernels.run(x, x, low, high, y);
  return clamp_grad.record({x}, y, [&] { return ClampSaved{x, low, high}; });
}

namespace {
// Blocks are copied like other elements, never converted.
void check_no_conversion_of_blocks(const char* op, const Tensor& source, DType dtype) {
  ROUX_CHECK(source.dtype() == dtype || (!is_block(source.dtype()) && !is_block(dtype)))
      << op << ": " << source.spec() << " does not become " << name(dtype)
      << ": block formats are made by quantize() and read by dequantize()";
}
}  // namespace

Tensor cast(const Tensor& x, DType dtype) {
  common_device("cast", {x});
  if (x.dtype() == dtype) return x;
  check_no_conversion_of_blocks("cast", x, dtype);
  Tensor y = empty({dtype, x.shape()}, x.device());
  cast_kernels.run(x, x, y);
  if (!is_floating(dtype)) return y;
  return cast_grad.record({x}, y, [&] { return CastSaved{x.dtype()}; });
}
Tensor Tensor::to(DType dtype) const { return cast(*this, dtype); }

Tensor unaliased(const Tensor& x, const Tensor& source) {
  if (overlap(x, source) != Overlap::kPartial) return source;
  Tensor copy = empty(source.spec(), source.device());
  cast_kernels.run(source, source, copy);
  return copy;
}

void copy_(Tensor x, const Tensor& source) {
  common_device("copy_", {x, source});
  const absl::StatusOr<Shape> shape = broadcast_shapes(x.shape(), source.shape());
  ROUX_CHECK(shape.ok() && *shape == x.shape())
      << "copy_: source does not broadcast to x: x is " << x.spec() << ", source is " << source.spec();
  check_no_conversion_of_blocks("copy_", source, x.dtype());
  note_write(x, "copy_");
  const Tensor from = unaliased(x, source);
  cast_kernels.run(from, from, x);
}
void fill_(Tensor x, const Scalar& value) {
  common_device("fill_", {x});
  note_write(x, "fill_");
  fill_kernels.run(x, x, value);
}
void add_(Tensor x, const Tensor& other, const Scalar& scale) {
  common_device("add_", {x, other});
  ROUX_CHECK(x.spec() == other.spec())
      << "add_: x is " << x.spec() << ", other is " << other.spec() << ", needed the same dtype and shape";
  ROUX_CHECK(is_floating(x.dtype()) || !scale.is_fraction())
      << "add_: scale is " << scale << ", needed an integer beside x, which is " << x.spec();
  note_write(x, "add_");
  add_in_place_kernels.run(x, x, unaliased(x, other), scale);
}

Tensor add(const Tensor& a, const Scalar& b) {
  return with_number("add", a, b, [](const Tensor& x, const Tensor& n) { return add(x, n); });
}
Tensor sub(const Tensor& a, const Scalar& b) {
  return with_number("sub", a, b, [](const Tensor& x, const Tensor& n) { return sub(x, n); });
}
Tensor sub(const Scalar& a, const Tensor& b) {
  return with_number("sub", b, a, [](const Tensor& x, const Tensor& n) { return sub(n, x); });
}
Tensor mul(const Tensor& a, const Scalar& b) {
  return with_number("mul", a, b, [](const Tensor& x, const Tensor& n) { return mul(x, n); });
}
Tensor div(const Tensor& a, const Scalar& b) {
  return with_number("div", a, b, [](const Tensor& x, const Tensor& n) { return div(x, n); });
}
Tensor div(const Scalar& a, const Tensor& b) {
  return with_number("div", b, a, [](const Tensor& x, const Tensor& n) { return div(n, x); });
}
Tensor pow(const Tensor& a, const Scalar& exponent) {
  return with_number("pow", a, exponent, [](const Tensor& x, const Tensor& n) { return pow(x, n); });
}
Tensor remainder(const Tensor& a, const Scalar& b) {
  return with_number("remainder", a, b, [](const Tensor& x, const Tensor& n) { return remainder(x, n); });
}
Tensor eq(const Tensor& a, const Scalar& b) { return eq(a, number_like("eq", a, b)); }
Tensor ne(const Tensor& a, const Scalar& b) { return ne(a, number_like("ne", a, b)); }
Tensor lt(const Tensor& a, const Scalar& b) { return lt(a, number_like("lt", a, b)); }
Tensor le(const Tensor& a, const Scalar& b) { return le(a, number_like("le", a, b)); }
Tensor gt(const Tensor& a, const Scalar& b) { return gt(a, number_like("gt", a, b)); }
Tensor ge(const Tensor& a, const Scalar& b) { return ge(a, number_like("ge", a, b)); }

}  // namespace roux
