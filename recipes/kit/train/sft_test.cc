#include "recipes/kit/train/sft.h"

#include <gtest/gtest.h>

#include "recipes/kit/text/bpe.h"

namespace roux::kit {
namespace {

// A token a character; BOS before each text, and with `ends` EOS behind it.
std::shared_ptr<const Tokenizer> characters(bool with_eos = true, bool ends = false) {
  std::vector<std::string> tokens = {"<unk>"};
  for (char c = ' '; c <= '~'; ++c) tokens.emplace_back(1, c);
  tokens.push_back("\n");
  TokenizerParts parts;
  parts.name = "characters";
  parts.special.unknown = 0;
  for (const char* name : {"<s>", "</s>", "<|im_start|>", "<|im_end|>"}) {
    AddedToken token;
    token.content = name;
    token.id = static_cast<int32_t>(tokens.size());
    token.special = true;
    tokens.emplace_back(name);
    parts.added_tokens.push_back(token);
  }
  const int32_t bos = parts.added_tokens[0].id, eos = parts.added_tokens[1].id;
  parts.special.bos = bos;
  if (with_eos) parts.special.eos = eos;
  parts.single = {{bos, 0}, {TemplateItem::kTextA, 0}};
  if (ends) parts.single.push_back({eos, 0});
  BpeOptions options;
  options.byte_level = false;
  options.unknown = 0;
  parts.model = *BpeModel::from_merges(tokens, {}, options);
  return *Tokenizer::build(std::move(parts));
}

Example example(const std::string& prompt, const std::string& response) {
  return {.id = "e1", .prompt = prompt, .response = response};
}

// The text of the tokens that are targets.
std::string counted(const Tokenizer& tokenizer, const MaskedDocument& document) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < document.tokens.size(); ++i) {
    if (document.loss_mask[i] != 0) ids.push_back(document.tokens[i]);
  }
  return tokenizer.decode(ids);
}

TEST(Sft, PlainExamplesCountTheAnswerAndEos) {
  for (const bool ends : {false, true}) {
    const auto tokenizer = characters(true, ends);
    const auto sft = encode_examples({example("2+2=", "4"), example("Hi</s> ", "</s>!")}, *tokenizer);
    ASSERT_TRUE(sft.ok()) << sft.status();
    ASSERT_EQ(sft->documents.size(), 2u);
    EXPECT_EQ(tokenizer->decode(sft->documents[0].tokens), "<s>2+2=4</s>");
    EXPECT_EQ(sft->documents[0].loss_mask, (std::vector<uint8_t>{0, 0, 0, 0, 0, 1, 1}));
    // Spelt out by a user they are four characters each.
    EXPECT_EQ(sft->documents[1].tokens.size(), 1 + 7 + 5 + 1u);
    EXPECT_EQ(counted(*tokenizer, sft->documents[1]), "</s>!</s>");
    EXPECT_EQ(sft->example, (std::vector<int64_t>{0, 1}));
    EXPECT_EQ(sft->too_long, 0);
  }
}

TEST(Sft, ChatsCountTheAnswerAndWhatEndsIt) {
  const auto tokenizer = characters();
  SftOptions options{.chat = *chat_template_by_name("chatml", "", ""), .system = "Be brief."};
  const auto sft = encode_examples({example("Hi", "Yo")}, *tokenizer, options);
  ASSERT_TRUE(sft.ok()) << sft.status();
  EXPECT_EQ(tokenizer->decode(sft->documents[0].tokens),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
            "<|im_start|>assistant\nYo<|im_end|>\n");
  EXPECT_EQ(counted(*tokenizer, sft->documents[0]), "Yo<|im_end|>");
  options.loss_on_prompt = true;
  EXPECT_EQ(counted(*tokenizer, encode_examples({example("Hi", "Yo")}, *tokenizer, options)->documents[0]),
            tokenizer->decode(sft->documents[0].tokens));
}

TEST(Sft, LongExamplesAreLeftOutAndCounted) {
  const auto tokenizer = characters();
  const std::vector<Example> examples = {example("a", "12345678"), example("b", "1"), example("c", "1234")};
  const auto sft = encode_examples(examples, *tokenizer, {.max_tokens = 7});
  ASSERT_TRUE(sft.ok()) << sft.status();
  EXPECT_EQ(sft->example, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(sft->documents[1].tokens.size(), 7u);
  EXPECT_EQ(sft->too_long, 1);
}

TEST(Sft, ErrorsNameTheExample) {
  const auto tokenizer = characters();
  const auto refusal = [&](const std::vector<Example>& examples, const SftOptions& options) {
    return std::string(encode_examples(examples, *tokenizer, options).status().message());
  };
  EXPECT_EQ(refusal({example("a", "b"), example("a", "")}, {}), "example 1 (e1): the response is empty");
  EXPECT_EQ(refusal({example("a", "bcde")}, {.max_tokens = 3}),
            "no example is left of 1, 1 have more than 3 tokens");
  EXPECT_EQ(refusal({example("a", "b")}, {.system = "x"}), "a system message needs a chat template");
  EXPECT_EQ(encode_examples({example("a", "b")}, *characters(false)).status().message(),
            "characters has no EOS, which ends an answer where there is no chat template");
}

}  // namespace
}  // namespace roux::kit
