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

TEST(FinalAnswer, EveryMinusIsOne) {
  for (const char* minus : {"-", "\u2212", "\u2010", "\u2011", "\u2012", "\u2013", "\uFE63", "\uFF0D"}) {
    const std::string sign = minus;
    EXPECT_EQ(last_number(sign + "3", true), -3) << sign;
    EXPECT_EQ(last_number("x = " + sign + "3.5.", true), -3.5) << sign;
    EXPECT_EQ(last_number("\\boxed{" + sign + "3}", true), -3) << sign;
    EXPECT_EQ(last_number("答案是" + sign + "3。", true), -3) << sign;
    EXPECT_EQ(last_number("答案：" + sign + "3", true), -3) << sign;
    EXPECT_EQ(last_number(sign + "$1,250", true), -1250) << sign;
    EXPECT_EQ(last_number(sign + "\\$5", true), -5) << sign;
    EXPECT_EQ(last_number(sign + "€5", true), -5) << sign;
    EXPECT_EQ(last_number("10" + sign + "7", true), 7) << sign;
    EXPECT_EQ(last_number("x" + sign + "7", true), 7) << sign;
    EXPECT_EQ(last_number("п" + sign + "7", true), 7) << sign;
    EXPECT_EQ(last_number("f(x)" + sign + "7", true), 7) << sign;
    EXPECT_EQ(last_number("x^{2}" + sign + "7", true), 7) << sign;
    EXPECT_EQ(last_number("10 " + sign + " 7", true), 7) << sign;
    EXPECT_EQ(last_number(sign + "3"), 3) << sign;
  }
  EXPECT_EQ(last_number("the answer \u2014 7", true), 7);  // em dashes are punctuation
  EXPECT_EQ(last_number("\u20147", true), 7);
}

TEST(FinalAnswer, DigitsOfAnyScript) {
  EXPECT_EQ(last_number("４２"), 42);
  EXPECT_EQ(last_number("３．５"), 3.5);
  EXPECT_EQ(last_number("१२३"), 123);
  EXPECT_EQ(last_number("উত্তর ৭।"), 7);
  EXPECT_EQ(last_number("٣٫٥"), 3.5);
  EXPECT_EQ(last_number("一"), std::nullopt);
  EXPECT_EQ(last_number("\xFF"
                        "7"),
            7);
}

TEST(FinalAnswer, SeparatorsOfThousands) {
  for (const char* text : {"1,234,567", "1{,}234{,}567", "1,\\!234,\\!567", "1\\,234\\,567", "1'234'567",
                           "1’234’567", "1\u00A0234\u00A0567", "1\u202F234\u202F567", "1\u2009234\u2009567",
                           "１，２３４，５６７", "١٬٢٣٤٬٥٦٧"}) {
    EXPECT_EQ(last_number(text), 1234567) << text;
  }
  EXPECT_EQ(last_number("12,34,567"), 1234567);
  EXPECT_EQ(last_number("1，2，3"), 3);  // a list
  EXPECT_EQ(last_number("5'10"), 10);
  EXPECT_EQ(last_number("1 234"), 234);
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

TEST(FinalAnswer, BoxedInEveryWriting) {
  EXPECT_EQ(boxed_answer("\\boxed {7}"), "7");
  EXPECT_EQ(boxed_answer("\\boxed\n{7}"), "7");
  EXPECT_EQ(boxed_answer("\\boxed 7"), "7");
  EXPECT_EQ(boxed_answer("\\boxed7"), "7");
  EXPECT_EQ(boxed_answer("it is \\boxed 7. Done"), "7");
  EXPECT_EQ(boxed_answer("it is \\boxed -7, and"), "-7");
  EXPECT_EQ(boxed_answer("\\boxed \\frac{1}{ 2 } is"), "\\frac{1}{ 2 }");
  EXPECT_EQ(boxed_answer("so $x = \\boxed 3 \\sqrt 2$ holds"), "3 \\sqrt 2");
  EXPECT_EQ(boxed_answer("it costs \\$4: \\boxed 4 dollars"), "4");
  EXPECT_EQ(boxed_answer("\\(\\boxed 3 n\\) holds"), "3 n");
  EXPECT_EQ(boxed_answer("\\[ \\boxed 3 n \\] holds"), "3 n");
  EXPECT_EQ(boxed_answer("\\(x\\) is \\boxed 3 n"), "3");
  EXPECT_EQ(boxed_answer("\\fbox{7}"), "7");
  EXPECT_EQ(boxed_answer("\\boxed{\\text{yes}}"), "yes");
  EXPECT_EQ(boxed_answer("\\boxed{ \\textbf {(B)} }"), "(B)");
  EXPECT_EQ(boxed_answer("\\boxed{7\\text{ cm}}"), "7\\text{ cm}");
  EXPECT_EQ(boxed_answer("\\boxed{\\text{a} or \\text{b}}"), "\\text{a} or \\text{b}");
  EXPECT_EQ(boxed_answer("\\boxed{\\frac{1}{\\sqrt{2}}}"), "\\frac{1}{\\sqrt{2}}");
  EXPECT_EQ(boxed_answer("\\boxed{1} or \\boxedsymbol"), "1");
  EXPECT_EQ(boxed_answer("\\boxed{1} or \\boxed"), "1");
  EXPECT_EQ(last_number(*boxed_answer("\\boxed {\u22123}"), true), -3);
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
