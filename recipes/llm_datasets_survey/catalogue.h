// The survey's catalogue: records of data sets in 20 dimensions (its section on dimensions), and what it
// counts of them. JSON lines, one data set a line, every dimension a string, absent where nothing is known.
#ifndef ROUX_RECIPES_LLM_DATASETS_SURVEY_CATALOGUE_H_
#define ROUX_RECIPES_LLM_DATASETS_SURVEY_CATALOGUE_H_

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace roux::llm_datasets_survey {

// The 20 dimensions. `category` is "part/leaf", part one of the five of the taxonomy: pretraining,
// instruction, preference, evaluation, traditional.
inline constexpr std::array<const char*, 20> kDimensions = {"name",
                                                            "publisher",
                                                            "release",
                                                            "size",
                                                            "public",
                                                            "license",
                                                            "language",
                                                            "construction",
                                                            "category",
                                                            "source",
                                                            "domain",
                                                            "instruction_category",
                                                            "preference_method",
                                                            "question_type",
                                                            "evaluation_method",
                                                            "focus",
                                                            "category_counts",
                                                            "evaluation_category",
                                                            "entity_types",
                                                            "relation_types"};
inline constexpr std::array<const char*, 5> kParts = {"pretraining", "instruction", "preference",
                                                      "evaluation", "traditional"};

struct Record {
  std::map<std::string, std::string> fields;
  std::string operator[](const std::string& dimension) const;  // empty where it is missing
  std::string part() const;
};

// A number with its class of unit. Bytes are decimal: 1 TB = 10^12 (ours; the survey does not say).
struct Size {
  enum Unit { kBytes, kTokens, kInstances, kFiles, kDatasets } unit = kBytes;
  double amount = 0;
};
const char* unit_name(Size::Unit unit);
// "12.68 TB", "30.4T tokens", "52K instances", "59996 files". InvalidArgument for anything else.
absl::StatusOr<Size> parse_size(const std::string& text);

// The most restrictive class of the licences that the text names, in this order: "permissive", "share-alike",
// "custom" (any other words), "non-commercial"; "unknown" for an empty text or "-".
std::string license_class(const std::string& text);

// InvalidArgument "<where>: line L: ..." for what is no JSON, an unknown dimension, a missing name, category
// or size, and a code that the survey does not have, with record and field named; two records of a name.
absl::StatusOr<std::vector<Record>> parse_catalogue(const std::string& text, const std::string& where);

// How many records have each value. Fields of several values ("HG&CI") count for each of them when `split`.
std::map<std::string, int64_t> count_by(const std::vector<Record>& records, const std::string& dimension,
                                        bool split = false);
// By part, then by license class, year or a dimension.
using CrossTable = std::map<std::string, std::map<std::string, int64_t>>;
CrossTable parts_by(const std::vector<Record>& records, const std::string& dimension);
// Sum of the sizes of a part, each class of unit on its own.
std::map<std::string, double> total_sizes(const std::vector<Record>& records, const std::string& part);
// Share of the records that lack a dimension.
double missing_share(const std::vector<Record>& records, const std::string& dimension);

}  // namespace roux::llm_datasets_survey

#endif  // ROUX_RECIPES_LLM_DATASETS_SURVEY_CATALOGUE_H_
