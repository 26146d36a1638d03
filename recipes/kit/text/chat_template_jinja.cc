#include "recipes/kit/text/chat_template_jinja.h"

#include <cstdint>
#include <map>
#include <optional>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "recipes/kit/text/chat_template_syntax.h"
#include "recipes/kit/text/utf8.h"
#include "recipes/kit/text/words.h"

namespace roux::kit {
namespace jinja {
namespace {

constexpr int64_t kMaxSteps = 200000;
constexpr size_t kMaxOutput = 1 << 20;
constexpr int kMaxCalls = 10;

struct Value;
using List = std::vector<Value>;
using Dict = std::vector<std::pair<std::string, Value>>;
struct Undefined {};
struct None {};

// Lists and dictionaries are shared, as in Python; only a namespace is ever changed.
struct Value {
  std::variant<Undefined, None, bool, int64_t, std::string, std::shared_ptr<List>, std::shared_ptr<Dict>,
               const Node*>
      data;
  Value() = default;
  template <class T>
  Value(T value) : data(std::move(value)) {}  // NOLINT(google-explicit-constructor)

  template <class T>
  bool is() const {
    return std::holds_alternative<T>(data);
  }
  const std::string* text() const { return std::get_if<std::string>(&data); }
  const int64_t* integer() const { return std::get_if<int64_t>(&data); }
  const List* list() const {
    const auto* found = std::get_if<std::shared_ptr<List>>(&data);
    return found == nullptr ? nullptr : found->get();
  }
  Dict* dict() const {
    const auto* found = std::get_if<std::shared_ptr<Dict>>(&data);
    return found == nullptr ? nullptr : found->get();
  }
};

const Value* find(const Dict& dict, std::string_view key) {
  for (const auto& [name, value] : dict) {
    if (name == key) return &value;
  }
  return nullptr;
}

class Interpreter {
 public:
  explicit Interpreter(const JinjaInput& input) : input_(input) {
    scopes_.emplace_back();
    auto messages = std::make_shared<List>();
    for (const auto& [role, content] : input.messages) {
      messages->push_back(std::make_shared<Dict>(Dict{{"role", role}, {"content", content}}));
    }
    auto& global = scopes_[0];
    global["messages"] = messages;
    global["add_generation_prompt"] = input.generate;
    global["bos_token"] = input.bos;
    global["eos_token"] = input.eos;
    global["tools"] = None{};  // as Hugging Face's library calls a template
    global["documents"] = None{};
    if (!input.date.empty()) global["date_string"] = input.date;
  }

  std::string run(const Node& root) {
    std::string out;
    statements(root.body, &out);
    return out;
  }

 private:
  enum Flow { kNormal, kContinueLoop, kBreakLoop };
  using Scope = std::map<std::string, Value>;

  // A step may also copy text: it counts for more then.
  void step(size_t bytes = 0) {
    steps_ += 1 + static_cast<int64_t>(bytes / 64);
    if (steps_ > kMaxSteps) throw Failure{Failure::kLimit, "chat template: takes too many steps"};
  }
  void check_size(size_t size) {
    if (size > kMaxOutput) throw Failure{Failure::kLimit, "chat template: writes too much"};
  }

  Flow statements(const std::vector<NodePtr>& list, std::string* out) {
    for (const NodePtr& node : list) {
      if (const Flow flow = statement(*node, out); flow != kNormal) return flow;
    }
    return kNormal;
  }

  Flow statement(const Node& node, std::string* out) {
    step();
    switch (node.kind) {
      case Node::kText:
        append(node.text, out);
        return kNormal;
      case Node::kPrint:
        append(printed(node, evaluate(*node.args[0])), out);
        return kNormal;
      case Node::kBlock:
        return statements(node.body, out);
      case Node::kIf:
        return statements(truth(evaluate(*node.args[0])) ? node.body : node.other, out);
      case Node::kFor:
        loop(node, out);
        return kNormal;
      case Node::kSet:
        set(node);
        return kNormal;
      case Node::kMacro:
        scopes_.back()[node.text] = &node;
        return kNormal;
      case Node::kContinue:
        return kContinueLoop;
      case Node::kBreak:
        return kBreakLoop;
      default:
        fail(node.at, "this is no statement");
    }
  }

  void append(const std::string& text, std::string* out) {
    check_size(out->size() + text.size());
    out->append(text);
  }

