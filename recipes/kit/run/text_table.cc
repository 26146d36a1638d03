#include "recipes/kit/run/text_table.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "recipes/kit/text/printable.h"

namespace roux::kit {
namespace {

constexpr int kGap = 2;
constexpr int kNarrowest = 12;  // a wrapped column never gets narrower than this

bool is_number(const std::string& cell) {
  if (cell.empty() || cell == "-") return true;
  char* end = nullptr;
  std::strtod(cell.c_str(), &end);
  return end != cell.c_str() && (*end == '\0' || (*end == '%' && end[1] == '\0'));
}

std::string pad(const std::string& text, int width, bool right) {
  const int missing = width - static_cast<int>(utf8_width(text));
  const std::string space(static_cast<size_t>(std::max(missing, 0)), ' ');
  return right ? space + text : text + space;
}

// Appends one row, wrapping cells; trailing spaces are dropped.
void append_row(const std::vector<std::string>& cells, const std::vector<int>& widths,
                const std::vector<bool>& right, std::string& out) {
  std::vector<std::vector<std::string>> lines;
  size_t height = 1;
  for (size_t c = 0; c < widths.size(); ++c) {
    lines.push_back(wrap_text(c < cells.size() ? cells[c] : "", widths[c]));
    height = std::max(height, lines.back().size());
  }
  for (size_t line = 0; line < height; ++line) {
    std::string text;
    for (size_t c = 0; c < widths.size(); ++c) {
      if (c > 0) text += std::string(kGap, ' ');
      text += pad(line < lines[c].size() ? lines[c][line] : "", widths[c], right[c]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    absl::StrAppend(&out, text, "\n");
  }
}

}  // namespace

std::vector<std::string> wrap_text(absl::string_view text, int width) {
  std::vector<std::string> lines;
  std::string line;
  int used = 0;
  size_t last_space = std::string::npos;
  while (!text.empty()) {
    const size_t length = std::max<size_t>(1, utf8_length(text));
    if (used == width) {
      std::string rest;
      if (text[0] == ' ') {
        text.remove_prefix(1);
      } else if (last_space != std::string::npos) {
        rest = line.substr(last_space + 1);
        line.resize(last_space);
      }
      lines.push_back(line);
      line = rest;
      used = static_cast<int>(utf8_width(line));
      last_space = std::string::npos;
      continue;
    }
    if (text[0] == ' ') last_space = line.size();
    line.append(text.data(), length);
    text.remove_prefix(length);
    ++used;
  }
  lines.push_back(line);
  return lines;
}

std::string text_table(const Table& table) {
  const size_t columns = table.columns.size();
  std::vector<int> widths;
  std::vector<bool> right(columns, true);
  for (size_t c = 0; c < columns; ++c) {
    size_t width = utf8_width(table.columns[c]);
    for (const auto& row : table.rows) {
      if (c >= row.size()) continue;
      width = std::max(width, utf8_width(row[c]));
      if (!is_number(row[c])) right[c] = false;
    }
    widths.push_back(static_cast<int>(width));
  }
  int total = kGap * (static_cast<int>(columns) - 1);
  for (const int width : widths) total += width;
  if (total > kTextColumns) {
    auto widest = std::max_element(widths.begin(), widths.end());
    *widest = std::max(kNarrowest, *widest - (total - kTextColumns));
  }
  std::string out = table.title.empty() ? "" : table.title + "\n";
  append_row(table.columns, widths, right, out);
  std::vector<std::string> rules;
  for (const int width : widths) rules.push_back(std::string(static_cast<size_t>(width), '-'));
  append_row(rules, widths, right, out);
  for (const auto& row : table.rows) append_row(row, widths, right, out);
  return out;
}

std::string format_number(double value, int digits) {
  if (std::isnan(value)) return "-";
  if (value == std::trunc(value) && std::abs(value) < 1e15) return absl::StrFormat("%.0f", value);
  return absl::StrFormat("%.*g", digits, value);
}

}  // namespace roux::kit
