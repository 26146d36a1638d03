#include "recipes/icl_uncertainty/arms.h"

#include <gtest/gtest.h>

#include <cmath>

#include "recipes/kit/run/quiet_run.h"

namespace roux::icl_uncertainty {
namespace {

Config tiny() {
  Config c;
  c.model = {.layers = 1, .hidden = 8, .heads = 2, .length = 16, .init_std = 0.3};
  c.pairs = 8, c.batch = 4, c.steps = 3, c.warmup = 1, c.many = 16;
  c.test_prompts = 16;
  return c;
}

TEST(Domains, TheFirstReferenceIsTheLawsOwn) {
  const Domains domains = make_domains(tiny());
  for (const auto& [group, list] : domains) {
    for (const Domain& domain : list) {
      ASSERT_FALSE(domain.references.empty());
      const std::vector<double> own = domain.nll_by_position(domain.references[0].first);
      for (const double value : own) EXPECT_TRUE(std::isfinite(value)) << group << "/" << domain.name;
    }
  }
  // Prompts of twice the length begin as those of the training length; other inputs have the same tasks.
  const Domain &same = domains.at("free")[0], &longer = domains.at("free").back();
  EXPECT_EQ(longer.prompts.length, 16);
  EXPECT_EQ(same.prompts.y_at(3, 7), longer.prompts.y_at(3, 7));
  EXPECT_EQ(same.sigma, longer.sigma);
}

TEST(Arms, TrainOnTheirLawsAndShareWeights) {
  Config config = tiny();
  EXPECT_EQ(arms(config).size(), 6);
  config.arms.push_back("mean_only");
  const Domains domains = make_domains(config);
  const auto run = kit::quiet_run();
  std::map<std::string, Outcome> outcomes;
  for (const Arm& arm : arms(config)) {
    const auto outcome = run->part(arm.name + "/seed1",
                                   [&](kit::Part& part) { return train_arm(config, domains, arm, 1, part); });
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    outcomes[arm.name] = *outcome;
    for (const Domain& domain : domains.at(arm.judged_on))
      EXPECT_EQ(static_cast<int64_t>(outcome->curves.at(domain.name + "/nll").size()), domain.prompts.length);
  }
  EXPECT_EQ(outcomes.size(), 7);
  EXPECT_GT(outcomes["icl"].numbers.at("coverage"), 0.3);
  EXPECT_TRUE(outcomes["tied"].curves.contains("exchanged/low_ratio"));
}

TEST(Config, RefusesWhatDoesNotFit) {
  Config config = tiny();
  EXPECT_TRUE(config.check().ok());
  config.pairs = 6;
  EXPECT_NE(config.check().message().find("pairs=6"), std::string::npos);
  config = tiny(), config.model.length = 15;
  EXPECT_FALSE(config.check().ok());
  config = tiny(), config.sigma_high = config.sigma_low;
  EXPECT_FALSE(config.check().ok());
  config = tiny(), config.sigmas = {};
  EXPECT_NE(config.check().message().find("sigmas= is empty"), std::string::npos);
  config.prior = "tied";
  EXPECT_TRUE(config.check().ok());
  config.arms = {};
  EXPECT_FALSE(config.check().ok());
}

}  // namespace
}  // namespace roux::icl_uncertainty
