// Op-suite entries of the elementwise family.
#include "tensor/ops/elementwise.h"

#include "tensor/ops/creation.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

using Configure = std::function<void(Suite&)>;
constexpr DTypeSet kSigned = kFloating | kI32 | kI64;

// A unary op on floating tensors.
Configure unary(Tensor (*op)(const Tensor&), double (*reference)(double)) {
  return [=](Suite& suite) {
    suite.call([=](const Tensors& in) { return Tensors{op(in[0])}; })
        .reference([=](const Refs& in) {
          return Refs{elementwise(in, [=](const std::vector<double>& v) { return reference(v[0]); })};
        })
        .sample({{3, 5, 2}})
        .sample({{0, 4}})
        .sample({{}})
        .sample({{1, 1037}})
        .special_values()
        .rounds_once()
        .error("dtype is not supported: x is bool[2], needed a", [=](Device d) { op(zeros({2}, kBool, d)); });
  };
}

// A binary op on broadcast inputs.
Configure binary(Tensor (*op)(const Tensor&, const Tensor&), double (*reference)(double, double)) {
  return [=](Suite& suite) {
    suite.call([=](const Tensors& in) { return Tensors{op(in[0], in[1])}; })
        .reference([=](const Refs& in) {
          return Refs{elementwise(in, [=](const std::vector<double>& v) { return reference(v[0], v[1]); })};
        })
        .sample({{3, 5}, {3, 5}})
        .sample({{3, 1}, {5}})
        .sample({{}, {2, 7}})
        .sample({{0, 4}, {1, 4}})
        .sample({{1037}, {1}})
        .special_values()
        .rounds_once()
        .error("shapes do not broadcast: a is f32[2,3], b is f32[2]", [=](Device d) {
          op(zeros({2, 3}, kF32, d), zeros({2}, kF32, d));
        });
  };
}
Configure comparison(Tensor (*op)(const Tensor&, const Tensor&), double (*reference)(double, double)) {
  return [=](Suite& suite) {
    suite.with(binary(op, reference))
        .dtypes(kAllDTypes)
        .inputs({constant_in(0, 3), constant_in(0, 3)})
        .output_dtype(kBool);
  };
}

