#include "recipes/llm_datasets_survey/catalogue.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "recipes/kit/run/json.h"
#include "recipes/llm_datasets_survey/published_list.h"
#include "tensor/error.h"
#include "tensor/io/json_value.h"

namespace roux::llm_datasets_survey {
namespace {

bool one_of(absl::string_view text, std::initializer_list<const char*> codes) {
  return std::any_of(codes.begin(), codes.end(), [&](const char* code) { return text == code; });
}

// "Multi", "Multi(35)", "PL(358)" or a code of two capital letters.
bool is_language(absl::string_view text) {
  if (absl::ConsumePrefix(&text, "Multi") || absl::StartsWith(text, "PL(")) {
    absl::ConsumePrefix(&text, "PL");
    int number = 0;
    return text.empty() || (absl::ConsumePrefix(&text, "(") && absl::ConsumeSuffix(&text, ")") &&
                            absl::SimpleAtoi(text, &number) && number > 0);
  }
  return one_of(text, {"EN", "ZH", "AR", "ES", "RU", "DE", "KO", "LT", "FA", "PL"});
}

bool is_date(absl::string_view text) {
  if (text == "X") return true;
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '-');
  int year = 0, month = 0;
  return parts.size() == 2 && absl::SimpleAtoi(parts[0], &year) && year >= 1900 && year < 2100 &&
         (parts[1] == "X" || (absl::SimpleAtoi(parts[1], &month) && month >= 1 && month <= 12));
}

bool is_code(const std::string& dimension, absl::string_view text) {
  if (dimension == "language") return is_language(text);
  if (dimension == "construction") return one_of(text, {"HG", "MC", "CI"});
  if (dimension == "public") return one_of(text, {"All", "Partial", "Not"});
  if (dimension == "question_type") return one_of(text, {"SQ", "OQ", "Multi"});
  if (dimension == "evaluation_method") return one_of(text, {"CE", "HE", "ME"});
  if (dimension == "preference_method") {
    if (text == "Other") return true;
    if (!absl::ConsumeSuffix(&text, "-H")) absl::ConsumeSuffix(&text, "-M");
    return one_of(text, {"VO", "SO", "SC"});
  }
  if (dimension == "release") return is_date(text);
  if (dimension == "size") return parse_size(std::string(text)).ok();
  if (dimension == "category") {
    return std::any_of(taxonomy().begin(), taxonomy().end(),
                       [&](const Leaf& leaf) { return text == absl::StrCat(leaf.part, "/", leaf.name); });
  }
  return true;
}

bool has_several(const std::string& dimension) {
  return dimension == "language" || dimension == "construction" || dimension == "evaluation_method" ||
         dimension == "preference_method";
}

std::string value_of(const Record& record, const std::string& dimension) {
  if (dimension == "license_class") return license_class(record["license"]);
  if (dimension == "year") return record["release"].substr(0, record["release"].find('-'));
  return record[dimension];
}

// Empty, or what is wrong.
std::string fault_of_record(const Record& record) {
  for (const char* needed : {"name", "category"}) {
    if (record[needed].empty()) return absl::StrCat("'", needed, "' is missing");
  }
  for (const auto& [dimension, text] : record.fields) {
    const std::string fault = fault_of(dimension, text);
    if (!fault.empty()) return absl::StrCat(record["name"], ": ", fault);
  }
  return "";
}

// "instances" of "instance" and of "test instances"; other words as they are; empty for what is no words.
std::string unit_of(absl::string_view text) {
  std::string last;
  for (const absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (word.size() < 3 || !std::all_of(word.begin(), word.end(), absl::ascii_isalpha)) return "";
    last = absl::AsciiStrToLower(word);
  }
  for (const char* known : {"tokens", "instances", "files", "datasets"}) {
    if (last == known || absl::StrCat(last, "s") == known) return known;
  }
  return absl::AsciiStrToLower(text);
}

}  // namespace

