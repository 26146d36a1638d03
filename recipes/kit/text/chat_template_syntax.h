// The tokens and the syntax tree of chat_template_jinja.h, and its parser. Private to those files.
#ifndef ROUX_RECIPES_KIT_TEXT_CHAT_TEMPLATE_SYNTAX_H_
#define ROUX_RECIPES_KIT_TEXT_CHAT_TEMPLATE_SYNTAX_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace roux::kit::jinja {

struct Node;
using NodePtr = std::unique_ptr<Node>;

// One node of any kind; what the fields mean stands beside the kind.
struct Node {
  enum Kind {
    // Statements; `body` is what they enclose.
    kBlock,     // body
    kText,      // text
    kPrint,     // args[0]
    kIf,        // args[0], body, other
    kFor,       // names, args[0] the sequence, args[1] the filter or null, body, other
    kSet,       // text the name, member the attribute or "", args[0]; or body without args
    kMacro,     // text the name, names the parameters, args their defaults or null, body
    kContinue,  // of the innermost loop
    kBreak,
    // Expressions.
    kString,      // text
    kInteger,     // number
    kConstant,    // text: true, false, none
    kName,        // text
    kList,        // args
    kDict,        // args: key, value, key, value ...
    kMember,      // args[0].text
    kIndex,       // args[0][args[1]]
    kSlice,       // args[0][args[1]:args[2]:args[3]], each of the last three may be null
    kCall,        // args[0](args[1] ..., named)
    kFilter,      // args[0] | text(args[1] ..., named)
    kTest,        // args[0] is text(args[1] ...)
    kUnary,       // text: not, -
    kBinary,      // text: or and == != < > <= >= in + - ~ * / // %
    kConditional  // args[0] if args[1] else args[2] (null: undefined)
  };
  Kind kind;
  int64_t at = 0;  // byte in the template
  int depth = 0;   // of the longest chain of operators below
  std::string text, member;
  int64_t number = 0;
  std::vector<std::string> names;
  std::vector<NodePtr> args;
  std::vector<std::pair<std::string, NodePtr>> named;
  std::vector<NodePtr> body, other;
};

// What parsing and evaluation throw; caught at the public interface.
struct Failure {
  enum Kind { kUnknown, kRefused, kLimit };
  Kind kind;
  std::string what;
};
[[noreturn]] void fail(int64_t at, const std::string& what);

// What stands between tags, and the parts of the tags.
struct Token {
  enum Kind { kData, kOpenPrint, kClosePrint, kOpenTag, kCloseTag, kName, kString, kInteger, kSymbol, kEnd };
  Kind kind = kEnd;
  std::string text;
  int64_t at = 0;
};
// With the white space gone that trim_blocks, lstrip_blocks and "-" take away.
std::vector<Token> tokenize(std::string_view text);

NodePtr parse(std::string_view text);

}  // namespace roux::kit::jinja

#endif  // ROUX_RECIPES_KIT_TEXT_CHAT_TEMPLATE_SYNTAX_H_
