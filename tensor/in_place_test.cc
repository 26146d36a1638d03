// In-place ops whose arguments share memory: the result is as if the source had been read before anything was
// written, and a destination that overlaps itself is an Error.
#include <algorithm>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensor/error_of.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/optimizer.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using Floats = std::vector<float>;

Tensor numbers(int64_t n) { return arange(1, static_cast<double>(n + 1)); }

TEST(InPlace, ShiftedRangesOfOneTensor) {
  for (int64_t n : {8, 3000, 100000}) {  // within one task, several tasks
    const Floats before = numbers(n).to_vector<float>();
    const Tensor up = numbers(n), down = numbers(n), sum = numbers(n);
    copy_(up.slice(0, 1, n), up.slice(0, 0, n - 1));
    copy_(down.slice(0, 0, n - 1), down.slice(0, 1, n));
    add_(sum.slice(0, 1, n), sum.slice(0, 0, n - 1), 2);
    Floats wanted_up = before, wanted_down = before, wanted_sum = before;
    for (size_t i = 1; i < before.size(); ++i) {
      wanted_up[i] = before[i - 1];
      wanted_down[i - 1] = before[i];
      wanted_sum[i] = before[i] + 2 * before[i - 1];
    }
    EXPECT_EQ(up.to_vector<float>(), wanted_up) << n;
    EXPECT_EQ(down.to_vector<float>(), wanted_down) << n;
    EXPECT_EQ(sum.to_vector<float>(), wanted_sum) << n;
  }
}

TEST(InPlace, TheTransposeOfItself) {
  for (int64_t n : {2, 5, 70}) {  // 70: copied in tiles
    const Tensor x = numbers(n * n).view({n, n}), y = numbers(n * n).view({n, n});
    const Floats before = x.to_vector<float>();
    copy_(x, x.transpose(0, 1));
    add_(y, y.transpose(0, 1));
    const Floats copied = x.to_vector<float>(), added = y.to_vector<float>();
    for (int64_t i = 0; i < n * n; ++i) {
      const auto at = static_cast<size_t>(i), mirror = static_cast<size_t>(i % n * n + i / n);
      EXPECT_EQ(copied[at], before[mirror]);
      EXPECT_EQ(added[at], before[at] + before[mirror]);
    }
  }
}

TEST(InPlace, ARowOfItself) {
  const Tensor x = numbers(6).view({2, 3});
  copy_(x, x.slice(0, 1, 2));
  EXPECT_EQ(x.to_vector<float>(), (Floats{4, 5, 6, 4, 5, 6}));
  const Tensor y = numbers(6).view({2, 3});
  add_(y, y.slice(1, 1, 2).expand({2, 3}));
  EXPECT_EQ(y.to_vector<float>(), (Floats{3, 4, 5, 9, 10, 11}));
}

TEST(InPlace, TheSameViewNeedsNoCopy) {
  const Tensor x = numbers(1000);
  reset_peak_memory(kCpu);
  const int64_t before = memory_stats(kCpu).current;
  add_(x, x);
  copy_(x, x);
  add_(x.slice(0, 0, 500), x.slice(0, 500, 1000), 0);
  EXPECT_EQ(memory_stats(kCpu).peak, before);
  EXPECT_EQ(x.slice(0, 0, 3).to_vector<float>(), (Floats{2, 4, 6}));
}

TEST(InPlace, ADestinationThatOverlapsItselfIsAnError) {
  for (Device device : {kCpu, kMeta}) {
    const Tensor x = zeros({3, 1}, kF32, device), source = zeros({3, 4}, kF32, device);
    const Tensor wide = x.expand({3, 4});
    const Tensor windows = alias(zeros({6}, kF32, device), {4, 3}, {1, 1}, 0);
    for (const Tensor& target : {wide, windows.transpose(0, 1)}) {
      const auto says = [&](const char* op) {
        return AllOf(StartsWith(std::string(op) + ": x overlaps itself"), HasSubstr("strides"));
      };
      EXPECT_THAT(error_of([&] { copy_(target, source); }), says("copy_"));
      EXPECT_THAT(error_of([&] { fill_(target, 1); }), says("fill_"));
      EXPECT_THAT(error_of([&] { add_(target, source); }), says("add_"));
    }
  }
  // Nothing is written, and one element expanded to one place is no overlap.
  const Tensor x = numbers(3).view({3, 1});
  EXPECT_NE(error_of([&] { fill_(x.expand({3, 2}), 7); }), "");
  EXPECT_EQ(x.to_vector<float>(), (Floats{1, 2, 3}));
  fill_(x.expand({1, 3, 1}), 7);
  EXPECT_EQ(x.to_vector<float>(), (Floats{7, 7, 7}));
}

