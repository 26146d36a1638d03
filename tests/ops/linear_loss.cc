#include "tensor/ops/creation.h"
#include "tensor/ops/loss.h"
#include "tests/ops/loss_reference.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

OP_SUITE(linear_cross_entropy)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .inputs({uniform_in(-1, 1), uniform_in(-1, 1), index_into(1, 0)})
    .call([](const Tensors& in) {
      return Tensors{linear_cross_entropy(in[0], in[1], in[2], {.reduction = Reduction::kSum}),
                     linear_cross_entropy(in[0], in[1], in[2], {.reduction = Reduction::kNone})};
    })
    .reference([](const Refs& in) {
      const Ref logits = projected_f64(in[0], in[1]);
      return Refs{losses_f64(logits, in[2], nullptr, -100, Reduction::kSum),
                  losses_f64(logits, in[2], nullptr, -100, Reduction::kNone)};
    })
    .sample({{4, 5}, {7, 5}, {4}})
    .sample({{1, 1}, {1, 1}, {1}})
    .sample({{0, 5}, {7, 5}, {0}})
    .sample({{3, 2, 5}, {70, 5}, {3, 2}})
    .additive(0, 0)
    .tolerance(kF32, 1e-5)
    .tolerance(kF64, 1e-13)
    .error("x and weight do not match: x is f32[4,6], weight is f32[7,5]",
           [](Device d) {
             linear_cross_entropy(zeros({4, 6}, kF32, d), zeros({7, 5}, kF32, d), zeros({4}, kI64, d));
           })
    .error("bias has the wrong spec: bias is f32[6], weight is f32[7,5], needed f32[7]",
           [](Device d) {
             linear_cross_entropy(zeros({4, 5}, kF32, d), {zeros({7, 5}, kF32, d), zeros({6}, kF32, d)},
                                  zeros({4}, kI64, d));
           })
    .error("softcap is out of range: it is 0, needed a number above 0",
           [](Device d) {
             linear_cross_entropy(zeros({4, 5}, kF32, d), {zeros({7, 5}, kF32, d), Tensor(), 0.0},
                                  zeros({4}, kI64, d));
           })
    .value_error("target is out of range: targets[1] (in row-major order) is 7", [](Device d) {
      linear_cross_entropy(zeros({2, 5}, kF32, d), zeros({7, 5}, kF32, d),
                           tensor(std::vector<int64_t>{1, 7}, {2}, d));
    });

OP_SUITE_VARIANT(linear_cross_entropy, weighted_mean)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .inputs({uniform_in(-1, 1), uniform_in(-1, 1), index_into(1, 0), constant_in(0.2, 2)})
    .call([](const Tensors& in) {
      return Tensors{linear_cross_entropy(in[0], in[1], in[2], {.ignore_index = 1, .weight = in[3]})};
    })
    .reference([](const Refs& in) {
      return Refs{losses_f64(projected_f64(in[0], in[1]), in[2], &in[3], 1, Reduction::kMean)};
    })
    .sample({{6, 5}, {7, 5}, {6}, {7}})
    .sample({{6, 1}, {7, 1}, {6}, {7}})
    .sample({{6, 0}, {7, 0}, {6}, {7}})
    .tolerance(kF32, 1e-5)
    .tolerance(kF64, 1e-13)
    .skip("errors", "in the main entry");

OP_SUITE_VARIANT(linear_cross_entropy, weighted)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .inputs({uniform_in(-1, 1), uniform_in(-1, 1), index_into(1, 0), constant_in(0.2, 2)})
    .call([](const Tensors& in) {
      Tensors out;
      for (Reduction reduction : {Reduction::kSum, Reduction::kNone})
        out.push_back(linear_cross_entropy(in[0], in[1], in[2],
                                           {.ignore_index = 1, .weight = in[3], .reduction = reduction}));
      return out;
    })
    .reference([](const Refs& in) {
      Refs out;
      for (Reduction reduction : {Reduction::kSum, Reduction::kNone})
        out.push_back(losses_f64(projected_f64(in[0], in[1]), in[2], &in[3], 1, reduction));
      return out;
    })
    .sample({{6, 5}, {7, 5}, {6}, {7}})
    .sample({{1, 5}, {7, 5}, {1}, {7}})
    .sample({{0, 5}, {7, 5}, {0}, {7}})
    .additive(0, 0)
    .tolerance(kF32, 1e-5)
    .tolerance(kF64, 1e-13)
    .skip("errors", "in the main entry");

