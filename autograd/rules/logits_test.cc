// softmax, attention and the losses where logits are large, infinite or NaN and where rows do not count: the
// fused path, the composition and what create_graph differentiates give the same.
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "autograd/autograd.h"
#include "gtest/gtest.h"
#include "tensor/generator.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/loss.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity(),
                 kNaN = std::numeric_limits<double>::quiet_NaN();
using Values = std::vector<double>;

Tensor of(const Values& values, const Shape& shape, DType dtype) { return tensor(values, shape).to(dtype); }
Tensor leaf(const Tensor& x) { return x.detach().set_requires_grad(true); }
Tensor ids(const std::vector<int64_t>& values) {
  return tensor(values, {static_cast<int64_t>(values.size())});
}

// Within tolerance relative to 1 + |want|.
void expect_values(const Tensor& got, const Values& want, double tolerance) {
  const Values values = got.to_vector<double>();
  ASSERT_EQ(values.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    if (std::isfinite(want[i])) {
      EXPECT_NEAR(values[i], want[i], tolerance * (1 + std::fabs(want[i]))) << i;
    } else {
      EXPECT_TRUE(values[i] == want[i] || (std::isnan(want[i]) && std::isnan(values[i])))
          << i << ": " << values[i] << ", expected " << want[i];
    }
  }
}

// --- The same at any offset.

using Function = std::function<Tensor(const Tensor&)>;
// f and what weights of its output give as first and second derivative.
std::vector<Tensor> derivatives(const Function& f, const Tensor& x, bool create_graph) {
  const Tensor in = leaf(x), y = f(in);
  const auto weights = [&](const Tensor& like) {
    Generator generator(3);
    return normal(like.shape(), 0, 1, generator, kF64).to(like.dtype());
  };
  std::vector<Tensor> out{y.detach()};
  const Tensor first = grad({y}, {in}, {.grad_outputs = {weights(y)}, .create_graph = create_graph})[0];
  out.push_back(first.detach());
  if (create_graph) out.push_back(grad({first}, {in}, {.grad_outputs = {weights(first)}})[0]);
  return out;
}

// f of a row plus a constant, in f32, against f of the row in f64. Far out f32 resolves multiples of 8 alone.
void expect_shift_invariant(const Function& f, bool value_shifts = false) {
  const Tensor row = of({0, 3, -2, 1, 1, -5, 0, 2}, {2, 4}, kF64);
  for (bool create_graph : {false, true}) {
    for (const auto& [offset, spacing] :
         {std::pair{0.0, 1.0}, {1e4, 1.0}, {1e6, 1.0}, {-1e6, 1.0}, {1e8, 8.0}}) {
      SCOPED_TRACE(offset);
      const std::vector<Tensor> want = derivatives(f, row * spacing, create_graph);
      const std::vector<Tensor> got = derivatives(f, (row * spacing + offset).to(kF32), create_graph);
      for (size_t order = value_shifts ? 1 : 0; order < want.size(); ++order) {
        SCOPED_TRACE(order);
        expect_values(got[order], want[order].to_vector<double>(), 3e-6);
      }
    }
  }
}

TEST(Offset, Softmax) {
  for (const auto& f : {softmax, softmax_composed, log_softmax, log_softmax_composed}) {
    expect_shift_invariant([&](const Tensor& x) { return f(x, -1); });
    expect_shift_invariant([&](const Tensor& x) { return f(x, 0); });
  }
}

TEST(Offset, LogSumExp) {
  expect_shift_invariant([](const Tensor& x) { return logsumexp(x, -1); }, true);
  expect_shift_invariant([](const Tensor& x) { return logsumexp(x); }, true);
}

