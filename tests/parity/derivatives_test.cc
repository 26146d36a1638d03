// The gradient of a whole model by fused backwards, by the composed graph, by differences, and its second
// derivative.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "autograd/autograd.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tests/parity/tiny_training.h"

namespace roux::testing {
namespace {

struct Problem {
  explicit Problem(DType dtype)
      : generator(9),
        model(tiny_llama(dtype), {&generator, 0.2, dtype}),
        batch(rows_of(batch_of_step(0), 2, 4)) {}
  Tensor loss() const { return model.loss_sum(batch.ids, batch.targets) / 50.0; }

  Generator generator;
  Transformer model;
  Batch batch;
};

// A fixed direction: one tensor like each parameter, values in [-1, 1].
std::vector<Tensor> direction(const std::vector<Tensor>& like, int64_t salt) {
  std::vector<Tensor> out;
  for (const Tensor& x : like) {
    std::vector<double> v;
    for (int64_t i = 0; i < x.numel(); ++i) v.push_back(std::sin(static_cast<double>((i + 1) * salt % 1013)));
    out.push_back(cast(tensor(v, x.shape()), x.dtype()));
  }
  return out;
}

double dot(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  double total = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const std::vector<double> x = a[i].to_vector<double>(), y = b[i].to_vector<double>();
    for (size_t j = 0; j < x.size(); ++j) total += x[j] * y[j];
  }
  return total;
}

double largest_difference(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const std::vector<double> x = a[i].to_vector<double>(), y = b[i].to_vector<double>();
    double difference = 0, scale = 0;
    for (size_t j = 0; j < x.size(); ++j) {
      difference = std::max(difference, std::abs(x[j] - y[j]));
      scale = std::max(scale, std::abs(y[j]));
    }
    worst = std::max(worst, difference / scale);
  }
  return worst;
}

TEST(Derivatives, FusedEqualComposed) {
  for (const auto& [dtype, tolerance] : {std::pair{kF64, 1e-10}, std::pair{kF32, 1e-5}}) {
    const Problem p(dtype);
    const std::vector<Tensor> fused = grad({p.loss()}, p.model.parameters());
    const std::vector<Tensor> composed = grad({p.loss()}, p.model.parameters(), {.create_graph = true});
    EXPECT_LT(largest_difference(fused, composed), tolerance);
  }
}

TEST(Derivatives, GradientEqualsDifference) {
  const Problem p(kF64);
  const std::vector<Tensor> parameters = p.model.parameters();
  const std::vector<Tensor> u = direction(parameters, 7);
  const double slope = dot(grad({p.loss()}, parameters), u);
  NoGradGuard no_grad;
  const auto loss_at = [&](double h) {
    for (size_t i = 0; i < parameters.size(); ++i) copy_(parameters[i], parameters[i] + u[i] * h);
    return p.loss().item();
  };
  const double h = 1e-5;
  const double right = loss_at(h), left = loss_at(-2 * h);
  EXPECT_NEAR((right - left) / (2 * h) / slope, 1, 1e-6);
}

// u^T H v = v^T H u, and H v is the difference of gradients.
TEST(Derivatives, SecondDerivativeOfTheWholeModel) {
  const Problem p(kF64);
  const std::vector<Tensor> parameters = p.model.parameters();
  const std::vector<Tensor> u = direction(parameters, 7), v = direction(parameters, 29);
  const auto hessian_times = [&](const std::vector<Tensor>& w) {
    const std::vector<Tensor> g = grad({p.loss()}, parameters, {.create_graph = true});
    GradOptions options;
    options.grad_outputs = w;
    return grad(g, parameters, options);
  };
  const std::vector<Tensor> hv = hessian_times(v);
  const double uhv = dot(u, hv);
  EXPECT_NEAR(dot(v, hessian_times(u)) / uhv, 1, 1e-9);

  const auto slope_at = [&](double h) {
    {
      NoGradGuard no_grad;
      for (size_t i = 0; i < parameters.size(); ++i) copy_(parameters[i], parameters[i] + v[i] * h);
    }
    return dot(grad({p.loss()}, parameters), u);
  };
  const double h = 1e-6;
  const double right = slope_at(h), left = slope_at(-2 * h);
  EXPECT_NEAR((right - left) / (2 * h) / uhv, 1, 1e-5);
}

}  // namespace
}  // namespace roux::testing