double remainder_f64(double a, double b) {
  const double rest = std::fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
double softplus_f64(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }
// A step: of derivative 0, but where differences meet a jump.
Configure step(Tensor (*op)(const Tensor&), double (*reference)(double)) {
  return [=](Suite& suite) { suite.with(unary(op, reference)).inputs({uniform_in(-3.4, 3.4)}); };
}
double sigmoid_f64(double x) { return 1 / (1 + std::exp(-x)); }
double max_f64(double a, double b) { return std::isnan(a) || std::isnan(b) ? std::nan("") : std::max(a, b); }
double min_f64(double a, double b) { return std::isnan(a) || std::isnan(b) ? std::nan("") : std::min(a, b); }

OP_SUITE(add)
    .devices(kFloating | kI32 | kI64)
    .with(binary(add, [](double a, double b) { return a + b; }))
    .dtypes(kSigned);
OP_SUITE(sub)
    .devices(kFloating | kI32 | kI64)
    .with(binary(sub, [](double a, double b) { return a - b; }))
    .dtypes(kSigned);
OP_SUITE(mul)
    .devices(kFloating | kI32 | kI64)
    .with(binary(mul, [](double a, double b) { return a * b; }))
    .dtypes(kSigned);
OP_SUITE(div)
    .devices(kFloating)
    .with(binary(div, [](double a, double b) { return a / b; }))
    .inputs({uniform_in(-2, 2), uniform_in(0.5, 2)});
OP_SUITE(pow)
    .devices(kFloating)
    .with(binary(pow, [](double a, double b) { return std::pow(a, b); }))
    .inputs({uniform_in(0.3, 2), uniform_in(-2, 2)});
OP_SUITE(remainder)
    .devices(kFloating | kI32 | kI64)
    .with(binary(remainder, remainder_f64))
    .dtypes(kSigned)
    .inputs({uniform_in(-9, 9), uniform_in(1, 4)})
    .value_error("b has an integer divisor of 0",
                 [](Device d) { remainder(full({2}, 3, kI64, d), full({2}, 0, kI64, d)); });
OP_SUITE_VARIANT(remainder, negative)
    .devices(kFloating | kI32 | kI64)
    .with(binary(remainder, remainder_f64))
    .dtypes(kSigned)
    .inputs({uniform_in(-9, 9), uniform_in(-4, -1)});
// Gradients to a broadcast input are sums.
OP_SUITE_VARIANT(mul, broadcast)
    .devices(kFloating | kI32 | kI64)
    .with(binary(mul, [](double a, double b) { return a * b; }))
    .with([](Suite& suite) {
      suite.samples_ = {{{7, 5}, {5}}, {{0, 1}, {1}}};
    })
    .accumulates_backward(0, 0, 0)
    .skip("errors", "the default entry has them");

// A number beside a tensor, which neither bf16 nor f16 holds: it takes part in full.
Configure scalar(Tensor (*op)(const Tensor&), double (*reference)(double)) {
  return [=](Suite& suite) {
    suite.with(unary(op, reference)).devices(kFloating).inputs({uniform_in(0.3, 2)});
    suite.errors_.clear();
    suite.skip("errors", "the default entry has them");
  };
}
OP_SUITE_VARIANT(add, scalar)
    .with(scalar([](const Tensor& x) { return add(x, 0.1); }, [](double x) { return x + 0.1; }));
OP_SUITE_VARIANT(sub, scalar)
    .with(scalar([](const Tensor& x) { return sub(x, 1e-3); }, [](double x) { return x - 1e-3; }));
OP_SUITE_VARIANT(sub, scalar_first)
    .with(scalar([](const Tensor& x) { return sub(3.3, x); }, [](double x) { return 3.3 - x; }));
OP_SUITE_VARIANT(mul, scalar)
    .with(scalar([](const Tensor& x) { return mul(x, 0.7); }, [](double x) { return x * 0.7; }));
OP_SUITE_VARIANT(div, scalar)
    .with(scalar([](const Tensor& x) { return div(x, 0.3); }, [](double x) { return x / 0.3; }));
OP_SUITE_VARIANT(div, scalar_first)
    .with(scalar([](const Tensor& x) { return div(1.1, x); }, [](double x) { return 1.1 / x; }));
OP_SUITE_VARIANT(remainder, scalar)
    .with(scalar([](const Tensor& x) { return remainder(x, 0.75); },
                 [](double x) { return remainder_f64(x, 0.75); }));
OP_SUITE_VARIANT(pow, scalar)
    .with(scalar([](const Tensor& x) { return pow(x, 1.3); }, [](double x) { return std::pow(x, 1.3); }));
OP_SUITE_VARIANT(clamp, scalar)
    .with(scalar([](const Tensor& x) { return clamp(x, 0.7, 1.3); },
                 [](double x) { return std::isnan(x) ? x : std::min(std::max(x, 0.7), 1.3); }))
    .skip("grad_values", "at a bound that the dtype rounds, the gradient is that of the rounded bound");
OP_SUITE_VARIANT(pow, square)
    .devices(kFloating)
    .with(binary([](const Tensor& a, const Tensor& b) { return pow(a, 2.0) + b; },
                 [](double a, double b) { return a * a + b; }))
    .skip("rounds_once", "two ops")
    .skip("errors", "the default entry has them");
OP_SUITE(maximum).devices(kFloating | kI32 | kI64).with(binary(maximum, max_f64)).dtypes(kSigned);
OP_SUITE(minimum).devices(kFloating | kI32 | kI64).with(binary(minimum, min_f64)).dtypes(kSigned);

OP_SUITE(eq).devices(kAllDTypes).with(comparison(eq, [](double a, double b) { return double(a == b); }));
OP_SUITE(ne).devices(kAllDTypes).with(comparison(ne, [](double a, double b) { return double(a != b); }));
OP_SUITE(lt).devices(kAllDTypes).with(comparison(lt, [](double a, double b) { return double(a < b); }));
OP_SUITE(le).devices(kAllDTypes).with(comparison(le, [](double a, double b) { return double(a <= b); }));
OP_SUITE(gt).devices(kAllDTypes).with(comparison(gt, [](double a, double b) { return double(a > b); }));
OP_SUITE(ge).devices(kAllDTypes).with(comparison(ge, [](double a, double b) { return double(a >= b); }));

OP_SUITE(logical_and).devices(kAllDTypes).with(comparison(logical_and, [](double a, double b) {
  return double(a != 0 && b != 0);
}));
OP_SUITE(logical_or).devices(kAllDTypes).with(comparison(logical_or, [](double a, double b) {
  return double(a != 0 || b != 0);
}));
OP_SUITE(logical_xor).devices(kAllDTypes).with(comparison(logical_xor, [](double a, double b) {
  return double((a != 0) != (b != 0));
}));
OP_SUITE(logical_not)
    .devices(kAllDTypes)
    .with(unary(logical_not, [](double x) { return double(x == 0); }))
    .dtypes(kAllDTypes)
    .inputs({constant_in(0, 3)})
    .output_dtype(kBool)
    .with([](Suite& suite) { suite.errors_.clear(); })
    .error("needs a tensor, got an undefined one", [](Device) { logical_not(Tensor()); });

// Comparisons with a number.
Configure comparison_with(Tensor (*op)(const Tensor&, const Scalar&), double (*reference)(double)) {
  return [=](Suite& suite) {
    suite.devices(kFloating | kI32 | kI64)
        .dtypes(kSigned)
        .inputs({constant_in(-2, 2)})
        .call([=](const Tensors& in) { return Tensors{op(in[0], 0.5)}; })
        .reference([=](const Refs& in) {
          return Refs{elementwise(in, [=](const std::vector<double>& v) { return reference(v[0]); })};
        })
        .sample({{3, 5}})
        .sample({{0, 1}})
        .output_dtype(kBool)
        .skip("errors", "the default entry has them");
  };
}

OP_SUITE_VARIANT(eq, number).with(comparison_with(eq, [](double x) { return double(x == 0.5); }));
OP_SUITE_VARIANT(ne, number).with(comparison_with(ne, [](double x) { return double(x != 0.5); }));
OP_SUITE_VARIANT(lt, number).with(comparison_with(lt, [](double x) { return double(x < 0.5); }));
OP_SUITE_VARIANT(le, number).with(comparison_with(le, [](double x) { return double(x <= 0.5); }));
OP_SUITE_VARIANT(gt, number).with(comparison_with(gt, [](double x) { return double(x > 0.5); }));
OP_SUITE_VARIANT(ge, number).with(comparison_with(ge, [](double x) { return double(x >= 0.5); }));

OP_SUITE(neg).devices(kFloating | kI32 | kI64).with(unary(neg, [](double x) { return -x; })).dtypes(kSigned);
OP_SUITE(abs)
    .devices(kFloating | kI32 | kI64)
    .with(unary(abs, [](double x) { return std::fabs(x); }))
    .dtypes(kSigned);
OP_SUITE(sign)
    .devices(kFloating | kI32 | kI64)
    .with(step(sign, [](double x) { return double((x > 0) - (x < 0)); }))
    .dtypes(kSigned);
OP_SUITE(round).devices(kFloating).with(step(round, [](double x) { return std::nearbyint(x); }));
OP_SUITE(floor).devices(kFloating).with(step(floor, [](double x) { return std::floor(x); }));
OP_SUITE(ceil).devices(kFloating).with(step(ceil, [](double x) { return std::ceil(x); }));
OP_SUITE(expm1).devices(kFloating).with(unary(expm1, [](double x) { return std::expm1(x); }));
OP_SUITE(log1p)
    .devices(kFloating)
    .with(unary(log1p, [](double x) { return std::log1p(x); }))
    .inputs({uniform_in(-0.9, 3)});
OP_SUITE(sin).devices(kFloating).with(unary(sin, [](double x) { return std::sin(x); }));
OP_SUITE(cos).devices(kFloating).with(unary(cos, [](double x) { return std::cos(x); }));
// Beyond the range of the polynomial, element by element.
OP_SUITE_VARIANT(sin, far)
    .devices(kFloating)
    .with(unary(sin, [](double x) { return std::sin(x); }))
    .inputs({uniform_in(-3e5, 3e5)})
    .skip("grad", "differences of so large arguments are coarse")
    .skip("gradgrad", "differences of so large arguments are coarse")
    .skip("errors", "the default entry has them");
OP_SUITE_VARIANT(cos, far)
    .devices(kFloating)
    .with(unary(cos, [](double x) { return std::cos(x); }))
    .inputs({uniform_in(-3e5, 3e5)})
    .skip("grad", "differences of so large arguments are coarse")
    .skip("gradgrad", "differences of so large arguments are coarse")
    .skip("errors", "the default entry has them");
OP_SUITE(softplus).devices(kFloating).with(unary(softplus, softplus_f64));
OP_SUITE(log_sigmoid).devices(kFloating).with(unary(log_sigmoid, [](double x) { return -softplus_f64(-x); }));
OP_SUITE(exp).devices(kFloating).with(unary(exp, [](double x) { return std::exp(x); }));
OP_SUITE(log)
    .devices(kFloating)
    .with(unary(log, [](double x) { return std::log(x); }))
    .inputs({uniform_in(0.1, 3)});
OP_SUITE(sqrt)
    .devices(kFloating)
    .with(unary(sqrt, [](double x) { return std::sqrt(x); }))
    .inputs({uniform_in(0.1, 3)});
OP_SUITE(rsqrt)
    .devices(kFloating)
    .with(unary(rsqrt, [](double x) { return 1 / std::sqrt(x); }))
    .inputs({uniform_in(0.1, 3)});
OP_SUITE(tanh).devices(kFloating).with(unary(tanh, [](double x) { return std::tanh(x); }));
OP_SUITE(sigmoid).devices(kFloating).with(unary(sigmoid, sigmoid_f64));
OP_SUITE(erf).devices(kFloating).with(unary(erf, [](double x) { return std::erf(x); }));
OP_SUITE(relu).devices(kFloating).with(unary(relu,
                                             [](double x) { return x > 0 || std::isnan(x) ? x : 0.0; }));
OP_SUITE(silu).devices(kFloating).with(unary(silu, [](double x) { return x * sigmoid_f64(x); }));
OP_SUITE(gelu).devices(kFloating).with(unary([](const Tensor& x) { return gelu(x); },
                                             [](double x) {
                                               return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
                                             }));
OP_SUITE_VARIANT(gelu, tanh)
    .devices(kFloating)
    .with(unary([](const Tensor& x) { return gelu(x, GeluKind::kTanh); },
                [](double x) {
                  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
                }));

OP_SUITE(where)
    .devices(kFloating | kI32 | kI64)
    .dtypes(kSigned)
    .inputs({booleans()})
    .call([](const Tensors& in) { return Tensors{where(in[0], in[1], in[2])}; })
    .reference([](const Refs& in) {
      return Refs{elementwise(in, [](const std::vector<double>& v) { return v[0] != 0 ? v[1] : v[2]; })};
    })
    .sample({{3, 5}, {3, 5}, {3, 5}})
    .sample({{5}, {3, 1}, {}})
    .sample({{0, 4}, {4}, {1}})
    .special_values()
    .error("condition must be bool: condition is f32[2]",
           [](Device d) { where(zeros({2}, kF32, d), zeros({2}, kF32, d), zeros({2}, kF32, d)); });

OP_SUITE(clamp)
    .devices(kFloating | kI32 | kI64)
    .with(unary([](const Tensor& x) { return clamp(x, -1, 1); },
                [](double x) { return std::isnan(x) ? x : std::min(std::max(x, -1.0), 1.0); }))
    .dtypes(kSigned)
    .error("low is 2, high is 1, needed low <= high", [](Device d) { clamp(zeros({2}, kF32, d), 2, 1); });

Configure cast_to(DType dtype, double (*reference)(double)) {
  return [=](Suite& suite) {
    suite.with(unary([](const Tensor& x) { return x; }, reference))
        .dtypes(kAllDTypes)
        .inputs({uniform_in(0, 3)})
        .call([=](const Tensors& in) { return Tensors{cast(in[0], dtype)}; })
        .output_dtype(dtype);
    suite.errors_.clear();
    suite.error("needs a tensor, got an undefined one", [=](Device) { cast(Tensor(), dtype); });
  };
}
OP_SUITE(cast).devices(kAllDTypes).with(cast_to(kF64, [](double x) { return x; }));
OP_SUITE_VARIANT(cast, f32)
    .devices(kAllDTypes)
    .with(cast_to(kF32, [](double x) { return x; }))
    .tolerance(kF64, 1e-7)
    .skip("grad", "rounding is not smooth")
    .skip("gradgrad", "rounding is not smooth");
OP_SUITE_VARIANT(cast, bf16)
    .devices(kAllDTypes)
    .with(cast_to(kBF16, [](double x) { return x; }))
    .with([](Suite& suite) {
      for (DType dtype : {kF32, kF64, kF16}) suite.tolerance(dtype, 4e-3);  // bf16 keeps 8 bits
      suite.skip("grad", "rounding is not smooth").skip("gradgrad", "rounding is not smooth");
    });
// Saturates; NaN gives 0.
template <class To>
double to_integer(double x) {
  if (std::isnan(x)) return 0;
  return std::trunc(std::clamp(x, static_cast<double>(std::numeric_limits<To>::lowest()),
                               static_cast<double>(std::numeric_limits<To>::max())));
}
OP_SUITE_VARIANT(cast, i32).devices(kAllDTypes).with(cast_to(kI32, to_integer<int32_t>));
OP_SUITE_VARIANT(cast, i64).devices(kAllDTypes).with(cast_to(kI64, to_integer<int64_t>));
OP_SUITE_VARIANT(cast, u8).devices(kAllDTypes).with(cast_to(kU8, to_integer<uint8_t>));
OP_SUITE_VARIANT(cast, bool).devices(kAllDTypes).with(cast_to(kBool, [](double x) {
  return double(x != 0);
}));

}  // namespace
}  // namespace roux::testing
