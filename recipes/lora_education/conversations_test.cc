#include "recipes/lora_education/conversations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "recipes/kit/run/quiet_run.h"
#include "recipes/lora_education/config.h"
#include "recipes/lora_education/judged_answers.h"
#include "recipes/lora_education/training.h"

namespace roux::lora_education {
namespace {

using ::testing::HasSubstr;

std::string file(const std::string& name, const std::string& text) {
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
  std::ofstream(path) << text;
  return path;
}
std::string error_of(const std::string& text) {
  return std::string(read_conversations(file("bad.jsonl", text)).status().message());
}
std::string table_error(const std::string& text) {
  return std::string(read_judged_answers(file("bad_table.jsonl", text)).status().message());
}

constexpr char kGood[] =
    R"({"conversations":[{"from":"human","value":"Q1"},{"from":"assistant","value":"A1"}]})";

TEST(Conversations, AreReadInThePapersForm) {
  const auto all =
      read_conversations(file("good.jsonl", std::string(kGood) + "\n\n" + R"({"id":7,"conversations":[]})"));
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0][0].role, "user");
  EXPECT_EQ((*all)[0][1].role, "assistant");
  EXPECT_EQ((*all)[0][1].content, "A1");
}

TEST(Conversations, ErrorsNameFileAndLine) {
  EXPECT_THAT(std::string(read_conversations("/nowhere.jsonl").status().message()),
              HasSubstr("/nowhere.jsonl"));
  EXPECT_THAT(error_of("\n"), HasSubstr("bad.jsonl: there is no conversation"));
  EXPECT_THAT(error_of(std::string(kGood) + "\n{\"text\": 1}"),
              HasSubstr("bad.jsonl: line 2: needed is an object with a list \"conversations\""));
  EXPECT_THAT(error_of("[1]"), HasSubstr("line 1: needed is an object"));
  EXPECT_THAT(error_of(R"({"conversations":[{"from":"human"}]})"), HasSubstr("turn 1 lacks"));
  EXPECT_THAT(error_of(R"({"conversations":[{"from":"human","value":3}]})"), HasSubstr("turn 1 lacks"));
  EXPECT_THAT(error_of(R"({"conversations":[{"from":"robot","value":"x"}]})"),
              HasSubstr("is from \"robot\", needed human or assistant"));
  EXPECT_THAT(error_of("{"), HasSubstr("line 1"));
}

TEST(Quality, DropsWhatThePipelineDrops) {
  const auto talk = [](const std::string& q, const std::string& a) {
    return Conversation{{"user", q}, {"assistant", a}};
  };
  const std::string text = "the visa of the country takes a form and a fee and some weeks of time to get";
  std::vector<Conversation> all = {
      talk("one two three", text),
      talk("one two three", text),
      talk("one two three", text + " now"),
      talk("four five", " \n"),
      {{"user", "x"}},
      {{"assistant", "x"}, {"user", "y"}},
      {{"user", "x"}, {"user", "y"}},
      {},
      {{"user", "a"}, {"assistant", "same"}, {"user", "b"}, {"assistant", "same"}},
      talk("six", "quite another answer")};
  kit::Funnel funnel;
  const std::vector<Conversation> kept = quality_filtered(all, funnel);
  EXPECT_EQ(funnel["in"], 10);
  EXPECT_EQ(funnel["roles do not alternate"], 4);
  EXPECT_EQ(funnel["an empty turn"], 1);
  EXPECT_EQ(funnel["an answer given twice"], 1);
  EXPECT_EQ(funnel["exact duplicate"], 1);
  EXPECT_EQ(funnel["near duplicate"], 1);
  EXPECT_EQ(funnel["kept"], 2);
  EXPECT_EQ(kept[1][0].content, "six");
}

TEST(SplitOf, IsThePapersShare) {
  std::vector<Conversation> all;
  for (int i = 0; i < 2676; ++i) all.push_back({{"user", std::to_string(i)}, {"assistant", "a"}});
  const auto parts = split(all, 42);
  ASSERT_TRUE(parts.ok());
  EXPECT_EQ(parts->train.size(), 2274u);
  EXPECT_EQ(parts->test.size(), 402u);
  EXPECT_THAT(std::string(split({all[0]}, 1).status().message()),
              HasSubstr("conversations that can be used: 1, needed are two"));
  EXPECT_EQ(split({all[0], all[1]}, 1)->test.size(), 1u);
}

