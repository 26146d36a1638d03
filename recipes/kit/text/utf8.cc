#include "recipes/kit/text/utf8.h"

#include <cstring>

namespace roux::kit {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// Range of the second byte that a lead byte allows (Unicode standard, table 3-7); need = 0 for a byte that
// can't lead.
struct Lead {
  int need;
  unsigned char low, high;
};

Lead lead_of(unsigned char byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

DecodedChar decode_utf8(std::string_view text, size_t position) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data()) + position;
  const size_t left = text.size() - position;
  const unsigned char first = bytes[0];
  if (first < 0x80) return {first, 1, true};
  const Lead lead = lead_of(first);
  if (lead.need == 0 || left < 2 || bytes[1] < lead.low || bytes[1] > lead.high)
    return {kReplacement, 1, false};
  if (lead.need == 2) return {static_cast<char32_t>((first & 0x1F) << 6 | (bytes[1] & 0x3F)), 2, true};
  if (left < 3 || !is_continuation(bytes[2])) return {kReplacement, 2, false};
  if (lead.need == 3) {
    return {static_cast<char32_t>((first & 0x0F) << 12 | (bytes[1] & 0x3F) << 6 | (bytes[2] & 0x3F)), 3,
            true};
  }
  if (left < 4 || !is_continuation(bytes[3])) return {kReplacement, 3, false};
  return {static_cast<char32_t>((first & 0x07) << 18 | (bytes[1] & 0x3F) << 12 | (bytes[2] & 0x3F) << 6 |
                                (bytes[3] & 0x3F)),
          4, true};
}

void append_utf8(char32_t c, std::string* out) {
  if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) c = kReplacement;
  if (c < 0x80) {
    out->push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out->push_back(static_cast<char>(0xC0 | c >> 6));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | c >> 12));
    out->push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else {
    out->push_back(static_cast<char>(0xF0 | c >> 18));
    out->push_back(static_cast<char>(0x80 | (c >> 12 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

size_t valid_utf8_prefix(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    uint64_t word;  // ASCII runs are checked eight bytes at a time
    while (i + 8 <= text.size() &&
           (std::memcpy(&word, text.data() + i, 8), (word & 0x8080808080808080u) == 0)) {
      i += 8;
    }
    if (i == text.size()) break;
    const DecodedChar c = decode_utf8(text, i);
    if (!c.valid) return i;
    i += c.length;
  }
  return i;
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (true) {
    const size_t good = valid_utf8_prefix(text);
    out.append(text.substr(0, good));
    if (good == text.size()) return out;
    append_utf8(kReplacement, &out);
    text.remove_prefix(good + decode_utf8(text, good).length);
  }
}

size_t incomplete_utf8_suffix(std::string_view text) {
  for (size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if (is_continuation(byte)) continue;
    const Lead lead = lead_of(byte);
    if (lead.need <= static_cast<int>(back)) return 0;
    const DecodedChar c = decode_utf8(text, text.size() - back);
    return !c.valid && c.length == static_cast<int>(back) ? back : 0;
  }
  return 0;
}

std::string excerpt(std::string_view text) {
  constexpr size_t kMaxBytes = 200;
  if (text.size() <= kMaxBytes) return std::string(text);
  const std::string_view head = text.substr(0, kMaxBytes);
  return std::string(head.substr(0, kMaxBytes - incomplete_utf8_suffix(head))) + "...";
}

size_t count_chars(std::string_view text) {
  size_t count = 0;
  for (size_t i = 0; i < text.size(); ++count) i += decode_utf8(text, i).length;
  return count;
}

}  // namespace roux::kit
