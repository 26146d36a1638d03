// What holds for every reader: what was written is read again, and how the bytes arrive makes no difference.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/text/readers/csv.h"
#include "recipes/kit/text/readers/dictd.h"
#include "recipes/kit/text/readers/gzip.h"
#include "recipes/kit/text/readers/html.h"
#include "recipes/kit/text/readers/jsonl.h"
#include "recipes/kit/text/readers/markup.h"
#include "recipes/kit/text/readers/reader_test_util.h"

namespace roux::kit {
namespace {

using Source = std::unique_ptr<ByteSource>;

uint64_t next_random() {  // splitmix64
  static uint64_t state = 7;
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}
size_t below(size_t limit) { return next_random() % limit; }

// Valid UTF-8 with much of what the formats treat specially.
std::string random_text(size_t longest) {
  static const std::vector<std::string> parts = {
      "\"", ",",   "\n", "\r", "\r\n", "\t",           "'",     "\\",   "<",       ">",       "&",
      ";",  "]]>", "--", " ",  "a",    "word",         "ä",     "世",   "😀",       "\x01",    "\x7f",
      "{",  "}",   "[",  "]",  ":",    "\xEF\xBB\xBF", "&amp;", "</p>", "\\u0000", "\xC2\xA0"};
  std::string text;
  for (size_t n = below(longest + 1); n > 0; --n) text += parts[below(parts.size())];
  return text;
}

// Every record and the final status, as one text.
using Read = std::function<std::string(Source)>;

std::string read_lines(Source source) {
  LineReader lines(std::move(source));
  std::string line, all;
  absl::StatusOr<bool> more = lines.next(&line);
  for (; more.ok() && *more; more = lines.next(&line)) {
    absl::StrAppend(&all, lines.line_number(), "@", lines.line_offset(), ":", line, "|");
  }
  return all + more.status().ToString();
}

std::string read_csv(Source source, const CsvOptions& options) {
  auto csv = CsvReader::create(std::move(source), options);
  if (!csv.ok()) return csv.status().ToString();
  std::string all;
  absl::StatusOr<bool> more = csv->next();
  for (; more.ok() && *more; more = csv->next()) {
    absl::StrAppend(&all, csv->line_number(), "@", csv->offset(), ":");
    for (const std::string& field : csv->fields()) absl::StrAppend(&all, field.size(), ",", field);
  }
  return all + more.status().ToString();
}

std::string read_jsonl(Source source) {
  JsonlReader reader = JsonlReader::create(std::move(source));
  std::string all;
  absl::StatusOr<bool> more = reader.next();
  for (; more.ok() && *more; more = reader.next()) {
    absl::StrAppend(&all, reader.line_number(), reader.value().type_name(), reader.text(), "|");
  }
  return all + more.status().ToString();
}

std::string read_gzip(Source source) {
  const Source content = gzip_source(std::move(source));
  const auto all = read_all(*content, 1 << 20);
  return all.ok() ? *all : all.status().ToString();
}

std::string read_markup(Source source, MarkupReader::Syntax syntax) {
  MarkupReader reader = MarkupReader::create(std::move(source), syntax);
  MarkupEvent event;
  std::string all;
  absl::Status status = reader.next(&event);
  for (; status.ok() && event.kind != MarkupEvent::kEndOfInput; status = reader.next(&event)) {
    absl::StrAppend(&all, event.kind, "@", event.offset, event.name, event.text,
                    event.self_closing ? "/" : "");
    for (const auto& [name, value] : event.attributes) absl::StrAppend(&all, " ", name, "=", value);
  }
  return all + status.ToString();
}

std::string read_page(Source source) {
  HtmlTextReader reader = HtmlTextReader::create(std::move(source));
  std::string all, paragraph;
  absl::StatusOr<bool> more = reader.next(&paragraph);
  for (; more.ok() && *more; more = reader.next(&paragraph)) absl::StrAppend(&all, paragraph, "|");
  return all + more.status().ToString();
}

const std::vector<std::pair<const char*, Read>> kReaders = {
    {"lines", read_lines},
    {"csv", [](Source s) { return read_csv(std::move(s), {}); }},
    {"tsv",
     [](Source s) {
       return read_csv(std::move(s), {.separator = '\t', .quotes = false, .same_length = false});
     }},
    {"jsonl", read_jsonl},
    {"gzip", read_gzip},
    {"html", [](Source s) { return read_markup(std::move(s), MarkupReader::kHtml); }},
    {"xml", [](Source s) { return read_markup(std::move(s), MarkupReader::kXml); }},
    {"page", read_page},
};

TEST(Readers, BytesMayArriveInAnyPieces) {
  std::vector<std::string> inputs = {"",           "\xEF\xBB\xBF",          "\xEF\xBB",
                                     "a,b\n1,2\n", "{\"a\": [1, 2]}\n\n{}", "<a b='1'>x</a>"};
  for (int i = 0; i < 150; ++i) inputs.push_back(random_text(40));
  for (int i = 0; i < 30; ++i)
    inputs.push_back("<p>" + random_text(30) + "<script>" + random_text(5) + "</script>");
  for (int i = 0; i < 30; ++i)
    inputs.push_back(gzip_bytes(random_text(200)) + (i % 3 == 0 ? gzip_bytes("x") : ""));
  inputs.push_back(std::string(70000, 'x') + "\n" + std::string(70000, 'y') +
                   "&amp;<b>");  // above a buffer's size
  for (const auto& [name, read] : kReaders) {
    for (const std::string& input : inputs) {
      const std::string whole = read(memory_source(input, "t"));
      for (const size_t step : {1, 2, 3, 7}) {
        if (input.size() > 10000 && step < 7) continue;
        ASSERT_EQ(read(dripping_source(input, "t", step)), whole)
            << name << " in steps of " << step << ": " << input.substr(0, 200);
      }
    }
  }
}

TEST(Readers, CompressionChangesNothing) {
  for (int i = 0; i < 50; ++i) {
    const std::string input = random_text(60);
    const std::string path = write_test_file("p", input), packed = write_test_file("p.gz", gzip_bytes(input));
    const auto plain = open_source(path), gzip = open_source(packed);
    ASSERT_TRUE(plain.ok() && gzip.ok());
    ASSERT_EQ(*read_all(**plain, 1 << 20), *read_all(**gzip, 1 << 20));
  }
}

std::string csv_quote(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

TEST(Csv, ReadsWhatWasWritten) {
  for (int round = 0; round < 200; ++round) {
    std::vector<std::vector<std::string>> records(1 + below(5));
    const size_t columns = 1 + below(4);
    std::string file;
    for (auto& record : records) {
      for (size_t i = 0; i < columns; ++i) {
        record.push_back(random_text(6));
        const bool plain = record[i].find_first_of("\",\r\n\xEF") == std::string::npos && !record[i].empty();
        file += (i > 0 ? "," : "") + (plain && below(2) == 0 ? record[i] : csv_quote(record[i]));
      }
      file += below(2) == 0 ? "\n" : "\r\n";
    }
    auto csv = CsvReader::create(memory_source(file, "t"), {.header = false});
    for (const auto& record : records) {
      const auto more = csv->next();
      ASSERT_TRUE(more.ok() && *more) << more.status() << file;
      ASSERT_EQ(csv->fields(), record) << file;
    }
    ASSERT_FALSE(*csv->next());
  }
}

TEST(Jsonl, ReadsWhatWasWritten) {
  for (int round = 0; round < 200; ++round) {
    const std::string key = random_text(5), value = random_text(20);
    const double number = static_cast<double>(static_cast<int64_t>(next_random())) / 1e7;
    const std::string line = JsonObject()
                                 .add("k" + key, value)
                                 .add("n", number)
                                 .add("i", static_cast<int64_t>(next_random() >> 1))
                                 .text();
    JsonlReader reader = JsonlReader::create(memory_source(line + "\n" + line, "t"));
    ASSERT_TRUE(*reader.next()) << line;
    ASSERT_EQ(*reader.string_field("k" + key), value);
    ASSERT_EQ(*reader.number_field("n"), number);
    ASSERT_TRUE(*reader.next());
    ASSERT_FALSE(*reader.next());
  }
}

std::string escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    absl::StrAppend(&out, c == '<'    ? "&lt;"
                          : c == '&'  ? "&amp;"
                          : c == '"'  ? "&quot;"
                          : c == '\r' ? "&#13;"
                          : c == '\n' ? "&#xA;"
                          : c == '\t' ? "&#9;"
                                      : std::string(1, c));
  }
  return out;
}

TEST(Markup, ReadsWhatWasWritten) {
  for (int round = 0; round < 200; ++round) {
    const std::string value = random_text(10), text = random_text(20) + "x";
    const std::string document = absl::StrCat("<a b=\"", escape(value), "\">", escape(text), "</a>");
    for (const auto syntax : {MarkupReader::kHtml, MarkupReader::kXml}) {
      MarkupReader reader = MarkupReader::create(memory_source(document, "t"), syntax);
      MarkupEvent event;
      ASSERT_TRUE(reader.next(&event).ok());
      ASSERT_EQ(*event.attribute("b"), value);
      ASSERT_TRUE(reader.next(&event).ok()) << document;
      ASSERT_EQ(event.text, text);
      ASSERT_TRUE(reader.next(&event).ok());
      ASSERT_EQ(event.kind, MarkupEvent::kEnd);
    }
  }
}

std::string dictd_number(size_t value) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  do text.insert(text.begin(), digits[value % 64]);
  while ((value /= 64) > 0);
  return text;
}

TEST(Dictd, ReadsWhatWasWritten) {
  for (int round = 0; round < 50; ++round) {
    std::string index, text;
    std::vector<std::pair<std::string, std::string>> entries;
    for (size_t i = 0; i < 20; ++i) {
      entries.emplace_back(absl::StrCat("word ", i), random_text(100));
      absl::StrAppend(&index, entries[i].first, "\t", dictd_number(text.size()), "\t",
                      dictd_number(entries[i].second.size()), "\n");
      text += entries[i].second;
    }
    text += " ";
    for (const bool packed : {false, true}) {
      auto file = DictFile::from_bytes(packed ? dictzip_bytes(text, 100) : text, "t.dict");
      ASSERT_TRUE(file.ok()) << file.status();
      DictdReader reader(dripping_source(index, "t.index", 3), *std::move(file));
      DictdEntry entry;
      for (const auto& [word, definition] : entries) {
        const auto more = reader.next(&entry);
        ASSERT_TRUE(more.ok() && *more) << more.status();
        ASSERT_EQ(entry.headword, word);
        ASSERT_EQ(entry.definition, definition);
      }
      ASSERT_FALSE(*reader.next(&entry));
    }
  }
}

}  // namespace
}  // namespace roux::kit
