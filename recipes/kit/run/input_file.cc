#include "recipes/kit/run/input_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "recipes/kit/data/sha256.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/run/shell_quote.h"
#include "recipes/kit/text/utf8.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return S_ISREG(mode) ? "a file" : "a device";
}

absl::Status bad_input(absl::string_view flag, const std::string& path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(flag, "=", path, ": ", what));
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 && std::strchr("\t\n\v\f\r\x1b", c) == nullptr;
}

// UTF-16 without its mark: in text of Latin letters every other byte is 0.
bool looks_like_utf16(absl::string_view text) {
  int64_t zeros[2] = {0, 0};
  const size_t sample = std::min<size_t>(text.size(), 4096) / 2 * 2;
  for (size_t i = 0; i < sample; ++i) zeros[i % 2] += text[i] == '\0' ? 1 : 0;
  const auto half = static_cast<int64_t>(sample / 2);
  return half > 0 && std::max(zeros[0], zeros[1]) * 10 >= half * 7 &&
         std::min(zeros[0], zeros[1]) * 10 <= half;
}

std::string convert_from(const char* encoding, const std::string& path) {
  return absl::StrCat("; to convert it: iconv -f ", encoding, " -t UTF-8 ", shell_quote(path), " > text.txt");
}

}  // namespace

absl::Status check_utf8_text(absl::string_view text, const std::string& path) {
  const auto refuse = [&](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": UTF-8 text is needed, this ", what));
  };
  if (absl::StartsWith(text, absl::string_view("\xFF\xFE\0\0", 4)))
    return refuse("is UTF-32" + convert_from("UTF-32", path));
  if (absl::StartsWith(text, "\xFF\xFE") || absl::StartsWith(text, "\xFE\xFF"))
    return refuse("is UTF-16" + convert_from("UTF-16", path));
  const size_t zero = text.find('\0');
  if (zero != absl::string_view::npos) {
    if (looks_like_utf16(text)) {
      return refuse("looks like UTF-16" + convert_from(zero % 2 == 1 ? "UTF-16LE" : "UTF-16BE", path));
    }
    return refuse(absl::StrCat("is binary (a zero at byte ", zero, ")"));
  }
  const size_t valid = valid_utf8_prefix(std::string_view(text.data(), text.size()));
  if (valid == text.size()) return absl::OkStatus();
  const auto is_wide = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
  const bool has_characters =
      std::any_of(text.begin(), text.begin() + static_cast<ptrdiff_t>(valid), is_wide);
  if (has_characters &&
      valid + incomplete_utf8_suffix(std::string_view(text.data(), text.size())) == text.size()) {
    return refuse(absl::StrCat("ends inside a character: it was cut; to drop the rest of that: head -c ",
                               valid, " ", shell_quote(path), " > text.txt"));
  }
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(valid), '\n');
  const std::string where = absl::StrFormat("has the byte 0x%02x at offset %d, line %d",
                                            static_cast<unsigned char>(text[valid]), valid, line);
  const auto controls = std::count_if(text.begin(), text.end(), is_control);
  if (static_cast<size_t>(controls) * 1000 > text.size()) return refuse(where + "; it looks binary");
  return refuse(where + "; it may be Latin-1" + convert_from("LATIN1", path));
}

absl::StatusOr<InputFile> inspect_input(absl::string_view flag, const std::string& path, InputKind kind) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) {
    if (kind == InputKind::kAny && errno == ENOENT && !absl::StrContains(path, '/')) return InputFile{};
    return absl::ErrnoToStatus(errno, absl::StrCat(flag, "=", path));
  }
  const bool folders = kind == InputKind::kAny || kind == InputKind::kPaths;
  if (folders && S_ISDIR(info.st_mode)) return InputFile{};
  if (!S_ISREG(info.st_mode)) {
    return bad_input(flag, path, absl::StrCat("is ", kind_of(info.st_mode), ", a regular file is needed"));
  }
  if (info.st_size == 0) return bad_input(flag, path, "is empty");
  const auto with_flag = [&](const absl::Status& status) {
    return absl::Status(status.code(), absl::StrCat(flag, "=", status.message()));
  };
  if (kind == InputKind::kText) {
    const absl::StatusOr<std::string> text = read_text(path);
    if (!text.ok()) return with_flag(text.status());
    const absl::Status encoding = check_utf8_text(*text, path);
    if (!encoding.ok()) return with_flag(encoding);
  }
  const absl::StatusOr<std::string> hash = sha256_of_file(path);
  if (!hash.ok()) return with_flag(hash.status());
  return InputFile{*hash, info.st_size};
}

}  // namespace roux::kit
