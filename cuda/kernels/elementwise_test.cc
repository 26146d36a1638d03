// Elementwise kernels on the emulated device against the CPU: exact, since both share their formulas.
#include "cuda/kernels/testing.h"
#include "tensor/ops/elementwise_tables.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

using Binary = Tensor (*)(const Tensor&, const Tensor&);
using Unary = Tensor (*)(const Tensor&);

void check(Binary op, const Tensor& a, const Tensor& b) {
  expect_same_on_devices({a, b}, [&](const std::vector<Tensor>& x) { return op(x[0], x[1]); });
}
void check(Unary op, const Tensor& a) {
  expect_same_on_devices({a}, [&](const std::vector<Tensor>& x) { return op(x[0]); });
}

TEST(ElementwiseKernels, BinaryOfEveryDtype) {
  for (DType dtype : {kF32, kF64, kBF16, kF16, kI32, kI64, kU8}) {
    const double low = dtype == kU8 ? 0 : -9;
    const Tensor a = sample({3, 67}, dtype, low, 9), b = sample({3, 67}, dtype, low, 9, 2);
    for (Binary op : {Binary(add), Binary(sub), Binary(mul), Binary(maximum), Binary(minimum), Binary(eq),
                      Binary(ne), Binary(lt), Binary(le)}) {
      check(op, a, b);
    }
    if (!is_floating(dtype)) continue;
    check(div, a, b);
    check(pow, abs(a), b);
    check(remainder, a, b);
  }
  const Tensor flags = lt(sample({70}), sample({70}, kF32, -2, 2, 2));
  check(eq, flags, le(sample({70}, kF32, -2, 2, 3), sample({70})));
}

TEST(ElementwiseKernels, Broadcast) {
  const Tensor a = sample({4, 5, 6});
  for (const Shape& shape :
       {Shape{}, Shape{1}, Shape{6}, Shape{5, 1}, Shape{4, 1, 1}, Shape{1, 5, 6}, Shape{2, 4, 5, 6}}) {
    const Tensor b = sample(shape, kF32, 1, 3, 5);
    check(sub, a, b);
    check(div, b, a);
  }
}

TEST(ElementwiseKernels, ViewsAndOffsets) {
  const Tensor a = sample({6, 10});
  check(sub, a.transpose(0, 1), sample({10, 6}, kF32, -2, 2, 3));
  check(sub, a.slice(1, 1, 9, 2), a.slice(1, 2, 10, 2));
  check(sub, a.slice(0, 1, 6), a.slice(0, 0, 5));  // contiguous, starts in the middle of a packet
  check(mul, a.slice(0, 2, 3).expand({6, 10}), a);
  check(neg, a.slice(0, 1, 2));
  const Tensor wide = sample({3, 2, 5, 4, 2, 3}, kBF16);
  check(sub, wide.transpose(0, 5).transpose(1, 3), sample({3, 4, 5, 2, 2, 3}, kBF16, -2, 2, 7));
}

TEST(ElementwiseKernels, Sizes) {
  for (int64_t n : {0, 1, 2, 3, 4, 5, 7, 8, 9, 255, 1023, 1024, 1025, 2049}) {
    for (DType dtype : {kF32, kF64, kBF16, kU8})
      check(add, sample({n}, dtype, 0, 9), sample({n}, dtype, 0, 9, 2));
  }
}

