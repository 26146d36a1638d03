// What a step of each optimizer costs: all of a model's parameters once, with clipping, gradients at hand.
// Prints the best and the median of ROUNDS steps a size, in milliseconds, and the ratio of bests to AdamW.
//
//   optimizer_benchmark ROUNDS        (OMP_NUM_THREADS sets the threads)
//
// tiny and gpt: the parameters of the Llamas of these widths in step_benchmark's sizes.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "autograd/autograd.h"
#include "optim/adafactor.h"
#include "optim/adamw_8bit.h"
#include "optim/muon.h"
#include "optim/optimizer.h"
#include "optim/rmsprop.h"
#include "tensor/generator.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"

namespace roux {
namespace {

struct Sizes {
  const char* name;
  int64_t layers, width, units, vocabulary;
};
constexpr Sizes kSizes[] = {{"tiny", 2, 64, 172, 256}, {"gpt", 4, 256, 688, 8192}};

NamedTensors parameters(const Sizes& s, bool matrices_only) {
  Generator generator(1);
  NamedTensors params;
  const auto add = [&](Shape shape) {
    if (matrices_only && shape.rank() < 2) return;
    const Tensor p = normal(shape, 0, 0.02, generator);
    params.emplace_back(std::to_string(params.size()), Tensor(p).set_requires_grad(true));
  };
  add({s.vocabulary, s.width});
  for (int64_t layer = 0; layer < s.layers; ++layer) {
    for (int i = 0; i < 4; ++i) add({s.width, s.width});
    for (int i = 0; i < 2; ++i) add({s.units, s.width});
    add({s.width, s.units});
    for (int i = 0; i < 2; ++i) add({s.width});
  }
  add({s.width});
  return params;
}

struct Kind {
  const char* name;
  std::function<std::unique_ptr<Optimizer>(ParamGroup)> make;
  bool matrices_only = false;
};
template <class T, class Options>
Kind kind(const char* name, const Options& options, bool matrices_only = false) {
  return {name,
          [options](ParamGroup group) {
            return std::make_unique<T>(std::vector<ParamGroup>{std::move(group)}, options);
          },
          matrices_only};
}

struct Times {
  double best, median;
};
Times time_steps(const Kind& kind, const Sizes& sizes, int rounds) {
  using Clock = std::chrono::steady_clock;
  const NamedTensors params = parameters(sizes, kind.matrices_only);
  const std::unique_ptr<Optimizer> optimizer = kind.make({params});
  Generator generator(2);
  for (const auto& entry : params) {
    backward(sum(entry.second * normal(entry.second.shape(), 0, 0.01, generator)));
  }
  std::vector<double> times;
  for (int i = -2; i < rounds; ++i) {  // the first two fill the caches
    const auto begin = Clock::now();
    optimizer->step({.lr = 1e-3, .max_grad_norm = 1});
    if (i >= 0) times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  std::sort(times.begin(), times.end());
  return {times.front(), times[times.size() / 2]};
}

int run(int rounds) {
  const Kind kinds[] = {kind<AdamW>("AdamW", AdamWOptions{}),
                        kind<AdamW8bit>("AdamW8bit", AdamWOptions{}),
                        kind<Adam>("Adam", AdamWOptions{.weight_decay = 0.01}),
                        kind<Sgd>("Sgd", SgdOptions{.momentum = 0.9}),
                        kind<Rmsprop>("Rmsprop", RmspropOptions{}),
                        kind<Adafactor>("Adafactor", AdafactorOptions{}),
                        kind<Muon>("Muon, matrices", MuonOptions{}, true)};
  for (const Sizes& sizes : kSizes) {
    int64_t elements = 0;
    for (const auto& entry : parameters(sizes, false)) elements += entry.second.numel();
    std::printf("%s: %lld parameters\n", sizes.name, static_cast<long long>(elements));
    double adamw = 0;
    for (const Kind& kind : kinds) {
      const Times times = time_steps(kind, sizes, rounds);
      if (adamw == 0) adamw = times.best;
      std::printf("  %-15s %8.3f (%8.3f) ms  %5.1f times AdamW\n", kind.name, times.best, times.median,
                  times.best / adamw);
    }
  }
  return 0;
}

}  // namespace
}  // namespace roux

int main(int argc, char** argv) {
  const int rounds = argc == 2 ? std::atoi(argv[1]) : 0;
  if (rounds < 1) {
    std::fprintf(stderr, "usage: optimizer_benchmark ROUNDS\n");
    return 1;
  }
  return roux::run(rounds);
}
