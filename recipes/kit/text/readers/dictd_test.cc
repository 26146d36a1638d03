#include "recipes/kit/text/readers/dictd.h"

#include <gtest/gtest.h>

#include "recipes/kit/text/readers/reader_test_util.h"

namespace roux::kit {
namespace {

TEST(DictdNumber, IsBase64MostSignificantFirst) {
  EXPECT_EQ(*parse_dictd_number("A"), 0);
  EXPECT_EQ(*parse_dictd_number("/"), 63);
  EXPECT_EQ(*parse_dictd_number("BA"), 64);
  EXPECT_EQ(*parse_dictd_number("Ljy"), (11 * 64 + 35) * 64 + 50);
  EXPECT_FALSE(parse_dictd_number("").ok());
  EXPECT_FALSE(parse_dictd_number("A=").ok());
  EXPECT_TRUE(parse_dictd_number("B" + std::string(9, 'A')).ok());
  EXPECT_FALSE(parse_dictd_number(std::string(20, '/')).ok());
}

// Definitions of 10, 20, 30 ... bytes, and an index in their order.
std::string definitions() {
  std::string text;
  for (int i = 1; i <= 30; ++i) text += std::string(i * 10, static_cast<char>('a' + i % 26));
  return text;
}

TEST(DictFile, PlainAndChunkedAreEqual) {
  const std::string text = definitions();
  for (const int chunk : {7, 100, 1000, 60000}) {
    const auto packed = DictFile::from_bytes(dictzip_bytes(text, chunk), "t.dict.dz");
    ASSERT_TRUE(packed.ok()) << packed.status();
    const auto plain = DictFile::from_bytes(text, "t.dict");
    for (int64_t at = 0; at < static_cast<int64_t>(text.size()); at += 97) {
      for (const int64_t length : {0, 1, 50, 333}) {
        if (at + length > static_cast<int64_t>(text.size())) continue;
        EXPECT_EQ(*(*packed)->read(at, length), text.substr(at, length));
        EXPECT_EQ(*(*plain)->read(at, length), text.substr(at, length));
      }
    }
    EXPECT_FALSE((*packed)->read(static_cast<int64_t>(text.size()) - 1, 2).ok());
    EXPECT_FALSE((*packed)->read(int64_t{1} << 60, 1).ok());
    EXPECT_TRUE(
        fails_with((*plain)->read(0, 1 << 20).status(), "t.dict: byte 0: 1048576 bytes are needed here"));
  }
}

TEST(DictFile, DamageSaysWhere) {
  const std::string whole = dictzip_bytes(definitions(), 100);
  int64_t noticed = 0;
  for (size_t length = 2; length + 10 < whole.size(); length += 3) {  // the last ten bytes carry nothing
    const auto cut = DictFile::from_bytes(whole.substr(0, length), "t.dz");
    EXPECT_TRUE(fails_with(cut.status(), "t.dz: byte ")) << length;
    ++noticed;
  }
  EXPECT_GT(noticed, 100);
  std::string bad = whole;
  bad[whole.size() / 2] ^= 0x55;
  const auto file = DictFile::from_bytes(bad, "t.dz");
  bool failed = false;
  for (int64_t at = 0; file.ok() && at + 100 <= 4650; at += 100) {
    const absl::StatusOr<std::string> text = (*file)->read(at, 100);
    failed = failed || !text.ok() || *text != definitions().substr(at, 100);
  }
  EXPECT_TRUE(failed);
  EXPECT_TRUE(
      fails_with(DictFile::from_bytes(gzip_bytes("text"), "t.dz").status(), "without dictzip's table"));
}

TEST(Dictd, ReadsAnIndex) {
  const std::string index = write_test_file("t.index",
                                            "00-database-short\tA\tD\n"
                                            "apple\tD\tF\n"
                                            "\n"
                                            "banane\tI\tG\tBanane\n");
  write_test_file("t.dict", "abcAPPLEBanane");
  absl::StatusOr<DictdReader> reader = DictdReader::open(index);
  ASSERT_TRUE(reader.ok()) << reader.status();
  DictdEntry entry;
  ASSERT_TRUE(*reader->next(&entry));
  EXPECT_TRUE(entry.about_database);
  EXPECT_EQ(entry.definition, "abc");
  ASSERT_TRUE(*reader->next(&entry));
  EXPECT_FALSE(entry.about_database);
  EXPECT_EQ(entry.headword, "apple");
  EXPECT_EQ(entry.definition, "APPLE");
  EXPECT_EQ(entry.offset, 3);
  ASSERT_TRUE(*reader->next(&entry));
  EXPECT_EQ(entry.headword, "Banane");
  EXPECT_EQ(entry.definition, "Banane");
  EXPECT_FALSE(*reader->next(&entry));
}

TEST(Dictd, PrefersTheCompressedFile) {
  const std::string index = write_test_file("u.index", "x\tA\tC\n");
  EXPECT_TRUE(fails_with(DictdReader::open(index).status(), "u.dict: cannot be opened"));
  write_test_file("u.dict.dz", dictzip_bytes("zz", 100));
  DictdEntry entry;
  absl::StatusOr<DictdReader> reader = DictdReader::open(index);
  ASSERT_TRUE(*reader->next(&entry));
  EXPECT_EQ(entry.definition, "zz");
  EXPECT_TRUE(fails_with(DictdReader::open("t.txt").status(), "ends with .index"));
}

TEST(Dictd, ErrorsSayWhere) {
  const auto next = [](const std::string& index) {
    DictdReader reader(memory_source(index, "t.index"), *DictFile::from_bytes("text", "t.dict"));
    DictdEntry entry;
    absl::StatusOr<bool> more = true;
    while (more.ok() && *more) more = reader.next(&entry);
    return more.status();
  };
  EXPECT_TRUE(next("a\tA\tE\n").ok());
  EXPECT_TRUE(fails_with(next("a\tA\tE\nb\tA\n"), "t.index: byte 6: line 2: has 2 columns"));
  EXPECT_TRUE(fails_with(next("a\t?\tE\n"), "t.index: byte 0: line 1: offset: '?' is not a number"));
  EXPECT_TRUE(fails_with(next("a\tA\t\n"), "length: number is empty"));
  EXPECT_TRUE(fails_with(next("a\tA\tF\n"), "t.dict: byte 0: 5 bytes are needed"));
  EXPECT_TRUE(fails_with(next("a\tA\t////////\n"), "at most 16777216 are read"));
}

}  // namespace
}  // namespace roux::kit
