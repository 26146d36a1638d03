// For tests: a policy that is a table, so that it can be every distribution over answers, and its optimum is
// known in closed form.
#ifndef ROUX_RECIPES_KIT_ALIGN_BIGRAM_POLICY_H_
#define ROUX_RECIPES_KIT_ALIGN_BIGRAM_POLICY_H_

#include <cmath>
#include <map>
#include <vector>

#include "recipes/kit/align/rollouts.h"
#include "recipes/kit/stats/random.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/loss.h"
#include "tensor/ops/view.h"

namespace roux::kit {

// The next token depends on the last one: logits [V, V], f64. Values of the last token: [V, 1].
struct BigramPolicy {
  explicit BigramPolicy(const std::vector<double>& logits_of_all)
      : vocabulary(static_cast<int64_t>(std::lround(std::sqrt(logits_of_all.size())))),
        logits(tensor(logits_of_all, {vocabulary, vocabulary})),
        values(zeros({vocabulary, 1}, kF64)) {
    logits.set_requires_grad(true);
    values.set_requires_grad(true);
  }

  TokenLogProbs log_probs() const {
    return [table = logits](const LmBatch& batch) {
      return -cross_entropy(embedding(table, batch.input), batch.target, {.reduction = Reduction::kNone});
    };
  }
  Tensor value(const LmBatch& batch) const { return squeeze(embedding(values, batch.input), -1); }

  // Of a token behind another.
  double probability(int32_t last, int32_t next) const {
    const std::vector<double> all = logits.to_vector<double>();
    const auto at = [&](int64_t token) { return all[static_cast<size_t>(last * vocabulary + token)]; };
    double total = 0;
    for (int64_t v = 0; v < vocabulary; ++v) total += std::exp(at(v));
    return std::exp(at(next)) / total;
  }
  double probability(const Tokens& prompt, const Tokens& answer) const {
    double product = 1;
    int32_t last = prompt.back();
    for (const int32_t token : answer) {
      product *= probability(last, token);
      last = token;
    }
    return product;
  }
  // An answer of `length` tokens, with the log-probabilities with which they were drawn.
  Rollout sample(const Tokens& prompt, int64_t length, stats::RandomStream& random) const {
    Rollout out{.prompt = prompt, .answer = {}};
    int32_t last = prompt.back();
    for (int64_t i = 0; i < length; ++i) {
      double rest = random.uniform();
      int32_t token = 0;
      while (token + 1 < vocabulary && rest >= probability(last, token)) rest -= probability(last, token++);
      out.answer.push_back(token);
      out.log_probs.push_back(std::log(probability(last, token)));
      last = token;
    }
    return out;
  }

  int64_t vocabulary;
  Tensor logits, values;
};

// What maximises E r - beta KL(pi || ref) over answers: ref exp(r / beta) / Z.
inline std::map<Tokens, double> gibbs(const std::map<Tokens, double>& reference,
                                      const std::map<Tokens, double>& reward, double beta) {
  std::map<Tokens, double> out = reference;
  double total = 0;
  for (auto& [answer, p] : out) total += p *= std::exp(reward.at(answer) / beta);
  for (auto& [answer, p] : out) p /= total;
  return out;
}

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_ALIGN_BIGRAM_POLICY_H_
