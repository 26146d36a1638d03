#include "tensor/ops/regression_loss.h"

#include "tensor/ops/creation.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

constexpr double kPi = 3.14159265358979323846;

Ref reduced_f64(const Ref& losses, Reduction reduction) {
  if (reduction == Reduction::kNone) return losses;
  double total = 0;
  for (double loss : losses.v) total += loss;
  return Ref({}, reduction == Reduction::kMean ? total / static_cast<double>(losses.size()) : total);
}

double huber_f64(double d, double delta) {
  return std::fabs(d) <= delta ? d * d / 2 : delta * (std::fabs(d) - delta / 2);
}

// Sums and single losses of pairs in [-3, 3], by fn(inputs, reduction), against one(values of one element).
using Loss = Tensor(const Tensors& in, Reduction reduction);
using Element = double(const std::vector<double>& v);
void sums_and_elements(Suite& suite, Loss* fn, Element* one) {
  suite.call([=](const Tensors& in) {
         return Tensors{fn(in, Reduction::kSum), fn(in, Reduction::kNone)};
       })
      .reference([=](const Refs& in) {
        const Ref losses = elementwise(in, one);
        return Refs{reduced_f64(losses, Reduction::kSum), losses};
      })
      .tolerance(kF32, 1e-5)
      .tolerance(kF64, 1e-12)
      .tolerance(kBF16, 1e-5)
      .tolerance(kF16, 1e-5);
}
void of_pairs(Suite& suite) {
  suite.inputs({uniform_in(-3, 3), uniform_in(-3, 3)})
      .sample({{3, 5}, {3, 5}})
      .sample({{1}, {1}})
      .sample({{0, 5}, {0, 5}});
}
void wide(Suite& suite) { suite.dtypes(kF32 | kF64).devices(kF32 | kF64); }
void half(Suite& suite) {
  suite.dtypes(kF32 | kBF16 | kF16)
      .devices(kF32 | kBF16 | kF16)
      .output_dtype(kF32)
      .skip("errors", "in the main entry");
}
void pair_error(Suite& suite, Loss* fn) {
  suite.error(
      "input and target do not match: input is f32[3,5], target is f32[3,4], needed one floating dtype",
      [=](Device d) {
        fn({zeros({3, 5}, kF32, d), zeros({3, 4}, kF32, d)}, Reduction::kMean);
      });
}
// The mean, of f64 alone.
void mean_of(Suite& suite, Loss* fn, Element* one) {
  suite.dtypes(kF64)
      .devices(kF64)
      .call([=](const Tensors& in) { return Tensors{fn(in, Reduction::kMean)}; })
      .reference([=](const Refs& in) { return Refs{reduced_f64(elementwise(in, one), Reduction::kMean)}; })
      .tolerance(kF64, 1e-12)
      .skip("zero_size", "the mean over nothing is NaN")
      .skip("errors", "in the main entry");
}
void of_mean_pairs(Suite& suite) {
  suite.inputs({uniform_in(-3, 3), uniform_in(-3, 3)}).sample({{3, 5}, {3, 5}}).sample({{1}, {1}});
}

Tensor mse(const Tensors& in, Reduction reduction) { return mse_loss(in[0], in[1], reduction); }
double mse_f64(const std::vector<double>& v) { return (v[0] - v[1]) * (v[0] - v[1]); }
void mse_entry(Suite& suite) {
  of_pairs(suite);
  sums_and_elements(suite, mse, mse_f64);
}
OP_SUITE(mse_loss).with(mse_entry).with(wide).with([](Suite& suite) { pair_error(suite, mse); });
OP_SUITE_VARIANT(mse_loss, half).with(mse_entry).with(half);
OP_SUITE_VARIANT(mse_loss, mean).with(of_mean_pairs).with([](Suite& suite) { mean_of(suite, mse, mse_f64); });

