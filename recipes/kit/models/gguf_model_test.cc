// Models of tests/golden/gguf_models.py: each architecture as llama.cpp's converter writes it.
#include "recipes/kit/models/gguf_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "nn/models/model_test_util.h"
#include "recipes/kit/models/gguf_config.h"
#include "recipes/kit/text/gguf_test_writer.h"
#include "tensor/fresh_directory.h"
#include "tensor/io/atomic_file.h"
#include "tensor/io/safetensors.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/quantize.h"
#include "tensor/ops/view.h"

namespace roux::kit {
namespace {

using roux::testing::named;
using roux::testing::relative_difference;

std::string path_of(const std::string& name) { return "tests/golden/gguf_models/" + name + ".gguf"; }

NamedTensors golden() {
  const auto file = load_safetensors("tests/golden/gguf_models/golden.safetensors");
  EXPECT_TRUE(file.ok()) << file.status();
  return file.ok() ? *file : NamedTensors();
}

// Logits, or of an encoder its hidden states.
Tensor output(const Transformer& model, const Tensor& ids) {
  return model.config().causal ? model.logits(ids) : model.hidden({.ids = ids});
}

class Architectures : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, Architectures,
                         ::testing::Values("llama", "mistral", "mixtral", "qwen2", "qwen2_moe", "qwen3",
                                           "phi3", "olmoe", "gemma", "gemma2", "gemma3", "gpt2", "gpt_neox",
                                           "bloom", "bert", "roberta", "olmo2", "half_types", "small_blocks",
                                           "k_blocks"));

TEST_P(Architectures, EqualTheModelThatWasConverted) {
  const NamedTensors expected = golden();
  const std::string name = GetParam();
  const auto file = GgufFile::open(path_of(name));
  ASSERT_TRUE(file.ok()) << file.status();
  const Tensor ids = named(expected, name + ".ids"), values = named(expected, name + ".logits");
  const auto copied = load_gguf_model(*file);
  ASSERT_TRUE(copied.ok()) << copied.status();
  for (const auto& [slot, value] : (*copied)->state_dict()) EXPECT_EQ(value.dtype(), kF32) << slot;
  EXPECT_LT(relative_difference(output(**copied, ids), values), 2e-6);
  const auto mapped = load_gguf_model(*file, {.map = true});
  ASSERT_TRUE(mapped.ok()) << mapped.status();
  bool blocks = false;
  for (const GgufTensor& tensor : file->tensors()) blocks |= is_block(tensor.type.dtype.value_or(kF32));
  if (blocks) {  // products with blocks have sums of their own
    EXPECT_LT(relative_difference(output(**mapped, ids), values), 2e-6);
  } else {
    EXPECT_TRUE(roux::testing::same_bits(output(**mapped, ids), output(**copied, ids)));
  }
}

class EncoderDecoders : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, EncoderDecoders, ::testing::Values("t5", "t5_v1_1"));

TEST_P(EncoderDecoders, EqualTheModelThatWasConverted) {
  const NamedTensors expected = golden();
  const std::string name = GetParam();
  const auto file = GgufFile::open(path_of(name));
  ASSERT_TRUE(file.ok()) << file.status();
  for (const bool map : {false, true}) {
    const auto loaded = load_gguf_language_model(*file, {.map = map});
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    auto& model = dynamic_cast<EncoderDecoder&>(**loaded);
    EXPECT_EQ(model.config().decoder.tie_word_embeddings, name == "t5");
    model.eval();
    const Memory memory = model.encode({.ids = named(expected, name + ".source")});
    const Tensor logits = model.logits({.ids = named(expected, name + ".ids"), .memory = memory});
    EXPECT_LT(relative_difference(logits, named(expected, name + ".logits")), 2e-6);
  }
  EXPECT_EQ(gguf_config(*file).status().message().find(path_of(name) + ": general.architecture \"t5\""), 0u);
}

std::string part_of_qwen2(int part) {
  return absl::StrCat("tests/golden/gguf_models/qwen2-split-0000", part, "-of-00003.gguf");
}

TEST(Parts, AreOneModel) {
  EXPECT_EQ(gguf_parts(part_of_qwen2(2)),
            (std::vector<std::string>{part_of_qwen2(1), part_of_qwen2(2), part_of_qwen2(3)}));
  for (const char* name : {"m.gguf", "m-0001-of-0003.gguf", "m-00004-of-00003.gguf", "m-00000-of-00003.gguf",
                           "-00001-of-00003.safetensors", "m-0x001-of-00003.gguf"}) {
    EXPECT_EQ(gguf_parts(name), std::vector<std::string>{name});
  }
  const NamedTensors expected = golden();
  const auto whole = GgufFile::open(path_of("qwen2"));
  for (const int named_part : {1, 3}) {
    const auto file = GgufFile::open(part_of_qwen2(named_part));
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->parts(), 3u);
    EXPECT_EQ(file->path(), part_of_qwen2(1));
    EXPECT_EQ(file->tensors().size(), whole->tensors().size());
    for (const bool map : {false, true}) {
      const auto model = load_gguf_model(*file, {.map = map});
      ASSERT_TRUE(model.ok()) << model.status();
      EXPECT_TRUE(roux::testing::same_bits((*model)->logits(named(expected, "qwen2.ids")),
                                           (*load_gguf_model(*whole))->logits(named(expected, "qwen2.ids"))));
    }
  }
}

