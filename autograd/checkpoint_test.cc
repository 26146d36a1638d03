// Checkpointing against plain calls: random ops, overwritten inputs, nesting.
#include "autograd/checkpoint.h"

#include "autograd/autograd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"

namespace roux {
namespace {

using ::testing::HasSubstr;

Tensor leaf(int64_t n) { return ones({n}, kF64).set_requires_grad(true); }

TEST(Checkpoint, RandomOpsReplayWhateverWasDrawnBefore) {
  for (const bool committed : {false, true}) {
    Generator generator(3);
    for (int i = 0; i < 5; ++i) uniform({4}, 0, 1, generator);
    if (committed) generator.commit();
    const Tensor x = leaf(64);
    const auto f = [&](const std::vector<Tensor>& in) {
      return dropout(exp(dropout(in[0], 0.5, generator)), 0.25, generator);
    };
    const GeneratorState before = generator.state();
    const Tensor plain_y = f({x}), plain = grad({sum(plain_y)}, {x})[0];
    generator.set_state({before.seed, 0});
    for (int i = 0; i < 5; ++i) generator.next();  // the same place, but counted from another base
    const Tensor y = checkpoint(f, {x}, {&generator});
    const GeneratorState after = generator.state();
    EXPECT_EQ(y.to_vector<double>(), plain_y.to_vector<double>());
    EXPECT_EQ(grad({sum(y)}, {x})[0].to_vector<double>(), plain.to_vector<double>());
    EXPECT_EQ(generator.state(), after);
  }
}

TEST(Checkpoint, OverwrittenInputIsAnError) {
  const Tensor x = leaf(2), scale = full({2}, 3, kF64);
  const Tensor y =
      sum(checkpoint([](const std::vector<Tensor>& in) { return exp(in[0] * in[1]); }, {x, scale}));
  fill_(scale, 4);
  try {
    backward(y);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("checkpoint: input 1, f64[2], was overwritten before backward, last by fill_"));
  }
}

TEST(Checkpoint, Nested) {
  const auto inner = [](const std::vector<Tensor>& in) { return tanh(in[0]) * in[0]; };
  const Tensor x = leaf(3);
  const Tensor plain = grad({sum(exp(inner({exp(x)})))}, {x})[0];
  const Tensor y =
      checkpoint([&](const std::vector<Tensor>& in) { return exp(checkpoint(inner, {exp(in[0])})); }, {x});
  EXPECT_EQ(grad({sum(y)}, {x})[0].to_vector<double>(), plain.to_vector<double>());
}

// A plain backward keeps what it made again without its graph; a recorded one after it needs that graph.
TEST(Checkpoint, RecordedBackwardAfterAPlainOne) {
  const auto f = [](const std::vector<Tensor>& in) { return exp(tanh(in[0]) * in[0]); };
  const auto second_derivative = [](const Tensor& y, const Tensor& x) {
    GradOptions again, recorded;
    again.retain_graph = true;
    recorded.create_graph = true;
    grad({y}, {x}, again);
    return grad({sum(grad({y}, {x}, recorded)[0])}, {x})[0].to_vector<double>();
  };
  const Tensor x = leaf(3);
  EXPECT_EQ(second_derivative(sum(checkpoint(f, {x})), x), second_derivative(sum(f({x})), x));
}

// A function can tell its second run, also where another checkpoint's first run stands inside; and a tensor
// that it captures gets its gradient.
TEST(Checkpoint, SecondRunsAreToldApart) {
  std::vector<bool> outer, inner;
  const Tensor x = leaf(3), w = leaf(3), captured = w * w;
  const Tensor y = checkpoint(
      [&](const std::vector<Tensor>& in) {
        outer.push_back(recomputing());
        const auto f = [&](const std::vector<Tensor>& again) {
          inner.push_back(recomputing());
          return exp(again[0] * captured);
        };
        return checkpoint(f, {sigmoid(in[0])});
      },
      {x});
  const std::vector<Tensor> g = grad({sum(y)}, {x, w});
  EXPECT_EQ(outer, (std::vector<bool>{false, true}));
  EXPECT_EQ(inner.front(), false);
  EXPECT_EQ(inner.back(), true);
  EXPECT_FALSE(recomputing());
  const std::vector<Tensor> plain = grad({sum(exp(sigmoid(x) * (w * w)))}, {x, w});
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(g[i].to_vector<double>(), plain[i].to_vector<double>());
}

}  // namespace
}  // namespace roux
