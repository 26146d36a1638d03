// Weights of block formats in the slots of modules.
#include <cmath>

#include "autograd/autograd.h"
#include "gtest/gtest.h"
#include "nn/layers.h"
#include "nn/weights.h"
#include "tensor/error_of.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/quantize.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"

namespace roux {
namespace {

// Embedding, linear layer with a bias, norm, output weight tied to the embedding.
class Net final : public ModuleOf<Net> {
 public:
  explicit Net(const Init& init)
      : embed(7, 64, init), layer(64, 64, true, init), norm(NormKind::kRms, 64, 1e-5, init) {
    register_module("embed", embed);
    register_module("layer", layer);
    register_module("norm", norm);
    register_parameter("head", &head_, embed.weight());
  }
  Net(const Net& from, Weights weights) : Net(Init{.generator = nullptr, .device = kMeta}) {
    take_weights(from, *this, weights);
  }
  Tensor forward(const Tensor& ids) const { return linear(norm(layer(embed(ids))), head_); }
  std::string pretty_print() const override { return "Net"; }

 private:
  Tensor head_;

 public:
  Embedding embed;
  Linear layer;
  Norm norm;
};

Tensor ids() { return tensor(std::vector<int32_t>{0, 3, 6, 1, 1, 2, 4, 5, 0, 2}, {2, 5}); }
std::vector<float> values(const Tensor& x) { return x.to_vector<float>(); }

void expect_close(const Tensor& a, const Tensor& b, double bound) {
  const auto x = values(a), y = values(b);
  ASSERT_EQ(x.size(), y.size());
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], y[i], bound * (1 + std::fabs(y[i]))) << i;
}

class BlockWeights : public ::testing::TestWithParam<DType> {
 protected:
  Generator generator_{5};
  Net net_{{&generator_, 0.3}};
};

TEST_P(BlockWeights, AreTheSameNetAsTheirValues) {
  Net plain(net_, Weights::kCopied);
  const int64_t count = net_.num_parameters();
  EXPECT_EQ(quantize(net_, {"*"}, GetParam()), 2);  // the tied one counts once, the norm and the bias stay
  EXPECT_EQ(net_.num_parameters(), count);
  EXPECT_EQ(net_.layer.weight().dtype(), GetParam());
  EXPECT_EQ(parameter(net_, "head").impl(), net_.embed.weight().impl());
  EXPECT_EQ(net_.layer.pretty_print(), std::string("Linear 64 -> 64, ") + name(GetParam()));
  EXPECT_EQ(net_.embed.pretty_print(), std::string("Embedding 7 x 64, ") + name(GetParam()));

  set_parameter(plain, "layer.weight", dequantize(net_.layer.weight()));
  set_parameter(plain, "head", dequantize(net_.embed.weight()));
  expect_close(net_(ids()), plain(ids()), 1e-5);
  backward(sum(net_(ids()) * net_(ids())));
  backward(sum(plain(ids()) * plain(ids())));
  EXPECT_FALSE(net_.layer.weight().requires_grad());
  for (const char* name : {"layer.bias", "norm.weight"}) {
    expect_close(parameter(net_, name).grad(), parameter(plain, name).grad(), 1e-4);
  }
}

TEST_P(BlockWeights, AreSharedCopiedAndOwned) {
  quantize(net_, {"*"}, GetParam());
  const Net shared(net_, Weights::kShared);
  Net copied(net_, Weights::kCopied);
  EXPECT_EQ(shared.layer.weight().raw_data(), net_.layer.weight().raw_data());
  EXPECT_NE(copied.layer.weight().raw_data(), net_.layer.weight().raw_data());
  EXPECT_EQ(copied.embed.weight().impl(), parameter(copied, "head").impl());
  EXPECT_FALSE(copied.layer.weight().requires_grad());
  EXPECT_TRUE(parameter(copied, "norm.weight").requires_grad());
  EXPECT_EQ(values(shared(ids())), values(net_(ids())));
  EXPECT_EQ(values(copied(ids())), values(net_(ids())));
}

TEST_P(BlockWeights, AreLoadedAsTheyAreOrAsValues) {
  const Tensor blocks = quantize(normal({64, 64}, 0, 1, generator_), GetParam());
  const LoadOptions mapped{.partial = true, .map = true}, written{.partial = true};
  Net net({&generator_, 0.3});
  ASSERT_TRUE(load(net, {{"layer.weight", blocks}}, written).ok());
  EXPECT_EQ(net.layer.weight().dtype(), kF32);
  EXPECT_EQ(values(net.layer.weight()), values(dequantize(blocks)));
  ASSERT_TRUE(load(net, {{"layer.weight", blocks}}, mapped).ok());
  EXPECT_EQ(net.layer.weight().raw_data(), blocks.raw_data());
  EXPECT_FALSE(net.layer.weight().requires_grad());
  // Values do not become blocks by themselves, and blocks of another width do not fit.
  EXPECT_EQ(load(net, {{"layer.weight", zeros({64, 64})}}, written).status().message(),
            "state_dict: layer.weight is f32[64,64], the module needs " + to_string(blocks.spec()));
  EXPECT_FALSE(load(net, {{"layer.weight", zeros({64, 3 * blocks.size(1)}, GetParam())}}, mapped).ok());
}

INSTANTIATE_TEST_SUITE_P(All, BlockWeights, ::testing::Values(kQ4_0, kQ8_0, kNF4, kNF4_DQ),
                         [](const auto& info) { return std::string(name(info.param)); });

TEST(Quantize, ARowThatIsNoWholeNumberOfBlocks) {
  Generator generator(5);
  Linear layer(48, 64, false, {&generator});
  EXPECT_EQ(error_of([&] { quantize(layer, {"weight"}, kQ8_0); }),
            "quantize: weight is f32[64,48], q8_0 needed rows of a multiple of 32 values");
  EXPECT_EQ(layer.weight().dtype(), kF32);
}

TEST(Quantize, ScalesOfQLora) {
  Generator generator(5);
  Linear layer(64, 64, false, {&generator});
  const Tensor weight = layer.weight();
  quantize(layer, {"weight"}, kNF4, Nf4Scales::kQuantized);
  EXPECT_EQ(layer.weight().dtype(), kNF4_DQ);
  EXPECT_EQ(values(dequantize(layer.weight())),
            values(dequantize(quantize(weight, kNF4, Nf4Scales::kQuantized))));
}

}  // namespace
}  // namespace roux
