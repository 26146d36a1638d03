#include "autograd/node.h"

#include "autograd/anomaly.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {
thread_local uint64_t sequence = 0;

// Nodes to free; lives while a chain is freed, so that graphs in static storage may go after all
// thread_locals.
using Graveyard = absl::InlinedVector<Node*, 16>;
constinit thread_local Graveyard* graveyard = nullptr;
}  // namespace

const Tensor& Node::accumulated_grad() const {
  static const Tensor kUndefined;
  return kUndefined;
}
void Node::set_accumulated_grad(const Tensor&) { ROUX_INVARIANT(false); }

void Node::destroy() {
  if (graveyard != nullptr) {
    graveyard->push_back(this);
    return;
  }
  Graveyard pending{this};
  graveyard = &pending;
  while (!pending.empty()) {
    Node* node = pending.back();
    pending.pop_back();
    delete node;
  }
  graveyard = nullptr;
}

void AccumulateGrad::backward(absl::Span<const Tensor> grad_outputs, GradInputs&) {
  const Tensor& incoming = grad_outputs[0];
  if (!incoming.defined()) return;
  if (grad_mode_enabled()) {  // create_graph: the gradient stays part of the graph
    grad_ = grad_.defined() ? add(grad_, incoming) : incoming;
  } else if (grad_.defined()) {
    add_(grad_, incoming);  // +=: accumulation over micro-batches keeps one buffer
  } else {
    const bool sole_owner = incoming.is_contiguous() && incoming.impl()->use_count() == 1 &&
                            incoming.impl()->storage->use_count() == 1;
    if (sole_owner) {
      grad_ = incoming;
    } else {
      grad_ = empty(incoming.spec(), incoming.device());
      copy_(grad_, incoming);
    }
  }
  for (const auto& [id, callback] : after) callback(grad_);
}

Edge gradient_edge(const Tensor& x) {
  if (!x.defined() || !x.requires_grad()) return {};
  TensorImpl* impl = x.impl();
  if (!impl->node) {
    auto leaf = make_intrusive<AccumulateGrad>();
    leaf->outputs.push_back({impl->spec, x.device()});
    impl->node = IntrusivePtr<GraphNode>(leaf.get());
  }
  return {IntrusivePtr<Node>(static_cast<Node*>(impl->node.get())), impl->output_index};
}

void connect(const IntrusivePtr<Node>& node, absl::Span<const TensorRef> inputs,
             absl::Span<Tensor* const> outputs) {
  node->sequence = ++sequence;
  node->next.reserve(inputs.size());
  for (const TensorRef& x : inputs) node->next.push_back(gradient_edge(*x));
  for (size_t i = 0; i < outputs.size(); ++i) {
    TensorImpl* impl = outputs[i]->impl();
    node->outputs.push_back({impl->spec, outputs[i]->device()});
    if (!is_floating(impl->spec.dtype)) continue;
    impl->requires_grad = true;
    impl->node = IntrusivePtr<GraphNode>(node.get());
    impl->output_index = static_cast<uint32_t>(i);
  }
  if (anomaly_mode()) [[unlikely]]
    check_forward(node->op(), inputs, outputs);
}

}  // namespace roux
