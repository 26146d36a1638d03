// Greedy decoding with a cache by a model of 148M parameters (30 layers, d 576, 9 heads, 49152 tokens, tied
// head): milliseconds a token, and the weights' bytes over that time, which the speed of memory bounds.
//
//   decode_benchmark TOKENS BATCH f32|bf16|bf16_weights        (OMP_NUM_THREADS sets the threads)
//
// bf16 computes in bf16 with weights of f32.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "nn/models/transformer.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/reduce.h"

namespace roux {
namespace {

int run(int tokens, int64_t batch, DType weights, DType compute) {
  NoGradGuard no_grad;
  TransformerConfig config;
  config.num_hidden_layers = 30;
  config.hidden_size = 576;
  config.intermediate_size = 1536;
  config.num_attention_heads = 9;
  config.vocab_size = 49152;
  config.tie_word_embeddings = true;
  config.compute_dtype = compute;
  Generator generator(1);
  const Transformer model(config, Init{&generator, 0.02, weights, kCpu});
  KVCache cache = model.make_cache(batch, tokens + 8);
  Tensor ids = zeros({batch, 1}, kI64);
  std::vector<double> ms;
  for (int i = 0; i < tokens + 4; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    ids = argmax(model.logits({.ids = ids, .cache = &cache}), -1);
    const std::chrono::duration<double, std::milli> passed = std::chrono::steady_clock::now() - begin;
    if (i >= 4) ms.push_back(passed.count());
  }
  std::sort(ms.begin(), ms.end());
  const double bytes = static_cast<double>(model.num_parameters()) * (weights == kF32 ? 4 : 2);
  std::printf("ms a token: best %.2f, median %.2f; weights at best %.1f GB/s\n", ms[0], ms[ms.size() / 2],
              bytes / ms[0] / 1e6);
  return 0;
}

}  // namespace
}  // namespace roux

int main(int argc, char** argv) {
  const int tokens = argc == 4 ? std::atoi(argv[1]) : 0, batch = argc == 4 ? std::atoi(argv[2]) : 0;
  const char* kind = argc == 4 ? argv[3] : "";
  const bool f32 = std::strcmp(kind, "f32") == 0, bf16 = std::strcmp(kind, "bf16") == 0;
  if (tokens < 1 || batch < 1 || !(f32 || bf16 || std::strcmp(kind, "bf16_weights") == 0)) {
    std::fprintf(stderr, "usage: decode_benchmark TOKENS BATCH f32|bf16|bf16_weights\n");
    return 1;
  }
  return roux::run(tokens, batch, f32 || bf16 ? roux::kF32 : roux::kBF16, f32 ? roux::kF32 : roux::kBF16);
}
