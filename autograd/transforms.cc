// vjp, jvp, hvp and hooks.
#include <algorithm>

#include "autograd/autograd.h"
#include "autograd/node.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"

namespace roux {
namespace {

// Leaves with the inputs' data, so that the caller's graph is not touched.
std::vector<Tensor> leaves_of(const std::vector<Tensor>& inputs) {
  std::vector<Tensor> leaves;
  for (const Tensor& x : inputs) leaves.push_back(x.detach().set_requires_grad(true));
  return leaves;
}

// Undefined gradients (an output that does not depend on that input) become zeros.
std::vector<Tensor> filled(std::vector<Tensor> grads, const std::vector<Tensor>& like) {
  for (size_t i = 0; i < grads.size(); ++i) {
    if (!grads[i].defined()) grads[i] = zeros_like(like[i]);
  }
  return grads;
}

void check_vectors(const char* op, const std::vector<Tensor>& inputs, const std::vector<Tensor>& v) {
  ROUX_CHECK(inputs.size() == v.size())
      << op << ": " << v.size() << " vectors for " << inputs.size() << " inputs";
  for (size_t i = 0; i < v.size(); ++i) {
    ROUX_CHECK(v[i].spec() == inputs[i].spec())
        << op << ": vector " << i << " is " << v[i].spec() << ", input " << i << " is " << inputs[i].spec();
  }
}

// The gradients to `wrt` of sum_i <v_i, dy/dleaf_i>; undefined where nothing depends on it.
std::vector<Tensor> grad_of_grads(const Tensor& y, const std::vector<Tensor>& leaves,
                                  const std::vector<Tensor>& grad_outputs, const std::vector<Tensor>& v,
                                  const std::vector<Tensor>& wrt) {
  GradOptions first;
  first.grad_outputs = grad_outputs;
  first.create_graph = first.allow_unused = true;
  const std::vector<Tensor> grads = grad({y}, leaves, first);
  std::vector<Tensor> outputs;
  GradOptions second;
  second.allow_unused = true;
  for (size_t i = 0; i < grads.size(); ++i) {
    if (!grads[i].defined() || !grads[i].requires_grad()) continue;
    outputs.push_back(grads[i]);
    second.grad_outputs.push_back(v[i]);
  }
  return outputs.empty() ? std::vector<Tensor>(wrt.size()) : grad(outputs, wrt, second);
}

}  // namespace

std::vector<Tensor> vjp(const TensorFunction& f, const std::vector<Tensor>& inputs, const Tensor& v) {
  GradModeGuard recording(true);
  const std::vector<Tensor> leaves = leaves_of(inputs);
  const Tensor y = f(leaves);
  if (!y.requires_grad()) return filled(std::vector<Tensor>(inputs.size()), inputs);
  GradOptions options;
  options.grad_outputs = {v};
  options.allow_unused = true;
  return filled(grad({y}, leaves, options), inputs);
}

Tensor jvp(const TensorFunction& f, const std::vector<Tensor>& inputs, const std::vector<Tensor>& v) {
  check_vectors("jvp", inputs, v);
  GradModeGuard recording(true);
  const std::vector<Tensor> leaves = leaves_of(inputs);
  const Tensor y = f(leaves);
  if (!y.requires_grad()) return zeros_like(y);
  const Tensor u = zeros_like(y).set_requires_grad(true);
  const Tensor result = grad_of_grads(y, leaves, {u}, v, {u})[0];
  return result.defined() ? result : zeros_like(y);
}

std::vector<Tensor> hvp(const TensorFunction& f, const std::vector<Tensor>& inputs,
                        const std::vector<Tensor>& v) {
  check_vectors("hvp", inputs, v);
  GradModeGuard recording(true);
  const std::vector<Tensor> leaves = leaves_of(inputs);
  const Tensor y = f(leaves);
  ROUX_CHECK(y.numel() == 1) << "hvp: f must return one element, it returned " << y.spec();
  if (!y.requires_grad()) return filled(std::vector<Tensor>(inputs.size()), inputs);
  return filled(grad_of_grads(y, leaves, {}, v, leaves), inputs);
}

namespace {

int64_t next_hook_id() {
  thread_local int64_t next_id = 0;
  return ++next_id;
}

}  // namespace

int64_t register_hook(const Tensor& x, std::function<Tensor(const Tensor& grad)> hook) {
  const Edge edge = gradient_edge(x);
  ROUX_CHECK(edge.node) << "register_hook: the tensor does not require grad";
  if (!edge.node->hooks) edge.node->hooks = std::make_unique<std::vector<Node::HookEntry>>();
  const int64_t id = next_hook_id();
  edge.node->hooks->push_back({id, edge.index, std::move(hook)});
  return id;
}

void remove_hook(const Tensor& x, int64_t id) {
  const Edge edge = gradient_edge(x);
  if (!edge.node || !edge.node->hooks) return;
  std::vector<Node::HookEntry>& hooks = *edge.node->hooks;
  for (size_t i = 0; i < hooks.size(); ++i) {
    if (hooks[i].id == id) {
      hooks.erase(hooks.begin() + static_cast<std::ptrdiff_t>(i));
      return;
    }
  }
}

int64_t register_post_accumulate_hook(const Tensor& leaf, std::function<void(const Tensor& grad)> callback) {
  const Edge edge = gradient_edge(leaf);
  ROUX_CHECK(edge.node && edge.node->is_leaf_node())
      << "register_post_accumulate_hook: needs a leaf that requires grad";
  const int64_t id = next_hook_id();
  static_cast<AccumulateGrad*>(edge.node.get())->after.push_back({id, std::move(callback)});
  return id;
}

void remove_post_accumulate_hook(const Tensor& leaf, int64_t id) {
  const Edge edge = gradient_edge(leaf);
  if (!edge.node || !edge.node->is_leaf_node()) return;
  auto& after = static_cast<AccumulateGrad*>(edge.node.get())->after;
  after.erase(
      std::remove_if(after.begin(), after.end(), [&](const auto& entry) { return entry.first == id; }),
      after.end());
}

}  // namespace roux
