// adamw_8bit_ on the emulated device against the CPU: the same codes.
#include "cuda/kernels/testing.h"
#include "tensor/ops/optimizer.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

Tensor any_codes(int64_t n, uint64_t seed) { return sample({n}, kU8, 0, 256, seed); }

TEST(Optimizer8BitKernel, CodesOfTheCpu) {
  const std::vector<int64_t> sizes = {700, 1, 256};
  std::vector<Tensor> inputs = {tensor(std::vector<double>(kStepScalarCount, 1), {kStepScalarCount})};
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t n = sizes[i], blocks = (n + kMomentBlock - 1) / kMomentBlock;
    inputs.push_back(sample({n}, kF32, -2, 2, i + 1));
    // Magnitudes over many decades, zeros of both signs.
    inputs.push_back(sample({n}, kF32, -1, 1, i + 5) * exp(sample({n}, kF32, -18, 2, i + 9)));
    fill_(inputs.back().slice(0, 0, 1), -0.0);
    inputs.push_back(any_codes(n, i + 2));
    inputs.push_back(any_codes(n, i + 3));
    inputs.push_back(sample({blocks}, kF32, 0, 1, i + 4));
    inputs.push_back(sample({blocks}, kF32, 0, 1, i + 6));
    inputs.push_back(tensor(std::vector<double>{3}, {1}));
  }
  expect_same_on_devices(inputs, [](const std::vector<Tensor>& v) {
    std::vector<std::vector<Tensor>> lists(7);
    for (size_t i = 1; i < v.size(); ++i) {
      const Tensor copy = empty(v[i].spec(), v[i].device());
      copy_(copy, v[i]);
      lists[(i - 1) % 7].push_back(copy);
    }
    for (int step = 0; step < 3; ++step) {
      adamw_8bit_(lists[0], lists[1], lists[2], lists[3], lists[4], lists[5], lists[6], v[0],
                  {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.1});
    }
    std::vector<Tensor> out;
    for (const auto& list : lists) out.insert(out.end(), list.begin(), list.end());
    return out;
  });
}

}  // namespace
}  // namespace roux
