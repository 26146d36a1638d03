// A training step on meta counts the bytes that the same step takes on the CPU, to the byte: --plan rests on
// it.
#include "autograd/autograd.h"
#include "gtest/gtest.h"
#include "nn/models/transformer.h"
#include "optim/optimizer.h"
#include "tensor/device.h"
#include "tensor/generator.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tests/parity/tiny_training.h"

namespace roux::testing {
namespace {

// Bytes of live tensors at the peak of the second step, which has all state.
int64_t peak_of_a_step(const TransformerConfig& config, Device device) {
  const int64_t before = memory_stats(device).current;
  Generator generator(1, device);
  Transformer model(config, {&generator, 0.02, kF32, device});
  AdamW optimizer({{model.named_parameters()}});
  const Tensor ids = zeros({4, 16}, kI32, device);
  for (int step = 0; step < 2; ++step) {
    reset_peak_memory(device);
    const Tensor loss = model.loss_sum({.ids = ids, .generator = &generator}, ids) / 64.0;
    backward(loss);
    optimizer.step({.lr = 1e-3, .max_grad_norm = 1});
    optimizer.zero_grad();
  }
  return memory_stats(device).peak - before;
}

TEST(Plan, IsThePeakOfAStep) {
  for (TransformerConfig config : {tiny_llama(), tiny_gpt2_with_dropout()}) {
    for (const bool checkpointing : {false, true}) {
      config.gradient_checkpointing = checkpointing;
      EXPECT_EQ(peak_of_a_step(config, kMeta), peak_of_a_step(config, kCpu));
    }
  }
}

}  // namespace
}  // namespace roux::testing
