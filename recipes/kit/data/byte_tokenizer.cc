#include "recipes/kit/data/byte_tokenizer.h"

#include "absl/strings/str_format.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

// Length of the well-formed UTF-8 character at text[at], or 0. Rejects overlong forms, surrogates and >
// U+10FFFF.
size_t utf8_length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) -> unsigned {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const auto tail = [&](size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F)) return 0;
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if ((first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F)) return 0;
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

std::string printable(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    const size_t length = utf8_length(text, i);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\\') {
      out += "\\\\";
    } else if (length == 0 || c < 0x20 || c == 0x7F ||
               (c == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0)) {
      out += absl::StrFormat("\\x%02X", c);
      ++i;
      continue;
    } else {
      out.append(text.substr(i, length));
    }
    i += length;
  }
  return out;
}

}  // namespace

ByteTokenizer::ByteTokenizer(Options options) {
  if (options.bos) bos_ = vocab_size_++;
  if (options.eos) eos_ = vocab_size_++;
}

std::vector<int32_t> ByteTokenizer::encode(std::string_view text) const {
  std::vector<int32_t> ids(text.size());
  for (size_t i = 0; i < text.size(); ++i) ids[i] = static_cast<unsigned char>(text[i]);
  return ids;
}

std::vector<int32_t> ByteTokenizer::encode_document(std::string_view text) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size() + 2);
  if (bos_ != kNoToken) ids.push_back(bos_);
  for (char c : text) ids.push_back(static_cast<unsigned char>(c));
  if (eos_ != kNoToken) ids.push_back(eos_);
  return ids;
}

std::string ByteTokenizer::decode(absl::Span<const int32_t> ids) const {
  std::string text;
  text.reserve(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    ROUX_CHECK(ids[i] >= 0 && ids[i] < vocab_size_)
        << "byte_tokenizer: token out of range: ids[" << i << "] is " << ids[i] << ", the vocabulary has "
        << vocab_size_;
    if (ids[i] < 256) text.push_back(static_cast<char>(ids[i]));
  }
  return text;
}

std::string ByteTokenizer::display(absl::Span<const int32_t> ids) const {
  std::string out;
  size_t start = 0;
  for (size_t i = 0; i <= ids.size(); ++i) {
    const bool special = i < ids.size() && ids[i] >= 256;
    if (i < ids.size() && !special) continue;
    out += printable(decode(ids.subspan(start, i - start)));
    if (special) {
      decode(ids.subspan(i, 1));  // throws when the id is beyond the vocabulary
      out += ids[i] == bos_ ? "<bos>" : "<eos>";
    }
    start = i + 1;
  }
  return out;
}

}  // namespace roux::kit
