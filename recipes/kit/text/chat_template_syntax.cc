#include "recipes/kit/text/chat_template_syntax.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace roux::kit::jinja {
namespace {

constexpr int kMaxDepth = 50;

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  NodePtr run() {
    NodePtr root = node(Node::kBlock);
    root->body = statements({});
    return root;
  }

 private:
  const Token& now() const { return tokens_[next_]; }
  bool is(Token::Kind kind, std::string_view text) const { return now().kind == kind && now().text == text; }
  bool symbol(std::string_view text) const { return is(Token::kSymbol, text); }
  bool name(std::string_view text) const { return is(Token::kName, text); }
  bool take_symbol(std::string_view text) { return symbol(text) && ++next_; }
  bool take_name(std::string_view text) { return name(text) && ++next_; }
  void need_symbol(const char* text) {
    if (!take_symbol(text)) fail(now().at, absl::StrCat("'", text, "' was expected"));
  }
  std::string need_name() {
    if (now().kind != Token::kName) fail(now().at, "a name was expected");
    return tokens_[next_++].text;
  }
  void need(Token::Kind kind) {
    if (now().kind != kind) fail(now().at, "the end of the tag was expected");
    ++next_;
  }
  NodePtr node(Node::Kind kind, std::string text = "") {
    auto made = std::make_unique<Node>();
    made->kind = kind;
    made->at = now().at;
    made->text = std::move(text);
    return made;
  }
  // Chains such as a + b + c ... make trees as deep as nesting does.
  static void adopt(Node* parent, NodePtr child) {
    parent->depth = std::max(parent->depth, child->depth + 1);
    if (parent->depth > kMaxDepth) throw Failure{Failure::kLimit, "chat template: nested too deeply"};
    parent->args.push_back(std::move(child));
  }
  struct Deeper {
    explicit Deeper(Parser* p) : parser(p) {
      if (++parser->depth_ > kMaxDepth) throw Failure{Failure::kLimit, "chat template: nested too deeply"};
    }
    ~Deeper() { --parser->depth_; }
    Parser* parser;
  };

  // Statements up to a tag that is one of `ends`; that tag's "{%" and name are taken. At top level `ends` is
  // empty and the end of the template ends them.
  std::vector<NodePtr> statements(const std::vector<std::string_view>& ends) {
    const Deeper deeper(this);
    std::vector<NodePtr> list;
    for (;;) {
      if (now().kind == Token::kEnd) {
        if (!ends.empty())
          fail(now().at, absl::StrCat("the template ends before {% ", std::string(ends.back())));
        return list;
      }
      if (now().kind == Token::kData) {
        list.push_back(node(Node::kText, now().text));
        ++next_;
      } else if (now().kind == Token::kOpenPrint) {
        ++next_;
        NodePtr print = node(Node::kPrint);
        print->args.push_back(tuple());
        need(Token::kClosePrint);
        list.push_back(std::move(print));
      } else {
        need(Token::kOpenTag);
        for (const std::string_view end : ends) {
          if (!name(end)) continue;
          end_ = need_name();
          return list;
        }
        list.push_back(statement());
      }
    }
  }

  NodePtr statement() {
    if (take_name("if")) return if_statement();
    if (take_name("for")) return for_statement();
    if (take_name("set")) return set_statement();
    if (take_name("macro")) return macro_statement();
    NodePtr made = node(Node::kBlock);
    if (take_name("generation")) {  // marks what is trained in some templates; it prints its body
      need(Token::kCloseTag);
      made->body = statements({"endgeneration"});
    } else if (take_name("continue")) {
      made->kind = Node::kContinue;
    } else if (take_name("break")) {
      made->kind = Node::kBreak;
    } else {
      fail(now().at, absl::StrCat("the tag {% ", now().text, " is not known here"));
    }
    need(Token::kCloseTag);
    return made;
  }

  // After "if" or "elif".
  NodePtr if_statement() {
    const Deeper deeper(this);
    NodePtr made = node(Node::kIf);
    made->args.push_back(tuple());
    need(Token::kCloseTag);
    made->body = statements({"elif", "else", "endif"});
    if (end_ == "elif") {
      made->other.push_back(if_statement());
      return made;
    }
    if (end_ == "else") {
      need(Token::kCloseTag);
      made->other = statements({"endif"});
    }
    need(Token::kCloseTag);
    return made;
  }

