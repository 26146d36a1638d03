#include "tensor/ops/distillation.h"

#include "tensor/ops/creation.h"
#include "tensor/ops/view.h"
#include "tests/ops/distillation_reference.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

// Sums and unreduced losses of all divergences.
void all_divergences(Suite& suite) {
  suite.inputs({uniform_in(-4, 4), constant_in(-4, 4)})
      .call([](const Tensors& in) {
        Tensors out;
        for (Divergence divergence : kDivergences) {
          for (Reduction reduction : {Reduction::kSum, Reduction::kNone}) {
            out.push_back(distillation_loss(in[0], {.logits = in[1]},
                                            {.divergence = divergence, .reduction = reduction}));
          }
        }
        return out;
      })
      .reference([](const Refs& in) {
        Refs out;
        for (Divergence divergence : kDivergences) {
          for (Reduction reduction : {Reduction::kSum, Reduction::kNone}) {
            out.push_back(distillation_f64(in[0], in[1], {.divergence = divergence, .reduction = reduction}));
          }
        }
        return out;
      })
      .sample({{4, 7}, {4, 7}})
      .sample({{1, 1}, {1, 1}})
      .sample({{0, 7}, {0, 7}})
      .shift_invariant()
      .tolerance(kF32, 1e-5)
      .tolerance(kF64, 1e-12)
      .tolerance(kBF16, 1e-5)
      .tolerance(kF16, 1e-5);
}

OP_SUITE(distillation_loss)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .with(all_divergences)
    .sample({{3, 1025}, {3, 1025}})
    .error("teacher must have one form",
           [](Device d) {
             distillation_loss(zeros({4, 7}, kF32, d), {});
           })
    .error("teacher must have one form",
           [](Device d) {
             const Tensor x = zeros({4, 7}, kF32, d);
             distillation_loss(x, {.logits = x, .ids = zeros({4, 2}, kI64, d)});
           })
    .error("teacher does not match: its logits are f32[4,6], logits is f32[4,7], needed the same spec",
           [](Device d) {
             distillation_loss(zeros({4, 7}, kF32, d), {.logits = zeros({4, 6}, kF32, d)});
           })
    .error("logits do not fit: logits is i64[4,7], needed floating [..., V]",
           [](Device d) {
             distillation_loss(zeros({4, 7}, kI64, d), {.logits = zeros({4, 7}, kF32, d)});
           })
    .error("teacher.x and teacher.output are for linear_distillation_loss",
           [](Device d) {
             const Tensor x = zeros({4, 7}, kF32, d);
             distillation_loss(x, {.x = x, .output = zeros({7, 7}, kF32, d)});
           })
    .error("teacher lacks log_probs, needed both",
           [](Device d) {
             distillation_loss(zeros({4, 7}, kF32, d), {.ids = zeros({4, 2}, kI64, d)});
           })
    .error(
        "teacher does not match: teacher.ids is i64[4,2], teacher.log_probs is f32[4,3], logits is f32[4,7]",
        [](Device d) {
          distillation_loss(zeros({4, 7}, kF32, d),
                            {.ids = zeros({4, 2}, kI64, d), .log_probs = zeros({4, 3}, kF32, d)});
        })
    .error("reverse KL is infinite where the teacher has no mass: teacher.rest is kRenormalize with 2 of 7",
           [](Device d) {
             distillation_loss(zeros({4, 7}, kF32, d),
                               {.ids = zeros({4, 2}, kI64, d), .log_probs = zeros({4, 2}, kF32, d)},
                               {.divergence = Divergence::kReverseKL});
           })
    .error("the mass outside of the top classes is known at temperature 1 alone: the teacher's is 2",
           [](Device d) {
             distillation_loss(zeros({4, 7}, kF32, d),
                               {.ids = zeros({4, 2}, kI64, d),
                                .log_probs = zeros({4, 2}, kF32, d),
                                .rest = RestMass::kBucket},
                               {.temperature = 2});
           })
    .error("temperature is out of range: it is 0, needed a number above 0",
           [](Device d) {
             const Tensor x = zeros({4, 7}, kF32, d);
             distillation_loss(x, {.logits = x}, {.temperature = 0});
           })
    .error("beta is out of range: beta is 1, needed 0 < beta < 1",
           [](Device d) {
             const Tensor x = zeros({4, 7}, kF32, d);
             distillation_loss(x, {.logits = x}, {.divergence = Divergence::kJensenShannon, .beta = 1});
           })
    .error("mask has the wrong spec: mask is bool[5], logits is f32[4,7], needed bool[4]",
           [](Device d) {
             const Tensor x = zeros({4, 7}, kF32, d);
             distillation_loss(x, {.logits = x}, {.mask = zeros({5}, kBool, d)});
           })
    .value_error("id is out of range: teacher.ids[1, 0] (rows in row-major order) is 7, needed 0 <= id < 7",
                 [](Device d) {
                   distillation_loss(zeros({2, 7}, kF32, d),
                                     {.ids = tensor(std::vector<int64_t>{0, 1, 7, 2}, {2, 2}, d),
                                      .log_probs = zeros({2, 2}, kF32, d)});
                 })
    .value_error("id is named twice: teacher.ids of row 1 (in row-major order) hold 3 twice", [](Device d) {
      distillation_loss(zeros({2, 7}, kF32, d), {.ids = tensor(std::vector<int64_t>{0, 1, 3, 3}, {2, 2}, d),
                                                 .log_probs = zeros({2, 2}, kF32, d)});
    });

