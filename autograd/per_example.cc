#include "autograd/per_example.h"

#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"

namespace roux {

std::vector<Tensor> per_example_gradients(const TensorFunction& loss, const std::vector<Tensor>& parameters,
                                          const std::vector<Tensor>& batch) {
  ROUX_CHECK(!batch.empty()) << "per_example_gradients: the batch is empty";
  for (size_t i = 0; i < batch.size(); ++i) {
    ROUX_CHECK(batch[i].dim() > 0 && batch[i].size(0) == batch[0].size(0))
        << "per_example_gradients: tensor " << i << " of the batch is " << batch[i].spec()
        << ", the first is " << batch[0].spec() << ", needed as many rows";
  }
  const int64_t rows = batch[0].size(0);
  std::vector<Tensor> results;
  for (const Tensor& parameter : parameters) {
    Shape shape = parameter.shape();
    shape.insert(0, rows);
    results.push_back(zeros(shape, parameter.dtype(), parameter.device()));
  }
  for (int64_t row = 0; row < rows; ++row) {
    std::vector<Tensor> gradients;
    {
      GradModeGuard recording(true);
      std::vector<Tensor> example;
      for (const Tensor& x : batch) example.push_back(slice(x, 0, row, row + 1));
      gradients = grad({loss(example)}, parameters, {.allow_unused = true});
    }
    NoGradGuard no_grad;
    for (size_t i = 0; i < results.size(); ++i) {
      if (gradients[i].defined()) copy_(select(results[i], 0, row), gradients[i]);
    }
  }
  return results;
}

}  // namespace roux
