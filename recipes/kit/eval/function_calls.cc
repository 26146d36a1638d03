#include "recipes/kit/eval/function_calls.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/text/words.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_char(char c) { return is_name_start(c) || (c >= '0' && c <= '9') || c == '.'; }
bool is_quote(char c) { return c == '\'' || c == '"'; }

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<std::vector<FunctionCall>> run() {
    std::vector<FunctionCall> calls;
    const bool list = take('[');
    const auto at_end = [&] { return list ? take(']') : peek() == '\0' && at_ == text_.size(); };
    while (!at_end()) {
      if (!calls.empty() && !take(',')) return expected(list ? ", or ]" : ", or the end");
      ROUX_ASSIGN_OR_RETURN(FunctionCall call, call_here());
      calls.push_back(std::move(call));
    }
    if (peek() != '\0' || at_ < text_.size()) return expected("the end");
    return calls;
  }

 private:
  absl::Status expected(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat("function calls: byte ", at_, ": expected ", what));
  }

  // The next character that is no white space, '\0' at the end.
  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || (text_[at_] >= '\t' && text_[at_] <= '\r'))) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  bool take(char c) {
    if (peek() != c || at_ == text_.size()) return false;
    ++at_;
    return true;
  }

  absl::StatusOr<std::string> name_here() {
    if (!is_name_start(peek())) return expected("a name");
    const size_t begin = at_;
    while (at_ < text_.size() && is_name_char(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  absl::StatusOr<FunctionCall> call_here() {
    FunctionCall call;
    ROUX_ASSIGN_OR_RETURN(call.name, name_here());
    if (!take('(')) return expected("(");
    while (!take(')')) {
      if (!call.arguments.empty() && !take(',')) return expected(", or )");
      const size_t begin = at_;
      ROUX_ASSIGN_OR_RETURN(std::string key, name_here());
      if (!take('=')) return expected("=");
      ROUX_ASSIGN_OR_RETURN(std::string value, value_here());
      if (!call.arguments.emplace(key, std::move(value)).second) {
        at_ = begin;
        return expected(absl::StrCat("another key than ", key));
      }
    }
    return call;
  }

  absl::StatusOr<std::string> value_here() {
    if (is_quote(peek())) {
      const size_t begin = at_;
      ROUX_ASSIGN_OR_RETURN(std::string value, quoted_here());
      if (peek() == ',' || peek() == ')') return value;
      at_ = begin;  // 'a' + 'b': taken as it stands
    }
    return raw_here();
  }

  absl::StatusOr<std::string> quoted_here() {
    const char quote = text_[at_++];
    std::string value;
    for (; at_ < text_.size() && text_[at_] != quote; ++at_) {
      const bool escape = text_[at_] == '\\' && at_ + 1 < text_.size() &&
                          (is_quote(text_[at_ + 1]) || text_[at_ + 1] == '\\');
      if (escape) ++at_;
      value += text_[at_];
    }
    if (at_ == text_.size()) return expected("a closing quote");
    ++at_;
    return value;
  }

  absl::StatusOr<std::string> raw_here() {
    const size_t begin = at_;
    std::string closing;  // brackets that are open
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (closing.empty() && (c == ',' || c == ')')) break;
      if (is_quote(c)) {
        ROUX_RETURN_IF_ERROR(quoted_here().status());
        continue;
      }
      if (c == '(' || c == '[' || c == '{') closing += c == '(' ? ')' : c == '[' ? ']' : '}';
      if (c == ')' || c == ']' || c == '}') {
        if (closing.empty() || closing.back() != c) return expected("another bracket");
        closing.pop_back();
      }
      ++at_;
    }
    if (at_ == text_.size()) return expected(", or )");
    const std::string_view value = strip(text_.substr(begin, at_ - begin));
    if (value.empty()) return expected("a value");
    return std::string(value);
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<FunctionCall>> parse_function_calls(std::string_view text) {
  return Parser(text).run();
}

}  // namespace roux::kit
