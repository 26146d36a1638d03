#include "recipes/kit/run/sources_used.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "recipes/kit/run/json.h"

namespace roux::kit {

absl::StatusOr<std::string> with_source(const std::string& config, const Provenance& from,
                                        const std::string& path) {
  using Json = nlohmann::ordered_json;
  Json json = Json::parse(config, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || (json.contains("sources") && !json["sources"].is_object()))
    return absl::DataLossError(absl::StrCat(path, ": not the configuration of a run"));
  Json& sources = json["sources"];
  const Json entry = {{"kind", kind_name(from.kind)},
                      {"version", from.version},
                      {"licence", from.licence},
                      {"sha256", from.sha256},
                      {"command", from.command}};
  if (sources.contains(from.name)) {
    const Json& earlier = sources[from.name];
    if (earlier.value("sha256", "") != from.sha256) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, ": '", from.name, "' was read as ", earlier.value("kind", "?"), " ",
                       earlier.value("version", ""), " with sha256 ", earlier.value("sha256", "?"),
                       ", now as ", kind_name(from.kind), " ", from.version, " with ", from.sha256,
                       "; a run goes on with the bytes it began with"));
    }
  }
  sources[from.name] = entry;
  JsonObject object;  // one field a line, as config.json is written
  for (const auto& item : json.items()) object.add_raw(item.key(), item.value().dump());
  return object.text(JsonObject::kPretty) + "\n";
}

}  // namespace roux::kit