  NodePtr for_statement() {
    NodePtr made = node(Node::kFor);
    do made->names.push_back(need_name());
    while (take_symbol(","));
    if (!take_name("in")) fail(now().at, "'in' was expected");
    made->args.push_back(disjunction());  // no ternary: "if" filters
    made->args.push_back(take_name("if") ? expression() : nullptr);
    need(Token::kCloseTag);
    made->body = statements({"else", "endfor"});
    if (end_ == "else") {
      need(Token::kCloseTag);
      made->other = statements({"endfor"});
    }
    need(Token::kCloseTag);
    return made;
  }

  NodePtr set_statement() {
    NodePtr made = node(Node::kSet);
    made->text = need_name();
    if (take_symbol(".")) made->member = need_name();
    if (take_symbol("=")) {
      made->args.push_back(tuple());
    } else {
      need(Token::kCloseTag);
      made->body = statements({"endset"});
    }
    need(Token::kCloseTag);
    return made;
  }

  NodePtr macro_statement() {
    NodePtr made = node(Node::kMacro);
    made->text = need_name();
    need_symbol("(");
    while (!take_symbol(")")) {
      made->names.push_back(need_name());
      made->args.push_back(take_symbol("=") ? expression() : nullptr);
      if (!symbol(")")) need_symbol(",");
    }
    need(Token::kCloseTag);
    made->body = statements({"endmacro"});
    need(Token::kCloseTag);
    return made;
  }

  NodePtr tuple() {
    NodePtr first = expression();
    if (!symbol(",")) return first;
    NodePtr list = node(Node::kList);
    list->args.push_back(std::move(first));
    while (take_symbol(",")) list->args.push_back(expression());
    return list;
  }

  NodePtr expression() {
    const Deeper deeper(this);
    NodePtr value = disjunction();
    while (take_name("if")) {
      NodePtr made = node(Node::kConditional);
      adopt(made.get(), std::move(value));
      made->args.push_back(disjunction());
      made->args.push_back(take_name("else") ? expression() : nullptr);
      value = std::move(made);
    }
    return value;
  }

  NodePtr binary(std::string text, NodePtr left, NodePtr right) {
    NodePtr made = node(Node::kBinary, std::move(text));
    adopt(made.get(), std::move(left));
    adopt(made.get(), std::move(right));
    return made;
  }

  NodePtr disjunction() {
    NodePtr left = conjunction();
    while (take_name("or")) left = binary("or", std::move(left), conjunction());
    return left;
  }
  NodePtr conjunction() {
    NodePtr left = negation();
    while (take_name("and")) left = binary("and", std::move(left), negation());
    return left;
  }
  NodePtr negation() {
    if (!name("not")) return comparison();
    const Deeper deeper(this);
    ++next_;
    NodePtr made = node(Node::kUnary, "not");
    made->args.push_back(negation());
    return made;
  }

  NodePtr comparison() {
    NodePtr left = sum();
    int operators = 0;
    for (;;) {
      std::string op;
      for (const char* candidate : {"==", "!=", "<=", ">=", "<", ">"}) {
        if (op.empty() && take_symbol(candidate)) op = candidate;
      }
      bool negated = false;
      if (op.empty() && take_name("in")) op = "in";
      if (op.empty() && name("not") && tokens_[next_ + 1].kind == Token::kName &&
          tokens_[next_ + 1].text == "in") {
        next_ += 2;
        op = "in";
        negated = true;
      }
      if (op.empty()) return left;
      if (++operators > 1) fail(now().at, "chained comparisons are not known here");
      left = binary(op, std::move(left), sum());
      if (!negated) continue;
      NodePtr made = node(Node::kUnary, "not");
      made->args.push_back(std::move(left));
      left = std::move(made);
    }
  }

  template <class Operand>
  NodePtr left_to_right(std::initializer_list<const char*> operators, Operand operand) {
    NodePtr left = operand();
    for (bool found = true; found;) {
      found = false;
      for (const char* op : operators) {
        if (!take_symbol(op)) continue;
        left = binary(op, std::move(left), operand());
        found = true;
      }
    }
    return left;
  }
  NodePtr sum() {
    return left_to_right({"+", "-"}, [this] {
      return left_to_right({"~"}, [this] {
        return left_to_right({"*", "//", "/", "%"}, [this] { return unary(); });
      });
    });
  }

