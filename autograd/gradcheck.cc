#include "autograd/gradcheck.h"

#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "autograd/autograd.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/philox.h"

namespace roux {
namespace {

using Values = std::vector<double>;

// Uniform in [-1, 1], away from 0 so that no coordinate is skipped.
Values direction(size_t n, uint64_t seed, uint64_t stream) {
  Values values(n);
  for (size_t i = 0; i < n; ++i) {
    const float u = philox_uniform(philox(seed, stream, i).word[0]);
    values[i] = u < 0.5f ? -1.0 + u : u;
  }
  return values;
}

bool is_variable(const Tensor& x) { return x.defined() && x.requires_grad(); }

// Inputs with variable i moved by h * u_i; non-variables as they are. Fresh leaves.
std::vector<Tensor> moved(const std::vector<Tensor>& inputs, const std::vector<Values>& u, double h) {
  std::vector<Tensor> out;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!is_variable(inputs[i])) {
      out.push_back(inputs[i]);
      continue;
    }
    Values values = inputs[i].to_vector<double>();
    for (size_t k = 0; k < values.size(); ++k) values[k] += h * u[i][k];
    out.push_back(tensor(values, inputs[i].shape()).set_requires_grad(true));
  }
  return out;
}

double dot(const Tensor& x, const Values& v) {
  const Values values = x.to_vector<double>();
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) sum += values[i] * v[i];
  return sum;
}

// v^T J u from backward; v per floating output.
std::vector<Tensor> analytic_grads(const TensorsFunction& f, const std::vector<Tensor>& inputs,
                                   const std::vector<Values>& v) {
  std::vector<Tensor> variables, outputs, weights;
  for (const Tensor& x : inputs) {
    if (is_variable(x)) variables.push_back(x);
  }
  const std::vector<Tensor> all = f(inputs);
  for (size_t j = 0; j < all.size(); ++j) {
    if (!all[j].requires_grad()) continue;
    outputs.push_back(all[j]);
    weights.push_back(tensor(v[j], all[j].shape()));
  }
  if (outputs.empty()) return std::vector<Tensor>(variables.size());
  GradOptions options;
  options.grad_outputs = weights;
  options.allow_unused = true;
  return grad(outputs, variables, options);
}

bool same_bits(const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  const Values x = a.to_vector<double>(), y = b.to_vector<double>();
  return x.size() == y.size() &&
         (x.empty() || std::memcmp(x.data(), y.data(), x.size() * sizeof(double)) == 0);
}

}  // namespace

absl::Status gradcheck(const TensorsFunction& f, const std::vector<Tensor>& original,
                       const GradcheckOptions& options) {
  GradModeGuard recording(true);
  std::vector<Tensor> inputs;
  for (const Tensor& x : original) {
    ROUX_CHECK(!is_variable(x) || x.dtype() == kF64)
        << "gradcheck: an input that requires grad must be f64: " << x.spec();
    inputs.push_back(is_variable(x) ? x.detach().set_requires_grad(true) : x);
  }
  const std::vector<Tensor> outputs = f(inputs);
  for (int round = 0; round < options.directions; ++round) {
    std::vector<Values> u(inputs.size()), v(outputs.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (is_variable(inputs[i])) {
        u[i] = direction(static_cast<size_t>(inputs[i].numel()), options.seed, 1000 * round + i);
      }
    }
    for (size_t j = 0; j < outputs.size(); ++j) {
      v[j] = direction(static_cast<size_t>(outputs[j].numel()), options.seed + 1, 1000 * round + j);
    }
    const std::vector<Tensor> grads = analytic_grads(f, inputs, v), again = analytic_grads(f, inputs, v);
    double analytic = 0, scale = 0;
    for (size_t i = 0, k = 0; i < inputs.size(); ++i) {
      if (!is_variable(inputs[i])) continue;
      if (!same_bits(grads[k], again[k])) {
        return absl::InternalError(absl::StrCat("two backwards differ in bits for input ", i));
      }
      if (grads[k].defined()) {
        if (!(grads[k].spec() == inputs[i].spec())) {
          return absl::InternalError(absl::StrCat("the gradient of input ", i, " is ",
                                                  to_string(grads[k].spec()), ", the input is ",
                                                  to_string(inputs[i].spec())));
        }
        analytic += dot(grads[k], u[i]);
        const Values values = grads[k].to_vector<double>();
        for (size_t e = 0; e < values.size(); ++e) scale += std::fabs(values[e] * u[i][e]);
      }
      ++k;
    }
    double numeric = 0;
    {
      NoGradGuard no_grad;
      const std::vector<Tensor> plus = f(moved(inputs, u, options.step)),
                                minus = f(moved(inputs, u, -options.step));
      for (size_t j = 0; j < outputs.size(); ++j) {
        if (!is_floating(outputs[j].dtype())) continue;
        numeric += (dot(plus[j], v[j]) - dot(minus[j], v[j])) / (2 * options.step);
      }
    }
    if (!(std::fabs(analytic - numeric) <=
          options.atol + options.rtol * std::max(scale, std::fabs(numeric)))) {
      return absl::InternalError(
          absl::StrCat("direction ", round, ": backward gives ", analytic, ", differences give ", numeric));
    }
  }
  return absl::OkStatus();
}

absl::Status gradgradcheck(const TensorsFunction& f, const std::vector<Tensor>& inputs,
                           const GradcheckOptions& options) {
  GradModeGuard recording(true);
  // The gradient as a function of (inputs..., one grad_output per differentiable output).
  const std::vector<Tensor> outputs = f(inputs);
  std::vector<Tensor> extended = inputs;
  for (size_t j = 0; j < outputs.size(); ++j) {
    if (!outputs[j].requires_grad()) continue;
    const Values v = direction(static_cast<size_t>(outputs[j].numel()), options.seed + 2, j);
    extended.push_back(tensor(v, outputs[j].shape()).set_requires_grad(true));
  }
  if (extended.size() == inputs.size()) return absl::OkStatus();
  const size_t count = inputs.size();
  const TensorsFunction gradient = [&f, count](const std::vector<Tensor>& x) {
    GradModeGuard inner_recording(true);
    std::vector<Tensor> arguments(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(count)), variables,
        differentiable;
    for (const Tensor& a : arguments) {
      if (is_variable(a)) variables.push_back(a);
    }
    for (const Tensor& y : f(arguments)) {
      if (y.requires_grad()) differentiable.push_back(y);
    }
    GradOptions inner;
    inner.grad_outputs.assign(x.begin() + static_cast<std::ptrdiff_t>(count), x.end());
    inner.create_graph = inner.allow_unused = true;
    std::vector<Tensor> grads = grad(differentiable, variables, inner);
    for (size_t i = 0; i < grads.size(); ++i) {
      if (!grads[i].defined()) grads[i] = zeros_like(variables[i]);
    }
    return grads;
  };
  return gradcheck(gradient, extended, options);
}

}  // namespace roux
