#include "recipes/kit/text/tokenizer_json.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <utility>
#include <vector>

#include "recipes/kit/text/chat_template.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

std::string message(const std::string& json) {
  const auto result = parse_tokenizer_json(json, "f.json");
  return result.ok() ? "ok" : std::string(result.status().message());
}

std::string with_model(const std::string& rest) {
  return R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]})" + rest + "}";
}

TEST(TokenizerJson, ReadsBpe) {
  const auto t = parse_tokenizer_json(with_model(""), "f.json");
  ASSERT_TRUE(t.ok()) << t.status();
  EXPECT_EQ((*t)->encode("abba").ids, (std::vector<int32_t>{2, 1, 0}));
}

TEST(TokenizerJson, ReadsPairsOfMergesAndTheWordPieceTemplate) {
  EXPECT_EQ(message(R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":[["a","b"]]}})"), "ok");
  const auto t = parse_tokenizer_json(
      R"({"model":{"type":"WordPiece","vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"un":3,"##able":4}},
          "pre_tokenizer":{"type":"BertPreTokenizer"},
          "decoder":{"type":"WordPiece"},
          "post_processor":{"type":"BertProcessing","sep":["[SEP]",2],"cls":["[CLS]",1]}})",
      "f.json");
  ASSERT_TRUE(t.ok()) << t.status();
  const Encoding pair = (*t)->encode_pair("unable", "un x");
  EXPECT_EQ(pair.ids, (std::vector<int32_t>{1, 3, 4, 2, 3, 0, 2}));
  EXPECT_EQ(pair.type_ids, (std::vector<int32_t>{0, 0, 0, 0, 1, 1, 1}));
  EXPECT_EQ((*t)->decode(std::vector<int32_t>{3, 4, 3}), "unable un");
}

