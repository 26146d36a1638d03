// linear() of weights in block formats, far larger than the caches: the weights' bytes over the time, beside
// the rate at which a loop reads them, and multiplications a second. Best and median of the runs.
//
//   quant_benchmark RUNS [MEGABYTES]        (OMP_NUM_THREADS sets the threads)
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#include "tensor/generator.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/block_linear.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/random.h"
#include "tensor/parallel.h"

namespace roux {
namespace {

constexpr int64_t kIn = 2048;

struct Times {
  double best, median;  // seconds
};
Times time_of(int runs, const std::function<void()>& fn) {
  std::vector<double> seconds;
  for (int i = 0; i < runs + 1; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    fn();
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
    if (i > 0) seconds.push_back(passed.count());
  }
  std::sort(seconds.begin(), seconds.end());
  return {seconds[0], seconds[seconds.size() / 2]};
}

// Zeros would do for the time of decoding, but not for that of denormals and NaN: every byte is 0x25, f16
// scales are 0.02, an nf4 scale is tiny.
Tensor blocks(DType format, double bytes) {
  const int64_t elements = kIn / values_per_element(format);
  const auto rows = static_cast<int64_t>(bytes / static_cast<double>(size_of(format)) /
                                         static_cast<double>(elements) / 16) *
                    16;
  const Tensor w = empty({format, {rows, elements}});
  parallel_for(0, rows, 64, [&](int64_t begin, int64_t end) {
    const size_t row = static_cast<size_t>(elements) * size_of(format);
    std::memset(static_cast<char*>(w.raw_data()) + static_cast<size_t>(begin) * row, 0x25,
                static_cast<size_t>(end - begin) * row);
  });
  return w;
}

double read_rate(const Tensor& w, int runs) {
  const auto* data = static_cast<const uint64_t*>(w.raw_data());
  const auto words = static_cast<int64_t>(w.bytes() / sizeof(uint64_t));
  std::vector<uint64_t> sums(static_cast<size_t>(max_threads()) * 8);
  const Times t = time_of(runs, [&] {
    parallel_for(0, words, 1 << 15, [&](int64_t begin, int64_t end) {
      typedef uint64_t Words __attribute__((vector_size(32), aligned(8)));
      Words sum[4] = {};
      for (int64_t i = begin; i + 16 <= end; i += 16) {
        for (int j = 0; j < 4; ++j) sum[j] ^= *reinterpret_cast<const Words*>(data + i + 4 * j);
      }
      const Words all = sum[0] ^ sum[1] ^ sum[2] ^ sum[3];
      sums[static_cast<size_t>(thread_index()) * 8] += all[0] ^ all[1] ^ all[2] ^ all[3];
    });
  });
  return static_cast<double>(w.bytes()) / t.best / 1e9;
}

int run(int runs, double bytes) {
  NoGradGuard no_grad;
  Generator generator(1);
  std::printf("%d threads, in %lld; GB/s of weights (median), share of the read rate, GFLOP/s\n",
              num_threads(), static_cast<long long>(kIn));
  for (const DType format : {kF32, kQ4_0, kQ4_1, kQ5_1, kQ8_0, kQ4_K, kQ6_K, kNF4}) {
    const bool plain = format == kF32;
    const Tensor w = plain ? uniform({static_cast<int64_t>(bytes) / 4 / kIn / 16 * 16, kIn}, -1, 1, generator)
                           : blocks(format, bytes);
    const double rate = read_rate(w, runs), size = static_cast<double>(w.bytes());
    std::printf("%-5s %.0f MB, read at %.1f GB/s\n", name(format), size / 1e6, rate);
    for (const int64_t m : {1, 4, 32, 128}) {
      const Tensor x = uniform({m, kIn}, -1, 1, generator);
      for (const Activations activations : {Activations::kExact, Activations::kInt8}) {
        const bool int8 = activations == Activations::kInt8;
        if (int8 && (plain || format == kNF4)) continue;
        const Times t = time_of(runs, [&] { plain ? linear(x, w) : block_linear(x, w, {}, activations); });
        const double flops = 2.0 * static_cast<double>(m * w.size(0) * kIn);
        std::printf("  m %3lld %s %6.2f (%6.2f) GB/s %5.1f %%  %7.1f GFLOP/s\n", static_cast<long long>(m),
                    int8 ? "int8 " : "exact", size / t.best / 1e9, size / t.median / 1e9,
                    100 * size / t.best / 1e9 / rate, flops / t.best / 1e9);
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace roux

int main(int argc, char** argv) {
  const int runs = argc >= 2 ? std::atoi(argv[1]) : 0;
  const double megabytes = argc == 3 ? std::atof(argv[2]) : 150;
  if (argc > 3 || runs < 1 || !(megabytes >= 1)) {
    std::fprintf(stderr, "usage: quant_benchmark RUNS [MEGABYTES]\n");
    return 1;
  }
  return roux::run(runs, megabytes * 1e6);
}
