// JSON lines: one JSON value a line, streaming. Empty lines are skipped; the last line needs no newline.
//
//   ROUX_ASSIGN_OR_RETURN(JsonlReader reader, JsonlReader::open("BoolQ/dev.jsonl"));  // or .gz
//   for (;;) {
//     ROUX_ASSIGN_OR_RETURN(const bool more, reader.next());
//     if (!more) break;
//     ROUX_ASSIGN_OR_RETURN(const std::string question, reader.string_field("question"));
//   }
#ifndef ROUX_RECIPES_KIT_TEXT_READERS_JSONL_H_
#define ROUX_RECIPES_KIT_TEXT_READERS_JSONL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "recipes/kit/text/readers/byte_source.h"
#include "tensor/io/json_value.h"

namespace roux::kit {

struct JsonlOptions {
  int64_t max_line_bytes = int64_t{1} << 26;
  JsonLimits limits;
};

class JsonlReader {
 public:
  static absl::StatusOr<JsonlReader> open(const std::string& path, const JsonlOptions& options = {});
  static JsonlReader create(std::unique_ptr<ByteSource> source, const JsonlOptions& options = {});

  // Reads the next value; false at the end. Errors: "<path>: line L: byte N: ...", N within the line.
  absl::StatusOr<bool> next();
  const JsonValue& value() const { return value_; }
  const std::string& text() const { return line_; }  // as it stands in the file

  // Fields of the object in value(); errors name path, line and field: not an object, missing, of another
  // type.
  absl::StatusOr<std::string> string_field(const std::string& name) const;
  absl::StatusOr<double> number_field(const std::string& name) const;

  int64_t line_number() const { return lines_->line_number(); }

 private:
  explicit JsonlReader(std::unique_ptr<LineReader> lines, const JsonlOptions& options)
      : lines_(std::move(lines)), options_(options) {}
  std::string where() const;
  absl::StatusOr<const JsonValue*> field(const std::string& name) const;
  absl::Status wrong_type(const std::string& name, const JsonValue& value, const char* wanted) const;

  std::unique_ptr<LineReader> lines_;
  JsonlOptions options_;
  std::string line_;
  JsonValue value_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_READERS_JSONL_H_
