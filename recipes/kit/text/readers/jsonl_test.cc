#include "recipes/kit/text/readers/jsonl.h"

#include <gtest/gtest.h>

#include <cmath>

#include "recipes/kit/text/readers/reader_test_util.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

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

TEST(Jsonl, StreamsValues) {
  const std::string path = write_test_file(
      "t.jsonl", "{\"q\": \"a\", \"n\": 3}\n\n  \r\n{\"q\": \"b\"}\r\n[1]");  // no newline at the end
  absl::StatusOr<JsonlReader> reader = JsonlReader::open(path);
  ASSERT_TRUE(reader.ok());
  ASSERT_TRUE(*reader->next());
  EXPECT_EQ(*reader->string_field("q"), "a");
  EXPECT_EQ(*reader->number_field("n"), 3.0);
  EXPECT_EQ(reader->text(), "{\"q\": \"a\", \"n\": 3}");
  EXPECT_TRUE(
      fails_with(reader->string_field("n").status(), "line 1: field 'n' is number, a string was expected"));
  EXPECT_TRUE(fails_with(reader->string_field("x").status(), "line 1: object has no field 'x'"));
  ASSERT_TRUE(*reader->next());
  EXPECT_EQ(reader->line_number(), 4);
  EXPECT_EQ(*reader->string_field("q"), "b");
  ASSERT_TRUE(*reader->next());
  EXPECT_TRUE(fails_with(reader->string_field("q").status(), "line 5: value is array, an object with 'q'"));
  EXPECT_FALSE(*reader->next());
}

TEST(Jsonl, ErrorsSayWhere) {
  JsonlReader reader = JsonlReader::create(memory_source("{}\n{\"a\": tru}\n", "t.jsonl"));
  ASSERT_TRUE(*reader.next());
  EXPECT_TRUE(fails_with(reader.next().status(), "t.jsonl: line 2: byte 9: not JSON"));
  JsonlReader cut = JsonlReader::create(memory_source("{\"a\": \"b", "t.jsonl"));
  EXPECT_TRUE(fails_with(cut.next().status(), "t.jsonl: line 1: byte "));
  JsonlReader line_limit =
      JsonlReader::create(memory_source(std::string(100, '['), "t.jsonl"), {.max_line_bytes = 50});
  EXPECT_TRUE(fails_with(line_limit.next().status(), "longer than 50 bytes"));
}

}  // namespace
}  // namespace roux::kit
