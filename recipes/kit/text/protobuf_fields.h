// The fields of a serialized protobuf message, without its schema.
#ifndef ROUX_RECIPES_KIT_TEXT_PROTOBUF_FIELDS_H_
#define ROUX_RECIPES_KIT_TEXT_PROTOBUF_FIELDS_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace roux::kit {

struct ProtobufField {
  uint64_t number = 0;
  uint64_t value = 0;      // of a varint
  std::string_view bytes;  // of all other kinds; a fixed number's are little-endian
};

// Format: https://protobuf.dev/programming-guides/encoding. `message` must outlive the reader.
class ProtobufFields {
 public:
  explicit ProtobufFields(std::string_view message) : message_(message) {}
  // False at the end, and where the message is damaged or has a group (the old kind of nesting).
  bool next(ProtobufField* field);
  bool at_end() const { return at_ == message_.size(); }

 private:
  uint64_t varint();
  std::string_view message_;
  size_t at_ = 0;
};

// Appends one field.
void append_varint_field(uint64_t number, uint64_t value, std::string* message);
void append_float_field(uint64_t number, float value, std::string* message);
void append_bytes_field(uint64_t number, std::string_view bytes, std::string* message);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_PROTOBUF_FIELDS_H_
