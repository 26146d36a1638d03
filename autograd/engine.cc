// The backward pass: finds the part of the graph that is needed, then runs its nodes from the newest to the
// oldest. Both phases use work lists, so that a chain of a million nodes needs no stack. Gradients that meet
// are summed in the order in which they arrive, which the order of creation fixes.
#include <algorithm>
#include <queue>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "autograd/anomaly.h"
#include "autograd/autograd.h"
#include "autograd/node.h"
#include "autograd/rule.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

struct Target {
  uint32_t output_index;
  Tensor* result;
};

struct State {
  absl::InlinedVector<Tensor, 1> grads;  // one per output of the node
  std::vector<Target> targets;           // results that are read here
  int dependencies = 0;                  // needed consumers that have not run yet
  bool needed = true;                    // a target or a leaf to accumulate into lies at or below it
  bool continues = false;                // one lies strictly below it
  bool queued = false;                   // two roots may be outputs of one node
};

bool sole_owner(const Tensor& x) {
  return x.is_contiguous() && x.impl()->use_count() == 1 && x.impl()->storage->use_count() == 1;
}

class BackwardNodeScope {
 public:
  explicit BackwardNodeScope(Node* node) : previous_(exchange_current_backward_node(node)) {}
  ~BackwardNodeScope() { exchange_current_backward_node(previous_); }

 private:
  GraphNode* previous_;
};

class Engine {
 public:
  Engine(bool create_graph, bool retain_graph) : create_graph_(create_graph), retain_graph_(retain_graph) {}

  void add_root(const Tensor& output, const Tensor& grad_output) {
    const Edge edge = gradient_edge(output);
    roots_.push_back({edge, grad_output});
  }
  // Without targets every leaf accumulates.
  void add_target(const Tensor& input, Tensor* result) {
    const Edge edge = gradient_edge(input);
    states_[edge.node.get()].targets.push_back({edge.index, result});
    has_targets_ = true;
  }

  void run() {
    discover();
    GradModeGuard mode(create_graph_);
    for (Root& root : roots_) {
      State& state = states_[root.edge.node.get()];
      if (state.needed) accumulate(root.edge, std::move(root.grad));
    }
    for (Root& root : roots_) {
      State& state = states_[root.edge.node.get()];
      if (state.needed && state.dependencies == 0) push(root.edge.node.get());
    }
    while (!ready_.empty()) {
      Node* node = ready_.top().second;
      ready_.pop();
      run_node(node);
    }
  }

 private:
  struct Root {
    Edge edge;
    Tensor grad;
  };

  void discover() {
    std::vector<Node*> stack, order;
    absl::flat_hash_map<Node*, bool> seen;
    auto visit = [&](Node* node) {
      if (seen.emplace(node, true).second) stack.push_back(node);
    };
    for (const Root& root : roots_) visit(root.edge.node.get());
    while (!stack.empty()) {
      Node* node = stack.back();
      stack.pop_back();
      order.push_back(node);
      for (const Edge& edge : node->next) {
        if (edge.node) visit(edge.node.get());
      }
    }
    // An input is always older than its consumer, so ascending order sees what lies below first.
    std::sort(order.begin(), order.end(), [](Node* a, Node* b) { return a->sequence < b->sequence; });
    for (Node* node : order) {
      State& state = states_[node];
      for (const Edge& edge : node->next) state.continues |= edge.node && states_[edge.node.get()].needed;
      state.needed =
          has_targets_ ? state.continues || !state.targets.empty() : state.continues || node->is_leaf_node();
      state.grads.resize(node->outputs.size());
    }
    for (Node* node : order) {
      if (!states_[node].continues) continue;
      for (const Edge& edge : node->next) {
        if (edge.node && states_[edge.node.get()].needed) ++states_[edge.node.get()].dependencies;
      }
    }
  }

  void push(Node* node) {
    // Leaves (sequence 0) run as soon as they are complete, in that order: their buffers are not kept until
    // the end.
    State& state = states_[node];
    if (state.queued) return;
    state.queued = true;
    const uint64_t priority = node->is_leaf_node() ? --leaf_priority_ : node->sequence;
    if (!state.targets.empty() || state.continues || node->is_leaf_node()) ready_.push({priority, node});
  }

  void accumulate(const Edge& edge, Tensor grad) {
    if (!grad.defined()) return;
    const Node::Output& output = edge.node->outputs[edge.index];
    if (!(grad.shape() == output.spec.shape)) grad = sum_to(grad, output.spec.shape);
    ROUX_CHECK(grad.dtype() == output.spec.dtype && grad.device() == output.device)
        << edge.node->op() << ": its gradient is " << grad.spec() << " on " << grad.device() << ", needed "
        << output.spec << " on " << output.device;
    Tensor& sum = states_[edge.node.get()].grads[edge.index];
    if (!sum.defined()) {
      sum = std::move(grad);
    } else if (!create_graph_ && sole_owner(sum)) {
      add_(sum, grad);
    } else if (!create_graph_ && sole_owner(grad)) {
      add_(grad, sum);
      sum = std::move(grad);
    } else {
      sum = add(sum, grad);
    }
  }

  void run_hooks(Node* node, State& state) {
    if (!node->hooks) return;
    const std::vector<Node::HookEntry> hooks = *node->hooks;  // a hook may remove itself
    for (const Node::HookEntry& entry : hooks) {
      Tensor& grad = state.grads[entry.output_index];
      if (!grad.defined()) continue;
      Tensor replaced = entry.hook(grad);
      if (replaced.defined()) grad = std::move(replaced);
    }
  }

