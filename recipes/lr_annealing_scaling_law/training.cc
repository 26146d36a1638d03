#include "recipes/lr_annealing_scaling_law/training.h"

#include <memory>

#include "autograd/anomaly.h"
#include "autograd/autograd.h"
#include "nn/models/llama.h"
#include "tensor/error.h"
#include "tensor/ops/elementwise.h"

namespace roux::lr_annealing {
namespace {

// Model, optimizer and data of one run.
struct Trainer {
  Trainer(const TrainingConfig& c, const kit::Corpus& corpus, uint64_t seed, Device device,
          kit::BatchLoader data)
      : config(c), device(device), generator(seed), loader(std::move(data)) {
    LlamaConfig shape;
    shape.vocab_size = corpus.tokenizer.vocab_size();
    shape.hidden_size = c.hidden;
    shape.intermediate_size = c.intermediate;
    shape.num_hidden_layers = c.layers;
    shape.num_attention_heads = shape.num_key_value_heads = c.heads;
    shape.max_position_embeddings = c.length;
    model = std::make_unique<LlamaForCausalLM>(shape, Init{&generator, c.init_std, kF32, device});
    AdamWOptions options;
    options.beta1 = c.beta1;
    options.beta2 = c.beta2;
    options.weight_decay = c.weight_decay;
    optimizer = std::make_unique<AdamW>(std::vector<ParamGroup>{{model->named_parameters()}}, options);
  }

  // Loss per target and gradients.
  Tensor forward_backward(const kit::LmBatch& batch) {
    const Tensor loss = model->loss_sum(batch.input, batch.target) / static_cast<double>(batch.target_count);
    backward(loss);
    return loss.detach();
  }
  Tensor update(double lr) {
    const Tensor norm = optimizer->step({.lr = lr, .max_grad_norm = config.max_grad_norm});
    optimizer->zero_grad();
    return norm;
  }
  kit::TrainingState state() { return {model.get(), optimizer.get(), &loader, nullptr}; }

  const TrainingConfig& config;
  Device device;
  Generator generator;
  kit::BatchLoader loader;
  std::unique_ptr<LlamaForCausalLM> model;
  std::unique_ptr<AdamW> optimizer;
};

absl::StatusOr<std::unique_ptr<Trainer>> make_trainer(const TrainingConfig& config, const kit::Corpus& corpus,
                                                      uint64_t seed, Device device) {
  ROUX_ASSIGN_OR_RETURN(kit::BatchLoader loader,
                        kit::BatchLoader::create(corpus.train, {.seed = seed, .global_batch = config.batch}));
  return std::make_unique<Trainer>(config, corpus, seed, device, std::move(loader));
}

// Runs the step once more in anomaly mode to learn which op made the NaN.
std::string first_nan_op(Trainer& trainer, const kit::LmBatch& batch) {
  AnomalyGuard anomaly;
  try {
    trainer.forward_backward(batch);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

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

std::vector<int64_t> evaluation_steps(const TrainingConfig& config) {
  std::vector<int64_t> steps;
  for (int64_t step = config.eval_every; step <= config.steps; step += config.eval_every)
    steps.push_back(step);
  return steps;
}

absl::StatusOr<std::vector<double>> train_curve(const TrainingConfig& config, const kit::Corpus& corpus,
                                                const Schedule& schedule, uint64_t seed, Device device,
                                                kit::Part& part) {
  ROUX_ASSIGN_OR_RETURN(const std::unique_ptr<Trainer> trainer, make_trainer(config, corpus, seed, device));
  ROUX_ASSIGN_OR_RETURN(const std::vector<int64_t> rows, corpus.validation.fixed_rows(config.eval_windows));
  std::vector<double> curve;
  if (const kit::Checkpoint* saved = part.restored()) {
    ROUX_RETURN_IF_ERROR(kit::restore_training(*saved, trainer->state()));
    ROUX_ASSIGN_OR_RETURN(curve, saved->numbers("curve"));
  }
  const double flops =
      6.0 * static_cast<double>(trainer->model->num_parameters() * config.batch * config.length);
  for (int64_t step = part.start_step(); step < config.steps; ++step) {
    const kit::LmBatch batch = kit::to_tensors(trainer->loader.next(), device);
    const double loss = trainer->forward_backward(batch).item();
    const double norm = trainer->update(schedule(step)).item();
    kit::StepInfo info{
        .step = step + 1, .steps = config.steps, .loss = loss, .grad_norm = norm, .lr = schedule(step)};
    info.tokens = config.batch * config.length;
    info.flops = flops;
    info.memory_mib = static_cast<double>(memory_stats(device).peak) / (1 << 20);
    if (trainer->optimizer->skipped()) info.nonfinite = first_nan_op(*trainer, batch);
    if ((step + 1) % config.eval_every == 0 && info.nonfinite.empty()) {
      curve.push_back(kit::evaluate_loss(corpus.validation, rows, 32, device, [&](const kit::LmBatch& b) {
        return trainer->model->loss_sum(b.input, b.target);
      }));
      part.metric("validation_loss", step + 1, curve.back());
    }
    ROUX_RETURN_IF_ERROR(part.step(info, [&](kit::CheckpointWriter& writer) {
      kit::save_training(trainer->state(), writer);
      writer.add_numbers("curve", curve);
    }));
  }
  return curve;
}

Curve curve_of(const TrainingConfig& config, const Schedule& schedule, const std::vector<double>& losses) {
  // After k updates the last rate used is that of step k - 1.
  Curve curve;
  curve.eta = area_rates(schedule, config.steps - 1, config.warmup);
  for (const int64_t step : evaluation_steps(config)) curve.steps.push_back(step - 1);
  curve.loss = losses;
  return curve;
}

kit::MemoryPlan plan_step(const TrainingConfig& config, const kit::Corpus& corpus, Device device,
                          int64_t* parameters) {
  auto trainer = make_trainer(config, corpus, 1, device);
  if (!trainer.ok()) throw Error(std::string(trainer.status().message()));
  *parameters = (*trainer)->model->num_parameters();
  const kit::LmBatch batch = kit::to_tensors((*trainer)->loader.next(), device);
  return kit::plan_memory(device, [&] {
    (*trainer)->forward_backward(batch);
    (*trainer)->update(config.eta_max);
  });
}

}  // namespace roux::lr_annealing
