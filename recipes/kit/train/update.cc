#include "recipes/kit/train/update.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "autograd/anomaly.h"
#include "autograd/autograd.h"
#include "nn/parallel/gradient_reducer.h"
#include "tensor/comm/parameter_slices.h"
#include "tensor/error.h"
#include "tensor/generator.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"

namespace roux::kit {
namespace {

// Whether the device can be asked: meta has no values, a GPU would have to be waited for.
bool is_asked(const Tensor& loss) {
  const DeviceType type = loss.device().type;
  return type == DeviceType::kCpu || type == DeviceType::kEmulated;
}

std::string first_nan_op(const internal::ForwardBackward& forward_backward) {
  const AnomalyGuard anomaly;
  try {
    forward_backward([](bool) {});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// Each rank looks at its own rows.
std::string first_of_ranks(const std::string& text) {
  const std::vector<std::string> all = world().all_gather(text);
  for (size_t rank = 0; rank < all.size(); ++rank) {
    if (!all[rank].empty()) return absl::StrCat(all[rank], " on rank ", rank);
  }
  return "";
}

bool is_on_meta(const Optimizer& optimizer) {
  return device_of(optimizer.parameters()[0]).type == DeviceType::kMeta;
}

Tensor sum_over_ranks(const Optimizer& optimizer, const Tensor& loss) {
  if (is_on_meta(optimizer)) return zeros({1}, kF64, kMeta);
  const Tensor sum = loss.defined() ? loss.reshape({1}).to(kF64) : zeros({1}, kF64);
  world().all_reduce_(sum, ReduceOp::kSum).wait();
  return sum;
}

}  // namespace

namespace internal {

StepResult update_with(Optimizer& optimizer, const StepOptions& options, bool shared,
                       const ForwardBackward& forward_backward) {
  StepResult result;
  if (shared) {
    const RandomStreamGuard own_draws(static_cast<uint64_t>(world().rank()));
    const std::vector<Tensor> parameters = optimizer.parameters();
    std::vector<Tensor> slices(parameters.size());  // of the sums so far
    GradientReducer::TakeSlice take_slice;
    if (optimizer.sharded()) {
      take_slice = [&](size_t i, const Tensor& slice) {
        if (slices[i].defined()) {
          add_(slices[i], slice);
        } else {
          slices[i] = slice;
        }
        optimizer.set_grad_slice(i, slices[i]);
      };
    }
    GradientReducer reducer(world(), parameters, take_slice);
    // Where parameters are divided no rank keeps whole gradients from one micro-batch to the next.
    const bool sums_each = divides_parameters();
    bool started = false;
    const Tensor loss = forward_backward([&](bool last) {
      if (!last && !sums_each) return;
      if (started) reducer.finish();
      reducer.start();
      started = true;
    });
    reducer.finish();
    result.loss = sum_over_ranks(optimizer, loss);
  } else {
    result.loss = forward_backward([](bool) {});
  }
  result.grad_norm = optimizer.step(options);
  result.lr = options.lr;
  optimizer.zero_grad();
  // A rank that stops at its first NaN would leave the others waiting for its blocks.
  if (is_asked(result.loss) && !divides_parameters() &&
      (optimizer.skipped() || !std::isfinite(result.loss.item()))) {
    result.nonfinite = first_nan_op(forward_backward);
    if (shared) result.nonfinite = first_of_ranks(result.nonfinite);
    optimizer.zero_grad();
  }
  return result;
}

bool divides_parameters() { return ParameterSlices::current() != nullptr; }

Tensor counts_nothing(const Tensor& loss_sum) { return loss_sum * 0.0; }

Tensor backward_of_share(const Tensor& loss_sum, int64_t targets, const Tensor& so_far) {
  const Tensor loss = loss_sum / static_cast<double>(targets);
  backward(loss);
  return so_far.defined() ? so_far + loss.detach() : loss.detach();
}

void check_targets(size_t batches, int64_t targets) {
  ROUX_CHECK(targets > 0) << "update: " << batches << " micro-batches have " << targets
                          << " targets together, needed >= 1";
}

void check_ranks_agree(const Optimizer& optimizer, const std::vector<int64_t>& own) {
  if (is_on_meta(optimizer)) return;
  const Tensor sums = tensor(own, {static_cast<int64_t>(own.size())});
  world().all_reduce_(sums, ReduceOp::kSum).wait();
  const std::vector<int64_t> all = sums.to_vector<int64_t>();
  for (size_t i = 0; i < own.size(); ++i) {
    ROUX_CHECK(all[i] == own[i] * world().size())
        << "update: the ranks were given different batches: micro-batches, targets and tokens are "
        << absl::StrJoin(own, ", ") << " on rank " << world().rank() << ", and " << absl::StrJoin(all, ", ")
        << " together on " << world().size() << " ranks";
  }
}

}  // namespace internal

StepResult update(Optimizer& optimizer, const StepOptions& options, const std::function<Tensor()>& loss) {
  return internal::update_with(optimizer, options, false, [&](const std::function<void(bool)>&) {
    const Tensor value = loss();
    backward(value);
    return value.detach();
  });
}

}  // namespace roux::kit
