#include "recipes/kit/text/chat_template_value.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace roux::kit::jinja {
namespace {

constexpr int64_t kMaxSteps = 200000;
constexpr size_t kMaxOutput = 1 << 20;

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

bool contains(const Node& node, const Value& part, const Value& whole) {
  if (whole.text() != nullptr) return whole.text()->find(need_text(node, part)) != std::string::npos;
  if (whole.dict() != nullptr) return find(*whole.dict(), need_text(node, part)) != nullptr;
  if (whole.list() == nullptr) fail(node.at, "'in' needs a list, a dictionary or a string");
  for (const Value& candidate : *whole.list()) {
    if (equal(node, part, candidate)) return true;
  }
  return false;
}

}  // namespace

void Budget::step(size_t bytes) {
  steps_ += 1 + static_cast<int64_t>(bytes / 64);
  if (steps_ > kMaxSteps) throw Failure{Failure::kLimit, "chat template: takes too many steps"};
}

void Budget::check_size(size_t size) {
  if (size > kMaxOutput) throw Failure{Failure::kLimit, "chat template: writes too much"};
}

const Value* find(const Dict& dict, std::string_view key) {
  for (const auto& [name, value] : dict) {
    if (name == key) return &value;
  }
  return nullptr;
}

bool truth(const Value& value) {
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

Value binary(const Node& node, const Value& left, const Value& right, Budget& budget) {
  const std::string& op = node.text;
  if (op == "==") return equal(node, left, right);
  if (op == "!=") return !equal(node, left, right);
  if (op == "in") return contains(node, left, right);
  if (op == "~" || (op == "+" && left.text() != nullptr && right.text() != nullptr)) {
    const std::string a = printed(node, left), b = printed(node, right);
    Budget::check_size(a.size() + b.size());
    budget.step(a.size() + b.size());
    return a + b;
  }
  if (op == "+" && left.list() != nullptr && right.list() != nullptr) {
    auto joined = std::make_shared<List>(*left.list());
    joined->insert(joined->end(), right.list()->begin(), right.list()->end());
    Budget::check_size(joined->size() * sizeof(Value));
    budget.step(joined->size() * sizeof(Value));
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

}  // namespace roux::kit::jinja