  void set(const Node& node) {
    Value value;
    if (node.args.empty()) {
      std::string text;
      scopes_.emplace_back();
      statements(node.body, &text);
      scopes_.pop_back();
      value = text;
    } else {
      value = evaluate(*node.args[0]);
    }
    if (node.member.empty()) {
      scopes_.back()[node.text] = std::move(value);
      return;
    }
    const Value* target = lookup(node.text);
    if (target == nullptr || target->dict() == nullptr) fail(node.at, "only a namespace has members to set");
    if (reaches(value, target->dict())) fail(node.at, "a namespace would hold itself");
    for (auto& [name, old] : *target->dict()) {
      if (name != node.member) continue;
      old = std::move(value);
      return;
    }
    target->dict()->emplace_back(node.member, std::move(value));
  }

  bool reaches(const Value& from, const Dict* target) {
    step();
    if (from.dict() == target) return true;
    if (from.list() != nullptr) {
      for (const Value& part : *from.list()) {
        if (reaches(part, target)) return true;
      }
    }
    if (from.dict() == nullptr) return false;
    for (const auto& [name, part] : *from.dict()) {
      if (reaches(part, target)) return true;
    }
    return false;
  }

  void loop(const Node& node, std::string* out) {
    const List all = iterate(node, evaluate(*node.args[0]));
    List items;
    if (node.args[1] == nullptr) {
      items = all;
    } else {
      for (const Value& item : all) {
        scopes_.emplace_back();
        bind(node, item);
        if (truth(evaluate(*node.args[1]))) items.push_back(item);
        scopes_.pop_back();
      }
    }
    const auto count = static_cast<int64_t>(items.size());
    for (int64_t i = 0; i < count; ++i) {
      scopes_.emplace_back();
      bind(node, items[i]);
      scopes_.back()["loop"] =
          std::make_shared<Dict>(Dict{{"index0", i},
                                      {"index", i + 1},
                                      {"first", i == 0},
                                      {"last", i + 1 == count},
                                      {"length", count},
                                      {"previtem", i > 0 ? items[i - 1] : Value()},
                                      {"nextitem", i + 1 < count ? items[i + 1] : Value()}});
      const Flow flow = statements(node.body, out);
      scopes_.pop_back();
      if (flow == kBreakLoop) break;
    }
    if (count == 0) statements(node.other, out);
  }

  void bind(const Node& node, const Value& item) {
    if (node.names.size() == 1) {
      scopes_.back()[node.names[0]] = item;
      return;
    }
    const List* parts = item.list();
    if (parts == nullptr || parts->size() != node.names.size()) fail(node.at, "the item has other parts");
    for (size_t i = 0; i < parts->size(); ++i) scopes_.back()[node.names[i]] = (*parts)[i];
  }

  List iterate(const Node& node, const Value& value) {
    if (value.list() != nullptr) return *value.list();
    if (value.is<Undefined>()) return {};
    List keys;
    if (value.dict() == nullptr) fail(node.at, "this cannot be looped over");
    for (const auto& entry : *value.dict()) keys.push_back(entry.first);
    return keys;
  }

  const Value* lookup(const std::string& name) const {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
      if (const auto found = scope->find(name); found != scope->end()) return &found->second;
    }
    return nullptr;
  }

  static bool truth(const Value& value) {
    if (const bool* b = std::get_if<bool>(&value.data)) return *b;
    if (value.integer() != nullptr) return *value.integer() != 0;
    if (value.text() != nullptr) return !value.text()->empty();
    if (value.list() != nullptr) return !value.list()->empty();
    if (value.dict() != nullptr) return !value.dict()->empty();
    return value.is<const Node*>();
  }

  std::string printed(const Node& node, const Value& value) {
    if (value.text() != nullptr) return *value.text();
    if (value.integer() != nullptr) return absl::StrCat(*value.integer());
    if (value.is<Undefined>()) return "";
    if (value.is<None>()) return "None";
    if (const bool* b = std::get_if<bool>(&value.data)) return *b ? "True" : "False";
    fail(node.at, "a list or dictionary would be printed");
  }

  const std::string& need_text(const Node& node, const Value& value) {
    if (value.text() == nullptr) fail(node.at, "a string was expected");
    return *value.text();
  }
  int64_t need_integer(const Node& node, const Value& value) {
    if (value.integer() == nullptr) fail(node.at, "an integer was expected");
    return *value.integer();
  }