  NodePtr unary() { return filtered(signed_value()); }
  NodePtr signed_value() {
    const Deeper deeper(this);
    if (!take_symbol("-")) return postfix(primary());
    NodePtr made = node(Node::kUnary, "-");
    made->args.push_back(signed_value());
    return made;
  }

  NodePtr primary() {
    const Token token = now();
    if (token.kind == Token::kString) {
      NodePtr made = node(Node::kString);
      while (now().kind == Token::kString) made->text += tokens_[next_++].text;
      return made;
    }
    if (token.kind == Token::kInteger) {
      NodePtr made = node(Node::kInteger);
      made->number = std::atoll(token.text.c_str());
      ++next_;
      return made;
    }
    if (token.kind == Token::kName) {
      ++next_;
      for (const char* constant : {"true", "false", "none"}) {
        std::string capital = constant;
        capital[0] = static_cast<char>(capital[0] - 32);
        if (token.text == constant || token.text == capital) return node(Node::kConstant, constant);
      }
      return node(Node::kName, token.text);
    }
    if (take_symbol("(")) {
      NodePtr inner = tuple();
      need_symbol(")");
      return inner;
    }
    if (take_symbol("[")) {
      NodePtr made = node(Node::kList);
      while (!take_symbol("]")) {
        made->args.push_back(expression());
        if (!symbol("]")) need_symbol(",");
      }
      return made;
    }
    if (take_symbol("{")) {
      NodePtr made = node(Node::kDict);
      while (!take_symbol("}")) {
        made->args.push_back(expression());
        need_symbol(":");
        made->args.push_back(expression());
        if (!symbol("}")) need_symbol(",");
      }
      return made;
    }
    fail(token.at, "a value was expected");
  }

  NodePtr postfix(NodePtr value) {
    for (;;) {
      if (take_symbol(".")) {
        NodePtr made = node(Node::kMember, need_name());
        adopt(made.get(), std::move(value));
        value = std::move(made);
      } else if (take_symbol("[")) {
        value = subscript(std::move(value));
      } else if (take_symbol("(")) {
        NodePtr made = node(Node::kCall);
        adopt(made.get(), std::move(value));
        arguments(made.get());
        value = std::move(made);
      } else {
        return value;
      }
    }
  }

  NodePtr subscript(NodePtr value) {
    NodePtr made = node(Node::kIndex);
    adopt(made.get(), std::move(value));
    made->args.push_back(symbol(":") ? nullptr : expression());
    if (symbol(":")) {
      made->kind = Node::kSlice;
      for (int part = 0; part < 2; ++part) {
        const bool there = take_symbol(":");
        made->args.push_back(there && !symbol(":") && !symbol("]") ? expression() : nullptr);
      }
    }
    need_symbol("]");
    return made;
  }

  // After "(", up to and with ")".
  void arguments(Node* call) {
    while (!take_symbol(")")) {
      if (now().kind == Token::kName && tokens_[next_ + 1].kind == Token::kSymbol &&
          tokens_[next_ + 1].text == "=") {
        std::string key = need_name();
        ++next_;
        call->named.emplace_back(std::move(key), expression());
      } else {
        call->args.push_back(expression());
      }
      if (!symbol(")")) need_symbol(",");
    }
  }

  NodePtr filtered(NodePtr value) {
    for (;;) {
      if (take_symbol("|")) {
        NodePtr made = node(Node::kFilter, need_name());
        adopt(made.get(), std::move(value));
        if (take_symbol("(")) arguments(made.get());
        value = postfix(std::move(made));
      } else if (take_name("is")) {
        const bool negated = take_name("not");
        NodePtr made = node(Node::kTest, need_name());
        adopt(made.get(), std::move(value));
        if (take_symbol("(")) arguments(made.get());
        value = std::move(made);
        if (!negated) continue;
        made = node(Node::kUnary, "not");
        adopt(made.get(), std::move(value));
        value = std::move(made);
      } else {
        return value;
      }
    }
  }

  std::vector<Token> tokens_;
  size_t next_ = 0;
  std::string end_;  // name of the tag that ended the last statements()
  int depth_ = 0;
};

}  // namespace

void fail(int64_t at, const std::string& what) {
  throw Failure{Failure::kUnknown, absl::StrCat("chat template: byte ", at, ": ", what)};
}

NodePtr parse(std::string_view text) { return Parser(tokenize(text)).run(); }

}  // namespace roux::kit::jinja
