// Op-suite entries of the reduce family.
#include "tensor/ops/reduce.h"

#include <algorithm>
#include <functional>

#include "tensor/ops/creation.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

// Folds x over the axes whose bit is set in `mask`: out = finish(fold of (accumulator, value), count).
Ref fold(const Ref& x, uint32_t mask, bool keepdim, double start,
         const std::function<double(double, double)>& fn,
         const std::function<double(double, double)>& finish) {
  Shape kept = x.shape, result;
  double count = 1;
  for (int i = 0; i < x.shape.rank(); ++i) {
    if (mask >> i & 1u) {
      kept[i] = 1;
      count *= static_cast<double>(x.shape[i]);
    }
    if (keepdim || !(mask >> i & 1u)) result.push_back(kept[i]);
  }
  Ref out(kept, start);
  for_each_index(x.shape, [&](const Dims& index) {
    Dims to = index;
    for (int i = 0; i < to.rank(); ++i) to[i] = kept[i] == 1 ? 0 : to[i];
    out.at(to) = fn(out.at(to), x.at(index));
  });
  for (double& v : out.v) v = finish(v, count);
  out.shape = result;
  return out;
}
Ref sum_f64(const Ref& x, uint32_t mask, bool keepdim) {
  return fold(
      x, mask, keepdim, 0, [](double a, double v) { return a + v; }, [](double a, double) { return a; });
}
Ref mean_f64(const Ref& x, uint32_t mask, bool keepdim) {
  return fold(
      x, mask, keepdim, 0, [](double a, double v) { return a + v; },
      [](double a, double n) { return a / n; });
}
Ref amax_f64(const Ref& x, uint32_t mask, bool keepdim) {
  return fold(
      x, mask, keepdim, -INFINITY,
      [](double a, double v) { return std::isnan(a) || std::isnan(v) ? std::nan("") : std::max(a, v); },
      [](double a, double) { return a; });
}
Ref amin_f64(const Ref& x, uint32_t mask, bool keepdim) {
  return fold(
      x, mask, keepdim, INFINITY,
      [](double a, double v) { return std::isnan(a) || std::isnan(v) ? std::nan("") : std::min(a, v); },
      [](double a, double) { return a; });
}
Ref prod_f64(const Ref& x, uint32_t mask, bool keepdim) {
  return fold(
      x, mask, keepdim, 1, [](double a, double v) { return a * v; }, [](double a, double) { return a; });
}
Ref count_f64(const Ref& x, uint32_t mask, bool keepdim,
              const std::function<double(double, double)>& finish) {
  return fold(
      x, mask, keepdim, 0, [](double a, double v) { return a + (v != 0 ? 1 : 0); }, finish);
}
Ref var_f64(const Ref& x, uint32_t mask, bool keepdim, double correction) {
  const Ref mean = mean_f64(x, mask, true);
  Ref squares(x.shape);
  for_each_index(x.shape, [&](const Dims& index) {
    const double centred = x.at(index) - broadcast_at(mean, index);
    squares.at(index) = centred * centred;
  });
  return fold(
      squares, mask, keepdim, 0, [](double a, double v) { return a + v; },
      [=](double a, double n) { return a / std::max(0.0, n - correction); });
}
Ref root(Ref x) {
  for (double& v : x.v) v = std::sqrt(v);
  return x;
}
// The first best element along an axis; NaN is best of all.
Ref arg_f64(const Ref& x, int axis, bool keepdim, const std::function<bool(double, double)>& better) {
  Shape kept = x.shape;
  kept[axis] = 1;
  Ref best(kept);
  for_each_index(kept, [&](const Dims& index) {
    Dims at = index, top = index;
    for (at[axis] = 1; at[axis] < x.shape[axis]; ++at[axis]) {
      if (!std::isnan(x.at(top)) && (better(x.at(at), x.at(top)) || std::isnan(x.at(at)))) top = at;
    }
    best.at(index) = static_cast<double>(top[axis]);
  });
  if (!keepdim) best.shape.erase(axis);
  return best;
}
Ref logsumexp_f64(const Ref& x, uint32_t mask, bool keepdim) {
  const double top = x.size() == 0 ? 0 : *std::max_element(x.v.begin(), x.v.end());
  return fold(
      x, mask, keepdim, 0, [=](double a, double v) { return a + std::exp(v - top); },
      [=](double a, double) { return top + std::log(a); });
}

