// A language model of a file decoding: tokens a second of a prompt and of rows that gain one token a step,
// and the bytes of its weights over the time of a step beside the rate at which this machine reads memory.
//
//   model_benchmark MODEL THREADS [STEPS]     MODEL: a GGUF file, a folder of Hugging Face or a name, "smollm2"
//
// Activations are exact, then of 8 bits, which weights in blocks alone take. Best of the steps (median).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "nn/models/language_model.h"
#include "recipes/kit/models/language_model.h"
#include "tensor/cpu/roofs.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/block_linear.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/view.h"
#include "tensor/parallel.h"

namespace roux {
namespace {

constexpr int64_t kPrompt = 512, kBehind = 64, kMostSteps = 512;

double seconds_of(const std::function<void()>& run) {
  const auto begin = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

Tensor ids(int64_t rows, int64_t length) {
  std::vector<int32_t> values;
  for (int64_t i = 0; i < rows * length; ++i) values.push_back(static_cast<int32_t>(1000 + 37 * i % 997));
  return tensor(values, {rows, length});
}

// The logits behind `length` tokens of each row.
void read(const LanguageModel& model, int64_t rows, int64_t length, KVCache* cache) {
  const Tensor hidden = model.hidden({.ids = ids(rows, length), .cache = cache});
  model.project(slice(hidden, 1, length - 1, length));
}

void measure(const LanguageModel& model, double bytes, double rate, int steps) {
  double prompt = 1e9;
  for (int i = 0; i < 4; ++i) {
    KVCache cache = model.make_cache(1, kPrompt);
    prompt = std::min(prompt, seconds_of([&] { read(model, 1, kPrompt, &cache); }));
  }
  std::printf("  prompt of %lld: %.1f tok/s\n", static_cast<long long>(kPrompt),
              static_cast<double>(kPrompt) / prompt);
  double one = 0;
  for (const int64_t rows : {1, 4, 8, 32}) {
    KVCache cache = model.make_cache(rows, kBehind + steps + 1);
    read(model, rows, kBehind, &cache);
    std::vector<double> times;
    for (int step = 0; step <= steps; ++step)
      times.push_back(seconds_of([&] { read(model, rows, 1, &cache); }));
    times.erase(times.begin());  // the first one asks for memory
    std::sort(times.begin(), times.end());
    const double best = times.front(), tokens = static_cast<double>(rows) / best;
    if (rows == 1) one = tokens;
    std::printf("  rows %2lld: %7.1f tok/s (%7.1f), %5.2f of one row; weights %5.1f GB/s, %3.0f %% of read\n",
                static_cast<long long>(rows), tokens, static_cast<double>(rows) / times[times.size() / 2],
                tokens / one, bytes / best / 1e9, 100 * bytes / best / rate);
  }
}

int run(const std::string& name, int threads, int steps) {
  set_num_threads(threads);
  const NoGradGuard no_grad;
  kit::ModelOptions options;
  options.weights.map = true;  // blocks stay as the file has them
  const absl::StatusOr<kit::Pretrained> pretrained = kit::load_language_model(name, options);
  if (!pretrained.ok()) {
    std::fprintf(stderr, "%s\n", std::string(pretrained.status().message()).c_str());
    return 1;
  }
  LanguageModel& model = *pretrained->model;
  model.eval();
  double bytes = 0;
  for (const Tensor& parameter : model.parameters()) bytes += static_cast<double>(parameter.bytes());
  const double rate = cpu::measure_roofs({threads}).at(threads).read;
  std::printf("%s, %d threads: %.1f MB of weights; memory is read at %.1f GB/s\n", name.c_str(), threads,
              bytes / 1e6, rate / 1e9);
  for (const Activations activations : {Activations::kExact, Activations::kInt8}) {
    const ActivationsGuard guard(activations);
    std::printf("%s activations\n", activations == Activations::kInt8 ? "int8" : "exact");
    measure(model, bytes, rate, steps);
  }
  return 0;
}

}  // namespace
}  // namespace roux

int main(int argc, char** argv) {
  const int threads = argc >= 3 ? std::atoi(argv[2]) : 0, steps = argc == 4 ? std::atoi(argv[3]) : 64;
  if (argc > 4 || threads < 1 || steps < 1 || steps > roux::kMostSteps) {
    std::fprintf(stderr, "usage: model_benchmark MODEL THREADS [STEPS]\n");
    return 1;
  }
  return roux::run(argv[1], threads, steps);
}
