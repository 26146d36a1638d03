// The settings of a recipe: the fields that its Config names in visit(), each with its type. They are listed
// in --help and config.json and changed by name.
//
//   struct Config {
//     int64_t steps = 600;
//     double dropout = 0;
//     std::string arms = "default";
//     template <class Visit>
//     void visit(Visit&& visit) {
//       visit("steps", steps, Range{1});                                  // --set steps=100
//       visit("dropout", dropout, Range{0, 1});                           // --set dropout=0.1
//       visit("arms", arms, Flag{"which arms", {"default", "all"}});      // --arms=all, too
//     }
//     absl::Status check() const;      // optional: what settings must fulfil together, e.g. heads divide
//     hidden
//   };
//
// Types: bool, int, int64_t, uint64_t, float, double, std::string and vectors of them (a list with commas).
#ifndef ROUX_RECIPES_KIT_RUN_SETTINGS_H_
#define ROUX_RECIPES_KIT_RUN_SETTINGS_H_

#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "recipes/kit/run/json.h"

namespace roux::kit {

// Bounds of a number, or of each number of a list; both ends are allowed values.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

// Makes a setting a flag of the command line.
struct Flag {
  std::string help;
  std::vector<std::string> choices = {};  // all allowed texts; empty: any
  Range range = {};
};

struct Setting {
  std::string name;
  std::string kind;  // N (whole), X (number), NAME (text), true|false; lists: N,N,...
  std::string text;  // the value as --set takes it
  std::string json;
  bool is_flag = false;
  Flag about;
};

// A value as typed by the user.
struct SettingChange {
  std::string name;
  std::string text;
};

// Parses `text` into `value`. InvalidArgument that says what is needed: a type, a choice (with the nearest),
// a number in the setting's range.
absl::Status parse_setting(const std::string& text, const Flag& about, bool& value);
absl::Status parse_setting(const std::string& text, const Flag& about, int& value);
absl::Status parse_setting(const std::string& text, const Flag& about, int64_t& value);
absl::Status parse_setting(const std::string& text, const Flag& about, uint64_t& value);
absl::Status parse_setting(const std::string& text, const Flag& about, float& value);
absl::Status parse_setting(const std::string& text, const Flag& about, double& value);
absl::Status parse_setting(const std::string& text, const Flag& about, std::string& value);
std::vector<std::string> split_list(const std::string& text);  // empty for ""
template <class T>
absl::Status parse_setting(const std::string& text, const Flag& about, std::vector<T>& value) {
  std::vector<T> parsed;
  for (const std::string& item : split_list(text)) {
    T one{};
    const absl::Status status = parse_setting(item, about, one);
    if (!status.ok()) return status;
    parsed.push_back(std::move(one));
  }
  value = std::move(parsed);
  return absl::OkStatus();
}

// --set's argument "steps=100,sizes=1,2,3": a piece without '=' belongs to the list before it.
// InvalidArgument when it does not begin with a name.
absl::Status parse_changes(const std::string& text, std::vector<SettingChange>& changes);

// The last change of a name wins; the order of first mention stays.
void add_change(SettingChange change, std::vector<SettingChange>& changes);

// InvalidArgument naming the nearest setting if one of the changes names none.
absl::Status check_names(const std::vector<SettingChange>& changes, const std::vector<Setting>& settings);

// The JSON object of all settings.
std::string settings_json(const std::vector<Setting>& settings);

// InvalidArgument "--set steps=x: <what is needed>", or "--arms=x: ..." for a flag.
absl::Status bad_change(const SettingChange& change, bool is_flag, absl::string_view needed);

namespace internal {

inline std::string kind_of(bool) { return "true|false"; }
template <class T>
std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, std::string> kind_of(T) {
  return "N";
}
template <class T>
std::enable_if_t<std::is_floating_point_v<T>, std::string> kind_of(T) {
  return "X";
}
inline std::string kind_of(const std::string&) { return "NAME"; }
template <class T>
std::string kind_of(const std::vector<T>&) {
  const std::string one = kind_of(T{});
  return one + "," + one + ",...";
}

inline std::string text_of(const std::string& value) { return value; }
template <class T>
std::enable_if_t<std::is_arithmetic_v<T>, std::string> text_of(T value) {
  return to_json(value);
}
template <class T>
std::string text_of(const std::vector<T>& values) {
  std::string text;
  for (const T& value : values) text += (text.empty() ? "" : ",") + text_of(value);
  return text;
}

inline Flag about_of() { return {}; }
inline Flag about_of(const Range& range) { return {"", {}, range}; }
inline Flag about_of(const Flag& flag) { return flag; }

}  // namespace internal

template <class Config>
std::vector<Setting> settings_of(Config config) {
  std::vector<Setting> all;
  config.visit([&](const char* name, auto& value, const auto&... about) {
    static_assert(!std::is_const_v<std::remove_reference_t<decltype(value)>>,
                  "Config::visit must not be const: --set changes the fields that it names");
    static_assert(sizeof...(about) <= 1, "visit(name, field), visit(name, field, Range{}) or Flag{}");
    constexpr bool is_flag = (std::is_same_v<std::decay_t<decltype(about)>, Flag> || ...);
    all.push_back({name, internal::kind_of(value), internal::text_of(value), to_json(value), is_flag,
                   internal::about_of(about...)});
  });
  return all;
}

// Applies the changes and asks config.check(). `config` is unspecified after an error.
template <class Config>
absl::Status change_settings(const std::vector<SettingChange>& changes, Config& config) {
  absl::Status status = check_names(changes, settings_of(config));
  for (const SettingChange& change : changes) {
    if (!status.ok()) return status;
    config.visit([&](const char* name, auto& value, const auto&... about) {
      if (change.name != name) return;
      const absl::Status parsed = parse_setting(change.text, internal::about_of(about...), value);
      constexpr bool is_flag = (std::is_same_v<std::decay_t<decltype(about)>, Flag> || ...);
      if (!parsed.ok()) status = bad_change(change, is_flag, parsed.message());
    });
  }
  if constexpr (requires { config.check(); }) {
    if (status.ok()) status = config.check();
  }
  return status;
}

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_SETTINGS_H_
