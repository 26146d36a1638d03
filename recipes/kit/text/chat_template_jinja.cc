#include "recipes/kit/text/chat_template_jinja.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/chat_template_value.h"

namespace roux::kit {
namespace jinja {
namespace {

constexpr int kMaxCalls = 10;

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

  Flow statements(const std::vector<NodePtr>& list, std::string* out) {
    for (const NodePtr& node : list) {
      if (const Flow flow = statement(*node, out); flow != kNormal) return flow;
    }
    return kNormal;
  }

  Flow statement(const Node& node, std::string* out) {
    budget_.step();
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
    Budget::check_size(out->size() + text.size());
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
    budget_.step();
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

  Value evaluate(const Node& node) {
    budget_.step();
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
        if (found->text() != nullptr) budget_.step(found->text()->size());
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

  List arguments(const Node& node) {
    List values;
    for (size_t i = 1; i < node.args.size(); ++i) values.push_back(evaluate(*node.args[i]));
    return values;
  }

  Value binary(const Node& node) {
    const Value left = evaluate(*node.args[0]);
    if (node.text == "or") return truth(left) ? left : evaluate(*node.args[1]);
    if (node.text == "and") return truth(left) ? evaluate(*node.args[1]) : left;
    return jinja::binary(node, left, evaluate(*node.args[1]), budget_);
  }

  Value filter(const Node& node) {
    const Value value = evaluate(*node.args[0]);
    if (node.text != "default" && node.text != "d") return jinja::filter(node, value, arguments(node));
    const bool falsy = node.args.size() > 2 && truth(evaluate(*node.args[2]));
    if (!node.named.empty() || node.args.size() < 2) fail(node.at, "default needs its value");
    return value.is<Undefined>() || (falsy && !truth(value)) ? evaluate(*node.args[1]) : value;
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

  Value call(const Node& node) {
    const Node& callee = *node.args[0];
    if (callee.kind == Node::kMember) {
      const Value of = evaluate(*callee.args[0]);
      return method(node, callee.text, of, arguments(node), budget_);
    }
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
        budget_.step();
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

  const JinjaInput& input_;
  std::vector<Scope> scopes_;
  Budget budget_;
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
