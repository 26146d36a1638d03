#include "recipes/kit/data/sources/iso_codes.h"

#include <algorithm>
#include <map>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "recipes/kit/data/sources/source_files.h"
#include "recipes/kit/text/readers/mo.h"
#include "tensor/error.h"
#include "tensor/io/json_value.h"

namespace roux::kit {

absl::StatusOr<Sourced<std::vector<CodedName>>> iso_names(const std::string& standard,
                                                          const std::string& language,
                                                          const SourceOptions& options) {
  const std::string path = absl::StrCat("usr/share/iso-codes/json/", standard, ".json");
  const std::string catalogue_path =
      absl::StrCat("usr/share/locale/", language, "/LC_MESSAGES/", standard, ".mo");
  ROUX_ASSIGN_OR_RETURN(SourceFiles files,
                        SourceFiles::open("iso_codes", language.empty() ? path : catalogue_path, options));
  ROUX_ASSIGN_OR_RETURN(const std::string text, files.read(path));
  ROUX_ASSIGN_OR_RETURN(const JsonValue json, parse_json_value(text, path));
  const JsonValue* entries = json.find(std::string(absl::StripPrefix(standard, "iso_")));
  if (entries == nullptr || !entries->is_array())
    return absl::DataLossError(absl::StrCat(path, ": there is no list of codes"));
  std::map<std::string, std::string> translations;
  if (!language.empty()) {
    ROUX_ASSIGN_OR_RETURN(const std::string file, files.locate(catalogue_path));
    ROUX_ASSIGN_OR_RETURN(const MoCatalog catalogue, MoCatalog::open(file));
    for (int64_t i = 0; i < catalogue.size(); ++i) {
      ROUX_ASSIGN_OR_RETURN(const MoEntry entry, catalogue.entry(i));
      if (!entry.id.empty()) translations.emplace(entry.id, entry.translations[0]);
    }
  }
  std::vector<CodedName> names;
  for (const JsonValue& entry : entries->items()) {
    const JsonValue* code = entry.find("alpha_3");
    const JsonValue* name = entry.find("name");
    if (code == nullptr || !code->is_string() || name == nullptr || !name->is_string())
      return absl::DataLossError(
          absl::StrCat(path, ": byte ", entry.offset(), ": an entry without code or name"));
    const auto found = translations.find(name->string());
    names.push_back({code->string(), name->string(), found == translations.end() ? "" : found->second});
  }
  std::sort(names.begin(), names.end(),
            [](const CodedName& a, const CodedName& b) { return a.code < b.code; });
  return Sourced<std::vector<CodedName>>{std::move(names), files.provenance()};
}

}  // namespace roux::kit
