// What holds for every configuration; equality with transformers is in pretrained_test.cc, what an input may
// say in input_test.cc.
#include "nn/models/transformer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/autograd.h"
#include "nn/models/model_test_util.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/normalization.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"
#include "tensor/planned_device.h"

namespace roux {
namespace {

using testing::kVocabulary;
using testing::relative_difference;
using testing::same_bits;
using testing::some_ids;
using testing::tiny_configs;
using testing::tiny_gpt2;
using testing::tiny_llama;

// Another token at position t leaves the logits before t as they are, bit for bit, and changes those from t
// on (in all layers together: a window of 4 in the first and none in the second still reaches everything).
TEST(Transformer, LaterTokensDoNotChangeEarlierLogits) {
  NoGradGuard no_grad;
  for (const auto& [name, config] : tiny_configs()) {
    Generator generator(3);
    const Transformer model(config, {&generator, 0.3});
    const Tensor ids = some_ids(2, 9), logits = model.logits(ids);
    for (int64_t t : {int64_t{1}, int64_t{4}, int64_t{8}}) {
      std::vector<int64_t> changed = ids.to_vector<int64_t>();
      for (int64_t row = 0; row < 2; ++row) {
        int64_t& id = changed[static_cast<size_t>(row * 9 + t)];
        id = (id + 1) % kVocabulary;
      }
      const Tensor other = model.logits(tensor(changed, ids.shape()));
      EXPECT_TRUE(same_bits(other.slice(1, 0, t), logits.slice(1, 0, t))) << name << t;
      for (int64_t later = t; later < 9; ++later) {
        EXPECT_FALSE(same_bits(other.slice(1, later, later + 1), logits.slice(1, later, later + 1)))
            << name << later;
      }
    }
  }
}

TEST(Transformer, ComputesInBf16) {
  const Tensor ids = some_ids(2, 9), targets = some_ids(2, 9);
  for (const auto& [name, config] : tiny_configs()) {
    Generator generator(4);
    const Transformer f32(config, {&generator, 0.1});
    TransformerConfig narrow = config;
    narrow.compute_dtype = kBF16;
    Transformer bf16(narrow, {nullptr});
    ASSERT_TRUE(bf16.load_state_dict(f32.state_dict()).ok());
    EXPECT_EQ(bf16.logits(ids).dtype(), kBF16);
    const Tensor loss = bf16.loss_sum(ids, targets);
    EXPECT_NEAR(loss.item() / f32.loss_sum(ids, targets).item(), 1, 0.01) << name;
    backward(loss);
    for (const auto& [parameter_name, parameter] : bf16.named_parameters()) {
      ASSERT_TRUE(parameter.grad().defined()) << name << " " << parameter_name;
      EXPECT_EQ(parameter.grad().dtype(), kF32) << name << " " << parameter_name;
    }
  }
}

TEST(Transformer, HasThePublishedSizes) {
  const std::pair<TransformerConfig, int64_t> published[] = {
      {TransformerConfig(), 6738415616},                                // Llama 2 7B
      {gpt2_style(), 124439808},         {gpt_neox_style(), 14067712},  // Pythia 14M
      {gemma_style(), 2506172416},                                      // Gemma 2B
      {gemma2_style(), 2614341888},                                     // Gemma 2 2B
      {bert_style(), 109514298},                                        // BERT base
      {qwen2_moe_style(), 14315784192},                                 // Qwen1.5-MoE-A2.7B
      {qwen3_style(), 596049920},                                       // Qwen3 0.6B
      {gemma3_style(), 268098176},                                      // Gemma 3 270M
      {mixtral_style(), 46702792704},                                   // Mixtral 8x7B
      {olmoe_style(), 6919161856},                                      // OLMoE 1B-7B
      {bloom_style(), 559214592},                                       // Bloom 560M
      {phi3_style(), 3821079552},                                       // Phi-3 mini
      {olmo2_style(), 1484916736},                                      // OLMo 2 1B
  };
  for (const auto& [config, parameters] : published) {
    Generator generator(6);
    const int64_t before = memory_stats(kCpu).current;
    Transformer model(config, {&generator, 0.02, kF32, kMeta});
    EXPECT_EQ(model.num_parameters(), parameters);
    EXPECT_EQ(generator.state().offset, 0u);
    const Tensor ids = empty({kI32, {1, 32}}, kMeta);
    EXPECT_EQ(model.logits(ids).shape(), (Shape{1, 32, config.vocab_size}));
    backward(model.loss_sum(ids, empty({kI32, {1, 32}}, kMeta)));
    EXPECT_EQ(model.parameters().front().grad().shape(), (Shape{config.vocab_size, config.hidden_size}));
    EXPECT_LT(memory_stats(kCpu).current - before, 1 << 20);
  }
}

// A step on meta has the peak of one on the CPU to the byte: where this processor multiplies 16-bit dtypes in
// f32, the plan has the f32 copies too. A GPU has kernels of its own and holds none.
TEST(Transformer, APlanIsThePeakOfAStep) {
  for (const DType dtype : {kF32, kBF16, kF16}) {
    TransformerConfig config = tiny_llama(dtype);
    config.hidden_size = 64, config.intermediate_size = 160, config.vocab_size = 500;
    const auto peak = [&](Device device) {
      Generator generator(5);
      const Transformer model(config, {&generator, 0.02, kF32, device});
      const Tensor ids = zeros({8, 16}, kI64, device);
      const auto step = [&] { grad({model.loss_sum(ids, ids)}, model.parameters()); };
      step();  // makes what is kept
      const int64_t before = memory_stats(device).current;
      reset_peak_memory(device);
      step();
      return memory_stats(device).peak - before;
    };
    const int64_t planned = peak(kMeta);
    EXPECT_EQ(planned, peak(kCpu)) << name(dtype);
    set_planned_device(DeviceType::kCuda);
    const int64_t on_gpu = peak(kMeta);
    set_planned_device(DeviceType::kCpu);
    if (dtype != kF16) continue;
    EXPECT_LT(on_gpu, planned);  // which no processor multiplies
  }
}

TEST(Transformer, ResidualProjectionsOfGpt2StartSmaller) {
  TransformerConfig config = tiny_gpt2();
  config.num_hidden_layers = 8;
  config.intermediate_size = 64;
  Generator generator(6);
  const Transformer model(config, {&generator, 0.02});
  for (const auto& [name, parameter] : model.named_parameters()) {
    if (name.find("mlp.") == std::string::npos || parameter.dim() != 2) continue;
    double square = 0;
    for (double w : parameter.to_vector<double>()) square += w * w;
    const double deviation = std::sqrt(square / static_cast<double>(parameter.numel()));
    const bool projection = name.find("down_proj") != std::string::npos;
    EXPECT_NEAR(deviation, projection ? 0.02 / 4 : 0.02, projection ? 0.0005 : 0.002) << name;
  }
}

TEST(Transformer, TiedWeightsAreOneParameter) {
  TransformerConfig config = tiny_llama();
  Generator generator(5);
  Transformer untied(config, {&generator, 0.1});
  config.tie_word_embeddings = true;
  const Transformer tied(config, {&generator, 0.1});
  EXPECT_EQ(untied.num_parameters() - tied.num_parameters(), 40 * 16);
  EXPECT_EQ(untied.named_parameters().size() - tied.named_parameters().size(), 1u);

  // The tied gradient is the sum of the two of an untied model with equal weights.
  NamedTensors state = tied.state_dict();
  state.emplace_back("lm_head.weight", state.front().second);
  ASSERT_EQ(state.front().first, "model.embed_tokens.weight");
  ASSERT_TRUE(untied.load_state_dict(state).ok());
  const Tensor ids = some_ids(2, 9), targets = some_ids(2, 9);
  backward(tied.loss_sum(ids, targets));
  backward(untied.loss_sum(ids, targets));
  EXPECT_EQ(untied.named_parameters().back().first, "lm_head.weight");
  const Tensor sum =
      untied.named_parameters().front().second.grad() + untied.named_parameters().back().second.grad();
  EXPECT_LT(relative_difference(tied.named_parameters().front().second.grad(), sum), 1e-6);
}

TEST(Transformer, DropoutDrawsOnlyInTraining) {
  for (const auto& rates : {Dropout{.embedding = 0.5}, Dropout{.attention = 0.5}, Dropout{.hidden = 0.5},
                            Dropout{.units = 0.5}, Dropout{.output = 0.5}}) {
    TransformerConfig config = tiny_gpt2();
    config.dropout = rates;
    Generator generator(7);
    Transformer model(config, {&generator, 0.3});
    const LmInput in{.ids = some_ids(1, 9), .generator = &generator};
    const GeneratorState state = generator.state();
    const Tensor a = model.logits(in), b = model.logits(in);
    EXPECT_FALSE(same_bits(a, b));
    generator.set_state(state);
    EXPECT_TRUE(same_bits(a, model.logits(in)));
    EXPECT_NE(error_of([&] { model.logits(in.ids); }).find("dropout 0.5 in training mode needs a generator"),
              std::string::npos);
    model.eval();
    EXPECT_TRUE(same_bits(model.logits(in.ids), model.logits(in.ids)));
  }
}

// A schedule of dropout: a scale of the rates is other rates; without any no generator is needed.
TEST(Transformer, DropoutScaleIsOfAllRates) {
  TransformerConfig config = tiny_gpt2();
  config.dropout = {.embedding = 0.5, .attention = 0.25, .hidden = 0.125, .units = 0.5, .output = 0.25};
  Generator generator(8);
  const Transformer model(config, {&generator, 0.3});
  config.dropout = {.embedding = 0.25, .attention = 0.125, .hidden = 0.0625, .units = 0.25, .output = 0.125};
  config.gradient_checkpointing = true;
  const Transformer half(model, Weights::kCopied, config);
  const Tensor ids = some_ids(2, 9), targets = some_ids(2, 9);
  const auto gradients = [&](const Transformer& m, double scale) {
    Generator draws(9);
    return grad({m.loss_sum({.ids = ids, .generator = &draws, .dropout_scale = scale}, targets)},
                m.parameters());
  };
  const std::vector<Tensor> scaled = gradients(model, 0.5), expected = gradients(half, 1);
  for (size_t i = 0; i < scaled.size(); ++i) EXPECT_TRUE(same_bits(scaled[i], expected[i])) << i;
  EXPECT_FALSE(same_bits(scaled[0], gradients(model, 1)[0]));
  Transformer still(model, Weights::kCopied);
  still.eval();
  EXPECT_TRUE(same_bits(model.logits({.ids = ids, .dropout_scale = 0}), still.logits(ids)));
}

// The loss of each token, their sum, and the logits' own cross-entropy are one thing; with a softcap the
// logits pass through it.
TEST(Transformer, LossesAreThoseOfTheLogits) {
  for (const bool capped : {false, true}) {
    TransformerConfig config = tiny_llama(kF64);
    if (capped) config.logit_softcap = 2;
    Generator generator(8);
    const Transformer model(config, {&generator, 0.3, kF64});
    const Tensor ids = some_ids(2, 9);
    std::vector<int64_t> values = some_ids(2, 9).to_vector<int64_t>();
    values[3] = values[11] = -100;
    const Tensor targets = tensor(values, {2, 9}), logits = model.logits(ids);
    const Tensor expected = cross_entropy(logits, targets, {.reduction = Reduction::kNone});
    EXPECT_LT(relative_difference(model.token_losses({.ids = ids}, targets), expected), 1e-12);
    EXPECT_NEAR(model.loss_sum(ids, targets).item() / sum(expected).item(), 1, 1e-12);
    const Tensor bare = linear(model.hidden({.ids = ids}), model.output().weight);
    EXPECT_EQ(same_bits(logits, bare), !capped);
    if (!capped) continue;
    EXPECT_LT(relative_difference(logits, tanh(bare / 2.0) * 2.0), 1e-12);
  }
}

// Block::forward against its formulas, written out with a mixer of 2 x and an MLP of known weights.
class Twice final : public Mixer {
 public:
  Tensor forward(const Tensor& x, const Pass&) const override { return x * 2.0; }
  std::string pretty_print() const override { return "Twice"; }
};
// Behind biases and softcaps too: no tensor of the size of all logits.
TEST(Transformer, LossesHoldOneChunkOfLogits) {
  for (TransformerConfig config : {TransformerConfig(), bert_style(), gemma2_style()}) {
    config.num_hidden_layers = 1, config.hidden_size = 64, config.head_dim = 16;
    config.num_attention_heads = 4, config.num_key_value_heads = 4;
    Generator generator(22);
    const Transformer model(config, {&generator, 0.02, kF32, kMeta});
    const int64_t tokens = 32768, logits = 4 * tokens * config.vocab_size;
    const Tensor hidden = zeros({1, tokens, config.hidden_size}, kF32, kMeta).set_requires_grad(true);
    reset_peak_memory(kMeta);
    const int64_t before = memory_stats(kMeta).current;
    backward(model.losses(hidden, zeros({1, tokens}, kI64, kMeta), {}));
    EXPECT_LT(memory_stats(kMeta).peak - before, logits / 8);
  }
}

TEST(Block, ComputesItsFormulas) {
  for (const Residual residual :
       {Residual::kPreNorm, Residual::kPostNorm, Residual::kParallel, Residual::kParallelOneNorm,
        Residual::kSandwich, Residual::kReorderedNorm}) {
    TransformerConfig config = tiny_llama(kF64);
    config.residual = residual, config.activation = Activation::kRelu;
    Generator generator(9);
    const Block block(config, 0, {&generator, 0.3, kF64}, [](int64_t) { return std::make_unique<Twice>(); });
    const auto weight = [&](const std::string& name) {
      for (const auto& [key, value] : block.named_parameters()) {
        if (key == name + ".weight") return value;
      }
      return Tensor();
    };
    for (const auto& [name, parameter] : block.named_parameters()) {  // norms that differ
      NoGradGuard no_grad;
      if (parameter.dim() == 1) copy_(parameter, uniform({16}, 0.5, 2, generator, kF64));
    }
    const auto norm = [&](const std::string& name, const Tensor& t) {
      return rms_norm(t, weight(name), 1e-6);
    };
    const auto n1 = [&](const Tensor& t) { return norm("input_layernorm", t); };
    const auto n2 = [&](const Tensor& t) { return norm("post_attention_layernorm", t); };
    const auto mixer = [](const Tensor& t) { return t + t; };
    const auto mlp = [&](const Tensor& t) {
      return linear(relu(linear(t, weight("mlp.up_proj"))), weight("mlp.down_proj"));
    };
    const Tensor x = normal({2, 3, 16}, 0, 1, generator, kF64);
    Tensor h, y;
    switch (residual) {
      case Residual::kPreNorm:
        h = x + mixer(n1(x)), y = h + mlp(n2(h));
        break;
      case Residual::kPostNorm:
        h = n1(x + mixer(x)), y = n2(h + mlp(h));
        break;
      case Residual::kParallel:
        y = x + mixer(n1(x)) + mlp(n2(x));
        break;
      case Residual::kParallelOneNorm:
        y = x + mixer(n1(x)) + mlp(n1(x));
        break;
      case Residual::kSandwich:
        h = x + norm("mixer_norm", mixer(n1(x))), y = h + norm("mlp_norm", mlp(n2(h)));
        break;
      case Residual::kReorderedNorm:
        h = x + norm("mixer_norm", mixer(x)), y = h + norm("mlp_norm", mlp(h));
        break;
    }
    const int kind = static_cast<int>(residual);
    EXPECT_LT(relative_difference(block(x, Pass()), y), 1e-12) << kind;
    const Tensor mixed = block.mixer()(block.mixer_input(x, Pass()), Pass());
    EXPECT_TRUE(same_bits(block.after_mixer(x, mixed, Pass()), block(x, Pass()))) << kind;
  }
}

// Keys and values of another sequence: as the op makes it of the projections.
TEST(Attention, AttendsToAnotherSequence) {
  Generator generator(20);
  TransformerConfig config = tiny_llama(kF64);
  config.positions = Positions::kNone;
  const Attention attention(config, 0, {&generator, 0.3, kF64});
  const Tensor x = normal({2, 3, 16}, 0, 1, generator, kF64),
               source = normal({2, 5, 16}, 0, 1, generator, kF64);
  const auto heads = [](const Tensor& t, int64_t count) {
    return transpose(reshape(t, {t.size(0), t.size(1), count, 4}), 1, 2);
  };
  const Tensor y = scaled_dot_product_attention(heads(linear(x, attention.q_proj.weight()), 4),
                                                heads(linear(source, attention.k_proj.weight()), 2),
                                                heads(linear(source, attention.v_proj.weight()), 2));
  const Tensor expected = linear(reshape(transpose(y, 1, 2), {2, 3, 16}), attention.o_proj.weight());
  EXPECT_LT(relative_difference(attention.attend(x, source, Pass()), expected), 1e-12);
  EXPECT_TRUE(same_bits(attention.attend(x, x, Pass()), attention(x, Pass())));
}

// Each head's key is mixed with the one before; the first stays.
TEST(Attention, SmearsKeys) {
  Generator generator(21);
  TransformerConfig config = tiny_llama(kF64);
  config.positions = Positions::kNone, config.key_smear = true;
  Attention attention(config, 0, {&generator, 0.3, kF64});
  set_parameter(attention, "k_smear", tensor(std::vector<double>{0.7, -1.5}, {2}));
  const Tensor x = normal({2, 5, 16}, 0, 1, generator, kF64);
  const auto heads = [](const Tensor& t, int64_t count) {
    return transpose(reshape(t, {t.size(0), t.size(1), count, 4}), 1, 2);
  };
  const Tensor k = contiguous(heads(linear(x, attention.k_proj.weight()), 2));
  std::vector<double> keys = k.to_vector<double>();
  const std::vector<double> before = keys;
  for (size_t i = 0; i < keys.size(); ++i) {  // [2, 2, 5, 4]
    const size_t t = i / 4 % 5, head = i / 20 % 2;
    const double g = 1 / (1 + std::exp(head == 0 ? -0.7 : 1.5));
    if (t > 0) keys[i] = (1 - g) * before[i] + g * before[i - 4];
  }
  const Tensor y =
      scaled_dot_product_attention(heads(linear(x, attention.q_proj.weight()), 4), tensor(keys, {2, 2, 5, 4}),
                                   heads(linear(x, attention.v_proj.weight()), 2));
  const Tensor expected = linear(reshape(transpose(y, 1, 2), {2, 5, 16}), attention.o_proj.weight());
  EXPECT_LT(relative_difference(attention(x, Pass()), expected), 1e-12);
}

// A token is moved by those that it sees: with a mixer of our own, by none.
TEST(Transformer, TakesAnotherMixer) {
  Generator generator(10);
  const Transformer model(tiny_llama(), {&generator, 0.3}, [](int64_t layer) -> std::unique_ptr<Mixer> {
    return layer == 0 ? std::make_unique<Twice>() : nullptr;
  });
  EXPECT_EQ(model.block(0).attention(), nullptr);
  ASSERT_NE(model.block(1).attention(), nullptr);
  EXPECT_EQ(model.logits(some_ids(1, 5)).shape(), (Shape{1, 5, 40}));
  EXPECT_NE(model.tree().find("mixer: Twice"), std::string::npos) << model.tree();
}

TEST(Transformer, CheckpointingGivesTheSameBits) {
  for (auto [name, config] : tiny_configs()) {
    std::vector<std::vector<double>> grads[2];
    for (const bool checkpointing : {false, true}) {
      config.gradient_checkpointing = checkpointing;
      config.dropout = {0.1, 0.1, 0.1};
      Generator generator(15);
      const Transformer model(config, {&generator, 0.3});
      backward(model.loss_sum({.ids = some_ids(2, 9), .generator = &generator}, some_ids(2, 9)));
      for (const Tensor& parameter : model.parameters())
        grads[checkpointing].push_back(parameter.grad().to_vector<double>());
    }
    EXPECT_EQ(grads[0], grads[1]) << name;
  }
}

TEST(Transformer, ErrorsNameTheModule) {
  Generator generator(16);
  const Transformer model(tiny_llama(), {&generator});
  const std::string range = error_of([&] { model.logits(tensor(std::vector<int32_t>{1, 40}, {1, 2})); });
  EXPECT_NE(range.find("40"), std::string::npos) << range;
  EXPECT_NE(
      range.find("\n  in model.embed_tokens (Embedding 40 x 16)\n  in model (TransformerModel 2 layers, d "
                 "16)\n  in Transformer, "),
      std::string::npos)
      << range;
}

}  // namespace
}  // namespace roux