  Value evaluate(const Node& node) {
    step();
    switch (node.kind) {
      case Node::kString:
        return node.text;
      case Node::kInteger:
        return node.number;
      case Node::kConstant:
        return node.text == "none" ? Value(None{}) : Value(node.text == "true");
      case Node::kName: {
        const Value* found = lookup(node.text);
        if (found == nullptr) {
          for (const char* function : {"strftime_now", "raise_exception", "namespace", "range"}) {
            if (node.text == function) return static_cast<const Node*>(nullptr);  // defined
          }
          return Value();
        }
        if (found->text() != nullptr) step(found->text()->size());
        return *found;
      }
      case Node::kList: {
        auto list = std::make_shared<List>();
        for (const NodePtr& item : node.args) list->push_back(evaluate(*item));
        return list;
      }
      case Node::kDict: {
        auto dict = std::make_shared<Dict>();
        for (size_t i = 0; i < node.args.size(); i += 2) {
          dict->emplace_back(need_text(node, evaluate(*node.args[i])), evaluate(*node.args[i + 1]));
        }
        return dict;
      }
      case Node::kMember:
        return item(node, evaluate(*node.args[0]), node.text);
      case Node::kIndex:
        return item(node, evaluate(*node.args[0]), evaluate(*node.args[1]));
      case Node::kSlice:
        return slice(node);
      case Node::kCall:
        return call(node);
      case Node::kFilter:
        return filter(node);
      case Node::kTest:
        return test(node, evaluate(*node.args[0]));
      case Node::kUnary: {
        const Value value = evaluate(*node.args[0]);
        if (node.text == "not") return !truth(value);
        return -need_integer(node, value);
      }
      case Node::kBinary:
        return binary(node);
      case Node::kConditional:
        if (truth(evaluate(*node.args[1]))) return evaluate(*node.args[0]);
        return node.args[2] == nullptr ? Value() : evaluate(*node.args[2]);
      default:
        fail(node.at, "this is no expression");
    }
  }

  Value item(const Node& node, const Value& of, const Value& key) {
    if (of.is<Undefined>()) {  // Jinja's UndefinedError
      throw Failure{Failure::kRefused,
                    absl::StrCat("chat template: byte ", node.at, ": a part of something undefined is used")};
    }
    if (of.dict() != nullptr && key.text() != nullptr) {
      const Value* found = find(*of.dict(), *key.text());
      return found == nullptr ? Value() : *found;
    }
    if (key.integer() == nullptr) {
      if (key.text() != nullptr) return Value();  // a string has no member "role"
      fail(node.at, "this index is of another type");
    }
    const List* list = of.list();
    if (list == nullptr) fail(node.at, "only lists have numbered parts here");
    const auto size = static_cast<int64_t>(list->size());
    const int64_t at = *key.integer() < 0 ? *key.integer() + size : *key.integer();
    return at < 0 || at >= size ? Value() : (*list)[at];
  }

  Value slice(const Node& node) {
    const Value of = evaluate(*node.args[0]);
    if (of.list() == nullptr) fail(node.at, "only slices of lists are known here");
    const auto size = static_cast<int64_t>(of.list()->size());
    const auto part = [&](size_t i, int64_t otherwise) {
      return node.args[i] == nullptr ? otherwise : need_integer(node, evaluate(*node.args[i]));
    };
    const int64_t by = part(3, 1);
    auto result = std::make_shared<List>();
    if (by == -1 && node.args[1] == nullptr && node.args[2] == nullptr) {
      result->assign(of.list()->rbegin(), of.list()->rend());
      return result;
    }
    if (by != 1) fail(node.at, "this step is not known here");
    const auto clamp = [&](int64_t i) { return std::min(std::max<int64_t>(i < 0 ? i + size : i, 0), size); };
    const int64_t begin = clamp(part(1, 0)), end = clamp(part(2, size));
    for (int64_t i = begin; i < end; ++i) result->push_back((*of.list())[i]);
    return result;
  }

