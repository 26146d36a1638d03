#include "recipes/kit/text/gguf_metadata.h"

#include <gtest/gtest.h>

#include <cstring>

#include "recipes/kit/text/gguf_test_writer.h"
#include "recipes/kit/text/gguf_tokenizer.h"

namespace roux::kit {
namespace {

std::string tiny_model() {
  GgufTestWriter w(8);
  w.key("tokenizer.ggml.model", 8).text("gpt2");
  w.key("tokenizer.ggml.pre", 8).text("gpt-2");
  w.texts("tokenizer.ggml.tokens", {"a", "b", "ab", "<|end|>"});
  w.integers("tokenizer.ggml.token_type", {1, 1, 1, 3});
  w.texts("tokenizer.ggml.merges", {"a b"});
  w.key("tokenizer.ggml.eos_token_id", 4).plain<uint32_t>(3);
  w.key("tokenizer.chat_template", 8).text("{{ x }}");
  w.key("general.scale", 6).plain<float>(0.5f);
  return w.bytes();
}

TEST(GgufMetadata, ReadsEveryKind) {
  GgufTestWriter w(6);
  w.key("u8", 0).plain<uint8_t>(200);
  w.key("i16", 3).plain<int16_t>(-5);
  w.key("u64", 10).plain<uint64_t>(1u << 30);
  w.key("f64", 12).plain<double>(2.5);
  w.key("yes", 7).plain<uint8_t>(1);
  w.integers("list", {1, -2});
  const auto meta = parse_gguf_metadata(w.bytes(), "m");
  ASSERT_TRUE(meta.ok()) << meta.status();
  EXPECT_EQ(*meta->integer("u8"), 200);
  EXPECT_EQ(*meta->integer("i16"), -5);
  EXPECT_EQ(*meta->integer("u64"), 1 << 30);
  EXPECT_EQ(*meta->number("f64"), 2.5);
  EXPECT_EQ(*meta->number("i16"), -5.0);
  EXPECT_TRUE(*meta->boolean("yes"));
  EXPECT_EQ(*meta->integers("list"), (std::vector<int64_t>{1, -2}));
  EXPECT_EQ(meta->text("none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(meta->text("u8").status().message(), "m: key u8 is not a text");
}

TEST(GgufMetadata, EveryCutIsAnErrorWithOffset) {
  const std::string whole = tiny_model();
  ASSERT_TRUE(parse_gguf_metadata(whole, "m").ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto result = parse_gguf_metadata(whole.substr(0, size), "m");
    ASSERT_FALSE(result.ok()) << size;
    ASSERT_NE(result.status().message().find("byte "), std::string::npos);
  }
}

TEST(GgufMetadata, HugeCountsAllocateNothing) {
  GgufTestWriter keys(uint64_t{1} << 60);
  EXPECT_FALSE(parse_gguf_metadata(keys.bytes(), "m").ok());
  GgufTestWriter list(1);
  list.key("list", 9).plain<uint32_t>(5).plain<uint64_t>(uint64_t{1} << 61);
  const auto result = parse_gguf_metadata(list.bytes(), "m");
  EXPECT_EQ(result.status().message(),
            "m: byte 40: list claims 2305843009213693952 elements, 0 bytes are left");
  GgufTestWriter many(1);
  many.key("list", 9).plain<uint32_t>(0).plain<uint64_t>((1 << 24) + 1);
  EXPECT_EQ(parse_gguf_metadata(many.bytes() + std::string((1 << 24) + 1, 'x'), "m").status().code(),
            absl::StatusCode::kResourceExhausted);
  GgufTestWriter nested(1);
  nested.key("list", 9).plain<uint32_t>(9).plain<uint64_t>(1);
  EXPECT_FALSE(parse_gguf_metadata(nested.bytes(), "m").ok());
  GgufTestWriter twice(2);
  twice.key("k", 0).plain<uint8_t>(1).key("k", 0).plain<uint8_t>(1);
  EXPECT_EQ(parse_gguf_metadata(twice.bytes(), "m").status().message(), "m: byte 38: key k comes twice");
}

TEST(GgufTokenizer, BuildsTheTokenizer) {
  const auto t = gguf_tokenizer(*parse_gguf_metadata(tiny_model(), "m"));
  ASSERT_TRUE(t.ok()) << t.status();
  EXPECT_EQ((*t)->encode("ab<|end|>a").ids, (std::vector<int32_t>{2, 3, 0}));
  EXPECT_EQ((*t)->special().eos, 3);
  EXPECT_EQ((*t)->chat_template(), "{{ x }}");
}

TEST(GgufTokenizer, WordPieceIsCasedIfTheVocabularyIs) {
  const std::string mark = "\xE2\x96\x81";
  for (const std::string word : {"ab", "Ab"}) {
    GgufTestWriter w(3);
    w.key("tokenizer.ggml.model", 8).text("bert");
    w.texts("tokenizer.ggml.tokens", {"[UNK]", "[CLS]", "[SEP]", mark + word, "c", mark + "c"});
    w.integers("tokenizer.ggml.token_type", {3, 3, 3, 1, 1, 1});
    const auto t = gguf_tokenizer(*parse_gguf_metadata(w.bytes(), "m"));
    ASSERT_TRUE(t.ok()) << t.status();
    const bool cased = word == "Ab";
    EXPECT_EQ((*t)->encode("Abc C", {.add_special = true}).ids,
              cased ? (std::vector<int32_t>{1, 3, 4, 0, 2}) : (std::vector<int32_t>{1, 3, 4, 5, 2}));
    EXPECT_EQ((*t)->token(4), "##c");
    EXPECT_EQ((*t)->encode_pair("c", "c").type_ids, (std::vector<int32_t>{0, 0, 0, 1, 1}));
  }
}

TEST(GgufTokenizer, UnknownPreTokenizerIsNamed) {
  std::string bytes = tiny_model();
  bytes.replace(bytes.find("gpt-2"), 5, "xyz-9");
  const auto t = gguf_tokenizer(*parse_gguf_metadata(bytes, "m"));
  EXPECT_EQ(t.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_NE(t.status().message().find("\"xyz-9\""), std::string::npos);
}

}  // namespace
}  // namespace roux::kit
