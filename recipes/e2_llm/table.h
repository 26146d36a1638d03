// --table: positions of rows that a file describes.
#ifndef ROUX_RECIPES_E2_LLM_TABLE_H_
#define ROUX_RECIPES_E2_LLM_TABLE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/e2_llm/method.h"

namespace roux::e2_llm {

inline constexpr int64_t kLongestTable = int64_t{1} << 20;  // positions of all rows together

struct TableRow {
  Draw draw;
  int64_t R = 0, length = 0, sinks = kSinks;
};

// {"g": 5, "t": 256, "R": 64, "length": 64}, or a list of such; "t" is 0, "sinks" 4 and "g" the smallest
// whole scale that covers the length where not given. Whole numbers may be written as 64.0. InvalidArgument
// names `where`, the row and the member: missing, unknown, of another type or out of range (g >= 1, 0 <= t <=
// (g - 1) R, R >= 1, length >= 1).
absl::StatusOr<std::vector<TableRow>> parse_rows(const std::string& json, const std::string& where);

// {"tables": [{"g", "t", "R", "length", "sinks", "largest_offset", "inside", "positions": [...]}, ...]};
// inside: all positions are below R.
std::string tables_json(const std::vector<TableRow>& rows);

}  // namespace roux::e2_llm

#endif  // ROUX_RECIPES_E2_LLM_TABLE_H_
