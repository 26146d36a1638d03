#include "tensor/ops/loss.h"

#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tests/ops/loss_reference.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

// Sums and unreduced losses for each input; the mean has no value without rows, so it has its own entry.
Tensors both(const Tensor& logits, const Tensor& targets) {
  return {cross_entropy(logits, targets, {.reduction = Reduction::kSum}),
          cross_entropy(logits, targets, {.reduction = Reduction::kNone})};
}

OP_SUITE(cross_entropy)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .inputs({uniform_in(-4, 4), index_into(0, 1)})
    .call([](const Tensors& in) { return both(in[0], in[1]); })
    .reference([](const Refs& in) {
      return Refs{losses_f64(in[0], in[1], nullptr, -100, Reduction::kSum),
                  losses_f64(in[0], in[1], nullptr, -100, Reduction::kNone)};
    })
    .sample({{4, 7}, {4}})
    .sample({{1, 1}, {1}})
    .sample({{0, 7}, {0}})
    .sample({{3, 1025}, {3}})
    .additive(0, 0)
    .shift_invariant()
    .tolerance(kF32, 1e-5)
    .tolerance(kF64, 1e-13)
    .error("shapes do not match: logits is f32[4,7], targets is i64[5]",
           [](Device d) {
             cross_entropy(zeros({4, 7}, kF32, d), zeros({5}, kI64, d));
           })
    .error("dtype is not supported: logits is f32[4,7], targets is f32[4]",
           [](Device d) {
             cross_entropy(zeros({4, 7}, kF32, d), zeros({4}, kF32, d));
           })
    .error("weight has the wrong spec: weight is f32[6], logits is f32[4,7], needed f32[7]",
           [](Device d) {
             cross_entropy(zeros({4, 7}, kF32, d), zeros({4}, kI64, d), {.weight = zeros({6}, kF32, d)});
           })
    .value_error(
        "target is out of range: targets[2] (in row-major order) is 9, needed 0 <= target < 7", [](Device d) {
          cross_entropy(zeros({4, 7}, kF32, d), tensor(std::vector<int64_t>{1, -100, 9, -1}, {4}, d));
        });

OP_SUITE_VARIANT(cross_entropy, half)
    .devices(kF32 | kBF16 | kF16)
    .dtypes(kF32 | kBF16 | kF16)
    .output_dtype(kF32)
    .inputs({uniform_in(-4, 4), index_into(0, 1)})
    .call([](const Tensors& in) { return both(in[0], in[1]); })
    .reference([](const Refs& in) {
      return Refs{losses_f64(in[0], in[1], nullptr, -100, Reduction::kSum),
                  losses_f64(in[0], in[1], nullptr, -100, Reduction::kNone)};
    })
    .sample({{4, 7}, {4}})
    .sample({{1, 1}, {1}})
    .sample({{0, 7}, {0}})
    .accumulates(0, 1)
    .shift_invariant()
    .tolerance(kF32, 1e-5)
    .tolerance(kBF16, 1e-5)
    .tolerance(kF16, 1e-5)
    .skip("errors", "in the main entry");

// Mean over weighted targets of which some are ignored; targets have two axes.
OP_SUITE_VARIANT(cross_entropy, weighted_mean)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .inputs({uniform_in(-4, 4), index_into(0, 2), constant_in(0.2, 2)})
    .call([](const Tensors& in) {
      return Tensors{cross_entropy(in[0], in[1], {.ignore_index = 2, .weight = in[2]})};
    })
    .reference([](const Refs& in) { return Refs{losses_f64(in[0], in[1], &in[2], 2, Reduction::kMean)}; })
    .sample({{3, 4, 9}, {3, 4}, {9}})
    .sample({{1, 4, 9}, {1, 4}, {9}})
    .shift_invariant()
    .tolerance(kF32, 1e-5)
    .tolerance(kF64, 1e-13)
    .skip("zero_size", "the mean over no target is NaN")
    .skip("errors", "in the main entry");

