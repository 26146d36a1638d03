#include "tensor/ops/on_behalf.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace roux {
namespace {

bool in_word(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

std::string with_names(absl::string_view text, const ArgumentNames& names) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && in_word(text[end])) ++end;
    const absl::string_view word = text.substr(at, end - at);
    const auto found =
        std::find_if(names.begin(), names.end(), [&](const auto& pair) { return pair.first == word; });
    absl::StrAppend(&result, found == names.end() ? word : found->second);
    if (end < text.size()) result += text[end];
    at = end + 1;
  }
  return result;
}

}  // namespace

std::string said_by(const char* op, const ArgumentNames& names, absl::string_view message) {
  size_t word = 0;
  while (word < message.size() && in_word(message[word])) ++word;
  if (absl::StartsWith(message.substr(word), ": no kernel for ")) return std::string(message);
  if (message.substr(word, 2) == ": ") message.remove_prefix(word + 2);  // else it names no op
  return absl::StrCat(op, ": ", with_names(message, names));
}

}  // namespace roux