const auto samples = [](Suite& suite) {
  suite.sample({{3, 5, 2}})
      .sample({{1, 1037, 3}})
      .sample({{4, 1, 0}})
      .sample({{0, 3, 2}})
      .sample({{2, 70, 130}});
};
const auto nonempty_samples = [](Suite& suite) {
  suite.sample({{3, 5, 2}}).sample({{1, 1037, 3}}).sample({{0, 3, 2}}).sample({{2, 70, 130}});
};

OP_SUITE(sum)
    .devices(kFloating | kI32 | kI64)
    .dtypes(kFloating | kI32 | kI64)
    .call([](const Tensors& in) {
      return Tensors{sum(in[0]), sum(in[0], -1), sum(in[0], {0, 2}, true), sum(in[0], {0, 1})};
    })
    .reference([](const Refs& in) {
      return Refs{sum_f64(in[0], 7, false), sum_f64(in[0], 4, false), sum_f64(in[0], 5, true),
                  sum_f64(in[0], 3, false)};
    })
    .with(samples)
    .accumulates(0, 0)
    .accumulates(0, 1)
    .accumulates(0, 2)
    .additive(0, 0)
    .additive(0, 1)
    .additive(0, 2)
    .rounds_once(1e-4)
    .tolerance(kF32, 1e-4)  // 18000 terms that cancel
    .tolerance(kBF16, 3e-2)
    .error("sum: axis 3 is out of range for rank 3: x is f32[2,3,4]",
           [](Device d) {
             sum(zeros({2, 3, 4}, kF32, d), 3);
           })
    .error("axis -1 is named twice: x is f32[2,3]", [](Device d) {
      sum(zeros({2, 3}, kF32, d), {1, -1});
    });

OP_SUITE(mean)
    .devices(kFloating)
    .call([](const Tensors& in) {
      return Tensors{mean(in[0], 1), mean(in[0], {1, 2}, true)};
    })
    .reference([](const Refs& in) {
      return Refs{mean_f64(in[0], 2, false), mean_f64(in[0], 6, true)};
    })
    .with(nonempty_samples)
    .accumulates(0, 1)
    .accumulates(0, 2)
    .rounds_once(1e-6)
    .error("dtype is not supported: x is i64[2], needed a floating dtype",
           [](Device d) { mean(zeros({2}, kI64, d)); });

OP_SUITE_VARIANT(mean, all)
    .devices(kFloating)
    .call([](const Tensors& in) { return Tensors{mean(in[0])}; })
    .reference([](const Refs& in) { return Refs{mean_f64(in[0], 7, false)}; })
    .sample({{3, 5, 2}})
    .sample({{1, 1037, 3}})
    .accumulates(0, 2)
    .skip("zero_size", "the mean of nothing is NaN: tensor/cpu/reduce_test.cc")
    .skip("errors", "the default entry has them");

OP_SUITE(amax)
    .devices(kFloating | kI32 | kI64)
    .dtypes(kFloating | kI32 | kI64)
    .call([](const Tensors& in) {
      return Tensors{amax(in[0], 1), amax(in[0], {2, 1}, true)};
    })
    .reference([](const Refs& in) {
      return Refs{amax_f64(in[0], 2, false), amax_f64(in[0], 6, true)};
    })
    .with(nonempty_samples)
    .special_values()
    .error("axis 1 is empty: x is f32[2,0]", [](Device d) {
      amax(zeros({2, 0}, kF32, d));
    });

OP_SUITE(amin)
    .devices(kFloating | kI32 | kI64)
    .dtypes(kFloating | kI32 | kI64)
    .call([](const Tensors& in) {
      return Tensors{amin(in[0], 1), amin(in[0], {2, 1}, true)};
    })
    .reference([](const Refs& in) {
      return Refs{amin_f64(in[0], 2, false), amin_f64(in[0], 6, true)};
    })
    .with(nonempty_samples)
    .special_values()
    .error("amin: axis 1 is empty: x is f32[2,0]", [](Device d) {
      amin(zeros({2, 0}, kF32, d));
    });

