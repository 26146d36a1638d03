// One optimizer step on a batch whose sequences are weighted by their losses.
//
// Losses first, weights from the losses of the global batch, then backward: micro-batches and ranks change
// the weights and the gradient by rounding alone. One process that takes the batch at once does it in one
// forward; otherwise losses cost a forward of their own, without recording.
#ifndef ROUX_RECIPES_LOSS_REWEIGHTING_WEIGHTED_STEP_H_
#define ROUX_RECIPES_LOSS_REWEIGHTING_WEIGHTED_STEP_H_

#include <cstdint>
#include <vector>

#include "nn/models/language_model.h"
#include "optim/optimizer.h"
#include "recipes/kit/train/batches.h"
#include "recipes/kit/train/update.h"
#include "recipes/loss_reweighting/method.h"

namespace roux::loss_reweighting {

// What the weights of the steps of a training were.
struct WeightRecord {
  static constexpr size_t kBins = 10;
  int64_t steps = 0;
  double effective_sample_sizes = 0;   // summed over steps
  std::vector<int64_t> h_counts;       // [kBins]: sequences by their h (d = 1), bins of 0.2 from -1 on
  std::vector<double> domain_weights;  // summed weight of each domain's sequences
  template <class V>
  void visit(V&& v) {
    v("steps", steps), v("effective_sample_sizes", effective_sample_sizes), v("h_counts", h_counts);
    v("domain_weights", domain_weights);
  }
  void add(absl::Span<const double> losses, absl::Span<const double> weights,
           const std::vector<int32_t>& domain);
};

// [B, T]: the loss of each target.
Tensor token_losses(const LanguageModel& model, const kit::LmBatch& batch);

// The step's `loss` is L, its values are "mean_loss", the plain mean of the sequences' losses, and
// "effective_sample_size". kUniform, and every strategy where `burn_in` is true, is the mean over all targets
// of the batch, bit for bit the same step. Errors as kit::update(). On meta every sequence weighs the same.
kit::StepResult weighted_step(Optimizer& optimizer, const StepOptions& options, const LanguageModel& model,
                              const std::vector<kit::LmBatch>& micro, const Weighting& weighting,
                              bool burn_in, WeightRecord& record);

}  // namespace roux::loss_reweighting

#endif  // ROUX_RECIPES_LOSS_REWEIGHTING_WEIGHTED_STEP_H_
