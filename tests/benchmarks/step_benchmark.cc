// One training step of a model, for comparison with other frameworks (tests/peers/step.py runs it beside
// PyTorch). Prints one line a step: milliseconds; then the profile of all steps (README.md), the allocator's
// peak and the plan's.
//
//   step_benchmark gpt|tiny|llama|gpt2 STEPS f32|bf16 [profile]        (OMP_NUM_THREADS sets the threads)
//
// gpt and tiny are small GPT-2s, llama is a Llama of the size of gpt, gpt2 has the shape of GPT-2 124M. bf16
// computes in bf16 with weights and optimizer state of f32.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "autograd/autograd.h"
#include "nn/models/transformer.h"
#include "optim/optimizer.h"
#include "recipes/kit/run/profile.h"
#include "tensor/cpu/roofs.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/profiler.h"

namespace roux {
namespace {

struct Setup {
  TransformerConfig config;
  int64_t batch, length;
};

std::optional<Setup> setup_of(std::string_view model) {
  Setup setup{gpt2_style(), 16, 256};
  TransformerConfig& config = setup.config;
  const auto sizes = [&](int64_t layers, int64_t width, int64_t heads, int64_t vocabulary) {
    config.num_hidden_layers = layers;
    config.hidden_size = width;
    config.intermediate_size = 4 * width;
    config.num_attention_heads = heads;
    config.vocab_size = vocabulary;
  };
  if (model == "gpt") {
    sizes(4, 256, 4, 8192);
  } else if (model == "tiny") {
    sizes(2, 64, 2, 256);
    setup.length = 64;
  } else if (model == "llama") {
    config = TransformerConfig();
    sizes(4, 256, 4, 8192);
    config.intermediate_size = 688;  // 8/3 of the width, three matrices instead of two
    config.tie_word_embeddings = true;
  } else if (model == "gpt2") {
    setup.batch = 4;
    setup.length = 64;
  } else {
    return std::nullopt;
  }
  config.max_position_embeddings = setup.length;
  return setup;
}

class Trainer {
 public:
  Trainer(const Setup& setup, Device device)
      : generator_(1, device),
        model_(setup.config, Init{&generator_, 0.02, kF32, device}),
        optimizer_({{model_.named_parameters()}}) {
    std::vector<int32_t> ids(static_cast<size_t>(setup.batch * setup.length));
    for (size_t i = 0; i < ids.size(); ++i)
      ids[i] = static_cast<int32_t>((i * 7919 + 13) % setup.config.vocab_size);
    std::vector<int32_t> targets(ids.begin() + 1, ids.end());
    targets.push_back(0);
    ids_ = tensor(ids, {setup.batch, setup.length}, device);
    targets_ = tensor(targets, {setup.batch, setup.length}, device);
  }
  void step() {
    const Tensor loss = model_.loss_sum(ids_, targets_) / static_cast<double>(ids_.numel());
    backward(loss);
    optimizer_.step({.lr = 1e-3, .max_grad_norm = 1});
    optimizer_.zero_grad();
  }

 private:
  Generator generator_;
  Transformer model_;
  AdamW optimizer_;
  Tensor ids_, targets_;
};

int run(const Setup& setup, int steps, bool profile) {
  using Clock = std::chrono::steady_clock;
  Trainer trainer(setup, kCpu);
  trainer.step();  // state and caches
  reset_peak_memory(kCpu);
  if (profile) start_trace({.events = false});
  for (int i = 0; i < steps; ++i) {
    const auto begin = Clock::now();
    ROUX_TRACE_SCOPE("step");
    trainer.step();
    std::printf("step_ms %.3f\n", std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  if (profile) {
    const Trace trace = take_trace();
    std::fputs(kit::profile_text(trace, cpu::measure_roofs(kit::widths_of(trace))).c_str(), stdout);
  }
  std::printf("peak_bytes %lld\n", static_cast<long long>(memory_stats(kCpu).peak));
  reset_peak_memory(kMeta);
  Trainer planned(setup, kMeta);
  planned.step();
  planned.step();
  std::printf("plan_bytes %lld\n", static_cast<long long>(memory_stats(kMeta).peak));
  return 0;
}

}  // namespace
}  // namespace roux

int main(int argc, char** argv) {
  std::optional<roux::Setup> setup = argc >= 4 ? roux::setup_of(argv[1]) : std::nullopt;
  const int steps = argc >= 4 ? std::atoi(argv[2]) : 0;
  const std::string_view dtype = argc >= 4 ? argv[3] : "", last = argc == 5 ? argv[4] : "";
  if (!setup || steps < 1 || argc > 5 || (dtype != "f32" && dtype != "bf16") ||
      (last != "" && last != "profile")) {
    std::fprintf(stderr, "usage: step_benchmark gpt|tiny|llama|gpt2 STEPS f32|bf16 [profile]\n");
    return 1;
  }
  setup->config.compute_dtype = dtype == "bf16" ? roux::kBF16 : roux::kF32;
  return roux::run(*setup, steps, last == "profile");
}