const std::vector<Leaf>& taxonomy() {
  static const auto* const leaves = new std::vector<Leaf>{
      {"pretraining", "webpages", "webpages"},
      {"pretraining", "language texts", "language texts"},
      {"pretraining", "books", "books"},
      {"pretraining", "academic materials", "academic materials"},
      {"pretraining", "code", "code"},
      {"pretraining", "parallel corpus", "parallel corpus"},
      {"pretraining", "social media", "social media"},
      {"pretraining", "encyclopedia", "encyclopedia"},
      {"pretraining", "multi-category", "multi-category"},
      {"pretraining", "financial", "financial"},
      {"pretraining", "medical", "medical"},
      {"pretraining", "math", "math"},
      {"pretraining", "other", "other"},
      {"instruction", "HG", "human generated datasets (hg)"},
      {"instruction", "MC", "model constructed datasets (mc)"},
      {"instruction", "CI", "collection and improvement of existing datasets (ci)"},
      {"instruction", "HG&CI", "hg & ci"},
      {"instruction", "HG&MC", "hg & mc"},
      {"instruction", "CI&MC", "ci & mc"},
      {"instruction", "HG&CI&MC", "hg & ci & mc"},
      {"instruction", "medical", "medical"},
      {"instruction", "code", "code"},
      {"instruction", "legal", "legal"},
      {"instruction", "math", "math"},
      {"instruction", "education", "education"},
      {"instruction", "other", "other"},
      {"preference", "vote", "vote"},
      {"preference", "sort", "sort"},
      {"preference", "score", "score"},
      {"preference", "other", "other"},
      {"preference", "other", "rl datasets"},  // of the list since 2025, without a leaf of the survey
      {"evaluation", "general", "general"},
      {"evaluation", "exam", "exam"},
      {"evaluation", "subject", "subject"},
      {"evaluation", "NLU", "nlu"},
      {"evaluation", "reasoning", "reasoning"},
      {"evaluation", "knowledge", "knowledge"},
      {"evaluation", "long text", "long text"},
      {"evaluation", "tool", "tool"},
      {"evaluation", "agent", "agent"},
      {"evaluation", "code", "code"},
      {"evaluation", "OOD", "ood"},
      {"evaluation", "law", "law"},
      {"evaluation", "medical", "medical"},
      {"evaluation", "financial", "financial"},
      {"evaluation", "social norms", "social norms"},
      {"evaluation", "factuality", "factuality"},
      {"evaluation", "evaluation", "evaluation"},
      {"evaluation", "multitask", "multitask"},
      {"evaluation", "multilingual", "multilingual"},
      {"evaluation", "other", "other"},
      {"traditional", "selection and judgement", "selection & judgment"},
      {"traditional", "cloze test", "cloze test"},
      {"traditional", "answer extraction", "answer extraction"},
      {"traditional", "unrestricted QA", "unrestricted qa"},
      {"traditional", "knowledge QA", "knowledge qa"},
      {"traditional", "reasoning QA", "reasoning qa"},
      {"traditional", "textual entailment", "recognizing textual entailment"},
      {"traditional", "math", "math"},
      {"traditional", "coreference", "coreference resolution"},
      {"traditional", "sentiment", "sentiment analysis"},
      {"traditional", "semantic matching", "semantic matching"},
      {"traditional", "text generation", "text generation"},
      {"traditional", "translation", "text translation"},
      {"traditional", "summarisation", "text summarization"},
      {"traditional", "classification", "text classification"},
      {"traditional", "quality evaluation", "text quality evaluation"},
      {"traditional", "text-to-code", "text-to-code"},
      {"traditional", "named entities", "named entity recognition"},
      {"traditional", "relation extraction", "relation extraction"},
      {"traditional", "multitask", "multitask"}};
  return *leaves;
}

std::string Record::operator[](const std::string& dimension) const {
  const auto found = fields.find(dimension);
  return found == fields.end() ? "" : found->second;
}
std::string Record::part() const {
  const std::string category = (*this)["category"];
  return category.substr(0, category.find('/'));
}

