#include "recipes/kit/align/rollouts.h"

#include <algorithm>
#include <cmath>

#include "tensor/error.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"

namespace roux::kit {
namespace {

MaskedDocument document_of(const Rollout& rollout) {
  MaskedDocument document = answer_to(rollout.prompt, rollout.answer);
  const size_t length = rollout.answer.size();
  ROUX_CHECK((rollout.written.empty() || rollout.written.size() == length) &&
             (rollout.log_probs.empty() || rollout.log_probs.size() == length))
      << "RolloutBatch: an answer of " << length << " tokens has " << rollout.log_probs.size()
      << " log_probs and " << rollout.written.size() << " marks of what was written, needed as many or none";
  if (rollout.written.empty()) return document;
  ROUX_CHECK(std::any_of(rollout.written.begin(), rollout.written.end(), [](uint8_t w) { return w != 0; }))
      << "RolloutBatch: no token of an answer of " << length << " was written by the policy";
  std::copy(rollout.written.begin(), rollout.written.end(),
            document.loss_mask.end() - static_cast<int64_t>(length));
  return document;
}

}  // namespace

RolloutBatch::RolloutBatch(absl::Span<const Rollout> rollouts, Device device) {
  std::vector<MaskedDocument> documents;
  for (const Rollout& rollout : rollouts) {
    documents.push_back(document_of(rollout));
    at_.emplace_back();
    const std::vector<uint8_t>& mask = documents.back().loss_mask;
    for (size_t i = 1; i < mask.size(); ++i) {
      if (mask[i] != 0) at_.back().push_back(static_cast<int64_t>(i) - 1);
    }
  }
  batch_ = to_batch(documents, device);
}

PerToken RolloutBatch::at_tokens(const Tensor& x) const {
  ROUX_CHECK(x.shape() == batch_.target.shape())
      << "at_tokens: x is " << x.spec() << ", the batch " << batch_.target.spec() << ", needed its shape";
  const std::vector<double> values = host_values(x);
  PerToken out(at_.size());
  for (size_t row = 0; row < at_.size(); ++row) {
    for (const int64_t at : at_[row])
      out[row].push_back(values[row * static_cast<size_t>(x.size(1)) + static_cast<size_t>(at)]);
  }
  return out;
}

Tensor RolloutBatch::from_tokens(const PerToken& values, DType dtype) const {
  ROUX_CHECK(values.size() == at_.size())
      << "from_tokens: " << values.size() << " rows of values for " << at_.size() << " rows";
  const auto length = static_cast<size_t>(batch_.target.size(1));
  std::vector<double> cells(at_.size() * length, 0.0);
  for (size_t row = 0; row < at_.size(); ++row) {
    ROUX_CHECK(values[row].size() == at_[row].size())
        << "from_tokens: row " << row << " has " << values[row].size() << " values for " << at_[row].size()
        << " tokens";
    for (size_t i = 0; i < at_[row].size(); ++i)
      cells[row * length + static_cast<size_t>(at_[row][i])] = values[row][i];
  }
  return tensor(cells, batch_.target.shape(), batch_.target.device()).to(dtype);
}

double mean_kl(const PerToken& log_probs, const PerToken& reference) {
  double sum = 0;
  for (size_t i = 0; i < log_probs.size(); ++i) {
    for (size_t t = 0; t < log_probs[i].size(); ++t) sum += log_probs[i][t] - reference[i][t];
  }
  return sum / static_cast<double>(log_probs.size());
}

Values rollout_values(absl::Span<const Rollout> rollouts, const PerToken& log_probs,
                      const PerToken& reference) {
  double reward = 0, tokens = 0, entropy = 0, distance = 0;
  bool sampled = false;
  for (size_t i = 0; i < rollouts.size(); ++i) {
    const Rollout& rollout = rollouts[i];
    reward += rollout.reward;
    tokens += static_cast<double>(log_probs[i].size());
    for (const double log_prob : log_probs[i]) entropy -= log_prob;
    if (rollout.log_probs.empty()) continue;
    sampled = true;
    size_t t = 0;
    for (size_t at = 0; at < rollout.answer.size(); ++at) {
      if (!rollout.written.empty() && rollout.written[at] == 0) continue;
      distance = std::max(distance, std::abs(log_probs[i][t++] - rollout.log_probs[at]));
    }
  }
  const auto count = static_cast<double>(rollouts.size());
  Values values = {{"reward", reward / count}, {"length", tokens / count}, {"entropy", entropy / tokens}};
  if (!reference.empty()) values.emplace_back("kl", mean_kl(log_probs, reference));
  if (sampled) values.emplace_back("sampler_distance", distance);
  return values;
}

}  // namespace roux::kit
