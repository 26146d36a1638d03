#include "recipes/kit/run/claims.h"

#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "recipes/kit/stats/intervals.h"
#include "recipes/kit/text/printable.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

Claim with(double low, double high, const Relation& relation) {
  Claim claim;
  claim.text = "a sentence";
  claim.measured = Measurement{(low + high) / 2, Interval{low, high}, {1, 2, 3}};
  claim.relation = relation;
  claim.scale = "1M parameters";
  return claim;
}

TEST(Measurement, StudentIntervalOfThreeSeeds) {
  // Mean 2, s = 1; with two degrees of freedom t(0.975) is 0.95 * sqrt(2 / (1 - 0.95^2)) in closed form.
  const double half = 0.95 * std::sqrt(2 / 0.0975) / std::sqrt(3.0);
  const Measurement m = over_seeds({1, 2, 3}, {1, 2, 3});
  EXPECT_DOUBLE_EQ(m.value, 2);
  EXPECT_NEAR(m.interval->low, 2 - half, 1e-12);
  EXPECT_NEAR(m.interval->high, 2 + half, 1e-12);
  EXPECT_EQ(m.seeds, (std::vector<uint64_t>{1, 2, 3}));
}

TEST(Measurement, PairingRemovesWhatSeedsShare) {
  const Measurement m = paired({1, 2, 3}, {10.5, 20.5, 30.5}, {10, 20, 30});
  EXPECT_DOUBLE_EQ(m.value, 0.5);
  EXPECT_DOUBLE_EQ(m.interval->low, 0.5);
  EXPECT_DOUBLE_EQ(m.interval->high, 0.5);
}

// Cutting at the bounds loses no coverage: over many samples of a quantity near its bound the cut interval
// holds the true mean exactly as often as the whole one, and never leaves the bounds.
TEST(Measurement, IntervalOfABoundedQuantityStaysInside) {
  const Measurement r_squared = over_seeds({1, 2, 3}, {0.9, 0.99, 0.999}, {.high = 1});
  EXPECT_EQ(r_squared.interval->high, 1);
  EXPECT_EQ(r_squared.interval->low, over_seeds({1, 2, 3}, {0.9, 0.99, 0.999}).interval->low);
  const Measurement accuracy = over_seeds({1, 2}, {0, 1}, {0, 1});
  EXPECT_EQ(accuracy.interval->low, 0);
  EXPECT_EQ(accuracy.interval->high, 1);
  const Measurement gap = paired({1, 2}, {1, 0.2}, {0, 0.1}, {-1, 1});
  EXPECT_EQ(gap.interval->high, 1);
  EXPECT_EQ(gap.interval->low, -1);
  EXPECT_THROW(over_seeds({1, 2}, {0.5, 1.5}, {0, 1}), Error);
  EXPECT_EQ(over_seeds({1, 2, 3}, {1, 1, 1}, {0, 1}).interval->high, 1);

  uint64_t state = 1;
  const auto uniform = [&] {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<double>(state >> 11) / 9007199254740992.0;
  };
  int whole_holds = 0, cut_holds = 0, outside = 0;
  for (int sample = 0; sample < 2000; ++sample) {
    std::vector<double> values;
    for (int i = 0; i < 3; ++i) values.push_back(std::pow(uniform(), 0.25));  // mean of u^(1/4) is 4/5
    const Interval whole = *over_seeds({1, 2, 3}, values).interval;
    const Interval cut = *over_seeds({1, 2, 3}, values, {0, 1}).interval;
    whole_holds += whole.low <= 0.8 && 0.8 <= whole.high;
    cut_holds += cut.low <= 0.8 && 0.8 <= cut.high;
    outside += whole.high > 1;
    EXPECT_TRUE(0 <= cut.low && cut.high <= 1);
  }
  EXPECT_EQ(cut_holds, whole_holds);
  EXPECT_GT(whole_holds, 1800);
  EXPECT_GT(outside, 1000);  // the case is there
}

TEST(Measurement, OneSeedHasNoInterval) { EXPECT_FALSE(over_seeds({7}, {1.5}).interval.has_value()); }

TEST(Measurement, RefusesWhatIsNoSample) {
  EXPECT_THROW(over_seeds({1, 2}, {1.0}), Error);
  EXPECT_THROW(over_seeds({}, {}), Error);
  EXPECT_THROW(over_seeds({1, 2, 3}, {1, std::nan(""), 2}), Error);
  EXPECT_THROW(paired({1, 2}, {1, 2}, {1}), Error);
}

