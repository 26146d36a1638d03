// Activation checkpointing: what the ops inside save for backward is dropped and computed again when backward
// first asks for it.  [Chen et al. 2016, "Training deep nets with sublinear memory cost"]
#ifndef ROUX_AUTOGRAD_CHECKPOINT_H_
#define ROUX_AUTOGRAD_CHECKPOINT_H_

#include <functional>
#include <vector>

#include "tensor/generator.h"
#include "tensor/tensor.h"

namespace roux {

// Returns fn(inputs) with the same values, gradients and higher derivatives as a plain call; only `inputs`
// stay alive until backward. fn must be a pure function of the inputs, of tensors that it captures (which get
// gradients) and of the generators it draws from, which are listed: the second run replays their numbers and
// leaves their state as it was. fn must not write to tensors.
Tensor checkpoint(std::function<Tensor(const std::vector<Tensor>&)> fn, std::vector<Tensor> inputs,
                  std::vector<Generator*> generators = {});

// True in a checkpoint's second run, on the thread of that run: what a function reports of its values was
// reported in the first.
bool recomputing();

}  // namespace roux

#endif  // ROUX_AUTOGRAD_CHECKPOINT_H_
