#include "recipes/kit/models/stand_in.h"

#include <gtest/gtest.h>

#include <string>

#include "recipes/kit/decode/generate.h"

namespace roux::kit {
namespace {

TEST(StandIn, KeepsEveryByteAndReadsControlTokens) {
  const Pretrained model = stand_in_model();
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  const Encoding encoded = model.tokenizer->encode(bytes);
  EXPECT_EQ(encoded.ids.size(), 256u);
  EXPECT_EQ(model.tokenizer->decode(encoded.ids), bytes);
  EXPECT_EQ(model.tokenizer->encode("a<|im_end|>").ids.size(), 2u);
}

TEST(StandIn, ChatsAndDependsOnItsSeed) {
  const Pretrained model = stand_in_model({.seed = 3});
  model.model->eval();
  ASSERT_TRUE(model.chat.ok()) << model.chat.status();
  const auto chat = encode_chat(*model.tokenizer, *model.chat, {{"user", "Hi"}}, /*generate=*/true);
  ASSERT_TRUE(chat.ok()) << chat.status();
  EXPECT_EQ(chat->text, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  const std::vector<Tokens> prompts = {chat->ids};
  const GenerateOptions options = {.max_tokens = 12, .seed = 1, .stop_tokens = model.generation.stop_ids};
  const auto text = [&](const Pretrained& of) {
    return generate(decode_model(*of.model), prompts, options)[0].tokens;
  };
  const Pretrained same = stand_in_model({.seed = 3}), other = stand_in_model({.seed = 4});
  same.model->eval(), other.model->eval();
  EXPECT_EQ(text(model), text(same));
  EXPECT_NE(text(model), text(other));
}

}  // namespace
}  // namespace roux::kit
