// The task family, what each arm trains on, and a training that repeats.
#include "recipes/alice_in_wonderland/reasoner.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "recipes/kit/run/quiet_run.h"

namespace roux::alice {
namespace {

FamilyTask task_of(const ReasonerConfig& config) {
  auto task = family_task(config);
  EXPECT_TRUE(task.ok()) << task.status();
  return *std::move(task);
}

TEST(FamilyTask, HasEveryQuestionOnce) {
  const FamilyTask task = task_of({});
  EXPECT_EQ(task.items.size(), 24u * 2 * 9 * 6);
  EXPECT_EQ(task.cells, 24u);
  std::set<std::vector<int32_t>> texts;
  int64_t crossed = 0;
  for (const FamilyItem& item : task.items) {
    // Questions for totals and of the same name are told apart by their text alone.
    EXPECT_TRUE(texts.insert(item.tokens).second) << text(item.problem);
    EXPECT_EQ(task.tokenizer->decode({item.tokens.back()}), absl::StrCat(item.answer));
    if (!item.crossed) continue;
    ++crossed;
    EXPECT_EQ(item.answer, copied_count(item.problem) + 1);
  }
  EXPECT_EQ(crossed, 24 * 2 * 6);  // one question of each person
}

TEST(Arms, DifferInCrossedQuestionsAlone) {
  const ReasonerConfig config;
  const FamilyTask task = task_of(config);
  const int64_t controls = 24 * 2 * 6 * 8;
  const auto count = [&](const std::string& arm, bool crossed) {
    int64_t n = 0;
    for (const int64_t i : training_items(task, arm, config, 1))
      n += task.items[static_cast<size_t>(i)].crossed == crossed;
    return n;
  };
  for (const char* arm : {"none", "mirror", "few", "full"}) EXPECT_EQ(count(arm, false), controls) << arm;
  EXPECT_EQ(count("none", true), 0);
  EXPECT_EQ(count("mirror", true), 24 * 2 * 3);
  EXPECT_EQ(count("few", true), 4 * 2 * 6);
  EXPECT_EQ(count("full", true), 24 * 2 * 6);
  for (const int64_t i : training_items(task, "mirror", config, 1)) {
    const FamilyItem& item = task.items[static_cast<size_t>(i)];
    EXPECT_TRUE(!item.crossed || !item.problem.girl);
  }
  const std::vector<size_t> few = few_cells(task);
  EXPECT_EQ(std::set<size_t>(few.begin(), few.end()).size(), 4u);
  // Hidden are pairs of a question and a cell, other ones for another seed. Crossed questions are among the
  // pairs that are drawn, so that the share of hidden controls differs a little from hidden_share.
  EXPECT_EQ(count("hidden", true), 0);
  EXPECT_NEAR(static_cast<double>(count("hidden", false)) / static_cast<double>(controls), 0.85, 0.03);
  EXPECT_NE(training_items(task, "hidden", config, 1), training_items(task, "hidden", config, 2));
}

TEST(Documents, CountTheAnswerAlone) {
  const FamilyTask task = task_of({.most_brothers = 2, .most_sisters = 2});
  for (const kit::MaskedDocument& document : documents_of(task, {0, 7, 50})) {
    for (size_t i = 0; i < document.tokens.size(); ++i)
      EXPECT_EQ(document.loss_mask[i], i + 1 == document.tokens.size());
  }
}

Reasoned made_up(const FamilyTask& task, int64_t (*said)(const FamilyItem&)) {
  Reasoned out;
  for (const FamilyItem& item : task.items) out.said.push_back(said(item)), out.probability.push_back(0.25);
  return out;
}

TEST(Judging, CountsRightAnswersCellsAndCopies) {
  const FamilyTask task = task_of({});
  const Which crossed = [&](size_t i) { return task.items[i].crossed; };
  const Reasoned copier = made_up(task, [](const FamilyItem& item) { return copied_count(item.problem); });
  EXPECT_EQ(accuracy(task, copier, crossed), 0);
  EXPECT_EQ(mean_probability(task, copier, crossed), 0.25);
  const WrongAnswers copies = wrong_answers(task, copier, crossed);
  EXPECT_EQ(copies.wrong, 24 * 2 * 6);
  EXPECT_EQ(copies.copied, 1);
  EXPECT_EQ(copies.next, 0);
  const Reasoned adder =
      made_up(task, [](const FamilyItem& item) { return item.problem.brothers + item.problem.sisters; });
  EXPECT_EQ(wrong_answers(task, adder, crossed).copied, 0);
  EXPECT_EQ(wrong_answers(task, adder, crossed).next, 1);
  const Reasoned right = made_up(task, [](const FamilyItem& item) { return item.answer; });
  EXPECT_EQ(wrong_answers(task, right, crossed).wrong, 0);
  for (const Cell& cell : cells_of(task, right, crossed)) EXPECT_EQ(cell.right, 12);
  EXPECT_EQ(cells_of(task, right, crossed).size(), 24u);
}

absl::StatusOr<Reasoned> train(const ReasonerConfig& config, const FamilyTask& task, const std::string& arm,
                               uint64_t seed) {
  return kit::quiet_run()->part(absl::StrCat(arm, "/seed", seed), [&](kit::Part& part) {
    return train_reasoner(config, task, arm, seed, part);
  });
}

TEST(Training, LearnsAndRepeatsBitForBit) {
  const ReasonerConfig config{.most_brothers = 2,
                              .most_sisters = 2,
                              .hidden = 32,
                              .layers = 1,
                              .batch = 32,
                              .steps = 120,
                              .warmup = 10,
                              .lr = 5e-3};
  const FamilyTask task = task_of(config);
  ReasonerConfig few_steps = config;
  few_steps.steps = 20;
  const auto first = train(config, task, "full", 1), again = train(config, task, "full", 1),
             other = train(few_steps, task, "full", 2), same = train(few_steps, task, "full", 1);
  ASSERT_TRUE(first.ok() && again.ok() && other.ok() && same.ok()) << first.status();
  EXPECT_EQ(first->probability, again->probability);
  EXPECT_NE(same->probability, other->probability);
  const Which all = [](size_t) { return true; };
  // Chance is about 0.25: answers are 0 to 4.
  EXPECT_GT(accuracy(task, *first, all), 0.4);
  EXPECT_EQ(first->said.size(), task.items.size());
}

}  // namespace
}  // namespace roux::alice
