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

Tensor softcapped(const Tensor& logits, const std::optional<double>& softcap) {
  return softcap ? tanh(logits / *softcap) * *softcap : logits;
}

Tensor LanguageModel::output_logits(const Tensor& x) const {
  const OutputProjection out = output();
  return softcapped(linear(x, out.weight, out.bias, WeightDType::kAny), out.softcap);
}

Tensor LanguageModel::project(const Tensor& hidden) const { return output_logits(head_transform(hidden)); }

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