TEST(Offset, CrossEntropy) {
  const Tensor targets = ids({1, 0});
  const auto linear_of = [](auto loss) {
    return [loss](const Tensor& x, const Tensor& targets, const CrossEntropyOptions& options) {
      const Tensor identity = of({1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}, {4, 4}, x.dtype());
      return loss(x, identity, targets, options);
    };
  };
  for (Reduction reduction : {Reduction::kMean, Reduction::kSum, Reduction::kNone}) {
    const CrossEntropyOptions options{.reduction = reduction};
    expect_shift_invariant([&](const Tensor& x) { return cross_entropy(x, targets, options); });
    expect_shift_invariant([&](const Tensor& x) { return cross_entropy_composed(x, targets, options); });
    expect_shift_invariant(
        [&](const Tensor& x) { return linear_of(linear_cross_entropy)(x, targets, options); });
    expect_shift_invariant(
        [&](const Tensor& x) { return linear_of(linear_cross_entropy_composed)(x, targets, options); });
  }
}

// The scores themselves, through a query of 1 and a learned bias.
TEST(Offset, Attention) {
  const Tensor value = of({1, -1, 2, 0, 0, 3, 1, 1}, {1, 2, 4, 1}, kF64);
  for (const auto& attend : {scaled_dot_product_attention, scaled_dot_product_attention_composed}) {
    for (double scale : {1.0, 0.5}) {
      for (bool causal : {false, true}) {
        expect_shift_invariant([&](const Tensor& x) {
          const Tensor k = reshape(x / scale, {1, 2, 4, 1}), q = ones({1, 2, 1, 1}, x.dtype());
          return attend(q, k, value.to(x.dtype()), {.rules = {.causal = causal}, .scale = scale});
        });
        expect_shift_invariant([&](const Tensor& x) {
          const Tensor k = zeros({1, 2, 4, 1}, x.dtype()), q = ones({1, 2, 1, 1}, x.dtype());
          return attend(q, k, value.to(x.dtype()),
                        {.rules = {.causal = causal, .bias = reshape(x, {1, 2, 1, 4})}, .scale = scale});
        });
      }
    }
  }
}

TEST(Offset, HugeLogits) {
  for (double huge : {1e8, 1e10, 1e30}) {
    for (DType dtype : {kF32, kBF16, kF64}) {
      const Tensor x = leaf(full({1, 3}, huge, dtype)), target = ids({1});
      const double third = 1.0 / 3, tolerance = dtype == kBF16 ? 2e-3 : 1e-6;
      for (const auto& f : {softmax, softmax_composed}) {
        expect_values(f(x, -1), {third, third, third}, tolerance);
      }
      for (const auto& f : {cross_entropy, cross_entropy_composed}) {
        const Tensor loss = f(x, target, {});
        expect_values(loss, {std::log(3.0)}, 1e-6);
        expect_values(grad({loss}, {x})[0], {third, -2 * third, third}, tolerance);
      }
      const Tensor q = leaf(full({1, 1, 1, 1}, 1, dtype)), k = leaf(full({1, 1, 2, 1}, huge, dtype));
      const Tensor v = leaf(of({1, 3}, {1, 1, 2, 1}, dtype));
      for (const auto& attend : {scaled_dot_product_attention, scaled_dot_product_attention_composed}) {
        for (double scale : {1.0, 0.7}) {
          const Tensor y = attend(q, k, v, {.scale = scale});
          expect_values(y, {2}, 1e-6);
          expect_values(grad({y}, {v})[0], {0.5, 0.5}, 1e-6);
          // Beside a hidden key, a score below any number that might stand for "hidden".
          const Tensor mask = gt(of({1, 0}, {2}, dtype), 0.5);
          expect_values(attend(q, -k, v, {.rules = {.mask = mask}, .scale = scale}), {1}, 0);
        }
      }
    }
  }
}

// --- Rows that do not count.

