#include "recipes/kit/text/readers/jsonl.h"

#include <gtest/gtest.h>

#include "recipes/kit/text/readers/reader_test_util.h"

namespace roux::kit {
namespace {

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
  JsonlReader deep = JsonlReader::create(memory_source("{}\n" + std::string(1000000, '['), "t.jsonl"));
  ASSERT_TRUE(*deep.next());
  EXPECT_TRUE(fails_with(deep.next().status(), "t.jsonl: line 2: byte 128: nested deeper than 128"));
  JsonlReader line_limit =
      JsonlReader::create(memory_source(std::string(100, '['), "t.jsonl"), {.max_line_bytes = 50});
  EXPECT_TRUE(fails_with(line_limit.next().status(), "longer than 50 bytes"));
}

}  // namespace
}  // namespace roux::kit
