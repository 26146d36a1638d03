#include "nn/parallel/gradient_reducer.h"

#include <string>
#include <vector>

#include "autograd/autograd.h"
#include "autograd/checkpoint.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensor/comm/ranks_test_util.h"
#include "tensor/error_of.h"
#include "tensor/generator.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"

namespace roux {
namespace {

using testing::HasSubstr;

std::vector<Tensor> parameters(int count, DType dtype) {
  Generator generator(7);
  std::vector<Tensor> out;
  for (int i = 0; i < count; ++i) {
    out.push_back(uniform({5 + i, 6}, -1, 1, generator).to(dtype));
    out.back().set_requires_grad(true);
  }
  return out;
}

Tensor input_of(int rank, DType dtype) {
  Generator generator(static_cast<uint64_t>(100 + rank));
  return uniform({6, 3}, -1, 1, generator).to(dtype);
}

// Every parameter but the last, which no rank uses, and the one before, which rank 1 alone uses.
Tensor loss_of(const std::vector<Tensor>& p, int rank) {
  Tensor loss = zeros({}, p[0].dtype());
  for (size_t i = 0; i + 1 < p.size(); ++i) {
    if (i + 2 == p.size() && rank != 1) continue;
    loss = loss + sum(sin(matmul(p[i], input_of(rank, p[0].dtype()))));
  }
  return loss;
}

std::vector<double> grad_of(const Tensor& p) { return p.grad().to_vector<double>(); }

// Gradients of all ranks' losses, one after the other in rank order.
std::vector<Tensor> expected(int count, DType dtype, int ranks, int backwards) {
  std::vector<Tensor> p = parameters(count, dtype);
  std::vector<Tensor> sums(p.size());
  for (int r = 0; r < ranks; ++r) {
    for (Tensor& x : p) x.set_grad(Tensor());
    for (int i = 0; i < backwards; ++i) backward(loss_of(p, r));
    for (size_t i = 0; i < p.size(); ++i) {
      if (!p[i].grad().defined()) continue;
      sums[i] = sums[i].defined() ? sums[i] + p[i].grad() : p[i].grad();
    }
  }
  return sums;
}

TEST(Ranks, GradientsAreSummedInRankOrderWhateverTheBuckets) {
  for (const DType dtype : {kF32, kF64}) {
    for (const int64_t bucket : {int64_t{1}, int64_t{500}, int64_t{4} << 20}) {
      std::vector<Tensor> p = parameters(7, dtype);
      GradientReducer reducer(world(), p, nullptr, bucket);
      reducer.start();
      backward(loss_of(p, world().rank()));
      reducer.finish();
      const std::vector<Tensor> sums = expected(7, dtype, world().size(), 1);
      for (size_t i = 0; i < p.size(); ++i) {
        ASSERT_EQ(p[i].grad().defined(), sums[i].defined()) << i;
        if (sums[i].defined()) {
          EXPECT_EQ(grad_of(p[i]), sums[i].to_vector<double>()) << i;
        }
      }
    }
  }
}

// The same elements, but each rank has its own.
TEST(Ranks, SlicesOfTheSumsAreThoseOfTheWholeSums) {
  for (const int64_t bucket : {int64_t{1}, int64_t{500}, int64_t{4} << 20}) {
    std::vector<Tensor> p = parameters(7, kF32), slices(7);
    GradientReducer reducer(
        world(), p, [&](size_t i, const Tensor& slice) { slices[i] = slice; }, bucket);
    reducer.start();
    backward(loss_of(p, world().rank()));
    reducer.finish();
    const std::vector<Tensor> sums = expected(7, kF32, world().size(), 1);
    for (size_t i = 0; i < p.size(); ++i) {
      EXPECT_FALSE(p[i].grad().defined()) << i;
      ASSERT_EQ(slices[i].defined(), sums[i].defined()) << i;
      if (!sums[i].defined()) continue;
      const auto [begin, end] = slice_of_rank(p[i].numel(), world().rank(), world().size());
      const std::vector<double> whole = sums[i].to_vector<double>();
      EXPECT_EQ(slices[i].to_vector<double>(),
                std::vector<double>(whole.begin() + begin, whole.begin() + end))
          << i;
    }
  }
}

TEST(Ranks, WhatMicroBatchesAddedIsInTheSum) {
  std::vector<Tensor> p = parameters(4, kF64);
  backward(loss_of(p, world().rank()));
  GradientReducer reducer(world(), p, nullptr, 500);
  reducer.start();
  backward(loss_of(p, world().rank()));
  reducer.finish();
  const std::vector<Tensor> sums = expected(4, kF64, world().size(), 2);
  for (size_t i = 0; i + 1 < p.size(); ++i) EXPECT_EQ(grad_of(p[i]), sums[i].to_vector<double>());
}

// A rank without rows takes part without a backward.
TEST(Ranks, ARankWithNothingToCompute) {
  std::vector<Tensor> p = parameters(3, kF64);
  GradientReducer reducer(world(), p, nullptr, 500);
  if (world().rank() != 0) {
    reducer.start();
    backward(loss_of(p, world().rank()));
  }
  reducer.finish();
  std::vector<Tensor> q = parameters(3, kF64);
  for (int r = 1; r < world().size(); ++r) backward(loss_of(q, r));
  EXPECT_EQ(grad_of(p[0]), grad_of(q[0]));
}

// Two checkpointed blocks share a parameter: their nested passes accumulate one after the other, the second
// after the bucket has gone.
TEST(Ranks, AParameterThatAccumulatesTwice) {
  std::vector<Tensor> p = parameters(3, kF64);
  const auto block = [&](const std::vector<Tensor>& x) { return sin(matmul(p[2], x[0])).slice(0, 0, 6); };
  const auto loss = [&](int rank) {
    Tensor x = input_of(rank, kF64);
    x.set_requires_grad(true);
    x = checkpoint(block, {x});
    x = sin(matmul(p[0], x));
    x = checkpoint(block, {matmul(p[1].transpose(0, 1).slice(1, 0, 5), x)});
    return sum(x);
  };
  std::vector<Tensor> sums(p.size());
  for (int r = 0; r < world().size(); ++r) {
    for (Tensor& x : p) x.set_grad(Tensor());
    backward(loss(r));
    for (size_t i = 0; i < p.size(); ++i) sums[i] = sums[i].defined() ? sums[i] + p[i].grad() : p[i].grad();
  }
  for (const bool slices : {false, true}) {
    std::vector<std::vector<double>> got(p.size());
    GradientReducer::TakeSlice take;
    if (slices) take = [&](size_t i, const Tensor& slice) { got[i] = slice.to_vector<double>(); };
    for (Tensor& x : p) x.set_grad(Tensor());
    GradientReducer reducer(world(), p, take, 1);
    reducer.start();
    backward(loss(world().rank()));
    reducer.finish();
    for (size_t i = 0; i < p.size(); ++i) {
      if (!slices) got[i] = grad_of(p[i]);
      const std::vector<double> want = sums[i].to_vector<double>();
      const int64_t begin = slices ? slice_of_rank(p[i].numel(), world().rank(), world().size()).first : 0;
      ASSERT_FALSE(got[i].empty());
      for (size_t j = 0; j < got[i].size(); ++j) EXPECT_NEAR(got[i][j], want[begin + j], 1e-12);
    }
  }
}

TEST(Alone, ASumOverOneRankIsTheGradient) {
  std::vector<Tensor> p = parameters(3, kF32), q = parameters(3, kF32);
  backward(loss_of(q, 0));
  {
    GradientReducer reducer(world(), p, nullptr, 100);
    reducer.start();
    backward(loss_of(p, 0));
    reducer.finish();
  }
  EXPECT_EQ(grad_of(p[0]), grad_of(q[0]));
  EXPECT_FALSE(p[2].grad().defined());
  EXPECT_THAT(error_of([&] { GradientReducer(world(), {ones({2})}); }), HasSubstr("requires grad"));
}

}  // namespace
}  // namespace roux

int main(int argc, char** argv) { return roux::ranks_test_main(argc, argv, {2, 3, 4}); }
