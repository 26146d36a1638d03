#include "nn/models/language_model.h"

#include "tensor/ops/elementwise.h"
#include "tensor/ops/matmul.h"

namespace roux {

Tensor LanguageModel::hidden(const LmInput& in) const {
  try {
    return run(in);
  } catch (Error& error) {
    error.add_context(context());
    throw;
  }
}

Tensor LanguageModel::project(const Tensor& hidden) const {
  const OutputProjection out = output();
  const Tensor logits = linear(head_transform(hidden), out.weight, out.bias, WeightDType::kAny);
  return out.softcap ? tanh(logits / *out.softcap) * *out.softcap : logits;
}

Tensor LanguageModel::losses(const Tensor& hidden, const Tensor& targets,
                             const CrossEntropyOptions& options) const {
  OutputProjection out = output();
  if (!is_block(out.weight.dtype())) out.weight = cast(out.weight, hidden.dtype());
  if (out.bias.defined()) out.bias = cast(out.bias, hidden.dtype());
  return linear_cross_entropy(head_transform(hidden), out, targets, options);
}

Tensor LanguageModel::loss_sum(const LmInput& in, const Tensor& targets, CrossEntropyOptions options) const {
  options.reduction = Reduction::kSum;
  return losses(hidden(in), targets, options);
}

Tensor LanguageModel::token_losses(const LmInput& in, const Tensor& targets,
                                   CrossEntropyOptions options) const {
  options.reduction = Reduction::kNone;
  return losses(hidden(in), targets, options);
}

}  // namespace roux
