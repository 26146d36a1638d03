// What must not change a bit: an interruption, the number of threads, gradient checkpointing, signals.
#include <gtest/gtest.h>

#include "autograd/autograd.h"
#include "recipes/kit/data/loader.h"
#include "recipes/kit/data/windows.h"
#include "recipes/kit/run/checkpoint.h"
#include "recipes/kit/run/states.h"
#include "recipes/kit/train/batches.h"
#include "tensor/ops/elementwise.h"
#include "tensor/parallel.h"
#include "tensor/signal_storm.h"
#include "tests/parity/tiny_training.h"

namespace roux::testing {
namespace {

Trajectory with_threads(int threads) {
  const int before = num_threads();
  set_num_threads(threads);
  Trajectory trajectory = train(tiny_llama(), whole_batch);
  set_num_threads(before);
  return trajectory;
}

TEST(Threads, OneTwoAndThreeGiveTheSameBits) {
  const Trajectory one = with_threads(1);
  expect_identical(with_threads(2), one);
  expect_identical(with_threads(3), one);
}

TEST(Repetition, GivesTheSameBits) {
  expect_identical(train(tiny_llama(), whole_batch), train(tiny_llama(), whole_batch));
}

// Products deep enough for the workspace of oneDNN's kernels (see gemm.h); every 2 ms a handler runs on a
// computing thread, as a profiler's would.
TEST(Signals, ATimerGivesTheSameBits) {
  TransformerConfig deep_products = tiny_llama();
  deep_products.hidden_size = 128;
  deep_products.intermediate_size = 512;
  const Trajectory quiet = train(deep_products, whole_batch);
  const SignalStorm storm(2000);
  for (int runs = 0; runs < 3 || storm.arrived() < 100; ++runs) {
    expect_identical(train(deep_products, whole_batch), quiet);
    ASSERT_FALSE(HasFailure()) << "run " << runs << ", " << storm.arrived() << " signals";
  }
}

TEST(GradientCheckpointing, GivesTheSameBitsAndTakesLessMemory) {
  TransformerConfig deep = tiny_llama();
  deep.num_hidden_layers = 6;
  const auto run = [&](bool checkpointing, int64_t* peak) {
    deep.gradient_checkpointing = checkpointing;
    reset_peak_memory(kCpu);
    const int64_t before = memory_stats(kCpu).current;
    Trajectory trajectory = train(deep, whole_batch);
    *peak = memory_stats(kCpu).peak - before;
    return trajectory;
  };
  int64_t plain_peak = 0, checkpointed_peak = 0;
  const Trajectory plain = run(false, &plain_peak);
  expect_identical(run(true, &checkpointed_peak), plain);
  EXPECT_LT(checkpointed_peak * 2, plain_peak);
}

// GPT-2 with dropout, so that model, optimizer, loader and generator all have state.
struct Training {
  explicit Training(const kit::WindowSet& windows, bool checkpointing = false)
      : generator(21),
        loader(*kit::BatchLoader::create(windows, {.seed = 3, .global_batch = 4})),
        model(config(checkpointing), {&generator, 0.1}),
        optimizer({{model.named_parameters()}}, {.weight_decay = 0.1}) {}

  static TransformerConfig config(bool checkpointing) {
    TransformerConfig config = tiny_gpt2_with_dropout();
    config.gradient_checkpointing = checkpointing;
    return config;
  }
  void steps(int count, Trajectory* trajectory) {
    for (int i = 0; i < count; ++i) {
      const kit::LmBatch batch = kit::next_batch(loader, kCpu);
      const Tensor loss = model.loss_sum({.ids = batch.input, .generator = &generator}, batch.target) /
                          static_cast<double>(batch.target_count);
      backward(loss);
      trajectory->loss.push_back(loss.item());
      trajectory->grad_norm.push_back(optimizer.step({.lr = 3e-3, .max_grad_norm = 1}).item());
      optimizer.zero_grad();
    }
    trajectory->parameters = values(model.parameters());
  }
  kit::States states() {
    return {{"model", model}, {"optimizer", optimizer}, {"loader", loader}, {"generator", generator}};
  }

  Generator generator;
  kit::BatchLoader loader;
  Transformer model;
  AdamW optimizer;
};

kit::WindowSet some_windows() {
  std::vector<int32_t> tokens;
  for (int32_t i = 0; i < 30 * kLength + 1; ++i) tokens.push_back((i * i / 3 + i) % kVocabulary);
  return *kit::WindowSet::stream(tokens, kLength, "tokens");
}

TEST(Resume, EqualsNoInterruption) {
  const kit::WindowSet windows = some_windows();
  Trajectory uninterrupted;
  Training(windows).steps(kSteps, &uninterrupted);
  for (const int cut : {0, 1, 7, 13}) {
    const std::string path = ::testing::TempDir() + "/parity.ckpt";
    Trajectory resumed;
    {
      Training first(windows);
      first.steps(cut, &resumed);
      kit::CheckpointWriter writer;
      kit::save_states(first.states(), writer);
      ASSERT_TRUE(writer.write(path).ok());
      Trajectory thrown_away;
      first.steps(1, &thrown_away);  // what the process did after its last checkpoint
    }
    Training second(windows);
    Trajectory forgotten;
    second.steps(2, &forgotten);  // restoring replaces all state, not only fresh state
    const auto checkpoint = kit::Checkpoint::open(path);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
    const absl::Status restored = kit::restore_states(*checkpoint, second.states());
    ASSERT_TRUE(restored.ok()) << restored;
    second.steps(kSteps - cut, &resumed);
    expect_identical(resumed, uninterrupted);
  }
}

TEST(GradientCheckpointing, ReplaysDropout) {
  const kit::WindowSet windows = some_windows();
  Trajectory plain, checkpointed;
  Training(windows, false).steps(5, &plain);
  Training(windows, true).steps(5, &checkpointed);
  expect_identical(checkpointed, plain);
}

}  // namespace
}  // namespace roux::testing