TEST(Parts, MustFitEachOther) {
  const std::string folder = fresh_directory();
  // The files of these parts under the names of the three.
  const auto complaint = [&](const std::vector<int>& parts) {
    std::error_code ignored;
    for (int i = 1; i <= 3; ++i)
      std::filesystem::remove(absl::StrCat(folder, "/m-0000", i, "-of-00003.gguf"), ignored);
    for (size_t i = 0; i < parts.size(); ++i) {
      EXPECT_TRUE(write_file_atomically(absl::StrCat(folder, "/m-0000", i + 1, "-of-00003.gguf"),
                                        *read_file(part_of_qwen2(parts[i])))
                      .ok());
    }
    const absl::Status status = GgufFile::open(folder + "/m-00001-of-00003.gguf").status();
    return absl::StrReplaceAll(std::string(status.message()), {{folder + "/", ""}});
  };
  EXPECT_EQ(complaint({1, 2, 3}), "");
  EXPECT_EQ(complaint({1, 3, 2}), "m-00002-of-00003.gguf: split.no is 2 and split.count 3, expected 1 and 3");
  EXPECT_NE(complaint({1, 2}).find("m-00003-of-00003.gguf"), std::string::npos);
  ASSERT_TRUE(write_file_atomically(folder + "/m.gguf", *read_file(part_of_qwen2(1))).ok());
  EXPECT_EQ(
      GgufFile::open(folder + "/m.gguf").status().message(),
      folder + "/m.gguf: its keys say that it is one of 3 parts of a model, its name that it is one of 1");
}

// The first row of every tensor, as the gguf package reads it; matrices stay blocks where they are mapped.
TEST(Blocks, EqualTheValuesOfTheGgufPackage) {
  const NamedTensors expected = golden();
  std::vector<std::string> types;
  for (const std::string name : {"half_types", "small_blocks", "k_blocks"}) {
    const auto file = GgufFile::open(path_of(name));
    ASSERT_TRUE(file.ok()) << file.status();
    for (const GgufTensor& tensor : file->tensors()) {
      if (tensor.shape.rank() < 2) continue;
      const auto loaded = file->load(tensor);
      ASSERT_TRUE(loaded.ok()) << loaded.status();
      types.push_back(tensor.type.name);
      const Tensor values = is_block(loaded->dtype()) ? dequantize(*loaded) : loaded->to(kF32);
      EXPECT_TRUE(roux::testing::same_bits(values.slice(0, 0, 1).contiguous(),
                                           named(expected, name + ".values." + tensor.name)))
          << name << ", " << tensor.name << ", " << tensor.type.name;
    }
    const auto mapped = load_gguf_model(*file, {.map = true});
    ASSERT_TRUE(mapped.ok()) << mapped.status();
    for (const auto& [slot, value] : (*mapped)->state_dict())
      EXPECT_EQ(value.dtype() == kF32, value.dim() == 1) << slot;
  }
  for (const char* type : {"F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"})
    EXPECT_NE(std::find(types.begin(), types.end(), type), types.end()) << type;
}

// Copies of the file's bytes with some changed.
class Damaged : public ::testing::Test {
 protected:
  static std::string replaced(std::string bytes, const std::string& from, const std::string& to) {
    EXPECT_EQ(from.size(), to.size());
    for (size_t at = bytes.find(from); at != std::string::npos; at = bytes.find(from, at + 1))
      bytes.replace(at, from.size(), to);
    return bytes;
  }
  std::string complaint(const std::string& bytes) {
    EXPECT_TRUE(write_file_atomically(path_, bytes).ok());
    const auto file = GgufFile::open(path_);
    if (!file.ok()) return std::string(file.status().message());
    const std::string message(load_gguf_model(*file).status().message());
    EXPECT_EQ(message.find(path_ + ": "), 0u) << message;
    return message.substr(path_.size() + 2);
  }
  const std::string path_ = fresh_directory() + "/m.gguf";
  const std::string llama_ = *read_file(path_of("llama"));
};

