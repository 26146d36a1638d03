#include "recipes/kit/text/readers/mo.h"

#include <iconv.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "recipes/kit/text/printable.h"
#include "recipes/kit/text/readers/byte_source.h"
#include "recipes/kit/text/readers/gzip.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr uint32_t kMagic = 0x950412DE;
constexpr int64_t kHeaderBytes = 28;

uint32_t load(const char* at, bool swapped) {  // the file is little-endian unless swapped
  const auto* b = reinterpret_cast<const unsigned char*>(at);
  return swapped ? uint32_t{b[0]} << 24 | uint32_t{b[1]} << 16 | uint32_t{b[2]} << 8 | b[3]
                 : uint32_t{b[3]} << 24 | uint32_t{b[2]} << 16 | uint32_t{b[1]} << 8 | b[0];
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_length(absl::string_view(text.data(), text.size()));
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

absl::StatusOr<MoCatalog> MoCatalog::open(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, open_source(path));
  ROUX_ASSIGN_OR_RETURN(std::string bytes, read_all(*source, kMaxBytes));
  return parse(std::move(bytes), path);
}

absl::StatusOr<MoCatalog> MoCatalog::parse(std::string bytes, std::string name) {
  MoCatalog catalog;
  catalog.name_ = std::move(name);
  catalog.bytes_ = std::move(bytes);
  const int64_t size = static_cast<int64_t>(catalog.bytes_.size());
  if (size < kHeaderBytes) {
    return damaged(catalog.name_, size,
                   absl::StrCat("the file ends inside its header of ", kHeaderBytes, " bytes"));
  }
  catalog.swapped_ = load(catalog.bytes_.data(), true) == kMagic;
  if (catalog.word(0) != kMagic) {
    return damaged(catalog.name_, 0,
                   absl::StrFormat("magic number is %08x, not that of a .mo file", catalog.word(0)));
  }
  const uint32_t major = catalog.word(4) >> 16;
  if (major > 1) {
    return absl::UnimplementedError(
        absl::StrCat(catalog.name_, ": byte 4: .mo revision ", major, ", known are 0 and 1"));
  }
  catalog.count_ = catalog.word(8);
  catalog.ids_ = catalog.word(12);
  catalog.translations_ = catalog.word(16);
  ROUX_RETURN_IF_ERROR(catalog.check_table(catalog.ids_, "keys"));
  ROUX_RETURN_IF_ERROR(catalog.check_table(catalog.translations_, "translations"));
  const std::string type = catalog.header("Content-Type");
  const size_t at = type.find("charset=");
  if (at != std::string::npos) {
    const std::string charset = type.substr(at + 8, type.find_first_of("; \t", at) - at - 8);
    if (!absl::EqualsIgnoreCase(charset, "utf-8") && !absl::EqualsIgnoreCase(charset, "us-ascii") &&
        !absl::EqualsIgnoreCase(charset, "ascii")) {
      ROUX_RETURN_IF_ERROR(catalog.convert(charset));
    }
  }
  return catalog;
}

// Makes the catalogue one in UTF-8: same entries, strings one behind the other.
absl::Status MoCatalog::convert(const std::string& charset) {
  // An alias of glibc's may hold options behind slashes: names only.
  const bool plain = std::all_of(charset.begin(), charset.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  });
  const auto converter = plain && !charset.empty() ? iconv_open("UTF-8", charset.c_str()) : iconv_t(-1);
  if (converter == iconv_t(-1)) {
    return absl::UnimplementedError(
        absl::StrCat(name_, ": character set '", charset.substr(0, 100), "' is not known"));
  }
  const absl::Cleanup close = [&] { iconv_close(converter); };
  const int64_t tables = 16 * count_;
  std::string converted(kHeaderBytes + tables, '\0');
  const auto store = [&](int64_t at, size_t value) {
    for (int i = 0; i < 4; ++i) converted[at + i] = static_cast<char>(value >> 8 * i & 0xFF);
  };
  for (int64_t i = 0; i < 2 * count_; ++i) {
    const int64_t table = i < count_ ? ids_ : translations_;
    const std::string_view text = string_at(table, i % count_);
    std::string out(4 * text.size() + 16, '\0');  // no character of another set takes more in UTF-8
    char *from = const_cast<char*>(text.data()), *to = out.data();
    size_t from_left = text.size(), to_left = out.size();
    iconv(converter, nullptr, nullptr, nullptr, nullptr);
    if (iconv(converter, &from, &from_left, &to, &to_left) == static_cast<size_t>(-1)) {
      return damaged(name_, from - bytes_.data(), absl::StrCat("this is not ", charset));
    }
    store(kHeaderBytes + 8 * i, out.size() - to_left);
    store(kHeaderBytes + 8 * i + 4, converted.size());
    converted.append(out, 0, out.size() - to_left);
    converted.push_back('\0');
    if (static_cast<int64_t>(converted.size()) > 4 * kMaxBytes) {
      return absl::ResourceExhaustedError(absl::StrCat(name_, ": is too long in UTF-8"));
    }
  }
  bytes_ = std::move(converted);
  swapped_ = false;
  ids_ = kHeaderBytes;
  translations_ = kHeaderBytes + 8 * count_;
  return absl::OkStatus();
}

