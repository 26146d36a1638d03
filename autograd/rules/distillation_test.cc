// Identities and limits of distillation_loss; chunks, memory and rows that are not read.
#include <cmath>
#include <limits>
#include <vector>

#include "autograd/autograd.h"
#include "gtest/gtest.h"
#include "tensor/generator.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/distillation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/sequence.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr Divergence kDivergences[] = {Divergence::kCrossEntropy, Divergence::kForwardKL,
                                       Divergence::kReverseKL, Divergence::kJensenShannon};
using Values = std::vector<double>;

Tensor drawn(const Shape& shape, uint64_t seed, DType dtype = kF64) {
  Generator generator(seed);
  return normal(shape, 0, 1.5, generator, dtype);
}
Tensor leaf(const Tensor& x) { return x.detach().set_requires_grad(true); }

void expect_near(const Tensor& got, const Tensor& want, double tolerance) {
  const Values a = got.to_vector<double>(), b = want.to_vector<double>();
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance * (1 + std::fabs(b[i]))) << i;
}

Tensor each(const Tensor& student, const Tensor& teacher, Divergence divergence) {
  return distillation_loss(student, {.logits = teacher},
                           {.divergence = divergence, .reduction = Reduction::kNone});
}

TEST(Distillation, DivergencesAreZeroForEqualsAlone) {
  const Tensor a = drawn({5, 9}, 1), b = drawn({5, 9}, 2);
  for (Divergence divergence : {Divergence::kForwardKL, Divergence::kReverseKL, Divergence::kJensenShannon}) {
    for (double same : each(a, a + 3.0, divergence).to_vector<double>()) EXPECT_NEAR(same, 0, 1e-14);
    for (double different : each(a, b, divergence).to_vector<double>()) EXPECT_GT(different, 0.01);
  }
  for (double js : each(a, b * 100.0, Divergence::kJensenShannon).to_vector<double>()) {
    EXPECT_LE(js, std::log(2.0) + 1e-14);
  }
  expect_near(each(a, b, Divergence::kJensenShannon), each(b, a, Divergence::kJensenShannon), 1e-14);
  expect_near(each(a, b, Divergence::kForwardKL), each(b, a, Divergence::kReverseKL), 1e-13);
}

// The teacher that is sure of one class is that class as a target.
TEST(Distillation, OneHotTeacherIsCrossEntropy) {
  const Tensor x = drawn({4, 6}, 3), targets = tensor(std::vector<int64_t>{5, 0, 2, 2}, {4});
  const Tensor wanted = cross_entropy(x, targets, {.reduction = Reduction::kNone});
  const Tensor sure = log(scatter_add({4, 6}, 1, targets.unsqueeze(1), ones({4, 1}, kF64)));
  expect_near(each(x, sure, Divergence::kCrossEntropy), wanted, 1e-14);
  expect_near(each(x, sure, Divergence::kForwardKL), wanted, 1e-14);
  const Teacher one{.ids = targets.unsqueeze(1), .log_probs = zeros({4, 1}, kF64), .rest = RestMass::kBucket};
  expect_near(distillation_loss(x, one, {.reduction = Reduction::kNone}), wanted, 1e-14);
}

TEST(Distillation, GradientsInClosedForm) {
  const Tensor teacher = drawn({3, 7}, 5), q = softmax(drawn({3, 7}, 4)), p = softmax(teacher);
  const auto gradient = [&](Divergence divergence) {
    const Tensor x = leaf(drawn({3, 7}, 4));
    return grad({sum(each(x, teacher, divergence))}, {x})[0];
  };
  expect_near(gradient(Divergence::kForwardKL), q - p, 1e-14);
  expect_near(gradient(Divergence::kCrossEntropy), q - p, 1e-14);
  const Tensor ratio = log(q) - log(p);
  expect_near(gradient(Divergence::kReverseKL), q * (ratio - sum(q * ratio, 1, true)), 1e-13);
}

// All classes as the known ones, in an order of their own, are the teacher; nothing is left over.
TEST(Distillation, TopOfAllClassesIsTheWholeTeacher) {
  const Tensor x = drawn({4, 6}, 6), teacher = drawn({4, 6}, 7);
  const Tensor ids = contiguous(expand(tensor(std::vector<int64_t>{3, 5, 0, 2, 1, 4}, {1, 6}), {4, 6}));
  const Tensor known = gather(log_softmax(teacher), 1, ids);
  for (Divergence divergence : kDivergences) {
    for (RestMass rest : {RestMass::kRenormalize, RestMass::kSpread, RestMass::kBucket, RestMass::kIgnore}) {
      const Tensor a = leaf(x), b = leaf(x);
      const DistillationOptions options{.divergence = divergence};
      const Tensor got = distillation_loss(a, {.ids = ids, .log_probs = known, .rest = rest}, options);
      const Tensor want = distillation_loss(b, {.logits = teacher}, options);
      expect_near(got, want, 1e-13);
      expect_near(grad({got}, {a})[0], grad({want}, {b})[0], 1e-13);
    }
  }
}

