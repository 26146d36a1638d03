#include "recipes/kit/data/sources/langtest.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "recipes/kit/data/sources/source_files.h"
#include "recipes/kit/text/readers/jsonl.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr char kFolder[] = "langtest/data/";
constexpr char kEnding[] = ".jsonl";

// Takes the letter from the front of "B. text"; 0 if there is none.
char take_letter(absl::string_view* text) {
  const bool lettered = text->size() >= 2 && (*text)[0] >= 'A' && (*text)[0] <= 'Z' && (*text)[1] == '.';
  if (!lettered) return 0;
  const char letter = (*text)[0];
  text->remove_prefix(2);
  return letter;
}

// "A. one\nB. two", each beginning with the letter that follows; other lines belong to the option before
// them.
struct Options {
  char first = 0;  // letter
  std::vector<std::string> texts;
};

Options parse_options(const std::string& text) {
  Options options;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::string_view rest = line;
    const char letter = take_letter(&rest);
    if (letter != 0 &&
        (options.texts.empty() || letter == options.first + static_cast<int>(options.texts.size()))) {
      if (options.texts.empty()) options.first = letter;
      options.texts.emplace_back(rest);
    } else if (!options.texts.empty() && line != "\"") {  // some lists end in a stray quotation mark
      absl::StrAppend(&options.texts.back(), "\n", line);
    }
  }
  for (std::string& option : options.texts) option = std::string(absl::StripAsciiWhitespace(option));
  return options;
}

// The index of the option that an answer names by its letter or, without one, by its text; -1 if none.
int named_option(absl::string_view answer, const Options& options) {
  const int count = static_cast<int>(options.texts.size());
  absl::string_view rest = answer;
  if (const char letter = take_letter(&rest); letter != 0) {
    const int index = letter - options.first;
    return index >= 0 && index < count ? index : -1;
  }
  const auto found =
      std::find(options.texts.begin(), options.texts.end(), absl::StripAsciiWhitespace(answer));
  return found == options.texts.end() ? -1 : static_cast<int>(found - options.texts.begin());
}

std::string text_of(const JsonValue& record, const char* name) {
  const JsonValue* value = record.find(name);
  return value != nullptr && value->is_string() ? value->string() : "";
}

LangtestQuestion question_of(const JsonValue& record) {
  LangtestQuestion out{text_of(record, "passage"), text_of(record, "question"), {}, {}};
  const Options options = parse_options(text_of(record, "options"));
  std::vector<std::string> given;
  if (const JsonValue* answer = record.find("answer"); answer != nullptr) {
    if (answer->is_string()) given.push_back(answer->string());
    if (answer->is_array()) {
      for (const JsonValue& item : answer->items())
        if (item.is_string()) given.push_back(item.string());
    }
  }
  for (const std::string& answer : given) {
    const int index = named_option(answer, options);
    if (index >= 0 && out.correct < 0) out.correct = index;
    out.answers.push_back(index >= 0 ? options.texts[static_cast<size_t>(index)] : answer);
  }
  out.options = options.texts;
  return out;
}

}  // namespace

absl::StatusOr<Sourced<std::vector<JsonValue>>> langtest_records(const std::string& set,
                                                                 const SourceOptions& options) {
  ROUX_ASSIGN_OR_RETURN(SourceFiles files,
                        SourceFiles::open("langtest", absl::StrCat(kFolder, "BoolQ/dev", kEnding), options));
  const std::string path = absl::StrCat(kFolder, set, kEnding);
  if (!files.has(path)) {
    std::vector<std::string> sets;
    for (const std::string& file : files.list(kFolder, kEnding)) {
      const absl::string_view name = absl::StripSuffix(absl::StripPrefix(file, kFolder), kEnding);
      if (!absl::EndsWith(name, "-tiny")) sets.emplace_back(name);
    }
    return absl::NotFoundError(
        absl::StrCat("langtest has no set '", set, "'; there are ", absl::StrJoin(sets, ", ")));
  }
  ROUX_ASSIGN_OR_RETURN(const std::string file, files.locate(path));
  ROUX_ASSIGN_OR_RETURN(JsonlReader reader, JsonlReader::open(file));
  std::vector<JsonValue> records;
  for (;;) {
    ROUX_ASSIGN_OR_RETURN(const bool more, reader.next());
    if (!more) break;
    records.push_back(reader.value());
  }
  return Sourced<std::vector<JsonValue>>{std::move(records), files.provenance()};
}

absl::StatusOr<Sourced<std::vector<LangtestQuestion>>> langtest_questions(const std::string& set,
                                                                          const SourceOptions& options) {
  ROUX_ASSIGN_OR_RETURN(const auto records, langtest_records(set, options));
  std::vector<LangtestQuestion> questions;
  for (const JsonValue& record : records.value) {
    questions.push_back(question_of(record));
    if (questions.back().question.empty()) {
      return absl::DataLossError(absl::StrCat("langtest's set '", set, "' has no 'question' in its entry ",
                                              questions.size(), ": it has another form"));
    }
  }
  return Sourced<std::vector<LangtestQuestion>>{std::move(questions), records.from};
}

}  // namespace roux::kit
