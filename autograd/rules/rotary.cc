// The gradient of a rotation is the rotation back.
#include "autograd/rule.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/rotary_tables.h"

namespace roux {
namespace {

void rotary_backward(const RotarySaved& s, const Tensor& g, GradInputs& grad) {
  grad.set(0, rotary_embedding(g, {s.cos.get(), neg(s.sin.get()), s.interleaved}));
}
const RegisterGrad kRotary(rotary_embedding_grad, rotary_backward);

}  // namespace
}  // namespace roux
