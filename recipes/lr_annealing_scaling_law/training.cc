#include "recipes/lr_annealing_scaling_law/training.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "nn/models/transformer.h"
#include "optim/optimizer.h"
#include "recipes/kit/data/loader.h"
#include "recipes/kit/train/batches.h"
#include "recipes/kit/train/train.h"
#include "recipes/kit/train/training.h"
#include "recipes/kit/train/update.h"
#include "tensor/generator.h"

namespace roux::lr_annealing {
namespace {

TransformerConfig shape(const TrainingConfig& c, const kit::Corpus& corpus) {
  TransformerConfig shape;
  shape.vocab_size = corpus.tokenizer.vocab_size();
  shape.hidden_size = c.hidden;
  shape.intermediate_size = c.intermediate;
  shape.num_hidden_layers = c.layers;
  shape.num_attention_heads = c.heads;
  shape.max_position_embeddings = c.length;
  return shape;
}

}  // namespace

absl::Status TrainingConfig::check() const {
  const auto refuse = [](const std::string& what) { return absl::InvalidArgumentError(what); };
  if (hidden % heads != 0 || hidden / heads % 2 != 0) {
    return refuse(absl::StrCat("hidden=", hidden, ", heads=", heads,
                               ": hidden must be heads times an even number (rotary positions)"));
  }
  if (2 * warmup > steps) {
    return refuse(
        absl::StrCat("steps=", steps, ", warmup=", warmup, ": steps must be at least twice the warm-up"));
  }
  if (std::max(fit_from, eval_every) > steps) {
    return refuse(absl::StrCat("steps=", steps, ", fit_from=", fit_from, ", eval_every=", eval_every,
                               ": no loss would be measured after fit_from"));
  }
  return absl::OkStatus();
}

std::vector<Arm> arms(const TrainingConfig& c) {
  const ScheduleOptions to_zero{c.eta_max, 0, c.steps, c.warmup};
  const RewarmOptions rewarm{.peak = c.eta_max,
                             .floor = 0.1 * c.eta_max,
                             .warmup = c.warmup,
                             .stable = c.steps / 2 - c.warmup,
                             .decay = c.steps / 8,
                             .rewarm = 10,
                             .second_peak = c.eta_max};
  return {{"constant", constant_schedule(c.eta_max, c.warmup)},
          {"cosine", cosine_schedule(to_zero)},
          {"wsd", wsd_schedule(to_zero, c.steps / 5)},
          {"multi-step",
           multi_step_schedule(c.eta_max, {{c.steps * 6 / 10, 0.316}, {c.steps * 8 / 10, 0.1}}, c.warmup)},
          {"re-warm", rewarm_schedule(rewarm)}};
}

std::vector<int64_t> evaluation_steps(const TrainingConfig& c) { return kit::every(c.eval_every, c.steps); }

absl::StatusOr<std::vector<double>> train_curve(const TrainingConfig& c, const kit::Corpus& corpus,
                                                const Schedule& schedule, uint64_t seed, kit::Part& part) {
  Generator init(seed);
  Transformer model(shape(c, corpus), Init{&init, c.init_std, kF32, part.device()});
  AdamW optimizer({{model.named_parameters()}},
                  {.beta1 = c.beta1, .beta2 = c.beta2, .weight_decay = c.weight_decay});
  ROUX_ASSIGN_OR_RETURN(kit::BatchLoader loader,
                        kit::BatchLoader::create(corpus.train, {.seed = seed, .global_batch = c.batch}));
  ROUX_ASSIGN_OR_RETURN(const std::vector<int64_t> rows, corpus.validation.fixed_rows(c.eval_windows));
  const auto loss_sum = [&](const kit::LmBatch& b) { return model.loss_sum(b.input, b.target); };
  const auto evaluate = [&](int64_t) -> kit::Values {
    return {{"validation_loss", kit::evaluate_loss(corpus.validation, rows, 32, part.device(), loss_sum)}};
  };
  ROUX_ASSIGN_OR_RETURN(
      kit::TrainLog log,
      kit::train(part,
                 {.steps = c.steps,
                  .evaluate_at = evaluation_steps(c),
                  .evaluate = evaluate,
                  .parameters = model.num_parameters()},
                 {{"model", model}, {"optimizer", optimizer}, {"loader", loader}}, [&](int64_t step) {
                   return kit::update(optimizer, {.lr = schedule(step), .max_grad_norm = c.max_grad_norm},
                                      kit::micro_batches(loader, part.device()), loss_sum);
                 }));
  return log.curves["validation_loss"];
}

int64_t parameter_count(const TrainingConfig& c, const kit::Corpus& corpus) {
  Generator unused;
  return Transformer(shape(c, corpus), Init{&unused, c.init_std, kF32, kMeta}).num_parameters();
}

Curve curve_of(const TrainingConfig& config, const Schedule& schedule, const std::vector<double>& losses) {
  // After k updates the last rate used is that of step k - 1.
  Curve curve;
  curve.eta = area_rates(schedule, config.steps - 1, config.warmup);
  for (const int64_t step : evaluation_steps(config)) curve.steps.push_back(step - 1);
  curve.loss = losses;
  return curve;
}

}  // namespace roux::lr_annealing
