#include "recipes/kit/text/json_field.h"

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/utf8.h"

namespace roux::kit {

namespace {

// Where the text, if it is JSON, exceeds the number of values; its size if it does not.
size_t too_many_values(std::string_view text) {
  int64_t values = 1;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if ((c == ',' || c == '[' || c == '{') && ++values > kMaxJsonValues) {
      return i;
    }
  }
  return text.size();
}

}  // namespace

absl::StatusOr<nlohmann::json> parse_json(std::string_view text, const std::string& file) {
  if (const size_t at = too_many_values(text); at < text.size()) {
    return absl::ResourceExhaustedError(
        absl::StrCat(file, ": byte ", at, ": holds more than ", kMaxJsonValues, " values"));
  }
  try {
    return nlohmann::json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::exception& error) {
    const auto* parse = dynamic_cast<const nlohmann::json::parse_error*>(&error);
    return absl::InvalidArgumentError(
        absl::StrCat(file, ": not valid JSON", parse != nullptr ? absl::StrCat(" at byte ", parse->byte) : "",
                     ": ", error.what()));
  }
}

JsonField JsonField::at(const std::string& key) const {
  const nlohmann::json* child = nullptr;
  if (json_ != nullptr && json_->is_object()) {
    if (const auto at = json_->find(key); at != json_->end()) child = &*at;
  }
  return JsonField(child, file_, path_.empty() ? key : absl::StrCat(path_, ".", key));
}

JsonField JsonField::item(size_t index) const {
  return JsonField(&(*json_)[index], file_, absl::StrCat(path_, "[", index, "]"));
}

absl::Status JsonField::error(const std::string& what) const {
  return absl::InvalidArgumentError(
      absl::StrCat(file_, ": ", path_.empty() ? "" : absl::StrCat(excerpt(path_), ": "), what));
}

absl::Status JsonField::unsupported(const std::string& what) const {
  return absl::UnimplementedError(absl::StrCat(file_, ": ",
                                               path_.empty() ? "" : absl::StrCat(excerpt(path_), ": "),
                                               excerpt(what), " is not supported"));
}

absl::Status JsonField::wrong_type(const char* expected) const {
  return error(absl::StrCat(json_ == nullptr ? "is missing" : absl::StrCat("is ", json_->type_name()),
                            ", expected ", expected));
}

absl::Status JsonField::expect_object() const {
  return json_ != nullptr && json_->is_object() ? absl::OkStatus() : wrong_type("an object");
}

absl::Status JsonField::expect_array() const {
  return json_ != nullptr && json_->is_array() ? absl::OkStatus() : wrong_type("an array");
}

absl::StatusOr<std::string> JsonField::string_or(const std::string& key, const std::string& fallback) const {
  const JsonField field = at(key);
  if (field.missing()) return fallback;
  if (!field.json().is_string()) return field.wrong_type("a string");
  return field.json().get<std::string>();
}

absl::StatusOr<bool> JsonField::bool_or(const std::string& key, bool fallback) const {
  const JsonField field = at(key);
  if (field.missing()) return fallback;
  if (!field.json().is_boolean()) return field.wrong_type("true or false");
  return field.json().get<bool>();
}

absl::StatusOr<int64_t> JsonField::int_or(const std::string& key, int64_t fallback) const {
  const JsonField field = at(key);
  if (field.missing()) return fallback;
  if (!field.json().is_number_integer()) return field.wrong_type("an integer");
  return field.json().get<int64_t>();
}

}  // namespace roux::kit
