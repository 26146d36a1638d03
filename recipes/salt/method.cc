#include "recipes/salt/method.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "recipes/kit/train/batches.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"

namespace roux::salt {
namespace {

constexpr int64_t kScoredRows = 32;  // at once

// 0, 1, ... in ascending order of value, equal ones as they stand.
std::vector<int64_t> ascending(std::span<const double> values) {
  std::vector<int64_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return values[static_cast<size_t>(a)] < values[static_cast<size_t>(b)];
  });
  return order;
}

}  // namespace

double OmegaSchedule::operator()(int64_t step) const {
  ROUX_CHECK(omega >= 0 && omega <= 1 && constant_steps >= 0 && decay_steps >= 0)
      << "omega: omega is " << omega << ", constant_steps " << constant_steps << ", decay_steps "
      << decay_steps << ", needed omega in [0, 1] and steps of at least 0";
  ROUX_CHECK(shape != Transition::kStep || decay_steps == 0)
      << "omega: a step has no decay, decay_steps is " << decay_steps;
  ROUX_CHECK(shape != Transition::kLinearRatio || omega < 1)
      << "omega: the ratio omega / (1 - omega) has no value at omega = 1";
  if (step < constant_steps) return omega;
  if (step >= constant_steps + decay_steps) return 0;
  const double left = 1 - static_cast<double>(step - constant_steps) / static_cast<double>(decay_steps);
  if (shape == Transition::kLinear) return omega * left;
  const double ratio = omega / (1 - omega) * left;
  return ratio / (1 + ratio);
}

int64_t OmegaSchedule::kd_steps() const { return omega > 0 ? constant_steps + decay_steps : 0; }

kit::DistillStep mixed_loss(double omega, double rho, bool student_rho, const StepOptions& update) {
  ROUX_CHECK(rho > 0) << "mixed_loss: rho is " << rho << ", needed above 0";
  return {.divergence = {.divergence = Divergence::kCrossEntropy,
                         .temperature = student_rho ? rho : 1,
                         .teacher_temperature = rho},
          .share = omega,
          .update = update};
}

std::vector<TokenScore> token_scores(std::span<const float> logits, std::span<const int32_t> targets,
                                     int64_t k) {
  ROUX_CHECK(k >= 1 && !targets.empty() && logits.size() % targets.size() == 0)
      << "token_scores: k is " << k << ", there are " << logits.size() << " logits of " << targets.size()
      << " tokens, needed k >= 1 and as many logits of each token";
  const size_t classes = logits.size() / targets.size();
  std::vector<TokenScore> scores;
  for (size_t t = 0; t < targets.size(); ++t) {
    if (targets[t] == kit::kIgnoreTarget) continue;
    const std::span<const float> row = logits.subspan(t * classes, classes);
    const float truth = row[static_cast<size_t>(targets[t])];
    const double largest = *std::max_element(row.begin(), row.end());
    double sum = 0;
    int64_t likelier = 0;
    for (const float z : row) sum += std::exp(z - largest), likelier += z > truth ? 1 : 0;
    scores.push_back({largest + std::log(sum) - truth, likelier < k});
  }
  return scores;
}

double sequence_score(std::span<const TokenScore> tokens, bool kept_only) {
  ROUX_CHECK(!tokens.empty()) << "sequence_score: a sequence without tokens has none";
  std::vector<double> losses;
  for (const TokenScore& token : tokens) {
    if (token.keep || !kept_only) losses.push_back(token.keep ? token.loss : 0);
  }
  if (losses.empty()) return 0;
  std::sort(losses.begin(), losses.end());
  const size_t half = losses.size() / 2;
  return losses.size() % 2 == 1 ? losses[half] : (losses[half - 1] + losses[half]) / 2;
}

std::vector<double> sequence_scores(const LanguageModel& teacher, const kit::WindowSet& set,
                                    const Selection& selection, Device device) {
  const NoGradGuard no_grad;
  std::vector<double> scores;
  for (int64_t begin = 0; begin < set.size(); begin += kScoredRows) {
    std::vector<int64_t> rows(static_cast<size_t>(std::min(kScoredRows, set.size() - begin)));
    std::iota(rows.begin(), rows.end(), begin);
    const kit::TokenBatch tokens = set.batch(rows);
    const std::vector<float> logits = teacher.logits(kit::to_batch(tokens, device).input).to_vector<float>();
    const size_t per_row = logits.size() / rows.size();
    const auto length = static_cast<size_t>(tokens.length);
    for (size_t row = 0; row < rows.size(); ++row) {
      const std::vector<TokenScore> of_row =
          token_scores(std::span(logits).subspan(row * per_row, per_row),
                       std::span(tokens.target).subspan(row * length, length), selection.k);
      scores.push_back(sequence_score(of_row, selection.kept_only));
    }
  }
  return scores;
}

std::vector<int64_t> most_challenging(std::span<const double> scores, int64_t m) {
  ROUX_CHECK(m >= 0 && m <= static_cast<int64_t>(scores.size()))
      << "most_challenging: m is " << m << " of " << scores.size() << " sequences";
  std::vector<double> negated(scores.begin(), scores.end());
  for (double& score : negated) score = -score;
  std::vector<int64_t> rows = ascending(negated);
  rows.resize(static_cast<size_t>(m));
  return rows;
}

std::vector<int> difficulty(std::span<const double> losses) {
  std::vector<int> bucket(losses.size());
  const std::vector<int64_t> order = ascending(losses);
  for (size_t place = 0; place < order.size(); ++place)
    bucket[static_cast<size_t>(order[place])] = static_cast<int>(place * 3 / order.size());
  return bucket;
}

double Compute::flops(int64_t steps, int64_t kd_steps, int64_t scored_tokens) const {
  const double learnt = static_cast<double>(tokens) * static_cast<double>(steps);
  const double taught = static_cast<double>(tokens) * static_cast<double>(kd_steps);
  return 6.0 * static_cast<double>(student) * learnt +
         2.0 * static_cast<double>(teacher) * (taught + static_cast<double>(scored_tokens));
}

int64_t Compute::baseline_steps(int64_t steps, int64_t kd_steps) const {
  return std::llround(flops(steps, kd_steps) / flops(1, 0));
}

double steps_to_reach(std::span<const int64_t> at, std::span<const double> curve, double level) {
  ROUX_CHECK(at.size() == curve.size())
      << "steps_to_reach: a curve of " << curve.size() << " values at " << at.size() << " places";
  for (size_t i = 0; i < curve.size(); ++i) {
    if (curve[i] > level) continue;
    if (i == 0) return static_cast<double>(at[0]);
    const auto before = static_cast<double>(at[i - 1]), after = static_cast<double>(at[i]);
    return before + (after - before) * (curve[i - 1] - level) / (curve[i - 1] - curve[i]);
  }
  return std::numeric_limits<double>::infinity();
}

}  // namespace roux::salt
