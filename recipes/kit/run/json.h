// Writing JSON without a library in headers: a value is its text. Numbers print in the shortest form that
// reads back to the same bits, so that files of equal runs are equal byte for byte; NaN and infinities, which
// JSON lacks, are null.
//
//   JsonObject o;
//   o.add("step", 10).add("loss", 2.5).add("seeds", std::vector<int>{1, 2});
//   o.text()  // {"step":10,"loss":2.5,"seeds":[1,2]}
#ifndef ROUX_RECIPES_KIT_RUN_JSON_H_
#define ROUX_RECIPES_KIT_RUN_JSON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace roux::kit {

// "text" with quotes; bytes that are not UTF-8 become U+FFFD, so the result is always valid JSON.
std::string json_quote(absl::string_view text);
std::string json_number(double value);
// [a,b,...] of values that are JSON already.
std::string json_list(const std::vector<std::string>& values);

// Text of a setting or metric value.
inline std::string to_json(bool value) { return value ? "true" : "false"; }
inline std::string to_json(int value) { return std::to_string(value); }
inline std::string to_json(int64_t value) { return std::to_string(value); }
inline std::string to_json(uint64_t value) { return std::to_string(value); }
inline std::string to_json(double value) { return json_number(value); }
std::string to_json(float value);
inline std::string to_json(const char* value) { return json_quote(value); }
inline std::string to_json(absl::string_view value) { return json_quote(value); }
inline std::string to_json(const std::string& value) { return json_quote(value); }
template <class T>
std::string to_json(const std::vector<T>& values) {
  std::vector<std::string> texts;
  for (const T& value : values) texts.push_back(to_json(value));
  return json_list(texts);
}

class JsonObject {
 public:
  enum Style { kCompact, kPretty };
  template <class T>
  JsonObject& add(absl::string_view key, const T& value) {
    return add_raw(key, to_json(value));
  }
  // `value` is JSON already.
  JsonObject& add_raw(absl::string_view key, absl::string_view value);
  bool empty() const { return fields_.empty(); }
  // kPretty puts one field on a line, indented by `indent` + 2.
  std::string text(Style style = kCompact, int indent = 0) const;

 private:
  std::vector<std::string> fields_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_JSON_H_
