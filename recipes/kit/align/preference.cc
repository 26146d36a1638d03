#include "recipes/kit/align/preference.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "recipes/kit/train/losses.h"
#include "tensor/error.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"

namespace roux::kit {
namespace {

void check_pairs(const char* loss, const PairLogProbs& pairs, const char* what) {
  ROUX_CHECK(pairs.chosen.dim() == 1 && is_floating(pairs.chosen.dtype()) &&
             pairs.chosen.spec() == pairs.rejected.spec())
      << loss << ": " << what << ".chosen is " << pairs.chosen.spec() << ", " << what << ".rejected is "
      << pairs.rejected.spec() << ", needed floating [pairs] both";
}

void check_option(const char* loss, const char* name, double value, bool fits, const char* needed) {
  ROUX_CHECK(fits) << loss << ": " << name << " is " << value << ", needed " << needed;
}

// Of the same log-ratio in every loss that has a reference.
Tensor log_ratio_margin(const char* loss, const PairLogProbs& policy, const PairLogProbs& reference) {
  check_pairs(loss, policy, "policy");
  check_pairs(loss, reference, "reference");
  ROUX_CHECK(policy.chosen.spec() == reference.chosen.spec())
      << loss << ": policy is " << policy.chosen.spec() << ", reference is " << reference.chosen.spec()
      << ", needed the same";
  return (policy.chosen - policy.rejected) - (reference.chosen.detach() - reference.rejected.detach());
}

}  // namespace

Tensor dpo_loss(const PairLogProbs& policy, const PairLogProbs& reference, double beta,
                double label_smoothing) {
  check_option("dpo_loss", "beta", beta, std::isfinite(beta) && beta > 0, "above 0");
  check_option("dpo_loss", "label_smoothing", label_smoothing, label_smoothing >= 0 && label_smoothing < 0.5,
               "in [0, 0.5)");
  const Tensor logit = log_ratio_margin("dpo_loss", policy, reference) * beta;
  if (label_smoothing == 0) return -log_sigmoid(logit);
  return -(1 - label_smoothing) * log_sigmoid(logit) - label_smoothing * log_sigmoid(-logit);
}

Tensor ipo_loss(const PairLogProbs& policy, const PairLogProbs& reference, double beta) {
  check_option("ipo_loss", "beta", beta, std::isfinite(beta) && beta > 0, "above 0");
  const Tensor distance = log_ratio_margin("ipo_loss", policy, reference) - 1 / (2 * beta);
  return distance * distance;
}

Tensor simpo_loss(const PairLogProbs& means, double beta, double gamma) {
  check_option("simpo_loss", "beta", beta, std::isfinite(beta) && beta > 0, "above 0");
  check_option("simpo_loss", "gamma", gamma, std::isfinite(gamma), "a number");
  check_pairs("simpo_loss", means, "means");
  return -log_sigmoid((means.chosen - means.rejected) * beta - gamma);
}

Tensor orpo_loss(const PairLogProbs& means, double lambda) {
  check_option("orpo_loss", "lambda", lambda, std::isfinite(lambda) && lambda >= 0, "at least 0");
  check_pairs("orpo_loss", means, "means");
  // log(1 - e^m) as log(-expm1(m)): exact to rounding of the sum also near m = 0, where 1 - e^m cancels.
  const auto logit = [](const Tensor& m) { return m - log(-expm1(m)); };
  return -means.chosen - lambda * log_sigmoid(logit(means.chosen) - logit(means.rejected));
}

void cache_reference(const TokenLogProbs& reference, std::vector<Preference>& pairs,
                     const ReferenceOptions& options) {
  std::vector<MaskedDocument> answers;
  for (const Preference& pair : pairs) {
    answers.push_back(answer_to(pair.prompt, pair.chosen));
    answers.push_back(answer_to(pair.prompt, pair.rejected));
  }
  const std::vector<double> sums = sequence_log_probs(reference, answers, options.rows, options.device);
  for (size_t i = 0; i < pairs.size(); ++i) {
    pairs[i].reference_chosen = sums[2 * i];
    pairs[i].reference_rejected = sums[2 * i + 1];
  }
}

namespace {

// Some pairs: the chosen answers are the first half of the rows.
struct PairBatch {
  LmBatch rows;
  PairLogProbs reference_sums, reference_means;  // f64
  size_t first = 0;                              // of these pairs in the whole batch
  int64_t target_count = 0;

