#include "tensor/ops/distillation.h"

#include <utility>

#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"
#include "tests/ops/suite.h"

namespace roux::testing {
namespace {

constexpr Divergence kDivergences[] = {Divergence::kCrossEntropy, Divergence::kForwardKL,
                                       Divergence::kReverseKL, Divergence::kJensenShannon};

// What a row's probabilities under student and teacher are, for each outcome that takes part.
using Outcomes = std::vector<std::pair<double, double>>;

double divergence_f64(const Outcomes& outcomes, Divergence divergence, double beta) {
  const auto term = [](double weight, double of, double over) {
    return weight == 0 ? 0 : weight * std::log(of / over);
  };
  double total = 0;
  for (const auto& [q, p] : outcomes) {
    const double m = beta * p + (1 - beta) * q;
    switch (divergence) {
      case Divergence::kCrossEntropy:
        total -= term(p, q, 1);
        break;
      case Divergence::kForwardKL:
        total += term(p, p, q);
        break;
      case Divergence::kReverseKL:
        total += term(q, q, p);
        break;
      case Divergence::kJensenShannon:
        total += beta * term(p, p, m) + (1 - beta) * term(q, q, m);
        break;
    }
  }
  return total;
}

std::vector<double> softmax_f64(const Ref& x, int64_t row, double temperature) {
  const int64_t n = x.shape.back();
  std::vector<double> y;
  double largest = -INFINITY, sum = 0;
  for (int64_t i = 0; i < n; ++i) largest = std::max(largest, x[row * n + i] / temperature);
  for (int64_t i = 0; i < n; ++i) y.push_back(std::exp(x[row * n + i] / temperature - largest));
  for (double v : y) sum += v;
  for (double& v : y) v /= sum;
  return y;
}

// The known classes of a top-k teacher in these tests: the even ones.
int64_t known_classes(int64_t classes) { return (classes + 1) / 2; }

Outcomes outcomes_f64(const std::vector<double>& q, const std::vector<double>& p,
                      const std::optional<RestMass>& rest) {
  Outcomes out;
  double known = 0, q_left = 0;
  const size_t others = q.size() / 2;
  for (size_t i = 0; i < q.size(); i += 2) known += p[i];
  for (size_t i = 1; i < q.size(); i += 2) q_left += q[i];
  for (size_t i = 0; i < q.size(); ++i) {
    if (!rest.has_value()) {
      out.push_back({q[i], p[i]});
    } else if (i % 2 == 0) {
      out.push_back({q[i], *rest == RestMass::kRenormalize ? p[i] / known : p[i]});
    } else if (*rest == RestMass::kRenormalize || *rest == RestMass::kSpread) {
      out.push_back({q[i], *rest == RestMass::kSpread ? (1 - known) / static_cast<double>(others) : 0});
    }
  }
  if (rest == RestMass::kBucket && q.size() > 1) out.push_back({q_left, 1 - known});
  return out;
}

// The loss of logits [..., V] against a teacher's; rows without a mark in `mask` (if there is one) do not
// count.
Ref loss_f64(const Ref& logits, const Ref& teacher, const DistillationOptions& options,
             std::optional<RestMass> rest = {}, const Ref* mask = nullptr) {
  const int64_t rows = teacher.shape.back() == 0 ? 0 : teacher.size() / teacher.shape.back();
  Ref each(Shape(absl::MakeConstSpan(logits.shape.begin(), logits.shape.rank() - 1)));
  double total = 0, count = 0;
  for (int64_t row = 0; row < rows; ++row) {
    if (mask != nullptr && (*mask)[row] == 0) continue;
    const auto q = softmax_f64(logits, row, options.temperature);
    const auto p = softmax_f64(teacher, row, options.teacher_temperature.value_or(options.temperature));
    each[row] = divergence_f64(outcomes_f64(q, p, rest), options.divergence, options.beta);
    if (options.scale_by_temperature_squared) each[row] *= options.temperature * options.temperature;
    total += each[row];
    count += 1;
  }
  if (options.reduction == Reduction::kNone) return each;
  return Ref({}, options.reduction == Reduction::kMean ? total / count : total);
}

// The even classes of a teacher's logits, the last one first; log-probabilities of f32 or f64.
Teacher known_of(const Tensor& logits, RestMass rest) {
  NoGradGuard no_grad;
  const int64_t k = known_classes(logits.size(-1));
  Shape shape = logits.shape();
  shape[shape.rank() - 1] = k;
  const Tensor ids = (arange(0, k, 1, kI64, logits.device()) * -2 + 2 * (k - 1)).expand(shape);
  const Tensor all = log_softmax(logits.to(logits.dtype() == kF64 ? kF64 : kF32));
  return {.ids = ids, .log_probs = gather(all, -1, contiguous(ids)), .rest = rest};
}

// Everything beside its default.
DistillationOptions unusual(Divergence divergence, Reduction reduction) {
  return {.divergence = divergence,
          .beta = 0.2,
          .temperature = 1.5,
          .teacher_temperature = 0.7,
          .scale_by_temperature_squared = true,
          .reduction = reduction};
}

// x [..., D] times weight [V, D] transposed.
Ref product_f64(const Ref& x, const Ref& weight) {
  Shape shape = x.shape;
  const int64_t d = weight.shape[1], classes = weight.shape[0];
  shape[shape.rank() - 1] = classes;
  Ref y(shape);
  for (int64_t i = 0; i < y.size(); ++i) {
    for (int64_t j = 0; j < d; ++j) y[i] += x[i / classes * d + j] * weight[i % classes * d + j];
  }
  return y;
}

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
            out.push_back(loss_f64(in[0], in[1], {.divergence = divergence, .reduction = reduction}));
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
    .error("teacher.x and teacher.weight are for linear_distillation_loss",
           [](Device d) {
             const Tensor x = zeros({4, 7}, kF32, d);
             distillation_loss(x, {.x = x, .weight = zeros({7, 7}, kF32, d)});
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
    .dtypes(kF32 | kBF16 | kF16)
    .output_dtype(kF32)
    .with(all_divergences)
    .skip("errors", "in the main entry");

// Two axes of rows, the mean, temperatures and beta beside their defaults.
OP_SUITE_VARIANT(distillation_loss, options)
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
        out.push_back(loss_f64(in[0], in[1], unusual(divergence, Reduction::kMean)));
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
          out.push_back(loss_f64(in[0], in[1], unusual(divergence, reduction), {}, &in[2]));
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
          out.push_back(loss_f64(in[0], in[1], options, rest));
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

OP_SUITE_VARIANT(distillation_loss, top_k).dtypes(kF32 | kF64).with(top_k);
OP_SUITE_VARIANT(distillation_loss, top_k_half).dtypes(kF32 | kBF16 | kF16).output_dtype(kF32).with(top_k);

OP_SUITE(linear_distillation_loss)
    .dtypes(kF32 | kF64)
    .inputs({uniform_in(-1, 1), uniform_in(-1, 1), constant_in(-1, 1), constant_in(-1, 1)})
    .call([](const Tensors& in) {
      Tensors out;
      for (Divergence divergence : kDivergences) {
        for (Reduction reduction : {Reduction::kSum, Reduction::kNone}) {
          out.push_back(linear_distillation_loss(in[0], in[1], {.x = in[2], .weight = in[3]},
                                                 unusual(divergence, reduction)));
        }
      }
      return out;
    })
    .reference([](const Refs& in) {
      Refs out;
      for (Divergence divergence : kDivergences) {
        for (Reduction reduction : {Reduction::kSum, Reduction::kNone}) {
          out.push_back(
              loss_f64(product_f64(in[0], in[1]), product_f64(in[2], in[3]), unusual(divergence, reduction)));
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
    .error("teacher.x and teacher.weight do not match: teacher.x is f32[4,6], teacher.weight is f32[7,5]",
           [](Device d) {
             linear_distillation_loss(zeros({4, 5}, kF32, d), zeros({7, 5}, kF32, d),
                                      {.x = zeros({4, 6}, kF32, d), .weight = zeros({7, 5}, kF32, d)});
           })
    .error("x and weight do not match: x is f32[4,6], weight is f32[7,5]", [](Device d) {
      linear_distillation_loss(zeros({4, 6}, kF32, d), zeros({7, 5}, kF32, d),
                               {.logits = zeros({4, 7}, kF32, d)});
    });

// Teachers that are given, and a mask.
OP_SUITE_VARIANT(linear_distillation_loss, given)
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
      const Ref logits = product_f64(in[0], in[1]);
      for (Reduction reduction : {Reduction::kSum, Reduction::kNone}) {
        DistillationOptions options = unusual(Divergence::kReverseKL, reduction);
        out.push_back(loss_f64(logits, in[2], options, {}, &in[3]));
        options.teacher_temperature = 1;
        out.push_back(loss_f64(logits, in[2], options, RestMass::kBucket, &in[3]));
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
    .dtypes(kF32 | kBF16 | kF16)
    .output_dtype(kF32)
    .inputs({uniform_in(-1, 1), uniform_in(-1, 1), constant_in(-1, 1), constant_in(-1, 1)})
    .call([](const Tensors& in) {
      return Tensors{linear_distillation_loss(in[0], in[1], {.x = in[2], .weight = in[3]},
                                              unusual(Divergence::kForwardKL, Reduction::kMean))};
    })
    .reference([](const Refs& in) {
      return Refs{loss_f64(product_f64(in[0], in[1]), product_f64(in[2], in[3]),
                           unusual(Divergence::kForwardKL, Reduction::kMean))};
    })
    .sample({{4, 5}, {7, 5}, {4, 3}, {7, 3}})
    .sample({{1, 5}, {7, 5}, {1, 3}, {7, 3}})
    .sample({{4, 0}, {7, 0}, {4, 0}, {7, 0}})
    .tolerance(kF32, 1e-5)
    .tolerance(kBF16, 2e-2)
    .tolerance(kF16, 4e-3)
    .skip("errors", "in the main entry");

}  // namespace
}  // namespace roux::testing
