// Op-suite entries of the random family: draws against Philox 4x32-10 and Box-Muller written out again in
// f64. random_laws.cc has the other laws.
#include "tensor/ops/creation.h"
#include "tests/ops/random_reference.h"

namespace roux::testing {
namespace {

OP_SUITE(uniform)
    .devices(kFloating)
    .with(shapes)
    .call([](const Tensors& in) {
      Generator generator = after_two_draws(in[0]);
      return Tensors{uniform(in[0].shape(), -1, 3, generator, in[0].dtype()),
                     uniform(in[0].shape(), 0, 1, generator, in[0].dtype())};
    })
    .reference([](const Refs& in) {
      Refs out{Ref(in[0].shape), Ref(in[0].shape)};
      for (int64_t i = 0; i < in[0].size(); ++i) {
        out[0][i] = -1 + 4 * u01(2, i);
        out[1][i] = u01(3, i);
      }
      return out;
    })
    .error("low is 2, high is 1, needed low <= high",
           [](Device d) {
             Generator generator(1, d);
             uniform({2}, 2, 1, generator);
           })
    .error("no bf16 is in [low, high): low is 1.001, high is 1.002",
           [](Device d) {
             Generator generator(1, d);
             uniform({2}, 1.001, 1.002, generator, kBF16);
           })
    .error("dtype must be floating, got i64", [](Device d) {
      Generator generator(1, d);
      uniform({2}, 0, 1, generator, kI64);
    });

OP_SUITE(normal)
    .devices(kFloating)
    .with(shapes)
    .call([](const Tensors& in) {
      Generator generator = after_two_draws(in[0]);
      return Tensors{normal(in[0].shape(), 0.5, 2, generator, in[0].dtype())};
    })
    .reference([](const Refs& in) {
      Ref out(in[0].shape);
      for (int64_t i = 0; i < out.size(); ++i) {
        const int64_t first = i / 2 * 2;
        const double u = u01(2, first) + 0x1p-24, angle = 2 * M_PI * u01(2, first + 1);
        const double radius = std::sqrt(-2 * std::log(u));
        out[i] = 0.5 + 2 * radius * (i % 2 == 0 ? std::cos(angle) : std::sin(angle));
      }
      return Refs{out};
    })
    .tolerance(kF64, 2e-5)  // values are made in f32
    .error("mean is nan, needed a finite one",
           [](Device d) {
             Generator generator(1, d);
             normal({2}, std::nan(""), 1, generator);
           })
    .error("std is -1, needed at least 0", [](Device d) {
      Generator generator(1, d);
      normal({2}, 0, -1, generator);
    });

OP_SUITE(categorical)
    .devices(kFloating)
    .inputs({constant_in(-3, 3)})
    .call([](const Tensors& in) {
      Generator generator = after_two_draws(in[0]);
      return Tensors{categorical(in[0], generator)};
    })
    .reference([](const Refs& in) {
      Shape shape = in[0].shape;
      const int64_t v = shape.back();
      shape.erase(shape.rank() - 1);
      Ref out(shape);
      for (int64_t r = 0; r < out.size(); ++r) {
        double total = 0, sum = 0;
        for (int64_t i = 0; i < v; ++i) total += std::exp(in[0][r * v + i]);
        int64_t i = 0;
        while (i + 1 < v && (sum += std::exp(in[0][r * v + i])) <= u01(2, r) * total) ++i;
        out[r] = static_cast<double>(i);
      }
      return Refs{out};
    })
    .output_dtype(kI64)
    .sample({{2, 3, 5}})
    .sample({{0, 4}})
    .sample({{129, 1}})
    .sample({{7, 1037}})
    .error("logits must be floating [..., V] with V > 0: logits is f32[2,0]",
           [](Device d) {
             Generator generator(1, d);
             categorical(zeros({2, 0}, kF32, d), generator);
           })
    .value_error("row 0 of logits has no finite largest element: -inf", [](Device d) {
      Generator generator(1, d);
      categorical(full({2, 3}, -INFINITY, kF32, d), generator);
    });

OP_SUITE(dropout)
    .devices(kFloating)
    .call([](const Tensors& in) {
      Generator generator = after_two_draws(in[0]);
      return Tensors{dropout(in[0], 0.25, generator)};
    })
    .reference([](const Refs& in) {
      Ref out(in[0].shape);
      for (int64_t i = 0; i < out.size(); ++i) out[i] = u01(2, i) >= 0.25 ? in[0][i] / 0.75 : 0;
      return Refs{out};
    })
    .sample({{3, 5}})
    .sample({{0, 4}})
    .sample({{1, 9001}})
    .rounds_once()
    .error("p is 1, needed 0 <= p < 1", [](Device d) {
      Generator generator(1, d);
      dropout(zeros({2}, kF32, d), 1, generator);
    });

uint64_t wide_word(uint64_t offset, int64_t element) {
  return word(offset, 2 * element) | uint64_t{word(offset, 2 * element + 1)} << 32;
}

OP_SUITE(randint)
    .devices(kF32)
    .dtypes(kF32)
    .with(shapes)
    .call([](const Tensors& in) {
      Generator generator = after_two_draws(in[0]);
      return Tensors{randint(in[0].shape(), -5, 12, generator, kI32),
                     randint(in[0].shape(), -(int64_t{1} << 40), 3, generator)};
    })
    .reference([](const Refs& in) {
      Refs out{Ref(in[0].shape), Ref(in[0].shape)};
      for (int64_t i = 0; i < in[0].size(); ++i) {
        const long double unit = 0x1p-64L;
        out[0][i] =
            -5 + static_cast<double>(std::floor(static_cast<long double>(wide_word(2, i)) * unit * 17));
        const long double count = 0x1p40L + 3;
        out[1][i] = static_cast<double>(std::floor(static_cast<long double>(wide_word(3, i)) * unit * count) -
                                        0x1p40L);
      }
      return out;
    })
    .error("low is 3, high is 3, needed low < high, both of i64",
           [](Device d) {
             Generator generator(1, d);
             randint({2}, 3, 3, generator);
           })
    .error("low is 0, high is 2147483649, needed low < high, both of i32",
           [](Device d) {
             Generator generator(1, d);
             randint({2}, 0, (int64_t{1} << 31) + 1, generator, kI32);
           })
    .error("dtype must be i32 or i64, got f32", [](Device d) {
      Generator generator(1, d);
      randint({2}, 0, 1, generator, kF32);
    });

OP_SUITE(randperm)
    .dtypes(kF32)
    .inputs({constant_in(0, 1)})
    .call([](const Tensors& in) {
      Generator generator = after_two_draws(in[0]);
      return Tensors{randperm(in[0].size(0), generator)};
    })
    .reference([](const Refs& in) {
      std::vector<int64_t> order(in[0].v.size());
      for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
      std::sort(order.begin(), order.end(),
                [](int64_t a, int64_t b) { return wide_word(2, a) < wide_word(2, b); });
      Ref out(in[0].shape);
      for (size_t i = 0; i < order.size(); ++i) out.v[i] = static_cast<double>(order[i]);
      return Refs{out};
    })
    .sample({{1037}})
    .sample({{1}})
    .sample({{0}})
    .error("n is -1, needed at least 0", [](Device d) {
      Generator generator(1, d);
      randperm(-1, generator);
    });

OP_SUITE(bernoulli)
    .devices(kFloating)
    .with(shapes)
    .inputs({constant_in(-0.2, 1.2)})
    .call([](const Tensors& in) {
      Generator generator = after_two_draws(in[0]);
      return Tensors{bernoulli(in[0], generator)};
    })
    .reference([](const Refs& in) {
      Ref out(in[0].shape);
      for (int64_t i = 0; i < out.size(); ++i) out[i] = u01(2, i) < in[0][i] ? 1 : 0;
      return Refs{out};
    })
    .error("p must be floating: p is i64[2]", [](Device d) {
      Generator generator(1, d);
      bernoulli(zeros({2}, kI64, d), generator);
    });

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
    suite.with(shapes)
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
