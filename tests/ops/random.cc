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
    .devices(kF32)
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

}  // namespace
}  // namespace roux::testing
