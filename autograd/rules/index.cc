// Gradients of the index family: each op is the transpose of another.
#include "autograd/rule.h"
#include "tensor/ops/index_tables.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

void cat_backward(const CatSaved& s, const Tensor& g, GradInputs& grad) {
  int64_t begin = 0;
  for (size_t i = 0; i < s.sizes.size(); ++i) {
    if (grad.needs(i)) grad.set(i, slice(g, s.axis, begin, begin + s.sizes[i]));
    begin += s.sizes[i];
  }
}
void gather_backward(const GatherSaved& s, const Tensor& g, GradInputs& grad) {
  grad.set(0, scatter_add(s.shape, s.axis, s.index.get(), g));
}
void scatter_add_backward(const GatherSaved& s, const Tensor& g, GradInputs& grad) {
  grad.set(0, gather(g, s.axis, s.index.get()));
}
void embedding_rule(const EmbeddingSaved& s, const Tensor& g, GradInputs& grad) {
  grad.set(0, embedding_backward(g, s.ids.get(), s.rows));
}
void embedding_backward_rule(const EmbeddingSaved& s, const Tensor& g, GradInputs& grad) {
  grad.set(0, embedding(g, s.ids.get()));
}
void tril_backward(const TriangleSaved& s, const Tensor& g, GradInputs& grad) {
  grad.set(0, s.lower ? tril(g, s.k) : triu(g, s.k));
}

const RegisterGrad kCat(cat_grad, cat_backward);
const RegisterGrad kGather(gather_grad, gather_backward);
const RegisterGrad kScatterAdd(scatter_add_grad, scatter_add_backward);
const RegisterGrad kEmbedding(embedding_grad, embedding_rule);
const RegisterGrad kEmbeddingBackward(embedding_backward_grad, embedding_backward_rule);
const RegisterGrad kTril(tril_grad, tril_backward);

}  // namespace
}  // namespace roux