// Random views of one storage (strides, offsets, transposes, steps) against a model that reads all of the
// source first.
TEST(InPlace, RandomViewsAgainstAModel) {
  std::mt19937 random(7);
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint32_t>(n)); };
  int tried = 0;
  for (int round = 0; round < 3000; ++round) {
    const Tensor all = numbers(200);
    const Shape shape{1 + below(4), 1 + below(4), 1 + below(3)};
    const auto view = [&] {
      Strides strides{below(13), below(9), below(6)};
      return alias(all, shape, strides, below(100));
    };
    const Tensor x = view(), source = round % 5 == 0 ? x : view();
    const auto places = [&](const Tensor& t) {
      std::vector<int64_t> at;
      for (int64_t i = 0; i < shape[0]; ++i) {
        for (int64_t j = 0; j < shape[1]; ++j) {
          for (int64_t k = 0; k < shape[2]; ++k) {
            at.push_back(t.impl()->offset + i * t.strides()[0] + j * t.strides()[1] + k * t.strides()[2]);
          }
        }
      }
      return at;
    };
    const std::vector<int64_t> to = places(x), from = places(source);
    std::vector<int64_t> distinct = to;
    std::sort(distinct.begin(), distinct.end());
    const bool overlaps = std::adjacent_find(distinct.begin(), distinct.end()) != distinct.end();
    Floats model = all.to_vector<float>();
    const Floats read = model;
    const bool adds = round % 2 == 0;
    const auto write = [&] { adds ? add_(x, source, 3) : copy_(x, source); };
    if (overlaps) {
      EXPECT_NE(error_of(write), "") << x.strides() << " " << shape;
    } else {
      write();
      for (size_t i = 0; i < to.size(); ++i) {
        const float value = read[static_cast<size_t>(from[i])];
        float& target = model[static_cast<size_t>(to[i])];
        target = adds ? target + 3 * value : value;
      }
      ++tried;
    }
    ASSERT_EQ(all.to_vector<float>(), model) << round << " " << shape << x.strides() << source.strides();
  }
  EXPECT_GT(tried, 200);
}

TEST(InPlace, OptimizerTensorsMustNotShareMemory) {
  const Tensor memory = zeros({12});
  const std::vector<Tensor> p{memory.slice(0, 0, 4), memory.slice(0, 3, 7)}, g{ones({4}), ones({4})},
      m{zeros({4}), zeros({4})}, v{zeros({4}), zeros({4})};
  std::vector<double> step(kStepScalarCount, 1);
  const Tensor scalars = tensor(step, {kStepScalarCount});
  EXPECT_THAT(error_of([&] { sgd_(p, g, {}, scalars, {}); }),
              StartsWith("sgd_: params[0] and params[1] share memory"));
  EXPECT_THAT(error_of([&] { sgd_({m[0]}, {m[0]}, {}, scalars, {}); }),
              StartsWith("sgd_: params[0] and grads[0] share memory"));
  EXPECT_THAT(error_of([&] {
                sgd_(m, g, {v[0], v[0]}, scalars, {.momentum = 0.5});
              }),
              StartsWith("sgd_: momentum_buffers[0] and momentum_buffers[1] share memory"));
  sgd_(m, {g[0], g[0]}, {}, scalars, {});  // what is only read may be shared
  EXPECT_EQ(m[1].to_vector<float>(), (Floats{-1, -1, -1, -1}));
  const Tensor gaps = zeros({2 * kStepScalarCount}, kF64);
  EXPECT_THAT(error_of([&] { sgd_(m, g, {}, gaps.slice(0, 0, 2 * kStepScalarCount, 2), {}); }),
              StartsWith("sgd_: scalars is not contiguous"));
}

}  // namespace
}  // namespace roux