Tensor l1(const Tensors& in, Reduction reduction) { return l1_loss(in[0], in[1], reduction); }
double l1_f64(const std::vector<double>& v) { return std::fabs(v[0] - v[1]); }
void l1_entry(Suite& suite) {
  of_pairs(suite);
  sums_and_elements(suite, l1, l1_f64);
}
OP_SUITE(l1_loss).with(l1_entry).with(wide).with([](Suite& suite) { pair_error(suite, l1); });
OP_SUITE_VARIANT(l1_loss, half).with(l1_entry).with(half);
OP_SUITE_VARIANT(l1_loss, mean).with(of_mean_pairs).with([](Suite& suite) { mean_of(suite, l1, l1_f64); });

Tensor huber(const Tensors& in, Reduction reduction) { return huber_loss(in[0], in[1], 1.25, reduction); }
double huber_of(const std::vector<double>& v) { return huber_f64(v[0] - v[1], 1.25); }
void huber_entry(Suite& suite) {
  of_pairs(suite);
  sums_and_elements(suite, huber, huber_of);
}
OP_SUITE(huber_loss)
    .with(huber_entry)
    .with(wide)
    .with([](Suite& suite) { pair_error(suite, huber); })
    .error("delta is out of range: delta is 0, needed > 0",
           [](Device d) { huber_loss(zeros({3}, kF32, d), zeros({3}, kF32, d), 0); });
OP_SUITE_VARIANT(huber_loss, half).with(huber_entry).with(half);
OP_SUITE_VARIANT(huber_loss, mean).with(of_mean_pairs).with([](Suite& suite) {
  mean_of(
      suite, [](const Tensors& in, Reduction) { return huber_loss(in[0], in[1]); },
      [](const std::vector<double>& v) { return huber_f64(v[0] - v[1], 1); });
});

Tensor smooth_l1(const Tensors& in, Reduction reduction) {
  return smooth_l1_loss(in[0], in[1], 0.75, reduction);
}
double smooth_l1_of(const std::vector<double>& v) { return huber_f64(v[0] - v[1], 0.75) / 0.75; }
void smooth_l1_entry(Suite& suite) {
  of_pairs(suite);
  sums_and_elements(suite, smooth_l1, smooth_l1_of);
}
OP_SUITE(smooth_l1_loss)
    .with(smooth_l1_entry)
    .with(wide)
    .with([](Suite& suite) { pair_error(suite, smooth_l1); })
    .error("beta is out of range: beta is -1, needed >= 0",
           [](Device d) { smooth_l1_loss(zeros({3}, kF32, d), zeros({3}, kF32, d), -1); });
OP_SUITE_VARIANT(smooth_l1_loss, half).with(smooth_l1_entry).with(half);
OP_SUITE_VARIANT(smooth_l1_loss, mean).with(of_mean_pairs).with([](Suite& suite) {
  mean_of(
      suite, [](const Tensors& in, Reduction) { return smooth_l1_loss(in[0], in[1]); },
      [](const std::vector<double>& v) { return huber_f64(v[0] - v[1], 1); });
});
OP_SUITE_VARIANT(smooth_l1_loss, beta0).with(of_mean_pairs).with([](Suite& suite) {
  mean_of(
      suite, [](const Tensors& in, Reduction) { return smooth_l1_loss(in[0], in[1], 0); }, l1_f64);
});

