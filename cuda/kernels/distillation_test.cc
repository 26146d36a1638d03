// Distillation kernels on the emulated device against the CPU.
#include "tensor/ops/distillation.h"

#include <cmath>

#include "cuda/kernels/testing.h"
#include "tensor/ops/distillation_tables.h"
#include "tensor/ops/index.h"
#include "tensor/ops/order.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

double tolerance(DType dtype) {
  return dtype == kF64 ? 1e-13 : dtype == kF32 ? 4e-6 : dtype == kBF16 ? 8e-3 : 1e-3;
}
DType statistics(const Tensor& x) { return x.dtype() == kF64 ? kF64 : kF32; }

constexpr Divergence kDivergences[] = {Divergence::kCrossEntropy, Divergence::kForwardKL,
                                       Divergence::kReverseKL, Divergence::kJensenShannon};
constexpr RestMass kRests[] = {RestMass::kRenormalize, RestMass::kSpread, RestMass::kBucket,
                               RestMass::kIgnore};
DivergenceRule rule_of(Divergence divergence, RestMass rest = RestMass::kRenormalize) {
  return {divergence, rest, 0.3, 1.7, rest == RestMass::kRenormalize ? 0.8 : 1.0};
}

// {losses, row statistics, gradient}
std::vector<Tensor> both_kernels(const Tensor& logits, const TeacherRows& teacher, const Tensor& counts,
                                 const DivergenceRule& rule) {
  const DType dtype = statistics(logits);
  const int64_t rows = logits.size(0);
  Tensor losses = empty({dtype, {rows}}, logits.device()), grad = empty_like(logits);
  Tensor stats = empty({dtype, {kDistillationStats, rows}}, logits.device());
  distillation_kernels.run(logits, logits, teacher, counts, rule, losses, stats);
  distillation_backward_kernels.run(logits, logits, teacher, counts, rule, stats, losses + 0.5, grad);
  return {losses, stats, grad};
}

TeacherRows known_rows(const Tensor& ids, const Tensor& log_probs, const Tensor& counts,
                       const DivergenceRule& rule, int64_t classes) {
  TeacherRows rows;
  rows.ids = empty({kI32, ids.shape()}, ids.device());
  rows.log_probs = empty(log_probs.spec(), ids.device());
  rows.rest = empty({log_probs.dtype(), {ids.size(0)}}, ids.device());
  top_k_teacher_kernels.run(log_probs, ids, log_probs, counts, rule, classes, "distillation_loss", rows.ids,
                            rows.log_probs, rows.rest);
  return rows;
}

// Every third row does not count.
Tensor some_rows(int64_t rows) {
  std::vector<double> counts(static_cast<size_t>(rows), 1);
  for (size_t i = 1; i < counts.size(); i += 3) counts[i] = 0;
  return cast(tensor(counts, {rows}), kBool);
}

TEST(DistillationKernels, TeacherOfLogits) {
  for (DType dtype : {kF32, kF64, kBF16, kF16}) {
    for (const Shape& shape : {Shape{1, 1}, Shape{11, 5}, Shape{9, 40}, Shape{3, 1100}, Shape{2, 2056}}) {
      const Tensor logits = sample(shape, dtype, -8, 8, 1), teacher = sample(shape, dtype, -8, 8, 2);
      for (Divergence divergence : kDivergences) {
        expect_same_on_devices(
            {logits, teacher, some_rows(shape[0])},
            [&](const std::vector<Tensor>& v) {
              return both_kernels(v[0], {.logits = v[1]}, v[2], rule_of(divergence));
            },
            tolerance(dtype));
      }
    }
  }
}

// Classes that the teacher rules out, and rows whose student does.
TEST(DistillationKernels, ClassesWithoutMass) {
  for (DType dtype : {kF32, kF64, kBF16}) {
    for (int64_t classes : {12, 1100}) {
      const Tensor logits = sample({4, classes}, dtype, -8, 8, 1),
                   teacher = sample({4, classes}, dtype, -8, 8, 2);
      fill_(teacher.slice(1, 1, 9), -INFINITY);
      fill_(logits.slice(1, 5, 11).slice(0, 2, 4), -INFINITY);
      for (Divergence divergence : kDivergences) {
        expect_same_on_devices(
            {logits, teacher, some_rows(4)},
            [&](const std::vector<Tensor>& v) {
              return both_kernels(v[0], {.logits = v[1]}, v[2], rule_of(divergence));
            },
            tolerance(dtype));
      }
    }
  }
}

