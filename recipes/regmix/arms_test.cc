#include "recipes/regmix/arms.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "recipes/kit/run/quiet_run.h"
#include "recipes/kit/stats/random.h"
#include "recipes/regmix/outcomes.h"
#include "tensor/error.h"
#include "tensor/fresh_directory.h"

namespace roux::regmix {
namespace {

Config tiny() {
  Config c;
  c.proxy.decoder = {.layers = 1, .hidden = 8, .heads = 2, .intermediate = 16, .length = 16, .init_std = 0.3};
  c.large.decoder = c.proxy.decoder;
  c.proxy.steps = 4, c.large.steps = 4, c.batch = 4, c.eval_windows = 4;
  c.train_mixtures = 12, c.test_mixtures = 5, c.large_mixtures = 3, c.candidates = 500, c.best = 8;
  return c;
}

// A folder of three domains: "a" of `lines` lines, "b" of twice, "c" of three times as many.
std::string folder_of_texts(int lines = 100) {
  const std::string folder = fresh_directory();
  for (const int i : {1, 2, 3}) {
    std::ofstream file(absl::StrCat(folder, "/", std::string(1, static_cast<char>('a' + i - 1)), ".txt"));
    for (int line = 0; line < i * lines; ++line) file << "line " << line << " of text " << i << "\n";
  }
  return folder;
}

std::string error_of(const Config& config, const std::string& data) {
  const auto run = kit::quiet_run({.options = {.data = data}});
  const auto loaded = load_data(config, *run);
  EXPECT_FALSE(loaded.ok());
  return std::string(loaded.status().message());
}

TEST(Data, TheDefaultIsOfEmbeddedTexts) {
  const auto run = kit::quiet_run();
  const Config config;
  const auto data = load_data(config, *run);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->domains, 6u);
  EXPECT_EQ(data->names[data->target], "wordnet");
  EXPECT_EQ(data->names.back(), "bible_web");
  EXPECT_NEAR(std::accumulate(data->p.begin(), data->p.end(), 0.0), 1, 1e-12);
  EXPECT_LE(data->corpora[data->target].train.target_count(), 60000 * 0.9);
  // The cap binds: four times its share is less than what the sampler likes to give.
  EXPECT_LT(caps(data->p, config.max_epochs)[data->target], 0.25);
}

TEST(Data, TheUsersFolderIsAMixture) {
  const auto run = kit::quiet_run({.options = {.data = folder_of_texts()}});
  Config config = tiny();
  auto data = load_data(config, *run);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->names, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(data->target, 0u);
  EXPECT_FALSE(data->has_unseen());
  EXPECT_NEAR(data->p[2] / data->p[0], 3, 0.15);
  config.unseen = "b", config.target = "c";
  data = load_data(config, *run);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->names, (std::vector<std::string>{"a", "c", "b"}));
  EXPECT_EQ(data->domains, 2u);
  EXPECT_EQ(data->target, 1u);
  config.unseen = "", config.domains = {"c:1000", "b"}, config.target = "";
  data = load_data(config, *run);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->names, (std::vector<std::string>{"c", "b"}));
  EXPECT_LE(data->corpora[0].train.target_count(), 900);
}

