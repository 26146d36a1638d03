// One training step of a GPT-2 style model, for comparison with other frameworks (tests/peers/step.py runs it
// beside PyTorch). Prints one line a step: milliseconds; then the profile of all steps (README.md), the
// allocator's peak and the plan's.
//
//   step_benchmark gpt|tiny STEPS [profile]        (OMP_NUM_THREADS sets the threads)
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

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
  TransformerConfig config = gpt2_style();
  int64_t batch, length;
};

Setup setup_of(bool gpt) {
  Setup setup;
  setup.config.num_hidden_layers = gpt ? 4 : 2;
  setup.config.hidden_size = gpt ? 256 : 64;
  setup.config.intermediate_size = 4 * setup.config.hidden_size;
  setup.config.num_attention_heads = gpt ? 4 : 2;
  setup.config.max_position_embeddings = setup.length = gpt ? 256 : 64;
  setup.config.vocab_size = gpt ? 8192 : 256;
  setup.batch = 16;
  return setup;
}

class Trainer {
 public:
  Trainer(const Setup& setup, Device device)
      : generator_(1),
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

int run(bool gpt, int steps, bool profile) {
  using Clock = std::chrono::steady_clock;
  const Setup setup = setup_of(gpt);
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
  const bool known = argc >= 3 && (std::strcmp(argv[1], "gpt") == 0 || std::strcmp(argv[1], "tiny") == 0);
  if (!known || std::atoi(argv[2]) < 1) {
    std::fprintf(stderr, "usage: step_benchmark gpt|tiny STEPS [profile]\n");
    return 1;
  }
  return roux::run(std::strcmp(argv[1], "gpt") == 0, std::atoi(argv[2]), argc > 3);
}