// The percentile interval of a mean of many items is near mean +- 1.96 s / sqrt(n), s the population
// deviation.
TEST(OverItems, IntervalOfAShare) {
  std::vector<double> scores(400, 0);
  for (size_t i = 0; i < 100; ++i) scores[4 * i] = 1;
  const Measurement m = over_items(scores, {.unit = "question"});
  EXPECT_EQ(m.value, 0.25);
  const double half = 1.95996 * std::sqrt(0.25 * 0.75 / 400);
  EXPECT_NEAR(m.interval->low, 0.25 - half, 0.004);
  EXPECT_NEAR(m.interval->high, 0.25 + half, 0.004);
  EXPECT_EQ(m.unit, "question");
  EXPECT_EQ(m.unit_count(), 400);
  EXPECT_EQ(over_items(scores, {.unit = "question"}).interval->low, m.interval->low);
  const Measurement narrow = over_items(scores, {.unit = "question", .confidence = 0.5});
  EXPECT_NEAR(narrow.interval->high, 0.25 + 0.67449 * std::sqrt(0.25 * 0.75 / 400), 0.004);
}

TEST(OverItems, GroupsAreDrawnWhole) {
  // Twenty documents of twenty equal sentences hold no more than twenty units.
  std::vector<double> scores;
  std::vector<int64_t> documents;
  for (int64_t i = 0; i < 400; ++i)
    documents.push_back(i / 20 * 7), scores.push_back(i / 20 % 4 == 0 ? 1 : 0);
  const Measurement grouped = over_items(scores, {.unit = "document", .group = documents});
  EXPECT_EQ(grouped.value, 0.25);
  EXPECT_EQ(grouped.unit_count(), 20);
  EXPECT_NEAR(grouped.interval->low, 0.25 - 1.96 * std::sqrt(0.25 * 0.75 / 20), 0.06);
  // Unequal groups: the mean is that of the items, and a resample of one group is that group's mean.
  const Measurement uneven = over_items({1, 1, 1, 0}, {.unit = "document", .group = {5, 5, 5, 9}});
  EXPECT_EQ(uneven.value, 0.75);
  EXPECT_EQ(uneven.interval->low, 0);
  EXPECT_EQ(uneven.interval->high, 1);
}

TEST(OverItems, PairingRemovesWhatItemsShare) {
  std::vector<double> a, b;
  for (int i = 0; i < 50; ++i) a.push_back(i + 0.5), b.push_back(i);
  const Measurement m = paired_items(a, b, {.unit = "question"});
  EXPECT_EQ(m.value, 0.5);
  EXPECT_EQ(m.interval->low, 0.5);
  EXPECT_EQ(m.interval->high, 0.5);
  // Groups are drawn whole here too.
  const Measurement grouped =
      paired_items({2, 2, 2, 0}, {1, 1, 1, 0}, {.unit = "document", .group = {5, 5, 5, 9}});
  EXPECT_EQ(grouped.unit_count(), 2);
  EXPECT_EQ(grouped.interval->high, 1);
}

TEST(OverItems, RefusesWhatIsNoSample) {
  EXPECT_THROW(over_items({}, {.unit = "question"}), Error);
  EXPECT_THROW(over_items({1, std::nan("")}, {.unit = "question"}), Error);
  EXPECT_THROW(over_items({1, 2}, {.unit = "question", .group = {1}}), Error);
  EXPECT_THROW(over_items({1, 2}, {.unit = ""}), Error);
  EXPECT_THROW(over_items({1, 2}, {.unit = "seed"}), Error);
  EXPECT_THROW(paired_items({1, 2}, {1}, {.unit = "question"}), Error);
  EXPECT_THROW(measured({0.5, 0.4, 0.6}, "question", 0), Error);
}

TEST(Measured, TakesAnyInterval) {
  const Measurement m = measured(stats::wilson_interval(9, 12), "problem", 12);
  EXPECT_EQ(m.value, 0.75);
  EXPECT_NEAR(m.interval->low, 0.4677, 1e-4);  // Wilson's formula by hand
  EXPECT_NEAR(m.interval->high, 0.9111, 1e-4);
  EXPECT_EQ(m.unit_count(), 12);
}

TEST(Verdict, ItemsNeedTenUnitsAndAnInterval) {
  Claim claim = with(0, 1, above(-1));
  claim.measured = over_items({1, 0, 1, 1, 0, 1, 1, 1, 1}, {.unit = "question"});
  EXPECT_EQ(verdict(claim), Verdict::kNotTestable);
  EXPECT_EQ(untestable_reason(claim), "needs at least 10 units (question), has 9");
  claim.measured = over_items({1, 0, 1, 1, 0, 1, 1, 1, 1, 1}, {.unit = "question"});
  EXPECT_EQ(verdict(claim), Verdict::kHolds);
  EXPECT_TRUE(absl::StrContains(claim_notes(claim), "small-scale, unit question, n = 10"))
      << claim_notes(claim);
  claim.measured->interval.reset();
  EXPECT_EQ(check_claim(claim).message(), "claim 'a sentence': a claim over items needs an interval");
  // Three seeds suffice only where the unit is the seed.
  claim = with(0.1, 0.3, above(0));
  claim.measured->unit = "question";
  claim.measured->units = 3;
  EXPECT_EQ(verdict(claim), Verdict::kNotTestable);
}

