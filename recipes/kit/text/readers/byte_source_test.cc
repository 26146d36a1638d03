#include "recipes/kit/text/readers/byte_source.h"

#include <gtest/gtest.h>

#include "recipes/kit/text/readers/gzip.h"
#include "recipes/kit/text/readers/reader_test_util.h"

namespace roux::kit {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  LineReader reader(dripping_source(text, "drip", 1));
  std::vector<std::string> lines;
  std::string line;
  for (;;) {
    const absl::StatusOr<bool> more = reader.next(&line);
    EXPECT_TRUE(more.ok()) << more.status();
    if (!more.ok() || !*more) return lines;
    lines.push_back(line);
    EXPECT_EQ(reader.line_number(), static_cast<int64_t>(lines.size()));
    EXPECT_EQ(text.substr(reader.line_offset(), line.size()), line);
  }
}

TEST(LineReader, AcceptsEveryLineEnd) {
  using Lines = std::vector<std::string>;
  EXPECT_EQ(lines_of(""), Lines());
  EXPECT_EQ(lines_of("\n"), Lines({""}));
  EXPECT_EQ(lines_of("a"), Lines({"a"}));
  EXPECT_EQ(lines_of("a\nb\r\n\r\nc\rd\n"), Lines({"a", "b", "", "c\rd"}));
  EXPECT_EQ(lines_of("\xEF\xBB\xBFmark\nx"), Lines({"mark", "x"}));
  EXPECT_EQ(lines_of("\xEF\xBB\xBF"), Lines());
  EXPECT_EQ(lines_of("\xEF\xBBx"), Lines({"\xEF\xBBx"}));
}

TEST(LineReader, RefusesEndlessLines) {
  LineReader reader(memory_source("ok\n" + std::string(11, 'x'), "m"), 10);
  std::string line;
  EXPECT_TRUE(*reader.next(&line));
  EXPECT_TRUE(fails_with(reader.next(&line).status(), "m: byte 3: line 2 is longer than 10 bytes"));
}

TEST(Files, ErrorsNameThePath) {
  EXPECT_TRUE(fails_with(open_file("/no/such").status(), "/no/such: cannot be opened"));
  EXPECT_TRUE(fails_with(open_file(testing::TempDir()).status(), "is a folder, not a file"));
  EXPECT_TRUE(fails_with(open_source("/no/such").status(), "/no/such"));
}

absl::StatusOr<std::string> content_of(const std::string& bytes) {
  std::unique_ptr<ByteSource> source = gzip_source(dripping_source(bytes, "drip", 1));
  return read_all(*source, 1 << 24);
}

TEST(Gzip, ReadsMembersAndPadding) {
  std::string text;
  for (int i = 0; i < 50000; ++i) text += std::to_string(i * 7919 % 10007);
  EXPECT_EQ(*content_of(gzip_bytes(text)), text);
  EXPECT_EQ(*content_of(gzip_bytes("")), "");
  EXPECT_EQ(*content_of(gzip_bytes("one ") + gzip_bytes("") + gzip_bytes("two")), "one two");
  EXPECT_EQ(*content_of(gzip_bytes("one") + std::string(1000, '\0')), "one");
  EXPECT_EQ(*content_of(gzip_bytes("one") + std::string(3, '\0') + gzip_bytes("two")), "onetwo");
}

TEST(Gzip, OpenSourceTellsTheFormat) {
  const std::string packed = write_test_file("packed", gzip_bytes("inside"));
  const std::string plain = write_test_file("plain.gz", "plain");
  const std::string tiny = write_test_file("tiny", "\x1F");
  EXPECT_EQ(*read_all(**open_source(packed), 100), "inside");
  EXPECT_EQ(*read_all(**open_source(plain), 100), "plain");
  EXPECT_EQ(*read_all(**open_source(tiny), 100), "\x1F");
  EXPECT_EQ(*read_all(**open_source(write_test_file("none", "")), 100), "");
}

TEST(Gzip, EveryCutIsNoticed) {
  const std::string whole = gzip_bytes("some text, some text, some more text");
  for (size_t length = 0; length < whole.size(); ++length) {
    const absl::Status status = content_of(whole.substr(0, length)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << length;
    EXPECT_TRUE(fails_with(status, "drip: byte " + std::to_string(length) + ":")) << length;
  }
}

TEST(Gzip, EveryFlippedByteIsNoticed) {
  const std::string whole = gzip_bytes("some text, some text, some more text");
  for (size_t at = 0; at < whole.size(); ++at) {
    if (at >= 4 && at < 10) continue;  // time, compressor's flags and system say nothing about the content
    std::string changed = whole;
    changed[at] ^= 0x20;
    EXPECT_FALSE(content_of(changed).ok()) << at;
  }
  EXPECT_TRUE(fails_with(content_of(whole + "x").status(), "no gzip data after a finished gzip member"));
}

TEST(Gzip, BombsMeetTheReadersLimit) {
  std::unique_ptr<ByteSource> source =
      gzip_source(memory_source(gzip_bytes(std::string(1 << 20, 'x')), "bomb"));
  EXPECT_TRUE(fails_with(read_all(*source, 1000).status(), "bomb: holds more than the 1000 bytes"));
}

}  // namespace
}  // namespace roux::kit