using Loss = std::function<Tensor(const Tensor& x, const Tensor& targets, const CrossEntropyOptions&)>;
// Of rows of three logits (the linear ones through a weight that changes nothing).
std::vector<Loss> losses() {
  const auto linear_of = [](auto loss) {
    return [loss](const Tensor& x, const Tensor& targets, const CrossEntropyOptions& options) {
      return loss(x, of({1, 0, 0, 0, 1, 0, 0, 0, 1}, {3, 3}, x.dtype()), targets, options);
    };
  };
  return {cross_entropy, cross_entropy_composed, linear_of(linear_cross_entropy),
          linear_of(linear_cross_entropy_composed)};
}

// The gradient for an upstream gradient, by the backward kernel and by the differentiated composition.
std::vector<Tensor> both_gradients(const Loss& loss, const Tensor& x, const Tensor& targets,
                                   const CrossEntropyOptions& options, const Tensor& upstream) {
  std::vector<Tensor> out;
  for (bool create_graph : {false, true}) {
    const Tensor in = leaf(x), y = loss(in, targets, options);
    out.push_back(
        grad({y}, {in}, {.grad_outputs = {upstream.to(y.dtype())}, .create_graph = create_graph})[0]);
  }
  return out;
}

// An ignored target of -1 or one within the classes: its element of the gradient would be another row's last
// or its own.
TEST(IgnoredRows, AllOfThem) {
  for (DType dtype : {kF32, kF64, kBF16}) {
    const Tensor x = of({1, 2, 3, 4, 5, 6}, {2, 3}, dtype);
    for (int64_t ignored : {-100, -1, 0, 2}) {
      const Tensor targets = ids({ignored, ignored});
      for (const Loss& loss : losses()) {
        for (double upstream : {1.0, kInf, kNaN}) {
          const CrossEntropyOptions mean{.ignore_index = ignored}, sum{ignored, {}, Reduction::kSum};
          expect_values(loss(x, targets, mean), {kNaN}, 0);
          expect_values(loss(x, targets, sum), {0}, 0);
          for (const CrossEntropyOptions& options : {mean, sum}) {
            for (const Tensor& g : both_gradients(loss, x, targets, options, full({}, upstream))) {
              expect_values(g, {0, 0, 0, 0, 0, 0}, 0);
            }
          }
        }
      }
    }
  }
}

TEST(IgnoredRows, BesideWhatIsNotFinite) {
  const double a = 1 / (1 + std::exp(1.0) + std::exp(2.0)), b = a * std::exp(1.0), c = b * std::exp(1.0);
  for (DType dtype : {kF32, kF64, kBF16}) {
    const double tolerance = dtype == kBF16 ? 2e-3 : 1e-6;
    const Tensor x = of({1, 2, 3, 4, 5, 6, 1, 2, 3}, {3, 3}, dtype);
    for (int64_t ignored : {-1, 2}) {
      const Tensor targets = ids({0, ignored, 1});
      for (const Loss& loss : losses()) {
        const CrossEntropyOptions each{.ignore_index = ignored, .reduction = Reduction::kNone};
        for (double above : {kInf, -kInf, kNaN}) {
          // From above at the ignored row alone, and from a scalar for all.
          for (const Tensor& g : both_gradients(loss, x, targets, each, tensor(Values{2, above, 1}, {3}))) {
            expect_values(g, {2 * a - 2, 2 * b, 2 * c, 0, 0, 0, a, b - 1, c}, 2 * tolerance);
          }
          for (Reduction reduction : {Reduction::kMean, Reduction::kSum}) {
            const CrossEntropyOptions reduced{.ignore_index = ignored, .reduction = reduction};
            for (const Tensor& g : both_gradients(loss, x, targets, reduced, full({}, above))) {
              expect_values(select(g, 0, 1), {0, 0, 0}, 0);
              for (double value : select(g, 0, 0).to_vector<double>()) EXPECT_FALSE(std::isfinite(value));
            }
          }
        }
        // A NaN class weight makes the mean NaN, but not the ignored row's gradient.
        const CrossEntropyOptions weighted{.ignore_index = ignored,
                                           .weight = of({1, kNaN, 1}, {3}, dtype == kF64 ? kF64 : kF32)};
        expect_values(loss(x, targets, weighted), {kNaN}, 0);
        for (const Tensor& g : both_gradients(loss, x, targets, weighted, full({}, 1))) {
          expect_values(g, {kNaN, kNaN, kNaN, 0, 0, 0, kNaN, kNaN, kNaN}, 0);
        }
      }
    }
  }
}

