// Folders of T5, BART and mBART that transformers wrote (tests/golden/language_models.py): read, computed
// with, written again.
#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "autograd/autograd.h"
#include "nn/models/encoder_decoder_json.h"
#include "nn/models/encoder_decoder_names.h"
#include "nn/models/model_test_util.h"
#include "nn/models/pretrained.h"
#include "tensor/fresh_directory.h"
#include "tensor/io/safetensors.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/reduce.h"

namespace roux {
namespace {

using testing::expect_gradients;
using testing::gradients;
using testing::named;
using testing::relative_difference;
using testing::same_bits;
using testing::sorted_names;

std::string folder_of(const std::string& family) { return "tests/golden/language_models/" + family; }

class Families : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, Families, ::testing::Values("t5", "t5_v1_1", "bart", "mbart"));

// Logits, summed loss and the gradient of every parameter behind a padded source, relative to the largest
// value of each tensor.
TEST_P(Families, EqualTransformers) {
  const auto golden = load_safetensors(folder_of(GetParam()) + "/golden.safetensors");
  ASSERT_TRUE(golden.ok()) << golden.status();
  for (const auto& [dtype, tolerance] : {std::pair{kF64, 1e-10}, std::pair{kF32, 2e-5}}) {
    const auto model =
        load_pretrained<EncoderDecoder>(folder_of(GetParam()), {.dtype = dtype, .compute_dtype = dtype});
    ASSERT_TRUE(model.ok()) << model.status();
    const LmInput source{.ids = named(*golden, "source"), .lengths = named(*golden, "source_lengths")};
    const LmInput in{.ids = named(*golden, "ids"), .memory = (*model)->encode(source)};
    EXPECT_LT(relative_difference((*model)->logits(in), named(*golden, "logits")), tolerance);
    const Tensor loss = (*model)->loss_sum(in, named(*golden, "targets"));
    EXPECT_LT(std::abs(loss.item() / named(*golden, "loss").item() - 1), tolerance);
    backward(loss);
    const auto grads = to_checkpoint((*model)->config(), gradients(**model));
    ASSERT_TRUE(grads.ok()) << grads.status();
    expect_gradients(*grads, *golden, "k_proj.bias", tolerance);
  }
}

TEST_P(Families, GoThereAndExactlyBack) {
  const auto model = load_pretrained<EncoderDecoder>(folder_of(GetParam()));
  ASSERT_TRUE(model.ok()) << model.status();
  const std::string folder = fresh_directory() + "/model";
  const absl::Status saved = save_pretrained(**model, folder);
  ASSERT_TRUE(saved.ok()) << saved;
  const auto theirs = load_safetensors(folder_of(GetParam()) + "/model.safetensors");
  const auto ours = load_safetensors(folder);
  ASSERT_TRUE(theirs.ok() && ours.ok());
  EXPECT_EQ(sorted_names(*ours), sorted_names(*theirs));
  for (const auto& [name, value] : *ours) EXPECT_TRUE(same_bits(value, named(*theirs, name))) << name;
  const auto again = load_pretrained<EncoderDecoder>(folder);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)->config(), (*model)->config());
}

// Every form in which they are published: embeddings repeated or in place of the shared ones, BART without
// "model.", without final_logits_bias, with versions; T5 with a bias that no layer reads.
TEST(EncoderDecoderFiles, LoadInEveryPublishedForm) {
  const auto bart = load_pretrained<EncoderDecoder>(folder_of("bart"));
  const auto file = load_safetensors(folder_of("bart") + "/model.safetensors");
  ASSERT_TRUE(bart.ok() && file.ok());
  const EncoderDecoderConfig& config = (*bart)->config();
  const NamedTensors expected = (*bart)->state_dict();
  const auto expect_equal = [&](const NamedTensors& given, bool without_bias = false) {
    const auto state = from_checkpoint(config, given);
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_EQ(sorted_names(*state), sorted_names(expected));
    for (const auto& [name, value] : *state) {
      const bool zero = without_bias && name == "final_logits_bias";
      EXPECT_TRUE(zero ? amax(abs(value)).item() == 0 : same_bits(value, named(expected, name))) << name;
    }
  };
  const Tensor embedding = named(*file, "model.shared.weight");
  NamedTensors repeated = *file, elsewhere, bare;
  for (const char* name :
       {"lm_head.weight", "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"})
    repeated.emplace_back(name, embedding);
  repeated.emplace_back("model.encoder.version", zeros({1}));
  for (const auto& [name, value] : *file) {
    elsewhere.emplace_back(name == "model.shared.weight" ? "lm_head.weight" : name, value);
    if (name != "final_logits_bias") bare.emplace_back(name.substr(6), value);
  }
  expect_equal(repeated);
  expect_equal(elsewhere);
  expect_equal(bare, true);
  repeated.emplace_back("decoder.embed_tokens.weight", embedding + 1);
  EXPECT_EQ(from_checkpoint(config, repeated).status().message(),
            "checkpoint: decoder.embed_tokens.weight, f32[20,8], is not model.shared.weight, f32[20,8]: this "
            "model ties them");

  const auto t5 = load_safetensors(folder_of("t5_v1_1") + "/model.safetensors");
  const auto untied = load_pretrained<EncoderDecoder>(folder_of("t5_v1_1"));
  ASSERT_TRUE(t5.ok() && untied.ok());
  NamedTensors headless = {
      {"decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight", zeros({8, 2})}};
  for (const auto& entry : *t5) {
    if (entry.first != "lm_head.weight") headless.push_back(entry);
  }
  const auto state = from_checkpoint((*untied)->config(), headless);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_TRUE(same_bits(named(*state, "lm_head.weight"), named(*t5, "shared.weight")));
  EXPECT_EQ(sorted_names(*state), sorted_names((*untied)->state_dict()));
  headless.push_back(headless[1]);
  EXPECT_NE(from_checkpoint((*untied)->config(), headless).status().message().find("are both"),
            absl::string_view::npos);
}

