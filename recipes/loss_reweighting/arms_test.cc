#include "recipes/loss_reweighting/arms.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "recipes/kit/run/quiet_run.h"
#include "recipes/loss_reweighting/outcomes.h"
#include "tensor/error_of.h"
#include "tensor/fresh_directory.h"

namespace roux::loss_reweighting {
namespace {

using ::testing::HasSubstr;

Config tiny() {
  Config c;
  c.decoder = {.layers = 1, .hidden = 8, .heads = 2, .intermediate = 16, .length = 16, .init_std = 0.3};
  c.batch = 4, c.steps = 10, c.eval_every = 5, c.eval_windows = 4, c.copies = 4, c.burn_in = 0.3;
  return c;
}

absl::StatusOr<Trained> train(const Config& config, const std::string& arm, uint64_t seed = 1) {
  const std::unique_ptr<kit::Run> run = kit::quiet_run();
  auto data = load_data(config, *run);
  if (!data.ok()) return data.status();
  const std::vector<Arm> all = arms(config, data->corpora.size());
  return run->part("arm/seed1", [&](kit::Part& part) {
    return train_arm(config, *data, kit::find_arm(all, arm), seed, part);
  });
}

TEST(Arms, DifferByWhatTheirNamesSay) {
  Config c;
  EXPECT_EQ(arms(c, 7).size(), 25u);
  c.ablations = true;
  std::set<std::string> seen;
  for (const Arm& arm : arms(c, 7)) {
    EXPECT_TRUE(seen.insert(arm.name).second) << arm.name;
    EXPECT_THAT(arm.name, HasSubstr(strategy_name(arm.weighting.strategy)));
  }
  EXPECT_EQ(kit::find_arm(arms(c, 7), "natural.lin_upper").weighting.r, 0.4);
  EXPECT_EQ(kit::find_arm(arms(c, 7), "natural.lin_upper.r0.2").weighting.r, 0.2);
  EXPECT_EQ(kit::find_arm(arms(c, 7), "redundant.uniform.lr2.8").lr_factor, 2.8);
  c.copied = 0.75;
  EXPECT_EQ(kit::find_arm(arms(c, 7), "natural.uniform.uncopied").rows(c), 8);
  c.batch = 2;
  EXPECT_EQ(kit::find_arm(arms(c, 7), "natural.uniform.uncopied").rows(c), 1);
  EXPECT_EQ(arms(c, 7).size(), arms(c, 3).size() + 4);  // DoGE and DoReMi are of seven domains
}

TEST(Arms, TemperatureAndBurnInFollowTheStep) {
  Config c;
  c.ablations = true, c.steps = 150;
  const std::vector<Arm> all = arms(c, 7);
  const Arm& usual = kit::find_arm(all, "natural.lin_upper");
  EXPECT_EQ(temperature(c, usual, 0), 0.4);
  EXPECT_TRUE(in_burn_in(c, usual, 7));  // 5 % of 150 steps, rounded
  EXPECT_FALSE(in_burn_in(c, usual, 8));
  EXPECT_FALSE(in_burn_in(c, kit::find_arm(all, "natural.lin_upper.no_burn_in"), 0));
  const Arm& falling = kit::find_arm(all, "natural.lin_upper.falling_r");
  EXPECT_NEAR(temperature(c, falling, 0), 4, 1e-12);
  EXPECT_NEAR(temperature(c, falling, 75), 0.4 * std::sqrt(10), 1e-12);
  EXPECT_NEAR(temperature(c, falling, 150), 0.4, 1e-12);
  EXPECT_FALSE(in_burn_in(c, falling, 0));
}

TEST(LoadData, SharesAreOfEachCondition) {
  Config c = tiny();
  c.outliers = 0.1;
  const std::unique_ptr<kit::Run> run = kit::quiet_run();
  const auto data = load_data(c, *run);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->names, c.domains);
  EXPECT_EQ(data->names[data->single], "wordnet");
  EXPECT_EQ(data->extra[0].size(), 4);
  for (const Condition condition : {Condition::kNatural, Condition::kRedundant, Condition::kSingle,
                                    Condition::kDoge, Condition::kDoremi}) {
    const std::vector<double> of = shares(c, *data, condition);
    ASSERT_EQ(of.size(), 9u);
    EXPECT_NEAR(std::accumulate(of.begin(), of.end(), 0.0), 1, 1e-12);
    EXPECT_EQ(of[7], condition == Condition::kRedundant ? 0.5 : 0);
    EXPECT_EQ(of[8], condition == Condition::kRedundant ? 0.1 : 0);
  }
  EXPECT_NEAR(shares(c, *data, Condition::kRedundant)[3], 0.4 / 7, 1e-12);
  EXPECT_EQ(shares(c, *data, Condition::kSingle)[6], 1);
  EXPECT_EQ(shares(c, *data, Condition::kDoge)[2], 0.269);
  EXPECT_EQ(shares(c, *data, Condition::kDoremi)[2], 0.381);
  // A copy is a training row of its domain.
  const std::vector<int32_t> copy = data->extra[0].window(1);
  bool found = false;
  for (int64_t row = 0; row < data->corpora[0].train.size(); ++row)
    found = found || data->corpora[0].train.window(row) == copy;
  EXPECT_TRUE(found);
}

TEST(LoadData, TheUsersFolderAndWhatIsWrongWithIt) {
  const std::string folder = fresh_directory();
  for (const char* name : {"a.txt", "b.txt"}) {
    std::ofstream file(folder + "/" + name);
    for (int i = 0; i < 200; ++i) file << name << " has a line " << i << "\n";
  }
  Config c = tiny();
  std::unique_ptr<kit::Run> run = kit::quiet_run({.options = {.data = folder}});
  auto data = load_data(c, *run);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(data->single, 1u);
  c.domains = {"b"};
  EXPECT_EQ(load_data(c, *run)->names, (std::vector<std::string>{"b"}));
  c.domains = {"b", "z"};
  EXPECT_THAT(std::string(load_data(c, *run).status().message()),
              HasSubstr("no text domain 'z'; there are a, b"));
  c.domains = Config{}.domains;
  c.single = "wordnet";
  EXPECT_THAT(std::string(load_data(c, *run).status().message()),
              HasSubstr("--single=wordnet: is none of the domains a, b"));
  c.single = "", c.copied_domain = "z";
  EXPECT_THAT(std::string(load_data(c, *run).status().message()), HasSubstr("--copied_domain=z"));
  c.copied_domain = "", c.copies = 100000;
  EXPECT_THAT(std::string(load_data(c, *run).status().message()), HasSubstr("100000"));
  c = tiny();
  c.domains = {"emma"};
  run = kit::quiet_run();
  EXPECT_THAT(std::string(load_data(c, *run).status().message()),
              HasSubstr("there is no text domain 'emma'"));
}

TEST(Settings, WhatMustFitTogether) {
  Config c = tiny();
  EXPECT_TRUE(c.check().ok());
  c.batch = 5;
  EXPECT_THAT(std::string(c.check().message()), HasSubstr("batch=5"));
  c = tiny(), c.copied = 0.7, c.outliers = 0.4;
  EXPECT_THAT(std::string(c.check().message()), HasSubstr("together they must be below 1"));
  c = tiny(), c.lr = 0;
  EXPECT_THAT(std::string(c.check().message()), HasSubstr("lr=0"));
  c = tiny(), c.domains.clear();
  EXPECT_THAT(std::string(c.check().message()), HasSubstr("--domains"));
}

TEST(TrainArm, ArmsOfASeedBeginAlikeAndPartAfterTheBurnIn) {
  Config c = tiny();
  const auto uniform = train(c, "natural.uniform"), lin_upper = train(c, "natural.lin_upper");
  ASSERT_TRUE(uniform.ok() && lin_upper.ok()) << uniform.status() << lin_upper.status();
  const std::string curve = curve_name("austen_emma");
  EXPECT_EQ(uniform->log.curves.at(curve)[0], lin_upper->log.curves.at(curve)[0]);
  EXPECT_NE(uniform->log.curves.at(curve)[2], lin_upper->log.curves.at(curve)[2]);
  EXPECT_LT(uniform->log.curves.at(curve)[2], uniform->log.curves.at(curve)[0]);
  EXPECT_EQ(uniform->log.curves.size(), 7u);
  EXPECT_EQ(uniform->weights.effective_sample_sizes, 40);
  EXPECT_LT(lin_upper->weights.effective_sample_sizes, 40);
  EXPECT_NEAR(std::accumulate(lin_upper->weights.domain_weights.begin(),
                              lin_upper->weights.domain_weights.end(), 0.0),
              10, 1e-9);
  // A run that is all burn-in is the uniform one, bit for bit.
  c.burn_in = 1;
  EXPECT_EQ(train(c, "natural.lin_upper")->log.curves, uniform->log.curves);
  EXPECT_EQ(train(c, "single.uniform")->log.curves.size(), 1u);
  EXPECT_EQ(train(c, "redundant.uniform")->log.curves.count(kCopiesCurve), 1u);
  EXPECT_NE(train(c, "natural.uniform", 2)->log.curves, uniform->log.curves);
}

TEST(ShareSaved, IsSymmetric) {
  const std::vector<int64_t> at = {0, 10, 20};
  EXPECT_EQ(share_saved(at, {4, 2, 1}, {4, 3, 2}), 0.5);
  EXPECT_EQ(share_saved(at, {4, 3, 2}, {4, 2, 1}), -0.5);
  EXPECT_EQ(share_saved(at, {4, 2, 1}, {4, 2, 1}), 0);
}

TEST(StepsToReach, InterpolatesAndEndsWithTheRun) {
  const std::vector<int64_t> at = {0, 10, 20};
  EXPECT_EQ(steps_to_reach(at, {4, 2, 1}, 3), 5);
  EXPECT_EQ(steps_to_reach(at, {4, 2, 1}, 1), 20);
  EXPECT_EQ(steps_to_reach(at, {4, 2, 1}, 0.5), 20);
  EXPECT_EQ(steps_to_reach(at, {4, 2, 3}, 2.5), 7.5);  // the first time
  EXPECT_EQ(steps_to_reach(at, {4, 2, 1}, 5), 0);
  EXPECT_THAT(error_of([] { steps_to_reach({}, {}, 1); }), HasSubstr("0 steps"));
}

}  // namespace
}  // namespace roux::loss_reweighting
