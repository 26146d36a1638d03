// Made-up HTML and CSV as html5lib and Python's csv module read them (tests/golden/make_reader_golden.py).
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/text/readers/csv.h"
#include "recipes/kit/text/readers/markup.h"

namespace roux::kit {
namespace {

using Json = nlohmann::json;

Json golden(const char* part) {
  return Json::parse(*read_text(*find_runfile("tests/golden/readers.json")))[part];
}

Json html_tokens(const std::string& page) {
  MarkupReader reader = MarkupReader::create(memory_source(page, "t"), MarkupReader::kHtml);
  MarkupEvent event;
  Json tokens = Json::array();
  for (;;) {
    const absl::Status status = reader.next(&event);
    EXPECT_TRUE(status.ok()) << status << page;
    if (!status.ok() || event.kind == MarkupEvent::kEndOfInput) return tokens;
    if (event.kind == MarkupEvent::kText) {
      if (tokens.empty() || !tokens.back().is_string()) tokens.push_back("");
      tokens.back() = tokens.back().get<std::string>() + event.text;
      continue;
    }
    Json attributes = Json::array();
    for (const auto& [name, value] : event.attributes) attributes.push_back(Json::array({name, value}));
    tokens.push_back(Json::array(
        {event.kind == MarkupEvent::kStart ? "start" : "end", event.name, attributes, event.self_closing}));
  }
}

TEST(Html, EqualsHtml5lib) {
  for (const auto& c : golden("html")) {
    const auto page = c[0].get<std::string>();
    ASSERT_EQ(html_tokens(page), c[1]) << page;
  }
}

TEST(Csv, EqualsPython) {
  int equal = 0, refused = 0;
  for (const auto& c : golden("csv")) {
    const auto text = c[0].get<std::string>();
    auto csv = CsvReader::create(memory_source(text, "t"), {.header = false, .same_length = false});
    ASSERT_TRUE(csv.ok());
    Json records = Json::array();
    absl::StatusOr<bool> more = csv->next();
    for (; more.ok() && *more; more = csv->next()) records.push_back(csv->fields());
    ASSERT_EQ(more.ok(), !c[1].is_null()) << text << more.status();
    if (more.ok()) {
      ASSERT_EQ(records, c[1]) << text;
    }
    ++(more.ok() ? equal : refused);
  }
  EXPECT_GT(equal, 200);
  EXPECT_GT(refused, 200);
}

}  // namespace
}  // namespace roux::kit
