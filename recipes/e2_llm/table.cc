#include "recipes/e2_llm/table.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/run/nearest_name.h"
#include "tensor/error.h"
#include "tensor/io/json_value.h"

namespace roux::e2_llm {
namespace {

absl::StatusOr<double> number(const JsonValue& row, const char* key, std::optional<double> otherwise,
                              double least, bool whole, const std::string& where) {
  const JsonValue* value = row.find(key);
  if (value == nullptr) {
    if (otherwise) return *otherwise;
    return absl::InvalidArgumentError(absl::StrCat(where, ": '", key, "' is missing"));
  }
  const double read = value->is_number() ? value->number() : std::nan("");
  if (!(read >= least) || (whole && read != std::floor(read))) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": '", key, "' must be a ", whole ? "whole " : "", "number of at least ", least));
  }
  // Beyond, whole numbers are not exact as double.
  if (!(read < 1e15)) return absl::InvalidArgumentError(absl::StrCat(where, ": '", key, "' is too large"));
  return read;
}

absl::StatusOr<TableRow> parse_row(const JsonValue& value, const std::string& where) {
  if (!value.is_object()) return absl::InvalidArgumentError(where + ": must be an object");
  const std::vector<std::string> known = {"g", "t", "R", "length", "sinks"};
  for (const auto& [key, member] : value.members()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": '", key, "' is unknown", kit::did_you_mean(key, known, "")));
    }
  }
  ROUX_ASSIGN_OR_RETURN(const double t, number(value, "t", 0, 0, true, where));
  ROUX_ASSIGN_OR_RETURN(const double R, number(value, "R", {}, 1, true, where));
  ROUX_ASSIGN_OR_RETURN(const double length, number(value, "length", {}, 1, true, where));
  const double covers = smallest_scale(static_cast<int64_t>(length), static_cast<int64_t>(R));
  ROUX_ASSIGN_OR_RETURN(const double g, number(value, "g", covers, 1, false, where));
  ROUX_ASSIGN_OR_RETURN(const double sinks, number(value, "sinks", kSinks, 0, true, where));
  if (!(g * R < 1e15)) return absl::InvalidArgumentError(where + ": g R is too large");
  TableRow row{.draw = {.g = g, .t = static_cast<int64_t>(t)},
               .R = static_cast<int64_t>(R),
               .length = static_cast<int64_t>(length),
               .sinks = static_cast<int64_t>(sinks)};
  const int64_t most = largest_offset(g, row.R);
  if (row.draw.t > most) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": 't' is ", row.draw.t, ", at most (g - 1) R = ", most, " is possible"));
  }
  return row;
}

}  // namespace

absl::StatusOr<std::vector<TableRow>> parse_rows(const std::string& json, const std::string& where) {
  ROUX_ASSIGN_OR_RETURN(const JsonValue value, parse_json_value(json, where, {.unique_keys = true}));
  std::vector<TableRow> rows;
  const JsonValue::Items items = value.is_array() ? value.items() : JsonValue::Items{value};
  if (items.empty()) return absl::InvalidArgumentError(where + ": the list has no row");
  int64_t positions = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    ROUX_ASSIGN_OR_RETURN(const TableRow row, parse_row(items[i], absl::StrCat(where, ": row ", i + 1)));
    if (row.length > kLongestTable - positions) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": row ", i + 1, ": more than ", kLongestTable, " positions in all"));
    }
    positions += row.length;
    rows.push_back(row);
  }
  return rows;
}

std::string tables_json(const std::vector<TableRow>& rows) {
  std::vector<std::string> tables;
  for (const TableRow& row : rows) {
    const std::vector<double> p = positions(row.draw, row.length, row.sinks);
    kit::JsonObject one;
    one.add("g", row.draw.g).add("t", row.draw.t).add("R", row.R).add("length", row.length);
    one.add("sinks", row.sinks).add("largest_offset", largest_offset(row.draw.g, row.R));
    one.add("inside", *std::max_element(p.begin(), p.end()) < static_cast<double>(row.R));
    tables.push_back(one.add("positions", p).text());
  }
  return kit::JsonObject().add_raw("tables", kit::json_list(tables)).text() + "\n";
}

}  // namespace roux::e2_llm