  bool equal(const Node& node, const Value& a, const Value& b) {
    if (a.data.index() != b.data.index()) {
      const bool numbers = (a.is<bool>() && b.is<int64_t>()) || (a.is<int64_t>() && b.is<bool>());
      if (numbers) fail(node.at, "a boolean is compared with a number");
      return false;
    }
    if (a.text() != nullptr) return *a.text() == *b.text();
    if (a.integer() != nullptr) return *a.integer() == *b.integer();
    if (a.is<bool>()) return std::get<bool>(a.data) == std::get<bool>(b.data);
    if (a.is<None>() || a.is<Undefined>()) return true;
    fail(node.at, "lists and dictionaries are not compared here");
  }

  Value binary(const Node& node) {
    const std::string& op = node.text;
    const Value left = evaluate(*node.args[0]);
    if (op == "or") return truth(left) ? left : evaluate(*node.args[1]);
    if (op == "and") return truth(left) ? evaluate(*node.args[1]) : left;
    const Value right = evaluate(*node.args[1]);
    if (op == "==") return equal(node, left, right);
    if (op == "!=") return !equal(node, left, right);
    if (op == "in") return contains(node, left, right);
    if (op == "~" || (op == "+" && left.text() != nullptr && right.text() != nullptr)) {
      const std::string a = printed(node, left), b = printed(node, right);
      check_size(a.size() + b.size());
      step(a.size() + b.size());
      return a + b;
    }
    if (op == "+" && left.list() != nullptr && right.list() != nullptr) {
      auto joined = std::make_shared<List>(*left.list());
      joined->insert(joined->end(), right.list()->begin(), right.list()->end());
      check_size(joined->size() * sizeof(Value));
      step(joined->size() * sizeof(Value));
      return joined;
    }
    const int64_t a = need_integer(node, left), b = need_integer(node, right);
    if (op == "<") return a < b;
    if (op == ">") return a > b;
    if (op == "<=") return a <= b;
    if (op == ">=") return a >= b;
    constexpr int64_t kLarge = int64_t{1} << 31;
    if (a > kLarge || a < -kLarge || b > kLarge || b < -kLarge) fail(node.at, "this number is too large");
    if (op == "+") return a + b;
    if (op == "-") return a - b;
    if (op == "*") return a * b;
    if (b <= 0 || a < 0 || op == "/") fail(node.at, "this division is not known here");
    return op == "%" ? a % b : a / b;
  }

  bool contains(const Node& node, const Value& part, const Value& whole) {
    if (whole.text() != nullptr) return whole.text()->find(need_text(node, part)) != std::string::npos;
    if (whole.dict() != nullptr) return find(*whole.dict(), need_text(node, part)) != nullptr;
    if (whole.list() == nullptr) fail(node.at, "'in' needs a list, a dictionary or a string");
    for (const Value& candidate : *whole.list()) {
      if (equal(node, part, candidate)) return true;
    }
    return false;
  }

  Value test(const Node& node, const Value& value) {
    const std::string& name = node.text;
    if (name == "defined") return !value.is<Undefined>();
    if (name == "undefined") return value.is<Undefined>();
    if (name == "none") return value.is<None>();
    if (name == "string") return value.text() != nullptr;
    if (name == "mapping") return value.dict() != nullptr;
    if (name == "number") return value.is<int64_t>() || value.is<bool>();
    if (name == "boolean") return value.is<bool>();
    if (name == "iterable" || name == "sequence") {
      return value.text() != nullptr || value.list() != nullptr || value.dict() != nullptr ||
             (name == "iterable" && value.is<Undefined>());
    }
    if (name == "true" || name == "false") return value.is<bool>() && truth(value) == (name == "true");
    fail(node.at, absl::StrCat("the test '", name, "' is not known here"));
  }

