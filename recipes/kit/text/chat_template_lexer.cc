#include <cctype>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/chat_template_syntax.h"

namespace roux::kit::jinja {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }

// Cuts the template into data and the tokens of its tags, with trim_blocks and lstrip_blocks.
class Lexer {
 public:
  explicit Lexer(std::string_view text) {
    text_.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {  // Jinja reads every line end as \n
      if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
      text_ += text[i] == '\r' ? '\n' : text[i];
    }
    if (!text_.empty() && text_.back() == '\n') text_.pop_back();
  }

  std::vector<Token> run() {
    bool strip_left = false;  // the tag before ended with "-"
    while (at_ < text_.size()) {
      size_t open = at_;
      do {
        open = text_.find('{', open);
        if (open == std::string::npos || open + 1 >= text_.size()) open = text_.size();
      } while (open < text_.size() &&
               std::string_view("{%#").find(text_[open + 1]) == std::string_view::npos && ++open);
      std::string data = text_.substr(at_, open - at_);
      if (strip_left) data.erase(0, data.find_first_not_of(" \t\n\r\f\v"));
      if (open < text_.size()) strip_right(open, &data);
      if (!data.empty()) tokens_.push_back({Token::kData, data, static_cast<int64_t>(at_)});
      at_ = open;
      if (at_ < text_.size()) strip_left = tag();
    }
    tokens_.push_back({Token::kEnd, "", static_cast<int64_t>(at_)});
    return std::move(tokens_);
  }

 private:
  void strip_right(size_t open, std::string* data) {
    const char sign = open + 2 < text_.size() ? text_[open + 2] : '\0';
    if (sign == '-') {
      while (!data->empty() && is_space(data->back())) data->pop_back();
    } else if (text_[open + 1] != '{' && sign != '+') {
      const size_t line = data->find_last_of('\n');
      const size_t begin = line == std::string::npos ? 0 : line + 1;
      const bool whole_line = line != std::string::npos || open == data->size() || text_[at_ - 1] == '\n';
      if (whole_line && data->find_first_not_of(" \t", begin) == std::string::npos) data->resize(begin);
    }
  }

  // From "{{", "{%" or "{#" to its end; true when that has a "-".
  bool tag() {
    const size_t start = at_;
    const char kind = text_[at_ + 1];
    at_ += 2;
    if (at_ < text_.size() && (text_[at_] == '-' || text_[at_] == '+')) ++at_;
    if (kind == '#') {
      const size_t end = text_.find("#}", at_);
      if (end == std::string::npos) fail(start, "this comment does not end");
      at_ = end + 2;
      if (text_[end - 1] == '-') return true;
      skip_line_end();
      return false;
    }
    tokens_.push_back({kind == '{' ? Token::kOpenPrint : Token::kOpenTag, "", static_cast<int64_t>(start)});
    const std::string close = kind == '{' ? "}}" : "%}";
    int depth = 0;  // of braces: {{ {"a": {}} }}
    for (;;) {
      while (at_ < text_.size() && is_space(text_[at_])) ++at_;
      if (at_ >= text_.size()) fail(start, "this tag does not end");
      const bool minus = text_[at_] == '-' && text_.compare(at_ + 1, 2, close) == 0;
      if (minus || (depth == 0 && text_.compare(at_, 2, close) == 0)) {
        tokens_.push_back(
            {kind == '{' ? Token::kClosePrint : Token::kCloseTag, "", static_cast<int64_t>(at_)});
        at_ += minus ? 3 : 2;
        if (!minus && kind == '%') skip_line_end();
        return minus;
      }
      if (text_[at_] == '{') ++depth;
      if (text_[at_] == '}') --depth;
      token();
    }
  }

  void skip_line_end() {
    if (at_ < text_.size() && text_[at_] == '\n') ++at_;
  }

  void token() {
    const size_t start = at_;
    const char c = text_[at_];
    const auto push = [&](Token::Kind kind, std::string text) {
      tokens_.push_back({kind, std::move(text), static_cast<int64_t>(start)});
    };
    if (std::isalpha(static_cast<unsigned char>(c)) || c == '_') {
      while (at_ < text_.size() &&
             (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_'))
        ++at_;
      return push(Token::kName, text_.substr(start, at_ - start));
    }
    if (std::isdigit(static_cast<unsigned char>(c))) {
      while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) ++at_;
      if (at_ - start > 15) fail(start, "this number is too large");
      return push(Token::kInteger, text_.substr(start, at_ - start));
    }
    if (c == '\'' || c == '"') return push(Token::kString, string(c));
    static const char* const pairs[] = {"==", "!=", "<=", ">=", "//", "**"};
    for (const char* pair : pairs) {
      if (text_.compare(at_, 2, pair) != 0) continue;
      at_ += 2;
      return push(Token::kSymbol, pair);
    }
    if (std::string_view("+-*/%~<>=()[]{},.:|").find(c) == std::string_view::npos) {
      fail(start, absl::StrCat("unexpected '", std::string(1, c), "'"));
    }
    ++at_;
    push(Token::kSymbol, std::string(1, c));
  }

  std::string string(char quote) {
    const size_t start = at_++;
    std::string out;
    for (; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (text_[at_] != '\\' || at_ + 1 == text_.size()) {
        out += text_[at_];
        continue;
      }
      const char next = text_[++at_];
      switch (next) {
        case 'n':
          out += '\n';
          break;
        case 't':
          out += '\t';
          break;
        case 'r':
          out += '\r';
          break;
        case '\n':
          break;
        case '\\':
        case '\'':
        case '"':
          out += next;
          break;
        case 'x':
        case 'u':
        case 'U':
        case 'N':
        case 'a':
        case 'b':
        case 'f':
        case 'v':
          fail(static_cast<int64_t>(at_) - 1, "this escape is not known here");
        default:
          if (next >= '0' && next <= '7')
            fail(static_cast<int64_t>(at_) - 1, "octal escapes are not known here");
          out += '\\';
          out += next;
      }
    }
    if (at_ >= text_.size()) fail(start, "this string does not end");
    ++at_;
    return out;
  }

  std::string text_;
  size_t at_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view text) { return Lexer(text).run(); }

}  // namespace roux::kit::jinja
