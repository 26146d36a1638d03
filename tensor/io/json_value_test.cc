#include "tensor/io/json_value.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "tensor/error.h"

namespace roux {
namespace {

testing::AssertionResult fails_with(const absl::Status& status, const std::string& text) {
  if (!status.ok() && absl::StrContains(status.message(), text)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << status;
}

JsonValue parse(const std::string& text) {
  absl::StatusOr<JsonValue> value = parse_json_value(text, "t");
  EXPECT_TRUE(value.ok()) << value.status();
  return value.ok() ? *std::move(value) : JsonValue();
}

TEST(JsonValue, HoldsEveryType) {
  const JsonValue value =
      parse(R"({"a": [1, -2.5, true, null, "Gr\u00fc\u00dfe \ud83d\ude00"], "b": {"c": []}, "a b": {}})");
  const JsonValue::Items& items = value.find("a")->items();
  EXPECT_EQ(items[0].integer(), 1);
  EXPECT_EQ(items[0].number(), 1.0);
  EXPECT_EQ(items[1].number(), -2.5);
  EXPECT_TRUE(items[2].boolean());
  EXPECT_TRUE(items[3].is_null());
  EXPECT_EQ(items[4].string(), "Grüße 😀");
  EXPECT_TRUE(value.find("b")->find("c")->items().empty());
  EXPECT_EQ(value.members()[2].first, "a b");
  EXPECT_EQ(value.find("d"), nullptr);
  EXPECT_EQ(items[0].find("d"), nullptr);
  EXPECT_THROW(items[0].string(), Error);
  EXPECT_THROW(items[1].integer(), Error);
}

TEST(JsonValue, KeepsIntegersExact) {
  EXPECT_EQ(parse("9223372036854775807").integer(), INT64_MAX);
  EXPECT_EQ(parse("-9223372036854775808").integer(), INT64_MIN);
  EXPECT_EQ(parse("18446744073709551615").number(), 18446744073709551615.0);
  EXPECT_EQ(parse("0.1").number(), 0.1);
  EXPECT_EQ(parse(R"({"k": 1, "k": 2})").find("k")->integer(), 2);
}

TEST(JsonValue, RefusesWhatIsNotJson) {
  for (const std::string bad : {"", "{", "[1,]", "{\"a\":1,}", "{'a':1}", "nul", "1 2", "\"\xFF\"",
                                "\"\\ud800\"", "01", "[\"a\nb\"]", "NaN", "1e999"}) {
    const absl::Status status = parse_json_value(bad, "file: line 3").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_TRUE(fails_with(status, "file: line 3: byte ")) << bad;
  }
  EXPECT_TRUE(fails_with(parse_json_value("[1,x]", "t").status(), "t: byte 3: not JSON"));
}

TEST(JsonValue, HostileInputMeetsLimits) {
  EXPECT_TRUE(parse_json_value(std::string(128, '[') + std::string(128, ']'), "t").ok());
  EXPECT_TRUE(
      fails_with(parse_json_value(std::string(1000000, '['), "t").status(), "nested deeper than 128"));
  EXPECT_TRUE(
      fails_with(parse_json_value("[1,2,3,4]", "t", {.max_values = 3}).status(), "more than 3 values"));
  EXPECT_TRUE(fails_with(parse_json_value(R"({"a":1,"b":1})", "t", {.max_values = 3}).status(),
                         "more than 3 values"));
}

TEST(JsonValue, KnowsWhereItStands) {
  const JsonValue value = parse(R"({"a": [10, "b"], "c": {}})");
  EXPECT_EQ(value.offset(), 0);
  EXPECT_EQ(value.find("a")->offset(), 6);
  EXPECT_EQ(value.find("a")->items()[0].offset(), 9);
  EXPECT_EQ(value.find("a")->items()[1].offset(), 13);
  EXPECT_EQ(value.find("c")->offset(), 22);
}

TEST(JsonValue, RefusesRepeatedKeysOnRequest) {
  const JsonLimits unique{.unique_keys = true};
  EXPECT_TRUE(fails_with(parse_json_value(R"({"k": 1, "j": {"k": 2, "k": 3}})", "t", unique).status(),
                         "the key \"k\" repeats"));
  EXPECT_TRUE(parse_json_value(R"({"k": 1, "j": {"k": 2}})", "t", unique).ok());
}

}  // namespace
}  // namespace roux
