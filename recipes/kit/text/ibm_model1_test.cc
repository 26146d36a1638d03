#include "recipes/kit/text/ibm_model1.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

TEST(IbmModel1, EqualsPlainEm) {
  const auto golden =
      nlohmann::json::parse(*read_text(*find_runfile("tests/golden/text_models.json")))["ibm_model1"];
  ASSERT_EQ(golden["cases"].size(), 4u);
  for (const auto& expected : golden["cases"]) {
    std::vector<SentencePair> pairs;
    for (const auto& pair : golden["pairs"]) {
      pairs.push_back({pair["source"].get<std::vector<int32_t>>(), pair["target"].get<std::vector<int32_t>>(),
                       expected["weighted"].get<bool>() ? pair["weight"].get<double>() : 1.0});
    }
    const IbmModel1 model = train_ibm_model1(pairs, {.iterations = golden["iterations"].get<int64_t>(),
                                                     .empty_word = expected["empty_word"].get<bool>()});
    std::map<int32_t, double> sums;
    for (const auto& entry : expected["table"]) {
      const double p = model.probability(entry[0].get<int32_t>(), entry[1].get<int32_t>());
      EXPECT_NEAR(p, entry[2].get<double>(), 1e-12) << entry;
      sums[entry[1].get<int32_t>()] += p;
    }
    for (const auto& [source, sum] : sums) EXPECT_NEAR(sum, 1, 1e-12) << source;
    EXPECT_NEAR(model.log_likelihood(pairs), expected["log_likelihood"].get<double>(), 1e-9);
    EXPECT_EQ(model.log_likelihoods().size(), 7u);
    for (size_t i = 1; i < 7; ++i)
      EXPECT_GE(model.log_likelihoods()[i], model.log_likelihoods()[i - 1] - 1e-12) << i;
  }
}

// das Haus, das Buch, ein Buch: the first example of every textbook.
TEST(IbmModel1, TellsTheHouseFromTheBook) {
  enum : int32_t { kThe, kHouse, kBook, kA, kDas = 0, kHaus, kBuch, kEin };
  const std::vector<SentencePair> pairs = {
      {{kThe, kHouse}, {kDas, kHaus}}, {{kThe, kBook}, {kDas, kBuch}}, {{kA, kBook}, {kEin, kBuch}}};
  const IbmModel1 model = train_ibm_model1(pairs, {.iterations = 50, .empty_word = false});
  EXPECT_GT(model.probability(kHaus, kHouse), 0.9);
  EXPECT_EQ(model.translations(kBook)[0].first, kBuch);
  EXPECT_EQ(model.translations(kHouse).size(), 2u);
  EXPECT_TRUE(model.translations(99).empty());
  const auto table = model.table();
  for (const auto& [source, targets] : table) EXPECT_EQ(targets, model.translations(source));
  EXPECT_EQ(table.begin()->first, kThe);
  EXPECT_EQ(table.size(), 4u);
  EXPECT_EQ(train_ibm_model1(pairs).table().begin()->first, kEmptyWord);
  EXPECT_EQ(model.alignment(pairs[2].source, std::vector<int32_t>{kBuch, kEin}),
            (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(model.alignment(pairs[2].source, std::vector<int32_t>{kHaus}), (std::vector<int64_t>{-1}));
  EXPECT_EQ(model.probability(kHaus, kBook), 0);
  EXPECT_TRUE(std::isinf(model.log_likelihood(std::vector<SentencePair>{SentencePair{{kBook}, {kHaus}}})));
}

// One iteration by hand, where the source words do not stand with the same number of target words: from t
// uniform over all three each word of the second pair comes from either source word by halves.
TEST(IbmModel1, StartsUniformOverAllTargets) {
  const std::vector<SentencePair> pairs = {{{0}, {0}}, {{0, 1}, {0, 1}}, {{0}, {2}}};
  const IbmModel1 model = train_ibm_model1(pairs, {.iterations = 1, .empty_word = false});
  EXPECT_NEAR(model.log_likelihoods()[0], 4 * std::log(1.0 / 3), 1e-14);
  EXPECT_NEAR(model.probability(0, 0), 1.5 / 3, 1e-15);
  EXPECT_NEAR(model.probability(1, 0), 0.5 / 3, 1e-15);
  EXPECT_NEAR(model.probability(2, 0), 1.0 / 3, 1e-15);
  EXPECT_NEAR(model.probability(0, 1), 0.5, 1e-15);
}

TEST(IbmModel1, WeightsCountAsCopies) {
  const std::vector<SentencePair> weighted = {{{0, 1}, {0, 1}, 3}, {{1}, {2}}};
  const std::vector<SentencePair> copied = {{{0, 1}, {0, 1}}, {{0, 1}, {0, 1}}, {{0, 1}, {0, 1}}, {{1}, {2}}};
  const IbmModel1 a = train_ibm_model1(weighted), b = train_ibm_model1(copied);
  for (int32_t f = 0; f < 3; ++f)
    for (int32_t e = kEmptyWord; e < 2; ++e) EXPECT_NEAR(a.probability(f, e), b.probability(f, e), 1e-14);
}

TEST(IbmModel1, RefusesWhatCannotBe) {
  const auto train = [](const SentencePair& pair, const IbmModel1Options& options = {}) {
    return train_ibm_model1(std::vector<SentencePair>{pair}, options);
  };
  EXPECT_THROW(train_ibm_model1({}), Error);
  EXPECT_THROW(train({{0}, {0}}, {.iterations = 0}), Error);
  EXPECT_THROW(train({{-1}, {0}}), Error);
  EXPECT_THROW(train({{0}, {-2}}), Error);
  EXPECT_THROW(train({{0}, {0}, 0}), Error);
  EXPECT_THROW(train({{0}, {0}, std::nan("")}), Error);
  EXPECT_THROW(train({{}, {0}}, {.empty_word = false}), Error);
  EXPECT_EQ(train({{}, {0}}).probability(0, kEmptyWord), 1);
}

}  // namespace
}  // namespace roux::kit
