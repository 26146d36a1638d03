// What weights cost: milliseconds of a step by the plain mean, as the kit trains with it, and by LinUpper, in
// turn on the same batches and on one thread, as the parts of a run have.
//
//   bazel run //recipes/loss_reweighting:overhead
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "absl/strings/str_format.h"
#include "nn/models/transformer.h"
#include "recipes/kit/stats/random.h"
#include "recipes/kit/stats/resampling.h"
#include "recipes/kit/train/decoder.h"
#include "recipes/kit/train/update.h"
#include "recipes/loss_reweighting/weighted_step.h"
#include "tensor/generator.h"
#include "tensor/ops/creation.h"
#include "tensor/parallel.h"

namespace roux::loss_reweighting {
namespace {

double median(std::vector<double> x) {
  std::nth_element(x.begin(), x.begin() + static_cast<int64_t>(x.size() / 2), x.end());
  return x[x.size() / 2];
}

template <class Step>
double milliseconds(const Step& step) {
  const auto begin = std::chrono::steady_clock::now();
  step();
  return 1e3 * std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void measure(const kit::DecoderConfig& shape, int64_t rows, int64_t rounds) {
  constexpr int64_t kVocabulary = 256;
  Generator generator(1);
  Transformer model(shape.transformer(kVocabulary), shape.init(generator, kCpu));
  AdamW optimizer({{model.named_parameters()}}, {});
  WeightRecord record;
  stats::RandomStream random(1);
  const StepOptions options{.lr = 1e-4, .max_grad_norm = 1};
  std::vector<double> plain, weighted;
  for (int64_t round = -3; round < rounds; ++round) {  // three to warm up
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < rows * shape.length; ++i)
      ids.push_back(static_cast<int32_t>(random.below(kVocabulary)));
    const Tensor tokens = tensor(ids, {rows, shape.length});
    const std::vector<kit::LmBatch> micro = {
        {.input = tokens, .target = tokens, .target_count = rows * shape.length}};
    const auto by_mean = [&] {
      kit::update(optimizer, options, micro,
                  [&](const kit::LmBatch& b) { return model.loss_sum(b.input, b.target); });
    };
    const auto by_weight = [&] {
      weighted_step(optimizer, options, model, micro, {.strategy = Strategy::kLinUpper}, false, record);
    };
    const double first = round % 2 == 0 ? milliseconds(by_mean) : milliseconds(by_weight);
    const double second = round % 2 == 0 ? milliseconds(by_weight) : milliseconds(by_mean);
    if (round < 0) continue;
    plain.push_back(round % 2 == 0 ? first : second);
    weighted.push_back(round % 2 == 0 ? second : first);
  }
  const stats::Interval more = stats::bootstrap_interval(
      rounds,
      [&](std::span<const int64_t> drawn) {
        std::vector<double> a, b;
        for (const int64_t i : drawn)
          a.push_back(weighted[static_cast<size_t>(i)]), b.push_back(plain[static_cast<size_t>(i)]);
        return 100 * (median(a) / median(b) - 1);
      },
      random);
  absl::PrintF(
      "%d parameters, %d x %d tokens: plain mean %.2f ms, LinUpper %.2f ms: %+.1f %% [%+.1f, %+.1f]\n",
      shape.parameters(kVocabulary), rows, shape.length, median(plain), median(weighted), more.estimate,
      more.low, more.high);
}

}  // namespace
}  // namespace roux::loss_reweighting

int main() {
  roux::set_num_threads(1);
  roux::loss_reweighting::measure({}, 32, 400);
  roux::loss_reweighting::measure(
      {.layers = 4, .hidden = 256, .heads = 4, .intermediate = 704, .length = 128, .init_std = 0.06}, 16, 40);
}
