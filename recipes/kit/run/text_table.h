// Tables for terminals and reports: aligned columns, long cells wrapped at spaces, at most 80 columns wide.
#ifndef ROUX_RECIPES_KIT_RUN_TEXT_TABLE_H_
#define ROUX_RECIPES_KIT_RUN_TEXT_TABLE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace roux::kit {

constexpr int kTextColumns = 80;

struct Table {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  // cells; rows may be shorter than `columns`
};

// Columns whose cells are all numbers (or empty or "-") are right-aligned. A table wider than kTextColumns is
// narrowed, the widest columns first, by wrapping at spaces; if words and numbers (which are never cut) still
// do not fit, the columns that are left over follow in further blocks, each beginning with the first column.
// Ends with a newline.
std::string text_table(const Table& table);

// Lines of at most `width` columns, broken at spaces where possible; at least one line.
std::vector<std::string> wrap_text(absl::string_view text, int width);

// Whether a cell is a number, a share ("12%"), empty or "-": what columns of numbers are made of.
bool is_number(const std::string& cell);

// Value with `digits` significant digits (at most 11 characters with 4); integers below 1e10 in full, "-" for
// NaN.
std::string format_number(double value, int digits = 4);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_TEXT_TABLE_H_
