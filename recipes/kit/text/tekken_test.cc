#include "recipes/kit/text/tekken.h"

#include <gtest/gtest.h>

namespace roux::kit {
namespace {

// Tokens a, b, ab after `special` special ones.
std::string file(const std::string& config, const std::string& rest = "") {
  return R"({"config":{"pattern":"\\p{L}+|.",)" + config + R"(},"vocab":[
      {"rank":0,"token_bytes":"YQ==","token_str":"a"},{"rank":1,"token_bytes":"Yg==","token_str":"b"},
      {"rank":2,"token_bytes":"YWI=","token_str":null},{"rank":3,"token_bytes":"YmE=","token_str":null}])" +
         rest + "}";
}

std::string message(const std::string& json) {
  const auto result = parse_tekken(json, "f.json");
  return result.ok() ? "ok" : std::string(result.status().message());
}

TEST(Tekken, SpecialTokensComeFirstAndTheVocabularyIsCut) {
  const auto t = parse_tekken(file(R"("default_vocab_size":33,"default_num_special_tokens":30)"), "f.json");
  ASSERT_TRUE(t.ok()) << t.status();
  EXPECT_EQ((*t)->vocab_size(), 33);
  EXPECT_EQ((*t)->encode("abba").ids, (std::vector<int32_t>{32, 31, 30}));  // "ba" is beyond the size
  EXPECT_EQ((*t)->encode("ab[INST]", {.add_special = true}).ids, (std::vector<int32_t>{1, 32, 3}));
  EXPECT_EQ((*t)->token(25), "<SPECIAL_25>");
  EXPECT_EQ((*t)->special().eos, 2);
  EXPECT_EQ((*t)->decode(std::vector<int32_t>{1, 32, 31}, /*skip_special=*/true), "abb");
}

TEST(Tekken, ReadsItsOwnSpecialTokens) {
  const auto t = parse_tekken(file(R"("default_num_special_tokens":3)",
                                   R"(,"special_tokens":[{"rank":0,"token_str":"<s>","is_control":true}])"),
                              "f.json");
  ASSERT_TRUE(t.ok()) << t.status();
  EXPECT_EQ((*t)->special().bos, 0);
  EXPECT_EQ((*t)->token(2), "<SPECIAL_2>");
  EXPECT_EQ((*t)->encode("ba").ids, (std::vector<int32_t>{6}));
}

TEST(Tekken, DamageIsNamedWithItsPlace) {
  EXPECT_NE(message("{\"config\": ").find("at byte 12"), std::string::npos) << message("{\"config\": ");
  EXPECT_EQ(message("{}"), "f.json: config: is missing, expected an object");
  EXPECT_EQ(message(R"({"config":{"pattern":"("},"vocab":[]})").substr(0, 30),
            "f.json: config.pattern: regex:");
  EXPECT_EQ(
      message(file(R"("default_vocab_size":1000000000,"default_num_special_tokens":20)")),
      "f.json: config: default_vocab_size is 1000000000 with 20 special tokens, but the file has 4 others");
  EXPECT_EQ(message(file(R"("default_num_special_tokens":2000000000)")).substr(0, 38),
            "f.json: config: default_vocab_size is ");
  EXPECT_EQ(message(file(R"("default_num_special_tokens":5)")),
            "f.json: special_tokens: 20 special tokens, but the sizes allow 5");
  EXPECT_EQ(message(R"({"config":{"pattern":"."},"vocab":[{"rank":1,"token_bytes":"YQ=="}]})"),
            "f.json: vocab[0]: rank is 1 and token_bytes \"YQ==\", expected rank 0 and base64");
  EXPECT_EQ(message(R"({"config":{"pattern":"."},"vocab":[{"rank":0,"token_bytes":"YQ=="},)"
                    R"({"rank":1,"token_bytes":"YQ=="}]})"),
            "f.json: vocab: bpe: tokens 1000 and 1001 are both \"a\"");
}

}  // namespace
}  // namespace roux::kit
