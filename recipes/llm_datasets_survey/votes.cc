// The preference role: what ten people said of words, as votes, pairs and a reward model.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "absl/strings/str_cat.h"
#include "nn/layers.h"
#include "optim/optimizer.h"
#include "recipes/kit/align/reward_model.h"
#include "recipes/kit/eval/agreement.h"
#include "recipes/kit/eval/classification.h"
#include "recipes/kit/train/train.h"
#include "recipes/kit/train/update.h"
#include "recipes/llm_datasets_survey/arms.h"
#include "tensor/error.h"
#include "tensor/generator.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux::llm_datasets_survey {
namespace {

constexpr int64_t kFeatures = 1024;   // hashed trigrams of a word
constexpr int64_t kTestPairs = 2000;  // votes on words that no training pair has
constexpr int64_t kShown = 200;       // of them in predictions.jsonl

const kit::RatedText& word(const std::vector<kit::RatedText>& rated, int64_t i) {
  return rated[static_cast<size_t>(i)];
}

// The words of one side of the split, which the seed makes.
std::vector<int64_t> words_of(const std::vector<kit::RatedText>& rated, uint64_t seed, bool test) {
  stats::RandomStream random(seed, 29);
  std::vector<int64_t> words;
  for (size_t i = 0; i < rated.size(); ++i) {
    if ((random.below(4) == 0) == test) words.push_back(static_cast<int64_t>(i));
  }
  return words;
}

// Pairs of words whose order people voted on.
std::vector<Preferred> vote_pairs(const std::vector<kit::RatedText>& rated, const std::vector<int64_t>& words,
                                  int64_t count, stats::RandomStream& random) {
  ROUX_CHECK(words.size() > 1) << "two rated words are the least on both sides of the split";
  std::vector<Preferred> pairs;
  const auto draw = [&] {
    return words[static_cast<size_t>(random.below(static_cast<int64_t>(words.size())))];
  };
  while (static_cast<int64_t>(pairs.size()) < count) {
    const int64_t a = draw(), b = draw();
    const auto pair = pair_of_votes(a, b, word(rated, a).ratings, word(rated, b).ratings);
    pairs.insert(pairs.end(), pair.begin(), pair.end());
  }
  return pairs;
}

// What inflections of one word have in common, roughly.
std::string stem(const kit::RatedText& word) { return word.text.substr(0, 4); }

Tensor features_of(const std::vector<kit::RatedText>& rated, const std::vector<Preferred>& pairs, bool chosen,
                   Device device) {
  std::vector<float> values;
  for (const Preferred& pair : pairs) {
    const std::string& text = word(rated, chosen ? pair.chosen : pair.rejected).text;
    for (const double share : trigram_shares(text, kFeatures)) values.push_back(static_cast<float>(share));
  }
  return tensor(values, {static_cast<int64_t>(pairs.size()), kFeatures}, device);
}

double kappa(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  return kit::cohen_kappa(kit::confusion_matrix(a, b, 2));
}

}  // namespace

PairForms pair_forms(const std::vector<kit::RatedText>& rated, size_t words) {
  PairForms forms{.words = static_cast<int64_t>(std::min(words, rated.size()))};
  std::vector<double> scores;
  for (int64_t i = 0; i < forms.words; ++i) {
    const std::vector<int>& ratings = word(rated, i).ratings;
    scores.push_back(std::accumulate(ratings.begin(), ratings.end(), 0.0) /
                     static_cast<double>(ratings.size()));
  }
  const auto score = [&](int64_t i) { return scores[static_cast<size_t>(i)]; };
  std::vector<int64_t> best_first(scores.size());
  std::iota(best_first.begin(), best_first.end(), 0);
  std::stable_sort(best_first.begin(), best_first.end(),
                   [&](int64_t a, int64_t b) { return score(a) > score(b); });
  forms.sorts = static_cast<int64_t>(pairs_of_sort(best_first).size());
  std::map<std::pair<int64_t, int64_t>, double> margins;  // of scores, by chosen and rejected
  for (const Preferred& pair : pairs_of_scores(scores)) margins[{pair.chosen, pair.rejected}] = pair.margin;
  forms.scores = static_cast<int64_t>(margins.size());
  double far = 0;
  for (int64_t a = 0; a < forms.words; ++a) {
    for (int64_t b = a + 1; b < forms.words; ++b) {
      for (const Preferred& vote : pair_of_votes(a, b, word(rated, a).ratings, word(rated, b).ratings)) {
        const auto same = margins.find({vote.chosen, vote.rejected});
        const bool is_far = std::abs(score(a) - score(b)) >= 1;
        ++forms.votes, far += is_far;
        if (same != margins.end()) ++forms.agree, forms.agree_far += is_far;
      }
    }
  }
  if (forms.votes > 0) forms.agree /= static_cast<double>(forms.votes);
  if (far > 0) forms.agree_far /= far;
  return forms;
}

