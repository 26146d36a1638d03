// A JSON value to look into, without a JSON library in the header.
//
//   ROUX_ASSIGN_OR_RETURN(JsonValue value, parse_json_value(text, "line 3", {}));
//   const JsonValue* question = value.find("question");
//   if (question != nullptr && question->is_string()) use(question->string());
//
// Integers that fit into int64_t stay exact; all other numbers are doubles. Members keep their order.
#ifndef ROUX_TENSOR_IO_JSON_VALUE_H_
#define ROUX_TENSOR_IO_JSON_VALUE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

namespace roux {

class JsonValue {
 public:
  using Items = std::vector<JsonValue>;
  using Members = std::vector<std::pair<std::string, JsonValue>>;

  JsonValue() = default;  // null
  explicit JsonValue(bool value) : data_(value) {}
  explicit JsonValue(int64_t value) : data_(value) {}
  explicit JsonValue(double value) : data_(value) {}
  explicit JsonValue(std::string value) : data_(std::move(value)) {}
  explicit JsonValue(Items value) : data_(std::move(value)) {}
  explicit JsonValue(Members value) : data_(std::move(value)) {}

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  bool is_integer() const { return std::holds_alternative<int64_t>(data_); }
  bool is_number() const { return is_integer() || std::holds_alternative<double>(data_); }
  bool is_string() const { return std::holds_alternative<std::string>(data_); }
  bool is_array() const { return std::holds_alternative<Items>(data_); }
  bool is_object() const { return std::holds_alternative<Members>(data_); }
  const char* type_name() const;  // "null", "bool", "number", "string", "array", "object"

  // Each throws Error when the value is of another type.
  bool boolean() const;
  int64_t integer() const;
  double number() const;
  const std::string& string() const;
  const Items& items() const;
  const Members& members() const;
  Items& items();
  Members& members();

  // The member of an object; null pointer when it is missing or this is no object. The last one if a key
  // repeats.
  const JsonValue* find(std::string_view key) const;

  // Where the value stands in the parsed text: the byte at which its first token ends (for a number, the one
  // behind it). For messages.
  int64_t offset() const { return offset_; }
  void set_offset(int64_t offset) { offset_ = offset; }

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, Items, Members> data_;
  int64_t offset_ = 0;
};

struct JsonLimits {
  int max_depth = 128;
  int64_t max_values = 1 << 22;  // of one text, keys included: a value costs up to 100 bytes of memory
  bool unique_keys = false;      // a key that repeats in its object is an error
};

// Parses one text (RFC 8259, UTF-8). InvalidArgument "<where>: byte N: <what>" for anything else;
// ResourceExhausted above a limit.
absl::StatusOr<JsonValue> parse_json_value(std::string_view text, const std::string& where,
                                           const JsonLimits& limits = {});

}  // namespace roux

#endif  // ROUX_TENSOR_IO_JSON_VALUE_H_
