// Gradient of attention.
#include "autograd/rule.h"
#include "tensor/ops/attention_tables.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

void attention_backward(const AttentionSaved& s, absl::Span<const Tensor> grad_outputs, GradInputs& grad) {
  const Tensor q = s.q.get(), k = s.k.get(), v = s.v.get(), exact_y = s.exact_y.get(),
               row_stats = s.row_stats.get();
  const AttentionCase c = s.get_options();
  const Tensor grad_y = grad_outputs[0].defined() ? attention_ready(grad_outputs[0])
                                                  : zeros(exact_y.shape(), q.dtype(), q.device());
  const Tensor grad_lse = s.with_lse && grad_outputs[1].defined() ? contiguous(grad_outputs[1]) : Tensor();
  AttentionGradients out{empty_with_heads_inside(q.shape(), q.dtype(), q.device()),
                         empty_with_heads_inside(k.shape(), k.dtype(), k.device()),
                         empty_with_heads_inside(v.shape(), v.dtype(), v.device()),
                         {},
                         {}};
  const Tensor biases[] = {grad.needs(3) ? c.bias : Tensor(), grad.needs(4) ? c.distance_bias : Tensor()};
  const int64_t parts = attention_tasks(q, k, biases[0], biases[1]).parts;
  const auto sums_like = [&](const Tensor& bias) {
    if (!bias.defined()) return bias;
    Shape shape = bias.shape();
    shape.insert(0, parts);
    return zeros(shape, bias.dtype(), bias.device());
  };
  out.bias = sums_like(biases[0]);
  out.distance_bias = sums_like(biases[1]);
  Tensor workspace = empty(attention_workspace_spec(q, k, v, true), q.device());
  attention_backward_kernels.run(q, grad_y, grad_lse, q, k, v, c, exact_y, row_stats, workspace, out);
  const Tensor* const grads[] = {&out.q, &out.k, &out.v};
  for (size_t i = 0; i < 3; ++i) {
    if (grad.needs(i)) grad.set(i, *grads[i]);
  }
  if (out.bias.defined()) grad.set(3, sum(out.bias, 0));
  if (out.distance_bias.defined()) grad.set(4, sum(out.distance_bias, 0));
}

std::vector<Tensor> attention_again(const AttentionSaved& s, absl::Span<const Tensor> inputs) {
  AttentionCase c = s.get_options();
  c.bias = inputs[3];
  c.distance_bias = inputs[4];
  const AttentionPart part = attention_composed(inputs[0], inputs[1], inputs[2], c);
  return s.with_lse ? std::vector<Tensor>{part.y, part.lse} : std::vector<Tensor>{part.y};
}

const RegisterFusedGrad kAttention(attention_grad, attention_backward, attention_again);

}  // namespace
}  // namespace roux
