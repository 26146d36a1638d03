#include "recipes/llm_datasets_survey/catalogue.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "tensor/error.h"
#include "tensor/io/json_value.h"

namespace roux::llm_datasets_survey {
namespace {

constexpr const char* kUnits[] = {"bytes", "tokens", "instances", "files", "datasets"};

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
    if (!absl::ConsumeSuffix(&text, "-H")) absl::ConsumeSuffix(&text, "-M");
    return one_of(text, {"VO", "SO", "SC"});
  }
  if (dimension == "release") return is_date(text);
  if (dimension == "size") return parse_size(std::string(text)).ok();
  if (dimension == "category") {
    const absl::string_view part = text.substr(0, text.find('/'));
    return part.size() + 1 < text.size() && std::find(kParts.begin(), kParts.end(), part) != kParts.end();
  }
  return true;
}

bool has_several(const std::string& dimension) {
  return dimension == "language" || dimension == "construction" || dimension == "evaluation_method" ||
         dimension == "preference_method";
}

// Empty, or what is wrong.
std::string fault_of(const Record& record) {
  for (const char* needed : {"name", "category", "size"}) {
    if (record[needed].empty()) return absl::StrCat("'", needed, "' is missing");
  }
  for (const auto& [dimension, text] : record.fields) {
    if (std::find(kDimensions.begin(), kDimensions.end(), dimension) == kDimensions.end())
      return absl::StrCat(record["name"], ": no dimension is called '", dimension, "'");
    std::vector<std::string> codes = {text};
    if (has_several(dimension)) codes = absl::StrSplit(text, '&');
    for (const std::string& code : codes) {
      if (!is_code(dimension, absl::StripAsciiWhitespace(code)))
        return absl::StrCat(record["name"], ": ", dimension, " '", text, "' is not a code of the survey");
    }
  }
  return "";
}

std::string value_of(const Record& record, const std::string& dimension) {
  if (dimension == "license_class") return license_class(record["license"]);
  if (dimension == "year") return record["release"].substr(0, record["release"].find('-'));
  return record[dimension];
}

}  // namespace

std::string Record::operator[](const std::string& dimension) const {
  const auto found = fields.find(dimension);
  return found == fields.end() ? "" : found->second;
}
std::string Record::part() const {
  const std::string category = (*this)["category"];
  return category.substr(0, category.find('/'));
}

const char* unit_name(Size::Unit unit) { return kUnits[unit]; }

absl::StatusOr<Size> parse_size(const std::string& text) {
  const size_t end = text.find_first_not_of("0123456789.");
  Size size;
  if (end == 0 || end == text.npos || !absl::SimpleAtod(text.substr(0, end), &size.amount))
    return absl::InvalidArgumentError(absl::StrCat("size '", text, "' is no number with a unit"));
  absl::string_view rest = absl::StripAsciiWhitespace(absl::string_view(text).substr(end));
  constexpr absl::string_view kPrefixes = "KMGBT";
  constexpr double kFactors[] = {1e3, 1e6, 1e9, 1e9, 1e12};
  if (rest.empty() || rest == "B") {
    if (!rest.empty()) return size;
    return absl::InvalidArgumentError(absl::StrCat("size '", text, "' has no unit"));
  }
  const size_t prefix = kPrefixes.find(rest[0]);
  if (prefix != kPrefixes.npos) size.amount *= kFactors[prefix], rest.remove_prefix(1);
  if (prefix != kPrefixes.npos && prefix != 3 && rest == "B") return size;
  rest = absl::StripAsciiWhitespace(rest);
  for (int unit = Size::kTokens; unit <= Size::kDatasets; ++unit) {
    size.unit = static_cast<Size::Unit>(unit);
    if (rest == unit_name(size.unit) && prefix != 2) return size;
  }
  return absl::InvalidArgumentError(absl::StrCat("size '", text, "' has no unit that is known"));
}

std::string license_class(const std::string& text) {
  const absl::string_view trimmed = absl::StripAsciiWhitespace(text);
  if (trimmed.empty() || trimmed == "-") return "unknown";
  int rank = 0;
  for (const absl::string_view part : absl::StrSplit(trimmed, absl::ByAnyChar("&,;"))) {
    const absl::string_view name = absl::StripAsciiWhitespace(part);
    int own = 2;  // custom
    if (absl::StrContains(name, "-NC") || absl::StrContains(name, "NonCommercial")) {
      own = 3;
    } else if (absl::StartsWith(name, "CC-BY-SA") || absl::StartsWith(name, "GPL") ||
               absl::StartsWith(name, "GFDL")) {
      own = 1;
    } else if (absl::StartsWith(name, "MIT") || absl::StartsWith(name, "Apache-2.0") ||
               absl::StartsWith(name, "BSD") || absl::StartsWith(name, "CC0") || name == "CC-BY" ||
               absl::StartsWith(name, "CC-BY-4") || absl::StartsWith(name, "CC-BY-3")) {
      own = 0;
    }
    rank = std::max(rank, own);
  }
  constexpr const char* kClasses[] = {"permissive", "share-alike", "custom", "non-commercial"};
  return kClasses[rank];
}

absl::StatusOr<std::vector<Record>> parse_catalogue(const std::string& text, const std::string& where) {
  std::vector<Record> records;
  std::set<std::string> names;
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
      record.fields[dimension] = field.string();
    }
    std::string fault = fault_of(record);
    if (fault.empty() && !names.insert(record["name"]).second)
      fault = absl::StrCat("'", record["name"], "' is there twice");
    if (!fault.empty()) return absl::InvalidArgumentError(absl::StrCat(at, ": ", fault));
    records.push_back(std::move(record));
  }
  if (records.empty()) return absl::InvalidArgumentError(where + ": no record");
  return records;
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

std::map<std::string, double> total_sizes(const std::vector<Record>& records, const std::string& part) {
  std::map<std::string, double> totals;
  for (const Record& record : records) {
    const auto size = parse_size(record["size"]);
    if (record.part() == part && size.ok()) totals[unit_name(size->unit)] += size->amount;
  }
  return totals;
}

double missing_share(const std::vector<Record>& records, const std::string& dimension) {
  double missing = 0;
  for (const Record& record : records) missing += record[dimension].empty();
  return missing / static_cast<double>(records.size());
}

}  // namespace roux::llm_datasets_survey