  int64_t tokens() const { return rows.tokens(); }
};

PairLogProbs halves(const Tensor& rows) {
  const int64_t pairs = rows.size(0) / 2;
  return {rows.slice(0, 0, pairs), rows.slice(0, pairs, 2 * pairs)};
}

PairBatch pair_batch(absl::Span<const Preference> pairs, size_t first, Device device) {
  std::vector<MaskedDocument> answers;
  std::vector<double> sums, means;  // the rejected ones behind the chosen, as the rows
  const auto add = [&](const Preference& pair, const Tokens& answer, double reference) {
    answers.push_back(answer_to(pair.prompt, answer));
    sums.push_back(reference);
    means.push_back(reference / static_cast<double>(answer.size()));
  };
  for (const Preference& pair : pairs) add(pair, pair.chosen, pair.reference_chosen);
  for (const Preference& pair : pairs) add(pair, pair.rejected, pair.reference_rejected);
  const Shape rows{static_cast<int64_t>(answers.size())};
  return {to_batch(answers, device), halves(tensor(sums, rows, device)), halves(tensor(means, rows, device)),
          first, static_cast<int64_t>(pairs.size())};
}

PairLogProbs cast_to(const PairLogProbs& pairs, DType dtype) {
  return {pairs.chosen.to(dtype), pairs.rejected.to(dtype)};
}

Values margins(const std::vector<double>& chosen, const std::vector<double>& margin) {
  double chosen_sum = 0, margin_sum = 0, right = 0;
  for (size_t i = 0; i < margin.size(); ++i) {
    chosen_sum += chosen[i], margin_sum += margin[i];
    right += margin[i] > 0;
  }
  const auto pairs = static_cast<double>(margin.size());
  return {{"margin", margin_sum / pairs}, {"accuracy", right / pairs}, {"chosen", chosen_sum / pairs}};
}

}  // namespace

StepResult preference_step(const TokenLogProbs& policy, Optimizer& optimizer,
                           absl::Span<const Preference> batch, const PreferenceLoss& loss,
                           const PreferenceStep& options) {
  ROUX_CHECK(!batch.empty() && options.pairs >= 0)
      << "preference_step: " << batch.size() << " pairs, " << options.pairs
      << " at once, needed at least 1 and at least 0";
  const size_t at_once = options.pairs == 0 ? batch.size() : static_cast<size_t>(options.pairs);
  std::vector<PairBatch> micro;
  for (size_t first = 0; first < batch.size(); first += at_once)
    micro.push_back(pair_batch(batch.subspan(first, at_once), first, options.device));
  std::vector<double> chosen(batch.size()), margin(batch.size());
  StepResult result = update(optimizer, options.update, micro, [&](const PairBatch& pairs) {
    const Tensor log_probs = policy(pairs.rows);
    const DType dtype = log_probs.dtype();
    const PairsSeen seen{.sums = halves(sequence_sums(log_probs, pairs.rows.target)),
                         .means = halves(sequence_means(log_probs, pairs.rows.target)),
                         .reference_sums = cast_to(pairs.reference_sums, dtype),
                         .reference_means = cast_to(pairs.reference_means, dtype)};
    const std::vector<double> of_chosen = host_values(seen.sums.chosen.detach() - seen.reference_sums.chosen);
    const std::vector<double> of_rejected =
        host_values(seen.sums.rejected.detach() - seen.reference_sums.rejected);
    for (size_t i = 0; i < of_chosen.size(); ++i) {
      chosen[pairs.first + i] = of_chosen[i];
      margin[pairs.first + i] = of_chosen[i] - of_rejected[i];
    }
    return sum(loss(seen));
  });
  result.values = margins(chosen, margin);
  return result;
}

}  // namespace roux::kit
