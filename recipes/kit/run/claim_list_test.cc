#include "recipes/kit/run/claim_list.h"

#include <gtest/gtest.h>

#include "tensor/error_of.h"

namespace roux::kit {
namespace {

TEST(SeedValues, AreCombinedSeedBySeed) {
  const SeedValues a = {1, 6, -3}, b = {2, 4, -1};
  EXPECT_EQ(minus(a, b), (SeedValues{-1, 2, -2}));
  EXPECT_EQ(relative(a, b), (SeedValues{-0.5, 0.5, 2}));
  EXPECT_EQ(absolute(a), (SeedValues{1, 6, 3}));
  EXPECT_EQ(lowest({a}), a);
  EXPECT_EQ(lowest({a, b, {0, 9, 9}}), (SeedValues{0, 4, -3}));
  EXPECT_EQ(each_seed(3, [&](size_t s) { return a[s] + static_cast<double>(s); }), (SeedValues{1, 7, -1}));
  EXPECT_EQ(error_of([&] { minus(a, {1, 2}); }), "minus: 3 and 2 values, needed one a seed on both sides");
  EXPECT_EQ(error_of([&] { relative({1}, a); }), "relative: 1 and 3 values, needed one a seed on both sides");
  EXPECT_EQ(error_of([&] { lowest({a, {1}}); }), "lowest: 3 and 1 values, needed one a seed on both sides");
  EXPECT_EQ(error_of([] { lowest({}); }), "lowest: of nothing");
}

TEST(ClaimList, MeasuresOverSeedsWhateverTheFormOfTheValues) {
  const std::vector<uint64_t> seeds = {4, 5, 6};
  const SeedValues values = {1, 2, 4.5};
  ClaimList claims(seeds, "made up");
  claims.add("given", values, above(0), {.asserted = true, .paper = 2.6, .bounds = {0, 5}});
  claims.add("computed", [&] { return values; }, above(0), {.bounds = {0, 5}});
  claims.add("seed by seed", [&](size_t s) { return values[s]; }, above(0), {.bounds = {0, 5}});
  ASSERT_EQ(claims.all().size(), 3u);
  const Measurement measured = over_seeds(seeds, values, {0, 5});
  EXPECT_EQ(measured.interval->high, 5);  // cut at the bound
  for (const Claim& claim : claims.all()) {
    EXPECT_EQ(claim.scale, "made up");
    ASSERT_TRUE(claim.measured) << claim.text;
    EXPECT_EQ(claim.measured->value, measured.value) << claim.text;
    EXPECT_EQ(claim.measured->interval->low, measured.interval->low) << claim.text;
    EXPECT_EQ(claim.measured->interval->high, measured.interval->high) << claim.text;
    EXPECT_EQ(claim.measured->seeds, seeds) << claim.text;
    EXPECT_TRUE(check_claim(claim).ok()) << claim.text;
  }
  EXPECT_TRUE(claims.all()[0].asserted);
  EXPECT_EQ(claims.all()[0].paper, 2.6);
  EXPECT_FALSE(claims.all()[1].asserted);
  EXPECT_FALSE(claims.all()[1].paper);
}

TEST(ClaimList, ComputesNothingOfWhatIsNotTestable) {
  ClaimList claims({1, 2, 3}, "made up");
  const auto missing = []() -> SeedValues { throw Error("no such arm"); };
  claims.add("of an arm that was not trained", missing, below(2),
             {.asserted = true, .not_testable = "--arms=all"});
  claims.untested("of another machine", at_most(0.1), "there is none", 0.05);
  for (const Claim& claim : claims.all()) {
    EXPECT_FALSE(claim.measured);
    EXPECT_EQ(verdict(claim), Verdict::kNotTestable);
    EXPECT_TRUE(check_claim(claim).ok());
  }
  EXPECT_TRUE(claims.all()[0].asserted);
  EXPECT_EQ(claims.all()[0].not_testable, "--arms=all");
  EXPECT_EQ(claims.all()[1].paper, 0.05);
  EXPECT_EQ(claims.all()[1].relation.high, 0.1);
  EXPECT_THROW(claims.add("the same, testable", missing, below(2)), Error);
  EXPECT_THROW(claims.add("two values of three seeds", SeedValues{1, 2}, below(2)), Error);
  EXPECT_EQ(claims.all().size(), 2u);
}

TEST(ClaimList, MeasuresGivenValuesOfWhatIsNotTestableToo) {
  ClaimList claims({1, 2, 3}, "made up");
  claims.add("controls are not solved", SeedValues{1, 2, 3}, above(0), {.not_testable = "a longer run"});
  EXPECT_EQ(claims.all()[0].measured->value, 2);
  EXPECT_EQ(verdict(claims.all()[0]), Verdict::kNotTestable);
}

TEST(ClaimList, TakesOtherClaimsAndChanges) {
  ClaimList claims({1, 2, 3}, "made up");
  claims.add({.text = "exact", .measured = single(2), .relation = above(1), .evidence = Evidence::kExact});
  claims.add("of the toy", SeedValues{1, 2, 3}, above(0)).scale = "a toy";
  EXPECT_EQ(claims.all()[0].scale, "");
  EXPECT_EQ(verdict(claims.all()[0]), Verdict::kHolds);
  EXPECT_EQ(claims.all()[1].scale, "a toy");
}

}  // namespace
}  // namespace roux::kit
