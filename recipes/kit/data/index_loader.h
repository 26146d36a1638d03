// BatchLoader's order over the numbers 0 .. n-1, for batches that are not windows of tokens: pairs, problems,
// questions.
//
//   ROUX_ASSIGN_OR_RETURN(IndexLoader loader, IndexLoader::create(pairs.size(), {.seed = 1, .global_batch =
//   32})); for (int64_t i : loader.next()) batch.push_back(pairs[i]); std::vector<int64_t> larger =
//   loader.next(64);      // a schedule of batch sizes
//
// Epochs follow each other without a gap, each in its own order, and each number comes once an epoch,
// whatever the sizes of the batches. Rank r of W gets the r-th of W equal slices. Not thread-safe.
#ifndef ROUX_RECIPES_KIT_DATA_INDEX_LOADER_H_
#define ROUX_RECIPES_KIT_DATA_INDEX_LOADER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "recipes/kit/data/loader.h"

namespace roux::kit {

class IndexLoader {
 public:
  // InvalidArgument when size is below 1, and as in BatchLoader::create for the batch and the ranks.
  static absl::StatusOr<IndexLoader> create(int64_t size, const BatchLoader::Options& options);

  // This rank's slice of the next global batch; moves on. Throws Error unless `global_batch` is a positive
  // multiple of the world size.
  std::vector<int64_t> next() { return next(options_.global_batch); }
  std::vector<int64_t> next(int64_t global_batch);

  int64_t epoch() const { return next_sample_ / size_; }

  // One line of text, and back. InvalidArgument for a damaged one, FailedPrecondition for one of another
  // seed, size or shuffle; then nothing has changed.
  std::string position() const;
  absl::Status restore(const std::string& position);

 private:
  IndexLoader(int64_t size, const BatchLoader::Options& options)
      : size_(size), options_(options), sequence_(options.seed, size, options.shuffle) {}

  int64_t size_;
  BatchLoader::Options options_;
  int64_t next_sample_ = 0;
  EpochSequence sequence_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_INDEX_LOADER_H_
