// Tables for terminals and reports: aligned columns, long cells wrapped at spaces, at most 100 columns wide.
#ifndef ROUX_RECIPES_KIT_RUN_TEXT_TABLE_H_
#define ROUX_RECIPES_KIT_RUN_TEXT_TABLE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace roux::kit {

constexpr int kTextColumns = 100;

struct Table {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  // cells; rows may be shorter than `columns`
};

// Columns whose cells are all numbers (or empty or "-") are right-aligned. If the table is wider than 100
// columns its widest column is wrapped. Ends with a newline.
std::string text_table(const Table& table);

// Lines of at most `width` columns, broken at spaces where possible; at least one line.
std::vector<std::string> wrap_text(absl::string_view text, int width);

// Value with `digits` significant digits; integers below 1e15 in full, "-" for NaN.
std::string format_number(double value, int digits = 4);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_TEXT_TABLE_H_