// Ignored rows are not read.
TEST(IgnoredRows, MayHoldAnything) {
  const Tensor x = of({1, 2, 3, kNaN, kInf, -kInf}, {2, 3}, kF32);
  const double log_sum = std::log(1 + std::exp(1.0) + std::exp(2.0));
  for (const auto& loss : {cross_entropy, cross_entropy_composed}) {
    expect_values(loss(x, ids({0, -100}), {}), {log_sum}, 1e-6);
    for (const Tensor& g : both_gradients(loss, x, ids({0, -100}), {}, full({}, 1))) {
      expect_values(select(g, 0, 1), {0, 0, 0}, 0);
    }
  }
}

TEST(IgnoredRows, OfAnInputMayHoldAnything) {
  for (Reduction reduction : {Reduction::kMean, Reduction::kSum, Reduction::kNone}) {
    for (double smoothing : {0.0, 0.3}) {
      const CrossEntropyOptions options{.reduction = reduction, .label_smoothing = smoothing};
      for (const auto& loss : {linear_cross_entropy, linear_cross_entropy_composed}) {
        for (bool create_graph : {false, true}) {
          const auto gradients = [&](const Tensor& rows, const Tensor& targets) {
            const Tensor x = leaf(rows), weight = leaf(of({1, 2, 0, -1, 1, 3}, {3, 2}, kF32));
            return grad({sum(loss(x, weight, targets, options))}, {x, weight},
                        {.create_graph = create_graph});
          };
          const auto got = gradients(of({1, 2, kNaN, kInf}, {2, 2}, kF32), ids({1, -100}));
          const auto want = gradients(of({1, 2}, {1, 2}, kF32), ids({1}));
          expect_values(slice(got[0], 0, 0, 1), want[0].to_vector<double>(), 1e-6);
          expect_values(slice(got[0], 0, 1, 2), {0, 0}, 0);
          expect_values(got[1], want[1].to_vector<double>(), 1e-6);
        }
      }
    }
  }
}

// 257 rows in each of three chunks: no chunk's sum is a bf16 number, 771 is nearest to 772.
TEST(LinearCrossEntropy, SumsOfChunksAreNotRounded) {
  for (DType dtype : {kBF16, kF32}) {
    const Tensor x = ones({771, 1}, dtype), weight = leaf(zeros({21845, 1}, dtype));
    const Tensor loss = linear_cross_entropy(x, weight, full({771}, 7, kI64), {.reduction = Reduction::kSum});
    const Tensor of_target = select(grad({loss}, {weight})[0], 0, 7);
    EXPECT_NEAR(of_target.item(), dtype == kBF16 ? -772 : -771, 0.1);
  }
}

// A weight of 0 is a weight: the row counts, and what is not finite in it shows (as in PyTorch).
TEST(ClassWeight, OfZeroDoesNotIgnore) {
  const Tensor x = of({1, 2, 3, kNaN, 0, 0}, {2, 3}, kF32), weight = of({1, 0, 1}, {3}, kF32);
  for (const Loss& loss : losses()) {
    const CrossEntropyOptions options{.weight = weight, .reduction = Reduction::kNone};
    const Values value = loss(x, ids({1, 1}), options).to_vector<double>();
    EXPECT_EQ(value[0], 0);
    EXPECT_TRUE(std::isnan(value[1]));
  }
}

// --- Attention's special rows.

