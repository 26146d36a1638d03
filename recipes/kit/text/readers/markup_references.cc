// References to characters: &name; and &#number; of markup.h.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/readers/entities.h"
#include "recipes/kit/text/readers/markup.h"
#include "recipes/kit/text/readers/markup_characters.h"
#include "recipes/kit/text/utf8.h"

namespace roux::kit {

using namespace markup;  // NOLINT(google-build-using-namespace): the classes of characters
namespace {

constexpr size_t kEntityBytes = 32;  // the longest name or number that can mean something

// What browsers take the numbers 128 to 159 for: Windows-1252.
constexpr char32_t kWindows1252[] = {0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                     0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,
                                     0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                     0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

}  // namespace

// After '&'.
absl::Status MarkupReader::read_entity(std::string* out, bool in_attribute) {
  if (bytes_->peek() == '#') return read_number(out);
  const int64_t start = bytes_->offset() - 1;
  std::string body;
  while (body.size() < kEntityBytes && is_alphanumeric(bytes_->peek()))
    body.push_back(static_cast<char>(bytes_->get()));
  const bool ended = bytes_->peek() == ';';
  if (const Entity* entity = ended ? find_entity(body) : nullptr) {
    bytes_->get();
    out->append(entity->text);
    return absl::OkStatus();
  }
  if (syntax_ == kXml)
    return damaged(name(), start, absl::StrCat("unknown entity '&", body, ended ? ";'" : "'"));
  // Browsers know some names without the semicolon, and take the longest.
  for (size_t length = body.size(); length > 0; --length) {
    const Entity* entity = find_entity(std::string_view(body).substr(0, length));
    if (entity == nullptr || !entity->legacy) continue;
    const int after = length < body.size() ? body[length] : bytes_->peek();
    if (in_attribute && (after == '=' || is_alphanumeric(after))) break;  // "?a=1&copy=2" is an address
    out->append(entity->text);
    out->append(body, length);
    return absl::OkStatus();
  }
  out->push_back('&');
  out->append(body);
  return absl::OkStatus();
}

// After '&', at '#'.
absl::Status MarkupReader::read_number(std::string* out) {
  const int64_t start = bytes_->offset() - 1;
  std::string seen = "&#";
  bytes_->get();
  const bool hex = bytes_->peek() == 'x' || (bytes_->peek() == 'X' && syntax_ == kHtml);
  if (hex) seen.push_back(static_cast<char>(bytes_->get()));
  uint32_t value = 0;
  bool any = false;
  for (;; any = true) {
    const int c = bytes_->peek();
    const int small = c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
    if (!(c >= '0' && c <= '9') && !(hex && small >= 'a' && small <= 'f')) break;
    bytes_->get();
    const auto digit = static_cast<uint32_t>(c <= '9' ? c - '0' : small - 'a' + 10);
    value = std::min<uint32_t>(value * (hex ? 16 : 10) + digit, 0x110000);
  }
  const bool ended = bytes_->peek() == ';';
  if (syntax_ == kXml) {
    const bool control = value < 0x20 && value != '\t' && value != '\n' && value != '\r';
    if (!any || !ended || control || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
      return damaged(name(), start, "this is no reference to a character");
    }
  } else if (!any) {
    out->append(seen);
    return absl::OkStatus();
  } else if (value >= 0x80 && value < 0xA0) {
    value = kWindows1252[value - 0x80];
  }
  if (ended) bytes_->get();
  append_utf8(value == 0 ? 0xFFFD : value, out);
  return absl::OkStatus();
}

}  // namespace roux::kit