absl::StatusOr<Size> parse_size(const std::string& text, double kilo) {
  absl::string_view rest = text;
  rest = absl::StripAsciiWhitespace(rest.substr(0, rest.find('(')));
  absl::ConsumePrefix(&rest, "~");
  const size_t end = std::min(rest.size(), rest.find_first_not_of("0123456789.,"));
  Size size;
  if (!absl::SimpleAtod(absl::StrReplaceAll(rest.substr(0, end), {{",", ""}}), &size.amount))
    return absl::InvalidArgumentError(absl::StrCat("size '", text, "' is no number with a unit"));
  rest = absl::StripAsciiWhitespace(rest.substr(end));
  if (rest.empty()) return absl::InvalidArgumentError(absl::StrCat("size '", text, "' has no unit"));
  double factor = 1;
  for (const char* bytes : {"B", "KB", "MB", "GB", "TB", "PB"}) {
    if (rest == bytes) return Size{"bytes", size.amount * factor};
    factor *= kilo;
  }
  // "K instances", "T Tokens" and, in one record of the list, "TB Tokens".
  constexpr absl::string_view kPrefixes = "KMBT";
  const size_t prefix = kPrefixes.find(absl::ascii_toupper(static_cast<unsigned char>(rest[0])));
  if (prefix != kPrefixes.npos) {
    for (const absl::string_view mark : {absl::string_view(" "), absl::string_view("B ")}) {
      if (!absl::StartsWith(rest.substr(1), mark)) continue;
      size.amount *= std::pow(1000, static_cast<double>(prefix + 1));
      rest.remove_prefix(1 + mark.size());
      break;
    }
  }
  size.unit = unit_of(rest);
  if (size.unit.empty())
    return absl::InvalidArgumentError(absl::StrCat("size '", text, "' has no unit that is known"));
  return size;
}

std::string license_class(const std::string& text) {
  const absl::string_view trimmed = absl::StripAsciiWhitespace(text);
  if (trimmed.empty() || trimmed == "-") return "unknown";
  int rank = 0;
  for (const absl::string_view part : absl::StrSplit(trimmed, absl::ByAnyChar("&,;"))) {
    const absl::string_view name = absl::StripAsciiWhitespace(part);
    int own = 2;  // custom
    const auto starts = [&](absl::string_view with) { return absl::StartsWith(name, with); };
    const bool attribution =  // alone, of any version
        name == "CC-BY" || (starts("CC-BY-") && name.size() > 6 && absl::ascii_isdigit(name[6]));
    if (absl::StrContains(name, "-NC") || absl::StrContains(name, "NonCommercial")) {
      own = 3;
    } else if (starts("CC-BY-SA") || starts("CC-SA") || starts("GPL") || starts("GFDL")) {
      own = 1;
    } else if (attribution || starts("MIT") || starts("Apache-2.0") || starts("BSD") || starts("CC0")) {
      own = 0;
    }
    rank = std::max(rank, own);
  }
  constexpr const char* kClasses[] = {"permissive", "share-alike", "custom", "non-commercial"};
  return kClasses[rank];
}

std::string normal_value(const std::string& dimension, const std::string& text) {
  const std::string value(absl::StripAsciiWhitespace(text));
  if (value == "-") return "";
  if (!has_several(dimension)) return value;
  std::vector<std::string> codes;
  for (const absl::string_view code : absl::StrSplit(value, '&'))
    codes.push_back(absl::StrReplaceAll(absl::StripAsciiWhitespace(code), {{" (", "("}}));
  return absl::StrJoin(codes, "&");
}

std::string fault_of(const std::string& dimension, const std::string& text) {
  if (std::find(kDimensions.begin(), kDimensions.end(), dimension) == kDimensions.end())
    return absl::StrCat("no dimension is called '", dimension, "'");
  if (dimension == "size") return std::string(parse_size(text).status().message());
  std::vector<std::string> codes = {text};
  if (has_several(dimension)) codes = absl::StrSplit(text, '&');
  for (const std::string& code : codes) {
    if (!is_code(dimension, code))
      return absl::StrCat(dimension, " '", text, "' is not a code of the survey");
  }
  return "";
}