TEST(ElementwiseKernels, Unary) {
  for (DType dtype : {kF32, kF64, kBF16, kF16}) {
    const Tensor x = sample({5, 67}, dtype, -6, 6);
    for (Unary op : {Unary(exp), Unary(tanh), Unary(sigmoid), Unary(erf), Unary(relu), Unary(silu),
                     Unary(abs), Unary(neg), Unary(sign), Unary(round), Unary(floor), Unary(ceil),
                     Unary(expm1), Unary(sin), Unary(cos), Unary(softplus), Unary(log_sigmoid)}) {
      check(op, x);
    }
    for (Unary op : {Unary(sin), Unary(cos)}) check(op, x * 1e4);
    for (Unary op : {Unary(log), Unary(log1p), Unary(sqrt), Unary(rsqrt)}) check(op, abs(x));
    for (GeluKind kind : {GeluKind::kErf, GeluKind::kTanh}) {
      expect_same_on_devices({x}, [&](const std::vector<Tensor>& v) { return gelu(v[0], kind); });
    }
  }
  for (DType dtype : {kI32, kI64}) {
    check(neg, sample({50}, dtype, -9, 9));
    check(abs, sample({50}, dtype, -9, 9));
    check(sign, sample({50}, dtype, -9, 9));
  }
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor edges = tensor({0.0f, -0.0f, inf, -inf, std::nanf(""), 1e-40f, 3e38f, -3e38f, 88.8f, -104.0f});
  for (Unary op : {Unary(exp), Unary(log), Unary(sqrt), Unary(tanh), Unary(sigmoid), Unary(relu), Unary(abs),
                   Unary(sign), Unary(round), Unary(expm1), Unary(log1p), Unary(sin), Unary(cos),
                   Unary(softplus), Unary(log_sigmoid)})
    check(op, edges);
}

TEST(ElementwiseKernels, ActivationsBackward) {
  for (DType dtype : {kF32, kF64, kBF16}) {
    const Tensor x = sample({5, 67}, dtype, -6, 6), g = sample({5, 67}, dtype, -1, 1, 2);
    check(silu_backward, x, g);
    const Tensor far = cast(tensor({1e30f, -1e30f, 1e13f, -1e13f, 50.0f, -50.0f}), dtype);
    expect_same_on_devices({far, ones_like(far)}, [](const std::vector<Tensor>& v) {
      return gelu_backward(v[0], v[1], GeluKind::kTanh);
    });
    for (GeluKind kind : {GeluKind::kErf, GeluKind::kTanh}) {
      expect_same_on_devices({x, g},
                             [&](const std::vector<Tensor>& v) { return gelu_backward(v[0], v[1], kind); });
    }
  }
}

TEST(ElementwiseKernels, CastBetweenAllDtypes) {
  const DType dtypes[] = {kF32, kF64, kBF16, kF16, kI32, kI64, kU8, kBool};
  for (DType from : dtypes) {
    const Tensor x = cast(sample({7, 11}, kF32, 0, 99), from);
    for (DType to : dtypes) {
      expect_same_on_devices({x}, [&](const std::vector<Tensor>& v) { return cast(v[0], to); });
      expect_same_on_devices({x.transpose(0, 1)},
                             [&](const std::vector<Tensor>& v) { return cast(v[0], to); });
    }
  }
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const Tensor beyond = tensor(
      std::vector<double>{std::nan(""), kInf, -kInf, 3e9, -3e9, 1e20, -1e20, 256, 255.9, -0.9, 9.2e18}, {11});
  for (DType from : {kF32, kF64, kBF16, kF16}) {
    for (DType to : {kI32, kI64, kU8, kBool}) {
      const Tensor x = cast(beyond, from);
      expect_same_on_devices({x}, [&](const std::vector<Tensor>& v) { return cast(v[0], to); });
    }
  }
  const Tensor big = tensor(std::vector<int64_t>{(int64_t{1} << 53) + 1, -(int64_t{1} << 60) - 3, 1}, {3});
  for (DType to : {kF32, kF64, kI32, kBool}) {
    expect_same_on_devices({big}, [&](const std::vector<Tensor>& v) { return cast(v[0], to); });
  }
}

