#include "recipes/kit/text/readers/csv.h"

#include <gtest/gtest.h>

#include "recipes/kit/text/readers/reader_test_util.h"

namespace roux::kit {
namespace {

using Record = std::vector<std::string>;

absl::StatusOr<std::vector<Record>> read_csv(const std::string& text,
                                             CsvOptions options = {.header = false}) {
  absl::StatusOr<CsvReader> csv = CsvReader::create(memory_source(text, "t.csv"), options);
  if (!csv.ok()) return csv.status();
  std::vector<Record> records;
  for (;;) {
    const absl::StatusOr<bool> more = csv->next();
    if (!more.ok()) return more.status();
    if (!*more) return records;
    records.push_back(csv->fields());
  }
}

TEST(Csv, ReadsRfc4180) {
  using Records = std::vector<Record>;
  EXPECT_EQ(*read_csv(""), Records());
  EXPECT_EQ(*read_csv("a,b\nc,d"), Records({{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(*read_csv("a,b\r\nc,d\r\n"), Records({{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(*read_csv("\"a,1\",\"say \"\"hi\"\"\"\n\"two\r\nlines\",\"\"\n"),
            Records({{"a,1", "say \"hi\""}, {"two\r\nlines", ""}}));
  EXPECT_EQ(*read_csv(",\n,"), Records({{"", ""}, {"", ""}}));
  EXPECT_EQ(*read_csv("\n\r\na\n\n\"\"\n"),
            Records({{"a"}, {""}}));  // blank lines are skipped, quoted nothing is a field
  EXPECT_EQ(*read_csv("5\" pipe,a\rb\n"), Records({{"5\" pipe", "a\rb"}}));
  EXPECT_EQ(*read_csv("\xEF\xBB\xBFx,y"), Records({{"x", "y"}}));
  EXPECT_EQ(*read_csv(std::string("a\0b,c", 5)), Records({{std::string("a\0b", 3), "c"}}));
}

TEST(Csv, OptionsChangeTheDialect) {
  using Records = std::vector<Record>;
  EXPECT_EQ(*read_csv("\"a\tb,c", {.separator = '\t', .header = false, .quotes = false}),
            Records({{"\"a", "b,c"}}));
  EXPECT_EQ(*read_csv("a\nb,c", {.header = false, .same_length = false}), Records({{"a"}, {"b", "c"}}));
}

TEST(Csv, NamesColumns) {
  const std::string path = write_test_file("t.csv.gz", gzip_bytes(",win_rate,mode\ngpt4,50.0,x\n"));
  absl::StatusOr<CsvReader> csv = CsvReader::open(path);
  ASSERT_TRUE(csv.ok()) << csv.status();
  EXPECT_EQ(csv->columns(), (Record{"", "win_rate", "mode"}));
  EXPECT_EQ(*csv->column("win_rate"), 1u);
  EXPECT_TRUE(fails_with(csv->column("wins").status(), "no column 'wins'; there are , win_rate, mode"));
  ASSERT_TRUE(*csv->next());
  EXPECT_EQ(csv->fields()[1], "50.0");
  EXPECT_EQ(csv->line_number(), 2);
  EXPECT_EQ(csv->offset(), 15);
  EXPECT_FALSE(*csv->next());
  EXPECT_FALSE(*csv->next());
}

TEST(Csv, ErrorsSayWhere) {
  EXPECT_TRUE(
      fails_with(read_csv("a,b\n\"c,d\ne").status(), "t.csv: byte 4: line 2: this quote is never closed"));
  EXPECT_TRUE(
      fails_with(read_csv("a\n\"b\"c").status(), "t.csv: byte 6: line 2: text after a closing quote"));
  EXPECT_FALSE(read_csv("\"b\"\r,").ok());
  EXPECT_TRUE(fails_with(read_csv("a,b\n\"1\n2\",3\nc").status(),
                         "t.csv: byte 12: line 4: record has 1 fields, the first has 2"));
  EXPECT_TRUE(fails_with(read_csv("", {}).status(), "t.csv: is empty, a header was expected"));
}

TEST(Csv, HostileInputMeetsLimits) {
  const CsvOptions limits{.header = false, .max_record_bytes = 100, .max_fields = 10};
  EXPECT_TRUE(fails_with(read_csv(std::string(1000, 'x'), limits).status(), "longer than 100 bytes"));
  EXPECT_TRUE(fails_with(read_csv("\"" + std::string(1000, '\n'), limits).status(), "longer than 100 bytes"));
  EXPECT_TRUE(fails_with(read_csv(std::string(50, ','), limits).status(), "more than 10 fields"));
  EXPECT_EQ(read_csv(std::string(1000, 'x'), limits).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(read_csv(std::string(50, ','), limits).status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace roux::kit