TEST(TokenizerJson, DamageIsNamedWithItsPlace) {
  EXPECT_NE(message("{\"model\": ").find("at byte 11"), std::string::npos) << message("{\"model\": ");
  EXPECT_EQ(message("[]"), "f.json: is array, expected an object");
  EXPECT_EQ(message("{}"), "f.json: model: is missing, expected an object");
  EXPECT_EQ(message(R"({"model":{"type":"BPE","vocab":[],"merges":[]}})"),
            "f.json: model.vocab: is array, expected an object");
  EXPECT_EQ(message(R"({"model":{"type":"BPE","vocab":{"a":4000000000},"merges":[]}})"),
            "f.json: model.vocab: token \"a\" has id 4000000000, expected 0 .. 65539");
  EXPECT_EQ(message(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":["a"]}})"),
            "f.json: model.merges: entry 0 is \"a\", expected \"left right\" or a pair");
  EXPECT_EQ(message(with_model(R"(,"normalizer":{"type":"Nmt"})")),
            "f.json: normalizer: normalizer type \"Nmt\" is not supported");
  EXPECT_EQ(message(with_model(R"(,"normalizer":{"type":"Precompiled","precompiled_charsmap":"////fwAA"})")),
            "f.json: normalizer: charsmap: byte 0: the trie has 2147483647 bytes, of which 2 are there");
  EXPECT_EQ(message(with_model(R"(,"added_tokens":[{"id":9999999,"content":"x"}])")),
            "f.json: added_tokens[0]: id is 9999999, expected 0 .. 65542");
  EXPECT_NE(
      message(
          with_model(R"J(,"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(a"},"behavior":"Isolated"})J"))
          .find("pre_tokenizer.pattern: regex: missing closing parenthesis"),
      std::string::npos);
  EXPECT_EQ(message(with_model(
                R"J(,"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(?R)"},"behavior":"Isolated"})J")),
            "f.json: pre_tokenizer.pattern: regex: `(?R` at offset 0 is not supported, in `(?R)`");
  EXPECT_EQ(message(R"({"model":{"type":"Unigram","vocab":[["a",0],["b"]]}})"),
            "f.json: model.vocab: entry 1 is [\"b\"], expected [\"token\", score]");
  EXPECT_EQ(message(R"({"model":{"type":"Unigram","unk_id":4,"vocab":[["a",0]]}})"),
            "f.json: model: unk_id is 4, but there are 1 tokens");
  EXPECT_EQ(message(R"({"model":{"type":"WordLevel","unk_token":"[UNK]","vocab":{"a":0}}})"),
            "f.json: model: word_level: the unknown token \"[UNK]\" is not in the vocabulary");
  EXPECT_EQ(message(R"({"model":{"type":"WordLevel","vocab":{"<unk>":0,"a":0}}})"),
            "f.json: model.vocab: tokens \"<unk>\" and \"a\" share id 0");
  EXPECT_NE(message(R"({"model":{"type":"CharLevel","vocab":{}}})").find("model type \"CharLevel\""),
            std::string::npos);
}

TEST(TokenizerJson, WhatWouldBeReadWronglyIsRefused) {
  const auto decoder = [](const std::string& steps) {
    return message(with_model(R"(,"decoder":{"type":"Sequence","decoders":[)" + steps + "]}"));
  };
  const std::string mark = R"({"type":"Replace","pattern":{"String":"\u2581"},"content":" "})";
  EXPECT_EQ(
      decoder(
          mark +
          R"(,{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0})"),
      "ok");
  EXPECT_EQ(decoder(R"({"type":"Replace","pattern":{"String":"_"},"content":" "})"),
            "f.json: decoder.decoders[0]: other than Replace of U+2581 by a space is not supported");
  EXPECT_EQ(decoder(mark + R"(,{"type":"Strip","content":"x","start":1,"stop":0})"),
            "f.json: decoder.decoders[1]: this Strip is not supported");
  EXPECT_EQ(message(R"({"model":{"type":"BPE","dropout":0.1,"vocab":{"a":0},"merges":[]}})"),
            "f.json: model: dropout is not supported");
  EXPECT_EQ(message(with_model(R"(,"added_tokens":[{"id":2,"content":"x"}])")),
            "f.json: added token \"x\" has id 2, which is \"ab\" in the vocabulary");
}

TEST(TokenizerJson, TiesOfUnigramCutsAreTheReferences) {
  // Three "aaa" and one "aa" in any order have the same score but for its last bit.
  const auto t = parse_tokenizer_json(
      R"({"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0.0],["a",-10.844766616821289],)"
      R"(["aa",-11.74576187133789],["aaa",-10.532642364501953]]}})",
      "f.json");
  ASSERT_TRUE(t.ok()) << t.status();
  EXPECT_EQ((*t)->encode("aaaaaaaaaaa").ids, (std::vector<int32_t>{3, 3, 3, 2}));  // tokenizers 0.23.3
}

TEST(TokenizerJson, NestingIsBounded) {
  std::string deep = "{\"type\":\"NFC\"}";
  for (int i = 0; i < 40; ++i) deep = R"({"type":"Sequence","normalizers":[)" + deep + "]}";
  EXPECT_NE(message(with_model(",\"normalizer\":" + deep)).find("nested too deeply"), std::string::npos);
  EXPECT_NE(message(std::string(200000, '[')), "ok");
}

TEST(TokenizerJson, ErrorsOfTheModelNameFileAndEntry) {
  const auto status =
      parse_tokenizer_json(R"({"model":{"type":"WordPiece","vocab":{"a":0}}})", "f.json").status();
  EXPECT_EQ(status.message(),
            "f.json: model: word_piece: the unknown token \"[UNK]\" is not in the vocabulary");
}

TEST(TokenizerJson, MemoryOfWideFilesIsBounded) {
  std::string wide = "{\"a,[\\\"\":[";
  while (wide.size() < (size_t{3} << 23) + 100) wide += "\"\",";
  wide += "0]}";
  const auto status = parse_tokenizer_json(wide, "wide").status();
  EXPECT_EQ(status.message().substr(0, 11), "wide: byte ");
  EXPECT_NE(status.message().find("holds more than 8388608 values"), std::string::npos) << status;
}

TEST(TokenizerJson, NormalisersThatMultiplyTheTextAreStopped) {
  std::string steps;
  for (int i = 0; i < 12; ++i) {
    steps += std::string(i == 0 ? "" : ",") +
             R"({"type":"Replace","pattern":{"Regex":"."},"content":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})";
  }
  const auto tokenizer =
      parse_tokenizer_json(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"normalizer":)"
                           R"({"type":"Sequence","normalizers":[)" +
                               steps + "]}}",
                           "bomb");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_THROW((*tokenizer)->encode("a few words"), Error);
  EXPECT_TRUE((*tokenizer)->encode("").ids.empty());
}

