#include "recipes/kit/text/readers/jsonl.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/text/readers/gzip.h"
#include "tensor/error.h"

namespace roux::kit {

absl::StatusOr<JsonlReader> JsonlReader::open(const std::string& path, const JsonlOptions& options) {
  ROUX_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, open_source(path));
  return create(std::move(source), options);
}

JsonlReader JsonlReader::create(std::unique_ptr<ByteSource> source, const JsonlOptions& options) {
  return JsonlReader(std::make_unique<LineReader>(std::move(source), options.max_line_bytes), options);
}

std::string JsonlReader::where() const {
  return absl::StrCat(lines_->name(), ": line ", lines_->line_number());
}

absl::StatusOr<bool> JsonlReader::next() {
  for (;;) {
    ROUX_ASSIGN_OR_RETURN(const bool more, lines_->next(&line_));
    if (!more) return false;
    if (line_.find_first_not_of(" \t") != std::string::npos) break;
  }
  ROUX_ASSIGN_OR_RETURN(value_, parse_json_value(line_, where(), options_.limits));
  return true;
}

absl::StatusOr<const JsonValue*> JsonlReader::field(const std::string& name) const {
  if (!value_.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(where(), ": value is ", value_.type_name(),
                                                   ", an object with '", name, "' was expected"));
  }
  const JsonValue* found = value_.find(name);
  if (found == nullptr)
    return absl::NotFoundError(absl::StrCat(where(), ": object has no field '", name, "'"));
  return found;
}

absl::Status JsonlReader::wrong_type(const std::string& name, const JsonValue& value,
                                     const char* wanted) const {
  return absl::InvalidArgumentError(
      absl::StrCat(where(), ": field '", name, "' is ", value.type_name(), ", ", wanted, " was expected"));
}

absl::StatusOr<std::string> JsonlReader::string_field(const std::string& name) const {
  ROUX_ASSIGN_OR_RETURN(const JsonValue* const found, field(name));
  if (!found->is_string()) return wrong_type(name, *found, "a string");
  return found->string();
}

absl::StatusOr<double> JsonlReader::number_field(const std::string& name) const {
  ROUX_ASSIGN_OR_RETURN(const JsonValue* const found, field(name));
  if (!found->is_number()) return wrong_type(name, *found, "a number");
  return found->number();
}

}  // namespace roux::kit
