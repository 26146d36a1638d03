// What every training loop needs beside the model: batches as tensors, evaluation, and all state in a
// checkpoint.
//
//   TrainingState state{&model, &optimizer, &loader};
//   if (const Checkpoint* saved = part.restored()) ROUX_RETURN_IF_ERROR(restore_training(*saved, state));
//   ...
//   part.step(info, [&](CheckpointWriter& writer) { save_training(state, writer); });
#ifndef ROUX_RECIPES_KIT_TRAIN_TRAINING_H_
#define ROUX_RECIPES_KIT_TRAIN_TRAINING_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nn/module.h"
#include "optim/optimizer.h"
#include "recipes/kit/data/loader.h"
#include "recipes/kit/run/checkpoint.h"
#include "recipes/kit/run/first_batch.h"
#include "tensor/generator.h"

namespace roux::kit {

struct LmBatch {
  Tensor input, target;      // i32 [rows, length]; ignored targets are -100
  int64_t target_count = 0;  // what the summed loss is divided by
};
LmBatch to_tensors(const TokenBatch& batch, Device device);

// Rows of a batch for Run::show_batch: which tokens are targets.
FirstBatch first_batch_of(const TokenBatch& batch, std::function<std::string(int64_t)> decode);

// Mean loss per target over these rows, in batches of `rows_per_batch`, without recording.
double evaluate_loss(const WindowSet& windows, absl::Span<const int64_t> rows, int64_t rows_per_batch,
                     Device device, const std::function<Tensor(const LmBatch&)>& loss_sum);

// Everything that a resumed training continues from; null where a recipe has none.
struct TrainingState {
  Module* model = nullptr;
  Optimizer* optimizer = nullptr;
  BatchLoader* loader = nullptr;
  Generator* generator = nullptr;
};
void save_training(const TrainingState& state, CheckpointWriter& writer);
// DataLoss or InvalidArgument, with the file and the entry, when the checkpoint does not fit; then nothing
// was changed in the loader.
absl::Status restore_training(const Checkpoint& checkpoint, const TrainingState& state);

// The same for any named tensors: one section "<prefix>/<name>" each.
void save_tensors(const std::string& prefix, const NamedTensors& tensors, CheckpointWriter& writer);
// New tensors with the specs of `like`, on the CPU.
absl::StatusOr<NamedTensors> read_tensors(const Checkpoint& checkpoint, const std::string& prefix,
                                          const NamedTensors& like);

// Floating-point operations a second of the best of a few f32 matrix products (1024^3) on `threads` CPU
// threads: what Run::set_peak_flops takes. About 0.1 s.
double measured_peak_flops(int threads);

// What one training step needs, found by running `step` (on meta nothing is computed): parameters, optimizer
// state, gradients and activations, and their peak. Model, optimizer and batch exist already, on `device`.
struct MemoryPlan {
  int64_t persistent = 0;  // alive before the step: parameters, optimizer state, batch
  int64_t peak = 0;
};
MemoryPlan plan_memory(Device device, const std::function<void()>& step);
std::string plan_text(const MemoryPlan& plan, int64_t parameters);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TRAIN_TRAINING_H_