TEST(Distillation, TheTeacherGetsNoGradient) {
  const Tensor x = leaf(drawn({2, 3}, 8)), teacher = leaf(drawn({2, 3}, 9));
  EXPECT_FALSE(distillation_loss(x.detach(), {.logits = teacher}).requires_grad());
  const Tensor loss = distillation_loss(x, {.logits = teacher});
  EXPECT_FALSE(grad({loss}, {x, teacher}, {.grad_outputs = {}, .allow_unused = true})[1].defined());
}

TEST(Distillation, NoRowCounts) {
  const Tensor nothing = zeros({2}, kBool);
  for (double above : {1.0, kNaN}) {
    for (bool create_graph : {false, true}) {
      const Tensor x = leaf(drawn({2, 3}, 19));
      const Tensor loss = distillation_loss(x, {.logits = full({2, 3}, kNaN, kF64)}, {.mask = nothing});
      EXPECT_TRUE(std::isnan(loss.item()));
      const Tensor gradient =
          grad({loss}, {x}, {.grad_outputs = {full({}, above, kF64)}, .create_graph = create_graph})[0];
      expect_near(gradient, zeros({2, 3}, kF64), 0);
    }
  }
}

TEST(Distillation, PerSequence) {
  const Tensor x = drawn({2, 3, 5}, 10), teacher = drawn({2, 3, 5}, 11);
  const Tensor mask = sequence_mask(tensor(std::vector<int64_t>{3, 1}, {2}), 3);
  const Tensor means = masked_mean(each(x, teacher, Divergence::kForwardKL), mask);
  for (int64_t row = 0; row < 2; ++row) {
    const Tensor alone = distillation_loss(select(x, 0, row), {.logits = select(teacher, 0, row)},
                                           {.mask = select(mask, 0, row)});
    EXPECT_NEAR(select(means, 0, row).item(), alone.item(), 1e-14);
  }
}

// Two chunks of rows, against all logits at once.
TEST(LinearDistillation, ChunksAreTheWhole) {
  constexpr int64_t kRows = 200, kClasses = 33000;
  const Tensor mask = gt(drawn({kRows}, 12), -1.0);
  const Tensor theirs = drawn({kRows, 3}, 13), their_weight = drawn({kClasses, 3}, 14);
  const Tensor logits = linear(theirs, their_weight);
  const Tensor ids = contiguous(expand(arange(0, 40, 1, kI64) * 800, {kRows, 40}));
  const Teacher teachers[] = {
      {.x = theirs, .output = their_weight},
      {.ids = ids, .log_probs = gather(log_softmax(logits), 1, ids), .rest = RestMass::kBucket}};
  for (const Teacher& teacher : teachers) {
    for (Reduction reduction : {Reduction::kMean, Reduction::kNone}) {
      const DistillationOptions options{
          .divergence = Divergence::kReverseKL, .mask = mask, .reduction = reduction};
      const auto run = [&](bool chunks) {
        const Tensor x = leaf(drawn({kRows, 2}, 15)), weight = leaf(drawn({kClasses, 2}, 16));
        const Teacher whole = teacher.x.defined() ? Teacher{.logits = logits} : teacher;
        const Tensor loss = chunks ? linear_distillation_loss(x, weight, teacher, options)
                                   : distillation_loss(linear(x, weight), whole, options);
        std::vector<Tensor> out = grad({sum(loss * 2.0)}, {x, weight});
        out.push_back(loss);
        return out;
      };
      const std::vector<Tensor> got = run(true), want = run(false);
      for (size_t i = 0; i < got.size(); ++i) expect_near(got[i], want[i], 1e-11);
    }
  }
}

// 2^30 logits of student and teacher are never there at once: 32 MB of them a chunk, in training too.
TEST(LinearDistillation, HoldsOneChunk) {
  for (Reduction reduction : {Reduction::kMean, Reduction::kNone}) {
    const Tensor x = leaf(zeros({16384, 64}, kF32, kMeta)), weight = leaf(zeros({65536, 64}, kF32, kMeta));
    const Tensor theirs = zeros({16384, 32}, kF32, kMeta), their_weight = zeros({65536, 32}, kF32, kMeta);
    reset_peak_memory(kMeta);
    const int64_t before = memory_stats(kMeta).current;
    const Tensor loss =
        linear_distillation_loss(x, weight, {.x = theirs, .output = their_weight},
                                 {.divergence = Divergence::kJensenShannon, .reduction = reduction});
    grad({sum(loss)}, {x, weight});
    EXPECT_LT(memory_stats(kMeta).peak - before, int64_t{256} << 20);
  }
}

