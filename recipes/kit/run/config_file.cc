#include "recipes/kit/run/config_file.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace roux::kit {
namespace {

using Json = nlohmann::json;

constexpr const char* kMayDiffer[] = {"date", "machine", "commit", "threads"};

absl::Status damaged(const std::string& path) {
  return absl::DataLossError(absl::StrCat(path, ": not the configuration of a run"));
}

// First key at which two objects differ, as "<name>=<was>, now <name>=<is>"; empty if they agree.
std::string difference(const Json& was, const Json& is) {
  Json keys = was;
  keys.update(is);
  for (const auto& item : keys.items()) {
    const std::string& key = item.key();
    if (std::find(std::begin(kMayDiffer), std::end(kMayDiffer), key) != std::end(kMayDiffer)) continue;
    const Json before = was.value(key, Json());
    const Json now = is.value(key, Json());
    if (before == now) continue;
    if (before.is_object() && now.is_object()) return difference(before, now);
    return absl::StrCat(key, "=", before.dump(), ", now ", key, "=", now.dump());
  }
  return "";
}

}  // namespace

absl::StatusOr<EarlierRun> parse_earlier_run(const std::string& text, const std::string& path) {
  const Json config = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object() || !config.contains("preset") || !config["preset"].is_string() ||
      !config.contains("seeds") || !config["seeds"].is_array() || config["seeds"].empty() ||
      !config["seeds"][0].is_number_unsigned()) {
    return damaged(path);
  }
  return EarlierRun{config["preset"].get<std::string>(), config["seeds"][0].get<uint64_t>()};
}

absl::Status check_same_run(const std::string& earlier, const std::string& now, const std::string& path) {
  const Json was = Json::parse(earlier, nullptr, /*allow_exceptions=*/false);
  const Json is = Json::parse(now, nullptr, /*allow_exceptions=*/false);
  if (!was.is_object() || !is.is_object()) return damaged(path);
  const std::string what = difference(was, is);
  if (what.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("cannot resume ", path, ": it was run with ", what));
}

}  // namespace roux::kit
