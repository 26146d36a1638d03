#include "recipes/kit/align/log_probs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "recipes/kit/train/losses.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/loss.h"

namespace roux::kit {

LmInput input_of(const LmBatch& batch) {
  return {.ids = batch.input, .lengths = batch.lengths, .document_begin = batch.document_begin};
}

TokenLogProbs log_probs_of(const LanguageModel& model, double temperature) {
  ROUX_CHECK(std::isfinite(temperature) && temperature > 0)
      << "log_probs_of: temperature is " << temperature << ", needed above 0";
  if (temperature == 1)
    return [&model](const LmBatch& batch) { return -model.token_losses(input_of(batch), batch.target); };
  return [&model, temperature](const LmBatch& batch) {
    return -cross_entropy(model.logits(input_of(batch)) / temperature, batch.target,
                          {.reduction = Reduction::kNone});
  };
}

MaskedDocument answer_to(const Tokens& prompt, const Tokens& answer) {
  ROUX_CHECK(!prompt.empty() && !answer.empty())
      << "answer_to: the prompt has " << prompt.size() << " tokens and the answer " << answer.size()
      << ", needed at least 1 each";
  MaskedDocument document{.tokens = prompt, .loss_mask = std::vector<uint8_t>(prompt.size(), 0)};
  document.tokens.insert(document.tokens.end(), answer.begin(), answer.end());
  document.loss_mask.resize(document.tokens.size(), 1);
  return document;
}

std::vector<double> sequence_log_probs(const TokenLogProbs& log_probs,
                                       absl::Span<const MaskedDocument> documents, int64_t rows,
                                       Device device) {
  ROUX_CHECK(rows >= 1) << "sequence_log_probs: rows is " << rows << ", needed at least 1";
  const NoGradGuard no_grad;
  std::vector<double> sums(documents.size());
  for_batches_by_length(
      documents.size(), rows, [&](size_t i) { return documents[i].tokens.size(); },
      [&](absl::Span<const size_t> some) {
        std::vector<MaskedDocument> batch_of;
        for (const size_t i : some) batch_of.push_back(documents[i]);
        const LmBatch batch = to_batch(batch_of, device);
        const std::vector<double> values = host_values(sequence_sums(log_probs(batch), batch.target));
        for (size_t i = 0; i < some.size(); ++i) sums[some[i]] = values[i];
      });
  return sums;
}

void for_batches_by_length(size_t count, int64_t rows, const std::function<size_t(size_t)>& length,
                           const std::function<void(absl::Span<const size_t>)>& use) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return length(a) < length(b); });
  for (size_t begin = 0; begin < count; begin += static_cast<size_t>(rows))
    use(absl::MakeConstSpan(order).subspan(begin, static_cast<size_t>(rows)));
}

std::vector<double> host_values(const Tensor& x) {
  if (x.device().type == DeviceType::kMeta) return std::vector<double>(static_cast<size_t>(x.numel()), 0.0);
  return x.to_vector<double>();
}

}  // namespace roux::kit