OP_SUITE(prod)
    .devices(kFloating)
    .inputs({uniform_in(0.9, 1.1)})
    .call([](const Tensors& in) {
      return Tensors{prod(in[0]), prod(in[0], -1), prod(in[0], {0, 2}, true), prod(in[0], {0, 1})};
    })
    .reference([](const Refs& in) {
      return Refs{prod_f64(in[0], 7, false), prod_f64(in[0], 4, false), prod_f64(in[0], 5, true),
                  prod_f64(in[0], 3, false)};
    })
    .with(samples)
    .rounds_once(1e-4)
    .tolerance(kF32, 1e-4)  // 18000 factors
    .error("prod: axis 3 is out of range for rank 3: x is f32[2,3,4]", [](Device d) {
      prod(zeros({2, 3, 4}, kF32, d), 3);
    });
OP_SUITE_VARIANT(prod, integers)
    .devices(kI32 | kI64)
    .dtypes(kI32 | kI64)
    .inputs({uniform_in(-2, 2)})
    .call([](const Tensors& in) { return Tensors{prod(in[0], 1)}; })
    .reference([](const Refs& in) { return Refs{prod_f64(in[0], 2, false)}; })
    .sample({{3, 5, 2}})
    .sample({{1, 0, 2}})
    .skip("thresholds", "i64 wraps")
    .skip("errors", "the default entry has them");

OP_SUITE(var)
    .devices(kFloating)
    .call([](const Tensors& in) {
      return Tensors{var(in[0], 1), var(in[0], {1, 2}, true, 0), var(in[0], -2, false, 0.5)};
    })
    .reference([](const Refs& in) {
      return Refs{var_f64(in[0], 2, false, 1), var_f64(in[0], 6, true, 0), var_f64(in[0], 2, false, 0.5)};
    })
    .with(nonempty_samples)
    .accumulates(0, 1)
    .accumulates(0, 2)
    .rounds_once(1e-5)
    .shift_invariant()
    .error("dtype is not supported: x is i64[2], needed a floating dtype",
           [](Device d) { var(zeros({2}, kI64, d)); });
OP_SUITE(std)
    .devices(kFloating)
    .call([](const Tensors& in) {
      return Tensors{std(in[0], 1), std(in[0], {1, 2}, true, 0), std(in[0], -2, false, 0.5)};
    })
    .reference([](const Refs& in) {
      return Refs{root(var_f64(in[0], 2, false, 1)), root(var_f64(in[0], 6, true, 0)),
                  root(var_f64(in[0], 2, false, 0.5))};
    })
    .with(nonempty_samples)
    .accumulates(0, 1)
    .accumulates(0, 2)
    .rounds_once(1e-5)
    .shift_invariant()
    .error("dtype is not supported: x is i64[2], needed a floating dtype",
           [](Device d) { std(zeros({2}, kI64, d)); });
OP_SUITE_VARIANT(var, all)
    .devices(kFloating)
    .call([](const Tensors& in) {
      return Tensors{var(in[0]), std(in[0])};
    })
    .reference([](const Refs& in) {
      const Ref variance = var_f64(in[0], 7, false, 1);
      return Refs{variance, root(variance)};
    })
    .sample({{3, 5, 2}})
    .sample({{1, 37, 3}})
    .skip("zero_size", "that of nothing is NaN")
    .skip("errors", "the default entry has them");

const auto truth_samples = [](Suite& suite) {
  suite.devices(kF32).dtypes(kF32).inputs({booleans()}).output_dtype(kBool);
  suite.sample({{3, 2, 5}}).sample({{1, 3, 2}}).sample({{0, 3, 2}});
};
OP_SUITE(any)
    .with(truth_samples)
    .call([](const Tensors& in) {
      return Tensors{any(in[0], 1), any(in[0], {0, 2}, true), any(in[0])};
    })
    .reference([](const Refs& in) {
      const auto some = [](double count, double) { return double(count > 0); };
      return Refs{count_f64(in[0], 2, false, some), count_f64(in[0], 5, true, some),
                  count_f64(in[0], 7, false, some)};
    })
    .error("any: axis 1 is out of range for rank 1: x is bool[2]",
           [](Device d) { any(zeros({2}, kBool, d), 1); });
