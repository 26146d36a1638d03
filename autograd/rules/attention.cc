// Gradient of attention.
#include "autograd/rule.h"
#include "tensor/ops/attention_tables.h"

namespace roux {
namespace {

void attention_backward(const AttentionSaved& s, const Tensor& grad_output, GradInputs& grad) {
  const Tensor q = s.q.get(), k = s.k.get(), v = s.v.get();
  Tensor grad_q = empty_with_heads_inside(q.shape(), q.dtype(), q.device());
  Tensor grad_k = empty_with_heads_inside(k.shape(), k.dtype(), k.device());
  Tensor grad_v = empty_with_heads_inside(v.shape(), v.dtype(), v.device());
  Tensor workspace = empty(attention_workspace_spec(q, k, true), q.device());
  attention_backward_kernels.run(q, attention_ready(grad_output), q, k, v, s.mask.get(), s.y.get(),
                                 s.row_stats.get(), s.options, workspace, grad_q, grad_k, grad_v);
  const Tensor* const grads[] = {&grad_q, &grad_k, &grad_v};
  for (size_t i = 0; i < 3; ++i) {
    if (grad.needs(i)) grad.set(i, *grads[i]);
  }
}

Tensor attention_again(const AttentionSaved& s, absl::Span<const Tensor> inputs) {
  return scaled_dot_product_attention_composed(inputs[0], inputs[1], inputs[2],
                                               {s.options.causal, s.mask.get(), s.options.scale});
}

const RegisterFusedGrad kAttention(attention_grad, attention_backward, attention_again);

}  // namespace
}  // namespace roux
