#include "recipes/kit/eval/final_answer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tensor/error.h"

namespace roux::kit {
namespace {

TEST(FinalAnswer, LastNumber) {
  EXPECT_EQ(last_number("1,234"), 1234);
  EXPECT_EQ(last_number("12.50 dollars"), 12.5);
  EXPECT_EQ(last_number("3 * 4 = 12."), 12);
  EXPECT_EQ(last_number("1, 2, 3"), 3);
  EXPECT_EQ(last_number("1,000,000.25."), 1000000.25);
  EXPECT_EQ(last_number("v1.2.3"), 3);
  EXPECT_EQ(last_number(".5"), 5);
  EXPECT_EQ(last_number("no digits"), std::nullopt);
  EXPECT_EQ(last_number(""), std::nullopt);
  EXPECT_EQ(last_number("-7"), 7);
  EXPECT_EQ(last_number("-7", true), -7);
  EXPECT_EQ(last_number("10-7", true), 7);
  EXPECT_EQ(last_number("答案是 -7。", true), -7);
  EXPECT_EQ(last_number(std::string(400, '9')), HUGE_VAL);
}

TEST(FinalAnswer, SameNumber) {
  EXPECT_TRUE(same_number(last_number("3.0"), 3));
  EXPECT_FALSE(same_number(3.01, 3));
  EXPECT_FALSE(same_number(std::nullopt, std::nullopt));
  EXPECT_FALSE(same_number(std::nan(""), 3));
}

TEST(FinalAnswer, Boxed) {
  EXPECT_EQ(boxed_answer("so \\boxed{ 42 }."), "42");
  EXPECT_EQ(boxed_answer("\\boxed{1} then \\boxed{\\frac{1}{2}}"), "\\frac{1}{2}");
  EXPECT_EQ(boxed_answer("\\boxed{\\{1, 2\\}}"), "\\{1, 2\\}");
  EXPECT_EQ(boxed_answer("\\boxed{1} and cut off \\boxed{2"), "1");
  EXPECT_EQ(boxed_answer("\\boxed{\\boxed{5}}"), "5");
  EXPECT_EQ(boxed_answer("\\boxed{"), std::nullopt);
  EXPECT_EQ(boxed_answer("boxed 4"), std::nullopt);
}

TEST(FinalAnswer, Marked) {
  EXPECT_EQ(marked_answer("a\n#### 5 \n", "####"), "5");
  EXPECT_EQ(marked_answer("Answer: 1\nAnswer: two\nmore", "Answer:"), "two");
  EXPECT_EQ(marked_answer("####", "####"), "");
  EXPECT_EQ(marked_answer("5", "####"), std::nullopt);
  EXPECT_THROW(marked_answer("5", ""), Error);
}

}  // namespace
}  // namespace roux::kit
