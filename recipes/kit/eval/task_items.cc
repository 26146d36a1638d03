#include "recipes/kit/eval/task_items.h"

#include <initializer_list>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "recipes/kit/text/readers/jsonl.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr int64_t kLetters = 26;

std::string letter(int64_t choice) { return std::string(1, static_cast<char>('A' + choice)); }

// One line's object, asked for members by any of their names.
class Line {
 public:
  Line(const std::string& path, const JsonlReader& reader)
      : where_(absl::StrCat(path, ": line ", reader.line_number())),
        number_(reader.line_number()),
        value_(reader.value()) {}

  absl::Status error(const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat(where_, ": ", what));
  }
  absl::Status wrong_type(const std::string& name, const JsonValue& value, const char* wanted) const {
    return error(absl::StrCat("'", name, "' is ", value.type_name(), ", ", wanted, " was expected"));
  }

  // The first of these members that is there, with its name.
  using Member = std::pair<std::string, const JsonValue*>;
  absl::StatusOr<Member> member(std::initializer_list<const char*> names) const {
    if (!value_.is_object())
      return error(absl::StrCat("value is ", value_.type_name(), ", an object was expected"));
    for (const char* name : names) {
      if (const JsonValue* found = value_.find(name)) return Member{name, found};
    }
    return absl::NotFoundError(absl::StrCat(where_, ": there is no '", absl::StrJoin(names, "', '"), "'"));
  }

  absl::StatusOr<std::string> text(std::initializer_list<const char*> names,
                                   bool empty_allowed = true) const {
    ROUX_ASSIGN_OR_RETURN(const Member found, member(names));
    if (!found.second->is_string()) return wrong_type(found.first, *found.second, "a string");
    if (!empty_allowed && found.second->string().empty()) return error("'" + found.first + "' is empty");
    return found.second->string();
  }

  absl::StatusOr<std::vector<std::string>> texts(const std::string& name, const JsonValue& list) const {
    if (!list.is_array()) return wrong_type(name, list, "a list of strings");
    std::vector<std::string> texts;
    for (const JsonValue& item : list.items()) {
      if (!item.is_string()) return wrong_type(absl::StrCat(name, "[", texts.size(), "]"), item, "a string");
      texts.push_back(item.string());
    }
    return texts;
  }

  absl::StatusOr<std::string> id() const {
    const JsonValue* id = value_.is_object() ? value_.find("id") : nullptr;
    if (id == nullptr) return absl::StrCat(number_);
    if (id->is_integer()) return absl::StrCat(id->integer());
    if (!id->is_string()) return wrong_type("id", *id, "a string or an integer");
    return id->string();
  }

 private:
  std::string where_;
  int64_t number_;
  const JsonValue& value_;
};

// read(line, &item) for every line.
template <class Item, class Read>
absl::StatusOr<std::vector<Item>> read_items(const std::string& path, Read read) {
  ROUX_ASSIGN_OR_RETURN(JsonlReader reader, JsonlReader::open(path));
  std::vector<Item> items;
  for (;;) {
    ROUX_ASSIGN_OR_RETURN(const bool more, reader.next());
    if (!more) break;
    const Line line(path, reader);
    Item item;
    ROUX_ASSIGN_OR_RETURN(item.id, line.id());
    ROUX_RETURN_IF_ERROR(read(line, item));
    items.push_back(std::move(item));
  }
  if (items.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": there are no items"));
  return items;
}

// Which choice an answer means: a number from 0 on, or one of the labels. Where these are letters of ours, a
// number may be written as a text.
absl::StatusOr<int64_t> answer_of(const Line& line, const std::vector<std::string>& labels, bool own_labels) {
  ROUX_ASSIGN_OR_RETURN(const Line::Member found, line.member({"answer", "answerKey", "label", "gold"}));
  const auto& [name, value] = found;
  const auto count = static_cast<int64_t>(labels.size());
  int64_t number = -1;
  const bool digits = value->is_string() && !own_labels && absl::SimpleAtoi(value->string(), &number);
  if (value->is_integer() || digits) {
    if (!digits) number = value->integer();
    if (number >= 0 && number < count) return number;
    return line.error(absl::StrCat("'", name, "' is ", number, ", needed 0 to ", count - 1));
  }
  if (!value->is_string()) return line.wrong_type(name, *value, "an integer or a label");
  for (int64_t i = 0; i < count; ++i)
    if (labels[static_cast<size_t>(i)] == value->string()) return i;
  return line.error(absl::StrCat("'", name, "' is \"", value->string(), "\", which is none of the labels \"",
                                 absl::StrJoin(labels, "\", \""), "\""));
}