TEST(Verdict, TheWholeIntervalDecides) {
  EXPECT_EQ(verdict(with(0.1, 0.3, above(0))), Verdict::kHolds);
  EXPECT_EQ(verdict(with(-0.1, 0.3, above(0))), Verdict::kNotSeparated);
  EXPECT_EQ(verdict(with(-0.3, -0.1, above(0))), Verdict::kFails);
  EXPECT_EQ(verdict(with(0.1, 0.3, below(0.2))), Verdict::kNotSeparated);
  EXPECT_EQ(verdict(with(0.1, 0.3, below(0.4))), Verdict::kHolds);
  EXPECT_EQ(verdict(with(0.1, 0.3, below(0.1))), Verdict::kFails);
  EXPECT_EQ(verdict(with(1, 2, within(0, 3))), Verdict::kHolds);
  EXPECT_EQ(verdict(with(1, 4, within(0, 3))), Verdict::kNotSeparated);
  EXPECT_EQ(verdict(with(4, 5, within(0, 3))), Verdict::kFails);
  EXPECT_EQ(verdict(with(-2, -1, within(0, 3))), Verdict::kFails);
}

TEST(Verdict, BoundsThatAreTouched) {
  EXPECT_EQ(verdict(with(1, 2, above(1))), Verdict::kNotSeparated);
  EXPECT_EQ(verdict(with(1, 2, at_least(1))), Verdict::kHolds);
  EXPECT_EQ(verdict(with(1, 2, below(2))), Verdict::kNotSeparated);
  EXPECT_EQ(verdict(with(1, 2, at_most(2))), Verdict::kHolds);
  EXPECT_EQ(verdict(with(0, 1, above(1))), Verdict::kFails);
  EXPECT_EQ(verdict(with(0, 1, at_least(1))), Verdict::kNotSeparated);
  EXPECT_EQ(verdict(with(2, 3, below(2))), Verdict::kFails);
  EXPECT_EQ(verdict(with(2, 3, at_most(2))), Verdict::kNotSeparated);
  EXPECT_EQ(verdict(with(3, 4, within(0, 3))), Verdict::kNotSeparated);
  EXPECT_EQ(verdict(with(-1, 0, within(0, 3))), Verdict::kNotSeparated);
  EXPECT_EQ(verdict(with(0, 3, within(0, 3))), Verdict::kHolds);
  EXPECT_EQ(verdict(with(1, 1, above(1))), Verdict::kFails);
  EXPECT_EQ(verdict(with(1, 1, below(1))), Verdict::kFails);
  EXPECT_EQ(verdict(with(1, 1, within(1, 1))), Verdict::kHolds);
}

TEST(Verdict, SmallScaleNeedsThreeSeeds) {
  Claim claim = with(0.1, 0.3, above(0));
  claim.measured->seeds = {1, 2};
  EXPECT_EQ(verdict(claim), Verdict::kNotTestable);
  EXPECT_EQ(untestable_reason(claim), "needs at least 3 seeds, has 2");
  claim.evidence = Evidence::kPublishedData;
  EXPECT_EQ(verdict(claim), Verdict::kHolds);
}

TEST(Verdict, StatedReasonWins) {
  Claim claim = with(-2, -1, above(0));
  claim.asserted = true;
  EXPECT_TRUE(any_asserted_fails({claim}));
  claim.not_testable = "C is not identified; run --preset=long";
  EXPECT_EQ(verdict(claim), Verdict::kNotTestable);
  EXPECT_FALSE(any_asserted_fails({claim}));
  claim.measured.reset();
  EXPECT_TRUE(check_claim(claim).ok());
}

TEST(Verdict, OnlyAssertedFailuresCount) {
  Claim claim = with(-2, -1, above(0));
  EXPECT_FALSE(any_asserted_fails({claim}));
  claim.asserted = true;
  EXPECT_TRUE(any_asserted_fails({with(1, 2, above(0)), claim}));
}

