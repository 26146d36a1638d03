// What only gemm.h promises; values are checked through matmul.
#include "tensor/cpu/gemm.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstring>
#include <vector>

#include "tensor/signal_storm.h"

namespace roux::cpu {
namespace {

template <class T = float>
std::vector<T> numbers(int64_t count, int seed) {
  std::vector<T> values;
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(static_cast<T>(static_cast<float>((i * 7919 + seed) % 1009) / 1009.0f - 0.5f));
  }
  return values;
}

// Products under a storm of signals, whose handler fills the stack that it runs on, have the bits of quiet
// ones.
template <class T, class C>
void expect_the_bits_of_quiet_products(int64_t k) {
  constexpr int64_t m = 96, n = 80;
  for (const bool transposed : {false, true}) {
    const std::vector<T> a = numbers<T>(m * k, 1), b = numbers<T>(k * n, 2);
    const auto product = [&] {
      std::vector<C> c(m * n);
      gemm(m, n, k, GemmOperand<T>{a.data(), transposed ? m : k, transposed}, GemmOperand<T>{b.data(), n},
           false, c.data(), n);
      return c;
    };
    const std::vector<C> quiet = product();
    SignalStorm storm(200);
    for (int calls = 0; calls < 100 || storm.arrived() < 50; ++calls) {
      const std::vector<C> noisy = product();
      ASSERT_EQ(std::memcmp(noisy.data(), quiet.data(), quiet.size() * sizeof(C)), 0)
          << "k " << k << " after " << storm.arrived() << " signals";
    }
  }
}

// k: with and without the workspace of oneDNN's f32 kernels, on AVX2 and on AVX-512.
TEST(Gemm, SignalsDoNotReachIt) {
  for (const int64_t k : {64, 84, 85, 252, 253, 384, 512, 1000}) {
    expect_the_bits_of_quiet_products<float, float>(k);
  }
}

// The kernels that let signals in.
TEST(Gemm, SignalsLeaveOtherDtypesAlone) {
  for (const int64_t k : {64, 85, 384, 1000}) {
    expect_the_bits_of_quiet_products<double, double>(k);
    if (!has_bf16_gemm()) continue;
    expect_the_bits_of_quiet_products<bfloat16, bfloat16>(k);
    expect_the_bits_of_quiet_products<bfloat16, float>(k);
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
