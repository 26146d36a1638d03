// Op-suite entries of the random family: draws against Philox 4x32-10 and Box-Muller written out again in
// f64.
#include "tensor/ops/random.h"

#include "tensor/ops/creation.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

constexpr uint64_t kSeed = 0x123456789abcdefu;

uint32_t word(uint64_t offset, int64_t element) {
  uint64_t c[4] = {static_cast<uint64_t>(element / 4) & 0xffffffffu, static_cast<uint64_t>(element / 4) >> 32,
                   offset & 0xffffffffu, offset >> 32};
  uint64_t k0 = kSeed & 0xffffffffu, k1 = kSeed >> 32;
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = 0xD2511F53u * c[0], b = 0xCD9E8D57u * c[2];
    const uint64_t next[4] = {(b >> 32) ^ c[1] ^ k0, b & 0xffffffffu, (a >> 32) ^ c[3] ^ k1, a & 0xffffffffu};
    std::copy(next, next + 4, c);
    k0 = (k0 + 0x9E3779B9u) & 0xffffffffu;
    k1 = (k1 + 0xBB67AE85u) & 0xffffffffu;
  }
  return static_cast<uint32_t>(c[element % 4]);
}
double u01(uint64_t offset, int64_t element) { return (word(offset, element) >> 8) * 0x1p-24; }

// A generator on x's device (on meta the state stays on the CPU) after two draws.
Generator after_two_draws(const Tensor& x) {
  Generator generator(kSeed, x.device());
  generator.set_state({kSeed, 2});
  return generator;
}

const auto shapes = [](Suite& suite) {
  suite.inputs({constant_in(0, 1)}).sample({{3, 5}}).sample({{0, 4}}).sample({{1}}).sample({{70001}});
};

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

}  // namespace
}  // namespace roux::testing
