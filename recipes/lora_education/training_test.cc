#include "recipes/lora_education/training.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "nn/lora.h"
#include "nn/models/peft.h"
#include "nn/weights.h"
#include "recipes/kit/run/quiet_run.h"
#include "recipes/lora_education/study.h"
#include "tensor/generator.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/random.h"

namespace roux::lora_education {
namespace {

Config tiny() {
  Config c;
  c.countries = 6, c.exposures = 3, c.notes = 10, c.plain_bytes = 2000, c.vocabulary = 450;
  c.layers = 1, c.hidden = 64, c.intermediate = 64, c.heads = 2;
  c.dialogues = 24, c.held_out = 4, c.prompts = 4, c.first_batch = 8, c.second_batch = 8, c.new_tokens = 8;
  return c;
}

// All arms of one seed.
absl::StatusOr<kit::Results<Outcome>> study(const Config& c) {
  ROUX_ASSIGN_OR_RETURN(const Shared shared, make_shared(c));
  return kit::quiet_run()->side_by_side(kit::grid(
      arms(c), {1},
      [&](const Arm& arm, uint64_t seed, kit::Part& part) { return run_arm(c, shared, arm, seed, part); }));
}
const Outcome& of(const kit::Results<Outcome>& results, const std::string& arm) {
  return *results.of(arm)[0];
}

TEST(Study, PhaseTwoBeginsWherePhaseOneEnded) {
  const auto results = study(tiny());
  ASSERT_TRUE(results.ok()) << results.status();
  const Outcome& first = of(*results, "phase1");
  // A new model with the adapter from disk: the same bits.
  EXPECT_EQ(of(*results, "handoff").held_out.front(), first.held_out.back());
  EXPECT_EQ(of(*results, "state_carried").held_out.front(), first.held_out.back());
  EXPECT_EQ(of(*results, "continuous").held_out.front(), of(*results, "continuous_phase1").held_out.back());
  EXPECT_LT(first.held_out.back(), first.held_out.front());
  // What is handed over matters from the first steps on.
  EXPECT_NE(of(*results, "handoff").held_out.back(), of(*results, "state_carried").held_out.back());
  EXPECT_NE(of(*results, "state_carried").held_out.back(), of(*results, "continuous").held_out.back());
  // An adapter of B = 0 is its base: in f32 the same loss as before, in NF4 another one.
  EXPECT_NEAR(of(*results, "fp32_phase1").held_out.front(), of(*results, "base").held_out.front(), 1e-5);
  EXPECT_NE(first.held_out.front(), of(*results, "base").held_out.front());
  EXPECT_EQ(first.held_bytes * 64, first.f16_bytes * 18);  // 4.5 of 16 bits
  EXPECT_EQ(of(*results, "fp32").held_bytes, 2 * first.f16_bytes);
  EXPECT_NEAR(of(*results, "base").wrong_share, 0.3, 0.4);
}

TEST(Study, RepeatsBitForBit) {
  Config c = tiny();
  c.ranks = false;
  const auto once = study(c), again = study(c);
  ASSERT_TRUE(once.ok() && again.ok());
  for (size_t i = 0; i < once->results.size(); ++i) {
    EXPECT_EQ(once->results[i].held_out, again->results[i].held_out) << once->names[i];
    EXPECT_EQ(once->results[i].answers, again->results[i].answers) << once->names[i];
  }
}

TEST(Phase, FourTimesTwoRowsAreEight) {
  Config whole = tiny(), pieces = tiny();
  whole.ranks = pieces.ranks = false;
  pieces.first_micro = 2, pieces.second_micro = 3;  // rows of different lengths, a short last piece
  const auto a = study(whole), b = study(pieces);
  ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
  for (const char* arm : {"phase1", "handoff", "continuous"}) {
    const std::vector<double>&x = of(*a, arm).held_out, &y = of(*b, arm).held_out;
    ASSERT_EQ(x.size(), y.size());
    for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], y[i], 2e-5 * x[i]) << arm << " " << i;
  }
}

TEST(Phase, StepsAreThePapers) {
  EXPECT_EQ(phase_steps(2274, 8, 1), 284);
  EXPECT_EQ(phase_steps(2274, 32, 2), 142);
  EXPECT_EQ(phase_steps(3, 8, 1), 1);
}

TEST(Qlora, TrainsTheAdapterAloneAndSurvivesItsFile) {
  TransformerConfig shape{.vocab_size = 40, .hidden_size = 64, .intermediate_size = 128};
  shape.num_hidden_layers = 2, shape.num_attention_heads = 4, shape.num_key_value_heads = 2;
  const auto base = [&] {
    Generator generator(3);
    auto model = std::make_unique<Transformer>(shape, Init{&generator, 0.1});
    model->eval();
    return model;
  };
  const NoGradGuard no_grad;
  const Tensor ids = tensor(std::vector<int32_t>{3, 1, 4, 1, 5, 9}, {1, 6});
  auto model = base(), plain = base();
  make_qlora(*model, /*nf4=*/true, /*double_quantization=*/false, /*r=*/4, /*seed=*/1);
  quantize(*plain, {"*_proj.weight"}, kNF4);
  EXPECT_EQ(model->logits(ids).to_vector<float>(), plain->logits(ids).to_vector<float>());  // B = 0
  std::vector<LinearShape> layers;
  for (const auto& [path, linear] : linears(*plain)) {
    const Shape values = value_shape(linear->weight().spec());
    layers.push_back({values[1], values[0]});
  }
  int64_t count = 0;
  Generator generator(5);
  for (const auto& [name, tensor] : trainable(*model)) {
    count += tensor.numel();
    copy_(tensor, normal(tensor.shape(), 0, 0.1, generator));
  }
  EXPECT_EQ(layers.size(), 14u);
  EXPECT_EQ(count, adapter_parameters(layers, 4));
  const std::string folder = std::string(std::getenv("TEST_TMPDIR")) + "/adapter";
  ASSERT_TRUE(save_peft(*model, folder).ok());
  ASSERT_TRUE(load_peft(*plain, folder).ok());
  EXPECT_EQ(model->logits(ids).to_vector<float>(), plain->logits(ids).to_vector<float>());
  for (const auto& [name, tensor] : trainable(*plain)) EXPECT_NE(name.find("lora_"), std::string::npos);
}

}  // namespace
}  // namespace roux::lora_education
