#include "tensor/ops/quantize.h"

#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"
#include "tests/ops/block_reference.h"

namespace roux::testing {
namespace {

// Rows are quantised and read again. //tests/golden:quantize_test has q4_k, q5_k and q6_k, which have no
// quantiser, and all bits of the others.
auto there_and_back(DType format) {
  return [format](Suite& suite) {
    suite.devices(kFloating)
        .inputs({constant_in(-2, 2)})
        .call([format](const Tensors& in) {
          const Tensor blocks = quantized(in[0], format);
          return Tensors{slice(dequantize(blocks, in[0].dtype()), -1, 0, in[0].size(-1))};
        })
        .reference([format](const Refs& in) { return Refs{quantized_values(in[0], format)}; })
        .sample({{3, 32}})
        .sample({{2, 5, 96}})
        .sample({{0, 32}})
        .sample({{2, 0}})
        .sample({{1, 1}})
        .sample({{7, 33}})
        .sample({{3, 257}})
        .tolerance(kF32, 0)
        .tolerance(kF64, 0)
        .tolerance(kF16, 1e-3)
        .tolerance(kBF16, 8e-3);
  };
}

OP_SUITE(quantize)
    .with(there_and_back(kQ8_0))
    .error("x is f32[2,33], q8_0 needed rows of a multiple of 32 floating values",
           [](Device d) {
             quantize(zeros({2, 33}, kF32, d), kQ8_0);
           })
    .error("x is i32[2,64], nf4 needed rows of a multiple of 64",
           [](Device d) {
             quantize(zeros({2, 64}, kI32, d), kNF4);
           })
    .error("no quantiser for q6_k",
           [](Device d) {
             quantize(zeros({2, 256}, kF32, d), kQ6_K);
           })
    .error("scales of q4_0 are not quantised again",
           [](Device d) {
             quantize(zeros({2, 64}, kF32, d), kQ4_0, Nf4Scales::kQuantized);
           })
    .value_error("values 32 to 63 of f32[2,32] are not finite or too large for a block of q8_0",
                 [](Device d) {
                   const Tensor x = zeros({2, 32}, kF32, d);
                   fill_(slice(slice(x, 0, 1, 2), 1, 3, 4), INFINITY);
                   quantize(x, kQ8_0);
                 })
    .value_error("too large for a block of q4_1",
                 [](Device d) { quantize(full({32}, 1e5, kF32, d), kQ4_1); });

OP_SUITE_VARIANT(quantize, q4_0).with(there_and_back(kQ4_0)).skip("errors", "in the main entry");
OP_SUITE_VARIANT(quantize, q4_1).with(there_and_back(kQ4_1)).skip("errors", "in the main entry");
OP_SUITE_VARIANT(quantize, q5_0).with(there_and_back(kQ5_0)).skip("errors", "in the main entry");
OP_SUITE_VARIANT(quantize, nf4).with(there_and_back(kNF4)).skip("errors", "in the main entry");

OP_SUITE_VARIANT(quantize, nf4_dq).with(there_and_back(kNF4_DQ)).skip("errors", "in the main entry");

OP_SUITE(dequantize)
    .with(there_and_back(kQ5_1))
    .with(quantizes)
    .error("x is f32[2,3], the result is f32, needed blocks [..., N] and a floating dtype",
           [](Device d) {
             dequantize(zeros({2, 3}, kF32, d));
           })
    .error("x is q6_k[2,3], the result is i32", [](Device d) {
      dequantize(zeros({2, 3}, kQ6_K, d), kI32);
    });

}  // namespace
}  // namespace roux::testing