  Value filter(const Node& node) {
    const std::string& name = node.text;
    const Value value = evaluate(*node.args[0]);
    if (name == "default" || name == "d") {
      const bool falsy = node.args.size() > 2 && truth(evaluate(*node.args[2]));
      if (!node.named.empty() || node.args.size() < 2) fail(node.at, "default needs its value");
      return value.is<Undefined>() || (falsy && !truth(value)) ? evaluate(*node.args[1]) : value;
    }
    if (name == "join" && value.list() != nullptr && node.args.size() <= 2) {
      const std::string between = node.args.size() == 2 ? need_text(node, evaluate(*node.args[1])) : "";
      std::string out;
      for (const Value& part : *value.list()) {
        if (&part != value.list()->data()) append(between, &out);
        append(printed(node, part), &out);
      }
      return out;
    }
    if (node.args.size() > 1 || !node.named.empty()) {
      fail(node.at, absl::StrCat("the filter '", name, "' with arguments is not known here"));
    }
    if (name == "length" || name == "count") {
      if (value.text() != nullptr) return static_cast<int64_t>(count_chars(*value.text()));
      if (value.dict() != nullptr) return static_cast<int64_t>(value.dict()->size());
      if (value.list() == nullptr) fail(node.at, "this has no length");
      return static_cast<int64_t>(value.list()->size());
    }
    if (name == "first" || name == "last") {
      return item(node, value, name == "first" ? int64_t{0} : int64_t{-1});
    }
    if (name == "list" && value.list() != nullptr) return value;
    const std::string& text = need_text(node, value);
    if (name == "trim") return std::string(strip(text));
    if (name == "string" || name == "safe") return text;
    if (name == "upper" || name == "lower" || name == "capitalize" || name == "title")
      return cased(node, text, name);
    fail(node.at, absl::StrCat("the filter '", name, "' is not known here"));
  }

  std::string cased(const Node& node, const std::string& text, const std::string& how) {
    std::string out = text;
    bool start = true;
    for (char& c : out) {
      if (static_cast<signed char>(c) < 0) fail(node.at, "cases are known for ASCII alone here");
      c = how == "upper" || (start && how != "lower") ? absl::ascii_toupper(c) : absl::ascii_tolower(c);
      start = how == "title" && !absl::ascii_isalpha(c);
    }
    return out;
  }

  Value call(const Node& node) {
    const Node& callee = *node.args[0];
    if (callee.kind == Node::kMember) return method(node, callee, evaluate(*callee.args[0]));
    if (callee.kind != Node::kName) fail(node.at, "this cannot be called");
    if (const Value* found = lookup(callee.text)) {
      const Node* const* macro = std::get_if<const Node*>(&found->data);
      if (macro == nullptr) fail(node.at, absl::StrCat("'", callee.text, "' cannot be called"));
      return expand(node, **macro);
    }
    const auto argument = [&](size_t i) {
      if (i + 1 >= node.args.size()) fail(node.at, "an argument is missing");
      return evaluate(*node.args[i + 1]);
    };
    if (callee.text == "raise_exception") {
      throw Failure{Failure::kRefused,
                    absl::StrCat("chat template: refuses the conversation: ", printed(node, argument(0)))};
    }
    if (callee.text == "namespace" && node.args.size() == 1) {
      auto dict = std::make_shared<Dict>();
      for (const auto& [name, value] : node.named) dict->emplace_back(name, evaluate(*value));
      return dict;
    }
    if (callee.text == "range" && node.args.size() == 2) {
      auto list = std::make_shared<List>();
      for (int64_t i = 0, end = need_integer(node, argument(0)); i < end; ++i) {
        step();
        list->push_back(i);
      }
      return list;
    }
    if (callee.text == "strftime_now") {
      if (input_.date.empty()) fail(node.at, "the template writes today's date and none is set");
      if (need_text(node, argument(0)) != "%d %b %Y") fail(node.at, "this form of date is not known here");
      return input_.date;
    }
    fail(node.at, absl::StrCat("the function '", callee.text, "' is not known here"));
  }

  Value expand(const Node& call, const Node& macro) {
    if (++calls_ > kMaxCalls)
      throw Failure{Failure::kLimit, "chat template: macros call each other too deeply"};
    if (call.args.size() - 1 > macro.names.size()) fail(call.at, "the macro has fewer parameters");
    Scope scope;
    for (size_t i = 0; i < macro.names.size(); ++i) {
      const Node* given = i + 1 < call.args.size() ? call.args[i + 1].get() : nullptr;
      for (const auto& [name, value] : call.named) {
        if (name == macro.names[i]) given = value.get();
      }
      if (given == nullptr) given = macro.args[i].get();
      scope[macro.names[i]] = given == nullptr ? Value() : evaluate(*given);
    }
    for (const auto& [name, value] : call.named) {
      if (scope.count(name) == 0) fail(value->at, "the macro has no such parameter");
    }
    // A macro sees what is global, not what its caller has set.
    std::vector<Scope> saved(std::make_move_iterator(scopes_.begin() + 1),
                             std::make_move_iterator(scopes_.end()));
    scopes_.resize(1);
    scopes_.push_back(std::move(scope));
    std::string out;
    statements(macro.body, &out);
    scopes_.resize(1);
    std::move(saved.begin(), saved.end(), std::back_inserter(scopes_));
    --calls_;
    return out;
  }

