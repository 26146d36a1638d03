// Files of prompts and of trials in the authors' form, and the mistakes in them.
#include "recipes/alice_in_wonderland/records.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipes/alice_in_wonderland/statistics.h"

namespace roux::alice {
namespace {

std::string file(const std::string& text, const std::string& name = "file.json") {
  const std::string path = absl::StrCat(std::getenv("TEST_TMPDIR"), "/", name);
  std::ofstream(path) << text;
  return path;
}

constexpr char kPrompts[] = R"([
  {"id": 55, "prompt": "Alice has 3 brothers and she also has 6 sisters. How many sisters does Alice's brother have? Solve it: \"### Answer: \".", "right_answer": "7", "description": "Variation 1, STANDARD"},
  {"id": 60, "prompt": "Bob has 2 sisters and he also has 3 brothers. How many brothers does Bob's sister have? DO NOT OUTPUT ANY TEXT but ### Answer:", "right_answer": 4, "description": "Bob"},
  {"id": 9, "prompt": "Why?", "right_answer": "none"}
])";

TEST(Prompts, OfTheAuthorsForm) {
  const auto all = read_prompts(file(kPrompts), {});
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 3u);
  const SampledItem& v1 = (*all)[0];
  EXPECT_EQ(v1.variation, "55");
  EXPECT_EQ(v1.type, "STANDARD");
  EXPECT_EQ(v1.right_answer, "7");
  EXPECT_EQ(v1.counts->right, 7);
  EXPECT_EQ(v1.counts->copied, 6);
  EXPECT_EQ(v1.counts->other, 3);
  const SampledItem& bob = (*all)[1];
  EXPECT_EQ(bob.type, "RESTRICTED");
  EXPECT_EQ(bob.right_answer, "4");
  EXPECT_EQ(bob.counts->copied, 3);
  EXPECT_EQ((*all)[2].type, "OTHER");
  EXPECT_FALSE((*all)[2].counts);
  const auto some = read_prompts(file(kPrompts), {60, 55});
  ASSERT_EQ(some->size(), 2u);
  EXPECT_EQ((*some)[0].variation, "60");
  // A conversation and a prompt without an answer, as the authors' file has them, hinder no other.
  const std::string mixed =
      R"([{"id": 110, "prompt": ["a", "b"], "right_answer": "7"}, {"id": 5, "prompt": "c?", "right_answer": "1"},
          {"id": 669, "prompt": "d?", "right_answer": null}])";
  const auto one = read_prompts(file(mixed), {5});
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(one->size(), 1u);
}

void refuses(const absl::Status& status, const std::string& text) {
  EXPECT_TRUE(absl::StrContains(status.message(), text)) << status;
}

TEST(Prompts, Mistakes) {
  const auto error = [](const std::string& text, const std::vector<int64_t>& ids = {}) {
    return read_prompts(file(text), ids).status();
  };
  refuses(error("[]"), "the list is empty");
  refuses(error("[3]"), "entry 0: is of type number, needed an object");
  refuses(error(R"([{"id": 1, "prompt": "a"}])"), "entry 0: has no \"right_answer\"");
  refuses(error(R"([{"id": 1, "prompt": "", "right_answer": "1", "description": ""}])"),
          "\"prompt\" is empty");
  refuses(error(R"([{"id": 1, "prompt": ["a"], "right_answer": "1", "description": ""}])"),
          "\"prompt\" is of type array");
  refuses(error(R"({"id": 1, "prompt": "a", "right_answer": "1", "description": ""}
{"id": 1, "prompt": "b", "right_answer": "1", "description": ""})"),
          "line 2: id 1 comes twice");
  refuses(error(R"([{"id": 110, "prompt": ["a", "b"], "right_answer": "7"}])", {110}),
          "\"prompt\" is of type array");
  refuses(error(kPrompts, {7}), "there is no prompt with id 7 among 3");
  refuses(error("[{"), "file.json");
  refuses(read_prompts("/nowhere.json", {}).status(), "/nowhere.json");
}

