#include "nn/patterns.h"

#include <gtest/gtest.h>

#include "tensor/error_of.h"

namespace roux {
namespace {

TEST(Patterns, StarTakesAnyTextAndDots) {
  EXPECT_TRUE(matches({"*"}, ""));
  EXPECT_TRUE(matches({"*"}, "model.layers.0.weight"));
  EXPECT_TRUE(matches({"*.weight"}, "model.layers.0.weight"));
  EXPECT_TRUE(matches({"*.layers.*.weight"}, "model.layers.0.mlp.weight"));
  EXPECT_TRUE(matches({"a*b*c"}, "abcbc"));
  EXPECT_TRUE(matches({"*aab"}, "aaaab"));
  EXPECT_TRUE(matches({"a**"}, "a"));
  EXPECT_FALSE(matches({"*.weight"}, "weight"));
  EXPECT_FALSE(matches({"a*b"}, "abc"));
  EXPECT_FALSE(matches({"*.bias"}, "model.bias.x"));
}

TEST(Patterns, AreWholeNames) {
  EXPECT_TRUE(matches({"head"}, "head"));
  EXPECT_FALSE(matches({"head"}, "head.weight"));
  EXPECT_FALSE(matches({"weight"}, "head.weight"));
  EXPECT_FALSE(matches({""}, "head"));
  EXPECT_FALSE(matches({}, "head"));
  EXPECT_TRUE(matches({"tail", "head"}, "head"));
}

TEST(Patterns, QuestionMarkIsOneCharacter) {
  EXPECT_TRUE(matches({"layers.?.w"}, "layers.4.w"));
  EXPECT_FALSE(matches({"layers.?.w"}, "layers.14.w"));
  EXPECT_FALSE(matches({"layers.?"}, "layers."));
}

TEST(Patterns, BracesAreChoices) {
  const Patterns projections{"*.{q,k,v}_proj.{weight,bias}"};
  EXPECT_TRUE(matches(projections, "a.q_proj.weight"));
  EXPECT_TRUE(matches(projections, "a.v_proj.bias"));
  EXPECT_FALSE(matches(projections, "a.o_proj.bias"));
  EXPECT_FALSE(matches(projections, "a.q,k_proj.bias"));
  EXPECT_TRUE(matches({"{lora_*,b{x,y}}.w"}, "lora_A.w"));
  EXPECT_TRUE(matches({"{lora_*,b{x,y}}.w"}, "by.w"));
  EXPECT_FALSE(matches({"{lora_*,b{x,y}}.w"}, "b.w"));
  EXPECT_TRUE(matches({"norm{,_2}"}, "norm"));
  EXPECT_TRUE(matches({"norm{,_2}"}, "norm_2"));
}

TEST(Patterns, RangesAreNumbersNotDigits) {
  for (int i = 0; i < 20; ++i) {
    const std::string name = "layers." + std::to_string(i) + ".w";
    EXPECT_EQ(matches({"layers.{4..12}.w"}, name), 4 <= i && i <= 12) << i;
    EXPECT_EQ(matches({"layers.{0,9..10,15}.w"}, name), i == 0 || i == 9 || i == 10 || i == 15) << i;
  }
  EXPECT_FALSE(matches({"layers.{4..12}.w"}, "layers.04.w"));
}

TEST(Patterns, WrongOnesAreErrors) {
  EXPECT_EQ(error_of([] { matches({"a.{b"}, "a.b"); }), "patterns: the braces of a.{b do not close");
  EXPECT_EQ(error_of([] { matches({"a.b}"}, "a.b"); }), "patterns: the braces of a.b} do not close");
  EXPECT_EQ(error_of([] { matches({"{a,{b}"}, "a.b"); }), "patterns: the braces of {a,{b} do not close");
  EXPECT_EQ(error_of([] { matches({"l.{7..4}"}, "l.5"); }),
            "patterns: {7..4} in l.{7..4} is no range of numbers");
  EXPECT_EQ(error_of([] { matches({"l.{a..c}"}, "l.b"); }),
            "patterns: {a..c} in l.{a..c} is no range of numbers");
  EXPECT_NE(error_of([] { matches({"l.{-1..1}"}, "l.0"); }), "no error");
  EXPECT_NE(error_of([] { matches({"l.{0..999999999999}"}, "l.0"); }), "no error");
}

TEST(Patterns, OneThatMeetsNothingIsAnError) {
  const std::vector<std::string> names{"a.w", "a.b", "c.w"};
  EXPECT_EQ(matching("freeze", {"a.*"}, names), (std::vector<bool>{true, true, false}));
  EXPECT_EQ(matching("freeze", {"*.b", "a.b", "c.?"}, names), (std::vector<bool>{false, true, true}));
  EXPECT_EQ(matching("freeze", {}, names), (std::vector<bool>{false, false, false}));
  EXPECT_EQ(error_of([&] {
              matching("freeze", {"a.*", "*.W"}, names);
            }),
            "freeze: the pattern *.W matches none of 3 names: a.w, a.b, c.w");
  const std::vector<std::string> many(9, "x");
  EXPECT_EQ(error_of([&] { matching("own", {"y"}, many); }),
            "own: the pattern y matches none of 9 names: x, x, x, x, x, ...");
}

}  // namespace
}  // namespace roux
