#include "tensor/ops/ctc.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/ctc_tables.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/loss_tables.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/sequence.h"
#include "tensor/ops/view.h"

namespace roux {

constinit KernelTable<CtcKernel> ctc_kernels("ctc_loss");
constinit KernelTable<CtcBackwardKernel> ctc_backward_kernels("ctc_loss_backward");
constinit GradSlot<CtcSaved> ctc_loss_grad("ctc_loss", "//autograd/rules");

namespace {

absl::StatusOr<TensorSpec> ctc_spec(const TensorSpec& log_probs, const TensorSpec& targets,
                                    const TensorSpec& input_lengths, const TensorSpec& target_lengths,
                                    const CtcOptions& options) {
  const auto integral = [](const TensorSpec& x) { return x.dtype == kI32 || x.dtype == kI64; };
  const auto one_a_sequence = [&](const TensorSpec& x) {
    return integral(x) && x.shape.rank() == 1 && x.shape[0] == log_probs.shape[1];
  };
  if (!is_floating(log_probs.dtype) || log_probs.shape.rank() != 3 || !integral(targets) ||
      targets.shape.rank() != 2 || targets.shape[0] != log_probs.shape[1] || !one_a_sequence(input_lengths) ||
      !one_a_sequence(target_lengths)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "arguments do not match: log_probs is ", to_string(log_probs), ", targets is ", to_string(targets),
        ", input_lengths is ", to_string(input_lengths), ", target_lengths is ", to_string(target_lengths),
        ", needed floating [T, N, C] and i32 or i64 [N, S], [N] and [N]"));
  }
  if (options.blank < 0 || options.blank >= log_probs.shape[2]) {
    return absl::InvalidArgumentError(absl::StrCat("blank is out of range: blank is ", options.blank,
                                                   ", log_probs is ", to_string(log_probs),
                                                   ", needed 0 <= blank < ", log_probs.shape[2]));
  }
  return TensorSpec{loss_dtype(log_probs.dtype),
                    options.reduction == Reduction::kNone ? input_lengths.shape : Shape{}};
}

// target_lengths as a divisor.
Tensor divisors(const Tensor& target_lengths, DType dtype) {
  return clamp(target_lengths.to(dtype), 1, std::numeric_limits<double>::infinity());
}

Tensor reduced(const Tensor& losses, const Tensor& target_lengths, const CtcOptions& options) {
  const Tensor zero = zeros({}, losses.dtype(), losses.device());
  Tensor counted = options.zero_infinity
                       ? where(eq(losses, std::numeric_limits<double>::infinity()), zero, losses)
                       : losses;
  switch (options.reduction) {
    case Reduction::kNone:
      return counted;
    case Reduction::kSum:
      return sum(counted);
    default:
      return mean(counted / divisors(target_lengths, losses.dtype()));
  }
}

CtcTargets targets_of(const Tensor& targets, const Tensor& input_lengths, const Tensor& target_lengths,
                      const CtcOptions& options) {
  const auto plain = [](const Tensor& x) { return contiguous(x).to(kI64); };
  return {plain(targets), plain(input_lengths), plain(target_lengths), options.blank};
}

// The forward kernel, which checks the targets.
Tensor run(const Tensor& log_probs, const CtcTargets& t, DType dtype, Tensor* log_alpha) {
  const int64_t steps = log_probs.size(0), batch = log_probs.size(1);
  Tensor losses = empty({dtype, {batch}}, log_probs.device());
  *log_alpha = empty({kF64, {batch, steps, 2 * t.targets.size(1) + 1}}, log_probs.device());
  ctc_kernels.run(log_probs, log_probs, t, losses, *log_alpha);
  return losses;
}

}  // namespace

Tensor ctc_scales(const Tensor& target_lengths, Reduction reduction, DType dtype) {
  const double count = static_cast<double>(target_lengths.numel());
  return reduction == Reduction::kMean ? 1.0 / (divisors(target_lengths, dtype) * count)
                                       : ones(target_lengths.shape(), dtype, target_lengths.device());
}