// With a bias and a softcap too, of cross-entropy as well: three tensors of a chunk's size.
TEST(LinearLosses, HoldOneChunkWithABiasAndASoftcap) {
  for (Reduction reduction : {Reduction::kMean, Reduction::kNone}) {
    const Tensor x = leaf(zeros({16384, 64}, kF32, kMeta)), weight = leaf(zeros({65536, 64}, kF32, kMeta)),
                 bias = leaf(zeros({65536}, kF32, kMeta));
    reset_peak_memory(kMeta);
    const int64_t before = memory_stats(kMeta).current;
    {
      const Tensor loss = linear_cross_entropy(x, {weight, bias, 30.0}, zeros({16384}, kI64, kMeta),
                                               {.reduction = reduction});
      grad({sum(loss)}, {x, weight, bias});
    }
    const Tensor loss = linear_distillation_loss(
        x, {weight, bias, 30.0}, {.x = x, .output = {weight, bias, 30.0}}, {.reduction = reduction});
    grad({sum(loss)}, {x, weight, bias});
    EXPECT_LT(memory_stats(kMeta).peak - before, int64_t{256} << 20);
  }
}

// Two chunks of rows with a bias and a softcap, against all logits at once.
TEST(LinearLosses, ChunksAreTheWholeWithABiasAndASoftcap) {
  constexpr int64_t kRows = 150, kClasses = 33000;
  const Tensor targets = contiguous(remainder(arange(0, kRows, 1, kI64) * 7, 100));
  for (Reduction reduction : {Reduction::kMean, Reduction::kNone}) {
    const CrossEntropyOptions options{.ignore_index = 21, .reduction = reduction, .label_smoothing = 0.1};
    const auto run = [&](bool chunks) {
      const Tensor x = leaf(drawn({kRows, 2}, 15)), weight = leaf(drawn({kClasses, 2}, 16)),
                   bias = leaf(drawn({kClasses}, 17));
      const Tensor loss = chunks ? linear_cross_entropy(x, {weight, bias, 2.0}, targets, options)
                                 : cross_entropy(tanh(linear(x, weight, bias) / 2.0) * 2.0, targets, options);
      std::vector<Tensor> out = grad({sum(loss * 2.0)}, {x, weight, bias});
      out.push_back(loss);
      return out;
    };
    const std::vector<Tensor> got = run(true), want = run(false);
    for (size_t i = 0; i < got.size(); ++i) expect_near(got[i], want[i], 1e-11);
  }
}

// A row that does not count may hold NaN, which a softcap's derivative would pass on.
TEST(LinearLosses, RowsThatDoNotCountAreNotReadThroughASoftcap) {
  const Tensor weight = drawn({4, 2}, 17), bias = drawn({4}, 19);
  const Tensor bad = tensor(Values{1, -2, kNaN, INFINITY}, {2, 2}), good = bad.slice(0, 0, 1);
  for (bool create_graph : {false, true}) {
    for (Reduction reduction : {Reduction::kMean, Reduction::kNone}) {
      const auto gradients = [&](const Tensor& rows, const std::vector<int64_t>& targets) {
        const Tensor x = leaf(rows), w = leaf(weight), b = leaf(bias);
        const Tensor loss =
            linear_cross_entropy(x, {w, b, 1.5}, tensor(targets, {static_cast<int64_t>(targets.size())}),
                                 {.reduction = reduction});
        return grad({sum(loss)}, {x, w, b}, {.grad_outputs = {}, .create_graph = create_graph});
      };
      const auto got = gradients(bad, {3, -100}), want = gradients(good, {3});
      expect_near(got[0].slice(0, 0, 1), want[0], 1e-14);
      expect_near(got[0].slice(0, 1, 2), zeros({1, 2}, kF64), 0);
      expect_near(got[1], want[1], 1e-14);
      expect_near(got[2], want[2], 1e-14);
    }
  }
}

TEST(LinearDistillation, RowsThatDoNotCountMayHoldAnything) {
  const Tensor weight = drawn({4, 2}, 17), mask = gt(tensor(Values{1, 0}, {2}), 0.5);
  const Tensor bad = tensor(Values{1, -2, kNaN, INFINITY}, {2, 2}), good = bad.slice(0, 0, 1);
  const Tensor teacher = drawn({4, 2}, 18);
  for (bool create_graph : {false, true}) {
    for (Reduction reduction : {Reduction::kMean, Reduction::kNone}) {
      const auto gradients = [&](const Tensor& rows, const Tensor& counts) {
        const Tensor x = leaf(rows), w = leaf(weight);
        const Tensor loss = linear_distillation_loss(x, w, {.x = rows, .output = teacher},
                                                     {.mask = counts, .reduction = reduction});
        return grad({sum(loss)}, {x, w}, {.grad_outputs = {}, .create_graph = create_graph});
      };
      const auto got = gradients(bad, mask), want = gradients(good, mask.slice(0, 0, 1));
      expect_near(got[0].slice(0, 0, 1), want[0], 1e-14);
      expect_near(got[0].slice(0, 1, 2), zeros({1, 2}, kF64), 0);
      expect_near(got[1], want[1], 1e-14);
    }
  }
}

}  // namespace
}  // namespace roux
