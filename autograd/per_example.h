// The gradient of each example's loss, where backward gives their sum: norms to clip, similarities to
// cluster, influence of examples on each other.
#ifndef ROUX_AUTOGRAD_PER_EXAMPLE_H_
#define ROUX_AUTOGRAD_PER_EXAMPLE_H_

#include <vector>

#include "autograd/autograd.h"

namespace roux {

// d loss(example b) / d parameters[i] as row b of result i: [B, the parameter's shape], in its dtype; zeros
// where the loss does not depend on it. No grad() changes, and the result is no part of a graph.
//
//   per_example_gradients([&](const std::vector<Tensor>& b) { return model.loss_sum(b[0], b[1]); },
//                         model.parameters(), {ids, targets});
//
// batch: tensors [B, ...]. loss is called B times, in order, with those tensors at [1, ...], and returns one
// element. A call for each example costs what B batches of 1 cost; an example's gradient is what it would be
// alone, whatever the model does with a batch. Memory: the result, and one example's graph. Throws Error when
// batch is empty or its sizes B differ, for a parameter that does not require grad, and when loss returns
// more than one element.
std::vector<Tensor> per_example_gradients(const TensorFunction& loss, const std::vector<Tensor>& parameters,
                                          const std::vector<Tensor>& batch);

}  // namespace roux

#endif  // ROUX_AUTOGRAD_PER_EXAMPLE_H_
