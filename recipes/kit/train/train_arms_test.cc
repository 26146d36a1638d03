#include "recipes/kit/train/train_arms.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "recipes/kit/run/quiet_run.h"
#include "recipes/kit/train/show_first_batch.h"
#include "recipes/kit/train/validation.h"
#include "tensor/error_of.h"

namespace roux::kit {
namespace {

struct Arm {
  std::string name, from;
  int64_t steps;
};
const std::vector<Arm> kArms = {{"base", "", 4}, {"more", "base", 8}};

absl::StatusOr<double> result_of(const Arm& arm, uint64_t seed, Part&) {
  return static_cast<double>(100 * arm.steps) + static_cast<double>(seed);
}

// What the report of a run that ended early says.
std::string stopped(Run& run) {
  EXPECT_FALSE(run.stopped(absl::CancelledError("enough")).ok());
  std::ifstream in(run.path("report.html"));
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(TrainArms, GivesTheResultOfEachArmAndSeedAndAnnouncesTheSteps) {
  RunSetup setup;
  setup.options.seeds = 2;
  const auto run = quiet_run(setup), other = quiet_run(setup);
  const auto results = train_arms(*run, kArms, result_of);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(results->names,
            (std::vector<std::string>{"base/seed1", "more/seed1", "base/seed2", "more/seed2"}));
  EXPECT_EQ(results->results, (std::vector<double>{401, 801, 402, 802}));
  EXPECT_NE(stopped(*run).find("after step 0 of 24"), std::string::npos);
  ASSERT_TRUE(train_arms(*other, kArms, 10, result_of).ok());
  EXPECT_NE(stopped(*other).find("after step 0 of 20"), std::string::npos);
}

TEST(FindArm, ThrowsForANameThatThereIsNot) {
  EXPECT_EQ(&find_arm(kArms, "more"), &kArms[1]);
  EXPECT_EQ(error_of([] { find_arm(kArms, "most"); }), "no arm is called most");
}

// What is printed of a run that is not quiet.
template <class F>
std::string printed(F f) {
  RunSetup setup;
  setup.info.slug = "test";
  setup.preset.name = "test";
  setup.settings = "{}";
  setup.options.out = fresh_directory() + "/out";
  const auto run = *Run::open(std::move(setup));
  testing::internal::CaptureStdout();
  const absl::Status status = f(*run);
  const std::string text = testing::internal::GetCapturedStdout();
  return status.ok() ? text : std::string(status.message());
}

TEST(ShowFirstBatch, PrintsTheRowsOfTheLoaders) {
  std::vector<Corpus> corpora;
  for (const char letter : {'a', 'b'}) {
    const auto corpus = corpus_of({{"text", std::string(400, letter)}}, {.length = 8});
    ASSERT_TRUE(corpus.ok()) << corpus.status();
    corpora.push_back(*corpus);
  }
  EXPECT_NE(printed([&](auto& run) { return show_first_batch(run, corpora[0], 4); }).find("aaaaaaa"),
            std::string::npos);
  const std::string mixed = printed([&](auto& run) {
    return show_first_batch(run, training_sets(corpora), {0, 1}, 4);
  });
  EXPECT_NE(mixed.find("bbbbbbb"), std::string::npos);
  EXPECT_EQ(mixed.find("aaaaaaa"), std::string::npos);
  EXPECT_NE(
      printed([&](auto& run) { return show_first_batch(run, corpora[0], 0); }).find("global batch is 0"),
      std::string::npos);
  EXPECT_NE(printed([&](auto& run) {
              return show_first_batch(run, training_sets(corpora), {1}, 4);
            }).find("2 domains and 1 shares"),
            std::string::npos);
}

TEST(ValidationSet, HasFixedRows) {
  const Corpus corpus = *stand_in_corpus(6, 8);
  const auto set = validation_set("dev", corpus.validation, 3);
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_EQ(set->name, "dev");
  EXPECT_EQ(set->windows, &corpus.validation);
  EXPECT_EQ(set->rows, *corpus.validation.fixed_rows(3));
  EXPECT_EQ(validation_set("dev", corpus.validation, 7).status(), corpus.validation.fixed_rows(7).status());
}

}  // namespace
}  // namespace roux::kit
