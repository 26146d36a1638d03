// Op-suite entries of draws from laws that are made of uniform numbers: exponential, Gumbel, gamma, beta,
// Dirichlet; draws without replacement. Against their formulas in f64.
#include <cmath>

#include "tensor/ops/creation.h"
#include "tests/ops/random_reference.h"

namespace roux::testing {
namespace {

double exponential_ref(uint64_t offset, int64_t i) {
  return std::max(-std::log(1 - u01(offset, i)), 0x1p-25);
}
double gumbel_ref(uint64_t offset, int64_t i) { return -std::log(exponential_ref(offset, i)); }

OP_SUITE(exponential)
    .devices(kFloating)
    .with(shapes)
    .call([](const Tensors& in) {
      Generator generator = after_two_draws(in[0]);
      return Tensors{exponential(in[0].shape(), 2.5, generator, in[0].dtype())};
    })
    .reference([](const Refs& in) {
      Ref out(in[0].shape);
      for (int64_t i = 0; i < out.size(); ++i) out[i] = exponential_ref(2, i) / 2.5;
      return Refs{out};
    })
    .tolerance(kF64, 2e-5)  // values are made in f32
    .error("rate is 0, needed above 0",
           [](Device d) {
             Generator generator(1, d);
             exponential({2}, 0, generator);
           })
    .error("dtype must be floating, got i32", [](Device d) {
      Generator generator(1, d);
      exponential({2}, 1, generator, kI32);
    });

OP_SUITE(gumbel)
    .devices(kFloating)
    .with(shapes)
    .call([](const Tensors& in) {
      Generator generator = after_two_draws(in[0]);
      return Tensors{gumbel(in[0].shape(), generator, in[0].dtype())};
    })
    .reference([](const Refs& in) {
      Ref out(in[0].shape);
      for (int64_t i = 0; i < out.size(); ++i) out[i] = gumbel_ref(2, i);
      return Refs{out};
    })
    .tolerance(kF64, 2e-5)
    .error("dtype must be floating, got i32", [](Device d) {
      Generator generator(1, d);
      gumbel({2}, generator, kI32);
    });

// softmax((x + g) / 0.7) along axis 1 of three, or one-hot.
Ref gumbel_softmax_ref(const Ref& x, bool hard) {
  Ref out(x.shape);
  const int64_t n = x.shape[1], inner = x.shape[2];
  for (int64_t r = 0; r < x.shape[0] * inner; ++r) {
    const int64_t first = r / inner * n * inner + r % inner;
    std::vector<double> e;
    double total = 0, largest = 0;
    for (int64_t j = 0; j < n; ++j) {
      const int64_t at = first + j * inner;
      e.push_back(std::exp((x[at] + gumbel_ref(2, at)) / 0.7));
      total += e.back();
      largest = std::max(largest, e.back());
    }
    for (int64_t j = 0; j < n; ++j) {
      const double value = e[static_cast<size_t>(j)];
      out[first + j * inner] = hard ? (value == largest ? 1 : 0) : value / total;
    }
  }
  return out;
}
const auto gumbel_softmaxes = [](bool hard) {
  return [hard](Suite& suite) {
    suite
        .call([hard](const Tensors& in) {
          Generator generator = after_two_draws(in[0]);
          return Tensors{gumbel_softmax(in[0], 0.7, generator, hard, 1)};
        })
        .reference([hard](const Refs& in) { return Refs{gumbel_softmax_ref(in[0], hard)}; })
        .tolerance(kF64, 2e-5)
        .sample({{2, 5, 3}})
        .sample({{0, 4, 1}})
        .sample({{3, 101, 2}});
  };
};
OP_SUITE(gumbel_softmax)
    .with(gumbel_softmaxes(false))
    .devices(kFloating)
    .error("logits must be floating with at least one axis: logits is i64[2]",
           [](Device d) {
             Generator generator(1, d);
             gumbel_softmax(zeros({2}, kI64, d), 1, generator);
           })
    .error("axis 1 is out of range for rank 1: logits is f32[2]",
           [](Device d) {
             Generator generator(1, d);
             gumbel_softmax(zeros({2}, kF32, d), 1, generator, false, 1);
           })
    .error("temperature is 0, needed above 0", [](Device d) {
      Generator generator(1, d);
      gumbel_softmax(zeros({2}, kF32, d), 0, generator);
    });
OP_SUITE_VARIANT(gumbel_softmax, hard)
    .devices(kFloating)
    .with(gumbel_softmaxes(true))
    .skip("grad", "that of the soft vector on purpose: autograd/rules/rules_test.cc")
    .skip("gradgrad", "as grad")
    .skip("errors", "those of gumbel_softmax");

// Marsaglia and Tsang (2000), figure 1, and their note on a < 1; the logarithm of the draw.
double log_gamma_ref(uint64_t offset, int64_t i, double a) {
  const double d = (a < 1 ? a + 1 : a) - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  const auto unit = [&](int64_t block, int64_t which) { return u01(offset, 4 * block + which) + 0x1p-24; };
  for (int64_t k = 0;; ++k) {
    const int64_t block = i + (k << 40);
    const double x =
        std::sqrt(-2 * std::log(unit(block, 0))) * std::cos(2 * M_PI * u01(offset, 4 * block + 1));
    const double v = std::pow(1 + c * x, 3);
    if (v <= 0 || std::log(unit(block, 2)) >= x * x / 2 + d - d * v + d * std::log(v)) continue;
    return std::log(d * v) + (a < 1 ? std::log(unit(i, 3)) / a : 0);
  }
}
const auto gammas = [](bool log) {
  return [log](Suite& suite) {
    suite.devices(kFloating)
        .with(shapes)
        .inputs({constant_in(0.05, 8)})
        .call([log](const Tensors& in) {
          Generator generator = after_two_draws(in[0]);
          return Tensors{log ? log_gamma(in[0], generator) : gamma(in[0], generator)};
        })
        .reference([log](const Refs& in) {
          Ref out(in[0].shape);
          for (int64_t i = 0; i < out.size(); ++i) {
            const double value = log_gamma_ref(2, i, in[0][i]);
            out[i] = log ? value : std::exp(value);
          }
          return Refs{out};
        })
        .tolerance(kF64, 2e-5);
  };
};
OP_SUITE(gamma)
    .with(gammas(false))
    .error("concentration must be floating: concentration is i64[2]",
           [](Device d) {
             Generator generator(1, d);
             gamma(ones({2}, kI64, d), generator);
           })
    .value_error("concentration is 0 at element 1, needed above 0 and finite", [](Device d) {
      Generator generator(1, d);
      gamma(tensor(std::vector<float>{1, 0}, {2}, d), generator);
    });
OP_SUITE(log_gamma)
    .with(gammas(true))
    .value_error("concentration is inf at element 0, needed above 0 and finite", [](Device d) {
      Generator generator(1, d);
      log_gamma(tensor(std::vector<float>{INFINITY}, {1}, d), generator);
    });

OP_SUITE(beta)
    .devices(kFloating)
    .inputs({constant_in(0.05, 8), constant_in(0.05, 8)})
    .call([](const Tensors& in) {
      Generator generator = after_two_draws(in[0]);
      return Tensors{beta(in[0], in[1], generator)};
    })
    .reference([](const Refs& in) {
      Ref out(in[0].shape);
      for (int64_t i = 0; i < out.size(); ++i) {
        out[i] = 1 / (1 + std::exp(log_gamma_ref(3, i, in[1][i]) - log_gamma_ref(2, i, in[0][i])));
      }
      return Refs{out};
    })
    .tolerance(kF64, 2e-5)
    .sample({{3, 5}, {3, 5}})
    .sample({{0, 1}, {0, 1}})
    .error("a and b must be alike: a is f32[2], b is f32[3]", [](Device d) {
      Generator generator(1, d);
      beta(ones({2}, kF32, d), ones({3}, kF32, d), generator);
    });

OP_SUITE(dirichlet)
    .devices(kFloating)
    .inputs({constant_in(0.05, 8)})
    .call([](const Tensors& in) {
      Generator generator = after_two_draws(in[0]);
      return Tensors{dirichlet(in[0], generator)};
    })
    .reference([](const Refs& in) {
      Ref out(in[0].shape);
      const int64_t k = in[0].shape.back();
      for (int64_t i = 0; i < out.size(); ++i) out[i] = std::exp(log_gamma_ref(2, i, in[0][i]));
      for (int64_t r = 0; r < (k == 0 ? 0 : out.size() / k); ++r) {
        double total = 0;
        for (int64_t j = 0; j < k; ++j) total += out[r * k + j];
        for (int64_t j = 0; j < k; ++j) out[r * k + j] /= total;
      }
      return Refs{out};
    })
    .tolerance(kF64, 2e-5)
    .sample({{2, 3, 5}})
    .sample({{0, 1}})
    .error("concentration needs at least one axis: concentration is f32[]", [](Device d) {
      Generator generator(1, d);
      dirichlet(ones({}, kF32, d), generator);
    });

OP_SUITE(categorical_without_replacement)
    .devices(kFloating)
    .inputs({constant_in(-3, 3)})
    .output_dtype(kI64)
    .call([](const Tensors& in) {
      Generator generator = after_two_draws(in[0]);
      return Tensors{categorical_without_replacement(in[0], (in[0].shape().back() + 1) / 2, generator)};
    })
    .reference([](const Refs& in) {
      const int64_t v = in[0].shape.back(), k = (v + 1) / 2;
      Shape shape = in[0].shape;
      shape[shape.rank() - 1] = k;
      Ref out(shape);
      for (int64_t r = 0; r < (k == 0 ? 0 : out.size() / k); ++r) {
        std::vector<std::pair<double, int64_t>> keys;
        for (int64_t j = 0; j < v; ++j) keys.emplace_back(-in[0][r * v + j] - gumbel_ref(2, r * v + j), j);
        std::sort(keys.begin(), keys.end());
        for (int64_t j = 0; j < k; ++j)
          out[r * k + j] = static_cast<double>(keys[static_cast<size_t>(j)].second);
      }
      return Refs{out};
    })
    .sample({{2, 3, 5}})
    .sample({{0, 4}})
    .sample({{3, 1}})
    .sample({{2, 101}})
    .longest(1025)
    .error("needed logits [..., V] and 0 <= k <= V: logits is f32[2], k is 3",
           [](Device d) {
             Generator generator(1, d);
             categorical_without_replacement(zeros({2}, kF32, d), 3, generator);
           })
    .value_error("row 0 of logits has a NaN or fewer than 1 values above -inf",
                 [](Device d) {
                   Generator generator(1, d);
                   categorical_without_replacement(tensor(std::vector<float>{0, NAN}, {2}, d), 1, generator);
                 })
    .value_error("row 1 of logits has a NaN or fewer than 2 values above -inf", [](Device d) {
      Generator generator(1, d);
      categorical_without_replacement(tensor(std::vector<float>{0, 0, 0, -INFINITY}, {2, 2}, d), 2,
                                      generator);
    });

}  // namespace
}  // namespace roux::testing
