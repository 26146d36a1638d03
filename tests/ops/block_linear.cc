#include "tensor/ops/block_linear.h"

#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/view.h"
#include "tests/ops/block_reference.h"

namespace roux::testing {
namespace {

// x [..., K] w [N, K]^T + bias [N].
Ref product(const Ref& x, const Ref& w, const Ref& bias) {
  const int64_t n = w.shape[0], k = w.shape[1];
  Shape shape = x.shape;
  shape[shape.rank() - 1] = n;
  Ref y(shape);
  for (int64_t i = 0; i < y.size(); ++i) {
    y[i] = bias[i % n];
    for (int64_t j = 0; j < k; ++j) y[i] += x[i / n * k + j] * w[i % n * k + j];
  }
  return y;
}
Ref transposed(const Ref& w) {
  Ref y({w.shape[1], w.shape[0]});
  for_each_index(y.shape, [&](const Dims& at) { y.at(at) = w.at({at[1], at[0]}); });
  return y;
}

void tolerances(Suite& suite) {
  suite.tolerance(kF16, 4e-3).tolerance(kBF16, 2e-2).tolerance(kF32, 2e-5).tolerance(kF64, 1e-13);
}

auto with_format(DType format) {
  return [format](Suite& suite) {
    suite.devices(kFloating)
        .inputs({Domain(), constant_in(-1, 1), Domain()})
        .call([format](const Tensors& in) {
          return Tensors{block_linear(padded(in[0], format), quantized(in[1], format), in[2])};
        })
        .reference(
            [format](const Refs& in) { return Refs{product(in[0], quantized_values(in[1], format), in[2])}; })
        .sample({{3, 5}, {4, 5}, {4}})
        .sample({{2, 3, 33}, {9, 33}, {9}})
        .sample({{0, 5}, {4, 5}, {4}})
        .sample({{2, 0}, {4, 0}, {4}})
        .sample({{1, 1}, {1, 1}, {1}})
        .sample({{8, 129}, {7, 129}, {7}})
        .sample({{17, 65}, {66, 65}, {66}})
        .accumulates(0, 1, 2)  // the bias is added to sums in f32, which are rounded once
        .additive(0, 0)
        .with(quantizes)
        .with(tolerances);
  };
}

OP_SUITE(block_linear)
    .with(with_format(kQ8_0))
    .error("inner dimensions differ: x is f32[8,127], weight is q8_0[64,4], which stands for f32[64,128]",
           [](Device d) {
             block_linear(zeros({8, 127}, kF32, d), zeros({64, 4}, kQ8_0, d));
           })
    .error("bias has the wrong shape or dtype: bias is f32[65], weight is q4_k[64,1]",
           [](Device d) {
             block_linear(zeros({8, 256}, kF32, d), zeros({64, 1}, kQ4_K, d), zeros({65}, kF32, d));
           })
    .error("wrong rank: x is f32[8,32], weight is q4_0[1]", [](Device d) {
      block_linear(zeros({8, 32}, kF32, d), zeros({1}, kQ4_0, d));
    });
OP_SUITE_VARIANT(block_linear, q4_0).with(with_format(kQ4_0)).skip("errors", "in the main entry");
OP_SUITE_VARIANT(block_linear, q4_1).with(with_format(kQ4_1)).skip("errors", "in the main entry");
OP_SUITE_VARIANT(block_linear, q5_0).with(with_format(kQ5_0)).skip("errors", "in the main entry");
OP_SUITE_VARIANT(block_linear, q5_1).with(with_format(kQ5_1)).skip("errors", "in the main entry");
OP_SUITE_VARIANT(block_linear, nf4_dq).with(with_format(kNF4_DQ)).skip("errors", "in the main entry");
OP_SUITE_VARIANT(block_linear, nf4).with(with_format(kNF4)).skip("errors", "in the main entry");

// By way of linear(), without a bias.
OP_SUITE_VARIANT(linear, of_blocks)
    .devices(kFloating)
    .inputs({Domain(), constant_in(-1, 1)})
    .call([](const Tensors& in) {
      const Tensor x = padded(in[0], kQ5_1), w = quantized(in[1], kQ5_1);
      return Tensors{linear(x, w), linear(x, w, {}, WeightDType::kAny)};
    })
    .reference([](const Refs& in) {
      const Ref y = product(in[0], quantized_values(in[1], kQ5_1), Ref({in[1].shape[0]}));
      return Refs{y, y};
    })
    .sample({{3, 5}, {4, 5}})
    .sample({{1, 1}, {1, 1}})
    .sample({{2, 0}, {4, 0}})
    .rounds_once(2e-5)
    .with(tolerances)
    .with(quantizes)
    .error("dtype is not supported: x is i32[8,32], weight is q4_0[4,1]", [](Device d) {
      linear(zeros({8, 32}, kI32, d), zeros({4, 1}, kQ4_0, d));
    });

OP_SUITE(block_linear_transposed)
    .devices(kFloating)
    .with(quantizes)
    .inputs({Domain(), constant_in(-1, 1)})
    .call([](const Tensors& in) {
      const Tensor y = block_linear_transposed(in[0], quantized(in[1], kQ4_1));
      return Tensors{slice(y, -1, 0, in[1].size(1))};
    })
    .reference([](const Refs& in) {
      return Refs{product(in[0], transposed(quantized_values(in[1], kQ4_1)), Ref({in[1].shape[1]}))};
    })
    .sample({{3, 4}, {4, 5}})
    .sample({{2, 3, 9}, {9, 33}})
    .sample({{0, 4}, {4, 5}})
    .sample({{1, 1}, {1, 1}})
    .sample({{2, 4}, {4, 0}})
    .sample({{17, 66}, {66, 65}})
    .additive(0, 0)
    .with(tolerances)
    .error("inner dimensions differ: x is f32[8,128], weight is q8_0[64,4]", [](Device d) {
      block_linear_transposed(zeros({8, 128}, kF32, d), zeros({64, 4}, kQ8_0, d));
    });

OP_SUITE_VARIANT(embedding, of_blocks)
    .devices(kF32)
    .dtypes(kF32)
    .with(quantizes)
    .inputs({constant_in(-1, 1), index_into(0, 0)})
    .call([](const Tensors& in) {
      const Tensor rows = embedding(quantized(in[0], kQ4_0), in[1]);
      return Tensors{slice(rows, -1, 0, in[0].size(1))};
    })
    .reference([](const Refs& in) {
      const Ref values = quantized_values(in[0], kQ4_0);
      const int64_t width = in[0].shape[1];
      Shape shape = in[1].shape;
      shape.push_back(width);
      Ref y(shape);
      for (int64_t i = 0; i < y.size(); ++i) {
        y[i] = values[static_cast<int64_t>(in[1][i / width]) * width + i % width];
      }
      return Refs{y};
    })
    .sample({{11, 5}, {3, 7}})
    .sample({{4, 33}, {0, 2}})
    .sample({{1, 1}, {1}})
    .tolerance(kF32, 0)
    .skip("errors", "in the main entry");

}  // namespace
}  // namespace roux::testing
