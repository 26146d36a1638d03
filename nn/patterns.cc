#include "nn/patterns.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "tensor/error.h"

namespace roux {
namespace {

constexpr int64_t kLongestRange = 100'000;
constexpr size_t kNamesShown = 5;

// The numbers of "4..7"; any other text is itself.
std::vector<std::string> numbers_of(absl::string_view text, const std::string& pattern) {
  if (!absl::StrContains(text, "..")) return {std::string(text)};
  const std::vector<absl::string_view> ends = absl::StrSplit(text, absl::MaxSplits("..", 1));
  int64_t first = 0, last = 0;
  ROUX_CHECK(absl::SimpleAtoi(ends[0], &first) && absl::SimpleAtoi(ends[1], &last) && 0 <= first &&
             first <= last && last - first < kLongestRange)
      << "patterns: {" << std::string(text) << "} in " << pattern << " is no range of numbers";
  std::vector<std::string> numbers;
  for (int64_t i = first; i <= last; ++i) numbers.push_back(absl::StrCat(i));
  return numbers;
}

// The patterns without braces that `rest`, a part of pattern, stands for.
std::vector<std::string> without_braces(absl::string_view rest, const std::string& pattern) {
  const size_t open = rest.find_first_of("{}");
  if (open == absl::string_view::npos) return {std::string(rest)};
  std::vector<absl::string_view> choices;
  size_t close = open, begin = open + 1;
  int depth = 0;
  for (; close < rest.size(); ++close) {
    depth += rest[close] == '{' ? 1 : (rest[close] == '}' ? -1 : 0);
    const bool ends = depth == 0, next = depth == 1 && rest[close] == ',';
    if (ends || next) {
      choices.push_back(rest.substr(begin, close - begin));
      begin = close + 1;
    }
    if (ends || depth < 0) break;
  }
  ROUX_CHECK(depth == 0 && close < rest.size()) << "patterns: the braces of " << pattern << " do not close";

  std::vector<std::string> out;
  const std::vector<std::string> tails = without_braces(rest.substr(close + 1), pattern);
  for (const absl::string_view choice : choices) {
    for (const std::string& part : without_braces(choice, pattern)) {
      for (const std::string& text : numbers_of(part, pattern)) {
        for (const std::string& tail : tails) out.push_back(absl::StrCat(rest.substr(0, open), text, tail));
      }
    }
  }
  return out;
}

// Whether a pattern of * and ? is the whole of name: at a mismatch the last * takes one character more.
bool matches_glob(absl::string_view glob, absl::string_view name) {
  size_t g = 0, n = 0, star = absl::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = n;
    } else if (g < glob.size() && (glob[g] == '?' || glob[g] == name[n])) {
      ++g, ++n;
    } else if (star != absl::string_view::npos) {
      g = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', g) == absl::string_view::npos;
}

bool matches_one(const std::vector<std::string>& globs, const std::string& name) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return matches_glob(glob, name); });
}

}  // namespace

bool matches(const Patterns& which, const std::string& name) {
  return std::any_of(which.begin(), which.end(), [&](const std::string& pattern) {
    return matches_one(without_braces(pattern, pattern), name);
  });
}

std::vector<bool> matching(const char* op, const Patterns& which, const std::vector<std::string>& names) {
  std::vector<bool> met(names.size());
  for (const std::string& pattern : which) {
    const std::vector<std::string> globs = without_braces(pattern, pattern);
    bool any = false;
    for (size_t i = 0; i < names.size(); ++i) {
      if (!matches_one(globs, names[i])) continue;
      met[i] = any = true;
    }
    if (any) continue;
    const size_t shown = std::min(names.size(), kNamesShown);
    const std::vector<std::string> some(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown));
    throw Error(absl::StrCat(op, ": the pattern ", pattern, " matches none of ", names.size(),
                             " names: ", absl::StrJoin(some, ", "), shown < names.size() ? ", ..." : ""));
  }
  return met;
}

}  // namespace roux