TEST(Data, SlipsAreNamed) {
  const auto has = [](const std::string& error, const std::string& part) {
    EXPECT_NE(error.find(part), std::string::npos) << error;
  };
  const std::string folder = folder_of_texts();
  Config config = tiny();
  config.target = "d";
  has(error_of(config, folder), "--target=d: is none of the domains a, b, c");
  config = tiny(), config.unseen = "d";
  has(error_of(config, folder), "'d'");
  config = tiny(), config.unseen = "a", config.domains = {"a", "b"};
  has(error_of(config, folder), "--unseen=a: is a domain of the mixture");
  config = tiny(), config.domains = {"a", "a"};
  has(error_of(config, folder), "--domains: a stands there twice");
  for (const char* bad : {"a:", "a:x", "a:0", ":5", "a:1:2"}) {
    config = tiny(), config.domains = {bad, "b"};
    has(error_of(config, folder), absl::StrCat("--domains=", bad, ": NAME or NAME:BYTES is needed"));
  }
  const std::string one = fresh_directory();
  std::filesystem::copy(folder + "/a.txt", one + "/a.txt");
  has(error_of(tiny(), one), "two or more text domains are needed for a mixture, there is 1");
  has(error_of(tiny(), folder_of_texts(3)), "a (validation part): holds");
  has(error_of(tiny(), folder + "/none"), "No such file");
  config = tiny(), config.domains = {"austen_emma", "no_such_domain"};
  has(error_of(config, ""), "there is no text domain 'no_such_domain'");

  config = tiny(), config.large_mixtures = 6;
  has(std::string(config.check().message()), "large_mixtures=6, test_mixtures=5");
  config = tiny(), config.large.decoder.length = 8;
  has(std::string(config.check().message()), "proxy_length=16, large_length=8");
  config = tiny(), config.best = 501;
  has(std::string(config.check().message()), "best=501, candidates=500");
  config = tiny(), config.large.decoder.heads = 3;
  has(std::string(config.check().message()), "large: hidden=8, heads=3");
  config = tiny(), config.domains = {"a"};
  has(std::string(config.check().message()), "two or more");
}

TEST(Data, CapsAreEpochsOfARunThatIsLongerThanTheTexts) {
  const auto run = kit::quiet_run({.options = {.data = folder_of_texts()}});
  Config config = tiny();
  auto data = load_data(config, *run);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(sampler_of(config, *data).max_epochs, 4);  // 256 tokens are read: 4 p_j
  config.large.steps = 2 * data->tokens() / (config.batch * config.large.decoder.length);
  EXPECT_NEAR(sampler_of(config, *data).max_epochs, 2,
              0.05);  // twice what there is: a domain at most 4 times
  config.large.steps *= 3;
  EXPECT_NE(error_of(config, folder_of_texts()).find("max_epochs=4: the large run reads "),
            std::string::npos);
  config.max_epochs = 7;
  EXPECT_TRUE(load_data(config, *run).ok());
}

TEST(Mixtures, TestOnesAreCommonAndNeverFitted) {
  const auto run = kit::quiet_run();
  const Config config;
  const auto data = load_data(config, *run);
  ASSERT_TRUE(data.ok()) << data.status();
  const Mixtures one = mixtures_of(config, *data, 1), two = mixtures_of(config, *data, 2);
  EXPECT_EQ(one.test, two.test);
  EXPECT_EQ(one.train.size(), 48u);
  EXPECT_EQ(one.test.size(), 16u);
  for (const Mixture& mixture : one.train) {
    EXPECT_EQ(std::count(one.test.begin(), one.test.end(), mixture), 0);
    EXPECT_EQ(std::count(two.train.begin(), two.train.end(), mixture), 0);
  }
  EXPECT_EQ(one.proxies().size(), 67u);
  EXPECT_EQ(one.target_only[data->target], 1);
  EXPECT_EQ(one.natural, data->p);
}

