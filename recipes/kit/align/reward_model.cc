#include "recipes/kit/align/reward_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "nn/heads.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux::kit {

Tensor bradley_terry_loss(const Tensor& chosen, const Tensor& rejected, double margin) {
  ROUX_CHECK(chosen.dim() == 1 && is_floating(chosen.dtype()) && chosen.spec() == rejected.spec())
      << "bradley_terry_loss: chosen is " << chosen.spec() << ", rejected is " << rejected.spec()
      << ", needed floating [pairs] both";
  ROUX_CHECK(std::isfinite(margin)) << "bradley_terry_loss: margin is " << margin << ", needed a number";
  return softplus(rejected - chosen + margin);
}

Tensor listwise_reward_loss(const Tensor& rewards, const Tensor& good) {
  ROUX_CHECK(rewards.dim() == 2 && is_floating(rewards.dtype()) && good.dtype() == kBool &&
             good.shape() == rewards.shape())
      << "listwise_reward_loss: rewards is " << rewards.spec() << ", good is " << good.spec()
      << ", needed floating and bool [Q, N]";
  const Tensor gaps = unsqueeze(rewards, 1) - unsqueeze(rewards, 2);  // [q, i, j]: r_j - r_i
  const Tensor counts = logical_and(unsqueeze(good, 2), logical_not(unsqueeze(good, 1))).to(rewards.dtype());
  const Tensor pairs = sum(counts, {1, 2});
  return sum(softplus(gaps) * counts, {1, 2}) / maximum(pairs, ones_like(pairs));
}

LmInput input_of_texts(absl::Span<const Tokens> texts, Device device) {
  size_t longest = 0;
  std::vector<int32_t> lengths;
  for (size_t i = 0; i < texts.size(); ++i) {
    ROUX_CHECK(!texts[i].empty()) << "input_of_texts: text " << i << " has no tokens, needed at least 1";
    longest = std::max(longest, texts[i].size());
    lengths.push_back(static_cast<int32_t>(texts[i].size()));
  }
  std::vector<int32_t> ids(texts.size() * longest, 0);
  for (size_t i = 0; i < texts.size(); ++i)
    std::copy(texts[i].begin(), texts[i].end(), ids.begin() + static_cast<int64_t>(i * longest));
  const auto rows = static_cast<int64_t>(texts.size());
  return {.ids = tensor(ids, {rows, static_cast<int64_t>(longest)}, device),
          .lengths = tensor(lengths, {rows}, device)};
}

SequenceReward reward_of(const LanguageModel& trunk, std::function<Tensor(const Tensor&)> head) {
  return [&trunk, head = std::move(head)](const LmInput& texts) {
    return squeeze(head(last_token(trunk.hidden(texts), texts.lengths)), -1);
  };
}

std::vector<double> score_texts(const SequenceReward& reward, absl::Span<const Tokens> texts, int64_t rows,
                                Device device) {
  ROUX_CHECK(rows >= 1) << "score_texts: rows is " << rows << ", needed at least 1";
  const NoGradGuard no_grad;
  std::vector<double> scores(texts.size());
  for_batches_by_length(
      texts.size(), rows, [&](size_t i) { return texts[i].size(); },
      [&](absl::Span<const size_t> some) {
        std::vector<Tokens> batch;
        for (const size_t i : some) batch.push_back(texts[i]);
        const std::vector<double> values = host_values(reward(input_of_texts(batch, device)));
        for (size_t i = 0; i < some.size(); ++i) scores[some[i]] = values[i];
      });
  return scores;
}

namespace {

struct TextPairs {
  LmInput texts;  // the chosen ones are the first half
  size_t first = 0;
  int64_t target_count = 0;

  int64_t tokens() const { return texts.ids.numel(); }
};

Tokens joined(const Tokens& prompt, const Tokens& answer) {
  Tokens text = prompt;
  text.insert(text.end(), answer.begin(), answer.end());
  return text;
}

TextPairs text_pairs(absl::Span<const Preference> pairs, size_t first, Device device) {
  std::vector<Tokens> texts;
  for (const Preference& pair : pairs) texts.push_back(joined(pair.prompt, pair.chosen));
  for (const Preference& pair : pairs) texts.push_back(joined(pair.prompt, pair.rejected));
  return {input_of_texts(texts, device), first, static_cast<int64_t>(pairs.size())};
}

}  // namespace

StepResult reward_step(const SequenceReward& reward, Optimizer& optimizer, absl::Span<const Preference> batch,
                       const RewardStep& options) {
  ROUX_CHECK(!batch.empty() && options.pairs >= 0 && options.center >= 0)
      << "reward_step: " << batch.size() << " pairs, " << options.pairs << " at once, center "
      << options.center << ", needed at least 1, 0 and 0";
  const size_t at_once = options.pairs == 0 ? batch.size() : static_cast<size_t>(options.pairs);
  std::vector<TextPairs> micro;
  for (size_t first = 0; first < batch.size(); first += at_once)
    micro.push_back(text_pairs(batch.subspan(first, at_once), first, options.device));
  std::vector<double> margin(batch.size());
  StepResult result = update(optimizer, options.update, micro, [&](const TextPairs& pairs) {
    const Tensor rewards = reward(pairs.texts);
    const Tensor chosen = rewards.slice(0, 0, pairs.target_count);
    const Tensor rejected = rewards.slice(0, pairs.target_count, 2 * pairs.target_count);
    const std::vector<double> gaps = host_values(chosen.detach() - rejected.detach());
    std::copy(gaps.begin(), gaps.end(), margin.begin() + static_cast<int64_t>(pairs.first));
    Tensor loss = bradley_terry_loss(chosen, rejected, options.margin);
    if (options.center > 0) {
      const Tensor both = chosen + rejected;
      loss = loss + options.center * both * both;
    }
    return sum(loss);
  });
  const auto pairs = static_cast<double>(margin.size());
  const auto right = std::count_if(margin.begin(), margin.end(), [](double m) { return m > 0; });
  result.values = {{"margin", std::accumulate(margin.begin(), margin.end(), 0.0) / pairs},
                   {"accuracy", static_cast<double>(right) / pairs}};
  return result;
}

}  // namespace roux::kit
