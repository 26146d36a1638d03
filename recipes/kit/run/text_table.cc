#include "recipes/kit/run/text_table.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/text/printable.h"

namespace roux::kit {
namespace {

constexpr int kGap = 2;
constexpr int kLongestWord = 24;  // longer ones may be cut, unless they are numbers

std::string pad(const std::string& text, int width, bool right) {
  const int missing = width - static_cast<int>(utf8_width(text));
  const std::string space(static_cast<size_t>(std::max(missing, 0)), ' ');
  return right ? space + text : text + space;
}

struct Column {
  int width = 0;      // of the longest cell
  int narrowest = 0;  // of the longest piece that is not cut
  bool right = true;  // only numbers so far
};

void measure(const std::string& cell, Column& column) {
  column.width = std::max(column.width, static_cast<int>(utf8_width(cell)));
  for (const absl::string_view word : absl::StrSplit(cell, ' ')) {
    const int width = static_cast<int>(utf8_width(word));
    const bool whole = is_number(std::string(word)) || width <= kLongestWord;
    column.narrowest = std::max(column.narrowest, whole ? width : kLongestWord);
  }
}

// Widths of a block's columns: their own, or narrowed from the widest on until the block fits.
std::vector<int> fitted(const std::vector<Column>& all, const std::vector<size_t>& block) {
  std::vector<int> widths;
  int total = kGap * (static_cast<int>(block.size()) - 1);
  for (const size_t c : block) {
    widths.push_back(all[c].width);
    total += all[c].width;
  }
  for (; total > kTextColumns; --total) {
    int* widest = nullptr;
    for (size_t i = 0; i < block.size(); ++i) {
      if (widths[i] > all[block[i]].narrowest && (widest == nullptr || widths[i] > *widest))
        widest = &widths[i];
    }
    if (widest == nullptr) break;
    --*widest;
  }
  return widths;
}

// Appends one row, wrapping cells; trailing spaces are dropped.
void append_row(const std::vector<std::string>& cells, const std::vector<size_t>& block,
                const std::vector<int>& widths, const std::vector<Column>& all, std::string& out) {
  std::vector<std::vector<std::string>> lines;
  size_t height = 1;
  for (size_t i = 0; i < block.size(); ++i) {
    lines.push_back(wrap_text(block[i] < cells.size() ? cells[block[i]] : "", std::max(widths[i], 1)));
    height = std::max(height, lines.back().size());
  }
  for (size_t line = 0; line < height; ++line) {
    std::string text;
    for (size_t i = 0; i < block.size(); ++i) {
      if (i > 0) text += std::string(kGap, ' ');
      text += pad(line < lines[i].size() ? lines[i][line] : "", widths[i], all[block[i]].right);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    absl::StrAppend(&out, text, "\n");
  }
}

void append_block(const Table& table, const std::vector<Column>& all, const std::vector<size_t>& block,
                  std::string& out) {
  const std::vector<int> widths = fitted(all, block);
  std::vector<std::string> rules(all.size());
  for (size_t i = 0; i < block.size(); ++i)
    rules[block[i]] = std::string(static_cast<size_t>(widths[i]), '-');
  append_row(table.columns, block, widths, all, out);
  append_row(rules, block, widths, all, out);
  for (const auto& row : table.rows) append_row(row, block, widths, all, out);
}

}  // namespace

bool is_number(const std::string& cell) {
  if (cell.empty() || cell == "-") return true;
  char* end = nullptr;
  std::strtod(cell.c_str(), &end);
  return end != cell.c_str() && (*end == '\0' || (*end == '%' && end[1] == '\0'));
}

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
  std::vector<Column> all(columns);
  for (size_t c = 0; c < columns; ++c) {
    measure(table.columns[c], all[c]);
    for (const auto& row : table.rows) {
      if (c >= row.size()) continue;
      measure(row[c], all[c]);
      all[c].right = all[c].right && is_number(row[c]);
    }
  }
  std::string out;
  if (!table.title.empty()) {
    for (const std::string& line : wrap_text(table.title, kTextColumns)) absl::StrAppend(&out, line, "\n");
  }
  size_t next = columns == 0 ? 0 : 1;
  do {
    // As many columns as fit when all are as narrow as they can be.
    std::vector<size_t> block;
    int least = 0;
    if (columns > 0) block.push_back(0), least = all[0].narrowest;
    for (; next < columns && (block.size() == 1 || least + kGap + all[next].narrowest <= kTextColumns);
         ++next) {
      block.push_back(next);
      least += kGap + all[next].narrowest;
    }
    append_block(table, all, block, out);
    if (next < columns) out += "\n";
  } while (next < columns);
  return out;
}

std::string format_number(double value, int digits) {
  if (std::isnan(value)) return "-";
  if (value == std::trunc(value) && std::abs(value) < 1e10) return absl::StrFormat("%.0f", value);
  return absl::StrFormat("%.*g", digits, value);
}

}  // namespace roux::kit
