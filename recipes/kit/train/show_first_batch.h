// The first batch of a run's first seed, printed with its loss mask before anything is trained.
//
//   if (!run.planning()) ROUX_RETURN_IF_ERROR(show_first_batch(run, corpus, config.batch));
#ifndef ROUX_RECIPES_KIT_TRAIN_SHOW_FIRST_BATCH_H_
#define ROUX_RECIPES_KIT_TRAIN_SHOW_FIRST_BATCH_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "recipes/kit/data/corpus.h"
#include "recipes/kit/data/mixture_loader.h"
#include "recipes/kit/run/run.h"

namespace roux::kit {

// As BatchLoader draws it from the training windows, in bytes. Errors: those of BatchLoader::create and
// Run::show_batch.
absl::Status show_first_batch(Run& run, const Corpus& corpus, int64_t global_batch);

// As MixtureLoader draws it from domains of bytes, with its errors.
absl::Status show_first_batch(Run& run, const std::vector<const WindowSet*>& domains,
                              const std::vector<double>& shares, int64_t global_batch,
                              MixtureOrder order = MixtureOrder::kInTurn);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TRAIN_SHOW_FIRST_BATCH_H_
