// Gradients of one input at a time.
#include "absl/strings/str_cat.h"
#include "tests/ops/cases.h"
#include "tests/ops/checks.h"
#include "tests/ops/compare.h"

namespace roux::testing {

// The others are constants, as frozen weights are: the input's gradient is the one that it has beside theirs.
std::string check_alone(const Suite& suite, Device) {
  const auto weight = [](const Tensor& y, size_t) { return drawn_like(y, 1); };
  return for_each_case(suite, kF64, kCpu, 0, [&](const Shapes& shapes, DType dtype, uint64_t seed) {
    const Tensors inputs = gradient_inputs(suite, shapes, dtype, seed);
    const Tensors expected = gradients(suite, inputs, false, weight).gradients;
    if (expected.empty()) return std::string();  // no output has a gradient
    size_t number = 0;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].requires_grad()) continue;
      Tensors alone;
      for (size_t k = 0; k < inputs.size(); ++k) alone.push_back(k == i ? inputs[k] : inputs[k].detach());
      const Tensor& wanted = expected[number++];
      for (bool create_graph : {false, true}) {
        const Tensors got = gradients(suite, alone, create_graph, weight).gradients;
        if (got.empty() && !wanted.defined()) continue;  // no output depends on it
        const std::string failure =
            compare_gradients(got, {wanted}, 1e-9, absl::StrCat("input ", i, " alone requires grad"));
        if (!failure.empty()) return absl::StrCat(describe(suite, inputs), ": ", failure);
      }
    }
    return std::string();
  });
}

}  // namespace roux::testing
