// Adapters of encoder-decoders that PEFT wrote (tests/golden/peft_adapters.py): computed with, written,
// merged.
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "autograd/autograd.h"
#include "nn/layers.h"
#include "nn/models/encoder_decoder.h"
#include "nn/models/encoder_decoder_names.h"
#include "nn/models/model_test_util.h"
#include "nn/models/peft.h"
#include "nn/models/peft_config.h"
#include "nn/models/pretrained.h"
#include "nn/weights.h"
#include "tensor/fresh_directory.h"
#include "tensor/grad_mode.h"
#include "tensor/io/atomic_file.h"
#include "tensor/io/safetensors.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"

namespace roux {
namespace {

using testing::named;
using testing::relative_difference;
using testing::same_bits;
using testing::sorted_names;

std::string folder_of(const std::string& adapter) { return "tests/golden/peft_adapters/" + adapter; }

std::unique_ptr<EncoderDecoder> base_of(const std::string& adapter, DType dtype = kF64) {
  auto model =
      load_pretrained<EncoderDecoder>("tests/golden/language_models/" + adapter.substr(0, adapter.rfind('_')),
                                      {.dtype = dtype, .compute_dtype = dtype});
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

std::unique_ptr<EncoderDecoder> adapted(const std::string& adapter, DType dtype = kF64) {
  std::unique_ptr<EncoderDecoder> model = base_of(adapter, dtype);
  const absl::Status loaded = load_peft(*model, folder_of(adapter));
  EXPECT_TRUE(loaded.ok()) << loaded;
  return model;
}

NamedTensors saved(const EncoderDecoder& model, const std::string& folder) {
  const absl::Status status = save_peft(model, folder);
  EXPECT_TRUE(status.ok()) << status;
  return *load_safetensors(folder + "/adapter_model.safetensors");
}

LmInput input_of(const EncoderDecoder& model, const NamedTensors& golden) {
  return {.ids = named(golden, "ids"), .memory = model.encode({.ids = named(golden, "source")})};
}

class Adapters : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, Adapters, ::testing::Values("t5_lora", "bart_dora", "t5_v1_1_head"));

TEST_P(Adapters, EqualPeft) {
  const NamedTensors golden = *load_safetensors(folder_of(GetParam()) + "/golden.safetensors");
  // Gradients of lora_B are small differences in f32: 2.03e-5 with the sums of AVX2.
  for (const auto& [dtype, tolerance] : {std::pair{kF64, 1e-10}, std::pair{kF32, 4e-5}}) {
    const auto model = adapted(GetParam(), dtype);
    const LmInput in = input_of(*model, golden);
    EXPECT_LT(relative_difference(model->logits(in), named(golden, "logits")), tolerance);
    const Tensor loss = model->loss_sum(in, named(golden, "targets"));
    EXPECT_LT(std::abs(loss.item() / named(golden, "loss").item() - 1), tolerance);
    backward(loss);
    const EncoderDecoder gradients(*model, Weights::kCopied);
    for (const auto& [name, parameter] : model->named_parameters()) {
      EXPECT_EQ(parameter.grad().defined(), parameter.requires_grad()) << name;
      const NoGradGuard no_grad;
      if (parameter.grad().defined()) copy_(roux::parameter(gradients, name), parameter.grad());
    }
    testing::expect_gradients(saved(gradients, fresh_directory()), golden, "no name", tolerance);
  }
}

TEST_P(Adapters, GoThereAndExactlyBack) {
  const auto model = adapted(GetParam(), kF32);
  const std::string folder = fresh_directory() + "/adapter";
  const NamedTensors ours = saved(*model, folder);
  const NamedTensors file = *load_safetensors(folder_of(GetParam()) + "/adapter_model.safetensors");
  NamedTensors theirs;
  for (const auto& entry : file) {
    if (entry.first.find(".base_layer.") == std::string::npos) theirs.push_back(entry);
  }
  EXPECT_EQ(sorted_names(ours), sorted_names(theirs));
  for (const auto& [name, value] : ours) EXPECT_TRUE(same_bits(value, named(theirs, name))) << name;
  const auto config = parse_peft_config(*read_file(folder + "/adapter_config.json"), "c");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->task_type, "SEQ_2_SEQ_LM");
  const auto again = base_of(GetParam(), kF32);
  const absl::Status loaded = load_peft(*again, folder, "other");
  ASSERT_TRUE(loaded.ok()) << loaded;
  const NamedTensors golden = *load_safetensors(folder_of(GetParam()) + "/golden.safetensors");
  EXPECT_TRUE(same_bits(again->logits(input_of(*again, golden)), model->logits(input_of(*model, golden))));
}

TEST_P(Adapters, MergeAsPeftDoes) {
  const NamedTensors golden = *load_safetensors(folder_of(GetParam()) + "/golden.safetensors");
  const auto model = adapted(GetParam());
  merge_lora(*model);
  EXPECT_LT(relative_difference(model->logits(input_of(*model, golden)), named(golden, "logits")), 1e-10);
  const NamedTensors file = *to_checkpoint(model->config(), model->state_dict());
  int64_t compared = 0;
  for (const auto& [name, expected] : golden) {
    if (name.rfind("merged.", 0) != 0) continue;
    EXPECT_LT(relative_difference(named(file, name.substr(7)), expected), 1e-12) << name;
    ++compared;
  }
  EXPECT_GE(compared, 4);
}

TEST(EncoderDecoderPeft, OfAnotherBaseAreRefused) {
  const auto t5 = base_of("t5_lora");
  EXPECT_NE(std::string(load_peft(*t5, folder_of("bart_dora")).message()).find("one of another base"),
            std::string::npos);
  Generator generator(3);
  attach_lora(*t5, {.targets = {"*.q_proj"}}, generator);
  unfreeze(*t5, {"shared.weight"});
  EXPECT_NE(
      std::string(save_peft(*t5, fresh_directory()).message()).find("the embeddings train and are tied"),
      std::string::npos);
}

// Roux adapts the one embedding of both parts; transformers has three modules in its place.
TEST(EncoderDecoderPeft, AnAdapterOfTheSharedEmbeddingTrainsButHasNoFile) {
  const auto t5 = base_of("t5_lora");
  const NamedTensors golden = *load_safetensors(folder_of("t5_lora") + "/golden.safetensors");
  Generator generator(3);
  EXPECT_EQ(attach_lora(*t5, {.r = 2, .targets = {}, .embeddings = {"shared"}}, generator), 1);
  backward(t5->loss_sum(input_of(*t5, golden), named(golden, "targets")));
  EXPECT_TRUE(parameter(*t5, "shared.default.lora_embedding_A").grad().defined());
  EXPECT_NE(
      std::string(save_peft(*t5, fresh_directory()).message()).find("an adapter of shared has no place"),
      std::string::npos);
}

}  // namespace
}  // namespace roux