// A folder of its own with these files, and a tokenizer.json.
std::string folder_with(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string path = testing::TempDir() + "/roux-XXXXXX";
  EXPECT_NE(mkdtemp(path.data()), nullptr);
  std::ofstream(path + "/tokenizer.json") << with_model("");
  for (const auto& [name, text] : files) std::ofstream(path + "/" + name) << text;
  return path;
}

constexpr char kNamed[] = R"({"bos_token":"a","chat_template":[{"name":"tool_use","template":"T"}%s]})";

std::string named(const std::string& more) {
  std::string text = kNamed;
  return text.replace(text.find("%s"), 2, more);
}

TEST(TokenizerConfig, ChatTemplateIsATextOrTheDefaultOfAList) {
  const auto plain =
      load_tokenizer_json(folder_with({{"tokenizer_config.json", R"({"chat_template":"C"})"}}));
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ((*plain)->chat_template(), "C");
  const auto list = load_tokenizer_json(
      folder_with({{"tokenizer_config.json", named(R"(,{"name":"default","template":"D"})")}}));
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ((*list)->chat_template(), "D");
  EXPECT_TRUE((*list)->chat_template_names().empty());
  EXPECT_EQ((*list)->special().bos, 0);
}

TEST(TokenizerConfig, ListWithoutDefaultNamesTheChoicesAndTheFlag) {
  const auto list = load_tokenizer_json(
      folder_with({{"tokenizer_config.json", named(R"(,{"name":"rag","template":"R"})")}}));
  ASSERT_TRUE(list.ok()) << list.status();  // text alone needs no template
  EXPECT_EQ((*list)->chat_template(), "");
  const auto chat = recognise_chat_template(**list, "--template");
  ASSERT_FALSE(chat.ok());
  EXPECT_NE(chat.status().message().find("the model brings \"tool_use\", \"rag\", none of them \"default\": "
                                         "set --template to one of chatml"),
            absl::string_view::npos)
      << chat.status();
}

TEST(TokenizerConfig, ChatTemplateFileGoesBefore) {
  const auto both = load_tokenizer_json(
      folder_with({{"tokenizer_config.json", named("")}, {"chat_template.jinja", "J\n"}}));
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_EQ((*both)->chat_template(), "J\n");
  EXPECT_TRUE((*both)->chat_template_names().empty());
  EXPECT_EQ((*both)->special().bos, 0);
  const auto alone = load_tokenizer_json(folder_with({{"chat_template.jinja", "J"}}));
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_EQ((*alone)->chat_template(), "J");
}

TEST(TokenizerConfig, DamagedListsAreNamedWithTheirPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"chat_template":7})", "tokenizer_config.json: chat_template: expected a text or a list"},
      {R"({"chat_template":[7]})", "chat_template[0]: is number, expected an object"},
      {R"({"chat_template":[{"name":"default"}]})", "chat_template[0]: has no \"template\""},
      {R"({"chat_template":[{"name":1,"template":"x"}]})",
       "chat_template[0].name: is number, expected a string"},
  };
  for (const auto& [config, expected] : cases) {
    const auto loaded = load_tokenizer_json(folder_with({{"tokenizer_config.json", config}}));
    ASSERT_FALSE(loaded.ok()) << config;
    EXPECT_NE(loaded.status().message().find(expected), absl::string_view::npos) << loaded.status();
  }
}

}  // namespace
}  // namespace roux::kit
