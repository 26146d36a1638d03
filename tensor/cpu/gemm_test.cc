// What only gemm.h promises; values are checked through matmul.
#include "tensor/cpu/gemm.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <vector>

#include "tensor/signal_storm.h"

namespace roux::cpu {
namespace {

std::vector<float> numbers(int64_t count, int seed) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(static_cast<float>((i * 7919 + seed) % 1009) / 1009.0f - 0.5f);
  }
  return values;
}

// A signal handler on the stack of a product must not touch what the product needs. k: with and without the
// workspace of oneDNN's kernels, on AVX2 and on AVX-512.
TEST(Gemm, SignalsDoNotReachIt) {
  constexpr int64_t m = 96, n = 80;
  for (const int64_t k : {64, 85, 253, 384, 512, 1000}) {
    for (const bool transposed : {false, true}) {
      const std::vector<float> a = numbers(m * k, 1), b = numbers(k * n, 2);
      const auto product = [&] {
        std::vector<float> c(m * n);
        gemm(m, n, k, GemmOperand<float>{a.data(), transposed ? m : k, transposed},
             GemmOperand<float>{b.data(), n}, false, c.data(), n);
        return c;
      };
      const std::vector<float> quiet = product();
      SignalStorm storm(200);
      for (int calls = 0; calls < 100 || storm.arrived() < 50; ++calls) {
        ASSERT_TRUE(product() == quiet) << "k " << k << " after " << storm.arrived() << " signals";
      }
    }
  }
}

TEST(Gemm, LeavesTheSignalMaskAsItWas) {
  const std::vector<float> a = numbers(8 * 512, 1);
  std::vector<float> c(64);
  sigset_t mask, after;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR2);
  sigset_t before;
  ::pthread_sigmask(SIG_SETMASK, &mask, &before);
  gemm(8, 8, 512, GemmOperand<float>{a.data(), 512}, GemmOperand<float>{a.data(), 8}, false, c.data(), 8);
  ::pthread_sigmask(SIG_SETMASK, &before, &after);
  for (int signal = 1; signal < NSIG; ++signal) {
    if (signal == 32 || signal == 33) continue;  // the C library's own
    EXPECT_EQ(sigismember(&after, signal), signal == SIGUSR2 ? 1 : 0) << signal;
  }
}

}  // namespace
}  // namespace roux::cpu