OP_SUITE(all)
    .with(truth_samples)
    .call([](const Tensors& in) {
      return Tensors{all(in[0], 1), all(in[0], {0, 2}, true), all(in[0])};
    })
    .reference([](const Refs& in) {
      const auto every = [](double count, double n) { return double(count == n); };
      return Refs{count_f64(in[0], 2, false, every), count_f64(in[0], 5, true, every),
                  count_f64(in[0], 7, false, every)};
    })
    .error("all: axis 1 is out of range for rank 1: x is bool[2]",
           [](Device d) { all(zeros({2}, kBool, d), 1); });

OP_SUITE(logsumexp)
    .devices(kFloating)
    .call([](const Tensors& in) {
      return Tensors{logsumexp(in[0], 1), logsumexp(in[0], {1, 2}, true)};
    })
    .reference([](const Refs& in) {
      return Refs{logsumexp_f64(in[0], 2, false), logsumexp_f64(in[0], 6, true)};
    })
    .with(nonempty_samples)
    .accumulates(0, 1)
    .accumulates(0, 2)
    .shift_invariant()
    .error("dtype is not supported: x is i64[2], needed a floating dtype",
           [](Device d) { logsumexp(zeros({2}, kI64, d)); });

OP_SUITE_VARIANT(logsumexp, all)
    .devices(kFloating)
    .call([](const Tensors& in) {
      return Tensors{logsumexp(in[0]), logsumexp(in[0], 0)};
    })
    .reference([](const Refs& in) {
      return Refs{logsumexp_f64(in[0], 7, false), logsumexp_f64(in[0], 1, false)};
    })
    .sample({{3, 5, 2}})
    .sample({{1, 1037, 3}})
    .accumulates(0, 0)
    .shift_invariant()
    .skip("zero_size", "that of nothing is -inf: tensor/cpu/reduce_test.cc")
    .skip("errors", "the default entry has them");

OP_SUITE(argmax)
    .devices(kFloating | kI32 | kI64)
    .dtypes(kFloating | kI32 | kI64)
    .inputs({constant_in(-4, 4)})
    .call([](const Tensors& in) {
      return Tensors{argmax(in[0], 1), argmax(in[0], -1, true)};
    })
    .reference([](const Refs& in) {
      return Refs{arg_f64(in[0], 1, false, std::greater<double>()),
                  arg_f64(in[0], 2, true, std::greater<double>())};
    })
    .with(nonempty_samples)
    .special_values()
    .output_dtype(kI64)
    .error("argmax: axis 1 is empty: x is f32[2,0]", [](Device d) {
      argmax(zeros({2, 0}, kF32, d), 1);
    });
OP_SUITE(argmin)
    .devices(kFloating | kI32 | kI64)
    .dtypes(kFloating | kI32 | kI64)
    .inputs({constant_in(-4, 4)})
    .call([](const Tensors& in) {
      return Tensors{argmin(in[0], 1), argmin(in[0], -1, true)};
    })
    .reference([](const Refs& in) {
      return Refs{arg_f64(in[0], 1, false, std::less<double>()),
                  arg_f64(in[0], 2, true, std::less<double>())};
    })
    .with(nonempty_samples)
    .special_values()
    .output_dtype(kI64)
    .error("argmin: axis 1 is empty: x is f32[2,0]", [](Device d) {
      argmin(zeros({2, 0}, kF32, d), 1);
    });

OP_SUITE(sum_to)
    .devices(kFloating)
    .call([](const Tensors& in) {
      return Tensors{sum_to(in[0], {in[0].size(1), 1}), sum_to(in[0], {1, in[0].size(1), in[0].size(2)}),
                     sum_to(in[0], {})};
    })
    .reference([](const Refs& in) {
      Refs out{sum_f64(in[0], 5, true), sum_f64(in[0], 1, true), sum_f64(in[0], 7, false)};
      out[0].shape.erase(0);
      return out;
    })
    .with(samples)
    .accumulates(0, 0)
    .accumulates(0, 2)
    .additive(0, 0)
    .additive(0, 1)
    .tolerance(kF32, 1e-4)
    .tolerance(kBF16, 3e-2)
    .error("shape does not broadcast to x: x is f32[2,3], asked for [2]", [](Device d) {
      sum_to(zeros({2, 3}, kF32, d), {2});
    });

}  // namespace
}  // namespace roux::testing
