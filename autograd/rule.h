// How autograd/rules/<family>.cc fills a family's gradient slots.
//
//   void mul_backward(const PairSaved& s, const Tensor& grad_output, GradInputs& grad) {
//     if (grad.needs(0)) grad.set(0, grad_output * s.b.get());
//     if (grad.needs(1)) grad.set(1, grad_output * s.a.get());
//   }
//   const RegisterGrad kMul(mul_grad, mul_backward);
//
// A primitive's rule is written in public ops, so it records itself under create_graph and has every
// derivative. A fused op registers a pair: `backward` (may call kernels; used when no graph of the backward
// is wanted) and `composed` (the same function of the recorded inputs, in primitives), which is run again and
// differentiated under create_graph.
#ifndef ROUX_AUTOGRAD_RULE_H_
#define ROUX_AUTOGRAD_RULE_H_

#include <optional>
#include <utility>
#include <vector>

#include "autograd/node.h"
#include "tensor/error.h"
#include "tensor/tables.h"

namespace roux {

template <class Saved>
struct GradRule {
  using Single = void (*)(const Saved&, const Tensor& grad_output, GradInputs&);
  using Multi = void (*)(const Saved&, absl::Span<const Tensor> grad_outputs, GradInputs&);
  using Composed = std::vector<Tensor> (*)(const Saved&, absl::Span<const Tensor> inputs);
  using ComposedSingle = Tensor (*)(const Saved&, absl::Span<const Tensor> inputs);
  Single single = nullptr;  // one of the two
  Multi multi = nullptr;
  ComposedSingle composed_single = nullptr;  // at most one of the two
  Composed composed = nullptr;
  bool fused() const { return composed_single != nullptr || composed != nullptr; }
};

namespace internal {
// Differentiates outputs (made from `inputs`, recorded) with create_graph.
void backward_of_composed(absl::Span<const Tensor> outputs, absl::Span<const Tensor> inputs,
                          absl::Span<const Tensor> grad_outputs, GradInputs& grads);
// x itself, or for a tensor of the graph a view that counts as an independent input.
Tensor independent(const Tensor& x);
[[noreturn]] void graph_was_freed(const char* op);
}  // namespace internal

template <class Saved>
class RuleNode final : public Node {
 public:
  RuleNode(const char* op, const GradRule<Saved>* rule, Saved&& saved)
      : Node(op), rule_(rule), saved_(std::move(saved)) {}

  void save_inputs(absl::Span<const TensorRef> inputs) {
    for (const TensorRef& x : inputs) inputs_.emplace_back(*x);
  }

  void backward(absl::Span<const Tensor> grad_outputs, GradInputs& grads) override {
    if (!saved_) internal::graph_was_freed(op());
    if (rule_->fused() && grad_mode_enabled()) {
      std::vector<Tensor> inputs;
      for (const SavedTensor& x : inputs_) inputs.push_back(internal::independent(x.get()));
      const std::vector<Tensor> outputs = rule_->composed
                                              ? rule_->composed(*saved_, inputs)
                                              : std::vector<Tensor>{rule_->composed_single(*saved_, inputs)};
      internal::backward_of_composed(outputs, inputs, grad_outputs, grads);
    } else if (rule_->multi) {
      rule_->multi(*saved_, grad_outputs, grads);
    } else {
      rule_->single(*saved_, grad_outputs[0], grads);
    }
  }
  void release() override {
    saved_.reset();
    inputs_.clear();
  }

 private:
  const GradRule<Saved>* rule_;
  std::optional<Saved> saved_;
  std::vector<SavedTensor> inputs_;  // of fused ops only
};

template <class Saved>
void record_rule(const void* rule, const char* op, absl::Span<const TensorRef> inputs,
                 absl::Span<Tensor* const> outputs, Saved&& saved) {
  const auto* typed = static_cast<const GradRule<Saved>*>(rule);
  auto node = make_intrusive<RuleNode<Saved>>(op, typed, std::forward<Saved>(saved));
  if (typed->fused()) node->save_inputs(inputs);
  connect(node, inputs, outputs);
}

// Static objects; the rule lives in the registrar.
template <class Saved>
class RegisterGrad {
 public:
  RegisterGrad(GradSlot<Saved>& slot, void (*backward)(const Saved&, const Tensor&, GradInputs&)) {
    rule_.single = backward;
    slot.set(record_rule<Saved>, &rule_);
  }
  RegisterGrad(GradSlot<Saved>& slot, void (*backward)(const Saved&, absl::Span<const Tensor>, GradInputs&)) {
    rule_.multi = backward;
    slot.set(record_rule<Saved>, &rule_);
  }
  RegisterGrad(const RegisterGrad&) = delete;

 protected:
  GradRule<Saved> rule_;
};

template <class Saved>
class RegisterFusedGrad : public RegisterGrad<Saved> {
 public:
  RegisterFusedGrad(GradSlot<Saved>& slot, void (*backward)(const Saved&, const Tensor&, GradInputs&),
                    Tensor (*composed)(const Saved&, absl::Span<const Tensor>))
      : RegisterGrad<Saved>(slot, backward) {
    this->rule_.composed_single = composed;
  }
  RegisterFusedGrad(GradSlot<Saved>& slot,
                    void (*backward)(const Saved&, absl::Span<const Tensor>, GradInputs&),
                    std::vector<Tensor> (*composed)(const Saved&, absl::Span<const Tensor>))
      : RegisterGrad<Saved>(slot, backward) {
    this->rule_.composed = composed;
  }
};

}  // namespace roux

#endif  // ROUX_AUTOGRAD_RULE_H_