TEST(Trials, OfTheAuthorsFormAndShort) {
  const std::string prompt =
      R"("prompt": "Alice has 3 brothers and she also has 6 sisters. How many sisters does Alice's brother have? think carefully", "right_answer": "7")";
  const auto models = read_trials(file(absl::StrCat(
      R"([{"model": "a", "model_response": "### Answer: 7", "parsed_answer": 7.0, "correct": true, )", prompt,
      R"(}, {"model": "a", "model_response": "It has\n6.", "parsed_answer": null, )", prompt,
      R"(}, {"model": "b", "model_response": null, )", prompt, "}]")));
  ASSERT_TRUE(models.ok()) << models.status();
  ASSERT_EQ(models->size(), 2u);
  const std::vector<TypeStatistics> types = statistics_of((*models)[0].items, (*models)[0].responses);
  ASSERT_EQ(types.size(), 1u);
  EXPECT_EQ(types[0].type, "THINKING");
  EXPECT_EQ(types[0].cells[0].right, 1);
  EXPECT_EQ(types[0].cells[0].trials, 2);
  EXPECT_EQ(types[0].kinds[static_cast<size_t>(Kind::kForgot)], 1);
  EXPECT_EQ(mean_rate(types), 0.5);
  EXPECT_EQ(statistics_of((*models)[1].items, (*models)[1].responses)[0].cells[0].right, 0);

  // JSON lines: 30 right of 30, and none of 30. Everything fluctuates.
  std::string lines;
  for (int i = 0; i < 60; ++i)
    absl::StrAppend(&lines, R"({"model": "m", "variation": "V)", 1 + i % 2,
                    R"(", "prompt_type": "STANDARD", "answer": )", i % 2 == 0 ? 7 : 2,
                    R"(, "right_answer": )", i % 2 == 0 ? 7 : 3, "}\n");
  const auto plain = read_trials(file(lines, "lines.jsonl"));
  ASSERT_TRUE(plain.ok()) << plain.status();
  const TypeStatistics t = statistics_of((*plain)[0].items, (*plain)[0].responses)[0];
  EXPECT_NEAR(t.fluctuation.statistic, 60, 1e-9);
  EXPECT_EQ(t.fluctuation.range, 1);
  EXPECT_EQ(t.draws_as_large, 0);
  EXPECT_LT(t.range_limit, 0.5);
  EXPECT_EQ(t.wrong, 30);
}

TEST(Trials, OfAiwParamAreRightWhenTheyNameOneMore) {
  const auto models = read_trials(file(
      R"([{"model": "a", "prompt": "Alice has X brothers and she also has Y sisters. How many sisters does Alice's brother have?",
           "model_response": "### Answer: Y + 1", "right_answer": "null"},
          {"model": "a", "prompt": "Alice has X brothers and she also has Y sisters. How many sisters does Alice's brother have?",
           "model_response": "### Answer: X + 1", "right_answer": "null"}])"));
  ASSERT_TRUE(models.ok()) << models.status();
  EXPECT_EQ((*models)[0].items[0].symbol, 'Y');
  const TypeStatistics t = statistics_of((*models)[0].items, (*models)[0].responses)[0];
  EXPECT_EQ(t.cells[0].right, 1);
  EXPECT_EQ(t.cells[0].trials, 2);
  EXPECT_EQ(t.wrong, 1);
  EXPECT_EQ(t.kinds[static_cast<size_t>(Kind::kRight)], 1);
  EXPECT_EQ(symbol_in("Alice has 3 brothers and she also has 6 sisters. How many sisters does she have?"), 0);
}

TEST(Trials, Mistakes) {
  const auto error = [](const std::string& text) { return read_trials(file(text)).status(); };
  refuses(error(R"([{"prompt": "a", "model_response": "b", "right_answer": "1"}])"), "has no \"model\"");
  refuses(error(R"([{"model": "m", "answer": 1, "right_answer": "1"}])"), "has no \"variation\"");
  refuses(error(R"([{"model": "m", "prompt": "a?", "right_answer": "1"}])"), "has no \"model_response\"");
  refuses(error(R"([{"model": "m", "prompt": "a?", "model_response": "1", "right_answer": "1"},
                    {"model": "m", "prompt": "a?", "model_response": "1", "right_answer": "2"}])"),
          "entry 1: \"right_answer\" is 2, in an earlier trial");
}

TEST(BenchmarkScores, ByModel) {
  const auto scores = read_benchmarks(file("model,MMLU,GSM8K\na,0.5,\nb,61.2,0.1\n", "scores.csv"));
  ASSERT_TRUE(scores.ok()) << scores.status();
  EXPECT_EQ(scores->names, (std::vector<std::string>{"MMLU", "GSM8K"}));
  EXPECT_EQ(scores->scores.at("b")[0], 61.2);
  EXPECT_TRUE(std::isnan(scores->scores.at("a")[1]));
  refuses(read_benchmarks(file("name,MMLU\na,1\n", "scores.csv")).status(), "model");
  refuses(read_benchmarks(file("model,MMLU\na,high\n", "scores.csv")).status(),
          "line 2: \"high\" in column MMLU");
  refuses(read_benchmarks(file("model,MMLU\na,1\na,2\n", "scores.csv")).status(),
          "line 3: model a comes twice");
}

}  // namespace
}  // namespace roux::alice
