#include "recipes/salt/arms.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "recipes/kit/run/quiet_run.h"
#include "recipes/salt/claims.h"
#include "tensor/fresh_directory.h"

namespace roux::salt {
namespace {

Config tiny() {
  Config c;
  c.student = {.layers = 1, .hidden = 16, .heads = 2, .intermediate = 32, .length = 16, .init_std = 0.25};
  c.teacher_hidden = 16, c.batch = 4, c.steps = 20, c.teacher_steps = 12, c.early_steps = 4;
  c.kd_share = 0.3, c.eval_windows = 12, c.regime = "limited", c.limited_bytes = 4000;
  return c;
}

TEST(Arms, HaveTheirStepsAndTeachers) {
  const Config c;
  std::map<std::string, Arm> all;
  for (const Arm& arm : arms(c, 256)) {
    EXPECT_TRUE(arm.from.empty() || all.count(arm.from) == 1) << arm.name;  // teachers come first
    EXPECT_TRUE(all.emplace(arm.name, arm).second) << arm.name;
  }
  EXPECT_EQ(all.at("baseline").omega.kd_steps(), 0);
  EXPECT_EQ(all.at("rkd").omega.kd_steps(), c.steps);
  EXPECT_EQ(all.at("salt").omega.kd_steps(), 102);  // 17 % of 600
  EXPECT_EQ(all.at("salt_70").steps, 420);
  EXPECT_EQ(all.at("salt_70").omega.kd_steps(), 71);
  EXPECT_EQ(all.at("salt_ds").omega.kd_steps(), 102);
  EXPECT_EQ(all.at("ds_only").omega.kd_steps(), 0);
  EXPECT_TRUE(all.at("salt_ds").selects && all.at("ds_only").selects && !all.at("salt").selects);
  const Compute compute = c.compute(256);
  EXPECT_EQ(all.at("baseline_flops").steps, compute.baseline_steps(600, 102));
  EXPECT_GT(all.at("baseline_flops").steps, 600);
  // As much weight on the teacher as a step.
  for (const char* name : {"salt_linear", "salt_ratio"}) {
    double sum = 0;
    for (int64_t s = 0; s < c.steps; ++s) sum += all.at(name).omega(s);
    EXPECT_NEAR(sum, 102 * c.omega, 1) << name;
    EXPECT_LT(all.at(name).omega.constant_steps, 102);
    EXPECT_GT(all.at(name).omega.kd_steps(), 102);
  }
  Config main = c;
  main.arms = "main";
  EXPECT_LT(arms(main, 256).size(), all.size());
}

// What a part recorded of every step and evaluation: losses, norms of gradients, rates.
std::vector<std::string> metrics_of(kit::Run& run, const std::string& part) {
  std::ifstream file(run.path("metrics.jsonl"));
  const std::string key = "\"part\":\"" + part + "\"";
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    const size_t at = line.find(key);
    if (at != std::string::npos) lines.push_back(line.erase(at, key.size()));
  }
  return lines;
}

// BASELINE is SALT without stage 1, RKD is SALT with nothing else; the teacher is asked in stage 1 alone.
TEST(Arms, AtBothEndsSaltIsBaselineAndReverseDistillation) {
  const Config c = tiny();
  const auto run = kit::quiet_run();
  const auto corpus = load_data(c, *run);
  ASSERT_TRUE(corpus.ok()) << corpus.status();
  std::vector<Arm> some;
  for (const Arm& arm : arms(c, corpus->tokenizer.vocab_size())) {
    if (arm.name == "salt") {
      for (const auto& [name, steps] : {std::pair{"nothing", 0}, std::pair{"everything", 20}}) {
        some.push_back(arm);
        some.back().name = name, some.back().omega.constant_steps = steps;
      }
    }
    if (arm.name == "teacher" || arm.name == "baseline" || arm.name == "rkd" || arm.name == "salt" ||
        arm.name == "salt_ds" || arm.name == "ds_only")
      some.push_back(arm);
  }
  const auto results =
      run->side_by_side(kit::grid(some, {1, 2}, [&](const Arm& arm, uint64_t seed, kit::Part& part) {
        return train_arm(c, *corpus, arm, seed, part);
      }));
  ASSERT_TRUE(results.ok()) << results.status();
  for (const char* seed : {"/seed1", "/seed2"}) {
    const auto metrics = [&](const std::string& arm) { return metrics_of(*run, arm + seed); };
    EXPECT_GE(metrics("baseline").size(), 20u);
    EXPECT_EQ(metrics("nothing"), metrics("baseline"));
    EXPECT_EQ(metrics("everything"), metrics("rkd"));
    EXPECT_NE(metrics("salt"), metrics("rkd"));
  }
  for (const char* curve : {"validation_loss", "easy_loss", "medium_loss", "hard_loss"}) {
    for (const double share : {0.0, 0.3, 0.5, 1.0}) {
      const auto at = [&](const char* arm) { return values_at(*results, arm, curve, share); };
      EXPECT_EQ(at("nothing"), at("baseline")) << curve << share;
      EXPECT_EQ(at("everything"), at("rkd")) << curve << share;
      // The same first weights, and until n_KD the same steps as RKD.
      EXPECT_EQ(at("salt") == at("baseline"), share == 0) << curve << share;
      EXPECT_EQ(at("salt") == at("rkd"), share <= 0.3) << curve << share;
      EXPECT_EQ(at("salt_ds") == at("salt"), share == 0) << curve << share;
    }
    EXPECT_LT(final_losses(*results, "baseline", "easy_loss")[0],
              final_losses(*results, "baseline", "hard_loss")[0]);
  }
  const auto forwards = [&](const char* arm) {
    return results->values(arm, [](const Outcome& o) { return static_cast<double>(o.teacher_forwards); });
  };
  EXPECT_EQ(forwards("baseline"), (std::vector<double>{0, 0}));
  EXPECT_EQ(forwards("ds_only"), (std::vector<double>{0, 0}));
  EXPECT_EQ(forwards("salt"), (std::vector<double>{6, 6}));
  EXPECT_EQ(forwards("rkd"), (std::vector<double>{20, 20}));
  const std::vector<TeacherGate> gate = gates(c, *results);
  ASSERT_EQ(gate.size(), 2u);
  EXPECT_EQ(gate[1].teacher, final_losses(*results, "teacher")[1]);
  EXPECT_EQ(gate[1].baseline_at_switch, values_at(*results, "baseline", "validation_loss", 0.3)[1]);
  for (const double ratio :
       results->values("baseline", [](const Outcome& o) { return o.soft_variance / o.one_hot_variance; })) {
    EXPECT_GT(ratio, 0);
    EXPECT_LT(ratio, 1);
  }
}

// The claims of a run in which a teacher and the arms ended so, on seeds whose losses are 0.01 apart;
// BASELINE is at 3 when stage 1 ends.
std::vector<kit::Claim> judged(double teacher, const std::map<std::string, std::vector<double>>& ends = {}) {
  Results results;
  for (const uint64_t seed : {1, 2, 3}) {
    for (const Arm& arm : arms(Config(), 256)) {
      Outcome outcome;
      outcome.log.at = {0, 102, 180, 600}, outcome.log.steps = 600, outcome.one_hot_variance = 1;
      double end = 2.0 + 0.01 * static_cast<double>(seed);
      if (arm.teaches) end = teacher;
      if (ends.count(arm.name) == 1) end += ends.at(arm.name)[seed - 1];
      for (const char* curve : {"validation_loss", "easy_loss", "medium_loss", "hard_loss"})
        outcome.log.curves[curve] = {5, 3, 2.5, end};
      results.names.push_back(arm.name + "/seed" + std::to_string(seed));
      results.results.push_back(std::move(outcome));
    }
  }
  const auto run = kit::quiet_run();
  EXPECT_TRUE(judge(Config(), results, "made up", *run).ok());
  return run->claims();
}

std::vector<std::string> refused(const std::vector<kit::Claim>& claims, const std::string& why) {
  std::vector<std::string> texts;
  for (const kit::Claim& claim : claims) {
    if (claim.not_testable.find(why) != std::string::npos)
      texts.push_back(claim.text.substr(0, claim.text.find(':')));
  }
  return texts;
}

// A teacher that is better than BASELINE gets: distilling to the end is ordinary distillation. One that is
// no better than BASELINE when stage 1 ends cannot help.
TEST(Claims, NeedATeacherInBetween) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(refused(judged(1.9), "teacher is no weaker"),
            (Texts{"RKD ends behind BASELINE", "RKD ends behind SALT"}));
  EXPECT_EQ(refused(judged(1.9), "teacher is no better"), Texts{});
  EXPECT_EQ(refused(judged(2.1), "teacher is no"), Texts{});
  EXPECT_EQ(refused(judged(3), "teacher is no better"),
            (Texts{"SALT is ahead of BASELINE when stage 1 ends", "SALT ends below BASELINE at equal steps",
                   "SALT at 70 % of the steps, its schedule complete, is at most at BASELINE's loss",
                   "SALT is down at BASELINE's final loss after at most 90 % of the steps",
                   "RKD is ahead of BASELINE at 30 % of the steps",
                   "SALT is below BASELINE at equal cost, the teacher's forwards counted",
                   "SALT at 70 % of the steps is below BASELINE at 70 %"}));
  for (const kit::Claim& claim : judged(3)) EXPECT_FALSE(claim.asserted && claim.not_testable.empty());
}