absl::Status read_choices(const Line& line, ChoiceItem& item) {
  ROUX_ASSIGN_OR_RETURN(item.question, line.text({"question", "query", "ctx"}));
  ROUX_ASSIGN_OR_RETURN(const Line::Member found, line.member({"choices", "endings"}));
  const JsonValue* texts = found.second;
  std::vector<std::string> labels;
  const bool texts_have_labels = texts->is_object();
  if (texts_have_labels) {
    const JsonValue* own = texts->find("label");
    if (own == nullptr || texts->find("text") == nullptr)
      return line.error(absl::StrCat("'", found.first, "' has no 'text' or no 'label'"));
    ROUX_ASSIGN_OR_RETURN(labels, line.texts(found.first + ".label", *own));
    texts = texts->find("text");
  }
  ROUX_ASSIGN_OR_RETURN(item.choices, line.texts(found.first, *texts));
  if (item.choices.size() < 2)
    return line.error(
        absl::StrCat("'", found.first, "' has ", item.choices.size(), " entries, needed 2 or more"));
  for (size_t i = 0; i < item.choices.size(); ++i)
    if (item.choices[i].empty()) return line.error(absl::StrCat("'", found.first, "[", i, "]' is empty"));
  if (!texts_have_labels) {
    for (int64_t i = 0; i < static_cast<int64_t>(item.choices.size()); ++i)
      labels.push_back(i < kLetters ? letter(i) : absl::StrCat(i));
  }
  if (labels.size() != item.choices.size()) {
    return line.error(absl::StrCat("'", found.first, "' has ", item.choices.size(), " texts and ",
                                   labels.size(), " labels"));
  }
  ROUX_ASSIGN_OR_RETURN(item.answer, answer_of(line, labels, texts_have_labels));
  return absl::OkStatus();
}

std::string shown(const PromptFormat& format, const std::string& question,
                  const std::vector<std::string>& choices) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < choices.size(); ++i)
    lines.push_back(absl::StrCat(static_cast<int64_t>(i) < kLetters ? letter(static_cast<int64_t>(i)) : "-",
                                 ". ", choices[i]));
  return absl::StrReplaceAll(format.item,
                             {{"{question}", question}, {"{choices}", absl::StrJoin(lines, "\n")}});
}

}  // namespace

absl::StatusOr<std::vector<ChoiceItem>> read_choice_items(const std::string& path) {
  return read_items<ChoiceItem>(path, read_choices);
}

absl::StatusOr<std::vector<LikelihoodItem>> read_likelihood_items(const std::string& path) {
  return read_items<LikelihoodItem>(path, [](const Line& line, LikelihoodItem& item) -> absl::Status {
    ROUX_ASSIGN_OR_RETURN(item.context, line.text({"context"}));
    ROUX_ASSIGN_OR_RETURN(item.continuation, line.text({"continuation"}, /*empty_allowed=*/false));
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<GenerationItem>> read_generation_items(const std::string& path) {
  return read_items<GenerationItem>(path, [](const Line& line, GenerationItem& item) -> absl::Status {
    ROUX_ASSIGN_OR_RETURN(item.prompt, line.text({"prompt", "question", "query"}));
    ROUX_ASSIGN_OR_RETURN(const Line::Member found, line.member({"references", "reference", "answer"}));
    if (found.second->is_string()) {
      item.references = {found.second->string()};
    } else {
      ROUX_ASSIGN_OR_RETURN(item.references, line.texts(found.first, *found.second));
    }
    if (item.references.empty()) return line.error(absl::StrCat("'", found.first, "' is an empty list"));
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<TextItem>> read_text_items(const std::string& path) {
  return read_items<TextItem>(path, [](const Line& line, TextItem& item) -> absl::Status {
    ROUX_ASSIGN_OR_RETURN(item.text, line.text({"text"}, /*empty_allowed=*/false));
    return absl::OkStatus();
  });
}

std::vector<std::string> continuations(const PromptFormat& format, const ChoiceItem& item) {
  const auto count = static_cast<int64_t>(item.choices.size());
  ROUX_CHECK(!format.letters || count <= kLetters)
      << "continuations: item " << item.id << " has " << count << " choices, letters reach to " << kLetters;
  std::vector<std::string> texts;
  for (int64_t i = 0; i < count; ++i)
    texts.push_back(format.delimiter + (format.letters ? letter(i) : item.choices[static_cast<size_t>(i)]));
  return texts;
}

std::string prompt(const PromptFormat& format, absl::Span<const ChoiceItem> exemplars,
                   const ChoiceItem& item) {
  std::string text = format.instruction;
  for (const ChoiceItem& exemplar : exemplars) {
    if (exemplar.id == item.id) continue;
    const auto count = static_cast<int64_t>(exemplar.choices.size());
    ROUX_CHECK(exemplar.answer >= 0 && exemplar.answer < count)
        << "prompt: the answer of exemplar " << exemplar.id << " is " << exemplar.answer << " of " << count
        << " choices";
    absl::StrAppend(&text, shown(format, exemplar.question, exemplar.choices),
                    continuations(format, exemplar)[static_cast<size_t>(exemplar.answer)], format.separator);
  }
  return text + shown(format, item.question, item.choices);
}

std::string prompt(const PromptFormat& format, absl::Span<const GenerationItem> exemplars,
                   const GenerationItem& item) {
  std::string text = format.instruction;
  for (const GenerationItem& exemplar : exemplars) {
    if (exemplar.id == item.id) continue;
    ROUX_CHECK(!exemplar.references.empty()) << "prompt: exemplar " << exemplar.id << " has no reference";
    absl::StrAppend(&text, shown(format, exemplar.prompt, {}), format.delimiter, exemplar.references[0],
                    format.separator);
  }
  return text + shown(format, item.prompt, {});
}

}  // namespace roux::kit
