// Stored results: what the last stored run of each recipe's default preset measured (results/<slug>.json),
// and the pages made from it: RESULTS.md, the index and the claims table of each recipe's README. One source,
// so the pages cannot disagree; `bazel run //recipes:report` writes them all.
#ifndef ROUX_RECIPES_RESULTS_H_
#define ROUX_RECIPES_RESULTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "recipes/index.h"

namespace roux::kit {

struct StoredClaim {
  std::string text;
  std::string verdict;   // "holds" "fails" "not separated" "not testable"
  std::string relation;  // "< 0.01"
  std::string scale;     // with the reason, if the claim was not testable
  std::string unit;      // what the interval is over when it is not seeds: "unit question, n = 200"
  std::optional<double> paper;
  std::optional<double> measured;
  std::string interval;  // "[0.1, 0.2]", or that the units agree; empty without one
  std::string json;      // the object of claims.json, as it was
};

struct StoredResult {
  std::string slug;
  std::string preset;
  std::vector<uint64_t> seeds;
  double minutes = 0;      // by the clock, of the whole program
  double cpu_seconds = 0;  // of all its threads
  double peak_memory_mib = 0;
  std::string cpu;  // model
  int cores = 0;    // that the run could use
  std::string date;
  std::string commit;   // of HEAD
  std::string sources;  // what the program was made from (source_digest)
  std::vector<StoredClaim> claims;
};

// What running the program cost.
struct RunCost {
  double seconds = 0;
  double cpu_seconds = 0;
  double peak_memory_mib = 0;
};

// From config.json and claims.json of a run in `folder`. DataLoss if they are not those of an ended run.
absl::StatusOr<StoredResult> result_of_run(const std::string& config, const std::string& claims,
                                           const RunCost& cost, const std::string& sources,
                                           const std::string& folder);

std::string result_json(const StoredResult& result);
// DataLoss, with `path`, for a text that result_json does not write.
absl::StatusOr<StoredResult> parse_result(const std::string& text, const std::string& path);

// SHA-256 of files: of the name, the size and the bytes of each, in the order of their names.
std::string source_digest(const std::map<std::string, std::string>& files);

// "13 hold, 1 fails"; verdicts that no claim has are left out.
std::string verdict_summary(const StoredResult& result);
// RESULTS.md.
std::string results_markdown(const std::vector<StoredResult>& results);
// `readme` with the text between its two markers replaced by the table of the result. FailedPrecondition,
// with `path`, if the markers are not there once each in their order.
absl::StatusOr<std::string> with_results(const std::string& readme, const StoredResult& result,
                                         const std::string& path);

// Everything below recipes/ that is generated, as path below it -> text. Reads papers.tsv, results/ and the
// READMEs there. The error names the file that is missing or cannot be read: an available recipe without a
// result, a result without a recipe, a README without markers.
absl::StatusOr<std::map<std::string, std::string>> generated_pages(const std::string& recipes);
// Writes them.
absl::Status write_pages(const std::string& recipes);
// Pages whose text is not the generated one, and what generated_pages refuses; empty when all agree.
std::vector<std::string> disagreements(const std::string& recipes);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_RESULTS_H_
