// LoRA over a block-quantised base against the same over the values of its blocks.
#include <gtest/gtest.h>

#include "autograd/autograd.h"
#include "nn/layers.h"
#include "nn/lora.h"
#include "nn/weights.h"
#include "optim/optimizer.h"
#include "tensor/error_of.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/quantize.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"

namespace roux {
namespace {

constexpr int64_t kWidth = 128, kRows = 9;

class Net final : public ModuleOf<Net> {
 public:
  explicit Net(const Init& init) : up_proj(kWidth, kWidth, true, init), down_proj(kWidth, 3, false, init) {
    register_module("up_proj", up_proj);
    register_module("down_proj", down_proj);
  }
  Net(const Net& from, Weights weights) : Net(Init{.generator = nullptr, .device = kMeta}) {
    attach_lora_like(from, *this);
    take_weights(from, *this, weights);
  }
  Tensor forward(const Tensor& x) const { return down_proj(tanh(up_proj(x))); }
  std::string pretty_print() const override { return "Net"; }

  Linear up_proj, down_proj;
};

void attach(Net& net, bool dora) {
  Generator generator(2);
  attach_lora(net, {.r = 4, .dora = dora}, generator);
  const NoGradGuard no_grad;
  for (const auto& [name, x] : trainable(net)) {
    if (name.find("lora_A") == std::string::npos)
      copy_(x, x + normal(x.shape(), 0.1, 0.2, generator, x.dtype()));
  }
}

double relative_difference(const Tensor& a, const Tensor& b) {
  return amax(abs(cast(a, kF64) - cast(b, kF64))).item() / amax(abs(cast(b, kF64))).item();
}

class Formats : public ::testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(All, Formats, ::testing::Values(kNF4, kNF4_DQ, kQ8_0, kQ4_0, kQ4_1));

TEST_P(Formats, EqualLoraOverTheValuesOfTheBlocks) {
  for (const auto& [dtype, tolerance] : {std::pair{kF64, 1e-6}, {kF32, 2e-5}}) {
    for (const bool dora : {false, true}) {
      Generator generator(1);
      Net blocks(Init{&generator, 0.2, dtype});
      Net values(blocks, Weights::kCopied);
      EXPECT_EQ(quantize(blocks, {"*.weight"}, GetParam()), 2);
      for (const char* name : {"up_proj.weight", "down_proj.weight"})
        set_parameter(values, name, dequantize(parameter(blocks, name), dtype));
      attach(blocks, dora);
      attach(values, dora);
      for (const auto& [name, x] : trainable(values)) {
        const NoGradGuard no_grad;
        copy_(x, parameter(blocks, name));  // f32 there
      }
      Tensor x = normal({kRows, kWidth}, 0, 1, generator, dtype);
      x.set_requires_grad(true);
      const Tensor y = blocks(x), expected = values(x);
      EXPECT_EQ(y.dtype(), dtype);
      EXPECT_LT(relative_difference(y, expected), tolerance);
      backward(sum(expected * expected));
      const Tensor grad_x = x.grad();
      x.set_grad(Tensor());
      backward(sum(y * y));
      EXPECT_LT(relative_difference(x.grad(), grad_x), tolerance);
      for (const auto& [name, of_values] : values.named_parameters()) {
        const Tensor grad = parameter(blocks, name).grad();
        const bool trains = name.find(".lora_") != std::string::npos;
        ASSERT_EQ(grad.defined(), trains) << name;
        if (!trains) continue;
        EXPECT_LT(relative_difference(grad, of_values.grad()), tolerance) << name;
      }
    }
  }
}

// The base keeps its bytes while the adapters learn; twins share them.
TEST(Qlora, TrainsOnABaseOfBlocks) {
  Generator generator(3);
  Net base(Init{&generator, 0.2});
  const Tensor x = normal({kRows, kWidth}, 0, 1, generator), target = normal({kRows, 3}, 0, 1, generator);
  quantize(base, {"*.weight"}, kNF4);
  const std::vector<float> before = dequantize(base.up_proj.weight()).to_vector<float>();
  Net net(base, Weights::kShared);
  attach(net, false);
  EXPECT_EQ(net.up_proj.weight().raw_data(), base.up_proj.weight().raw_data());
  const auto loss = [&] { return sum((net(x) - target) * (net(x) - target)); };
  const double first = loss().item();
  AdamW adam({{trainable(net)}}, {.weight_decay = 0});
  for (int step = 0; step < 60; ++step) {
    backward(loss());
    adam.step({.lr = 0.02});
    adam.zero_grad();
  }
  EXPECT_LT(loss().item(), 0.05 * first);
  EXPECT_EQ(dequantize(base.up_proj.weight()).to_vector<float>(), before);
  EXPECT_EQ(error_of([&] { merge_lora(net); }).rfind("merge_lora: up_proj.weight is nf4[128,2]", 0), 0u);
  EXPECT_EQ(net.up_proj.adapters().size(), 1u);
}

}  // namespace
}  // namespace roux
