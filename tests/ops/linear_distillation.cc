#include "tensor/ops/creation.h"
#include "tests/ops/distillation_reference.h"
#include "tests/ops/loss_reference.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

OP_SUITE(linear_distillation_loss)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .inputs({uniform_in(-1, 1), uniform_in(-1, 1), constant_in(-1, 1), constant_in(-1, 1)})
    .call([](const Tensors& in) {
      Tensors out;
      for (Divergence divergence : kDivergences) {
        for (Reduction reduction : {Reduction::kSum, Reduction::kNone}) {
          out.push_back(linear_distillation_loss(in[0], in[1], {.x = in[2], .output = in[3]},
                                                 unusual(divergence, reduction)));
        }
      }
      return out;
    })
    .reference([](const Refs& in) {
      Refs out;
      for (Divergence divergence : kDivergences) {
        for (Reduction reduction : {Reduction::kSum, Reduction::kNone}) {
          out.push_back(distillation_f64(projected_f64(in[0], in[1]), projected_f64(in[2], in[3]),
                                         unusual(divergence, reduction)));
        }
      }
      return out;
    })
    .sample({{4, 5}, {7, 5}, {4, 3}, {7, 3}})
    .sample({{1, 1}, {1, 1}, {1, 1}, {1, 1}})
    .sample({{0, 5}, {7, 5}, {0, 3}, {7, 3}})
    .sample({{3, 2, 5}, {70, 5}, {3, 2, 6}, {70, 6}})
    .tolerance(kF32, 1e-5)
    .tolerance(kF64, 1e-12)
    .error(
        "teacher.x and teacher.output.weight do not match: teacher.x is f32[4,6], teacher.output.weight is "
        "f32[7,5]",
        [](Device d) {
          linear_distillation_loss(zeros({4, 5}, kF32, d), zeros({7, 5}, kF32, d),
                                   {.x = zeros({4, 6}, kF32, d), .output = zeros({7, 5}, kF32, d)});
        })
    .error("x and output.weight do not match: x is f32[4,6], output.weight is f32[7,5]", [](Device d) {
      linear_distillation_loss(zeros({4, 6}, kF32, d), zeros({7, 5}, kF32, d),
                               {.logits = zeros({4, 7}, kF32, d)});
    });

// Teachers that are given, and a mask.
OP_SUITE_VARIANT(linear_distillation_loss, given)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .inputs({uniform_in(-1, 1), uniform_in(-1, 1), constant_in(-1, 1), booleans()})
    .call([](const Tensors& in) {
      Tensors out;
      for (Reduction reduction : {Reduction::kSum, Reduction::kNone}) {
        DistillationOptions options = unusual(Divergence::kReverseKL, reduction);
        options.mask = in[3];
        out.push_back(linear_distillation_loss(in[0], in[1], {.logits = in[2]}, options));
        options.teacher_temperature = 1;
        out.push_back(linear_distillation_loss(in[0], in[1], known_of(in[2], RestMass::kBucket), options));
      }
      return out;
    })
    .reference([](const Refs& in) {
      Refs out;
      const Ref logits = projected_f64(in[0], in[1]);
      for (Reduction reduction : {Reduction::kSum, Reduction::kNone}) {
        DistillationOptions options = unusual(Divergence::kReverseKL, reduction);
        out.push_back(distillation_f64(logits, in[2], options, {}, &in[3]));
        options.teacher_temperature = 1;
        out.push_back(distillation_f64(logits, in[2], options, RestMass::kBucket, &in[3]));
      }
      return out;
    })
    .sample({{4, 5}, {7, 5}, {4, 7}, {4}})
    .sample({{1, 5}, {7, 5}, {1, 7}, {1}})
    .sample({{0, 5}, {7, 5}, {0, 7}, {0}})
    .tolerance(kF32, 2e-5)
    .tolerance(kF64, 1e-12)
    .skip("errors", "in the main entry");

OP_SUITE_VARIANT(linear_distillation_loss, half)
    .devices(kF32 | kBF16 | kF16)
    .dtypes(kF32 | kBF16 | kF16)
    .output_dtype(kF32)
    .inputs({uniform_in(-1, 1), uniform_in(-1, 1), constant_in(-1, 1), constant_in(-1, 1)})
    .call([](const Tensors& in) {
      return Tensors{linear_distillation_loss(in[0], in[1], {.x = in[2], .output = in[3]},
                                              unusual(Divergence::kForwardKL, Reduction::kMean))};
    })
    .reference([](const Refs& in) {
      return Refs{distillation_f64(projected_f64(in[0], in[1]), projected_f64(in[2], in[3]),
                                   unusual(Divergence::kForwardKL, Reduction::kMean))};
    })
    .sample({{4, 5}, {7, 5}, {4, 3}, {7, 3}})
    .sample({{1, 5}, {7, 5}, {1, 3}, {7, 3}})
    .sample({{4, 0}, {7, 0}, {4, 0}, {7, 0}})
    .tolerance(kF32, 1e-5)
    .tolerance(kBF16, 2e-2)
    .tolerance(kF16, 4e-3)
    .skip("errors", "in the main entry");

// Biases and softcaps of both.
void projections(Suite& suite) {
  suite
      .inputs({uniform_in(-1, 1), uniform_in(-1, 1), uniform_in(-1, 1), constant_in(-1, 1),
               constant_in(-1, 1), constant_in(-1, 1)})
      .call([](const Tensors& in) {
        Tensors out;
        for (Reduction reduction : {Reduction::kSum, Reduction::kNone}) {
          const DistillationOptions options = unusual(Divergence::kJensenShannon, reduction);
          out.push_back(linear_distillation_loss(in[0], {in[1], in[2], 1.5},
                                                 {.x = in[3], .output = {in[4], in[5], 0.8}}, options));
          out.push_back(linear_distillation_loss(in[0], {in[1], in[2]},
                                                 {.x = in[3], .output = {in[4], in[5]}}, options));
        }
        return out;
      })
      .reference([](const Refs& in) {
        Refs out;
        for (Reduction reduction : {Reduction::kSum, Reduction::kNone}) {
          const DistillationOptions options = unusual(Divergence::kJensenShannon, reduction);
          out.push_back(distillation_f64(projected_f64(in[0], in[1], &in[2], 1.5),
                                         projected_f64(in[3], in[4], &in[5], 0.8), options));
          out.push_back(distillation_f64(projected_f64(in[0], in[1], &in[2]),
                                         projected_f64(in[3], in[4], &in[5]), options));
        }
        return out;
      })
      .sample({{4, 5}, {7, 5}, {7}, {4, 3}, {7, 3}, {7}})
      .sample({{1, 5}, {7, 5}, {7}, {1, 3}, {7, 3}, {7}})
      .sample({{0, 5}, {7, 5}, {7}, {0, 3}, {7, 3}, {7}})
      .tolerance(kF32, 1e-5)
      .tolerance(kF64, 1e-12)
      .tolerance(kBF16, 4e-2)
      .skip("errors", "in the main entry");
}

OP_SUITE_VARIANT(linear_distillation_loss, projected)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .with(projections);
OP_SUITE_VARIANT(linear_distillation_loss, projected_half)
    .devices(kF32 | kBF16)
    .dtypes(kF32 | kBF16)
    .output_dtype(kF32)
    .with(projections);

}  // namespace
}  // namespace roux::testing