// "Level with SALT" is measured by SALT's gain: an arm without any gain is not level, and where seeds do not
// separate the gain from 0 nothing is said.
TEST(Claims, OfBeingLevelCountInGains) {
  const std::vector<double> gain = {-0.020, -0.021, -0.019}, near = {-0.018, -0.019, -0.017};
  const auto claims = judged(2.1, {{"salt", gain}, {"salt_ds", near}, {"salt_30", {-0.018, -0.030, -0.006}}});
  std::map<std::string, std::string> verdicts;
  for (const kit::Claim& claim : claims) {
    const size_t place = claim.text.find(" ends level with SALT");
    if (place != std::string::npos)
      verdicts[claim.text.substr(0, place)] = kit::verdict_name(kit::verdict(claim));
  }
  EXPECT_EQ(verdicts.size(), 6u);
  EXPECT_EQ(verdicts["SALT_DS"], "holds");                    // a tenth of the gain behind
  EXPECT_EQ(verdicts["n_KD of 10 % of the steps"], "fails");  // as BASELINE
  EXPECT_EQ(verdicts["n_KD of 30 % of the steps"], "not separated");
  EXPECT_EQ(refused(judged(2.1, {{"salt", {-0.02, 0.001, -0.04}}}), "gain is not separated").size(), 6u);
}

