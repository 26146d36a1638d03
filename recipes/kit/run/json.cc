#include "recipes/kit/run/json.h"

#include <charconv>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "recipes/kit/text/printable.h"

namespace roux::kit {
namespace {

template <class T>
std::string shortest(T value) {
  if (!std::isfinite(value)) return "null";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return std::string(buffer, end);
}

}  // namespace

std::string json_number(double value) { return shortest(value); }
std::string to_json(float value) { return shortest(value); }

std::string json_quote(absl::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    const auto first = static_cast<unsigned char>(text[0]);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else if (first == '"' || first == '\\') {
      out += '\\';
      out += static_cast<char>(first);
    } else if (first == '\n') {
      out += "\\n";
    } else if (first < 0x20) {
      out += absl::StrFormat("\\u%04x", first);
    } else {
      out.append(text.data(), length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out + "\"";
}

std::string json_list(const std::vector<std::string>& values) {
  return absl::StrCat("[", absl::StrJoin(values, ","), "]");
}

JsonObject& JsonObject::add_raw(absl::string_view key, absl::string_view value) {
  fields_.push_back(absl::StrCat(json_quote(key), ":", value));
  return *this;
}

std::string JsonObject::text(Style style, int indent) const {
  if (style == kCompact || fields_.empty()) return absl::StrCat("{", absl::StrJoin(fields_, ","), "}");
  const std::string pad(static_cast<size_t>(indent) + 2, ' ');
  return absl::StrCat("{\n", pad, absl::StrJoin(fields_, absl::StrCat(",\n", pad)), "\n",
                      std::string(static_cast<size_t>(indent), ' '), "}");
}

}  // namespace roux::kit
