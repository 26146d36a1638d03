// Tests, filters and methods of chat_template_value.h.
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "recipes/kit/text/chat_template_value.h"
#include "recipes/kit/text/utf8.h"
#include "recipes/kit/text/words.h"

namespace roux::kit::jinja {
namespace {

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

Value stripped(const Node& node, const std::string& text, const std::string& how, const List& arguments) {
  if (arguments.empty()) {
    if (how == "strip") return std::string(strip(text));
    if (how == "rstrip") return std::string(right_strip(text));
    const std::string_view body = strip(text);
    return body.empty() ? std::string() : text.substr(body.data() - text.data());
  }
  const std::string set = need_text(node, arguments[0]);
  for (const char c : set) {
    if (static_cast<signed char>(c) < 0) fail(node.at, "strip is known for ASCII alone here");
  }
  size_t begin = 0, end = text.size();
  while (how != "rstrip" && begin < end && set.find(text[begin]) != std::string::npos) ++begin;
  while (how != "lstrip" && end > begin && set.find(text[end - 1]) != std::string::npos) --end;
  return text.substr(begin, end - begin);
}

}  // namespace

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

Value filter(const Node& node, const Value& value, const List& arguments) {
  const std::string& name = node.text;
  if (name == "join" && value.list() != nullptr && arguments.size() <= 1) {
    const std::string between = arguments.empty() ? "" : need_text(node, arguments[0]);
    std::string out;
    for (const Value& part : *value.list()) {
      if (&part != value.list()->data()) out += between;
      out += printed(node, part);
      Budget::check_size(out.size());
    }
    return out;
  }
  if (!arguments.empty() || !node.named.empty()) {
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

Value method(const Node& node, const std::string& name, const Value& of, const List& arguments,
             Budget& budget) {
  if (!node.named.empty()) fail(node.at, "methods have no named arguments here");
  const auto argument = [&](size_t i) -> const Value& {
    if (i >= arguments.size()) fail(node.at, "an argument is missing");
    return arguments[i];
  };
  if (of.dict() != nullptr && name == "get") {
    const Value* found = find(*of.dict(), need_text(node, argument(0)));
    if (found != nullptr) return *found;
    return arguments.size() > 1 ? arguments[1] : Value(None{});
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
  if (name == "strip" || name == "lstrip" || name == "rstrip") {
    return stripped(node, text, name, arguments);
  }
  if (name == "upper" || name == "lower" || name == "capitalize" || name == "title")
    return cased(node, text, name);
  if (name == "replace" && arguments.size() == 2) {
    const std::string &from = need_text(node, argument(0)), to = need_text(node, argument(1));
    if (from.empty()) fail(node.at, "nothing cannot be replaced here");
    Budget::check_size(text.size() * (to.size() + 1));
    return absl::StrReplaceAll(text, {{from, to}});
  }
  if (name == "split" && arguments.size() == 1) {
    const std::string by = need_text(node, argument(0));
    if (by.empty()) fail(node.at, "an empty separator");
    auto list = std::make_shared<List>();
    size_t at = 0;
    for (size_t end; (end = text.find(by, at)) != std::string::npos; at = end + by.size()) {
      budget.step();
      list->push_back(text.substr(at, end - at));
    }
    list->push_back(text.substr(at));
    return list;
  }
  fail(node.at, absl::StrCat("the method '", name, "' is not known here"));
}

}  // namespace roux::kit::jinja