uint32_t MoCatalog::word(int64_t offset) const { return load(bytes_.data() + offset, swapped_); }

// Every string of a table lies in the file and ends with a zero. Together they may be twice as long as the
// file: gettext shares the ends of strings, a hostile file would make a few bytes look like terabytes.
absl::Status MoCatalog::check_table(int64_t table, const char* what) const {
  const int64_t size = static_cast<int64_t>(bytes_.size());
  if (table > size || count_ > (size - table) / 8) {
    return damaged(name_, table,
                   absl::StrCat("the table of ", count_, " ", what, " does not fit into ", size, " bytes"));
  }
  int64_t total = 0;
  for (int64_t i = 0; i < count_; ++i) {
    const int64_t entry = table + 8 * i;
    const int64_t length = word(entry);
    const int64_t offset = word(entry + 4);
    if (offset + length >= size) {
      return damaged(name_, entry,
                     absl::StrCat("string ", i, " of the ", what, " (", length, " bytes at ", offset,
                                  ") does not fit into ", size, " bytes"));
    }
    if (bytes_[offset + length] != '\0') {
      return damaged(name_, offset + length,
                     absl::StrCat("string ", i, " of the ", what, " does not end with zero"));
    }
    total += length;
    if (total > 2 * size) {
      return damaged(name_, entry,
                     absl::StrCat("the ", what, " overlap: together longer than twice the file"));
    }
  }
  return absl::OkStatus();
}

std::string_view MoCatalog::string_at(int64_t table, int64_t i) const {
  return std::string_view(bytes_).substr(word(table + 8 * i + 4), word(table + 8 * i));
}

absl::StatusOr<MoEntry> MoCatalog::entry(int64_t i) const {
  ROUX_CHECK(i >= 0 && i < count_) << "mo_catalog: entry out of range: i is " << i << ", " << name_ << " has "
                                   << count_;
  MoEntry entry;
  std::string_view key = string_at(ids_, i);
  std::string_view text = string_at(translations_, i);
  if (!is_utf8(key) || !is_utf8(text)) {
    return damaged(name_, word((is_utf8(key) ? translations_ : ids_) + 8 * i + 4),
                   absl::StrCat("string ", i, " is not UTF-8"));
  }
  const size_t context = key.find('\x04');
  if (context != std::string_view::npos) {
    entry.context = key.substr(0, context);
    key.remove_prefix(context + 1);
  }
  const size_t zero = key.find('\0');
  entry.id = key.substr(0, zero);
  if (zero == std::string_view::npos) {
    entry.translations.push_back(text);
    return entry;
  }
  entry.id_plural = key.substr(zero + 1);
  for (;;) {
    const size_t end = text.find('\0');
    entry.translations.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return entry;
    text.remove_prefix(end + 1);
  }
}

std::string MoCatalog::header(const std::string& field) const {
  for (int64_t i = 0; i < count_; ++i) {
    if (!string_at(ids_, i).empty()) continue;
    std::string_view rest = string_at(translations_, i);
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      if (line.size() <= field.size() || line[field.size()] != ':') continue;
      const absl::string_view start(line.data(), field.size());
      if (!absl::EqualsIgnoreCase(start, field)) continue;
      const std::string_view value = line.substr(field.size() + 1);
      return std::string(absl::StripAsciiWhitespace(absl::string_view(value.data(), value.size())));
    }
    break;
  }
  return "";
}

}  // namespace roux::kit
