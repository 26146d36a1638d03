// Reading JSON of others: every value knows its path, so that errors say "model.merges: entry 7 is ...".
// For .cc files only: nlohmann/json is heavy to compile.
#ifndef ROUX_RECIPES_KIT_TEXT_JSON_FIELD_H_
#define ROUX_RECIPES_KIT_TEXT_JSON_FIELD_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace roux::kit {

// Far above real files: Mistral's tekken.json of 131,072 tokens has 600,011 values.
inline constexpr int64_t kMaxJsonBytes = int64_t{1} << 28;
inline constexpr int64_t kMaxJsonValues = int64_t{1} << 23;

// InvalidArgument with file name and byte offset for text that is not JSON, ResourceExhausted above
// kMaxJsonValues.
absl::StatusOr<nlohmann::json> parse_json(std::string_view text, const std::string& file);

class JsonField {
 public:
  // `json` must outlive the field; null pointer = the entry is missing.
  JsonField(const nlohmann::json* json, std::string file, std::string path)
      : json_(json), file_(std::move(file)), path_(std::move(path)) {}

  // Missing, or JSON's null.
  bool missing() const { return json_ == nullptr || json_->is_null(); }
  const nlohmann::json& json() const { return *json_; }
  JsonField at(const std::string& key) const;
  JsonField item(size_t index) const;

  absl::Status expect_object() const;
  absl::Status expect_array() const;
  absl::StatusOr<std::string> string_or(const std::string& key, const std::string& fallback) const;
  absl::StatusOr<bool> bool_or(const std::string& key, bool fallback) const;
  absl::StatusOr<int64_t> int_or(const std::string& key, int64_t fallback) const;

  // "<file>: <path>: <what>".
  absl::Status error(const std::string& what) const;
  absl::Status unsupported(const std::string& what) const;

 private:
  absl::Status wrong_type(const char* expected) const;
  const nlohmann::json* json_;
  std::string file_;
  std::string path_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_JSON_FIELD_H_
