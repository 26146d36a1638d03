// Op-suite entries of the reduce family.
#include "tensor/ops/reduce.h"

#include <algorithm>

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

OP_SUITE(logsumexp)
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
    .dtypes(kFloating | kI32 | kI64)
    .inputs({constant_in(-4, 4)})
    .call([](const Tensors& in) {
      return Tensors{argmax(in[0], 1), argmax(in[0], -1, true)};
    })
    .reference([](const Refs& in) {
      Refs out;
      for (int axis : {1, 2}) {
        const Ref& x = in[0];
        Shape kept = x.shape;
        kept[axis] = 1;
        Ref best(kept);
        for_each_index(kept, [&](const Dims& index) {
          Dims at = index, top = index;
          for (at[axis] = 1; at[axis] < x.shape[axis]; ++at[axis]) {
            if (!std::isnan(x.at(top)) && (x.at(at) > x.at(top) || std::isnan(x.at(at)))) top = at;
          }
          best.at(index) = static_cast<double>(top[axis]);
        });
        if (axis == 1) best.shape.erase(1);
        out.push_back(best);
      }
      return out;
    })
    .with(nonempty_samples)
    .special_values()
    .output_dtype(kI64)
    .error("axis 1 is empty: x is f32[2,0]", [](Device d) {
      argmax(zeros({2, 0}, kF32, d), 1);
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
