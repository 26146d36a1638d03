// The survey's catalogue: records of data sets in 20 dimensions (its section on dimensions), and what it
// counts of them. Two forms are read: JSON lines, and the published list as it is (published_list.h).
#ifndef ROUX_RECIPES_LLM_DATASETS_SURVEY_CATALOGUE_H_
#define ROUX_RECIPES_LLM_DATASETS_SURVEY_CATALOGUE_H_

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace roux::llm_datasets_survey {

// The 20 dimensions. `category` is "part/leaf" of the taxonomy.
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

// The taxonomy's leaves, and the headings under which the published list has them, in lower case; a leaf may
// have several.
struct Leaf {
  const char *part, *name, *heading;
};
const std::vector<Leaf>& taxonomy();

struct Record {
  std::map<std::string, std::string> fields;
  std::string operator[](const std::string& dimension) const;  // empty where it is missing
  std::string part() const;
};

// A number with its class of unit: "bytes", "tokens", "instances", "files", "datasets", or the plural that
// the text has ("books"), a class of its own.
struct Size {
  std::string unit;
  double amount = 0;
};
// "12.68 TB", "30.4 T Tokens", "52K instances", "59996 files", "17,868 Books"; words in parentheses are not
// read. 1 TB is `kilo`^4 bytes: the list does not say which kilo is meant; 1000 is ours. InvalidArgument for
// anything else.
absl::StatusOr<Size> parse_size(const std::string& text, double kilo = 1000);

// The most restrictive class of the licences that the text names, in this order: "permissive", "share-alike",
// "custom" (any other words), "non-commercial"; "unknown" for an empty text or "-".
std::string license_class(const std::string& text);

// Without blanks around "&" and before "(", and nothing for "-", which says that nothing is known.
std::string normal_value(const std::string& dimension, const std::string& text);
// Empty, or what is wrong with a value: "language 'XX' is not a code of the survey".
std::string fault_of(const std::string& dimension, const std::string& text);

struct Catalogue {
  std::vector<Record> records;
  std::vector<std::string> notes;  // what of a published list could not be read, and was left out
};
// JSON lines, one data set a line, every dimension a string, absent or "-" where nothing is known; or else
// the published list. InvalidArgument "<where>: line L: ..." for what is no JSON, an unknown dimension, a
// missing name or category, a code that the survey does not have, with record and field named, and two
// records of a name and category; for a text without records.
absl::StatusOr<Catalogue> parse_catalogue(const std::string& text, const std::string& where);
std::string to_json_lines(const std::vector<Record>& records);

// How many records have each value. Fields of several values ("HG&CI") count for each of them when `split`.
std::map<std::string, int64_t> count_by(const std::vector<Record>& records, const std::string& dimension,
                                        bool split = false);
// By part, then by license class, year or a dimension.
using CrossTable = std::map<std::string, std::map<std::string, int64_t>>;
CrossTable parts_by(const std::vector<Record>& records, const std::string& dimension);
// Sum of the sizes of a part, each class of unit on its own.
std::map<std::string, double> total_sizes(const std::vector<Record>& records, const std::string& part,
                                          double kilo = 1000);
// Of a part's records whose construction is stated: the share that models or a collection of other data sets
// made, alone or among others (MC, CI).
double derived_share(const std::vector<Record>& records, const std::string& part);
// Share of the records that lack a dimension.
double missing_share(const std::vector<Record>& records, const std::string& dimension);

}  // namespace roux::llm_datasets_survey

#endif  // ROUX_RECIPES_LLM_DATASETS_SURVEY_CATALOGUE_H_
