#include "recipes/kit/run/settings.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/run/nearest_name.h"

namespace roux::kit {
namespace {

absl::Status needed(absl::string_view what) { return absl::InvalidArgumentError(what); }

// " from 1 to 5", " of at least 1", "".
std::string range_text(const Range& range) {
  const bool low = std::isfinite(range.low), high = std::isfinite(range.high);
  if (low && high) return absl::StrCat(" from ", json_number(range.low), " to ", json_number(range.high));
  if (low) return absl::StrCat(" of at least ", json_number(range.low));
  return high ? absl::StrCat(" of at most ", json_number(range.high)) : "";
}

absl::Status check_choice(const std::string& text, const Flag& about) {
  if (about.choices.empty()) return absl::OkStatus();
  if (std::find(about.choices.begin(), about.choices.end(), text) != about.choices.end())
    return absl::OkStatus();
  return needed(absl::StrCat("the choices are ", absl::StrJoin(about.choices, ", "),
                             did_you_mean(text, about.choices, "")));
}

template <class T>
absl::Status parse_whole(const std::string& text, const Flag& about, T& value) {
  T parsed = 0;
  const auto refuse = [&] {
    return needed(absl::StrCat("a whole number", range_text(about.range), " is needed"));
  };
  if (!absl::SimpleAtoi(text, &parsed)) return refuse();
  if (static_cast<double>(parsed) < about.range.low || static_cast<double>(parsed) > about.range.high)
    return refuse();
  value = parsed;
  return check_choice(text, about);
}

template <class T>
absl::Status parse_number(const std::string& text, const Flag& about, T& value) {
  double parsed = 0;
  const bool number = absl::SimpleAtod(text, &parsed) && std::isfinite(static_cast<T>(parsed));
  if (!number || parsed < about.range.low || parsed > about.range.high)
    return needed(absl::StrCat("a number", range_text(about.range), " is needed"));
  value = static_cast<T>(parsed);
  return check_choice(text, about);
}

}  // namespace

absl::Status parse_setting(const std::string& text, const Flag&, bool& value) {
  if (text != "true" && text != "false") return needed("true or false is needed");
  value = text == "true";
  return absl::OkStatus();
}
absl::Status parse_setting(const std::string& text, const Flag& about, int& value) {
  return parse_whole(text, about, value);
}
absl::Status parse_setting(const std::string& text, const Flag& about, int64_t& value) {
  return parse_whole(text, about, value);
}
absl::Status parse_setting(const std::string& text, const Flag& about, uint64_t& value) {
  return parse_whole(text, about, value);
}
absl::Status parse_setting(const std::string& text, const Flag& about, float& value) {
  return parse_number(text, about, value);
}
absl::Status parse_setting(const std::string& text, const Flag& about, double& value) {
  return parse_number(text, about, value);
}
absl::Status parse_setting(const std::string& text, const Flag& about, std::string& value) {
  value = text;
  return check_choice(text, about);
}

std::vector<std::string> split_list(const std::string& text) {
  if (text.empty()) return {};
  return absl::StrSplit(text, ',');
}

void add_change(SettingChange change, std::vector<SettingChange>& changes) {
  const auto same = std::find_if(changes.begin(), changes.end(),
                                 [&](const SettingChange& earlier) { return earlier.name == change.name; });
  if (same == changes.end()) {
    changes.push_back(std::move(change));
  } else {
    same->text = std::move(change.text);
  }
}

absl::Status parse_changes(const std::string& text, std::vector<SettingChange>& changes) {
  std::vector<SettingChange> given;
  for (const std::string& piece : split_list(text)) {
    const size_t equals = piece.find('=');
    if (equals != std::string::npos && equals > 0) {
      given.push_back({piece.substr(0, equals), piece.substr(equals + 1)});
    } else if (equals == std::string::npos && !given.empty()) {
      absl::StrAppend(&given.back().text, ",", piece);
    } else {
      return needed(absl::StrCat("--set ", text, ": NAME=VALUE,... is needed"));
    }
  }
  for (SettingChange& change : given) add_change(std::move(change), changes);
  return absl::OkStatus();
}

absl::Status check_names(const std::vector<SettingChange>& changes, const std::vector<Setting>& settings) {
  std::vector<std::string> names;
  for (const Setting& setting : settings) names.push_back(setting.name);
  for (const SettingChange& change : changes) {
    if (std::find(names.begin(), names.end(), change.name) != names.end()) continue;
    return needed(absl::StrCat("--set ", change.name, "=", change.text, ": there is no such setting",
                               did_you_mean(change.name, names, ""), " (--help lists all)"));
  }
  return absl::OkStatus();
}

std::string settings_json(const std::vector<Setting>& settings) {
  JsonObject object;
  for (const Setting& setting : settings) object.add_raw(setting.name, setting.json);
  return object.text();
}

absl::Status bad_change(const SettingChange& change, bool is_flag, absl::string_view what) {
  return needed(absl::StrCat(is_flag ? "--" : "--set ", change.name, "=", change.text, ": ", what));
}

}  // namespace roux::kit
