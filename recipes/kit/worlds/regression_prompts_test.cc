#include "recipes/kit/worlds/regression_prompts.h"

#include "gtest/gtest.h"
#include "tensor/error_of.h"

namespace roux::kit {
namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

RegressionPrompts two_prompts() {
  RegressionPrompts prompts(2, 2);
  prompts.add(Doubles{1, 2, 3, 4}, Doubles{10, 20});
  prompts.add(Doubles{5, 6, 7, 8}, Doubles{30, 40});
  return prompts;
}

TEST(RegressionPrompts, KeepsRows) {
  const RegressionPrompts prompts = two_prompts();
  EXPECT_EQ(prompts.rows(), 2);
  EXPECT_EQ(prompts.x_at(1, 0)[1], 6);
  EXPECT_EQ(prompts.y_at(1, 1), 40);
}

TEST(PromptTokens, PairedHasThePairBefore) {
  EXPECT_EQ(prompt_tokens(two_prompts(), PromptFormat::kPaired),
            (Floats{1, 2, 0, 0, 0, 1, 3, 4, 1, 2, 10, 0, 5, 6, 0, 0, 0, 1, 7, 8, 5, 6, 30, 0}));
  EXPECT_EQ(token_width(PromptFormat::kPaired, 2), 6);
}

TEST(PromptTokens, AlternatingHasXAndYInTurn) {
  EXPECT_EQ(prompt_tokens(two_prompts(), PromptFormat::kAlternating),
            (Floats{1, 2, 10, 0, 3, 4, 20, 0, 5, 6, 30, 0, 7, 8, 40, 0}));
  EXPECT_EQ(token_width(PromptFormat::kAlternating, 2), 2);
}

TEST(MeanByPosition, IsOverRows) {
  EXPECT_EQ(mean_by_position(Doubles{1, 2, 3, 6}, 2), (Doubles{2, 4}));
  EXPECT_NE(error_of([] { mean_by_position(Doubles{1, 2, 3}, 2); }).find("no whole rows"), std::string::npos);
}

TEST(RegressionPrompts, RefusesOtherSizes) {
  EXPECT_NE(error_of([] {
              RegressionPrompts(2, 1).add(Doubles{1}, Doubles{1, 2});
            }).find("needed 2 and 2"),
            std::string::npos);
}

}  // namespace
}  // namespace roux::kit