OP_SUITE_VARIANT(distillation_loss, half)
    .devices(kF32 | kBF16 | kF16)
    .dtypes(kF32 | kBF16 | kF16)
    .output_dtype(kF32)
    .with(all_divergences)
    .skip("errors", "in the main entry");

// Two axes of rows, the mean, temperatures and beta beside their defaults.
OP_SUITE_VARIANT(distillation_loss, options)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .inputs({uniform_in(-4, 4), constant_in(-4, 4)})
    .call([](const Tensors& in) {
      Tensors out;
      for (Divergence divergence : kDivergences) {
        out.push_back(distillation_loss(in[0], {.logits = in[1]}, unusual(divergence, Reduction::kMean)));
      }
      return out;
    })
    .reference([](const Refs& in) {
      Refs out;
      for (Divergence divergence : kDivergences) {
        out.push_back(distillation_f64(in[0], in[1], unusual(divergence, Reduction::kMean)));
      }
      return out;
    })
    .sample({{2, 3, 9}, {2, 3, 9}})
    .sample({{1, 1, 9}, {1, 1, 9}})
    .tolerance(kF32, 1e-5)
    .tolerance(kF64, 1e-12)
    .skip("zero_size", "the mean over no row is NaN")
    .skip("errors", "in the main entry");

OP_SUITE_VARIANT(distillation_loss, masked)
    .devices(kF32 | kF64)
    .dtypes(kF32 | kF64)
    .inputs({uniform_in(-4, 4), constant_in(-4, 4), booleans()})
    .call([](const Tensors& in) {
      Tensors out;
      for (Divergence divergence : kDivergences) {
        for (Reduction reduction : {Reduction::kSum, Reduction::kNone}) {
          DistillationOptions options = unusual(divergence, reduction);
          options.mask = in[2];
          out.push_back(distillation_loss(in[0], {.logits = in[1]}, options));
        }
      }
      return out;
    })
    .reference([](const Refs& in) {
      Refs out;
      for (Divergence divergence : kDivergences) {
        for (Reduction reduction : {Reduction::kSum, Reduction::kNone}) {
          out.push_back(distillation_f64(in[0], in[1], unusual(divergence, reduction), {}, &in[2]));
        }
      }
      return out;
    })
    .sample({{2, 3, 5}, {2, 3, 5}, {2, 3}})
    .sample({{1, 1, 5}, {1, 1, 5}, {1, 1}})
    .sample({{0, 3, 5}, {0, 3, 5}, {0, 3}})
    .tolerance(kF32, 1e-5)
    .tolerance(kF64, 1e-12)
    .skip("errors", "in the main entry");

// Calls fn(options, rest) for what a top-k teacher may be asked.
void for_each_top_k(const std::function<void(const DistillationOptions&, RestMass)>& fn) {
  for (Divergence divergence : kDivergences) {
    for (RestMass rest : {RestMass::kRenormalize, RestMass::kSpread, RestMass::kBucket, RestMass::kIgnore}) {
      if (rest == RestMass::kRenormalize && divergence == Divergence::kReverseKL) continue;
      DistillationOptions options = unusual(divergence, Reduction::kNone);
      if (rest != RestMass::kRenormalize) options.teacher_temperature = 1;
      fn(options, rest);
    }
  }
}

void top_k(Suite& suite) {
  suite
      .inputs({uniform_in(-4, 4), constant_in(-1, 1)})  // 1 - sum of the known must not be rounding
      .call([](const Tensors& in) {
        Tensors out;
        for_each_top_k([&](const DistillationOptions& options, RestMass rest) {
          out.push_back(distillation_loss(in[0], known_of(in[1], rest), options));
        });
        return out;
      })
      .reference([](const Refs& in) {
        Refs out;
        for_each_top_k([&](const DistillationOptions& options, RestMass rest) {
          out.push_back(distillation_f64(in[0], in[1], options, rest));
        });
        return out;
      })
      .sample({{4, 7}, {4, 7}})
      .sample({{2, 1}, {2, 1}})
      .sample({{0, 7}, {0, 7}})
      .sample({{2, 3, 8}, {2, 3, 8}})
      .tolerance(kF32, 2e-5)
      .tolerance(kF64, 1e-12)
      .tolerance(kBF16, 2e-5)
      .tolerance(kF16, 2e-5)
      .skip("errors", "in the main entry");
}

OP_SUITE_VARIANT(distillation_loss, top_k).devices(kF32 | kF64).dtypes(kF32 | kF64).with(top_k);
OP_SUITE_VARIANT(distillation_loss, top_k_half)
    .devices(kF32 | kBF16 | kF16)
    .dtypes(kF32 | kBF16 | kF16)
    .output_dtype(kF32)
    .with(top_k);

}  // namespace
}  // namespace roux::testing
