// The values of chat_template_jinja.h and what can be done to them: operators, tests, filters and methods.
// What Jinja knows and this does not is a Failure that names it. Private to the files of the interpreter.
#ifndef ROUX_RECIPES_KIT_TEXT_CHAT_TEMPLATE_VALUE_H_
#define ROUX_RECIPES_KIT_TEXT_CHAT_TEMPLATE_VALUE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "recipes/kit/text/chat_template_syntax.h"

namespace roux::kit::jinja {

struct Value;
using List = std::vector<Value>;
using Dict = std::vector<std::pair<std::string, Value>>;
struct Undefined {};
struct None {};

// Lists and dictionaries are shared, as in Python; only a namespace is ever changed. A Node is a macro, or
// null for a function that the interpreter knows.
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

// What one rendering may take; a Failure of kind kLimit beyond.
class Budget {
 public:
  void step(size_t bytes = 0);  // a step may also copy text: it counts for more then
  static void check_size(size_t size);

 private:
  int64_t steps_ = 0;
};

const Value* find(const Dict& dict, std::string_view key);  // null: there is none
bool truth(const Value& value);
std::string printed(const Node& node, const Value& value);
// In these and below, `node` is where a Failure says that the fault is.
const std::string& need_text(const Node& node, const Value& value);
int64_t need_integer(const Node& node, const Value& value);

Value item(const Node& node, const Value& of, const Value& key);                        // of.key and of[key]
Value binary(const Node& node, const Value& left, const Value& right, Budget& budget);  // all but "and", "or"
Value test(const Node& node, const Value& value);                                       // value is node.text
// value | node.text(arguments); "default" is the interpreter's.
Value filter(const Node& node, const Value& value, const List& arguments);
// of.name(arguments).
Value method(const Node& node, const std::string& name, const Value& of, const List& arguments,
             Budget& budget);

}  // namespace roux::kit::jinja

#endif  // ROUX_RECIPES_KIT_TEXT_CHAT_TEMPLATE_VALUE_H_