// One rounding, as on the CPU (whose values tensor/scalar_test.cc checks): ties and their neighbours.
TEST(ElementwiseKernels, CastsAndFillsRoundOnce) {
  std::vector<double> doubles{65519.999999, -65519.999999, 65520, 1e300, -0.0};
  std::vector<int64_t> longs{16908289, (int64_t{1} << 62) + (int64_t{1} << 54) + 1, -65519, 65521};
  std::vector<int32_t> ints{16908289, -16908289, 65519, 2049};
  for (double tie : {1 + 0x1p-8, 1 + 0x1p-11, 0x1p-25, 3.0 + 0x1p-7}) {
    for (double x : {std::nextafter(tie, 0), tie, std::nextafter(tie, 9)}) doubles.push_back(x);
  }
  const auto all = [](const auto& values) { return tensor(values, {static_cast<int64_t>(values.size())}); };
  for (const Tensor& x : {all(doubles), all(longs), all(ints)}) {
    for (DType to : {kBF16, kF16, kF32}) {
      expect_same_on_devices({x}, [&](const std::vector<Tensor>& v) { return cast(v[0], to); });
    }
  }
  for (DType dtype : {kBF16, kF16}) {
    for (double value : doubles) {
      expect_same_on_devices({zeros({3}, dtype)}, [&](const std::vector<Tensor>& v) {
        Tensor x = full({3}, value, dtype, v[0].device());
        return x * 0.1 + value;
      });
    }
  }
  const int64_t odd = (int64_t{1} << 53) + 1;
  for (Device device : kernel_devices()) {
    EXPECT_EQ(full({2}, odd, kI64, device).to_vector<int64_t>()[1], odd);
    EXPECT_EQ(arange(odd, odd + 2, 1, kI64, device).to_vector<int64_t>()[1], odd + 1);
    EXPECT_EQ(clamp(full({2}, odd + 8, kI64, device), -odd, odd).to_vector<int64_t>()[1], odd);
    EXPECT_EQ(cast(full({}, 16908289, kI32, device), kBF16).item(), 16908288);
  }
}

TEST(ElementwiseKernels, WritesToOverlappingViews) {
  expect_same_on_devices({sample({40})}, [](const std::vector<Tensor>& v) {
    Tensor x = zeros({40}, kF32, v[0].device());
    copy_(x, v[0]);
    copy_(x.slice(0, 1, 40), x.slice(0, 0, 39));
    const Tensor square = x.slice(0, 0, 36).view({6, 6});
    add_(square, square.transpose(0, 1), 2);
    copy_(square, square.transpose(0, 1));
    add_(x, x);
    return x;
  });
  for (Device device : kernel_devices()) {
    const Tensor wide = zeros({3, 1}, kF32, device).expand({3, 2});
    EXPECT_NE(error_on(device, [&](Device) { fill_(wide, 1); }).find("x overlaps itself"), std::string::npos);
  }
}

TEST(ElementwiseKernels, WhereClampFillAndWrites) {
  for (DType dtype : {kF32, kF64, kBF16, kI64, kU8}) {
    const Tensor a = sample({4, 9}, dtype, 0, 9), b = sample({9}, dtype, 0, 9, 2);
    const Tensor condition = lt(sample({4, 1}), sample({4, 9}, kF32, -2, 2, 3));
    expect_same_on_devices({condition, a, b},
                           [](const std::vector<Tensor>& v) { return where(v[0], v[1], v[2]); });
    expect_same_on_devices({a}, [](const std::vector<Tensor>& v) { return clamp(v[0], 2.5, 6.5); });
    expect_same_on_devices({a, sample({9, 4}, dtype, 0, 9, 4)}, [](const std::vector<Tensor>& v) {
      Tensor x = full({4, 9}, 3, v[0].dtype(), v[0].device());
      fill_(x.slice(1, 2, 7, 2), 5);
      add_(x, v[0], 2);
      copy_(x.slice(0, 1, 3), v[0].slice(0, 2, 4));
      add_(x.slice(0, 0, 4), v[1].transpose(0, 1), 3);
      return x;
    });
  }
}

}  // namespace
}  // namespace roux
