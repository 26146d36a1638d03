// Text that people and programs read: UTF-8, JSON, tables, the first batch.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "recipes/kit/run/first_batch.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/run/progress.h"
#include "recipes/kit/run/terminal.h"
#include "recipes/kit/run/text_table.h"
#include "recipes/kit/text/printable.h"

namespace roux::kit {
namespace {

TEST(Utf8, RejectsWhatRfc3629Rejects) {
  EXPECT_EQ(utf8_length("\xC3\xA4x"), 2u);
  EXPECT_EQ(utf8_length("\xE2\x82\xAC"), 3u);
  EXPECT_EQ(utf8_length("\xF0\x9F\x98\x80"), 4u);
  EXPECT_EQ(utf8_length("\xC0\x80"), 0u);          // overlong NUL
  EXPECT_EQ(utf8_length("\xE0\x80\x80"), 0u);      // overlong
  EXPECT_EQ(utf8_length("\xED\xA0\x80"), 0u);      // surrogate
  EXPECT_EQ(utf8_length("\xF4\x90\x80\x80"), 0u);  // above U+10FFFF
  EXPECT_EQ(utf8_length("\xE2\x82"), 0u);          // cut
  EXPECT_EQ(utf8_length("\x80"), 0u);
  EXPECT_EQ(printable("\xC2\x85"), "\\xc2\\x85");  // a C1 control moves the cursor of some terminals
  EXPECT_EQ(printable("a\n\t\xff\xC3\xA4\x01"), "a\\n\\t\\xff\xC3\xA4\\x01");
}

TEST(Json, NumbersReadBackToTheSameBits) {
  for (const double value : {0.1, 1.0 / 3, 1e-310, 1e300, -0.0, 123456789.0}) {
    EXPECT_EQ(std::strtod(json_number(value).c_str(), nullptr), value);
  }
  EXPECT_EQ(json_number(std::nan("")), "null");
  EXPECT_EQ(json_number(std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(to_json(0.1f), "0.1");
}

TEST(Json, AnyBytesMakeValidText) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  const auto parsed = nlohmann::json::parse(json_quote(all));
  EXPECT_EQ(parsed.get<std::string>().substr(0, 128), all.substr(0, 128));
}

TEST(Json, ObjectsKeepTheirOrder) {
  JsonObject object;
  object.add("b", 1).add("a", true).add("text", "x").add("list", std::vector<int>{1, 2});
  EXPECT_EQ(object.text(), R"({"b":1,"a":true,"text":"x","list":[1,2]})");
  EXPECT_EQ(JsonObject().text(JsonObject::kPretty), "{}");
  EXPECT_EQ(nlohmann::json::parse(object.text(JsonObject::kPretty)), nlohmann::json::parse(object.text()));
}

TEST(TextTable, WrapsAtSpacesAndAlignsNumbers) {
  EXPECT_EQ(wrap_text("one two three", 7), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrap_text("abcdefgh", 3), (std::vector<std::string>{"abc", "def", "gh"}));
  EXPECT_EQ(wrap_text("", 3), std::vector<std::string>{""});
  EXPECT_EQ(text_table({"T", {"name", "n"}, {{"a", "1"}, {"bb", "22"}}}),
            "T\nname   n\n----  --\na      1\nbb    22\n");
  const std::string wide = text_table({"", {"a", "b"}, {{std::string(80, 'x'), std::string(60, 'y')}}});
  for (const absl::string_view line : absl::StrSplit(wide, '\n')) EXPECT_LE(line.size(), 80u);
}

// Words make lines, numbers stay whole, what does not fit beside goes below.
TEST(TextTable, FitsEightyColumnsAndCutsNoNumber) {
  Table table{"a title that says what the table is about and goes on for so long that it needs two lines",
              {"seed", "mean relative error of the law"},
              {{"1"}}};
  table.rows[0].push_back("0.007612");
  for (int i = 0; i < 12; ++i) {
    table.columns.push_back("column " + std::to_string(i));
    table.rows[0].push_back("-1.2345678e-0" + std::to_string(i % 10));
  }
  const std::string text = text_table(table);
  for (const absl::string_view line : absl::StrSplit(text, '\n')) EXPECT_LE(line.size(), 80u) << text;
  for (const std::string& cell : table.rows[0])
    EXPECT_TRUE(absl::StrContains(text, cell)) << cell << "\n" << text;
  EXPECT_EQ(std::vector<std::string>(absl::StrSplit(text, "seed")).size(), 4u)
      << text;  // three blocks, each named
  EXPECT_EQ(text_table({"T", {}, {}}), "T\n\n\n");
}

// A pseudo-terminal whose other end the test reads.
class Terminal {
 public:
  Terminal() : master_(::posix_openpt(O_RDWR | O_NOCTTY)) {
    ::grantpt(master_), ::unlockpt(master_);
    slave_ = ::open(::ptsname(master_), O_RDWR | O_NOCTTY);
  }
  ~Terminal() { ::close(slave_), ::close(master_); }
  int fd() const { return slave_; }
  // What was written so far. It may arrive in several parts, so that a mark is written behind it.
  std::string read() const {
    constexpr char kMark = '\x03';
    std::string text;
    if (::write(slave_, &kMark, 1) != 1) return text;
    char c;
    while (::read(master_, &c, 1) == 1 && c != kMark) text += c;
    return text;
  }

 private:
  int master_, slave_;
};

TEST(Colour, FollowsTheTerminalAndTheUser) {
  const Terminal terminal;
  ::setenv("TERM", "xterm", 1);
  ::unsetenv("NO_COLOR");
  EXPECT_TRUE(use_colour(terminal.fd()) && is_terminal(terminal.fd()));
  ::setenv("NO_COLOR", "", 1);  // empty: not set (no-color.org)
  EXPECT_TRUE(use_colour(terminal.fd()));
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(use_colour(terminal.fd()));
  EXPECT_TRUE(is_terminal(terminal.fd()));  // the bar may still be redrawn
  ::unsetenv("NO_COLOR");
  ::setenv("TERM", "dumb", 1);
  EXPECT_FALSE(use_colour(terminal.fd()) || is_terminal(terminal.fd()));
  EXPECT_FALSE(use_colour(-1));
}

TEST(ProgressTest, ADumbTerminalGetsPlainLines) {
  const Terminal terminal;
  ::setenv("TERM", "xterm", 1);
  Progress(terminal.fd()).update(1, 2, "half");
  EXPECT_TRUE(absl::StrContains(terminal.read(), "\x1b["));
  ::setenv("TERM", "dumb", 1);
  Progress(terminal.fd()).update(1, 2, "half");
  const std::string plain = terminal.read();
  EXPECT_FALSE(absl::StrContains(plain, "\x1b")) << plain;
  EXPECT_TRUE(absl::StrContains(plain, "half\r\n") || absl::StrContains(plain, "half\n")) << plain;
}

TEST(FormatNumber, IsShort) {
  EXPECT_EQ(format_number(3), "3");
  EXPECT_EQ(format_number(0.123456), "0.1235");
  EXPECT_EQ(format_number(std::nan("")), "-");
  EXPECT_EQ(format_number(9999999999), "9999999999");
  EXPECT_EQ(format_number(123456789012), "1.235e+11");
  EXPECT_EQ(format_duration(75), "1:15");
  EXPECT_EQ(format_duration(3700), "1:01:40");
  EXPECT_EQ(progress_bar(0.5, 10), "[#####-----]");
}

FirstBatch batch() {
  FirstBatch b;
  b.columns = 4;
  b.tokens = {1, 'a', 'b', 2, 1, 'c', 'd', 2};
  b.loss_mask = {0, 0, 1, 1, 0, 0, 1, 1};
  b.decode = [](int64_t token) {
    return token < 3 ? "<" + std::to_string(token) + ">" : std::string(1, char(token));
  };
  b.bos = 1;
  b.stop = 2;
  return b;
}

std::string batch_error(const FirstBatch& b) {
  return std::string(render_first_batch(b, false).status().message());
}

TEST(FirstBatchTest, MarksWhatIsNotTrained) {
  const absl::StatusOr<std::string> text = render_first_batch(batch(), false);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_TRUE(absl::StrContains(*text, "2 rows of 4 tokens, 4 targets (50.0%)"));
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) EXPECT_LE(line.size(), 80u) << *text;
  EXPECT_TRUE(absl::StrContains(*text, " 0  [<1>a]b<2>\n 1  [<1>c]d<2>\n")) << *text;
  EXPECT_TRUE(absl::StrContains(*render_first_batch(batch(), true), "\x1b[2m<1>a\x1b[0mb<2>"));
}

TEST(FirstBatchTest, RefusesWhatWouldTrainWrong) {
  FirstBatch b = batch();
  b.loss_mask.assign(8, 0);
  EXPECT_EQ(batch_error(b), "first batch: the loss mask is empty: no token of the batch would be trained on");
  b = batch();
  b.tokens[5] = 1;
  EXPECT_EQ(batch_error(b), "first batch: BOS (token 1) twice in a row at row 1, column 1");
  b = batch();
  b.loss_mask[3] = b.loss_mask[7] = 0;
  EXPECT_TRUE(absl::StrContains(batch_error(b), "the stop token (2) is never a target")) << batch_error(b);
  b.loss_mask.pop_back();
  EXPECT_EQ(batch_error(b), "first batch: the loss mask has 7 entries for 8 tokens");
  b = batch();
  b.tokens.clear();
  EXPECT_FALSE(render_first_batch(b, false).ok());
  b = batch();
  b.tokens[4] = 2,
  b.tokens[3] = 1;  // a BOS at the end of a row and none at the start of the next: no doubling
  EXPECT_TRUE(render_first_batch(b, false).ok());
}

}  // namespace
}  // namespace roux::kit