// The other reductions with class weights (one of them 0 and one 1) and an ignored class.
OP_SUITE_VARIANT(cross_entropy, weighted)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .inputs({uniform_in(-4, 4), index_into(0, 1), constant_in(0.2, 2)})
    .call([](const Tensors& in) {
      Tensors out;
      for (const Tensor& weight : {in[2], in[2] * 0.0, ones_like(in[2])}) {
        for (Reduction reduction : {Reduction::kSum, Reduction::kNone})
          out.push_back(
              cross_entropy(in[0], in[1], {.ignore_index = 1, .weight = weight, .reduction = reduction}));
      }
      return out;
    })
    .reference([](const Refs& in) {
      Refs out;
      const Ref none(in[2].shape, 0), one(in[2].shape, 1);
      for (const Ref* weight : {&in[2], &none, &one}) {
        for (Reduction reduction : {Reduction::kSum, Reduction::kNone})
          out.push_back(losses_f64(in[0], in[1], weight, 1, reduction));
      }
      return out;
    })
    .sample({{4, 7}, {4}, {7}})
    .sample({{1, 7}, {1}, {7}})
    .sample({{0, 7}, {0}, {7}})
    .additive(0, 0)
    .tolerance(kF32, 1e-5)
    .tolerance(kF64, 1e-13)
    .skip("errors", "in the main entry");

// A little, with ignored targets, and nothing but smoothing.
void smoothed(Suite& suite) {
  suite.inputs({uniform_in(-4, 4), index_into(0, 1)})
      .call([](const Tensors& in) {
        return Tensors{
            cross_entropy(in[0], in[1], {.reduction = Reduction::kSum, .label_smoothing = 0.1}),
            cross_entropy(in[0], in[1],
                          {.ignore_index = 1, .reduction = Reduction::kNone, .label_smoothing = 0.3}),
            cross_entropy(in[0], in[1], {.reduction = Reduction::kNone, .label_smoothing = 1})};
      })
      .reference([](const Refs& in) {
        return Refs{losses_f64(in[0], in[1], nullptr, -100, Reduction::kSum, 0.1),
                    losses_f64(in[0], in[1], nullptr, 1, Reduction::kNone, 0.3),
                    losses_f64(in[0], in[1], nullptr, -100, Reduction::kNone, 1)};
      })
      .sample({{4, 7}, {4}})
      .sample({{1, 1}, {1}})
      .sample({{0, 7}, {0}})
      .shift_invariant()
      .tolerance(kF32, 1e-5)
      .tolerance(kF64, 1e-13)
      .tolerance(kBF16, 1e-5)
      .tolerance(kF16, 1e-5);
}

OP_SUITE_VARIANT(cross_entropy, smoothed)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .with(smoothed)
    .sample({{3, 1025}, {3}})
    .error("label_smoothing is out of range: label_smoothing is 1.5, needed 0 <= label_smoothing <= 1",
           [](Device d) {
             cross_entropy(zeros({4, 7}, kF32, d), zeros({4}, kI64, d), {.label_smoothing = 1.5});
           });

OP_SUITE_VARIANT(cross_entropy, smoothed_half)
    .devices(kF32 | kBF16 | kF16)
    .dtypes(kF32 | kBF16 | kF16)
    .output_dtype(kF32)
    .with(smoothed)
    .accumulates(0, 1)
    .skip("errors", "in the main entry");

OP_SUITE_VARIANT(cross_entropy, smoothed_weighted)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .inputs({uniform_in(-4, 4), index_into(0, 2), constant_in(0.2, 2)})
    .call([](const Tensors& in) {
      return Tensors{
          cross_entropy(in[0], in[1], {.ignore_index = 2, .weight = in[2], .label_smoothing = 0.2}),
          cross_entropy(in[0], in[1],
                        {.weight = in[2], .reduction = Reduction::kNone, .label_smoothing = 0.6})};
    })
    .reference([](const Refs& in) {
      return Refs{losses_f64(in[0], in[1], &in[2], 2, Reduction::kMean, 0.2),
                  losses_f64(in[0], in[1], &in[2], -100, Reduction::kNone, 0.6)};
    })
    .sample({{3, 4, 9}, {3, 4}, {9}})
    .sample({{1, 4, 9}, {1, 4}, {9}})
    .shift_invariant()
    .tolerance(kF32, 1e-5)
    .tolerance(kF64, 1e-13)
    .skip("zero_size", "the mean over no target is NaN")
    .skip("errors", "in the main entry");

}  // namespace
}  // namespace roux::testing
