// What only gemm.h promises; values are checked through matmul.
#include "tensor/cpu/gemm.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cmath>
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

// Against sums in f64, for sizes around those of tiles: a [m, k] of A, b [k, n] of bf16, rows of c apart.
template <class A, class C>
void expect_near_exact(int64_t m, int64_t n, int64_t k, double rounding) {
  const int64_t ldc = n + 3;
  for (int flags = 0; flags < 8; ++flags) {
    const bool a_transposed = flags & 1, b_transposed = flags & 2, accumulate = flags & 4;
    const std::vector<A> a = numbers<A>(m * k, 1);
    const std::vector<bfloat16> b = numbers<bfloat16>(k * n, 2);
    const std::vector<C> before = numbers<C>(m * ldc, 3);
    std::vector<C> c = before;
    gemm(m, n, k, GemmOperand<A>{a.data(), a_transposed ? m : k, a_transposed},
         GemmOperand<bfloat16>{b.data(), b_transposed ? k : n, b_transposed}, accumulate, c.data(), ldc);
    for (int64_t i = 0; i < m * ldc; ++i) {
      const int64_t row = i / ldc, col = i % ldc;
      const double old = static_cast<float>(before[i]);
      if (col >= n) {
        ASSERT_EQ(static_cast<float>(c[i]), old) << "beside c";
        continue;
      }
      double sum = accumulate ? old : 0, sizes = std::abs(sum);
      for (int64_t p = 0; p < k; ++p) {
        const double product =
            static_cast<double>(static_cast<float>(a[a_transposed ? p * m + row : row * k + p])) *
            static_cast<float>(b[b_transposed ? col * k + p : p * n + col]);
        sum += product;
        sizes += std::abs(product);
      }
      ASSERT_NEAR(static_cast<float>(c[i]), sum, rounding * sizes)
          << m << " x " << n << " x " << k << " case " << flags << " at " << row << ", " << col;
    }
  }
}

TEST(Gemm, ProductsOfBf16AreExactButForTheirSums) {
  if (!has_bf16_gemm()) GTEST_SKIP() << "this processor multiplies bf16 no faster than f32";
  for (const int64_t m : {1, 15, 32, 33, 70}) {
    for (const int64_t n : {1, 17, 32, 63, 100}) {
      for (const int64_t k : {1, 2, 31, 64, 97}) {
        expect_near_exact<bfloat16, float>(m, n, k, 0x1p-20);
        expect_near_exact<bfloat16, bfloat16>(m, n, k, 0x1p-8);
      }
    }
  }
  // Sums over more than one piece of k, in c and beside it.
  expect_near_exact<bfloat16, float>(40, 300, 2500, 0x1p-18);
  expect_near_exact<bfloat16, bfloat16>(70, 20, 1100, 0x1p-8);
  expect_near_exact<bfloat16, bfloat16>(33, 100, 1100, 0x1p-8);
}

TEST(Gemm, ProductsOfF32AndBf16KeepSixteenBits) {
  if (!has_mixed_gemm()) GTEST_SKIP() << "this processor has no AMX";
  for (const int64_t m : {1, 31, 32, 70}) {
    for (const int64_t n : {1, 17, 64, 100}) {
      for (const int64_t k : {1, 33, 64, 97}) expect_near_exact<float, float>(m, n, k, 0x1.1p-17);
    }
  }
}

// What matmul relies on where it cuts a product into blocks.
TEST(Gemm, BitsOnAmxDoNotDependOnTheOtherRowsAndColumns) {
  if (!has_mixed_gemm()) GTEST_SKIP() << "this processor has no AMX";
  constexpr int64_t m = 70, n = 90, k = 600;
  const std::vector<bfloat16> a = numbers<bfloat16>(m * k, 1), b = numbers<bfloat16>(k * n, 2);
  const GemmOperand<bfloat16> all_a{a.data(), k}, all_b{b.data(), n};
  std::vector<float> whole = numbers(m * n, 3), parts = whole;
  gemm(m, n, k, all_a, all_b, true, whole.data(), n);
  for (int64_t row = 0; row < m; row += 25) {
    for (int64_t col = 0; col < n; col += 40) {
      gemm(std::min<int64_t>(25, m - row), std::min<int64_t>(40, n - col), k, all_a.at(row, 0),
           all_b.at(0, col), true, parts.data() + row * n + col, n);
    }
  }
  EXPECT_EQ(std::memcmp(whole.data(), parts.data(), whole.size() * sizeof(float)), 0);
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