  void run_node(Node* node) {
    // The map may not move while a node runs: nested passes have their own engine.
    State& state = states_[node];
    run_hooks(node, state);
    for (const Target& target : state.targets) *target.result = state.grads[target.output_index];
    if (has_targets_ && !state.continues) {
      state.grads.clear();
      return;
    }
    absl::InlinedVector<bool, 4> needs(node->next.size());
    for (size_t i = 0; i < needs.size(); ++i) {
      needs[i] = node->next[i].node && states_[node->next[i].node.get()].needed;
    }
    absl::InlinedVector<Tensor, 4> grads(node->next.size());
    absl::InlinedVector<Tensor*, 4> sums(node->next.size(), nullptr);
    for (size_t i = 0; i < needs.size() && !create_graph_; ++i) {
      if (!needs[i]) continue;
      Tensor& sum = states_[node->next[i].node.get()].grads[node->next[i].index];
      if (sum.defined() && sole_owner(sum)) sums[i] = &sum;
    }
    bool flows = false;
    for (const Tensor& grad : state.grads) flows |= grad.defined();
    if (flows) {
      absl::InlinedVector<Tensor, 1> grad_outputs = std::move(state.grads);
      state.grads.clear();
      GradInputs grad_inputs(needs, sums, absl::MakeSpan(grads));
      BackwardNodeScope scope(node);
      const TraceScope trace(node->op(), ScopeKind::kBackward);
      node->backward(grad_outputs, grad_inputs);
      if (anomaly_mode()) [[unlikely]]
        check_backward(node->op(), grads);
    }
    if (!retain_graph_) node->release();
    for (size_t i = 0; i < needs.size(); ++i) {
      if (!needs[i]) continue;
      accumulate(node->next[i], std::move(grads[i]));
      if (--states_[node->next[i].node.get()].dependencies == 0) push(node->next[i].node.get());
    }
  }

  bool create_graph_, retain_graph_, has_targets_ = false;
  std::vector<Root> roots_;
  absl::flat_hash_map<Node*, State> states_;
  std::priority_queue<std::pair<uint64_t, Node*>> ready_;
  uint64_t leaf_priority_ = ~uint64_t{0};
};

Tensor checked_grad_output(const char* op, const Tensor& output, const Tensor& given) {
  ROUX_CHECK(output.defined() && output.requires_grad())
      << op << ": the output "
      << (output.defined()
              ? to_string(output.spec()) + " does not require grad: no input did, or recording was off"
              : std::string("is undefined"));
  if (!given.defined()) {
    ROUX_CHECK(output.numel() == 1) << op
                                    << ": needs a grad_output for an output with several elements: output is "
                                    << output.spec();
    return ones_like(output);
  }
  ROUX_CHECK(given.spec() == output.spec())
      << op << ": grad_output is " << given.spec() << ", the output is " << output.spec();
  return given;
}

}  // namespace

void backward(const Tensor& output, const BackwardOptions& options) {
  Engine engine(options.create_graph, options.retain_graph || options.create_graph);
  engine.add_root(output, checked_grad_output("backward", output, options.grad_output));
  engine.run();
}

std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options) {
  ROUX_CHECK(options.grad_outputs.empty() || options.grad_outputs.size() == outputs.size())
      << "grad: " << options.grad_outputs.size() << " grad_outputs for " << outputs.size() << " outputs";
  Engine engine(options.create_graph, options.retain_graph || options.create_graph);
  std::vector<Tensor> results(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    ROUX_CHECK(inputs[i].defined() && inputs[i].requires_grad())
        << "grad: input " << i << " does not require grad";
    engine.add_target(inputs[i], &results[i]);
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor given = options.grad_outputs.empty() ? Tensor() : options.grad_outputs[i];
    engine.add_root(outputs[i], checked_grad_output("grad", outputs[i], given));
  }
  engine.run();
  for (size_t i = 0; i < inputs.size(); ++i) {
    ROUX_CHECK(options.allow_unused || results[i].defined())
        << "grad: no output depends on input " << i << ", " << inputs[i].spec()
        << "; allow_unused returns an undefined"
        << " gradient for it";
  }
  return results;
}

namespace internal {

void graph_was_freed(const char* op) {
  throw Error(
      absl::StrCat(op,
                   ": backward ran through this graph before and freed what it had saved; pass retain_graph "
                   "to the first backward to use it twice"));
}

Tensor independent(const Tensor& x) {
  if (!x.defined() || !x.requires_grad()) return x;
  return view(x, x.shape());
}

void backward_of_composed(absl::Span<const Tensor> outputs, absl::Span<const Tensor> inputs,
                          absl::Span<const Tensor> grad_outputs, GradInputs& grads) {
  std::vector<Tensor> wanted, used_outputs, used_grads;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (grads.needs(i)) wanted.push_back(inputs[i]);
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!grad_outputs[i].defined() || !outputs[i].requires_grad()) continue;
    used_outputs.push_back(outputs[i]);
    used_grads.push_back(grad_outputs[i]);
  }
  GradOptions options;
  options.grad_outputs = used_grads;
  options.create_graph = options.allow_unused = true;
  const std::vector<Tensor> results = grad(used_outputs, wanted, options);
  for (size_t i = 0, at = 0; i < inputs.size(); ++i) {
    if (grads.needs(i)) grads.set(i, results[at++]);
  }
}

}  // namespace internal
}  // namespace roux
