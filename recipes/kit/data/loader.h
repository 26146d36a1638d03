// The order of training rows: an endless, shuffled, resumable sequence of global batches, cut into one slice
// a rank.
//
//   ROUX_ASSIGN_OR_RETURN(BatchLoader loader, BatchLoader::create(train, {.seed = 1, .global_batch = 8}));
//   TokenBatch batch = loader.next();                  // [8, T]; batch 0, 1, 2, ... of the run
//   std::string saved = loader.position().to_string(); // into the checkpoint
//   ROUX_RETURN_IF_ERROR(loader.restore(saved));       // the next batch is the one that would have followed
//
// The rows of epoch e are a permutation that depends on (seed, e, number of rows) alone. Epochs follow each
// other without a gap, and global batch b is samples b*G .. b*G + G-1 of that sequence, so each row comes
// exactly once an epoch, no batch is short, and a batch may span two epochs. Rank r of W gets the r-th of W
// equal slices of each global batch: the union over ranks is what one process would see.
//
// Not thread-safe; holds a pointer to the WindowSet, which must outlive it.
#ifndef ROUX_RECIPES_KIT_DATA_LOADER_H_
#define ROUX_RECIPES_KIT_DATA_LOADER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "recipes/kit/data/windows.h"

namespace roux::kit {

// Permutation of 0 .. rows-1 that depends on its arguments alone: Fisher-Yates on a splitmix64 stream.
std::vector<int64_t> epoch_order(uint64_t seed, int64_t epoch, int64_t rows);

// The endless sequence of rows 0 .. rows-1, each epoch in its epoch_order, or as they stand without shuffle.
// Keeps the order of the last epoch asked for.
class EpochSequence {
 public:
  EpochSequence(uint64_t seed, int64_t rows, bool shuffle) : seed_(seed), rows_(rows), shuffle_(shuffle) {}
  int64_t row(int64_t sample);  // sample >= 0

 private:
  uint64_t seed_;
  int64_t rows_;
  bool shuffle_;
  int64_t epoch_ = -1;  // the one that order_ is of
  std::vector<int64_t> order_;
};

// Where a loader stands. Independent of rank and world size: a run may be resumed with another number of
// processes.
struct LoaderPosition {
  uint64_t seed = 0;
  uint64_t fingerprint = 0;  // of the WindowSet
  bool shuffle = true;
  int64_t global_batch = 0;
  int64_t next_sample = 0;  // samples that all ranks together have taken since the start of the run

  // One line of text, and back; an error says what is wrong with the text.
  std::string to_string() const;
  static absl::StatusOr<LoaderPosition> from_string(const std::string& text);
};

class BatchLoader {
 public:
  struct Options {
    uint64_t seed = 0;
    int64_t global_batch = 1;  // rows a step of all ranks together
    int rank = 0;
    int world_size = 1;
    bool shuffle = true;  // false: every epoch in the set's own order
  };

  // InvalidArgument when global_batch is not a positive multiple of world_size or rank is outside 0 ..
  // world_size-1.
  static absl::StatusOr<BatchLoader> create(const WindowSet& windows, const Options& options);

  // Row indices of this rank's slice of the next global batch; moves on.
  std::vector<int64_t> next_rows();
  // The same rows as a batch of [global_batch / world_size, T].
  TokenBatch next() { return windows_->batch(next_rows()); }

  // Row indices of the next global batch (all ranks), without moving on: the loss's divisor, the first batch
  // shown.
  std::vector<int64_t> peek_global_rows();

  LoaderPosition position() const {
    return {options_.seed, fingerprint_, options_.shuffle, options_.global_batch, next_sample_};
  }
  // Continues at a saved position. FailedPrecondition when it was saved with another seed, shuffle or global
  // batch, or other data; then nothing has changed.
  absl::Status restore(const LoaderPosition& position);
  absl::Status restore(const std::string& text);

  int64_t epoch() const { return next_sample_ / windows_->size(); }
  int64_t rows_per_rank() const { return options_.global_batch / options_.world_size; }

 private:
  BatchLoader(const WindowSet& windows, const Options& options);

  const WindowSet* windows_;
  Options options_;
  uint64_t fingerprint_;
  int64_t next_sample_ = 0;
  EpochSequence sequence_;
};

// The rules of BatchLoader::create for batch and ranks.
absl::Status check_loader_options(const BatchLoader::Options& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_LOADER_H_
