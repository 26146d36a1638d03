// The members of a JSON object, typed, for readers of config.json.
//
//   Fields f(json, "config.json");
//   c.hidden_size = f.integer("hidden_size");
//   c.norm_eps = f.number("rms_norm_eps", 1e-6);
//   if (!f.status().ok()) return f.status();
#ifndef ROUX_NN_MODELS_CONFIG_FIELDS_H_
#define ROUX_NN_MODELS_CONFIG_FIELDS_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tensor/io/json_value.h"

namespace roux {

// null counts as missing. Keeps the first error: InvalidArgument, or Unimplemented for what a reader lacks.
class Fields {
 public:
  Fields(const JsonValue& json, std::string where) : json_(&json), where_(std::move(where)) {}

  bool has(const char* name) const { return find(name) != nullptr; }
  bool is_null(const char* name) const {
    const JsonValue* value = json_->find(name);
    return value != nullptr && value->is_null();
  }
  std::optional<int64_t> optional_integer(const char* name) {
    const JsonValue* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (value->is_integer()) return value->integer();
    wrong(name, "an integer", *value);
    return std::nullopt;
  }
  int64_t integer(const char* name) {
    if (!has(name)) fail(absl::InvalidArgumentError(absl::StrCat(where_, ": ", name, " is missing")));
    return optional_integer(name).value_or(1);
  }
  int64_t integer(const char* name, int64_t otherwise) { return optional_integer(name).value_or(otherwise); }
  double number(const char* name, double otherwise) {
    const JsonValue* value = find(name);
    if (value == nullptr) return otherwise;
    if (value->is_number()) return value->number();
    wrong(name, "a number", *value);
    return otherwise;
  }
  bool boolean(const char* name, bool otherwise) {
    const JsonValue* value = find(name);
    if (value == nullptr) return otherwise;
    if (value->is_bool()) return value->boolean();
    wrong(name, "true or false", *value);
    return otherwise;
  }
  std::string text(const char* name, const std::string& otherwise) {
    const JsonValue* value = find(name);
    if (value == nullptr) return otherwise;
    if (value->is_string()) return value->string();
    wrong(name, "a string", *value);
    return otherwise;
  }
  std::optional<Fields> object(const char* name) {
    const JsonValue* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (value->is_object()) return Fields(*value, absl::StrCat(where_, ": ", name));
    wrong(name, "an object", *value);
    return std::nullopt;
  }
  const JsonValue* array(const char* name) {
    const JsonValue* value = find(name);
    if (value != nullptr && !value->is_array()) wrong(name, "an array", *value);
    return value != nullptr && value->is_array() ? value : nullptr;
  }

  // Empty where missing.
  std::vector<double> numbers(const char* name) {
    std::vector<double> out;
    const JsonValue* list = array(name);
    for (size_t i = 0; list != nullptr && i < list->items().size(); ++i) {
      const JsonValue& item = list->items()[i];
      if (!item.is_number()) {
        wrong(name, "an array of numbers", item);
        return {};
      }
      out.push_back(item.number());
    }
    return out;
  }

  void unimplemented(const std::string& what) {
    fail(absl::UnimplementedError(absl::StrCat(where_, ": ", what, " is not supported")));
  }
  // For a field with an effect that Transformer lacks.
  void must_be(const char* name, bool value) {
    if (boolean(name, value) != value) unimplemented(absl::StrCat(name, " = ", value ? "false" : "true"));
  }
  void fail(absl::Status status) {
    if (status_.ok()) status_ = std::move(status);
  }
  const absl::Status& status() const { return status_; }

 private:
  const JsonValue* find(const char* name) const {
    const JsonValue* value = json_->find(name);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  void wrong(const char* name, const char* needed, const JsonValue& value) {
    fail(absl::InvalidArgumentError(
        absl::StrCat(where_, ": ", name, " is of type ", value.type_name(), ", needed ", needed)));
  }
  const JsonValue* json_;
  std::string where_;
  absl::Status status_;
};

}  // namespace roux

#endif  // ROUX_NN_MODELS_CONFIG_FIELDS_H_