absl::StatusOr<Outcome> train_reward(const Config& c, const std::vector<kit::RatedText>& rated, uint64_t seed,
                                     kit::Part& part) {
  Generator generator(seed);
  Linear score(kFeatures, 1, false, Init{&generator, 0.01, kF32, part.device()});
  AdamW optimizer({{score.named_parameters()}}, {});
  const Schedule lr = cosine(c.reward_lr, c.reward_steps);
  const std::vector<int64_t> known = words_of(rated, seed, false);
  const auto step = [&](int64_t number) {
    stats::RandomStream random(seed, 1000 + static_cast<uint64_t>(number));
    const std::vector<Preferred> pairs = vote_pairs(rated, known, c.reward_pairs, random);
    const Tensor chosen = features_of(rated, pairs, true, part.device());
    const Tensor rejected = features_of(rated, pairs, false, part.device());
    return kit::update(optimizer, {.lr = lr(number), .max_grad_norm = 1}, [&] {
      return mean(kit::bradley_terry_loss(reshape(score(chosen), {c.reward_pairs}),
                                          reshape(score(rejected), {c.reward_pairs})));
    });
  };
  Outcome outcome;
  const kit::States states = {{"model", score}, {"optimizer", optimizer}};
  ROUX_ASSIGN_OR_RETURN(outcome.log, kit::train(part, {.steps = c.reward_steps}, states, step));

  NoGradGuard no_grad;
  stats::RandomStream random(seed, 17);
  const std::vector<Preferred> pairs = vote_pairs(rated, words_of(rated, seed, true), kTestPairs, random);
  const auto good = score(features_of(rated, pairs, true, part.device())).to_vector<float>();
  const auto bad = score(features_of(rated, pairs, false, part.device())).to_vector<float>();
  // As judges of "is the first one better?", the pair shown in a random order: the model (ME) beside the
  // majority of the people (HE); one of them beside the majority of the others, where these have one.
  std::vector<int64_t> people, model, one, others;
  std::set<std::string> stems;
  for (const int64_t i : known) stems.insert(stem(word(rated, i)));
  double right = 0, unknown = 0, unknown_right = 0;
  for (size_t i = 0; i < pairs.size(); ++i) {
    const bool turned = random.below(2) == 1, agrees = good[i] > bad[i];
    right += agrees;
    people.push_back(!turned), model.push_back(agrees != turned);
    const kit::RatedText &a = word(rated, pairs[i].chosen), &b = word(rated, pairs[i].rejected);
    if (!stems.contains(stem(a)) && !stems.contains(stem(b))) ++unknown, unknown_right += agrees;
    const auto rest = pair_of_votes(0, 1, {a.ratings.begin() + 1, a.ratings.end()},
                                    {b.ratings.begin() + 1, b.ratings.end()});
    if (!rest.empty()) {
      others.push_back((rest[0].chosen == 0) != turned);
      const bool first = a.ratings[0] == b.ratings[0] ? random.below(2) == 1 : a.ratings[0] > b.ratings[0];
      one.push_back(first != turned);
    }
    if (static_cast<int64_t>(i) < kShown)
      part.prediction(
          {absl::StrCat(a.text, " / ", b.text), a.text, agrees ? a.text : b.text, {good[i], bad[i]}});
  }
  outcome.scores["accuracy"] = right / static_cast<double>(pairs.size());
  outcome.scores["accuracy_unknown_stems"] = unknown == 0 ? 0.5 : unknown_right / unknown;
  outcome.scores["model_kappa"] = kappa(people, model);
  outcome.scores["person_kappa"] = kappa(others, one);
  return outcome;
}

}  // namespace roux::llm_datasets_survey
