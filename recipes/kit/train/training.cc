#include "recipes/kit/train/training.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "recipes/kit/run/text_table.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/matmul.h"
#include "tensor/parallel.h"

namespace roux::kit {

LmBatch to_tensors(const TokenBatch& batch, Device device) {
  const Shape shape{batch.rows, batch.length};
  return {tensor(batch.input, shape, device), tensor(batch.target, shape, device), batch.target_count};
}

FirstBatch first_batch_of(const TokenBatch& batch, std::function<std::string(int64_t)> decode) {
  FirstBatch first{.columns = batch.length};
  first.tokens.assign(batch.input.begin(), batch.input.end());
  first.loss_mask.assign(first.tokens.size(), 0);
  // The token at i + 1 is a target when position i has one, unless a new document begins there.
  for (int64_t row = 0; row < batch.rows; ++row) {
    for (int64_t i = 0; i + 1 < batch.length; ++i) {
      const auto at = static_cast<size_t>(row * batch.length + i);
      first.loss_mask[at + 1] =
          batch.target[at] != kIgnoreTarget && batch.document[at] == batch.document[at + 1];
    }
  }
  first.decode = std::move(decode);
  return first;
}

double evaluate_loss(const WindowSet& windows, absl::Span<const int64_t> rows, int64_t rows_per_batch,
                     Device device, const std::function<Tensor(const LmBatch&)>& loss_sum) {
  NoGradGuard no_grad;
  double sum = 0;
  int64_t targets = 0;
  for (size_t begin = 0; begin < rows.size(); begin += static_cast<size_t>(rows_per_batch)) {
    const LmBatch batch =
        to_tensors(windows.batch(rows.subspan(begin, static_cast<size_t>(rows_per_batch))), device);
    sum += loss_sum(batch).item();
    targets += batch.target_count;
  }
  return sum / static_cast<double>(targets);
}

void save_tensors(const std::string& prefix, const NamedTensors& tensors, CheckpointWriter& writer) {
  for (const auto& [name, x] : tensors) {
    const Tensor dense = x.detach().contiguous();
    std::string bytes(dense.bytes(), '\0');
    if (!bytes.empty())
      runtime(dense.device().type)
          .copy_to_host(&bytes[0], dense.raw_data(), bytes.size(), dense.device().index);
    writer.add(absl::StrCat(prefix, "/", name), std::move(bytes));
  }
}

absl::StatusOr<NamedTensors> read_tensors(const Checkpoint& checkpoint, const std::string& prefix,
                                          const NamedTensors& like) {
  NamedTensors out;
  for (const auto& [name, x] : like) {
    ROUX_ASSIGN_OR_RETURN(const absl::string_view bytes, checkpoint.section(absl::StrCat(prefix, "/", name)));
    if (bytes.size() != x.bytes()) {
      return absl::InvalidArgumentError(absl::StrCat(checkpoint.path(), ": ", prefix, "/", name, " has ",
                                                     bytes.size(), " bytes, the model needs ",
                                                     to_string(x.spec())));
    }
    Tensor read = empty(x.spec());
    if (!bytes.empty()) std::memcpy(read.raw_data(), bytes.data(), bytes.size());
    out.emplace_back(name, read);
  }
  return out;
}

void save_training(const TrainingState& state, CheckpointWriter& writer) {
  if (state.model) save_tensors("model", state.model->state_dict(), writer);
  if (state.optimizer) save_tensors("optimizer", state.optimizer->state_dict(), writer);
  if (state.loader) writer.add("loader", state.loader->position().to_string());
  if (state.generator) {
    const GeneratorState now = state.generator->state();
    writer.add("generator", absl::StrCat(now.seed, " ", now.offset));
  }
}

absl::Status restore_training(const Checkpoint& checkpoint, const TrainingState& state) {
  if (state.model) {
    ROUX_ASSIGN_OR_RETURN(const NamedTensors model,
                          read_tensors(checkpoint, "model", state.model->state_dict()));
    ROUX_RETURN_IF_ERROR(state.model->load_state_dict(model));
  }
  if (state.optimizer) {
    ROUX_ASSIGN_OR_RETURN(const NamedTensors optimizer,
                          read_tensors(checkpoint, "optimizer", state.optimizer->state_dict()));
    ROUX_RETURN_IF_ERROR(state.optimizer->load_state_dict(optimizer));
  }
  if (state.generator) {
    ROUX_ASSIGN_OR_RETURN(const absl::string_view text, checkpoint.section("generator"));
    GeneratorState saved;
    if (std::sscanf(std::string(text).c_str(), "%lu %lu", &saved.seed, &saved.offset) != 2) {
      return absl::DataLossError(
          absl::StrCat(checkpoint.path(), ": section generator is not \"seed offset\""));
    }
    state.generator->set_state(saved);
  }
  if (state.loader) {
    ROUX_ASSIGN_OR_RETURN(const absl::string_view text, checkpoint.section("loader"));
    ROUX_RETURN_IF_ERROR(state.loader->restore(std::string(text)));
  }
  return absl::OkStatus();
}

double measured_peak_flops(int threads) {
  using Clock = std::chrono::steady_clock;
  constexpr int64_t kSize = 1024;
  const int before = num_threads();
  set_num_threads(threads);
  NoGradGuard no_grad;
  const Tensor a = ones({kSize, kSize}), b = ones({kSize, kSize});
  double best = 1e9;
  for (int i = 0; i < 4; ++i) {
    const auto begin = Clock::now();
    matmul(a, b);
    best = std::min(best, std::chrono::duration<double>(Clock::now() - begin).count());
  }
  set_num_threads(before);
  return 2.0 * static_cast<double>(kSize * kSize * kSize) / best;
}

MemoryPlan plan_memory(Device device, const std::function<void()>& step) {
  MemoryPlan plan;
  reset_peak_memory(device);
  plan.persistent = memory_stats(device).current;
  step();
  plan.peak = memory_stats(device).peak;
  return plan;
}

std::string plan_text(const MemoryPlan& plan, int64_t parameters) {
  const auto mib = [](int64_t bytes) {
    return absl::StrFormat("%.2f", static_cast<double>(bytes) / (1 << 20));
  };
  Table table{"Memory of one training step (tensors, MiB)", {"what", "MiB"}, {}};
  table.rows.push_back(
      {absl::StrCat("parameters (", parameters, "), optimizer state and batch"), mib(plan.persistent)});
  table.rows.push_back({"gradients, activations and scratch at the peak", mib(plan.peak - plan.persistent)});
  table.rows.push_back({"peak", mib(plan.peak)});
  return text_table(table);
}

}  // namespace roux::kit