// An interval of width 0 would read as certainty; what was seen is that the units agree.
TEST(Spread, SeedsThatAgreeAreSaidToAgree) {
  Claim claim = with(1, 1, at_least(0.6));
  EXPECT_EQ(verdict(claim), Verdict::kHolds);
  EXPECT_TRUE(
      absl::StrContains(claims_table({claim}, false), "measured 1 (all 3 seeds agree), claimed >= 0.6"))
      << claims_table({claim}, false);
  claim = with(0.5, 1, at_least(0.6));
  EXPECT_TRUE(absl::StrContains(claims_table({claim}, false), "measured 0.75 [0.5, 1], claimed >= 0.6"));
  EXPECT_EQ(spread_text({1, 1}, "question", 40), "no spread, n = 40");
  EXPECT_EQ(spread_text({0.9, 1}, "question", 40), "[0.9, 1]");
  EXPECT_EQ(spread_text({1, 1}, "", 0), "no spread");
}

TEST(CheckClaim, RefusesWhatCannotBeJudged) {
  Claim claim = with(1, 2, above(0));
  EXPECT_TRUE(check_claim(claim).ok());
  claim.measured->value = std::nan("");
  EXPECT_FALSE(check_claim(claim).ok());
  claim.measured->value = 5;
  EXPECT_EQ(check_claim(claim).message(),
            "claim 'a sentence': the interval [1, 2] does not hold the measured 5");
  claim.measured->value = 1;
  claim.measured->interval.reset();
  EXPECT_FALSE(check_claim(claim).ok());
  claim.measured.reset();
  EXPECT_FALSE(check_claim(claim).ok());
  EXPECT_FALSE(check_claim(with(1, 2, within(3, 1))).ok());
  claim = with(1, 2, above(0));
  claim.text.clear();
  EXPECT_FALSE(check_claim(claim).ok());
}

TEST(ClaimsJson, HasExactlyTheAgreedKeys) {
  Claim first = with(0.1, 0.3, above(0));
  first.text = "quotes \" and bytes \xff";
  first.paper = 0.25;
  Claim second = with(1, 1, near(1, 0.01));
  second.measured.reset();
  second.not_testable = "data are missing; run bazel/setup";
  const auto parsed = nlohmann::json::parse(claims_json({first, second}));
  ASSERT_TRUE(parsed.is_array());
  for (const auto& object : parsed) {
    std::vector<std::string> keys;
    for (const auto& item : object.items()) keys.push_back(item.key());
    EXPECT_EQ(keys,
              (std::vector<std::string>{"asserted", "claim", "evidence", "interval", "measured", "paper",
                                        "relation", "scale", "seeds", "unit", "units", "verdict"}));
  }
  EXPECT_EQ(parsed[0]["interval"], (std::vector<double>{0.1, 0.3}));
  EXPECT_EQ(parsed[0]["seeds"], (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(parsed[0]["unit"], "seed");
  EXPECT_EQ(parsed[0]["units"], 3);
  EXPECT_TRUE(parsed[1]["unit"].is_null());
  EXPECT_EQ(parsed[1]["units"], 0);
  EXPECT_EQ(parsed[0]["paper"], 0.25);
  EXPECT_EQ(parsed[0]["verdict"], "holds");
  EXPECT_TRUE(parsed[1]["measured"].is_null());
  EXPECT_TRUE(parsed[1]["paper"].is_null());
  EXPECT_EQ(parsed[1]["verdict"], "not testable");
  EXPECT_EQ(parsed[1]["relation"], "within [0.99, 1.01]");
  EXPECT_TRUE(absl::StrContains(parsed[1]["scale"].get<std::string>(), "not testable: data are missing"));
  EXPECT_EQ(claims_json({}), "[]\n");
}

TEST(ClaimsTable, FitsEightyColumnsAndCutsNoNumber) {
  Claim wide = with(-123456.789, 1234567.89, within(-0.000012345, 9876543.21));
  wide.text =
      "a very long claim that has to be wrapped since it says in too many words what one short sentence, for "
      "example this one, would have said";
  wide.scale = std::string(150, 'x');
  wide.paper = -0.000123456;
  wide.not_testable = "a reason that is long as well, so that the notes below the claim are wrapped too";
  Claim extreme = with(-1.23456e-300, 1.23456e-300, within(-1.23456e-300, -1.23456e-301));
  extreme.paper = -9999999999;
  extreme.measured->value = -1.23456e-301;
  const std::string table = claims_table({wide, wide, extreme}, false);
  for (const absl::string_view line : absl::StrSplit(table, '\n')) EXPECT_LE(utf8_width(line), 80u) << line;
  for (const char* number : {"-1.235e+05", "1.235e+06", "-1.234e-05,", "9.877e+06]", "-0.0001235",
                             "-9999999999", "-1.235e-301", "[-1.235e-300,", "-1.235e-301]"}) {
    EXPECT_TRUE(absl::StrContains(table, number)) << number << "\n" << table;
  }
}

}  // namespace
}  // namespace roux::kit
