// Losses: loss, distillation, regression_loss, ctc; and sequence.
#include <optional>

#include "tensor/ops/ctc.h"
#include "tensor/ops/distillation.h"
#include "tensor/ops/loss.h"
#include "tensor/ops/regression_loss.h"
#include "tensor/ops/sequence.h"
#include "tensor/ops/softmax.h"
#include "tests/golden/op_calls.h"

namespace roux::golden {
namespace {

using enum Exactness;
using Options = OpOptions;

Reduction reduction(const Options& opt) {
  const std::string text = opt.text("reduction", "mean");
  return text == "sum" ? Reduction::kSum : text == "none" ? Reduction::kNone : Reduction::kMean;
}

// Class weights are the input after the others, if there is one more.
CrossEntropyOptions loss_options(const Options& opt, const Tensors& in, size_t others) {
  CrossEntropyOptions options;
  if (opt.has("ignore_index")) options.ignore_index = opt.integer("ignore_index");
  options.reduction = reduction(opt);
  options.label_smoothing = opt.number("label_smoothing", 0);
  if (in.size() > others) options.weight = in[others];
  return options;
}
auto losses(Tensor (*fn)(const Tensor&, const Tensor&, const CrossEntropyOptions&)) {
  return [fn](const Tensors& in, const Options& opt) { return fn(in[0], in[1], loss_options(opt, in, 2)); };
}
std::optional<double> softcap(const Options& opt, const char* name) {
  return opt.has(name) ? std::optional(opt.number(name)) : std::nullopt;
}
auto linear_losses(Tensor (*fn)(const Tensor&, const OutputProjection&, const Tensor&,
                                const CrossEntropyOptions&)) {
  return [fn](const Tensors& in, const Options& opt) {
    const bool bias = opt.has("bias");
    return fn(in[0], {in[1], bias ? in[3] : Tensor(), softcap(opt, "softcap")}, in[2],
              loss_options(opt, in, bias ? 4 : 3));
  };
}

template <class Choice>
Choice choice(const Options& opt, const char* name, const std::map<std::string, Choice>& choices,
              Choice missing) {
  return opt.has(name) ? choices.at(opt.text(name)) : missing;
}

// The inputs from `first` on: of a projected teacher two, with "bias" three, of a top-k teacher two, else its
// logits; then the mask, if there is one.
Teacher teacher(const Options& opt, const Tensors& in, size_t first) {
  const bool masked = opt.has("masked");
  if (opt.has("projected")) {
    const Tensor bias = opt.has("bias") ? in[first + 2] : Tensor();
    return {.x = in[first], .output = {in[first + 1], bias, softcap(opt, "teacher_softcap")}};
  }
  if (in.size() - first - (masked ? 1 : 0) == 1) return {.logits = in[first]};
  return {.ids = in[first],
          .log_probs = in[first + 1],
          .rest = choice<RestMass>(opt, "rest",
                                   {{"renormalize", RestMass::kRenormalize},
                                    {"spread", RestMass::kSpread},
                                    {"bucket", RestMass::kBucket},
                                    {"ignore", RestMass::kIgnore}},
                                   RestMass::kRenormalize)};
}
DistillationOptions distillation_options(const Options& opt, const Tensors& in) {
  DistillationOptions options;
  options.divergence = choice<Divergence>(opt, "divergence",
                                          {{"cross_entropy", Divergence::kCrossEntropy},
                                           {"forward_kl", Divergence::kForwardKL},
                                           {"reverse_kl", Divergence::kReverseKL},
                                           {"jensen_shannon", Divergence::kJensenShannon}},
                                          options.divergence);
  options.beta = opt.number("beta", options.beta);
  options.temperature = opt.number("temperature", options.temperature);
  if (opt.has("teacher_temperature")) options.teacher_temperature = opt.number("teacher_temperature");
  options.scale_by_temperature_squared = opt.has("squared");
  if (opt.has("masked")) options.mask = in.back();
  options.reduction = reduction(opt);
  return options;
}
auto distillations(Tensor (*fn)(const Tensor&, const Teacher&, const DistillationOptions&)) {
  return [fn](const Tensors& in, const Options& opt) {
    return fn(in[0], teacher(opt, in, 1), distillation_options(opt, in));
  };
}
auto linear_distillations(Tensor (*fn)(const Tensor&, const OutputProjection&, const Teacher&,
                                       const DistillationOptions&)) {
  return [fn](const Tensors& in, const Options& opt) {
    const bool bias = opt.has("bias");
    return fn(in[0], {in[1], bias ? in[2] : Tensor(), softcap(opt, "softcap")},
              teacher(opt, in, bias ? 3 : 2), distillation_options(opt, in));
  };
}

// Of outputs, in f32 or f64: PyTorch's gradient to log-probabilities is right only through log_softmax.
auto ctc_losses(Tensor (*fn)(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const CtcOptions&)) {
  return [fn](const Tensors& in, const Options& opt) {
    const CtcOptions options{.blank = opt.has("blank") ? opt.integer("blank") : 0,
                             .zero_infinity = opt.has("zero_infinity"),
                             .reduction = reduction(opt)};
    return fn(log_softmax(in[0].to(in[0].dtype() == kF64 ? kF64 : kF32)), in[1], in[2], in[3], options);
  };
}

void add_regression(OpTable& table) {
  table.add("mse_loss", kSummed,
            [](const Tensors& in, const Options& opt) { return mse_loss(in[0], in[1], reduction(opt)); });
  table.add("l1_loss", kSummed,
            [](const Tensors& in, const Options& opt) { return l1_loss(in[0], in[1], reduction(opt)); });
  table.add("huber_loss", kSummed, [](const Tensors& in, const Options& opt) {
    return huber_loss(in[0], in[1], opt.number("delta"), reduction(opt));
  });
  table.add("smooth_l1_loss", kSummed, [](const Tensors& in, const Options& opt) {
    return smooth_l1_loss(in[0], in[1], opt.number("beta"), reduction(opt));
  });
  table.add("gaussian_nll_loss", kSummed, [](const Tensors& in, const Options& opt) {
    return gaussian_nll_loss(
        in[0], in[1], in[2],
        {.full = opt.has("full"), .eps = opt.number("eps"), .reduction = reduction(opt)});
  });
  table.add("binary_cross_entropy_with_logits", kSummed, [](const Tensors& in, const Options& opt) {
    return binary_cross_entropy_with_logits(in[0], in[1], in.size() > 2 ? in[2] : Tensor(), reduction(opt));
  });
}

}  // namespace

void add_loss_calls(OpTable& table) {
  table.add("cross_entropy", kSummed, losses(cross_entropy), losses(cross_entropy_composed));
  table.add("linear_cross_entropy", kSummed, linear_losses(linear_cross_entropy),
            linear_losses(linear_cross_entropy_composed));
  table.add("distillation_loss", kSummed, distillations(distillation_loss),
            distillations(distillation_loss_composed));
  table.add("linear_distillation_loss", kSummed, linear_distillations(linear_distillation_loss),
            linear_distillations(linear_distillation_loss_composed));
  add_regression(table);
  table.add("ctc_loss", kSummed, ctc_losses(ctc_loss), ctc_losses(ctc_loss_composed));
  table.add("sequence_mask", kExact, [](const Tensors& in, const Options& opt) {
    return sequence_mask(in[0], opt.integer("length"));
  });
  table.add("document_bounds", kExact, [](const Tensors& in, const Options& opt) {
    const DocumentBounds bounds = document_bounds(in[0]);
    return opt.flag("end") ? bounds.end : bounds.begin;
  });
  table.add("masked_sum", kSummed, [](const Tensors& in, const Options& opt) {
    return masked_sum(in[0], in[1], opt.integer("axis"));
  });
  table.add("masked_mean", kSummed, [](const Tensors& in, const Options& opt) {
    return masked_mean(in[0], in[1], opt.integer("axis"));
  });
}

}  // namespace roux::golden
