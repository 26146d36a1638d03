// Averages of weights: over models, and over the steps of one run.
//
//   NamedTensors ema = copy_of(model.named_parameters());     // saved as a state of the run: {"ema", ema}
//   ... after each step:  ema_(ema, model.named_parameters(), 0.999);
//   ROUX_RETURN_IF_ERROR(model.load_state_dict(average({run1, run2, run3})));     // a uniform soup
//
// Lists name the same tensors in the same order, of equal specs and floating, on one device each; else Error.
// Nothing is recorded.
#ifndef ROUX_OPTIM_AVERAGES_H_
#define ROUX_OPTIM_AVERAGES_H_

#include <vector>

#include "absl/types/span.h"
#include "tensor/tensor.h"

namespace roux {

// New tensors of the same values; any dtype. They require no grad.
NamedTensors copy_of(const NamedTensors& tensors);

// sum(w_i x_i) / sum(w_i) of each entry, in f64 and rounded once; without weights the mean ("uniform soup",
// Wortsman et al. 2022). Throws Error for no list, weights of another count, not finite, or of sum 0.
NamedTensors average(absl::Span<const NamedTensors> lists, absl::Span<const double> weights = {});

// averages += (1 - decay) * (values - averages), in place. decay in [0, 1]; it may change from step to step.
// [Polyak & Juditsky 1992]
void ema_(const NamedTensors& averages, const NamedTensors& values, double decay);

}  // namespace roux

#endif  // ROUX_OPTIM_AVERAGES_H_
