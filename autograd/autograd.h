// Reverse-mode automatic differentiation, define-by-run. Ops record themselves while grad mode is on and an
// input requires grad; the functions here walk that graph.
//
//   Tensor loss = cross_entropy(model(x), targets);
//   backward(loss);                                  // p.grad() of every leaf p
//   Tensor g = grad({y}, {x}, {.create_graph = true})[0];   // differentiable again
//
// Results are deterministic: nodes run in reverse order of their creation. All throw Error. A graph belongs
// to one thread. Link //autograd/rules (and //tensor/cpu) at the top.
#ifndef ROUX_AUTOGRAD_AUTOGRAD_H_
#define ROUX_AUTOGRAD_AUTOGRAD_H_

#include <functional>
#include <vector>

#include "tensor/tensor.h"

namespace roux {

struct BackwardOptions {
  Tensor grad_output;         // like the output; may be left out for a one-element output (then it is 1)
  bool retain_graph = false;  // keep saved tensors for another backward; implied by create_graph
  bool create_graph = false;  // record the backward itself, for higher derivatives
};
// Adds d output / d leaf to the grad() of every leaf that requires grad.
void backward(const Tensor& output, const BackwardOptions& options = {});

struct GradOptions {
  std::vector<Tensor> grad_outputs;  // one per output, or empty when every output has one element
  bool retain_graph = false;
  bool create_graph = false;
  bool allow_unused = false;  // an input that no output depends on: undefined instead of an Error
};
// The gradient of sum_i <grad_outputs[i], outputs[i]> for each input (leaves or intermediate tensors). No
// grad() changes.
std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options = {});

using TensorFunction = std::function<Tensor(const std::vector<Tensor>&)>;

// v^T J: gradients of <v, f(inputs)>.
std::vector<Tensor> vjp(const TensorFunction& f, const std::vector<Tensor>& inputs, const Tensor& v);
// J v by two reverse passes (the vjp is linear in its vector, and its derivative there is the jvp).
Tensor jvp(const TensorFunction& f, const std::vector<Tensor>& inputs, const std::vector<Tensor>& v);
// H v of a scalar function: the gradient of <grad f, v>.
std::vector<Tensor> hvp(const TensorFunction& f, const std::vector<Tensor>& inputs,
                        const std::vector<Tensor>& v);

// Calls hook(grad) when the gradient of x is complete; what it returns (if defined) replaces the gradient. x
// must require grad. Returns an id for remove_hook.
int64_t register_hook(const Tensor& x, std::function<Tensor(const Tensor& grad)> hook);
void remove_hook(const Tensor& x, int64_t id);
// Calls callback(leaf gradient) after each accumulation into a leaf (where data parallelism starts its
// reduction). It may change or clear the leaf's gradient. Returns an id for remove_post_accumulate_hook,
// which may not be called from a callback.
int64_t register_post_accumulate_hook(const Tensor& leaf, std::function<void(const Tensor& grad)> callback);
void remove_post_accumulate_hook(const Tensor& leaf, int64_t id);

}  // namespace roux

#endif  // ROUX_AUTOGRAD_AUTOGRAD_H_