TEST(Outcomes, ArmsAndMeasuresOfASmallRun) {
  const auto run = kit::quiet_run({.options = {.data = folder_of_texts()}});
  Config config = tiny();
  config.unseen = "b", config.min_weight = 0.02;
  const auto data = load_data(config, *run);
  ASSERT_TRUE(data.ok()) << data.status();
  // Losses that are 5 - w_0 whatever was trained: half as far along after half of the steps.
  const auto losses = [&](const Mixture& w) {
    return ProxyLosses{std::vector<double>(3, 5 - w[0] / 2), std::vector<double>(3, 5 - w[0])};
  };
  Outcomes o{.config = config, .data = *data, .seeds = {1, 2}};
  for (const uint64_t seed : o.seeds) {
    std::vector<ProxyLosses> proxies;
    for (const Mixture& w : mixtures_of(config, *data, seed).proxies()) proxies.push_back(losses(w));
    o.by_seed.push_back(outcome_of(config, *data, std::move(proxies), seed));
    const SeedOutcome& out = o.by_seed.back();
    ASSERT_EQ(out.regressions.size(), 4u);
    EXPECT_NEAR(out.regressions[0].rho_linear, 1, 1e-12);
    EXPECT_NEAR(out.regressions[0].mse_linear, 0, 1e-6);
    EXPECT_LT(out.regressions[0].effects[0], out.regressions[0].effects[1]);
    EXPECT_EQ(out.regressions[0].counts, (std::vector<int64_t>{4, 6, 9, 12}));
    EXPECT_GT(out.target.linear[0], data->p[0]);
    for (const std::string& arm : large_arms(config, *data)) {
      EXPECT_NEAR(std::accumulate(mixture_of(out, arm).begin(), mixture_of(out, arm).end(), 0.0), 1, 1e-9);
      o.large.names.push_back(absl::StrCat(arm, "/seed", seed));
      // The large models lose a nat less, and seeds differ by 0.02.
      o.large.results.push_back(
          std::vector<double>(3, 4 - mixture_of(out, arm)[0] + 0.02 * static_cast<double>(seed)));
    }
  }
  EXPECT_EQ(large_arms(config, *data).size(), 11u);
  EXPECT_EQ(mixture_of(o.by_seed[0], "nearest_only"), (Mixture{1, 0}));
  EXPECT_THROW(mixture_of(o.by_seed[0], "random_6"), Error);
  EXPECT_EQ(o.common_arms().size(), 6u);
  EXPECT_NEAR(o.rank_invariance(0, 0), 1, 1e-12);
  EXPECT_NEAR(o.rank_between_seeds(1, 0), 1, 1e-12);
  // "target_only" and "nearest_only" are "a" alone, the best of all.
  EXPECT_EQ(o.share_better("target_only", 0, 0), 0);
  EXPECT_EQ(o.share_better("nearest_only", 0, 0), 0);
  EXPECT_GE(o.share_better("regmix_unseen", 0, 2), 2.0 / 7);  // those two are better
  // The variance of an arm between two seeds is 0.02^2 / 2; only random mixtures spread.
  std::vector<double> random;
  for (const char* arm : {"random_1", "random_2", "random_3"})
    random.push_back(mixture_of(o.by_seed[0], arm)[0]);
  const auto [low, high] = std::minmax_element(random.begin(), random.end());
  EXPECT_NEAR(o.spread_over_noise(0, 0), (*high - *low) / (0.02 / std::sqrt(2)), 1e-6);
}

// Outcomes of seeds that have nothing but losses of the test mixtures and effects.
Outcomes outcomes_of(const Config& config, const Data& data, size_t seeds) {
  Outcomes o{.config = config, .data = data};
  for (size_t s = 0; s < seeds; ++s) {
    o.seeds.push_back(s + 1);
    o.by_seed.emplace_back().regressions.resize(data.domains);
    for (Regression& r : o.by_seed[s].regressions) r.effects.assign(data.domains, 0);
  }
  return o;
}

TEST(Outcomes, SeedsAreComparedInPairsOfWhichNoneCountsTwice) {
  const Config config;
  const Data data{.domains = 1};
  Outcomes o = outcomes_of(config, data, 3);
  o.by_seed[0].regressions[0].measured = {1, 2, 3};
  o.by_seed[1].regressions[0].measured = {1, 3, 2};
  o.by_seed[2].regressions[0].measured = {3, 2, 1};
  EXPECT_NEAR(o.rank_between_seeds(0, 0), 0.5, 1e-12);
  EXPECT_NEAR(o.rank_between_seeds(1, 0), -0.5, 1e-12);
  EXPECT_NEAR(o.rank_between_seeds(2, 0), -1, 1e-12);
  o.by_seed[1].regressions[0].measured = {2, 2, 2};
  EXPECT_EQ(o.rank_between_seeds(0, 0), 0);  // no order, no agreement
}

