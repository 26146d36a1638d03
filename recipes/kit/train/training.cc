#include "recipes/kit/train/training.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>

#include "tensor/comm/communicator.h"
#include "tensor/comm/parameter_slices.h"
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
  const auto count = static_cast<int64_t>(rows.size());
  std::vector<double> sums;  // of each batch
  int64_t targets = 0;
  for (int64_t begin = 0; begin < count; begin += rows_per_batch) {
    const TokenBatch batch = windows.batch(rows.subspan(
        static_cast<size_t>(begin), static_cast<size_t>(std::min(rows_per_batch, count - begin))));
    targets += batch.target_count;
    const bool own = static_cast<int64_t>(sums.size()) % world().size() == world().rank();
    sums.push_back(own ? loss_sum(to_batch(batch, device)).item() : 0);
  }
  const auto batches = static_cast<int64_t>(sums.size());
  if (ParameterSlices::current() != nullptr && batches % world().size() != 0 &&
      world().rank() >= batches % world().size()) {
    // The others are in the last round, and gather blocks together with this rank.
    loss_sum(to_batch(windows.batch(rows.subspan(0, static_cast<size_t>(std::min(rows_per_batch, count)))),
                      device));
  }
  if (world().size() > 1 && !sums.empty()) {
    const Tensor all = tensor(sums, {static_cast<int64_t>(sums.size())});
    world().all_reduce_(all, ReduceOp::kSum).wait();
    sums = all.to_vector<double>();
  }
  // In the order of the batches, whoever computed them.
  return std::accumulate(sums.begin(), sums.end(), 0.0) / static_cast<double>(targets);
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
