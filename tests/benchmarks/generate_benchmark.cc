// generate(): tokens a second by the number of rows, and what batch-invariant mode costs there and in the
// training forward. Runs with and without alternate; the best of three counts.
//
//   generate_benchmark LAYERS D VOCABULARY        (OMP_NUM_THREADS sets the threads; a head has 64 channels)
//
// First it checks what the mode promises: log-probabilities of sampling equal the forward's, bit for bit.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <utility>
#include <vector>

#include "nn/models/transformer.h"
#include "recipes/kit/decode/generate.h"
#include "tensor/batch_invariant.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"

namespace roux {
namespace {

constexpr int64_t kPrompt = 64, kNew = 32;

std::vector<kit::Tokens> prompts(int64_t rows, int64_t vocabulary) {
  std::vector<kit::Tokens> all;
  for (int64_t row = 0; row < rows; ++row) {
    kit::Tokens& prompt = all.emplace_back();
    for (int64_t i = 0; i < kPrompt - row % 7; ++i) {
      prompt.push_back(static_cast<int32_t>(kit::mix(static_cast<uint64_t>(row), static_cast<uint64_t>(i)) %
                                            static_cast<uint64_t>(vocabulary)));
    }
  }
  return all;
}

double seconds(const std::function<void()>& run) {
  const auto begin = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Best times without and with the mode.
std::pair<double, double> both(const std::function<void()>& run) {
  double usual = 1e9, invariant = 1e9;
  for (int i = 0; i < 3; ++i) {
    usual = std::min(usual, seconds(run));
    BatchInvariantGuard guard;
    invariant = std::min(invariant, seconds(run));
  }
  return {usual, invariant};
}

// The recorded forward's log-probability of each generated token.
std::vector<double> forward_log_probs(const LanguageModel& model, const std::vector<kit::Tokens>& prompts,
                                      const std::vector<kit::Generation>& texts) {
  constexpr size_t kWidth = kPrompt + kNew;
  kit::Tokens input, target;
  for (size_t row = 0; row < texts.size(); ++row) {
    kit::Tokens all = prompts[row], next(kWidth, -100);
    all.insert(all.end(), texts[row].tokens.begin(), texts[row].tokens.end());
    for (size_t i = prompts[row].size(); i < all.size(); ++i) next[i - 1] = all[i];
    all.resize(kWidth, 0);
    input.insert(input.end(), all.begin(), all.end());
    target.insert(target.end(), next.begin(), next.end());
  }
  const Shape shape{static_cast<int64_t>(texts.size()), static_cast<int64_t>(kWidth)};
  const auto losses =
      model.token_losses({.ids = tensor(input, shape)}, tensor(target, shape)).to_vector<double>();
  std::vector<double> log_probs;
  for (size_t i = 0; i < losses.size(); ++i) {
    if (target[i] != -100) log_probs.push_back(-losses[i]);
  }
  return log_probs;
}

// Between the log-probabilities of sampling and the forward's; 0 where all bits are the same.
double largest_difference(const LanguageModel& model, const kit::GenerateOptions& options) {
  const std::vector<kit::Tokens> some = prompts(12, model.output().weight.size(0));
  const auto texts = kit::generate(kit::decode_model(model), some, options);
  const std::vector<double> forward = forward_log_probs(model, some, texts);
  double largest = 0;
  auto expected = forward.begin();
  for (const auto& text : texts) {
    for (const double sampled : text.log_probs) largest = std::max(largest, std::abs(sampled - *expected++));
  }
  return largest;
}

int run(int64_t layers, int64_t d, int64_t vocabulary) {
  TransformerConfig config;
  config.num_hidden_layers = layers;
  config.hidden_size = d;
  config.intermediate_size = 8 * d / 3 / 16 * 16;
  config.num_attention_heads = d / 64;
  config.vocab_size = vocabulary;
  config.tie_word_embeddings = true;
  Generator generator(1);
  Transformer model(config, Init{&generator, 0.1});
  model.eval();
  const kit::DecodeModel decode = kit::decode_model(model);
  std::printf("%lld layers, d %lld, %lld tokens: %.1fM parameters; prompts of %lld, %lld new tokens\n",
              static_cast<long long>(layers), static_cast<long long>(d), static_cast<long long>(vocabulary),
              static_cast<double>(model.num_parameters()) / 1e6, static_cast<long long>(kPrompt),
              static_cast<long long>(kNew));
  const kit::GenerateOptions options{.max_tokens = kNew, .seed = 1, .rows = 64};
  const double usual = largest_difference(model, options), invariant = [&] {
    BatchInvariantGuard guard;
    return largest_difference(model, options);
  }();
  std::printf("log-probabilities of sampling and of the forward differ by %.2g at most, invariant by %g\n",
              usual, invariant);
  if (invariant != 0) return 1;
  std::printf("%8s %16s %16s %8s\n", "rows", "usual tok/s", "invariant tok/s", "cost");
  for (const int64_t rows : {1, 4, 8, 16, 64}) {
    const std::vector<kit::Tokens> some = prompts(rows, vocabulary);
    const auto [usual, invariant] = both([&] { kit::generate(decode, some, options); });
    const auto tokens = static_cast<double>(rows * kNew);
    std::printf("%8lld %16.1f %16.1f %7.2fx\n", static_cast<long long>(rows), tokens / usual,
                tokens / invariant, invariant / usual);
  }
  std::printf("%8s %16s %16s\n", "forward", "usual ms", "invariant ms");
  for (const int64_t length : {64, 512}) {
    NoGradGuard no_grad;
    const int64_t rows = 1024 / length;
    kit::Tokens ids(1024, 5);
    for (size_t i = 0; i < ids.size(); ++i)
      ids[i] = static_cast<int32_t>(i % static_cast<size_t>(vocabulary));
    const Tensor batch = tensor(ids, {rows, length});
    const auto [usual, invariant] = both([&] { model.loss_sum({.ids = batch}, batch).item(); });
    std::printf("%4lld x %3lld %14.1f %16.1f %7.2fx\n", static_cast<long long>(rows),
                static_cast<long long>(length), usual * 1e3, invariant * 1e3, invariant / usual);
  }
  return 0;
}

}  // namespace
}  // namespace roux

int main(int argc, char** argv) {
  const int layers = argc == 4 ? std::atoi(argv[1]) : 0, d = argc == 4 ? std::atoi(argv[2]) : 0,
            vocabulary = argc == 4 ? std::atoi(argv[3]) : 0;
  if (layers < 1 || d < 64 || d % 64 != 0 || vocabulary < 2) {
    std::fprintf(stderr, "usage: generate_benchmark LAYERS D VOCABULARY    (D a multiple of 64)\n");
    return 1;
  }
  return roux::run(layers, d, vocabulary);
}
