#include "recipes/llm_datasets_survey/method.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tensor/error_of.h"
#include "tests/golden/recipe_values.h"

namespace roux::llm_datasets_survey {
namespace {

std::string numbered(int64_t from, int64_t to) {
  std::string text;
  for (int64_t i = from; i < to; ++i) text += "w" + std::to_string(i) + " ";
  return text;
}

TEST(Golden, SimilarityBandsExposureAndPairs) {
  const golden::Values values = golden::Values::of_recipe("llm_datasets_survey");
  for (const golden::Values& c : values["jaccard"].items())
    EXPECT_NEAR(stats::jaccard(word_shingles(c["a"].text()), word_shingles(c["b"].text())),
                c["jaccard"].number(), 1e-12);
  for (const golden::Values& c : values["bands"].items())
    EXPECT_NEAR(stats::LshIndex(c["bands"].integer(), c["rows"].integer())
                    .collision_probability(c["similarity"].number()),
                c["probability"].number(), 1e-9);
  for (const golden::Values& c : values["exposure"].items())
    EXPECT_NEAR(exposure(c["losses"].numbers()), c["exposure"].number(), 1e-12);
  for (const golden::Values& c : values["edits"].items())
    EXPECT_NEAR(jaccard_after_edits(c["edits"].number()), c["jaccard"].number(), 1e-12);
  for (const golden::Values& c : values["scores"].items()) {
    double margins = 0;
    const std::vector<Preferred> pairs = pairs_of_scores(c["scores"].numbers());
    for (const Preferred& pair : pairs) margins += pair.margin;
    EXPECT_EQ(static_cast<int64_t>(pairs.size()), c["pairs"].integer());
    EXPECT_NEAR(margins, c["margins"].number(), 1e-9);
  }
}

golden::Values reference(const char* key) { return golden::Values::of_recipe("llm_datasets_survey")[key]; }

std::vector<std::string> texts_of(const char* key) {
  std::vector<std::string> texts;
  for (const golden::Values& text : reference(key).items()) texts.push_back(text.text());
  return texts;
}

std::vector<std::vector<double>> rows_of(const std::vector<Preferred>& pairs) {
  std::vector<std::vector<double>> rows;
  for (const Preferred& p : pairs)
    rows.push_back({static_cast<double>(p.chosen), static_cast<double>(p.rejected), p.margin});
  return rows;
}
std::vector<std::vector<double>> rows_of(const golden::Values& pairs) {
  std::vector<std::vector<double>> rows;
  for (const golden::Values& row : pairs.items()) rows.push_back(row.numbers());
  return rows;
}

TEST(Golden, FilterAndMasks) {
  const LetterPairs pairs(reference("reference").text());
  for (const golden::Values& c : reference("filters").items()) {
    EXPECT_EQ(drop_reason(c["text"].text(), {}, &pairs), c["reason"].text()) << c["text"].text();
    EXPECT_NEAR(pairs.rare_share(c["text"].text()), c["rare"].number(), 1e-12);
  }
  for (const golden::Values& c : reference("masks").items())
    EXPECT_EQ(mask_personal_data(c["text"].text()), c["masked"].text());
  for (const golden::Values& c : reference("shares").items()) {
    const std::vector<double> expected = c["shares"].numbers();
    const std::vector<double> shares =
        trigram_shares(c["text"].text(), static_cast<int64_t>(expected.size()));
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(shares[i], expected[i], 1e-12) << c["text"].text();
  }
}

// So many bands of one hash that no pair is missed.
TEST(Golden, ClustersAndRuns) {
  std::vector<std::string> documents;
  for (const golden::Values& text : reference("duplicates")["documents"].items())
    documents.push_back(text.text());
  EXPECT_EQ(exact_duplicates(documents), reference("duplicates")["exact"].integers());
  EXPECT_EQ(near_duplicates(documents, {.bands = 400, .rows = 1, .min_jaccard = 0.4}),
            reference("duplicates")["near"].integers());
  const std::vector<std::string> corpus = texts_of("corpus"), items = texts_of("items");
  for (const golden::Values& c : reference("contaminated").items()) {
    const std::vector<bool> found = contaminated(corpus, items, c["n"].integer());
    EXPECT_EQ(std::vector<int64_t>(found.begin(), found.end()), c["found"].integers()) << c["n"].integer();
  }
}

TEST(Golden, SortsAndVotes) {
  for (const golden::Values& c : reference("sorts").items())
    EXPECT_EQ(rows_of(pairs_of_sort(c["best_first"].integers())), rows_of(c["pairs"]));
  for (const golden::Values& c : reference("votes").items()) {
    const std::vector<int64_t> a = c["a"].integers(), b = c["b"].integers();
    EXPECT_EQ(rows_of(pair_of_votes(0, 1, {a.begin(), a.end()}, {b.begin(), b.end()})), rows_of(c["pair"]));
  }
}

TEST(Filter, EachRuleDropsWhatItIsFor) {
  const std::string prose =
      "It was a truth that everybody in the village knew, and nobody spoke of it before the children.";
  const LetterPairs pairs(
      "the children of the village knew it was a truth nobody spoke of before and everybody");
  const FilterRules rules;
  EXPECT_EQ(drop_reason(prose, rules, &pairs), "");
  EXPECT_EQ(drop_reason("Two words", rules, &pairs), "too short");
  EXPECT_EQ(drop_reason("12 34 56 78 90 ab", rules, &pairs), "few letters");
  EXPECT_EQ(drop_reason("a b c d e f g h", rules, &pairs), "mean word length");
  EXPECT_EQ(drop_reason("- home page\n- about us\n* contact it", rules, &pairs), "bullet lines");
  EXPECT_EQ(drop_reason("read more here\nread more here\nread more here", rules, &pairs), "repeated lines");
  EXPECT_EQ(drop_reason("hte xqvb wzkp jfgh mnbv cxzq", rules, &pairs), "gibberish");
  EXPECT_EQ(drop_reason("hte xqvb wzkp jfgh mnbv cxzq", rules, nullptr), "");
  EXPECT_EQ(pairs.rare_share("1 2 3"), 0);
  EXPECT_NE(error_of([] { LetterPairs("1 2"); }).find("no pair of letters"), std::string::npos);
}

TEST(Filter, MasksPersonalData) {
  EXPECT_EQ(mask_personal_data("Write to a.b@mail.org, or call (030)123-4567.\nHost 10.0.0.255!"),
            "Write to [EMAIL], or call [PHONE].\nHost [IP]!");
  EXPECT_EQ(mask_personal_data("call +4930123456 or 0301234567 (0800-1234567)"),
            "call [PHONE] or [PHONE] [PHONE]");
  for (const std::string text : {"on 2023-10-05 or 05-10-2023", "(1869-1939)", "of 12345678 people",
                                 "in 1984 we met", "version 1.2.3", "300.1.1.1", "at @ home", "", "a  b\n"})
    EXPECT_EQ(mask_personal_data(text), text);
}

TEST(Duplicates, ExactOnesAreFoundWhateverTheOrder) {
  const std::vector<std::string> documents = {"One  two", "three", "one two ", "four", "THREE", "one two"};
  EXPECT_EQ(exact_duplicates(documents), (Clusters{0, 1, 0, 3, 1, 0}));
  EXPECT_EQ(first_of_each(exact_duplicates(documents)), (std::vector<int64_t>{0, 1, 3}));
  const std::vector<std::string> reversed(documents.rbegin(), documents.rend());
  EXPECT_EQ(first_of_each(exact_duplicates(reversed)).size(), 3u);
}

// A is near B, B is near C, A is not near C: one cluster, of which one document is kept; again: nothing goes.
TEST(Duplicates, ClustersAreTransitiveAndIdempotent) {
  const std::vector<std::string> documents = {numbered(0, 100), numbered(500, 600), numbered(15, 115),
                                              numbered(30, 130), ""};
  const NearOptions options{.bands = 32, .rows = 4, .min_jaccard = 0.7};
  EXPECT_LT(stats::jaccard(word_shingles(documents[0]), word_shingles(documents[3])), 0.7);
  const Clusters clusters = near_duplicates(documents, options);
  EXPECT_EQ(clusters, (Clusters{0, 1, 0, 0, 4}));
  std::vector<std::string> kept;
  for (const int64_t i : first_of_each(clusters)) kept.push_back(documents[static_cast<size_t>(i)]);
  EXPECT_EQ(first_of_each(near_duplicates(kept, options)).size(), kept.size());
  // Equal documents take their place at once: 4,000 of them are a moment's work.
  std::vector<std::string> equal(4000, numbered(0, 20));
  equal.insert(equal.begin() + 7, numbered(50, 70));
  const Clusters same = near_duplicates(equal, options);
  EXPECT_EQ(first_of_each(same), (std::vector<int64_t>{0, 7}));
}

// The estimate is within three standard errors of the similarity, and the share of hashers that propose the
// pair is what the bands promise.
TEST(Duplicates, MinHashIsWhatItsFormulasSay) {
  const auto a = word_shingles(numbered(0, 104)), b = word_shingles(numbered(17, 121));
  const double similarity = stats::jaccard(a, b);
  EXPECT_NEAR(similarity, 83.0 / 117, 1e-12);
  int proposed = 0;
  constexpr int kHashers = 400;
  double sum = 0;
  for (int seed = 0; seed < kHashers; ++seed) {
    const stats::MinHash hasher(128, static_cast<uint64_t>(seed));
    stats::LshIndex index(16, 8);
    index.add(0, hasher.signature(a));
    proposed += !index.candidates(hasher.signature(b)).empty();
    sum += stats::estimate_jaccard(hasher.signature(a), hasher.signature(b));
  }
  EXPECT_NEAR(sum / kHashers, similarity, 3 * std::sqrt(similarity * (1 - similarity) / 128 / kHashers));
  const double p = stats::LshIndex(16, 8).collision_probability(similarity);
  EXPECT_NEAR(proposed / double{kHashers}, p, 3 * std::sqrt(p * (1 - p) / kHashers));
  EXPECT_NEAR(stats::LshIndex(16, 8).collision_probability(0.5), 0.0607, 1e-4);
  EXPECT_NEAR(stats::LshIndex(16, 8).collision_probability(0.7), 0.6133, 1e-4);
  EXPECT_NEAR(stats::LshIndex(16, 8).collision_probability(0.9), 0.99988, 1e-5);
}

TEST(Review, ThirteenSharedWordsContaminateTwelveDoNot) {
  const std::vector<std::string> corpus = {numbered(100, 300)};
  EXPECT_EQ(contaminated(corpus, {numbered(150, 163) + "x y z", "x " + numbered(150, 162) + "y z",
                                  numbered(150, 160), numbered(0, 50)}),
            (std::vector<bool>{true, false, false, false}));
}

TEST(Review, ExposureOfRanks) {
  std::vector<double> losses(1000);
  for (size_t i = 0; i < losses.size(); ++i) losses[i] = static_cast<double>(i);
  EXPECT_NEAR(exposure(losses), std::log2(1000), 1e-12);
  losses[0] = 1e9;
  EXPECT_EQ(exposure(losses), 0);
  EXPECT_EQ(exposure({1, 1, 1, 1}), 0);  // a model that knows nothing
  // Ranks at random: 1 / ln 2 on average.
  double mean = 0;
  for (int rank = 1; rank <= 1000; ++rank) mean += std::log2(1000.0 / rank) / 1000;
  EXPECT_NEAR(mean, 1 / std::log(2), 0.01);
}

TEST(Preferences, PairwiseForms) {
  EXPECT_EQ(pairs_of_sort({4, 2, 7}), (std::vector<Preferred>{{4, 2, 1}, {4, 7, 2}, {2, 7, 1}}));
  EXPECT_EQ(pairs_of_sort({1, 2, 3, 4, 5}).size(), 10u);
  EXPECT_EQ(pairs_of_scores({1, 3, 1}), (std::vector<Preferred>{{1, 0, 2}, {1, 2, 2}}));
  EXPECT_EQ(pair_of_votes(5, 6, {1, 2, 3}, {0, 2, 4}), (std::vector<Preferred>{}));
  EXPECT_EQ(pair_of_votes(5, 6, {1, 2, 3}, {2, 2, 4}), (std::vector<Preferred>{{6, 5, 2}}));
  EXPECT_NE(error_of([] { pair_of_votes(0, 1, {1}, {}); }).find("same raters"), std::string::npos);
}

TEST(Quality, SharesSumToOne) {
  for (const char* text : {"some words of a text", "x"}) {
    double sum = 0;
    for (const double share : trigram_shares(text, 64)) sum += share;
    EXPECT_NEAR(sum, 1, 1e-12);
  }
}

}  // namespace
}  // namespace roux::llm_datasets_survey
