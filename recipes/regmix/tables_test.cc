#include "recipes/regmix/tables.h"

#include <cmath>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tensor/fresh_directory.h"
#include "tensor/io/json_value.h"
#include "tests/golden/recipe_values.h"

namespace roux::regmix {
namespace {

using Files = std::map<std::string, std::string>;

std::string folder_of(const Files& files) {
  const std::string folder = fresh_directory();
  for (const auto& [name, text] : files) std::ofstream(folder + "/" + name) << text;
  return folder;
}

Files reference_files() {
  const golden::Values files = golden::Values::of_recipe("regmix")["published"]["files"];
  Files out;
  for (const char* kind : {"train", "test"}) {
    for (const char* what : {"_mixture_", "_pile_loss_"}) {
      for (const char* size : {"1m", "60m", "1B"}) {
        const std::string name = absl::StrCat(kind, what, size, ".csv");
        if (files.has(name)) out[name] = files[name].text();
      }
    }
  }
  return out;
}

std::string error_of(const Files& files) {
  const auto read = read_published(folder_of(files));
  EXPECT_FALSE(read.ok());
  return std::string(read.status().message());
}

// Two domains, w and 1 - w; the losses are 4 + w and w (1.01 - w).
Files two_domains() {
  std::string weights = "index,train_the_pile_a,train_the_pile_b\n";
  std::string losses = "index,metric/the_pile_a_val_loss,metric/curved_val_loss\n";
  for (int i = 0; i <= 40; ++i) {
    const double w = i / 40.0;
    absl::StrAppend(&weights, i, ",", w, ",", 1 - w, "\n");
    losses += absl::StrCat(i, ",", 4 + w, ",", w * (1.01 - w), "\n");
  }
  return {{"train_mixture_1m.csv", weights},
          {"train_pile_loss_1m.csv", losses},
          {"test_mixture_60m.csv", weights},
          {"test_pile_loss_60m.csv", losses}};
}

TEST(Tables, CorrelationsAreThoseOfTheReference) {
  const Files files = reference_files();
  EXPECT_EQ(files.size(), 6u);
  const auto tables = read_published(folder_of(files));
  ASSERT_TRUE(tables.ok()) << tables.status();
  EXPECT_EQ(tables->domains, (std::vector<std::string>{"pile_cc", "github", "enron_emails"}));
  EXPECT_EQ(tables->targets, (std::vector<std::string>{"github", "pile_cc"}));
  EXPECT_EQ(tables->train.mixtures.rows, 96);
  EXPECT_EQ(tables->tests.size(), 2u);
  std::vector<TargetFit> fits;
  for (const std::string& target : tables->targets) fits.push_back(fit_target(*tables, target));
  const JsonValue json =
      *parse_json_value(table_json(*tables, fits, best_mixture(*tables, fits[1])), "table.json");
  const golden::Values expected = golden::Values::of_recipe("regmix")["published"]["spearman"];
  for (const std::string& target : tables->targets) {
    for (const char* model : {"linear", "trees"}) {
      for (const char* set : {"1m", "1B"}) {
        EXPECT_NEAR(json.find(target)->find(model)->find(set)->number(),
                    expected[target][model][set].number(), 1e-12)
            << target << " " << model << " " << set;
      }
    }
  }
  double sum = 0;
  for (const std::string& domain : tables->domains) sum += json.find("best_mixture")->find(domain)->number();
  EXPECT_NEAR(sum, 1, 1e-9);
  EXPECT_EQ(json.members().size(), 3u);
  // Domains of the Pile, its shares; the sum of these three is 0.340371.
  EXPECT_NEAR(prior_of(*tables)[0], 0.236869 / 0.340371, 1e-9);
}

TEST(Tables, KnownAnswers) {
  const auto tables = read_published(folder_of(two_domains()));
  ASSERT_TRUE(tables.ok()) << tables.status();
  EXPECT_EQ(tables->targets, (std::vector<std::string>{"a", "curved"}));
  const TargetFit line = fit_target(*tables, "a"), curve = fit_target(*tables, "curved");
  EXPECT_NEAR(line.quality.at("linear").at("60m").spearman, 1, 1e-12);
  EXPECT_LT(line.quality.at("linear").at("60m").mean_squared_error, 1e-8);
  EXPECT_NEAR(line.effects[0] - line.effects[1], 1, 1e-3);
  EXPECT_NEAR(line.effects[0] + line.effects[1], 0, 1e-9);  // the prior is even: the mean mixture
  EXPECT_LT(best_mixture(*tables, line)[0], 0.1);
  // A parabola: no line has its ranks, trees do.
  EXPECT_LT(std::abs(curve.quality.at("linear").at("60m").spearman), 0.2);
  EXPECT_GT(curve.quality.at("trees").at("60m").spearman, 0.9);
  EXPECT_NEAR(*rank_invariance(tables->train, tables->tests[0], "a"), 1, 1e-12);
  EXPECT_FALSE(rank_invariance(tables->train, tables->tests[0], "none").has_value());
}

TEST(Tables, RanksAreComparedAtEqualMixturesAlone) {
  const MeasuredSet a{
      "1m", {"1", "2", "3", "4"}, as_rows({{0, 1}, {0.2, 0.8}, {0.5, 0.5}, {1, 0}}), {{"t", {1, 2, 3, 4}}}};
  MeasuredSet b{"60m",
                {"4", "3", "1", "2"},
                as_rows({{1, 0}, {0.5, 0.5}, {0, 1}, {0.3, 0.7}}),
                {{"t", {9, 8, 1, 100}}}};
  EXPECT_NEAR(*rank_invariance(a, b, "t"), 1, 1e-12);  // index 2 has other weights
  b.index[0] = "5";
  EXPECT_FALSE(rank_invariance(a, b, "t").has_value());
}

TEST(Tables, AnySubsetOfRowsAndColumnsWillDo) {
  Files files = two_domains();
  // A file without a weight and without a target; the training table without its first rows.
  std::string weights = "index,train_the_pile_b\n", losses = "index,metric/curved_val_loss\n";
  for (int i = 5; i < 9; ++i) {
    absl::StrAppend(&weights, i, ",", 1 - i / 40.0, "\n");
    losses += absl::StrCat(13 - i, ",", 0.1 * i, "\n");  // in another order
  }
  files["test_mixture_1B.csv"] = weights, files["test_pile_loss_1B.csv"] = losses;
  const auto tables = read_published(folder_of(files));
  ASSERT_TRUE(tables.ok()) << tables.status();
  EXPECT_EQ(tables->domains, (std::vector<std::string>{"b"}));
  EXPECT_EQ(tables->tests[1].index, (std::vector<std::string>{"5", "6", "7", "8"}));
  EXPECT_NEAR(tables->tests[1].losses.at("curved")[0], 0.8, 1e-12);
  const TargetFit fit = fit_target(*tables, "a");
  EXPECT_EQ(fit.quality.at("linear").count("1B"), 0u);
  EXPECT_EQ(fit.quality.at("linear").count("60m"), 1u);
  EXPECT_NEAR(best_mixture(*tables, fit)[0], 1, 1e-12);
  EXPECT_EQ(tables->tests[1].unpaired, 0);
  // Without any test file there is nothing to correlate.
  Files bare = two_domains();
  bare.erase("test_mixture_60m.csv"), bare.erase("test_pile_loss_60m.csv");
  const auto alone = read_published(folder_of(bare));
  ASSERT_TRUE(alone.ok()) << alone.status();
  const TargetFit a = fit_target(*alone, "a");
  const JsonValue json = *parse_json_value(table_json(*alone, {a}, best_mixture(*alone, a)), "table.json");
  EXPECT_TRUE(json.find("a")->find("trees")->members().empty());
  EXPECT_EQ(json.find("best_mixture")->members().size(), 2u);
}

TEST(Tables, WhatIsWrongIsNamed) {
  const auto changed = [](const char* file, const std::string& text) {
    Files files = two_domains();
    files[file] = text;
    return error_of(files);
  };
  const auto has = [](const std::string& error, const std::string& part) {
    EXPECT_NE(error.find(part), std::string::npos) << error;
  };
  for (const auto& [name, text] : two_domains()) {
    Files files = two_domains();
    files.erase(name);
    has(error_of(files), name + ": cannot be opened: No such file");
    has(changed(name.c_str(), ""), name);
    has(changed(name.c_str(), "id,x\n1,2\n"), name + ": the first column must be 'index', it is 'id'");
    has(changed(name.c_str(), "index,x\n"), name + ": holds no row");
    has(changed(name.c_str(), "index,x\n1,abc\n"), name + ": line 2, column x: 'abc' is no ");
    has(changed(name.c_str(), "index,x\n1,\n"), "column x: '' is no ");
    has(changed(name.c_str(), "index,x\n1,nan\n"), "'nan' is no ");
    has(changed(name.c_str(), "index,x\n1,2\n1,3\n"), name + ": line 3: index 1 comes twice");
  }
  has(changed("train_mixture_1m.csv", "index,train_a\n1,-0.5\n"), "'-0.5' is no weight");
  // Shares in per cent, or counts; what is rounded passes.
  for (const char* name : {"train_mixture_1m.csv", "test_mixture_60m.csv"}) {
    Files files = two_domains();
    files[name].replace(files[name].find("2,0.05,0.95"), 11, "2,0.05,0.99");
    EXPECT_TRUE(read_published(folder_of(files)).ok());
    files[name].replace(files[name].find("2,0.05,0.99"), 11, "2,5,95");
    has(error_of(files), std::string(name) + ": line 4: the weights add up to 100");
  }
  has(changed("train_mixture_1m.csv", "index,train_a,train_the_pile_a\n1,0,1\n"),
      "train_mixture_1m.csv: columns train_a and train_the_pile_a are both of 'a'");
  has(changed("test_pile_loss_60m.csv", "index,metric/a_val_loss,metric/the_pile_a_val_loss\n1,0,1\n"),
      "test_pile_loss_60m.csv: columns metric/a_val_loss and metric/the_pile_a_val_loss are both of 'a'");
  std::string constant = "index,x,y\n";
  for (int i = 0; i <= 40; ++i) absl::StrAppend(&constant, i, ",", i, ",2.5\n");
  has(changed("train_pile_loss_1m.csv", constant), "train_pile_loss_1m.csv: column y: is 2.5 in all rows");
  has(changed("test_mixture_60m.csv", "index,train_c\n1,1\n"), "train_mixture_1m.csv: no weight column that");
  has(changed("train_pile_loss_1m.csv", "index\n1\n"), "train_pile_loss_1m.csv: no column of losses");
  has(changed("train_pile_loss_1m.csv", "index,x\n1,2\n2,3\n"),
      "have 2 indices in common, 8 or more are needed");
  has(changed("test_pile_loss_60m.csv", "index,x\n99,2\n"), "have 0 indices in common, 3 or more are needed");
}

}  // namespace
}  // namespace roux::regmix
