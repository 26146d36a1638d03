// --table: the translation table of IBM Model 1 for pairs of sentences that are given.
#ifndef ROUX_RECIPES_REPHRASING_TABLE_H_
#define ROUX_RECIPES_REPHRASING_TABLE_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/run/run.h"

namespace roux::rephrasing {

// A pair a line: source, a tab, target; or "source ||| target", the form of fast_align. Further columns of a
// tab file are not read. InvalidArgument with the line for a line that is neither, a side without words, text
// that is not UTF-8, more than 1,000 words a side, and a file without pairs.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> read_pairs(const std::string& path);

// table.json: {"pairs", "iterations", "empty_word", "log_likelihood": before the first iteration and after
// each, "t": {source word: {target word: t(target | source)}}}, probabilities of `smallest` and more; words
// in lower case. "" is the empty word.
std::string ibm_model1_json(const std::vector<std::pair<std::string, std::string>>& pairs, int64_t iterations,
                            double smallest);
absl::Status report_table(const std::string& path, int64_t iterations, kit::Run& run);

}  // namespace roux::rephrasing

#endif  // ROUX_RECIPES_REPHRASING_TABLE_H_
