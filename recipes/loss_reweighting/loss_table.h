// --table: the weights of every strategy from losses of a CSV file.
//
//   step,sequence,loss
//   0,a,2.31
//   0,b,4.02
//   1,a,2.25
//
// A step is one global batch, its lines may stand anywhere; steps and sequences are names. Other columns are
// left alone.
#ifndef ROUX_RECIPES_LOSS_REWEIGHTING_LOSS_TABLE_H_
#define ROUX_RECIPES_LOSS_REWEIGHTING_LOSS_TABLE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/loss_reweighting/method.h"

namespace roux::loss_reweighting {

struct LossBatch {
  std::string step;
  std::vector<std::string> sequences;
  std::vector<double> losses;
};

// In the order in which the steps appear. InvalidArgument "<path>: line N: <what>" for a loss that is no
// finite number, an empty name, or a sequence that a step has twice; "<path>: holds no losses"; NotFound for
// a column that is missing; else the errors of CsvReader.
absl::StatusOr<std::vector<LossBatch>> read_losses(const std::string& path);

// {"r", "d", "clip_quantile", "batches": [{"step", "sequences", "losses", "h", "weights": {strategy: [...]},
// "effective_sample_size": {strategy: number}}]}; `weighting` without its strategy. h is that of the clipped
// losses.
std::string weights_json(const std::vector<LossBatch>& batches, const Weighting& weighting);

}  // namespace roux::loss_reweighting

#endif  // ROUX_RECIPES_LOSS_REWEIGHTING_LOSS_TABLE_H_
