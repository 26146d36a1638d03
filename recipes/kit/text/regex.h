// Unicode regular expressions over PCRE2, written as tokenizer files write them (Oniguruma, Rust, Python
// `regex`). A compiled Regex is immutable and may be used from several threads.
//
// `\s` and `\w` mean what they mean in those engines (White_Space; UTS 18); PCRE2's own differ, so they are
// rewritten before compiling. Property tables are PCRE2's (Unicode 14 in Debian 12): characters assigned
// later count as unassigned.
#ifndef ROUX_RECIPES_KIT_TEXT_REGEX_H_
#define ROUX_RECIPES_KIT_TEXT_REGEX_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace roux::kit {

// Half-open byte range.
struct Span {
  uint32_t begin = 0;
  uint32_t end = 0;
  friend bool operator==(const Span&, const Span&) = default;
};

class Regex {
 public:
  // An invalid pattern is InvalidArgument with PCRE2's message and the offset in the (rewritten) pattern. So
  // is one that could fail while matching: recursion, calls of groups, callouts, verbs `(*...)`, conditions,
  // `\C` (also `\c`, `\Q`, comments and the flag x, which no tokenizer file uses), and what backtracks
  // without end on 48 bytes. Patterns that are merely slow on longer texts can still meet find_all's limits.
  static absl::StatusOr<Regex> compile(std::string_view pattern);
  // A pattern that matches `text` itself.
  static absl::StatusOr<Regex> compile_literal(std::string_view text);

  // Appends the non-empty matches inside text[range], leftmost first and not overlapping. Text outside the
  // range is invisible to the pattern. The range must hold valid UTF-8 (not checked). Linear in the text for
  // patterns without nested repeats; a match that exceeds PCRE2's limits ends the list early and returns
  // ResourceExhausted.
  absl::Status find_all(std::string_view text, Span range, std::vector<Span>* matches) const;

  const std::string& pattern() const { return pattern_; }

 private:
  Regex() = default;
  // Runs the pattern over each character that it names, many times, and over what makes text: patterns that
  // backtrack without end do it here, where the error still has a file.
  absl::Status try_out() const;
  absl::Status find_all(std::string_view text, Span range, uint32_t match_limit,
                        std::vector<Span>* matches) const;
  std::string pattern_;
  std::shared_ptr<const void> code_;  // pcre2_code
  bool jit_ = false;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_REGEX_H_
