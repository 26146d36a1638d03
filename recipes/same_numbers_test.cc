#include "recipes/same_numbers.h"

#include <gtest/gtest.h>

namespace roux::kit {
namespace {

const RunFolder kRun{
    .claims = R"([{"claim":"a","measured":0.5,"interval":[0.25,0.75],"verdict":"holds","scale":"toy"}])",
    .metrics = "{\"part\":\"a/seed1\",\"step\":1,\"loss\":2.5}\n{\"step\":2,\"accuracy\":1000}\n"};

// What differs from kRun where `from` stands as `to`.
std::vector<std::string> differences(std::string RunFolder::*file, const std::string& from,
                                     const std::string& to, double tolerance = 1e-4) {
  RunFolder other = kRun;
  const size_t at = (other.*file).find(from);
  EXPECT_NE(at, std::string::npos);
  (other.*file).replace(at, from.size(), to);
  return compare_numbers(kRun, other, tolerance).differences;
}

TEST(CompareNumbers, CountsThemAndFindsTheLargestDifference) {
  NumberComparison same = compare_numbers(kRun, kRun, 0);
  EXPECT_EQ(same.numbers, 7);
  EXPECT_EQ(same.largest, 0);
  EXPECT_TRUE(same.differences.empty());
  RunFolder other = kRun;
  other.metrics.replace(other.metrics.find("1000"), 4, "1001");
  EXPECT_NEAR(compare_numbers(kRun, other, 0.01).largest, 1.0 / 1001, 1e-15);
}

TEST(CompareNumbers, ToleranceIsOfTheLargerNumberOrOfOne) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(differences(&RunFolder::metrics, "2.5", "2.5002"), Texts{});
  EXPECT_EQ(differences(&RunFolder::metrics, "2.5", "2.5003"),
            Texts{"metrics.jsonl line 1 (a/seed1, step 1): loss is 2.5 and 2.5003"});
  EXPECT_EQ(differences(&RunFolder::metrics, "1000", "1000.1"), Texts{});
  EXPECT_EQ(differences(&RunFolder::metrics, "1000", "1000.2"),
            Texts{"metrics.jsonl line 2: accuracy is 1000 and 1000.2"});
  EXPECT_EQ(differences(&RunFolder::claims, "0.25", "0.25009"), Texts{});
  EXPECT_EQ(differences(&RunFolder::claims, "0.25", "0.2502"),
            Texts{"claims.json: [0] interval [0] is 0.25 and 0.2502"});
}

TEST(CompareNumbers, AllElseMustBeEqualButVerdicts) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(differences(&RunFolder::claims, "holds", "fails"), Texts{});
  EXPECT_EQ(differences(&RunFolder::claims, "toy", "other"),
            Texts{"claims.json: [0] scale is \"toy\" and \"other\""});
  EXPECT_EQ(differences(&RunFolder::claims, "0.5", "null"),
            Texts{"claims.json: [0] measured is 0.5 and null"});
  EXPECT_EQ(differences(&RunFolder::metrics, "loss", "cost"),
            Texts{"metrics.jsonl line 1 (a/seed1, step 1): loss is missing in the second"});
  EXPECT_EQ(differences(&RunFolder::metrics, "{\"step\":2,\"accuracy\":1000}\n", ""),
            Texts{"metrics.jsonl has 2 and 1 lines"});
}

}  // namespace
}  // namespace roux::kit
