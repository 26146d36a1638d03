// The graph: one Node per recorded op, edges to the nodes that made its inputs. A graph belongs to one
// thread.
#ifndef ROUX_AUTOGRAD_NODE_H_
#define ROUX_AUTOGRAD_NODE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "tensor/tables.h"
#include "tensor/tensor.h"

namespace roux {

class Node;

// Where the gradient of one input goes: output `index` of `node`. No node: the input needs no gradient.
struct Edge {
  IntrusivePtr<Node> node;
  uint32_t index = 0;
};

// What a rule fills: the gradient of each input that is asked for.
class GradInputs {
 public:
  // sums: for each input null or what take_sum() gives out.
  GradInputs(absl::Span<const bool> needs, absl::Span<Tensor* const> sums, absl::Span<Tensor> grads)
      : needs_(needs), sums_(sums), grads_(grads) {}
  size_t size() const { return grads_.size(); }
  bool needs(size_t i) const { return needs_[i]; }
  // May have a broadcast (larger) shape of the input: the engine sums it back.
  void set(size_t i, Tensor grad) { grads_[i] = std::move(grad); }
  // For a rule that adds its gradient to those of input i that came before: their sum, contiguous, of the
  // input's shape, and nobody else's. It is the rule's now: what it sets must contain it. Undefined where
  // there is none that may be written.
  Tensor take_sum(size_t i) { return sums_[i] != nullptr ? std::exchange(*sums_[i], Tensor()) : Tensor(); }

 private:
  absl::Span<const bool> needs_;
  absl::Span<Tensor* const> sums_;
  absl::Span<Tensor> grads_;
};

class Node : public GraphNode {
 public:
  explicit Node(const char* op) : op_(op) {}

  const char* op() const override { return op_; }
  const Tensor& accumulated_grad() const override;
  void set_accumulated_grad(const Tensor& grad) override;
  bool is_leaf_node() const override { return false; }

  // Computes the gradients of the inputs from those of the outputs (undefined where nothing flowed).
  virtual void backward(absl::Span<const Tensor> grad_outputs, GradInputs& grads) = 0;
  // Frees what was saved; a later backward throws.
  virtual void release() {}

  struct Output {
    TensorSpec spec;
    Device device;
  };
  using Hook = std::function<Tensor(const Tensor& grad)>;
  struct HookEntry {
    int64_t id;
    uint32_t output_index;
    Hook hook;
  };

  absl::InlinedVector<Edge, 2> next;       // one per input
  absl::InlinedVector<Output, 1> outputs;  // one per output
  uint64_t sequence = 0;                   // order of creation on this thread; 0 for leaves
  std::unique_ptr<std::vector<HookEntry>> hooks;

 protected:
  // Deep graphs are freed with a work list, not by recursion.
  void destroy() override;

 private:
  const char* op_;
};

// The end of an edge for a leaf: adds what arrives to the leaf's gradient.
class AccumulateGrad final : public Node {
 public:
  AccumulateGrad() : Node("accumulate_grad") {}
  const Tensor& accumulated_grad() const override { return grad_; }
  void set_accumulated_grad(const Tensor& grad) override { grad_ = grad; }
  bool is_leaf_node() const override { return true; }
  void backward(absl::Span<const Tensor> grad_outputs, GradInputs& grads) override;

  // Run after each accumulation, with the ids that remove them.
  std::vector<std::pair<int64_t, std::function<void(const Tensor& grad)>>> after;

 private:
  Tensor grad_;
};

// The edge that a gradient of x follows; none when x does not require grad. Creates a leaf's AccumulateGrad.
Edge gradient_edge(const Tensor& x);

// Joins a new node to the graph: edges from the inputs, outputs marked as made by it.
void connect(const IntrusivePtr<Node>& node, absl::Span<const TensorRef> inputs,
             absl::Span<Tensor* const> outputs);

}  // namespace roux

#endif  // ROUX_AUTOGRAD_NODE_H_
