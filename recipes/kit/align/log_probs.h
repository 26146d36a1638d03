// Log-probabilities of answers: what all losses of this folder are functions of.
//
//   const TokenLogProbs policy = log_probs_of(model);
//   const LmBatch batch = to_batch(std::vector{answer_to(prompt, answer), ...}, device);
//   const Tensor sums = sequence_sums(policy(batch), batch.target);          // [B], over each answer's tokens
#ifndef ROUX_RECIPES_KIT_ALIGN_LOG_PROBS_H_
#define ROUX_RECIPES_KIT_ALIGN_LOG_PROBS_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/types/span.h"
#include "nn/models/language_model.h"
#include "recipes/kit/data/tokens.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/train/batches.h"
#include "tensor/tensor.h"

namespace roux::kit {

// [B, T] floating: log-probabilities of batch.target, any finite number where there is no target. Of a model,
// of a policy without its adapters, of a frozen trunk with the old top layers.
using TokenLogProbs = std::function<Tensor(const LmBatch&)>;

LmInput input_of(const LmBatch& batch);
// Of softmax(logits / temperature); 0 where there is no target. The model must outlive it. At temperature 1
// the logits are never held at once. Throws Error for a temperature that is not positive.
TokenLogProbs log_probs_of(const LanguageModel& model, double temperature = 1);

// The prompt's tokens, then the answer's, which alone are targets. Throws Error for an empty one.
MaskedDocument answer_to(const Tokens& prompt, const Tokens& answer);

// Of each document, the sum over its targets, without recording: a reference that is asked once. Documents
// are batched by length, `rows` at once; models that drop out belong in eval mode.
std::vector<double> sequence_log_probs(const TokenLogProbs& log_probs,
                                       absl::Span<const MaskedDocument> documents, int64_t rows,
                                       Device device);

// Calls use(indices) for batches of `rows` of the items 0 .. count - 1, by ascending length.
void for_batches_by_length(size_t count, int64_t rows, const std::function<size_t(size_t)>& length,
                           const std::function<void(absl::Span<const size_t>)>& use);

// The values of x, row-major; zeros on meta, where there are none.
std::vector<double> host_values(const Tensor& x);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_ALIGN_LOG_PROBS_H_
