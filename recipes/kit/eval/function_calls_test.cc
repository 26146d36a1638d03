#include "recipes/kit/eval/function_calls.h"

#include <gtest/gtest.h>

#include <random>

namespace roux::kit {
namespace {

using Calls = std::vector<FunctionCall>;

TEST(FunctionCalls, Forms) {
  EXPECT_EQ(*parse_function_calls("f()"), (Calls{{"f", {}}}));
  EXPECT_EQ(*parse_function_calls(" [ f(a=1, b = 'x y') , g.h(c=Oslo) ]\n"),
            (Calls{{"f", {{"a", "1"}, {"b", "x y"}}}, {"g.h", {{"c", "Oslo"}}}}));
  EXPECT_EQ(*parse_function_calls("f(b=2, a='1')"), *parse_function_calls("f(a=\"1\",b=2)"));
  EXPECT_EQ(*parse_function_calls("f(a=[1, (2, 3)], b={'k': \"),\"}, c=-1.5)"),
            (Calls{{"f", {{"a", "[1, (2, 3)]"}, {"b", "{'k': \"),\"}"}, {"c", "-1.5"}}}}));
  EXPECT_EQ(*parse_function_calls(R"(f(a='it\'s', b="\\"))"), (Calls{{"f", {{"a", "it's"}, {"b", "\\"}}}}));
  EXPECT_EQ(*parse_function_calls("f(a='x' + 'y')"), (Calls{{"f", {{"a", "'x' + 'y'"}}}}));
  EXPECT_EQ(*parse_function_calls("f(a='')"), (Calls{{"f", {{"a", ""}}}}));
  EXPECT_TRUE(parse_function_calls("[]")->empty());
  EXPECT_TRUE(parse_function_calls(" ")->empty());
}

TEST(FunctionCalls, DamageNamesTheByte) {
  const auto message = [](std::string_view text) {
    const auto calls = parse_function_calls(text);
    return calls.ok() ? std::string("ok") : std::string(calls.status().message());
  };
  EXPECT_EQ(message("f(1)"), "function calls: byte 2: expected a name");
  EXPECT_EQ(message("f(a)"), "function calls: byte 3: expected =");
  EXPECT_EQ(message("f(a=)"), "function calls: byte 4: expected a value");
  EXPECT_EQ(message("f(a=1, a=2)"), "function calls: byte 6: expected another key than a");
  EXPECT_EQ(message("f(a='x"), "function calls: byte 6: expected a closing quote");
  EXPECT_EQ(message("f(a=(1]"), "function calls: byte 6: expected another bracket");
  EXPECT_EQ(message("f(a=1"), "function calls: byte 5: expected , or )");
  EXPECT_EQ(message("[f()"), "function calls: byte 4: expected , or ]");
  EXPECT_EQ(message("f() g()"), "function calls: byte 4: expected , or the end");
  EXPECT_EQ(message("[f()] x"), "function calls: byte 6: expected the end");
  EXPECT_EQ(message("I cannot do that."), "function calls: byte 2: expected (");
  EXPECT_EQ(message(std::string_view("f()\0", 4)), "function calls: byte 3: expected , or the end");
}

// Any bytes: a Status or calls, always the same.
TEST(FunctionCalls, AnyBytes) {
  std::mt19937 rng(1);
  constexpr std::string_view kParts = "ab(),='\"[]{}\\ .1\xff\n";
  int ok = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = i % 2 == 0 ? "" : "f(a=1,b='c')";
    for (uint32_t k = rng() % 6; k > 0; --k) {
      text.insert(text.begin() + static_cast<ptrdiff_t>(rng() % (text.size() + 1)),
                  kParts[rng() % kParts.size()]);
    }
    ok += parse_function_calls(text).ok() ? 1 : 0;
  }
  EXPECT_GT(ok, 500);
  EXPECT_LT(ok, 15000);
  EXPECT_FALSE(parse_function_calls("f(a=" + std::string(200000, '(')).ok());
}

}  // namespace
}  // namespace roux::kit