  Value method(const Node& node, const Node& callee, const Value& of) {
    const std::string& name = callee.text;
    if (!node.named.empty()) fail(node.at, "methods have no named arguments here");
    const auto argument = [&](size_t i) {
      if (i + 1 >= node.args.size()) fail(node.at, "an argument is missing");
      return evaluate(*node.args[i + 1]);
    };
    if (of.dict() != nullptr && name == "get") {
      const Value* found = find(*of.dict(), need_text(node, argument(0)));
      if (found != nullptr) return *found;
      return node.args.size() > 2 ? argument(1) : Value(None{});
    }
    if (of.dict() != nullptr && name == "items") {
      auto list = std::make_shared<List>();
      for (const auto& [key, value] : *of.dict()) list->push_back(std::make_shared<List>(List{key, value}));
      return list;
    }
    const std::string& text = need_text(node, of);
    if (name == "startswith") return text.rfind(need_text(node, argument(0)), 0) == 0;
    if (name == "endswith") {
      const std::string end = need_text(node, argument(0));
      return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
    }
    if (name == "strip" || name == "lstrip" || name == "rstrip") return stripped(node, text, name);
    if (name == "upper" || name == "lower" || name == "capitalize" || name == "title")
      return cased(node, text, name);
    if (name == "replace" && node.args.size() == 3) {
      const std::string from = need_text(node, argument(0)), to = need_text(node, argument(1));
      if (from.empty()) fail(node.at, "nothing cannot be replaced here");
      check_size(text.size() * (to.size() + 1));
      return absl::StrReplaceAll(text, {{from, to}});
    }
    if (name == "split" && node.args.size() == 2) {
      const std::string by = need_text(node, argument(0));
      if (by.empty()) fail(node.at, "an empty separator");
      auto list = std::make_shared<List>();
      size_t at = 0;
      for (size_t end; (end = text.find(by, at)) != std::string::npos; at = end + by.size()) {
        step();
        list->push_back(text.substr(at, end - at));
      }
      list->push_back(text.substr(at));
      return list;
    }
    fail(node.at, absl::StrCat("the method '", name, "' is not known here"));
  }

  Value stripped(const Node& node, const std::string& text, const std::string& how) {
    if (node.args.size() == 1) {
      if (how == "strip") return std::string(strip(text));
      if (how == "rstrip") return std::string(right_strip(text));
      const std::string_view body = strip(text);
      return body.empty() ? std::string() : text.substr(body.data() - text.data());
    }
    const std::string set = need_text(node, evaluate(*node.args[1]));
    for (const char c : set) {
      if (static_cast<signed char>(c) < 0) fail(node.at, "strip is known for ASCII alone here");
    }
    size_t begin = 0, end = text.size();
    while (how != "rstrip" && begin < end && set.find(text[begin]) != std::string::npos) ++begin;
    while (how != "lstrip" && end > begin && set.find(text[end - 1]) != std::string::npos) --end;
    return text.substr(begin, end - begin);
  }

  const JinjaInput& input_;
  std::vector<Scope> scopes_;
  int64_t steps_ = 0;
  int calls_ = 0;
};

absl::Status to_status(const Failure& failure) {
  if (failure.kind == Failure::kRefused) return absl::FailedPreconditionError(failure.what);
  if (failure.kind == Failure::kLimit) return absl::ResourceExhaustedError(failure.what);
  return absl::InvalidArgumentError(failure.what);
}

}  // namespace
}  // namespace jinja

absl::StatusOr<JinjaTemplate> JinjaTemplate::parse(std::string_view text) {
  try {
    JinjaTemplate made;
    made.root_ = jinja::parse(text);
    return made;
  } catch (const jinja::Failure& failure) {
    return jinja::to_status(failure);
  }
}

absl::StatusOr<std::string> JinjaTemplate::render(const JinjaInput& input) const {
  try {
    return jinja::Interpreter(input).run(*root_);
  } catch (const jinja::Failure& failure) {
    return jinja::to_status(failure);
  }
}

}  // namespace roux::kit