TEST(Settings, ThatDoNotFitAreRefused) {
  EXPECT_TRUE(Config().check().ok());
  EXPECT_TRUE(tiny().check().ok());
  Config c;
  c.teacher_hidden = 24;
  EXPECT_EQ(c.check().message(), "teacher_hidden=24: a multiple of 16 is needed");
  c = Config();
  c.early_steps = c.teacher_steps;
  EXPECT_NE(c.check().message().find("the early teacher comes before"), std::string::npos);
  c = Config();
  c.texts.clear();
  EXPECT_EQ(c.check().message(), "--texts needs a text domain");
}

TEST(UsersData, IsATextOrAFolder) {
  const std::string folder = fresh_directory();
  std::filesystem::create_directories(folder + "/two");
  std::ofstream(folder + "/two/a.txt") << std::string(6000, 'a');
  std::ofstream(folder + "/two/b.txt") << std::string(7000, 'b');
  Config c = tiny();
  c.regime = "one_pass";
  const auto description = [&](const std::string& path) {
    const auto data = load_data(c, *kit::quiet_run({.options = {.data = path}}));
    return data.ok() ? data->description : std::string(data.status().message());
  };
  EXPECT_EQ(description(folder + "/two"), "a (6000 bytes) + b (7000 bytes)");
  EXPECT_EQ(description(folder + "/two/b.txt"), "b (7000 bytes)");
  c.regime = "limited";
  EXPECT_EQ(description(folder + "/two"), "a (4000 bytes) + b (4000 bytes)");
  c.limited_bytes = 10;
  EXPECT_EQ(description(folder + "/two"),
            "a + b (validation part): holds 2 tokens, one window of 16 needs 17; take a shorter window or "
            "more text");
  const auto equal = load_data(Config(), *kit::quiet_run());  // the named texts in equal shares
  ASSERT_TRUE(equal.ok());
  const std::string bytes = "(131209 bytes)";
  EXPECT_EQ(equal->description, "austen_emma " + bytes + " + web_luke_john " + bytes + " + bible_kjv " +
                                    bytes + " + wordnet " + bytes);
}

}  // namespace
}  // namespace roux::salt