TEST(Outcomes, EffectsAreOneSidedWhereBothAreClear) {
  const Config config;
  const Data data{.domains = 3};
  Outcomes o = outcomes_of(config, data, 3);
  const auto set = [&](size_t i, size_t j, const std::vector<double>& of_seeds) {
    for (size_t s = 0; s < 3; ++s) o.by_seed[s].regressions[i].effects[j] = of_seeds[s];
  };
  set(0, 1, {0.5, 0.6, 0.7}), set(1, 0, {-0.5, -0.6, -0.7});  // clear, opposite
  set(0, 2, {0.5, 0.6, 0.7}), set(2, 0, {-0.1, -0.6, -0.9});  // the second is not clear: its deviation is 0.4
  set(1, 2, {0.5, 0.6, 0.7}), set(2, 1, {0.3, 0.4, 0.35});    // clear, alike
  EXPECT_EQ(o.clear_effect(0, 1), 1);
  EXPECT_EQ(o.clear_effect(1, 0), -1);
  EXPECT_EQ(o.clear_effect(2, 0), 0);
  EXPECT_EQ(o.one_sided_pairs(), (std::vector<double>{1, 0, 0}));
  set(1, 0, {-0.5, -0.6, 0.01});
  EXPECT_EQ(o.clear_effect(1, 0), 0);
}

TEST(Outcomes, NoiseIsNotOneSided) {
  const Config config;
  const Data data{.domains = 40};
  Outcomes o = outcomes_of(config, data, 3);
  stats::RandomStream random(1);
  for (SeedOutcome& of_seed : o.by_seed) {
    for (Regression& r : of_seed.regressions) {
      for (double& effect : r.effects) effect = random.normal();
    }
  }
  const std::vector<double> pairs = o.one_sided_pairs();  // 780; 0.3 % are expected, of signs alone 50 %
  EXPECT_LT(std::accumulate(pairs.begin(), pairs.end(), 0.0) / static_cast<double>(pairs.size()), 0.02);
}

TEST(Outcomes, EffectsAreRelativeToForeignDomains) {
  const auto run = kit::quiet_run({.options = {.data = folder_of_texts()}});
  const Config config = tiny();
  const auto data = load_data(config, *run);
  ASSERT_TRUE(data.ok()) << data.status();
  const Mixtures mixtures = mixtures_of(config, *data, 1);
  std::vector<ProxyLosses> proxies;
  for (const Mixture& w : mixtures.proxies()) {
    const std::vector<double> losses(3, 5 - 3 * w[0] + 0.5 * w[1] + 0.1 * w[2]);
    proxies.push_back({losses, losses});
  }
  const Regression of_a = regress(*data, mixtures, proxies, 0),
                   of_mean = regress(*data, mixtures, proxies, 3);
  // However large the own one is, the foreign ones are on both sides of 0.
  EXPECT_NEAR(of_a.effects[1] - of_a.effects[2], 0.4, 1e-2);
  EXPECT_NEAR(data->p[1] * of_a.effects[1] + data->p[2] * of_a.effects[2], 0, 1e-12);
  EXPECT_LT(of_a.effects[0], -3);
  EXPECT_GT(of_mean.effects[2], 0);  // of the mean of the domains there is no own one
  EXPECT_NEAR(std::inner_product(data->p.begin(), data->p.end(), of_mean.effects.begin(), 0.0), 0, 1e-12);
}

TEST(Proxies, OfOneSeedDifferByTheirMixtureAlone) {
  const auto run = kit::quiet_run({.options = {.data = folder_of_texts()}});
  Config config = tiny();
  config.unseen = "b";
  const auto data = load_data(config, *run);
  ASSERT_TRUE(data.ok()) << data.status();
  const auto train = [&](const std::string& name, const std::vector<Mixture>& mixtures, uint64_t seed) {
    return *run->part(name,
                      [&](kit::Part& part) { return train_proxies(config, *data, mixtures, seed, part); });
  };
  const auto three = train("three", {{0.5, 0.5}, {1, 0}, {0.5, 0.5}}, 1);
  ASSERT_EQ(three.size(), 3u);
  ASSERT_EQ(three[0].end.size(), 3u);
  EXPECT_EQ(three[0].end, three[2].end);
  EXPECT_NE(three[0].end, three[1].end);
  EXPECT_EQ(train("alone", {{1, 0}}, 1)[0].end, three[1].end);
  EXPECT_NE(train("other", {{1, 0}}, 2)[0].end, three[1].end);
  EXPECT_NE(three[0].half, three[0].end);
  EXPECT_GT(flops_of(config, config.proxy, 256), 0);
}

}  // namespace
}  // namespace roux::regmix
