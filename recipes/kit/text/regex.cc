#include "recipes/kit/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "absl/strings/str_cat.h"

namespace roux::kit {
namespace {

// White_Space without brackets, to stand inside or outside of a class.
constexpr std::string_view kSpaces =
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{"
    "3000}";

// \w of Unicode Technical Standard 18: Alphabetic, M, Nd, Pc, Join_Control. PCRE2's has L, N and the
// underscore.
constexpr std::string_view kWords =
    "\\p{L}\\p{Nl}\\p{M}\\p{Nd}\\p{Pc}\\x{200c}\\x{200d}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{1f150}-"
    "\\x{1f169}"
    "\\x{1f170}-\\x{1f189}";

// Rewrites \s, \S, \w and \W. A negated one inside a class can't be written as ranges of a class; it stays
// PCRE2's.
std::string rewrite(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char next = pattern[++i];
      if (next == 's' || next == 'w') {
        const std::string set(next == 's' ? kSpaces : kWords);
        out += in_class ? set : "[" + set + "]";
      } else if ((next == 'S' || next == 'W') && !in_class) {
        out += "[^" + std::string(next == 'S' ? kSpaces : kWords) + "]";
      } else {
        out += c;
        out += next;
      }
      continue;
    }
    out += c;
    if (!in_class && c == '[') {
      in_class = true;
      if (i + 1 < pattern.size() && pattern[i + 1] == '^') out += pattern[++i];
      if (i + 1 < pattern.size() && pattern[i + 1] == ']') out += pattern[++i];
    } else if (in_class && c == ']') {
      in_class = false;
    }
  }
  return out;
}

struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

}  // namespace

absl::StatusOr<Regex> Regex::compile(std::string_view pattern) {
  const std::string rewritten = rewrite(pattern);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(rewritten.data()), rewritten.size(),
                                   PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
  if (code == nullptr) {
    unsigned char message[256];
    pcre2_get_error_message(error, message, sizeof(message));
    return absl::InvalidArgumentError(absl::StrCat("regex: ", reinterpret_cast<const char*>(message),
                                                   " at offset ", offset, " of `", rewritten, "`"));
  }
  Regex regex;
  regex.pattern_ = std::string(pattern);
  regex.jit_ = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
  regex.code_ = std::shared_ptr<const void>(
      code, [](const void* p) { pcre2_code_free(static_cast<pcre2_code*>(const_cast<void*>(p))); });
  return regex;
}

absl::StatusOr<Regex> Regex::compile_literal(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x80 && !isalnum(static_cast<unsigned char>(c))) pattern += '\\';
    pattern += c;
  }
  return compile(pattern);
}

absl::Status Regex::find_all(std::string_view text, Span range, std::vector<Span>* matches) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  const std::unique_ptr<pcre2_match_data, FreeMatchData> data(pcre2_match_data_create(1, nullptr));
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data()) + range.begin;
  const PCRE2_SIZE length = range.end - range.begin;
  const PCRE2_SIZE* match = pcre2_get_ovector_pointer(data.get());
  PCRE2_SIZE at = 0;
  while (at < length) {
    // The UTF check of the whole subject would make this loop quadratic; the caller vouches for the range.
    const int rc = jit_ ? pcre2_jit_match(code, subject, length, at, PCRE2_NO_UTF_CHECK, data.get(), nullptr)
                        : pcre2_match(code, subject, length, at, PCRE2_NO_UTF_CHECK, data.get(), nullptr);
    if (rc == PCRE2_ERROR_NOMATCH) return absl::OkStatus();
    if (rc < 0) {
      return absl::ResourceExhaustedError(
          absl::StrCat("regex: matching stopped with PCRE2 error ", rc, " at byte ", range.begin + at));
    }
    // \K in a look-around can move the ends of a match anywhere; such a match is stepped over like an empty
    // one.
    if (match[0] >= at && match[1] > match[0]) {
      matches->push_back(
          {static_cast<uint32_t>(range.begin + match[0]), static_cast<uint32_t>(range.begin + match[1])});
      at = match[1];
    } else {  // an empty match: step over one character
      ++at;
      while (at < length && (subject[at] & 0xC0) == 0x80) ++at;
    }
  }
  return absl::OkStatus();
}

}  // namespace roux::kit