OP_SUITE_VARIANT(linear_cross_entropy, smoothed)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .inputs({uniform_in(-1, 1), uniform_in(-1, 1), index_into(1, 0), constant_in(0.2, 2)})
    .call([](const Tensors& in) {
      Tensors out;
      for (Reduction reduction : {Reduction::kSum, Reduction::kMean, Reduction::kNone})
        out.push_back(linear_cross_entropy(
            in[0], in[1], in[2],
            {.ignore_index = 1, .weight = in[3], .reduction = reduction, .label_smoothing = 0.3}));
      return out;
    })
    .reference([](const Refs& in) {
      Refs out;
      for (Reduction reduction : {Reduction::kSum, Reduction::kMean, Reduction::kNone})
        out.push_back(losses_f64(projected_f64(in[0], in[1]), in[2], &in[3], 1, reduction, 0.3));
      return out;
    })
    .sample({{6, 5}, {7, 5}, {6}, {7}})
    .sample({{6, 1}, {7, 1}, {6}, {7}})
    .tolerance(kF32, 1e-5)
    .tolerance(kF64, 1e-13)
    .skip("errors", "in the main entry")
    .skip("zero_size", "the mean over no target is NaN");

OP_SUITE_VARIANT(linear_cross_entropy, half)
    .devices(kF32 | kBF16 | kF16)
    .dtypes(kF32 | kBF16 | kF16)
    .output_dtype(kF32)
    .inputs({uniform_in(-1, 1), uniform_in(-1, 1), index_into(1, 0)})
    .call([](const Tensors& in) { return Tensors{linear_cross_entropy(in[0], in[1], in[2])}; })
    .reference([](const Refs& in) {
      return Refs{losses_f64(projected_f64(in[0], in[1]), in[2], nullptr, -100, Reduction::kMean)};
    })
    .sample({{4, 5}, {7, 5}, {4}})
    .sample({{1, 5}, {7, 5}, {1}})
    .sample({{4, 0}, {7, 0}, {4}})
    .tolerance(kF32, 1e-5)
    .tolerance(kBF16, 1e-2)
    .tolerance(kF16, 2e-3)
    .skip("errors", "in the main entry");

// Bias and softcap, alone and together.
void projections(Suite& suite) {
  suite.inputs({uniform_in(-1, 1), uniform_in(-1, 1), uniform_in(-1, 1), index_into(1, 0)})
      .call([](const Tensors& in) {
        Tensors out;
        for (Reduction reduction : {Reduction::kSum, Reduction::kNone}) {
          const CrossEntropyOptions options{
              .ignore_index = 2, .reduction = reduction, .label_smoothing = 0.1};
          for (const OutputProjection& output :
               {OutputProjection(in[1], in[2]), {in[1], Tensor(), 0.7}, {in[1], in[2], 1.5}}) {
            out.push_back(linear_cross_entropy(in[0], output, in[3], options));
          }
        }
        return out;
      })
      .reference([](const Refs& in) {
        Refs out;
        for (Reduction reduction : {Reduction::kSum, Reduction::kNone}) {
          for (const Ref& logits :
               {projected_f64(in[0], in[1], &in[2]), projected_f64(in[0], in[1], nullptr, 0.7),
                projected_f64(in[0], in[1], &in[2], 1.5)}) {
            out.push_back(losses_f64(logits, in[3], nullptr, 2, reduction, 0.1));
          }
        }
        return out;
      })
      .sample({{4, 5}, {7, 5}, {7}, {4}})
      .sample({{1, 5}, {7, 5}, {7}, {1}})
      .sample({{0, 5}, {7, 5}, {7}, {0}})
      .sample({{3, 2, 5}, {70, 5}, {70}, {3, 2}})
      .tolerance(kF32, 1e-5)
      .tolerance(kF64, 1e-13)
      .tolerance(kBF16, 2e-2)
      .tolerance(kF16, 4e-3)
      .skip("errors", "in the main entry");
}

OP_SUITE_VARIANT(linear_cross_entropy, projected).devices(kF32 | kF64).dtypes(kF32 | kF64).with(projections);
OP_SUITE_VARIANT(linear_cross_entropy, projected_half)
    .devices(kF32 | kBF16 | kF16)
    .dtypes(kF32 | kBF16 | kF16)
    .output_dtype(kF32)
    .with(projections);

}  // namespace
}  // namespace roux::testing
