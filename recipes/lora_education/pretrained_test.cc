// The arm of published models on a small random one with a chat template, and the errors that users meet.
#include "recipes/lora_education/pretrained.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "nn/models/peft.h"
#include "nn/models/pretrained.h"
#include "nn/models/transformer.h"
#include "recipes/kit/run/quiet_run.h"
#include "tensor/error.h"
#include "tensor/generator.h"

namespace roux::lora_education {
namespace {

using ::testing::HasSubstr;

std::string temporary(const std::string& name) {
  return std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
}

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

TransformerConfig shape(int64_t hidden) {
  TransformerConfig config{.vocab_size = 700, .hidden_size = hidden, .intermediate_size = 2 * hidden};
  config.num_hidden_layers = 1, config.num_attention_heads = 2, config.max_position_embeddings = 512;
  return config;
}

// A Llama of random weights that knows ChatML.
std::string model_folder(const std::string& name, bool with_template = true, int64_t hidden = 64) {
  const std::string folder = temporary(name);
  Generator generator(1);
  EXPECT_TRUE(save_pretrained(Transformer(shape(hidden), Init{&generator, 0.1}), folder).ok());
  std::filesystem::copy_file("tests/golden/tokenizers/tiny_gpt2.json", folder + "/tokenizer.json");
  if (with_template) {
    write(
        folder + "/tokenizer_config.json",
        R"({"eos_token": "<|im_end|>", "chat_template": "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"})");
  }
  return folder;
}

std::string data_file(const std::string& name, int conversations) {
  std::string text;
  for (int i = 0; i < conversations; ++i) {
    absl::StrAppend(&text, R"({"conversations":[{"from":"human","value":"question )", i, " of ", i * i,
                    R"(?"},{"from":"assistant","value":"## Answer\n- **)", i * 7, " ", i * 11,
                    R"(** item\n### Action Steps\n1. go"}]})", "\n");
  }
  write(temporary(name), text);
  return temporary(name);
}

Config small() {
  Config c;
  c.pretrained = true, c.dialogues = 8, c.held_out = 2, c.prompts = 2, c.first_batch = 2, c.second_batch = 4;
  c.new_tokens = 4, c.r = 2, c.adamw_8bit = true, c.countries = 4;
  return c;
}

struct Ran {
  absl::Status status;
  std::vector<kit::Claim> claims;
  std::string out;
};
Ran run(const Config& config, const std::string& model, const std::string& data) {
  const auto opened = kit::quiet_run({.options = {.offline = true, .model = model, .data = data}});
  const absl::Status status = tune_pretrained(config, *opened);
  return {status, opened->claims(), opened->out()};
}

TEST(Pretrained, TunesAFolderOnTheUsersConversations) {
  const std::string model = model_folder("model");
  const Ran own = run(small(), model, data_file("talk.jsonl", 12));
  ASSERT_TRUE(own.status.ok()) << own.status;
  EXPECT_EQ(own.claims.size(), 4u);
  for (const kit::Claim& claim : own.claims) EXPECT_FALSE(claim.asserted) << claim.text;
  // The adapter is what PEFT reads, and what the base takes again.
  auto base = load_pretrained<Transformer>(model);
  ASSERT_TRUE(base.ok()) << base.status();
  EXPECT_TRUE(load_peft(**base, own.out + "/adapter-seed1").ok());
}

TEST(Pretrained, WithoutDataItTakesTheDialoguesOfTheSmallWorld) {
  Config c = small();
  c.max_tokens = 500;
  const Ran world = run(c, model_folder("model_world"), "");
  EXPECT_TRUE(world.status.ok()) << world.status;
}

TEST(Pretrained, ErrorsOfUsers) {
  const auto error = [](const Ran& ran) { return std::string(ran.status.message()); };
  EXPECT_THAT(error(run(small(), temporary("nothing"), "")), HasSubstr("nothing"));
  EXPECT_THAT(error(run(small(), model_folder("plain", /*with_template=*/false), "")), HasSubstr("template"));
  const std::string model = model_folder("good");
  EXPECT_THAT(error(run(small(), model, data_file("one.jsonl", 1))),
              HasSubstr("one.jsonl: conversations that can be used: 1, needed are two"));
  Config tight = small();
  tight.max_tokens = 9;
  EXPECT_THAT(error(run(tight, model, data_file("long.jsonl", 4))), HasSubstr("has at most 9 tokens"));
  write(temporary("bad.jsonl"), "{\"text\": \"x\"}\n");
  EXPECT_THAT(error(run(small(), model, temporary("bad.jsonl"))),
              HasSubstr("bad.jsonl: line 1: needed is an object"));
  // Rows that no block of NF4 fits: recipe_main() prints the Error in one line, as it does a status.
  const std::string narrow = model_folder("narrow", true, 48);
  EXPECT_THAT([&] { run(small(), narrow, ""); },
              ::testing::ThrowsMessage<Error>(HasSubstr("multiple of 64")));
}

}  // namespace
}  // namespace roux::lora_education