absl::StatusOr<Catalogue> parse_catalogue(const std::string& text, const std::string& where) {
  const absl::string_view begin = absl::StripLeadingAsciiWhitespace(text);
  if (!absl::StartsWith(begin, "{") && !absl::StartsWith(begin, "[")) {
    Catalogue list = read_published_list(text);
    if (!list.records.empty()) return list;
    return absl::InvalidArgumentError(absl::StrCat(
        where, ": no record: it is neither JSON lines nor like the README of the published list"));
  }
  Catalogue catalogue;
  std::set<std::pair<std::string, std::string>> names;
  int64_t number = 0;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(text, '\n'))) {
    const std::string at = absl::StrCat(where, ": line ", ++number);
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    ROUX_ASSIGN_OR_RETURN(const JsonValue value, parse_json_value(line, at));
    if (!value.is_object()) return absl::InvalidArgumentError(at + ": a record is a JSON object");
    Record record;
    for (const auto& [dimension, field] : value.members()) {
      if (!field.is_string())
        return absl::InvalidArgumentError(absl::StrCat(at, ": '", dimension, "' is no string"));
      const std::string known = normal_value(dimension, field.string());
      if (!known.empty()) record.fields[dimension] = known;
    }
    std::string fault = fault_of_record(record);
    if (fault.empty() && !names.emplace(record["name"], record["category"]).second)
      fault = absl::StrCat("'", record["name"], "' is there twice in ", record["category"]);
    if (!fault.empty()) return absl::InvalidArgumentError(absl::StrCat(at, ": ", fault));
    catalogue.records.push_back(std::move(record));
  }
  return catalogue;
}

std::string to_json_lines(const std::vector<Record>& records) {
  std::string lines;
  for (const Record& record : records) {
    kit::JsonObject line;
    for (const char* dimension : kDimensions) {
      if (record.fields.contains(dimension)) line.add(dimension, record[dimension]);
    }
    absl::StrAppend(&lines, line.text(), "\n");
  }
  return lines;
}

std::map<std::string, int64_t> count_by(const std::vector<Record>& records, const std::string& dimension,
                                        bool split) {
  std::map<std::string, int64_t> counts;
  for (const Record& record : records) {
    const std::string text = value_of(record, dimension);
    if (text.empty()) continue;
    if (!split) {
      ++counts[text];
      continue;
    }
    for (const absl::string_view value : absl::StrSplit(text, '&'))
      ++counts[std::string(absl::StripAsciiWhitespace(value))];
  }
  return counts;
}

CrossTable parts_by(const std::vector<Record>& records, const std::string& dimension) {
  CrossTable table;
  for (const Record& record : records) ++table[record.part()][value_of(record, dimension)];
  return table;
}

std::map<std::string, double> total_sizes(const std::vector<Record>& records, const std::string& part,
                                          double kilo) {
  std::map<std::string, double> totals;
  for (const Record& record : records) {
    const auto size = parse_size(record["size"], kilo);
    if (record.part() == part && size.ok()) totals[size->unit] += size->amount;
  }
  return totals;
}

double derived_share(const std::vector<Record>& records, const std::string& part) {
  double all = 0, derived = 0;
  for (const Record& record : records) {
    const std::string how = record["construction"];
    if (record.part() != part || how.empty()) continue;
    ++all, derived += absl::StrContains(how, "MC") || absl::StrContains(how, "CI");
  }
  return all > 0 ? derived / all : 0;
}

double missing_share(const std::vector<Record>& records, const std::string& dimension) {
  double missing = 0;
  for (const Record& record : records) missing += record[dimension].empty();
  return missing / static_cast<double>(records.size());
}

}  // namespace roux::llm_datasets_survey
