#include "recipes/llm_datasets_survey/arms.h"

#include <gtest/gtest.h>

#include <set>

#include "recipes/kit/run/quiet_run.h"

namespace roux::llm_datasets_survey {
namespace {

Config tiny() {
  Config c;
  c.decoder = {.layers = 1, .hidden = 16, .heads = 2, .intermediate = 32, .length = 48, .init_std = 0.25};
  c.steps = 6, c.batch = 4, c.instruct_steps = 4, c.reward_steps = 200, c.reward_pairs = 32,
  c.text_bytes = 8000;
  c.eval_windows = 4, c.candidates = 4;
  return c;
}

TEST(Instructions, KeepIdSourceAndLabel) {
  const kit::Example item = instruction_of(7, "heron", "grey bird", "animal");
  EXPECT_EQ(item, (kit::Example{.id = "wordnet-n-7",
                                .prompt = "heron: grey bird\nkind: ",
                                .response = "animal.",
                                .label = "animal",
                                .source = "wordnet"}));
  EXPECT_LE(instruction_of(7, "x", std::string(500, 'a'), "person").prompt.size(), 80u);
}

// Tuning items and questions are apart; corpora differ by what was done to them alone.
TEST(Data, OfEverySeed) {
  const auto run = kit::quiet_run();
  const auto data = load_data(tiny(), *run);
  ASSERT_TRUE(data.ok()) << data.status();
  std::set<std::string> tuned;
  for (const kit::Example& item : data->instructions) tuned.insert(item.id);
  for (const kit::Example& item : data->questions) EXPECT_FALSE(tuned.contains(item.id));
  EXPECT_GT(data->questions.size(), 100u);
  EXPECT_EQ(data->leaked.size(), data->questions.size());
  const auto size = [&](const char* arm) { return data->train.at(arm).size(); };
  EXPECT_LT(size("both"), size("filter"));
  EXPECT_LT(size("both"), size("dedup"));
  EXPECT_LT(size("filter"), size("raw"));
  EXPECT_NEAR(static_cast<double>(size("random")), static_cast<double>(size("both")), 50);
}

// By hand: means 2, 0, 0 and -1; the votes about the second and the third are a tie too.
TEST(Votes, PairsOfThreeKinds) {
  const std::vector<kit::RatedText> rated = {{.text = "a", .ratings = {2, 2}},
                                             {.text = "b", .ratings = {1, -1}},
                                             {.text = "c", .ratings = {-1, 1}},
                                             {.text = "d", .ratings = {-1, -1}},
                                             {.text = "e", .ratings = {9, 9}}};
  const PairForms forms = pair_forms(rated, 4);
  EXPECT_EQ(forms.words, 4);
  EXPECT_EQ(forms.sorts, 6);
  EXPECT_EQ(forms.scores, 5);
  EXPECT_EQ(forms.votes, 5);
  EXPECT_EQ(forms.agree, 1);
  EXPECT_EQ(forms.agree_far, 1);
}

// Kappa of two classes of equal size is 2 accuracy - 1; people agree with each other more than by chance.
TEST(Reward, LearnsFromVotes) {
  const auto run = kit::quiet_run();
  const Config c = tiny();
  const auto data = load_data(c, *run);
  ASSERT_TRUE(data.ok()) << data.status();
  const auto outcome =
      run->part("reward/seed1", [&](kit::Part& part) { return train_reward(c, data->rated, 1, part); });
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  const double accuracy = outcome->scores.at("accuracy");
  EXPECT_GT(accuracy, 0.53);
  EXPECT_NEAR(outcome->scores.at("model_kappa"), 2 * accuracy - 1, 0.05);
  EXPECT_GT(outcome->scores.at("person_kappa"), 0.5);
}

TEST(Settings, ThatDoNotFitAreRefused) {
  EXPECT_TRUE(Config().check().ok());
  Config c;
  c.decoder.length = 32;
  EXPECT_EQ(c.check().message(), "length=32: planted secrets need 48 tokens");
  c = Config();
  c.texts.clear();
  EXPECT_FALSE(c.check().ok());
}

}  // namespace
}  // namespace roux::llm_datasets_survey
