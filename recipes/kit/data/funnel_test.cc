#include "recipes/kit/data/funnel.h"

#include <gtest/gtest.h>

#include <set>

#include "recipes/kit/run/record.h"

namespace roux::kit {
namespace {

using Numbers = std::vector<int>;

TEST(Filter, TheFirstRuleThatDropsCounts) {
  Funnel funnel;
  const Numbers kept = filter(Numbers{1, 2, 3, 4, 5, 6, 12},
                              {{"even", [](const int& n) { return n % 2 == 0; }},
                               {"by three", [](const int& n) { return n % 3 == 0; }},
                               {"large", [](const int& n) { return n > 100; }}},
                              funnel);
  EXPECT_EQ(kept, (Numbers{1, 5}));
  EXPECT_EQ(funnel.reasons, (std::vector<std::string>{"in", "even", "by three", "large", "kept"}));
  EXPECT_EQ(funnel.counts, (std::vector<int64_t>{7, 4, 1, 0, 2}));
  EXPECT_EQ(funnel["even"], 4);
  EXPECT_EQ(funnel["never named"], 0);
}

TEST(Filter, RulesMayRememberAndRoundsAddUp) {
  Funnel funnel;
  std::set<int> seen;
  const std::vector<Rule<int>> rules = {
      {"seen before", [&](const int& n) { return !seen.insert(n).second; }}};
  EXPECT_EQ(filter(Numbers{3, 3, 1}, rules, funnel), (Numbers{3, 1}));
  EXPECT_EQ(filter(Numbers{1, 4}, rules, funnel), (Numbers{4}));
  EXPECT_EQ(funnel["in"], 5);
  EXPECT_EQ(funnel["in"], funnel["seen before"] + funnel["kept"]);
  EXPECT_EQ(funnel.rows(),
            (std::vector<std::vector<std::string>>{{"in", "5"}, {"seen before", "2"}, {"kept", "3"}}));
}

TEST(Filter, NothingIsCountedToo) {
  Funnel funnel;
  EXPECT_TRUE(filter(Numbers{}, {{"all", [](const int&) { return true; }}}, funnel).empty());
  EXPECT_EQ(funnel.rows(), (std::vector<std::vector<std::string>>{{"in", "0"}, {"all", "0"}, {"kept", "0"}}));
}

TEST(Funnel, IsARecord) {
  Funnel funnel, read;
  funnel.count("asked", 40), funnel.count("asked", 2), funnel.count("kept");
  ASSERT_TRUE(decode_value(encode_value(funnel), read).ok());
  EXPECT_EQ(read, funnel);
}

}  // namespace
}  // namespace roux::kit