// The mask is a mode of its own, whatever the scale is.
TEST(AttentionMask, AtScaleOne) {
  for (DType dtype : {kF32, kF64, kBF16, kF16}) {
    const Tensor q = ones({1, 1, 1, 1}, dtype), k = ones({1, 1, 2, 1}, dtype);
    const Tensor added = of({0, -kInf}, {2}, dtype);
    for (const Tensor& mask : {added, gt(added, -1.0)}) {
      for (std::optional<double> scale : {std::optional<double>(), {1.0}, {0.0}, {-1.0}}) {
        for (const auto& attend : {scaled_dot_product_attention, scaled_dot_product_attention_composed}) {
          const Tensor v = leaf(of({1, 3}, {1, 1, 2, 1}, dtype));
          AttentionOptions options{.scale = scale};
          (mask.dtype() == kBool ? options.rules.mask : options.rules.bias) = mask;
          const Tensor y = attend(q, k, v, options);
          expect_values(y, {1}, 0);
          expect_values(grad({y}, {v})[0], {1, 0}, 0);
        }
      }
    }
  }
}

// A scale of 0 is a scale: every visible key weighs the same.
TEST(AttentionScale, OfZero) {
  const Tensor q = of({5}, {1, 1, 1, 1}, kF32), k = of({1, 2, 4}, {1, 1, 3, 1}, kF32);
  const Tensor v = of({1, 3, 8}, {1, 1, 3, 1}, kF32);
  for (const auto& attend : {scaled_dot_product_attention, scaled_dot_product_attention_composed}) {
    expect_values(attend(q, k, v, {.scale = 0.0}), {4}, 1e-6);
  }
}

// NaN is not "nothing to look at", wherever it stands among hidden keys.
TEST(AttentionMask, NaNAmongHiddenKeys) {
  const Tensor q = ones({1, 1, 1, 1}), v = ones({1, 1, 40, 1});
  for (size_t at : {0, 1, 17, 39}) {
    Values keys(40, 1), shown(40, 0);
    keys[at] = kNaN;
    shown[at] = 1;
    const Tensor k = of(keys, {1, 1, 40, 1}, kF32), mask = gt(of(shown, {40}, kF32), 0.5);
    for (const auto& attend : {scaled_dot_product_attention, scaled_dot_product_attention_composed}) {
      expect_values(attend(q, k, v, {.rules = {.mask = mask}}), {kNaN}, 0);
      expect_values(attend(q, k, v, {.rules = {.mask = lt(of(shown, {40}, kF32), 0.5)}}), {1}, 1e-6);
    }
  }
}

// 16-bit inputs are computed in f32 also where a bias learns: outputs and gradients are as near to f64 on
// the same inputs as one rounding of each.
TEST(AttentionMask, LearnedIn16Bits) {
  Generator generator(4);
  for (DType dtype : {kBF16, kF16}) {
    const auto random = [&](const Shape& shape) { return normal(shape, 0, 2, generator, kF64).to(dtype); };
    const std::vector<Tensor> inputs{random({1, 2, 5, 16}), random({1, 1, 40, 16}), random({1, 1, 40, 3}),
                                     random({1, 2, 5, 40})};
    const auto run = [&](DType compute) {
      std::vector<Tensor> x;
      for (const Tensor& in : inputs) x.push_back(leaf(in.to(compute)));
      const Tensor y = scaled_dot_product_attention(x[0], x[1], x[2], {.rules = {.bias = x[3]}});
      std::vector<Tensor> out = grad({sum(y.to(kF64))}, x);
      out.push_back(y);
      return out;
    };
    const std::vector<Tensor> got = run(dtype), want = run(kF64);
    const double ulp = dtype == kBF16 ? 0x1p-8 : 0x1p-11;
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got[i].dtype(), dtype);
      const Values a = got[i].to_vector<double>(), b = want[i].to_vector<double>();
      for (size_t k = 0; k < a.size(); ++k) EXPECT_NEAR(a[k], b[k], 1.01 * ulp * std::fabs(b[k]) + 2e-5) << i;
    }
  }
}

}  // namespace
}  // namespace roux