TEST(DistillationKernels, KnownClasses) {
  for (DType dtype : {kF32, kF64, kBF16}) {
    for (const auto& [classes, k] :
         std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {9, 9}, {40, 7}, {1100, 33}}) {
      for (DType index : {kI32, kI64}) {
        if (index == kI32 && dtype != kF32) continue;
        const Tensor logits = sample({4, classes}, dtype, -4, 4, 1);
        const DType exact = dtype == kF64 ? kF64 : kF32;
        const Tensor all = log_softmax(sample({4, classes}, exact, -4, 4, 2));
        // The most likely classes, in no order.
        const Ordered top = topk(all, k);
        const Tensor order = argsort(sample({4, k}, kF32, 0, 1, 5));
        const Tensor ids = cast(gather(top.indices, 1, order), index), known = gather(top.values, 1, order);
        for (Divergence divergence : kDivergences) {
          for (RestMass rest : kRests) {
            const DivergenceRule rule = rule_of(divergence, rest);
            expect_same_on_devices(
                {logits, ids, known, some_rows(4)},
                [&](const std::vector<Tensor>& v) {
                  const TeacherRows teacher = known_rows(v[1], v[2], v[3], rule, classes);
                  std::vector<Tensor> results = both_kernels(v[0], teacher, v[3], rule);
                  for (const Tensor& x : {teacher.ids, teacher.log_probs, teacher.rest}) results.push_back(x);
                  return results;
                },
                tolerance(dtype));
          }
        }
      }
    }
  }
}

TEST(DistillationKernels, ManyKnownClasses) {
  const Tensor all = log_softmax(sample({2, 1100}, kF32, -4, 4, 2)), counts = full({2}, 1, kBool);
  const Ordered top = topk(all, 1030);
  const DivergenceRule rule = rule_of(Divergence::kForwardKL, RestMass::kSpread);
  expect_same_on_devices(
      {sample({2, 1100}, kF32, -4, 4, 1), top.indices, top.values, counts},
      [&](const std::vector<Tensor>& v) {
        return both_kernels(v[0], known_rows(v[1], v[2], v[3], rule, 1100), v[3], rule);
      },
      1e-5);
}

TEST(DistillationKernels, GradientInTheMemoryOfTheLogits) {
  const DivergenceRule rule = rule_of(Divergence::kJensenShannon);
  expect_same_on_devices(
      {sample({5, 70}, kF32, -4, 4, 1), sample({5, 70}, kF32, -4, 4, 2), some_rows(5)},
      [&](const std::vector<Tensor>& v) {
        const TeacherRows teacher{.logits = v[1]};
        std::vector<Tensor> results = both_kernels(v[0], teacher, v[2], rule);
        Tensor in_place = add(v[0], 0.0);
        const Tensor scales = results[0] + 0.5;
        distillation_backward_kernels.run(in_place, in_place, teacher, v[2], rule, results[1], scales,
                                          in_place);
        results.push_back(in_place);
        return results;
      },
      4e-6);
}

// Rows that do not count are not read, neither of the student nor of the teacher.
TEST(DistillationKernels, RowsThatDoNotCountMayHoldAnything) {
  const Tensor counts = cast(tensor(std::vector<double>{1, 0}, {2}), kBool);
  for (int64_t classes : {8, 1100}) {
    const Tensor logits = sample({2, classes}), teacher = sample({2, classes}, kF32, -2, 2, 2);
    for (const Tensor& x : {logits, teacher}) fill_(x.slice(0, 1, 2), NAN);
    const Tensor ids = tensor(std::vector<int64_t>{3, 1, -5, 900000}, {2, 2}),
                 known = tensor(std::vector<double>{-1, -2, NAN, NAN}, {2, 2});
    for (Divergence divergence : kDivergences) {
      expect_same_on_devices(
          {logits, teacher, counts, ids, cast(known, kF32)},
          [&](const std::vector<Tensor>& v) {
            std::vector<Tensor> results = both_kernels(v[0], {.logits = v[1]}, v[2], rule_of(divergence));
            const DivergenceRule rule = rule_of(divergence, RestMass::kBucket);
            const TeacherRows rows = known_rows(v[3], v[4], v[2], rule, classes);
            for (const Tensor& x : both_kernels(v[0], rows, v[2], rule)) results.push_back(x);
            return results;
          },
          4e-6);
    }
  }
}

TEST(DistillationKernels, BadIdsAreReportedWithTheirPlace) {
  using Ids = std::vector<int64_t>;
  const DivergenceRule rule = rule_of(Divergence::kForwardKL);
  for (const auto& [ids, text] : std::vector<std::pair<Ids, const char*>>{
           {{0, 1, 2, 7, 3, -1}, "id is out of range: teacher.ids[1, 0]"},
           {{0, 1, 2, 5, 3, -1}, "id is out of range: teacher.ids[1, 2]"},
           {{0, 1, 2, 5, 3, 5}, "teacher.ids of row 1 (in row-major order) hold 5 twice"},
           {{4, 4, 4, 0, 1, 9}, "teacher.ids of row 0 (in row-major order) hold 4 twice"}}) {
    for (DType index : {kI32, kI64}) {
      const auto run = [&, &ids = ids](Device d) {
        const Tensor at = cast(tensor(ids, {2, 3}), index).to(d);
        known_rows(at, sample({2, 3}).to(d), full({2}, 1, kBool, d), rule, 7);
      };
      const std::string expected = error_on(kCpu, run);
      EXPECT_NE(expected.find(text), std::string::npos) << expected;
      for (Device device : kernel_devices()) EXPECT_EQ(error_on(device, run), expected);
    }
  }
}

}  // namespace
}  // namespace roux