Tensor ctc_from_targets(const Tensor& log_probs, const CtcTargets& t, const CtcOptions& options) {
  constexpr double kNothing = -1e30;  // stands for log 0: sums of it are finite, and so are their gradients
  const int64_t steps = log_probs.size(0), batch = log_probs.size(1), symbols = t.targets.size(1);
  const int64_t places = 2 * symbols + 1;
  const Device device = log_probs.device();
  const auto constant = [&](const Shape& shape) { return full(shape, kNothing, kF64, device); };
  const Tensor nothing = constant({}), zero = zeros({}, kF64, device);

  // The class at each place: blanks around the symbols.
  const Tensor known = sequence_mask(t.target_lengths, symbols);
  const Tensor blanks = full({batch, symbols, 1}, t.blank, kI64, device);
  const Tensor pairs =
      cat({blanks, where(known, t.targets, full({}, t.blank, kI64, device)).unsqueeze(2)}, 2);
  const Tensor classes =
      cat({pairs.reshape({batch, 2 * symbols}), full({batch, 1}, t.blank, kI64, device)}, 1);
  const Tensor read = transpose(sequence_mask(t.input_lengths, steps), 0, 1);  // [T, N]
  const Tensor safe = where(read.unsqueeze(2), log_probs.to(kF64), zero);
  const Tensor given = gather(safe, 2, contiguous(expand(classes.unsqueeze(0), {steps, batch, places})));
  const Tensor emitted = where(lt(given, kNothing), nothing, given);

  Tensor alpha = zeros({batch, places}, kF64, device);
  for (int64_t step = 0; step < steps; ++step) {
    Tensor arriving;
    if (step == 0) {
      arriving = where(lt(arange(0, places, 1, kI64, device), 2), alpha, nothing);
    } else if (places == 1) {
      arriving = alpha;
    } else {
      const Tensor skips = ne(classes.slice(1, 2, places), classes.slice(1, 0, places - 2));
      const Tensor skipping = where(skips, alpha.slice(1, 0, places - 2), nothing);
      arriving = logsumexp(
          cat({alpha.unsqueeze(0), cat({constant({batch, 1}), alpha.slice(1, 0, places - 1)}, 1).unsqueeze(0),
               cat({constant({batch, 2}), skipping}, 1).unsqueeze(0)},
              0),
          0);
    }
    alpha = where(select(read, 0, step).unsqueeze(1), arriving + select(emitted, 0, step), alpha);
  }
  const Tensor last = (t.target_lengths * 2).unsqueeze(1), empty_target = eq(t.target_lengths, 0);
  const Tensor ends = gather(alpha, 1, last);
  const Tensor before =
      where(empty_target.unsqueeze(1), nothing, gather(alpha, 1, clamp(last - 1, 0, places)));
  const Tensor loss = -logsumexp(cat({ends, before}, 1), 1);
  const Tensor infinity = full({}, std::numeric_limits<double>::infinity(), kF64, device);
  const Tensor of_no_step = where(empty_target, zero, infinity);
  const Tensor possible = where(gt(loss, -kNothing / 10), infinity, loss);
  const DType dtype = loss_dtype(log_probs.dtype());
  return reduced(where(eq(t.input_lengths, 0), of_no_step, possible).to(dtype), t.target_lengths, options);
}

Tensor ctc_loss(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                const Tensor& target_lengths, const CtcOptions& options) {
  common_device("ctc_loss", {log_probs, targets, input_lengths, target_lengths});
  const TensorSpec spec = or_throw(
      ctc_spec(log_probs.spec(), targets.spec(), input_lengths.spec(), target_lengths.spec(), options),
      "ctc_loss");
  Tensor loss, rows, log_alpha;
  CtcTargets t;
  {
    NoGradGuard no_grad;
    t = targets_of(targets, input_lengths, target_lengths, options);
    rows = contiguous(log_probs);
    loss = reduced(run(rows, t, spec.dtype, &log_alpha), t.target_lengths, options);
  }
  return ctc_loss_grad.record({log_probs}, loss, [&] {
    return CtcSaved{rows.detach(), log_alpha, t.targets, t.input_lengths, t.target_lengths, options};
  });
}

Tensor ctc_loss_composed(const Tensor& log_probs, const Tensor& targets, const Tensor& input_lengths,
                         const Tensor& target_lengths, const CtcOptions& options) {
  common_device("ctc_loss", {log_probs, targets, input_lengths, target_lengths});
  const TensorSpec spec = or_throw(
      ctc_spec(log_probs.spec(), targets.spec(), input_lengths.spec(), target_lengths.spec(), options),
      "ctc_loss");
  const CtcTargets t = targets_of(targets, input_lengths, target_lengths, options);
  {
    NoGradGuard no_grad;
    Tensor log_alpha;
    run(contiguous(log_probs), t, spec.dtype, &log_alpha);  // its checks of the values
  }
  return ctc_from_targets(log_probs, t, options);
}

}  // namespace roux
