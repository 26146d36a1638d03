// A small random model that can chat, as a folder.
#ifndef ROUX_RECIPES_KIT_CHAT_CHAT_TEST_UTIL_H_
#define ROUX_RECIPES_KIT_CHAT_CHAT_TEST_UTIL_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "nn/models/model_test_util.h"
#include "nn/models/pretrained.h"
#include "nn/models/transformer.h"
#include "tensor/fresh_directory.h"
#include "tensor/io/atomic_file.h"

namespace roux::kit {

// A Llama of random weights, tests/golden/tokenizers/tiny_gpt2.json and ChatML, whose <|im_end|> ends an
// answer.
inline std::string chat_model_folder(bool with_template = true, bool with_stop = true) {
  constexpr char kTemplate[] =
      R"({"eos_token": "<|im_end|>", "chat_template": "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"})";
  const std::string folder = fresh_directory();
  TransformerConfig config = roux::testing::tiny_llama();
  config.vocab_size = 700;
  config.max_position_embeddings = 1 << 20;
  Generator generator(1);
  EXPECT_TRUE(save_pretrained(Transformer(config, Init{&generator, 0.3}), folder).ok());
  std::filesystem::copy_file("tests/golden/tokenizers/tiny_gpt2.json", folder + "/tokenizer.json");
  const auto write = [&](const char* name, const std::string& text) {
    EXPECT_TRUE(write_file_atomically(folder + "/" + name, text).ok());
  };
  write("generation_config.json", with_stop ? R"({"eos_token_id": 2})" : "{}");
  if (with_template) write("tokenizer_config.json", kTemplate);
  return folder;
}

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_CHAT_CHAT_TEST_UTIL_H_
