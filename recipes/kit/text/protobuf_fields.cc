#include "recipes/kit/text/protobuf_fields.h"

#include <cstring>

namespace roux::kit {
namespace {

enum Kind : uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void append_varint(uint64_t value, std::string* message) {
  while (value > 0x7F) {
    message->push_back(static_cast<char>((value & 0x7F) | 0x80));
    value >>= 7;
  }
  message->push_back(static_cast<char>(value));
}

}  // namespace

uint64_t ProtobufFields::varint() {
  uint64_t number = 0;
  for (int shift = 0; at_ < message_.size() && shift < 64; shift += 7) {
    const auto byte = static_cast<unsigned char>(message_[at_++]);
    number |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) break;
  }
  return number;
}

bool ProtobufFields::next(ProtobufField* field) {
  if (at_end()) return false;
  const size_t begin = at_;
  const uint64_t key = varint();
  *field = {key >> 3, 0, {}};
  uint64_t size = 0;
  switch (key & 7) {
    case kVarint:
      field->value = varint();
      return true;
    case kFixed64:
      size = 8;
      break;
    case kBytes:
      size = varint();
      break;
    case kFixed32:
      size = 4;
      break;
    default:
      at_ = begin;
      return false;
  }
  if (size > message_.size() - at_) {
    at_ = begin;
    return false;
  }
  field->bytes = message_.substr(at_, size);
  at_ += size;
  return true;
}

void append_varint_field(uint64_t number, uint64_t value, std::string* message) {
  append_varint(number << 3 | kVarint, message);
  append_varint(value, message);
}

void append_float_field(uint64_t number, float value, std::string* message) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  append_varint(number << 3 | kFixed32, message);
  for (int shift = 0; shift < 32; shift += 8) message->push_back(static_cast<char>(bits >> shift));
}

void append_bytes_field(uint64_t number, std::string_view bytes, std::string* message) {
  append_varint(number << 3 | kBytes, message);
  append_varint(bytes.size(), message);
  message->append(bytes.data(), bytes.size());
}

}  // namespace roux::kit
