#include "recipes/kit/worlds/prompt_table.h"

#include <cmath>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/text/readers/csv.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr size_t kMostPairs = 2000, kMostInputs = 100;
constexpr double kLargest = 1e6;

absl::Status refuse(const std::string& path, int64_t line, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": line ", line, ": ", what));
}

// The columns x1, x2, ...
absl::StatusOr<std::vector<size_t>> input_columns(const CsvReader& csv, const std::string& path) {
  std::vector<size_t> columns;
  for (auto next = csv.column("x1"); next.ok(); next = csv.column(absl::StrCat("x", columns.size() + 1)))
    columns.push_back(*next);
  if (!columns.empty() && columns.size() <= kMostInputs && columns.size() + 2 == csv.columns().size())
    return columns;
  return refuse(path, 1,
                absl::StrCat("the columns must be prompt, x1 to xd with d from 1 to ", kMostInputs,
                             ", and y; of ", csv.columns().size(), " columns ", columns.size(), " are x"));
}

}  // namespace

absl::StatusOr<std::vector<GivenPrompt>> read_prompts(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(CsvReader csv, CsvReader::open(path));
  ROUX_ASSIGN_OR_RETURN(const size_t prompt_column, csv.column("prompt"));
  ROUX_ASSIGN_OR_RETURN(const size_t y_column, csv.column("y"));
  ROUX_ASSIGN_OR_RETURN(const std::vector<size_t> x_columns, input_columns(csv, path));
  std::vector<GivenPrompt> prompts;
  std::set<std::string> names;
  std::vector<double> x, y;
  bool labelled = true;
  const auto finish = [&] {
    if (y.empty()) return;
    prompts.back().prompt =
        RegressionPrompts(static_cast<int64_t>(y.size()), static_cast<int64_t>(x_columns.size()));
    prompts.back().prompt.add(x, y);
    x.clear(), y.clear();
  };
  for (;;) {
    ROUX_ASSIGN_OR_RETURN(const bool more, csv.next());
    if (!more) break;
    const std::string& name = csv.fields()[prompt_column];
    const auto bad = [&](const std::string& what) { return refuse(path, csv.line_number(), what); };
    if (prompts.empty() || name != prompts.back().name) {
      finish();
      labelled = true;
      if (!names.insert(name).second)
        return bad(absl::StrCat("prompt '", name, "' began before; its pairs must follow each other"));
      prompts.push_back({name, RegressionPrompts(1, 1)});
    }
    if (!labelled) return bad("the pair before has no y, which only the last of a prompt may lack");
    if (y.size() == kMostPairs) return bad(absl::StrCat("a prompt has at most ", kMostPairs, " pairs"));
    const auto number = [&](size_t column, std::vector<double>& to) -> absl::Status {
      double value = 0;
      const std::string& text = csv.fields()[column];
      if (!absl::SimpleAtod(text, &value) || !std::isfinite(value))
        return bad(absl::StrCat(csv.columns()[column], " is '", text, "', a number is needed"));
      if (std::abs(value) > kLargest)
        return bad(absl::StrCat(csv.columns()[column], " is ", text, "; at most 1e6 is read"));
      to.push_back(value);
      return absl::OkStatus();
    };
    for (const size_t column : x_columns) ROUX_RETURN_IF_ERROR(number(column, x));
    labelled = !csv.fields()[y_column].empty();
    if (labelled) {
      ROUX_RETURN_IF_ERROR(number(y_column, y));
    } else {
      y.push_back(0);
    }
  }
  finish();
  if (prompts.empty()) return absl::InvalidArgumentError(path + ": holds no pairs");
  return prompts;
}

}  // namespace roux::kit
