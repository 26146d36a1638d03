#include "recipes/kit/text/readers/mo.h"

#include <gtest/gtest.h>

#include <utility>

#include "recipes/kit/text/readers/reader_test_util.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

void append32(std::string* out, uint32_t value, bool big_endian) {
  for (int i = 0; i < 4; ++i) out->push_back(static_cast<char>(value >> 8 * (big_endian ? 3 - i : i)));
}

// A catalogue as msgfmt lays it out.
std::string make_mo(const Pairs& pairs, bool big_endian = false) {
  std::string file, strings;
  const uint32_t count = static_cast<uint32_t>(pairs.size());
  const uint32_t start = 28 + 16 * count;
  for (const uint32_t value : {0x950412DEu, 0u, count, 28u, 28 + 8 * count, 0u, start})
    append32(&file, value, big_endian);
  for (const bool translations : {false, true}) {
    for (const auto& [id, text] : pairs) {
      const std::string& string = translations ? text : id;
      append32(&file, static_cast<uint32_t>(string.size()), big_endian);
      append32(&file, start + static_cast<uint32_t>(strings.size()), big_endian);
      strings += string + '\0';
    }
  }
  return file + strings;
}

const Pairs kPairs = {
    {"", "Project-Id-Version: x\nContent-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2\n"},
    {"Close", "Schließen"},
    {"menu\x04Open", "Öffnen"},
    {std::string("%d file\0%d files", 16), std::string("%d Datei\0%d Dateien", 19)}};

TEST(Mo, ReadsEntries) {
  for (const bool big_endian : {false, true}) {
    const absl::StatusOr<MoCatalog> catalog = MoCatalog::parse(make_mo(kPairs, big_endian), "t.mo");
    ASSERT_TRUE(catalog.ok()) << catalog.status();
    ASSERT_EQ(catalog->size(), 4);
    EXPECT_EQ(catalog->header("content-type"), "text/plain; charset=UTF-8");
    EXPECT_EQ(catalog->header("Plural-Forms"), "nplurals=2");
    EXPECT_EQ(catalog->header("X"), "");
    EXPECT_EQ(catalog->entry(1)->id, "Close");
    EXPECT_EQ(catalog->entry(1)->translations, std::vector<std::string_view>{"Schließen"});
    EXPECT_EQ(catalog->entry(2)->context, "menu");
    EXPECT_EQ(catalog->entry(2)->id, "Open");
    EXPECT_EQ(catalog->entry(3)->id, "%d file");
    EXPECT_EQ(catalog->entry(3)->id_plural, "%d files");
    EXPECT_EQ(catalog->entry(3)->translations, (std::vector<std::string_view>{"%d Datei", "%d Dateien"}));
    EXPECT_THROW(catalog->entry(4).status().IgnoreError(), Error);
  }
  EXPECT_EQ(MoCatalog::parse(make_mo({}), "t")->size(), 0);
}

TEST(Mo, OpensFiles) {
  const std::string path = write_test_file("t.mo.gz", gzip_bytes(make_mo(kPairs)));
  EXPECT_EQ(MoCatalog::open(path)->size(), 4);
  EXPECT_TRUE(fails_with(MoCatalog::open("/no/such.mo").status(), "/no/such.mo"));
}

TEST(Mo, EveryCutIsNoticed) {
  const std::string whole = make_mo(kPairs);
  for (size_t length = 0; length < whole.size(); ++length) {
    const absl::Status status = MoCatalog::parse(whole.substr(0, length), "t.mo").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << length;
    EXPECT_TRUE(fails_with(status, "t.mo: byte ")) << length;
  }
}

TEST(Mo, DamageSaysWhere) {
  const std::string good = make_mo(kPairs);
  std::string bad = good;
  bad[0] = 'x';
  EXPECT_TRUE(fails_with(MoCatalog::parse(bad, "t").status(), "t: byte 0: magic number is 95041278"));
  bad = good;
  bad[6] = 9;
  EXPECT_TRUE(fails_with(MoCatalog::parse(bad, "t").status(), "t: byte 4: .mo revision 9"));
  bad = good;
  bad[11] = 0x7F;  // two billion entries
  EXPECT_TRUE(fails_with(MoCatalog::parse(bad, "t").status(),
                         "t: byte 28: the table of 2130706436 keys does not fit"));
  bad = good;
  bad[36] = 4;  // "Close" without its last letter: the next byte is not zero
  EXPECT_TRUE(fails_with(MoCatalog::parse(bad, "t").status(), "string 1 of the keys does not end with zero"));
  bad = good;
  bad[bad.size() - 3] = '\xFF';
  EXPECT_TRUE(fails_with(MoCatalog::parse(bad, "t")->entry(3).status(), "string 3 is not UTF-8"));
}

TEST(Mo, OtherCharacterSetsAreConverted) {
  const std::string head = "Content-Type: text/plain; charset=";
  for (const bool big_endian : {false, true}) {
    const auto latin = MoCatalog::parse(make_mo({{"", head + "ISO-8859-1\n"},
                                                 {"Close", "Schlie\xDF\x65n"},
                                                 {std::string("a\0b", 3), std::string("\xE4\0\xF6", 3)}},
                                                big_endian),
                                        "t");
    ASSERT_TRUE(latin.ok()) << latin.status();
    EXPECT_EQ(latin->entry(1)->translations[0], "Schließen");
    EXPECT_EQ(latin->entry(2)->translations, (std::vector<std::string_view>{"ä", "ö"}));
    EXPECT_EQ(latin->header("Content-Type"), "text/plain; charset=ISO-8859-1");
  }
  EXPECT_EQ(
      MoCatalog::parse(make_mo({{"", head + "EUC-JP\n"}, {"a", "\xC6\xFC"}}), "t")->entry(1)->translations[0],
      "日");
  EXPECT_TRUE(fails_with(MoCatalog::parse(make_mo({{"", head + "EUC-JP\n"}, {"a", "x\xC6"}}), "t").status(),
                         "this is not EUC-JP"));
  EXPECT_TRUE(fails_with(MoCatalog::parse(make_mo({{"", head + "klingon\n"}}), "t").status(),
                         "character set 'klingon' is not known"));
  EXPECT_TRUE(
      fails_with(MoCatalog::parse(make_mo({{"", head + "latin1//IGNORE\n"}}), "t").status(), "is not known"));
}

TEST(Mo, StringsThatShareTheirBytesAreRefused) {
  // 1000 entries, each the whole of a long string: a megabyte of file would read as a gigabyte.
  const uint32_t count = 1000, start = 28 + 8 * count;
  std::string file;
  for (const uint32_t value : {0x950412DEu, 0u, count, 28u, 28u, 0u, start}) append32(&file, value, false);
  for (uint32_t i = 0; i < count; ++i) {
    append32(&file, 1000000, false);
    append32(&file, start, false);
  }
  file += std::string(1000000, 'x') + '\0';
  EXPECT_TRUE(fails_with(MoCatalog::parse(file, "t").status(), "overlap"));
}

}  // namespace
}  // namespace roux::kit
