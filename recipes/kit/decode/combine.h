// Several models that write one text: logits combined at each token. Proxy tuning, contrastive decoding, an
// ensemble, guidance by a second prompt.
//
//   const auto tuned = combined({base, expert, anti}, [](absl::Span<const Tensor> x) { return x[0] + (x[1] - x[2]); });
//   generate(tuned, prompts, options);
#ifndef ROUX_RECIPES_KIT_DECODE_COMBINE_H_
#define ROUX_RECIPES_KIT_DECODE_COMBINE_H_

#include <functional>
#include <vector>

#include "absl/types/span.h"
#include "recipes/kit/decode/session.h"
#include "tensor/tensor.h"

namespace roux::kit {

// Logits of all models at the same tokens, f32 [n, V] each, become one [n, V].
using CombineLogits = std::function<Tensor(absl::Span<const Tensor> logits)>;

// The models in lock-step. wrap[i], where given, rewrites the prompts for model i (another chat template, no
// context); what comes behind is the same for all. Rules see the first model's prompt. V is the first
// model's: longer rows of logits are cut, shorter ones are an Error.
DecodeModel combined(std::vector<DecodeModel> models, CombineLogits combine,
                     std::vector<std::function<Tokens(const Tokens&)>> wrap = {});

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DECODE_COMBINE_H_
