#include "recipes/kit/train/pretrain.h"

#include "recipes/kit/train/batches.h"
#include "recipes/kit/train/update.h"
#include "tensor/error.h"

namespace roux::kit {

absl::StatusOr<PretrainResult> pretrain(Part& part, LanguageModel& model, const PretrainData& data,
                                        const PretrainOptions& options) {
  AdamW optimizer({{model.named_parameters()}}, options.adamw);
  States learned = {{"model", model}};
  const States all = learned + States{{"optimizer", optimizer}};
  if (!options.from.empty()) {
    ROUX_RETURN_IF_ERROR(part.load_from(options.from, options.keep_moments ? all : learned, options.what));
  }
  ROUX_ASSIGN_OR_RETURN(
      MixtureLoader loader,
      MixtureLoader::create(data.domains, data.shares,
                            {.seed = options.seed, .global_batch = options.global_batch}, options.order));
  for (int64_t step = 0; step < options.skip_steps; ++step) loader.next_rows();
  const std::vector<int64_t> skipped = loader.taken();

  const auto loss_sum = [&](const LmBatch& batch) { return model.loss_sum(batch.input, batch.target); };
  TrainOptions train_options{.steps = options.steps, .evaluate_at = options.evaluate_at};
  train_options.evaluate = [&](int64_t) {
    return evaluate_losses(data.validation, options.evaluation_rows, part.device(), loss_sum);
  };
  train_options.leave_at = options.leave_at;
  train_options.parameters = model.num_parameters();
  ROUX_ASSIGN_OR_RETURN(
      TrainLog log, train(part, train_options, all + States{{"loader", loader}}, [&](int64_t step) {
        return update(optimizer,
                      {.lr = options.lr(options.lr_step + step), .max_grad_norm = options.max_grad_norm},
                      micro_batches(loader, part.device(), options.micro_rows), loss_sum);
      }));
  PretrainResult result{std::move(log), loader.taken()};
  for (size_t d = 0; d < skipped.size(); ++d) result.rows[d] -= skipped[d];
  return result;
}

}  // namespace roux::kit
