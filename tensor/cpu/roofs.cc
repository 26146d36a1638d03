#include "tensor/cpu/roofs.h"

#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>

#include "absl/functional/function_ref.h"
#include "tensor/cpu/wide.h"
#include "tensor/parallel.h"

namespace roux::cpu {
namespace {

constexpr int64_t kFloats = int64_t{32} << 20;  // 128 MiB
constexpr int64_t kFmas = 4000000;              // rounds of kChains vectors: some 6 ms
constexpr int kPasses = 3;
// Enough to hide a latency of 4 cycles at two a cycle, few enough for 16 registers.
constexpr int kChains = 12;

double seconds_of_best(absl::FunctionRef<void()> pass) {
  double best = 1e30;
  for (int i = 0; i < kPasses; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    pass();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

// One task a thread over equal parts of [0, n).
void on_threads(int threads, int64_t n, absl::FunctionRef<void(int64_t begin, int64_t end)> task) {
  parallel_for(0, n, (n + threads - 1) / threads, task);
}

// A use of the value that costs nothing.
void keep(float value) { asm volatile("" : : "x"(value)); }

float sum(const float* x, int64_t n) {
  __m256 sums[8] = {};
  for (int64_t i = 0; i + 64 <= n; i += 64) {
    for (int j = 0; j < 8; ++j) sums[j] = _mm256_add_ps(sums[j], _mm256_loadu_ps(x + i + 8 * j));
  }
  for (int j = 1; j < 8; ++j) sums[0] = _mm256_add_ps(sums[0], sums[j]);
  return _mm256_cvtss_f32(sums[0]);
}

// x = 0.999 x + 0.001 in kChains independent vectors; the result only keeps the loop alive.
float chains_f32(int64_t rounds) {
  const __m256 scale = _mm256_set1_ps(0.999f), shift = _mm256_set1_ps(0.001f);
  __m256 x[kChains];
  for (__m256& chain : x) chain = scale;
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < kChains; ++j) x[j] = _mm256_fmadd_ps(x[j], scale, shift);
  }
  for (int j = 1; j < kChains; ++j) x[0] = _mm256_fmadd_ps(x[0], scale, x[j]);
  return static_cast<float>(_mm256_cvtss_f32(x[0]));
}
float chains_f64(int64_t rounds) {
  const __m256d scale = _mm256_set1_pd(0.999f), shift = _mm256_set1_pd(0.001f);
  __m256d x[kChains];
  for (__m256d& chain : x) chain = scale;
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < kChains; ++j) x[j] = _mm256_fmadd_pd(x[j], scale, shift);
  }
  for (int j = 1; j < kChains; ++j) x[0] = _mm256_fmadd_pd(x[0], scale, x[j]);
  return static_cast<float>(_mm256_cvtsd_f64(x[0]));
}
ROUX_TARGET_AVX512 float chains_f32_avx512(int64_t rounds) {
  const __m512 scale = _mm512_set1_ps(0.999f), shift = _mm512_set1_ps(0.001f);
  __m512 x[kChains];
  for (__m512& chain : x) chain = scale;
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < kChains; ++j) x[j] = _mm512_fmadd_ps(x[j], scale, shift);
  }
  for (int j = 1; j < kChains; ++j) x[0] = _mm512_fmadd_ps(x[0], scale, x[j]);
  return static_cast<float>(_mm512_cvtss_f32(x[0]));
}
ROUX_TARGET_AVX512 float chains_f64_avx512(int64_t rounds) {
  const __m512d scale = _mm512_set1_pd(0.999f), shift = _mm512_set1_pd(0.001f);
  __m512d x[kChains];
  for (__m512d& chain : x) chain = scale;
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int j = 0; j < kChains; ++j) x[j] = _mm512_fmadd_pd(x[j], scale, shift);
  }
  for (int j = 1; j < kChains; ++j) x[0] = _mm512_fmadd_pd(x[0], scale, x[j]);
  return static_cast<float>(_mm512_cvtsd_f64(x[0]));
}

// flop/s of `chains`, whose vectors have `bytes` / `element` lanes.
double fma_rate(int threads, float (*chains)(int64_t), int64_t bytes, int64_t element) {
  const double seconds =
      seconds_of_best([&] { on_threads(threads, threads, [&](int64_t, int64_t) { keep(chains(kFmas)); }); });
  return 2.0 * static_cast<double>(threads * kFmas * kChains * (bytes / element)) / seconds;
}

Roofs measure(int threads, float* data) {
  constexpr double kBytes = kFloats * sizeof(float);
  const int64_t half = kFloats / 2;
  Roofs roofs;
  roofs.read = kBytes / seconds_of_best([&] {
                 on_threads(threads, kFloats,
                            [&](int64_t begin, int64_t end) { keep(sum(data + begin, end - begin)); });
               });
  roofs.copy =
      kBytes / seconds_of_best([&] {
        on_threads(threads, half, [&](int64_t begin, int64_t end) {
          std::memcpy(data + half + begin, data + begin, static_cast<size_t>(end - begin) * sizeof(float));
        });
      });
  const bool wide = has_avx512();
  const int64_t bytes = wide ? 64 : 32;
  roofs.fma_f32 = fma_rate(threads, wide ? chains_f32_avx512 : chains_f32, bytes, 4);
  roofs.fma_f64 = fma_rate(threads, wide ? chains_f64_avx512 : chains_f64, bytes, 8);
  return roofs;
}

}  // namespace

std::map<int, Roofs> measure_roofs(const std::vector<int>& threads) {
  if (threads.empty()) return {};
  const std::unique_ptr<float[]> data(new float[kFloats]);
  parallel_for(0, kFloats, kFloats / 64,
               [&](int64_t begin, int64_t end) { std::fill(data.get() + begin, data.get() + end, 1.0f); });
  const int width = num_threads();
  std::map<int, Roofs> roofs;
  for (const int count : threads) {
    set_num_threads(count);
    roofs[count] = measure(count, data.get());
  }
  set_num_threads(width);
  return roofs;
}

LeastTime least_time(const OpCost& cost, bool is_f64, const Roofs& roofs) {
  const auto read = static_cast<double>(cost.read), written = static_cast<double>(cost.written);
  const double flops = static_cast<double>(std::max<int64_t>(cost.flops, 0));
  // n bytes copied take n / read for their reads and the rest of 2 n / copy for their writes.
  const double per_written = std::max(0.0, 2 / roofs.copy - 1 / roofs.read);
  return {read / roofs.read + written * per_written, flops / (is_f64 ? roofs.fma_f64 : roofs.fma_f32)};
}

}  // namespace roux::cpu
