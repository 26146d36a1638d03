// Pretraining of a language model on a mixture of domains: from its first weights, or as an arm that goes on
// from what another part left.
//
//   PretrainOptions options{.seed = seed, .steps = 600, .lr = cosine_schedule({.peak = 3e-3, .total = 600})};
//   options.evaluate_at = every(50, 600), options.leave_at = {{600, "final"}};
//   ROUX_ASSIGN_OR_RETURN(const PretrainResult base,
//                         pretrain(part, model, {{&old_text, &new_text}, {1, 0}, {{"old", &old_dev}}}, options));
//   ...
//   options.from = "base";              // in an arm: base's weights and AdamW moments
//
// It is train() (train.h) with AdamW and a MixtureLoader, losses divided by the targets of the global batch.
// Weights and rows depend on the seed alone, so that arms differ by what their options say. A recipe that
// needs another step calls train() itself.
#ifndef ROUX_RECIPES_KIT_TRAIN_PRETRAIN_H_
#define ROUX_RECIPES_KIT_TRAIN_PRETRAIN_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nn/models/language_model.h"
#include "optim/optimizer.h"
#include "optim/schedules.h"
#include "recipes/kit/data/mixture_loader.h"
#include "recipes/kit/run/part.h"
#include "recipes/kit/train/train.h"
#include "recipes/kit/train/validation.h"

namespace roux::kit {

struct PretrainData {
  std::vector<const WindowSet*> domains;
  std::vector<double> shares;  // one a domain
  std::vector<ValidationSet> validation = {};
};

struct PretrainOptions {
  uint64_t seed = 0;         // of the order of rows, and of which domain each is
  int64_t steps = 0;         // of the optimizer
  int64_t global_batch = 8;  // rows a step,
  int64_t micro_rows = 0;    // so many at once; 0: all
  MixtureOrder order = MixtureOrder::kInTurn;
  int64_t skip_steps = 0;  // batches left out at the start: what an earlier part of this seed has seen
  Schedule lr = constant_schedule(1e-3);
  int64_t lr_step = 0;  // the schedule's step at the first one of this part
  AdamWOptions adamw = {};
  double max_grad_norm = 1;
  std::string from = {};       // the arm to go on from, empty: none;
  std::string what = "final";  // of that which it left
  bool keep_moments = true;    // AdamW's; false: only the weights
  std::vector<int64_t> evaluate_at = {};
  int64_t evaluation_rows = 32;                  // at once
  std::map<int64_t, std::string> leave_at = {};  // "model" and "optimizer", for `from` of others
};

struct PretrainResult {
  TrainLog log;
  std::vector<int64_t> rows;  // of each domain, that this part trained on
  template <class Visit>
  void visit(Visit&& visit) {
    visit("log", log), visit("rows", rows);
  }
};

// Errors as train(), Part::load_from and MixtureLoader::create.
absl::StatusOr<PretrainResult> pretrain(Part& part, LanguageModel& model, const PretrainData& data,
                                        const PretrainOptions& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TRAIN_PRETRAIN_H_
