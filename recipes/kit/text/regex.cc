#include "recipes/kit/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/utf8.h"

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

// What may fail or run away while matching, or reach outside of the pattern, is refused here: recursion and
// calls of groups, callouts, verbs, conditions, \\C (half a character). Only plain groups, look-arounds,
// named groups and flags are taken; neither comments nor quoting, which rewrite() does not know. Classes are
// not told apart from the rest, so that no quoting or comment can hide a group: "(?" and "(*" in a class must
// be written with a backslash.
absl::Status check_constructs(std::string_view pattern) {
  const auto refuse = [&](size_t at, size_t length) {
    return absl::InvalidArgumentError(absl::StrCat("regex: `", std::string(pattern.substr(at, length)),
                                                   "` at offset ", at, " is not supported, in `",
                                                   excerpt(pattern), "`"));
  };
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      const std::string_view next = pattern.substr(i + 1, 2);
      if (std::string_view("CcQ").find(next.substr(0, 1)) != std::string_view::npos) return refuse(i, 2);
      if (next == "g<" || next == "g'") return refuse(i, 3);
      ++i;
    } else if (pattern[i] == '(' && pattern.substr(i + 1, 1) == "*") {
      return refuse(i, 2);
    } else if (pattern[i] == '(' && pattern.substr(i + 1, 1) == "?") {
      size_t at = i + 2;
      while (at < pattern.size() && std::string_view("imsnJU^-").find(pattern[at]) != std::string_view::npos)
        ++at;
      const char c = at < pattern.size() ? pattern[at] : '\0';
      const bool flags = at > i + 2;
      const bool known = flags ? c == ':' || c == ')'
                               : std::string_view(":=!>|<'").find(c) != std::string_view::npos ||
                                     pattern.substr(at, 2) == "P<" || pattern.substr(at, 2) == "P=";
      if (!known) return refuse(i, 3);
    }
  }
  return absl::OkStatus();
}

// Generous for a real pattern on the short texts of try_out, little for one that backtracks without end.
constexpr uint32_t kTrialMatchLimit = 200000;
// Of PCRE2's interpreter, which takes over where the stack of compiled code ends.
constexpr uint32_t kHeapKibibytes = 1 << 18;

struct FreeMatchContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
using MatchContext = std::unique_ptr<pcre2_match_context, FreeMatchContext>;

MatchContext make_context(uint32_t match_limit) {
  MatchContext context(pcre2_match_context_create(nullptr));
  pcre2_set_heap_limit(context.get(), kHeapKibibytes);
  if (match_limit > 0) pcre2_set_match_limit(context.get(), match_limit);
  return context;
}

struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

}  // namespace

absl::StatusOr<Regex> Regex::compile(std::string_view pattern) {
  if (const absl::Status status = check_constructs(pattern); !status.ok()) return status;
  const std::string rewritten = rewrite(pattern);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(rewritten.data()), rewritten.size(),
                                   PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &offset, nullptr);
  if (code == nullptr) {
    unsigned char message[256];
    pcre2_get_error_message(error, message, sizeof(message));
    return absl::InvalidArgumentError(absl::StrCat("regex: ", reinterpret_cast<const char*>(message),
                                                   " at offset ", offset, " of `", excerpt(rewritten), "`"));
  }
  Regex regex;
  regex.pattern_ = std::string(pattern);
  regex.jit_ = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
  regex.code_ = std::shared_ptr<const void>(
      code, [](const void* p) { pcre2_code_free(static_cast<pcre2_code*>(const_cast<void*>(p))); });
  if (const absl::Status status = regex.try_out(); !status.ok()) return status;
  return regex;
}

absl::Status Regex::try_out() const {
  std::string named;
  for (int c = 1; c < 0x80; ++c) {
    if (pattern_.find(static_cast<char>(c)) != std::string::npos) named += static_cast<char>(c);
  }
  std::vector<std::string> texts;
  const auto add = [&](std::string_view unit) {
    std::string text;
    while (text.size() < 48) text += unit;
    // What the pattern needs stands behind a break: otherwise PCRE2 sees at once that nothing can match.
    texts.push_back(text + '\x01' + named);
  };
  for (const char& c : named) add(std::string_view(&c, 1));
  for (const char* unit : {"a", "A", "aB ", " ", "1", ".", "\n", " \r\n", "'s", "\xC3\xA9", "\xE4\xB8\xAD",
                           "e\xCC\x81", "a1 .\n"}) {
    add(unit);
  }
  std::vector<Span> matches;
  for (const std::string& text : texts) {
    matches.clear();
    const absl::Status status =
        find_all(text, {0, static_cast<uint32_t>(text.size())}, kTrialMatchLimit, &matches);
    if (status.ok()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("regex: backtracks without end on `", excerpt(text.substr(0, 12)),
                     "...`: ", std::string(status.message()), ", in `", excerpt(pattern_), "`"));
  }
  return absl::OkStatus();
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
  return find_all(text, range, 0, matches);
}

absl::Status Regex::find_all(std::string_view text, Span range, uint32_t match_limit,
                             std::vector<Span>* matches) const {
  static const pcre2_match_context* const usual = make_context(0).release();  // PCRE2's limit
  const MatchContext limited = match_limit > 0 ? make_context(match_limit) : nullptr;
  auto* context = const_cast<pcre2_match_context*>(limited ? limited.get() : usual);  // only read
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  const std::unique_ptr<pcre2_match_data, FreeMatchData> data(pcre2_match_data_create(1, nullptr));
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data()) + range.begin;
  const PCRE2_SIZE length = range.end - range.begin;
  const PCRE2_SIZE* match = pcre2_get_ovector_pointer(data.get());
  PCRE2_SIZE at = 0;
  while (at < length) {
    // The UTF check of the whole subject would make this loop quadratic; the caller vouches for the range.
    int rc = PCRE2_ERROR_JIT_STACKLIMIT;
    if (jit_) rc = pcre2_jit_match(code, subject, length, at, PCRE2_NO_UTF_CHECK, data.get(), context);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {
      rc = pcre2_match(code, subject, length, at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data.get(), context);
    }
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
