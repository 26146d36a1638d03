#include "recipes/kit/run/config_file.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "recipes/kit/run/json.h"
#include "recipes/kit/run/machine.h"

namespace roux::kit {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kMayDiffer[] = {"date",        "machine",         "commit",     "uncommitted_changes",
                                      "threads",     "changed",         "sessions",   "seconds",
                                      "cpu_seconds", "peak_memory_mib", "finished",   "sources",
                                      "profile",     "trace",           "trace_steps"};
constexpr const char* kInputs[] = {"model", "data", "table"};

absl::Status damaged(const std::string& path) {
  return absl::DataLossError(absl::StrCat(path, ": not the configuration of a run"));
}

Json parse(const std::string& text) { return Json::parse(text, nullptr, /*allow_exceptions=*/false); }

// config.json has one field a line.
std::string text_of(const Json& config) {
  JsonObject object;
  for (const auto& item : config.items()) object.add_raw(item.key(), item.value().dump());
  return object.text(JsonObject::kPretty) + "\n";
}

bool may_differ(const std::string& key) {
  return std::find(std::begin(kMayDiffer), std::end(kMayDiffer), key) != std::end(kMayDiffer);
}

// Whether `key` is the path of an input whose contents both runs know: the hashes are compared instead.
bool is_hashed_path(const std::string& key, const Json& was, const Json& is) {
  const std::string hash = key + "_sha256";
  return std::find(std::begin(kInputs), std::end(kInputs), key) != std::end(kInputs) && was.contains(hash) &&
         is.contains(hash) && was[hash] != "" && is[hash] != "";
}

// First key at which two objects differ, as "<name>=<was>, now <name>=<is>"; empty if they agree.
std::string difference(const Json& was, const Json& is, const std::string& between) {
  Json keys = was;
  keys.update(is);
  for (const auto& item : keys.items()) {
    const std::string& key = item.key();
    if (may_differ(key) || is_hashed_path(key, was, is)) continue;
    const Json before = was.value(key, Json());
    const Json now = is.value(key, Json());
    if (before == now) continue;
    if (before.is_object() && now.is_object()) {
      const std::string inner = difference(before, now, between);
      if (!inner.empty()) return inner;
      continue;
    }
    return absl::StrCat(key, "=", before.dump(), between, key, "=", now.dump());
  }
  return "";
}

double number(const Json& config, const char* key) {
  return config.contains(key) && config[key].is_number() ? config[key].get<double>() : 0;
}

double rounded(double seconds) { return std::round(seconds * 1000) / 1000; }

}  // namespace

std::string config_text(const RecipeInfo& info, const Options& options, const std::vector<uint64_t>& seeds,
                        int threads, const std::string& settings, const RunInputs& inputs) {
  const Machine machine = this_machine();
  JsonObject where;
  where.add("cpu", machine.cpu).add("cores", machine.cores).add("memory_mib", machine.memory_mib);
  where.add("system", machine.system);
  const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  const std::string commit = workspace == nullptr ? "" : head_commit(workspace);
  const std::optional<bool> dirty = commit.empty() ? std::nullopt : has_uncommitted_changes(workspace);
  JsonObject changed;
  for (const SettingChange& change : options.changes) changed.add(change.name, change.text);
  JsonObject config;
  config.add("recipe", info.slug).add("title", info.title).add("arxiv", info.arxiv);
  config.add("preset", options.preset)
      .add("seeds", seeds)
      .add("device", options.device)
      .add("threads", threads);
  config.add("profile", options.profile)
      .add("trace", options.trace)
      .add("trace_steps", to_string(options.trace_steps));
  config.add("model", options.model).add("model_sha256", inputs.model.sha256);
  config.add("data", options.data).add("data_sha256", inputs.data.sha256);
  config.add("table", options.table).add("table_sha256", inputs.table.sha256);
  config.add_raw("changed", changed.text());
  config.add_raw("settings", settings.empty() ? "{}" : settings);
  config.add_raw("commit", commit.empty() ? "null" : to_json(commit));
  config.add_raw("uncommitted_changes", dirty ? to_json(*dirty) : "null");
  config.add("date", utc_date()).add_raw("machine", where.text());
  return config.text(JsonObject::kPretty) + "\n";
}

absl::StatusOr<std::string> with_session(const std::string& text, const Session& session,
                                         const std::optional<Session>& counted, const std::string& path) {
  Json config = parse(text);
  if (!config.is_object()) return damaged(path);
  const Session before = counted.value_or(Session{});
  config["sessions"] = static_cast<int64_t>(number(config, "sessions")) + (counted ? 0 : 1);
  config["seconds"] = rounded(number(config, "seconds") + session.seconds - before.seconds);
  config["cpu_seconds"] = rounded(number(config, "cpu_seconds") + session.cpu_seconds - before.cpu_seconds);
  config["peak_memory_mib"] =
      std::round(std::max(number(config, "peak_memory_mib"), session.peak_memory_mib));
  config["finished"] = session.finished ? Json(utc_date()) : Json();
  return text_of(config);
}

absl::Status adopt_choices(const std::string& text, const std::string& path, Options& options) {
  const Json config = parse(text);
  if (!config.is_object() || !config.contains("preset") || !config["preset"].is_string() ||
      !config.contains("seeds") || !config["seeds"].is_array() || config["seeds"].empty() ||
      !config["seeds"][0].is_number_unsigned()) {
    return damaged(path);
  }
  const auto text_at = [&](const char* key) {
    return config.contains(key) && config[key].is_string() ? config[key].get<std::string>() : "";
  };
  if (!options.preset_given) options.preset = text_at("preset");
  if (!options.seed_given) options.seed = config["seeds"][0].get<uint64_t>();
  if (options.seeds == 0) options.seeds = static_cast<int>(config["seeds"].size());
  if (!options.device_given && !text_at("device").empty()) options.device = text_at("device");
  if (options.model.empty()) options.model = text_at("model");
  if (options.data.empty()) options.data = text_at("data");
  if (options.table.empty()) options.table = text_at("table");
  std::vector<SettingChange> changes;
  const Json changed = config.value("changed", Json::object());
  for (const auto& item : changed.items()) {
    if (item.value().is_string()) changes.push_back({item.key(), item.value().get<std::string>()});
  }
  for (const SettingChange& change : options.changes) add_change(change, changes);
  options.changes = std::move(changes);
  return absl::OkStatus();
}

absl::Status check_same_choices(const std::string& first, const std::string& own, int rank) {
  const std::string what = difference(parse(first), parse(own), absl::StrCat(", rank ", rank, " has "));
  if (what.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the command differs between the ranks: rank 0 has ", what));
}

absl::Status check_same_run(const std::string& earlier, const std::string& now, const std::string& path) {
  const Json was = parse(earlier);
  const Json is = parse(now);
  if (!was.is_object() || !is.is_object()) return damaged(path);
  const std::string what = difference(was, is, ", now ");
  if (what.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("cannot resume ", path, ": it was run with ", what));
}

}  // namespace roux::kit