TEST(Encode, MasksAndLengths) {
  Config config;
  config.countries = 4, config.exposures = 1, config.notes = 2, config.plain_bytes = 500,
  config.vocabulary = 400, config.dialogues = 8;
  const auto language = make_language(config, make_world(4, 1));
  ASSERT_TRUE(language.ok()) << language.status();
  const std::vector<Conversation> talks = {
      {{"user", "How?"}, {"assistant", "So."}, {"user", "And?"}, {"assistant", "Thus."}}};
  const auto all = encode(talks, *language->tokenizer, language->chat, /*answers_only=*/false, 100);
  const auto answers = encode(talks, *language->tokenizer, language->chat, /*answers_only=*/true, 100);
  ASSERT_TRUE(all.ok() && answers.ok());
  const kit::MaskedDocument &whole = all->documents[0], &masked = answers->documents[0];
  EXPECT_EQ(whole.tokens, masked.tokens);
  EXPECT_EQ(whole.loss_mask, std::vector<uint8_t>(whole.tokens.size(), 1));
  std::string trained;
  int64_t ends = 0;
  for (size_t i = 0; i < masked.tokens.size(); ++i) {
    if (masked.loss_mask[i] == 0) continue;
    trained += language->tokenizer->decode({masked.tokens[i]}, /*skip_special=*/true);
    ends += masked.tokens[i] == *language->tokenizer->special().eos;
  }
  EXPECT_THAT(trained, HasSubstr("So."));
  EXPECT_THAT(trained, HasSubstr("Thus."));
  EXPECT_THAT(trained, ::testing::Not(HasSubstr("How")));
  EXPECT_EQ(ends, 2);  // EOS after each answer
  EXPECT_THAT(std::string(encode(talks, *language->tokenizer, language->chat, false, 5).status().message()),
              HasSubstr("none of 1 conversations has at most 5 tokens"));
  const auto asked = prompts(talks, *language->tokenizer, language->chat);
  ASSERT_TRUE(asked.ok());
  // The prompt is how the conversation begins: what is generated stands where training had the answer.
  const std::vector<int32_t>& prompt = (*asked)[0].tokens;
  ASSERT_LT(prompt.size(), whole.tokens.size());
  EXPECT_TRUE(std::equal(prompt.begin(), prompt.end(), whole.tokens.begin()));
  EXPECT_EQ((*asked)[0].reference, "So.");
}

constexpr char kRecord[] =
    R"({"reference":"## a\n- **b** c","base":"b c","tuned":"## a\n- **b** c","base_accuracy":3,"tuned_accuracy":2,"preference":"base"})";

TEST(JudgedAnswers, AreReadAndCounted) {
  const auto answers = read_judged_answers(file("judged.jsonl", std::string(kRecord) + "\n" + kRecord));
  ASSERT_TRUE(answers.ok()) << answers.status();
  EXPECT_EQ(answers->tuned.size(), 2u);
  EXPECT_EQ(answers->preference, (std::vector<std::string>{"base", "base"}));
  EXPECT_TRUE(answers->base_errors.empty());
  const stats::Matrix counts = score_table(answers->base_accuracy, answers->tuned_accuracy);
  EXPECT_EQ(counts(3, 2), 2);
  EXPECT_EQ(bowker_test(counts).statistic, 2);
  const SimilarityGain gain = similarity_gain(answers->base, answers->tuned, answers->reference, 1);
  EXPECT_NEAR(gain.rouge_l.estimate, 0.2, 1e-12);  // "a b c" of "a b c", and "b c": F1 0.8
  EXPECT_EQ(similarity_gain(answers->tuned, answers->tuned, answers->reference, 1).bleu.high, 0);
}

TEST(JudgedAnswers, AreEvaluatedIntoTableJson) {
  const auto run = kit::quiet_run();
  const std::string tie =
      R"({"reference":"r","base":"check with us","tuned":"r","base_accuracy":1,"tuned_accuracy":1,"preference":"tie"})";
  ASSERT_TRUE(
      evaluate_table(file("three.jsonl", std::string(kRecord) + "\n" + kRecord + "\n" + tie), *run).ok());
  std::ifstream in(run->path("table.json"));
  const std::string json((std::istreambuf_iterator<char>(in)), {});
  for (const char* part :
       {"\"items\":3", "\"caveat\":0.333", "\"bowker\":2", "\"degrees\":1", "\"tie\":1", "\"sign_p\":0.5"}) {
    EXPECT_THAT(json, HasSubstr(part));
  }
}

TEST(JudgedAnswers, ErrorsNameFileLineAndField) {
  EXPECT_THAT(table_error(""), HasSubstr("there is no record"));
  EXPECT_THAT(table_error(R"({"reference":"r","base":"b"})"), HasSubstr("tuned"));
  EXPECT_THAT(table_error(R"({"reference":"r","base":"b","tuned":1})"), HasSubstr("tuned"));
  const std::string head = R"({"reference":"r","base":"b","tuned":"t")";
  EXPECT_THAT(table_error(head + R"(,"preference":"both"})"),
              HasSubstr("preference is \"both\", needed base, tie or tuned"));
  EXPECT_THAT(table_error(head + R"(,"base_accuracy":4,"tuned_accuracy":1})"),
              HasSubstr("base_accuracy must be a whole number from 0 to 3"));
  EXPECT_THAT(table_error(head + R"(,"base_errors":0})"),
              HasSubstr("base_errors and tuned_errors belong together"));
  EXPECT_THAT(table_error(head + "}\n" + head + R"(,"preference":"tie"})"),
              HasSubstr("line 2: preference is here, but not"));
  EXPECT_THAT(table_error(head + R"(,"preference":"tie"})" + "\n" + head + "}"),
              HasSubstr("line 2: preference is missing"));
}

}  // namespace
}  // namespace roux::lora_education
