#include "autograd/per_example.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/io/safetensors.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/loss.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/reduce.h"

namespace roux {
namespace {

using ::testing::ElementsAre;

// The classifier of tests/golden/per_example.py, which computed the gradients.
TEST(PerExample, EqualsPyTorchsLoop) {
  const auto read = load_safetensors("tests/golden/per_example.safetensors");
  ASSERT_TRUE(read.ok()) << read.status();
  const std::map<std::string, Tensor> file(read->begin(), read->end());
  const std::vector<std::string> names{"embedding", "weight_1", "bias_1", "weight_2", "bias_2"};
  std::vector<Tensor> p;
  for (const std::string& name : names) {
    p.push_back(file.at("parameter." + name).detach().set_requires_grad(true));
  }
  const auto loss = [&](const std::vector<Tensor>& example) {
    const Tensor x = mean(embedding(p[0], example[0]), {1});
    return cross_entropy(linear(tanh(linear(x, p[1], p[2])), p[3], p[4]), example[1],
                         {.reduction = Reduction::kSum});
  };
  const std::vector<Tensor> batch{file.at("ids"), file.at("targets")};
  const std::vector<Tensor> gradients = per_example_gradients(loss, p, batch);
  ASSERT_EQ(gradients.size(), names.size());
  const std::vector<Tensor> together = grad({loss(batch)}, p);
  for (size_t i = 0; i < names.size(); ++i) {
    const Tensor& expected = file.at("gradient." + names[i]);
    ASSERT_EQ(gradients[i].spec(), expected.spec()) << names[i];
    const auto largest = [](const Tensor& x) {
      double most = 0;
      for (const double v : x.to_vector<double>())
        most = std::max(most, std::isnan(v) ? INFINITY : std::abs(v));
      return most;
    };
    NoGradGuard no_grad;
    EXPECT_LT(largest(gradients[i] - expected), 1e-14) << names[i];
    EXPECT_LT(largest(sum(gradients[i], {0}) - together[i]), 1e-14) << names[i];
    EXPECT_FALSE(gradients[i].requires_grad());
    EXPECT_FALSE(p[i].grad().defined());
  }
}

// loss_b = w . x_b for even b; 3 u for odd ones.
TEST(PerExample, ParametersThatAnExampleDoesNotUse) {
  const Tensor w = zeros({2}).set_requires_grad(true), u = ones({1}).set_requires_grad(true);
  const Tensor x = arange(0, 6).view({3, 2});
  int64_t row = 0;
  NoGradGuard off;  // recording is on inside
  const std::vector<Tensor> gradients = per_example_gradients(
      [&](const std::vector<Tensor>& example) {
        EXPECT_EQ(example[0].shape(), (Shape{1, 2}));
        return row++ % 2 == 0 ? sum(w * example[0]) : sum(u * 3.0);
      },
      {w, u}, {x});
  EXPECT_THAT(gradients[0].to_vector<float>(), ElementsAre(0, 1, 0, 0, 4, 5));
  EXPECT_THAT(gradients[1].to_vector<float>(), ElementsAre(0, 3, 0));
  EXPECT_EQ(gradients[1].shape(), (Shape{3, 1}));
}

TEST(PerExample, BatchesOfNoRowAndErrors) {
  const Tensor w = ones({2}).set_requires_grad(true);
  const auto loss = [&](const std::vector<Tensor>& example) { return sum(w * example[0]); };
  EXPECT_EQ(per_example_gradients(loss, {w}, {zeros({0, 2})})[0].shape(), (Shape{0, 2}));
  EXPECT_EQ(error_of([&] { per_example_gradients(loss, {w}, {}); }),
            "per_example_gradients: the batch is empty");
  EXPECT_EQ(
      error_of([&] {
        per_example_gradients(loss, {w}, {zeros({3, 2}), zeros({2})});
      }),
      "per_example_gradients: tensor 1 of the batch is f32[2], the first is f32[3,2], needed as many rows");
  EXPECT_EQ(error_of([&] {
              per_example_gradients(loss, {w.detach()}, {zeros({3, 2})});
            }),
            "grad: input 0 does not require grad");
  const auto two = [&](const std::vector<Tensor>& example) { return w * example[0]; };
  EXPECT_NE(error_of([&] { per_example_gradients(two, {w}, {zeros({3, 2})}); }), "no error");
}

}  // namespace
}  // namespace roux
