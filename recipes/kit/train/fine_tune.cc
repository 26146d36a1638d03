#include "recipes/kit/train/fine_tune.h"

#include "nn/weights.h"
#include "optim/optimizer.h"
#include "recipes/kit/data/loader.h"
#include "recipes/kit/train/neftune.h"
#include "recipes/kit/train/update.h"
#include "tensor/error.h"
#include "tensor/generator.h"

namespace roux::kit {

LmInput lm_input(const LmBatch& batch) {
  return {.ids = batch.input, .lengths = batch.lengths, .document_begin = batch.document_begin};
}

absl::StatusOr<TrainLog> fine_tune(Part& part, LanguageModel& model, const FineTuneData& data,
                                   const FineTuneOptions& options, const FineTuneHooks& hooks) {
  const NamedTensors trained = trainable(model);
  ROUX_CHECK(!trained.empty()) << "fine_tune: no parameter of the model requires grad";
  ROUX_CHECK(options.patience == 0 || options.keep_best) << "fine_tune: patience goes by keep_best's curve";
  AdamW optimizer({{trained}}, {.weight_decay = options.weight_decay});
  ROUX_ASSIGN_OR_RETURN(
      BatchLoader loader,
      BatchLoader::create(*data.train, {.seed = options.seed, .global_batch = options.global_batch}));

  const auto loss_sum = [&](const LmInput& in, const LmBatch& batch) {
    return hooks.loss_sum ? hooks.loss_sum(in, batch) : model.loss_sum(in, batch.target);
  };
  const auto step = [&](int64_t index) {
    Generator draws = Generator(options.seed, part.device()).fork(static_cast<uint64_t>(index));
    const auto of_batch = [&](const LmBatch& batch) {
      LmInput in = lm_input(batch);
      in.generator = &draws;
      if (options.neftune_alpha > 0) {
        in.embeddings = neftune(model.embed(in.ids), options.neftune_alpha, draws, in.lengths);
        in.ids = Tensor();
      }
      return loss_sum(in, batch);
    };
    return update(optimizer, {.lr = options.lr(index), .max_grad_norm = options.max_grad_norm},
                  micro_batches(loader, part.device(), options.micro_rows), of_batch);
  };
  const auto evaluate = [&](int64_t done) {
    model.eval();
    Values values = evaluate_losses(data.validation, options.evaluation_rows, part.device(),
                                    [&](const LmBatch& batch) { return loss_sum(lm_input(batch), batch); });
    if (hooks.evaluate) {
      for (auto& value : hooks.evaluate(done)) values.push_back(std::move(value));
    }
    model.train();
    return values;
  };

  TrainOptions train_options{.steps = options.steps, .evaluate_at = options.evaluate_at};
  train_options.evaluate = evaluate;
  train_options.keep_best = options.keep_best;
  train_options.divided = {&model};
  train_options.parameters = model.num_parameters();
  if (options.patience > 0) train_options.stop = patience(*options.keep_best, options.patience);
  model.train();
  absl::StatusOr<TrainLog> log =
      train(part, train_options, {{"trained", trained}, {"optimizer", optimizer}, {"loader", loader}}, step);
  model.eval();
  return log;
}

}  // namespace roux::kit
