#include "recipes/continual_pretraining/arms.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>

#include "gtest/gtest.h"
#include "recipes/continual_pretraining/outcomes.h"
#include "recipes/kit/run/quiet_run.h"
#include "tensor/fresh_directory.h"

namespace roux::continual {
namespace {

Config tiny() {
  Config c;
  c.decoder = {.layers = 1, .hidden = 8, .heads = 2, .intermediate = 16, .length = 16, .init_std = 0.3};
  c.batch = 4, c.old_steps = 36, c.new_steps = 20, c.eval_every = 10, c.eval_windows = 8;
  return c;
}

TEST(Arms, AreFairAndComeAfterWhatTheyGoOnFrom) {
  const Config c;
  std::set<std::string> seen;
  for (const Arm& arm : arms(c, true)) {
    EXPECT_TRUE(seen.insert(arm.name).second) << arm.name;
    EXPECT_TRUE(arm.from.empty() || seen.count(arm.from) == 1) << arm.name;
    EXPECT_NEAR(std::accumulate(arm.shares.begin(), arm.shares.end(), 0.0), 1, 1e-12) << arm.name;
    const bool update = arm.from == "base" || arm.name == "infinite" || arm.name == "infinite_sqrt" ||
                        arm.name == "new_only" || arm.name == "near_new_only";
    EXPECT_TRUE(!update || arm.steps == c.new_steps) << arm.name;  // |D1| tokens, whatever the replay
  }
  const std::vector<Arm> all = arms(c, true);
  EXPECT_EQ(kit::find_arm(all, "union").steps, c.old_steps + c.new_steps);
  EXPECT_EQ(kit::find_arm(all, "replay_25").shares, (std::vector<double>{0.25, 0.75, 0}));
  EXPECT_EQ(kit::find_arm(all, "near_replay_5").shares, (std::vector<double>{0.05, 0, 0.95}));
  EXPECT_EQ(kit::find_arm(all, "replay_0").shares, (std::vector<double>{0, 1, 0}));
  EXPECT_NEAR(kit::find_arm(all, "union").shares[0], 2.0 / 3, 1e-12);
  for (const Arm& arm : arms(c, false)) EXPECT_EQ(arm.shares.size(), 2u) << arm.name;
}

TEST(Arms, AnUpdateRunsTheScheduleOfD0FromItsOwnStepZero) {
  Config c;
  c.new_steps = c.old_steps;
  const std::vector<Arm> all = arms(c, true);
  for (int64_t step = 0; step <= c.old_steps; ++step) {
    EXPECT_EQ(kit::find_arm(all, "replay_0").lr(step), kit::find_arm(all, "base").lr(step));
    EXPECT_EQ(kit::find_arm(all, "replay_25").lr(step), kit::find_arm(all, "base").lr(step));
  }
  EXPECT_EQ(kit::find_arm(all, "eta_min").lr(0), c.eta_max * c.eta_min_share);
  EXPECT_EQ(kit::find_arm(all, "peak_double").lr(6), 2 * c.eta_max);
  EXPECT_EQ(kit::find_arm(all, "peak_double").lr(c.new_steps),
            kit::find_arm(all, "replay_0").lr(c.new_steps));
  EXPECT_DOUBLE_EQ(kit::find_arm(all, "warmup_0").lr(0), c.eta_max);
}

TEST(Arms, InfiniteOnesAreOneScheduleWhoeverCutsIt) {
  const Config c;
  const std::vector<Arm> all = arms(c, true);
  const auto rate = [&](const char* name, int64_t step) {
    return kit::find_arm(all, name).lr(kit::find_arm(all, name).lr_step + step);
  };
  const double constant = c.rates().eta_const;
  for (const char* name : {"infinite", "infinite_sqrt"}) {
    const Arm& base = kit::find_arm(all, kit::find_arm(all, name).from);
    for (int64_t step = 0; step < c.old_steps; ++step)
      EXPECT_EQ(kit::find_arm(all, name).lr(step), base.lr(step)) << step;
    EXPECT_EQ(rate(name, 0), constant);  // no second warm-up
    EXPECT_EQ(rate(name, 255), constant);
    EXPECT_LT(rate(name, 256), constant);  // the last 15 % of 300
    EXPECT_NEAR(rate(name, 300), c.rates().eta_min, 1e-18);
  }
  for (const char* name : {"annealed_1", "annealed_2", "annealed_3"}) {
    const Arm& arm = kit::find_arm(all, name);
    EXPECT_EQ(rate(name, 0), constant);
    EXPECT_NEAR(rate(name, arm.steps), c.rates().eta_min, 1e-18);
    // It goes on from a checkpoint of that very step.
    EXPECT_EQ(kit::find_arm(all, "base_infinite").leave_at.at(arm.lr_step), arm.what);
    EXPECT_EQ(arm.skip_steps, arm.lr_step);
  }
  EXPECT_EQ(kit::find_arm(all, "annealed_3").lr_step + kit::find_arm(all, "annealed_3").steps, c.old_steps);
}

TEST(Arms, GoOnFromTheOneBase) {
  const Config c = tiny();
  const auto run = kit::quiet_run();
  const auto data = load_data(c, *run);
  ASSERT_TRUE(data.ok()) << data.status();
  ASSERT_TRUE(data->has_near());
  std::vector<Arm> some;
  for (const Arm& arm : arms(c, true)) {
    if (arm.name == "base" || arm.name == "replay_0" || arm.name == "replay_25" ||
        arm.name == "near_replay_0" || arm.name == "union")
      some.push_back(arm);
  }
  const auto results =
      run->side_by_side(kit::grid(some, {1, 2}, [&](const Arm& arm, uint64_t seed, kit::Part& part) {
        return train_arm(c, *data, arm, seed, part);
      }));
  ASSERT_TRUE(results.ok()) << results.status();
  const Outcomes o(some, *results, 2);
  for (size_t s = 0; s < 2; ++s) {
    for (const char* arm : {"replay_0", "replay_25"}) {
      EXPECT_EQ(o.curve(arm, s, kOld).front(), o.curve("base", s, kOld).back());
      EXPECT_EQ(o.curve(arm, s, kNew).front(), o.curve("base", s, kNew).back());
      EXPECT_EQ(o.of(arm, s).rows[kOld] + o.of(arm, s).rows[kNew], c.new_steps * c.batch);
    }
    EXPECT_EQ(o.curve("near_replay_0", s, kNear).front(), o.curve("base", s, kNear).back());
    EXPECT_EQ(o.of("replay_0", s).rows, (std::vector<int64_t>{0, 80, 0}));
    EXPECT_NEAR(static_cast<double>(o.of("replay_25", s).rows[kOld]), 20, 4);
    EXPECT_NEAR(static_cast<double>(o.of("union", s).rows[kOld]), 36 * 4, 4);
  }
  EXPECT_NE(o.losses("base", 0, kNew).old_domain, o.losses("base", 1, kNew).old_domain);
  EXPECT_NEAR(o.mean_losses("base", kNew).mean(),
              (o.losses("base", 0, kNew).mean() + o.losses("base", 1, kNew).mean()) / 2, 1e-12);
}

TEST(Settings, ThatDoNotFitAreRefused) {
  EXPECT_TRUE(Config().check().ok());
  EXPECT_TRUE(tiny().check().ok());
  Config c;
  c.anneal = 0.5;  // of 200 steps, behind 6 and 150
  EXPECT_EQ(c.check().message(),
            "old_steps=600, warmup=0.01, cooldown=0.25, anneal=0.5: a third of D0's steps must hold warm-up, "
            "cool-down and an anneal");
  c = Config();
  c.eta_const_share = 0.05;
  EXPECT_FALSE(c.check().ok());
  c = Config();
  c.eta_max = 0;
  EXPECT_EQ(c.check().message(), "eta_max=0: a peak above 0 is needed");
  c = Config();
  c.new_text.clear();
  EXPECT_EQ(c.check().message(), "--old and --new need a text domain each");
  for (c = Config(), c.old_steps = 12; c.old_steps < 200; ++c.old_steps) {
    EXPECT_TRUE(!c.check().ok() || !arms(c, true).empty());  // no schedule throws
  }
}

void write(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << text;
}

TEST(UsersData, TwoTextsOrFoldersOrNamesOfMore) {
  const std::string folder = fresh_directory();
  write(folder + "/two/a.txt", std::string(5000, 'a'));
  write(folder + "/two/b/1.txt", std::string(3000, 'b'));
  write(folder + "/two/b/2.txt", std::string(3000, 'b'));
  const auto description = [&](const std::string& path, const Config& config = tiny()) {
    const auto data = load_data(config, *kit::quiet_run({.options = {.data = path}}));
    if (!data.ok()) return std::string(data.status().message());
    std::string all;
    for (const kit::Corpus& corpus : data->corpora) all += corpus.description + "; ";
    return all;
  };
  EXPECT_EQ(description(folder + "/two"), "a (5000 bytes); b (6002 bytes); ");
  Config other_texts = tiny();  // another preset's: names of the kit's domains
  other_texts.old_text = {"manpages"}, other_texts.new_text = {"manpages_de"};
  other_texts.near_text = {"bible_web"};
  EXPECT_EQ(description(folder + "/two", other_texts), "a (5000 bytes); b (6002 bytes); ");
  EXPECT_EQ(description(folder + "/two/b," + folder + "/two/a.txt"), "b (6002 bytes); a (5000 bytes); ");
  EXPECT_EQ(description(folder + "/two/a.txt"),
            "--data=" + folder +
                "/two/a.txt: two text domains are needed, a folder with two texts "
                "or folders, or OLD,NEW");
  write(folder + "/two/c.txt", std::string(4000, 'c'));
  EXPECT_EQ(
      description(folder + "/two"),
      "--data=" + folder + "/two: holds 3 text domains, two are needed; --old=NAME --new=NAME say which");
  Config chosen = tiny();
  chosen.old_text = {"c", "a"}, chosen.new_text = {"b"};
  EXPECT_EQ(description(folder + "/two", chosen), "c (4000 bytes) + a (5000 bytes); b (6002 bytes); ");
  chosen.near_text = {"a"};
  EXPECT_EQ(description(folder + "/two", chosen),
            "c (4000 bytes) + a (5000 bytes); b (6002 bytes); a (5000 bytes); ");
  Config one = tiny(), near_only = tiny();
  one.old_text = {"a"}, near_only.near_text = {"a"};
  for (const Config& config : {one, near_only}) {
    EXPECT_EQ(description(folder + "/two", config),
              "--data=" + folder + "/two: --old=NAME and --new=NAME are needed both; there are a, b, c");
  }
  const std::string paths = folder + "/two/b," + folder + "/two/a.txt";
  EXPECT_EQ(description(paths, chosen), "--data=" + paths +
                                            ": --old, --new and --near name text domains of a folder, these "
                                            "are two paths");
  chosen.new_text = {"d"};
  EXPECT_EQ(description(folder + "/two", chosen), "there is no text domain 'd'; there are a, b, c");
  write(folder + "/short/a.txt", "a short text"), write(folder + "/short/b.txt", "another");
  EXPECT_NE(description(folder + "/short").find("a (training part): holds"), std::string::npos);
}

}  // namespace
}  // namespace roux::continual
