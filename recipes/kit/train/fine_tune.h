// Fine-tuning of a language model: what of it trains (adapters, some layers, all) is what requires grad.
//
//   attach_lora(model, {.r = 16, .alpha = 32}, generator);
//   const FineTuneOptions options{.steps = 200,
//                                 .lr = cosine_schedule({.peak = 2e-4, .total = 200}),
//                                 .evaluate_at = every(25, 200),
//                                 .keep_best = Best{"dev"},
//                                 .patience = 3};
//   ROUX_ASSIGN_OR_RETURN(const TrainLog log,
//                         fine_tune(part, model, {&train, {{"dev", &dev}}}, options));
//
// It is train() (train.h) with AdamW, a BatchLoader, dropout and NEFTune drawn by (seed, step), losses
// divided by the targets of the global batch. A recipe that needs another step calls train() itself.
#ifndef ROUX_RECIPES_KIT_TRAIN_FINE_TUNE_H_
#define ROUX_RECIPES_KIT_TRAIN_FINE_TUNE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "nn/models/language_model.h"
#include "optim/schedules.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/run/part.h"
#include "recipes/kit/train/batches.h"
#include "recipes/kit/train/train.h"
#include "recipes/kit/train/validation.h"

namespace roux::kit {

// What a model takes of a batch: ids, and the lengths of padded or the documents of packed rows.
LmInput lm_input(const LmBatch& batch);

struct FineTuneData {
  const WindowSet* train;
  std::vector<ValidationSet> validation = {};
};

struct FineTuneOptions {
  uint64_t seed = 0;         // of the order of rows, dropout and noise
  int64_t steps = 0;         // of the optimizer
  int64_t global_batch = 8;  // rows a step,
  int64_t micro_rows = 0;    // so many at once; 0: all
  Schedule lr = constant_schedule(1e-4);
  double weight_decay = 0, max_grad_norm = 1;
  double neftune_alpha = 0;               // 0: no noise
  std::vector<int64_t> evaluate_at = {};  // as TrainOptions has it; empty: none
  int64_t evaluation_rows = 32;           // at once
  std::optional<Best> keep_best = {};
  int64_t patience = 0;  // evaluations without a better value of keep_best's curve; 0: no end before `steps`
};

// Closures in the place of the usual loss and beside the losses of the validation sets.
struct FineTuneHooks {
  // The summed loss of a batch; `in` is what the model shall read: batch.input, or its embeddings with noise,
  // and the generator of dropout. Default: model.loss_sum(in, batch.target).
  std::function<Tensor(const LmInput& in, const LmBatch& batch)> loss_sum = {};
  std::function<Values(int64_t step)> evaluate = {};  // in eval mode, without recording
};

// The model is in training mode while steps are made and in eval mode afterwards. The states that are saved
// and left are "trained" (by name, what requires grad), "optimizer" and "loader". Errors as train() and
// BatchLoader::create. Throws Error when nothing requires grad, and for patience without keep_best.
absl::StatusOr<TrainLog> fine_tune(Part& part, LanguageModel& model, const FineTuneData& data,
                                   const FineTuneOptions& options, const FineTuneHooks& hooks = {});

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TRAIN_FINE_TUNE_H_
