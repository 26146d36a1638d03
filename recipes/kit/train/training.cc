#include "recipes/kit/train/training.h"

#include <algorithm>
#include <chrono>

#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/matmul.h"
#include "tensor/parallel.h"

namespace roux::kit {

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
        to_batch(windows.batch(rows.subspan(begin, static_cast<size_t>(rows_per_batch))), device);
    sum += loss_sum(batch).item();
    targets += batch.target_count;
  }
  return sum / static_cast<double>(targets);
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

}  // namespace roux::kit
