// Part B: a small model that learns family questions, with and without those of AIW's kind ("crossed",
// problems.h). What is held out is the relation, not numbers: the answer M + 1 does not depend on N, so that
// hidden cells could be read off their neighbours.
#ifndef ROUX_RECIPES_ALICE_IN_WONDERLAND_REASONER_H_
#define ROUX_RECIPES_ALICE_IN_WONDERLAND_REASONER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/alice_in_wonderland/method.h"
#include "recipes/alice_in_wonderland/problems.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/run/first_batch.h"
#include "recipes/kit/run/part.h"
#include "recipes/kit/run/settings.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::alice {

struct ReasonerConfig {
  int64_t most_brothers = 4, most_sisters = 6;            // cells: 1 .. each; V1 to V4 are among them
  int64_t hidden = 64, layers = 2, heads = 4;             // ours
  int64_t batch = 64, steps = 600, warmup = 50;           // ours
  double lr = 2e-3, init_std = 0.08, max_grad_norm = 1;   // ours, on seed 100
  double beta1 = 0.9, beta2 = 0.95, weight_decay = 0.01;  // ours
  double hidden_share = 0.15;                             // of (control, cell) pairs, arm "hidden"
};

// A question of the task family.
struct FamilyItem {
  Problem problem;
  int64_t answer = 0;
  std::vector<int32_t> tokens;  // problem and answer, one token
  bool crossed = false;
  size_t cell = 0;  // of (brothers, sisters)
};

// All items: cells, orders of the clauses, the nine questions, six names; with the word-level tokenizer of
// their texts.
struct FamilyTask {
  std::vector<FamilyItem> items;
  std::shared_ptr<const kit::Tokenizer> tokenizer;
  size_t cells = 0;
  size_t longest = 0;  // tokens of an item
};
absl::StatusOr<FamilyTask> family_task(const ReasonerConfig& config);

// Which crossed items an arm trains on; all train on all controls but "hidden".
struct TrainedArm {
  std::string name;  // "none", "mirror" (of boys), "few" (in 4 cells), "full", "hidden" (none, and pairs of
                     // controls held out)
};
std::vector<TrainedArm> trained_arms(bool all);  // none, few, full; all five
// The indices of the items that the arm trains on. `seed` draws the hidden pairs.
std::vector<int64_t> training_items(const FamilyTask& task, const std::string& arm,
                                    const ReasonerConfig& config, uint64_t seed);
// Cells of arm "few": of 4 x 6 cells those of 1 to 4 brothers and as many sisters, so none of 5 or 6 sisters.
std::vector<size_t> few_cells(const FamilyTask& task);

// What a trained model says to every item, in the task's order.
struct Reasoned {
  std::vector<int64_t> said;        // the most probable token's number; -1 for a word
  std::vector<double> probability;  // of the right answer
  double loss = 0;                  // of the last step
  template <class Visit>
  void visit(Visit&& visit) {
    visit("said", said), visit("probability", probability), visit("loss", loss);
  }
};
// Trains on the arm's items, with the loss on the answer alone, from the seed's weights.
absl::StatusOr<Reasoned> train_reasoner(const ReasonerConfig& config, const FamilyTask& task,
                                        const std::string& arm, uint64_t seed, kit::Part& part);
int64_t parameter_count(const ReasonerConfig& config, const FamilyTask& task);

// Rows of a batch, as it is trained on.
std::vector<kit::MaskedDocument> documents_of(const FamilyTask& task, const std::vector<int64_t>& items);

// The first batch of training on these items, for Run::show_batch.
kit::FirstBatch first_batch(const ReasonerConfig& config, const FamilyTask& task,
                            const std::vector<int64_t>& items);

// Share of right answers, and mean probability of the right one, over the items that `which` takes. Throws
// Error when it takes none.
using Which = std::function<bool(size_t item)>;
double accuracy(const FamilyTask& task, const Reasoned& result, const Which& which);
double mean_probability(const FamilyTask& task, const Reasoned& result, const Which& which);
// Right answers cell by cell, as variations of one problem.
std::vector<Cell> cells_of(const FamilyTask& task, const Reasoned& result, const Which& which);
// Of the wrong answers the share that is the stated count, M (copied_count), and the largest share of another
// rule, of those that are not M: N, N + M, N + M + 1, M - 1, N - 1, N + 1. 0 and 0 where none is wrong.
struct WrongAnswers {
  int64_t wrong = 0;
  double copied = 0, next = 0;
};
WrongAnswers wrong_answers(const FamilyTask& task, const Reasoned& result, const Which& which);

}  // namespace roux::alice

#endif  // ROUX_RECIPES_ALICE_IN_WONDERLAND_REASONER_H_