TEST_F(Damaged, AllTensorsThatDoNotFitAreInOneError) {
  std::string bytes = replaced(llama_, "blk.0.ffn_up", "blk.0.ffn_xx");
  bytes = replaced(bytes, "output_norm", "output_xxxx");
  EXPECT_EQ(complaint(bytes),
            "tensors: 2 missing: blk.0.ffn_up.weight, output_norm.weight; 2 unknown: blk.0.ffn_xx.weight, "
            "output_xxxx.weight");
}

TEST_F(Damaged, UnknownArchitecturesAndKeysAreNamed) {
  EXPECT_EQ(complaint(replaced(llama_, "general.architecture", "general.architecturX")),
            "no key general.architecture");
  const std::string length("\x05\0\0\0\0\0\0\0", 8);
  EXPECT_EQ(complaint(replaced(llama_, length + "llama", length + "lemma")),
            "general.architecture \"lemma\" is not supported; these are: llama, qwen2, qwen2moe, qwen3, "
            "phi3, olmoe, gemma, gemma2, gemma3, gpt2, gptneox, bloom, bert, olmo2, t5");
  std::string bytes = replaced(llama_, "llama.embedding_length", "llama.embedding_lengtX");
  bytes = replaced(bytes, "llama.context_length", "llama.context_lengtX");
  EXPECT_NE(complaint(bytes).find("no key llama.context_length"), std::string::npos);
  EXPECT_NE(complaint(bytes).find("no key llama.embedding_length"), std::string::npos);
}

TEST_F(Damaged, ManyBlocksInASmallFileTakeNoMemory) {
  std::string bytes = llama_;
  const size_t at = bytes.find("llama.block_count") + 17 + 4;
  bytes.replace(at, 4, "\xFF\xFF\xFF\x7F");
  EXPECT_EQ(complaint(bytes), "llama.block_count is 2147483647 in a file of 21 tensors");
}

TEST_F(Damaged, SizesThatNoMachineHoldsTakeNoMemory) {
  const std::vector<std::pair<std::string, std::string>> said = {
      {"llama.embedding_length", "of a head's 536870911 units"},
      {"llama.feed_forward_length", "blk.0.ffn_down.weight is [16,16], needed [16,2147483644]"}};
  for (const auto& [key, part] : said) {
    std::string bytes = llama_;
    bytes.replace(bytes.find(key) + key.size() + 4, 4, std::string("\xFC\xFF\xFF\x7F", 4));
    const std::string message = complaint(bytes);
    EXPECT_NE(message.find(part), std::string::npos) << key << ": " << message;
  }
}

// rope_freqs.weight holds what Llama 3's frequencies are divided by.
TEST(GgufConfig, RecognisesTheFrequenciesOfLlama3) {
  const auto config_of = [](double factor, float last) {
    GgufTestWriter w(8, 2);
    w.key("general.architecture", 8).text("llama");
    for (const auto& [name, value] :
         std::vector<std::pair<std::string, uint32_t>>{{"embedding_length", 8},
                                                       {"feed_forward_length", 8},
                                                       {"block_count", 0},
                                                       {"context_length", 16},
                                                       {"attention.head_count", 1}}) {
      w.key("llama." + name, 4).plain<uint32_t>(value);
    }
    w.key("llama.rope.freq_base", 6).plain<float>(500000);
    w.key("llama.attention.layer_norm_rms_epsilon", 6).plain<float>(1e-5f);
    w.tensor("token_embd.weight", {8, 2}, 0, 0).tensor("rope_freqs.weight", {4}, 0, 64);
    // Of the wavelengths 2 pi 500000^(i / 4) the first two are below 8192 / 4, the last one is above 8192.
    const float divisors[4] = {1, 1, static_cast<float>(factor), last};
    w.data(std::string(64, '\0')).data({reinterpret_cast<const char*>(divisors), 16});
    auto copy = std::make_shared<std::vector<double>>(w.bytes().size() / 8 + 1);
    std::memcpy(copy->data(), w.bytes().data(), w.bytes().size());
    const auto file =
        GgufFile::parse({reinterpret_cast<const char*>(copy->data()), w.bytes().size()}, copy, "m");
    EXPECT_TRUE(file.ok()) << file.status();
    return gguf_config(*file);
  };
  // 2 pi 500000^(1/2) is 4443, between 2048 and 8192: 8192 / 4443 = 1.844 turns keep (1.844 - 1) / 3 =
  // 0.2813.
  const double between = 1 / ((1 - 0.28131) / 32 + 0.28131);
  const auto config = config_of(between, 32);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->rope.scaling.type, RopeType::kLlama3);
  EXPECT_EQ(config->rope.scaling.factor, 32);
  EXPECT_EQ(config->rope.scaling.original_max_position_embeddings, 8192);
  EXPECT_EQ(config_of(between + 0.1, 32).status().message(),
            "m: rope_freqs.weight that are not Llama 3's is not supported");
}

}  // namespace
}  // namespace roux::kit