TEST(EncoderDecoderJson, ReadsWhatIsPublished) {
  const auto t5 = parse_encoder_decoder_json(R"({"model_type": "t5"})", "f");
  ASSERT_TRUE(t5.ok()) << t5.status();
  EncoderDecoderConfig small = t5_style();
  for (TransformerConfig* c : {&small.encoder, &small.decoder}) c->dropout = {0.1, 0.1, 0.1, 0.1, 0.1};
  EXPECT_EQ(*t5, small);
  // Files of v1.1 say that nothing is tied; transformers 5 writes them with another field.
  for (const char* field : {R"("tie_word_embeddings": false)", R"("scale_decoder_outputs": false)"}) {
    const auto v1_1 = parse_encoder_decoder_json(
        absl::StrCat(R"({"model_type": "t5", "feed_forward_proj": "gated-gelu", )", field, "}"), "f");
    ASSERT_TRUE(v1_1.ok()) << v1_1.status();
    EXPECT_FALSE(v1_1->decoder.tie_word_embeddings) << field;
    EXPECT_FALSE(v1_1->scale_output) << field;
    EXPECT_EQ(v1_1->encoder.activation, Activation::kGeglu);
  }
  const auto refusal = [](const std::string& text) {
    return std::string(parse_encoder_decoder_json(text, "f").status().message());
  };
  EXPECT_EQ(refusal(R"({"model_type": "llama"})"), "f: model_type \"llama\" is not supported");
  EXPECT_EQ(refusal(R"({"model_type": "t5", "feed_forward_proj": "gated-relu"})"),
            "f: feed_forward_proj \"gated-relu\" is not supported");
  EXPECT_EQ(refusal(R"({"model_type": "bart", "encoder_layerdrop": 0.1})"),
            "f: encoder_layerdrop above 0 is not supported");
  EXPECT_EQ(refusal(R"({"model_type": "mbart", "tie_word_embeddings": false})"),
            "f: tie_word_embeddings = false is not supported");
  EXPECT_EQ(
      refusal(R"({"model_type": "t5", "relative_attention_max_distance": 8})"),
      "f: transformer: relative_attention_num_buckets 32 and relative_attention_max_distance 8, needed at "
      "least 4, and more than 8");
}

TEST(EncoderDecoderJson, KeepsEveryOptionOfItsFamily) {
  EncoderDecoderConfig t5 = t5_v1_1_style(), bart = mbart_style();
  t5.decoder.num_hidden_layers = 3;
  for (TransformerConfig* c : {&t5.encoder, &t5.decoder}) {
    c->head_dim = 16, c->norm_eps = 1e-5, c->dropout = {0.2, 0.2, 0.2, 0.2, 0.2};
    c->relative_attention_num_buckets = 16, c->activation = Activation::kSwiglu;
  }
  bart.decoder.num_attention_heads = 8, bart.decoder.num_hidden_layers = 2;
  for (TransformerConfig* c : {&bart.encoder, &bart.decoder}) {
    c->dropout = {.embedding = 0.2, .attention = 0.3, .hidden = 0.2, .units = 0.4};
    c->activation = Activation::kGeluTanh, c->max_position_embeddings = 100;
  }
  for (const EncoderDecoderConfig& c : {t5, bart}) {
    const auto text = encoder_decoder_json(c, kBF16);
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_EQ(*parse_encoder_decoder_json(*text, "f"), c);
  }
  t5.decoder.residual = Residual::kPostNorm;
  EXPECT_EQ(encoder_decoder_json(t5, kF32).status().message(),
            "config.json: the files of t5 models cannot express this model's decoder.residual");
}

}  // namespace
}  // namespace roux
