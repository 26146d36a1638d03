// Batches mixed from several domains in given shares: pretraining mixtures, replay of old data, curricula.
//
//   ROUX_ASSIGN_OR_RETURN(MixtureLoader loader,
//                         MixtureLoader::create({&wiki, &code}, {0.7, 0.3}, {.seed = 1, .global_batch = 8}));
//   MixtureBatch batch = loader.next();     // batch.tokens [8, T], batch.domain[row]
//   ROUX_RETURN_IF_ERROR(loader.set_shares({0.5, 0.5}));   // from the next batch on
//
// Which domain a row comes from is stats::MixtureSampler's choice: shares are exact to one row over 64, 128,
// 256, ... rows, not only expected. Within a domain rows come as from BatchLoader: each once an epoch, every
// epoch in its own order. Rank r of W gets the r-th of W equal slices of each global batch, as there.
//
// To compare mixtures, MixtureOrder::kByPosition pairs their rows: two loaders of one seed have the same row
// wherever they choose the same domain, so that a row of replay replaces the one that would have stood there.
//
// Not thread-safe; holds pointers to the WindowSets, which must outlive it.
#ifndef ROUX_RECIPES_KIT_DATA_MIXTURE_LOADER_H_
#define ROUX_RECIPES_KIT_DATA_MIXTURE_LOADER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "recipes/kit/data/loader.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/stats/samplers.h"

namespace roux::kit {

struct MixtureBatch {
  TokenBatch tokens;
  std::vector<int32_t> domain;  // [rows]: index into the loader's domains
};

// Which row of its domain stands at sample i of the run, counted over all domains.
enum class MixtureOrder {
  kInTurn,      // the next one of the domain: each row once an epoch of its domain
  kByPosition,  // the i-th of the domain's own sequence, the rows at other domains' samples being left out:
                // each row at most once in as many samples as the domain has rows
};

class MixtureLoader {
 public:
  // One domain and its row.
  struct Row {
    int32_t domain;
    int64_t row;
    bool operator==(const Row&) const = default;
  };

  // Domains need one window length; shares are >= 0, not all 0, one a domain, and are normalised.
  // InvalidArgument otherwise, and as in BatchLoader::create for the batch and the ranks.
  static absl::StatusOr<MixtureLoader> create(const std::vector<const WindowSet*>& domains,
                                              const std::vector<double>& shares,
                                              const BatchLoader::Options& options,
                                              MixtureOrder order = MixtureOrder::kInTurn);

  // This rank's rows of the next global batch; moves on.
  std::vector<Row> next_rows();
  MixtureBatch next();

  // The mixture from the next batch on.
  absl::Status set_shares(const std::vector<double>& shares);
  const std::vector<double>& shares() const { return sampler_.shares(); }

  // Rows that all ranks together have taken from each domain since the start of the run.
  const std::vector<int64_t>& taken() const { return taken_; }
  double epochs(int64_t domain) const;  // the same in passes over that domain

  // All state, shares too, as one line of text, and back. FailedPrecondition when it was saved with another
  // seed, shuffle, global batch or order, other data or another number of domains; then nothing has changed.
  std::string position() const;
  absl::Status restore(const std::string& position);

 private:
  MixtureLoader(const std::vector<const WindowSet*>& domains, const std::vector<double>& shares,
                const BatchLoader::Options& options, MixtureOrder order);

  std::vector<const WindowSet*> domains_;
  BatchLoader::Options options_;
  MixtureOrder order_;
  uint64_t fingerprint_ = 0;
  std::vector<double> given_;  // shares as they were given: what the sampler is made from again
  stats::MixtureSampler sampler_;
  int64_t next_sample_ = 0;
  std::vector<int64_t> taken_;
  std::vector<EpochSequence> sequences_;  // by domain
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_MIXTURE_LOADER_H_