double nll_f64(const std::vector<double>& v) {
  const double d = v[0] - v[1];
  return (std::log(v[2]) + d * d / v[2]) / 2;
}
Tensor nll(const Tensors& in, Reduction reduction) {
  return gaussian_nll_loss(in[0], in[1], in[2], {.full = true, .eps = 1e-3, .reduction = reduction});
}
void nll_entry(Suite& suite) {
  sums_and_elements(suite, nll,
                    [](const std::vector<double>& v) { return nll_f64(v) + std::log(2 * kPi) / 2; });
  suite.inputs({uniform_in(-3, 3), uniform_in(-3, 3), uniform_in(0.3, 2)})
      .sample({{3, 5}, {3, 5}, {3, 5}})
      .sample({{2, 3, 5}, {2, 3, 5}, {3, 1}})
      .sample({{1}, {1}, {1}})
      .sample({{0, 5}, {0, 5}, {0, 5}});
}
OP_SUITE(gaussian_nll_loss)
    .with(nll_entry)
    .with(wide)
    .error("input and target do not match: input is f32[3,5], target is f64[3,5]",
           [](Device d) {
             gaussian_nll_loss(zeros({3, 5}, kF32, d), zeros({3, 5}, kF64, d), zeros({3, 5}, kF32, d));
           })
    .error("var does not match: var is f32[3], input is f32[3,5], needed f32 that broadcasts to [3,5]",
           [](Device d) {
             gaussian_nll_loss(zeros({3, 5}, kF32, d), zeros({3, 5}, kF32, d), zeros({3}, kF32, d));
           })
    .error("eps is out of range: eps is 0, needed > 0", [](Device d) {
      const Tensor x = zeros({3}, kF32, d);
      gaussian_nll_loss(x, x, x, {.eps = 0});
    });
OP_SUITE_VARIANT(gaussian_nll_loss, half).with(nll_entry).with(half);
OP_SUITE_VARIANT(gaussian_nll_loss, mean)
    .inputs({uniform_in(-3, 3), uniform_in(-3, 3), uniform_in(0.3, 2)})
    .sample({{3, 5}, {3, 5}, {3, 5}})
    .sample({{1}, {1}, {1}})
    .with([](Suite& suite) {
      mean_of(
          suite, [](const Tensors& in, Reduction) { return gaussian_nll_loss(in[0], in[1], in[2]); },
          nll_f64);
    });

double bce_f64(const std::vector<double>& v) {
  const double s = 1 / (1 + std::exp(-v[0])), weight = v.size() > 2 ? v[2] : 1;
  return -(weight * v[1] * std::log(s) + (1 - v[1]) * std::log1p(-s));
}
Tensor bce(const Tensors& in, Reduction reduction) {
  return binary_cross_entropy_with_logits(in[0], in[1], in.size() > 2 ? in[2] : Tensor(), reduction);
}
void bce_entry(Suite& suite) {
  sums_and_elements(suite, bce, bce_f64);
  suite.inputs({uniform_in(-6, 6), uniform_in(0, 1)})
      .sample({{3, 5}, {3, 5}})
      .sample({{1}, {1}})
      .sample({{0, 5}, {0, 5}});
}
OP_SUITE(binary_cross_entropy_with_logits)
    .with(bce_entry)
    .with(wide)
    .with([](Suite& suite) { pair_error(suite, bce); })
    .error("pos_weight does not match: pos_weight is f32[4], input is f32[3,5]", [](Device d) {
      const Tensor x = zeros({3, 5}, kF32, d);
      binary_cross_entropy_with_logits(x, x, zeros({4}, kF32, d));
    });
OP_SUITE_VARIANT(binary_cross_entropy_with_logits, half).with(bce_entry).with(half);
OP_SUITE_VARIANT(binary_cross_entropy_with_logits, pos_weight)
    .with([](Suite& suite) { sums_and_elements(suite, bce, bce_f64); })
    .with(wide)
    .inputs({uniform_in(-6, 6), uniform_in(0, 1), constant_in(0.3, 3)})
    .sample({{3, 5}, {3, 5}, {5}})
    .sample({{1}, {1}, {1}})
    .sample({{0, 5}, {0, 5}, {5}})
    .skip("errors", "in the main entry");
OP_SUITE_VARIANT(binary_cross_entropy_with_logits, mean)
    .inputs({uniform_in(-6, 6), uniform_in(0, 1)})
    .sample({{3, 5}, {3, 5}})
    .sample({{1}, {1}})
    .with([](Suite& suite) { mean_of(suite, bce, bce_f64); });

}  // namespace
}  // namespace roux::testing
