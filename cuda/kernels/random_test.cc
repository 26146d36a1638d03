// Philox kernels on every device: the CPU's bits.
#include "tensor/ops/random.h"
#include "cuda/kernels/testing.h"
#include "tensor/generator.h"

namespace roux {
namespace {

// Draws twice on the CPU and on each other device and compares.
template <class Draw>
void expect_same_draws(Draw draw) {
  for (Device device : kernel_devices()) {
    Generator cpu(11), other(11, device);
    for (int round = 0; round < 2; ++round) {
      const std::vector<double> expected = draw(cpu).template to_vector<double>();
      EXPECT_EQ(draw(other).template to_vector<double>(), expected) << device;
    }
    cpu.commit();
    other.commit();
    EXPECT_EQ(draw(other).template to_vector<double>(), draw(cpu).template to_vector<double>()) << device;
  }
}

TEST(RandomKernels, SameBitsAsTheCpu) {
  for (DType dtype : {kF32, kF64, kBF16, kF16}) {
    for (int64_t n : {0, 1, 3, 4, 5, 1023, 1025, 2050}) {
      expect_same_draws([=](Generator& g) { return uniform({n}, -3, 5, g, dtype); });
      expect_same_draws([=](Generator& g) { return uniform({n}, 100, 101, g, dtype); });
      expect_same_draws([=](Generator& g) { return normal({n}, 1, 0.5, g, dtype); });
      expect_same_draws([=](Generator& g) { return dropout(sample({n}, dtype).to(g.device()), 0.3, g); });
    }
  }
}

}  // namespace
}  // namespace roux
