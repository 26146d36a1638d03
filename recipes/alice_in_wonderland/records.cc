#include "recipes/alice_in_wonderland/records.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/text/readers/csv.h"
#include "recipes/kit/text/readers/jsonl.h"
#include "tensor/error.h"
#include "tensor/io/json_value.h"

namespace roux::alice {
namespace {

// An object of a file, which knows where it stands.
class Entry {
 public:
  Entry(JsonValue value, std::string where) : value_(std::move(value)), where_(std::move(where)) {}

  absl::Status error(const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat(where_, ": ", what));
  }
  bool has(const char* name) const {
    const JsonValue* member = value_.find(name);
    return member != nullptr && !member->is_null();
  }
  // A text, or a number as a text: the authors write answers as both. A null is the empty text where `empty`
  // may be.
  absl::StatusOr<std::string> text(const char* name, bool empty = false) const {
    const JsonValue* member = value_.find(name);
    if (member == nullptr) return error(absl::StrCat("has no \"", name, "\""));
    std::string out;
    if (member->is_integer()) {
      out = absl::StrCat(member->integer());
    } else if (member->is_number()) {
      out = absl::StrCat(member->number());
    } else if (member->is_string()) {
      out = member->string();
    } else if (!member->is_null() || !empty) {
      return error(
          absl::StrCat("\"", name, "\" is of type ", member->type_name(), ", needed a text or a number"));
    }
    if (out.empty() && !empty) return error(absl::StrCat("\"", name, "\" is empty"));
    return out;
  }
  absl::Status expect_object() const {
    return value_.is_object()
               ? absl::OkStatus()
               : error(absl::StrCat("is of type ", value_.type_name(), ", needed an object {...}"));
  }

 private:
  JsonValue value_;
  std::string where_;
};

absl::StatusOr<std::vector<Entry>> read_entries(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(const std::string text, kit::read_text(path));
  std::vector<Entry> entries;
  if (absl::StartsWith(absl::StripLeadingAsciiWhitespace(text), "[")) {
    ROUX_ASSIGN_OR_RETURN(JsonValue list, parse_json_value(text, path));
    for (JsonValue& value : list.items())
      entries.emplace_back(std::move(value), absl::StrCat(path, ": entry ", entries.size()));
  } else {
    ROUX_ASSIGN_OR_RETURN(kit::JsonlReader reader, kit::JsonlReader::open(path));
    for (;;) {
      ROUX_ASSIGN_OR_RETURN(const bool more, reader.next());
      if (!more) break;
      entries.emplace_back(reader.value(), absl::StrCat(path, ": line ", reader.line_number()));
    }
  }
  for (const Entry& entry : entries) ROUX_RETURN_IF_ERROR(entry.expect_object());
  if (entries.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": the list is empty"));
  return entries;
}

struct Trial {
  SampledItem item;
  std::string response;
};

absl::StatusOr<Trial> trial_of(const Entry& entry) {
  Trial trial;
  ROUX_ASSIGN_OR_RETURN(trial.item.right_answer, entry.text("right_answer"));
  if (entry.has("prompt")) {
    ROUX_ASSIGN_OR_RETURN(trial.item.prompt, entry.text("prompt"));
    trial.item.variation = problem_in(trial.item.prompt);
    trial.item.type = prompt_type_in(trial.item.prompt);
    trial.item.counts = counts_in(trial.item.variation, trial.item.right_answer);
    trial.item.symbol = symbol_in(trial.item.variation);
  }
  if (entry.has("variation") || !entry.has("prompt")) {
    ROUX_ASSIGN_OR_RETURN(trial.item.variation, entry.text("variation"));
  }
  if (entry.has("prompt_type") || !entry.has("prompt")) {
    ROUX_ASSIGN_OR_RETURN(trial.item.type, entry.text("prompt_type"));
  }
  if (entry.has("model_response") || !entry.has("answer")) {
    ROUX_ASSIGN_OR_RETURN(trial.response, entry.text("model_response", /*empty=*/true));
  } else {
    ROUX_ASSIGN_OR_RETURN(const std::string answer, entry.text("answer", /*empty=*/true));
    trial.response = absl::StrCat("Answer: ", answer);
  }
  return trial;
}

}  // namespace

std::string prompt_type_in(const std::string& text) {
  const std::string lower = absl::AsciiStrToLower(text);
  if (absl::StrContains(lower, "restricted") || absl::StrContains(lower, "do not output any text"))
    return "RESTRICTED";
  if (absl::StrContains(lower, "thinking") || absl::StrContains(lower, "think carefully")) return "THINKING";
  if (absl::StrContains(lower, "standard") || absl::StrContains(lower, "### answer")) return "STANDARD";
  return "OTHER";
}

std::string problem_in(const std::string& prompt) {
  const size_t mark = prompt.find('?');
  return mark == std::string::npos ? prompt : prompt.substr(0, mark + 1);
}

std::optional<Counts> counts_in(const std::string& problem, const std::string& right_answer) {
  const std::vector<std::string> words = absl::StrSplit(problem, ' ', absl::SkipEmpty());
  std::optional<int64_t> brothers, sisters;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    int64_t number = 0;
    if (!absl::SimpleAtoi(words[i], &number)) continue;
    if (absl::StartsWith(words[i + 1], "brother")) brothers = number;
    if (absl::StartsWith(words[i + 1], "sister")) sisters = number;
  }
  int64_t right = 0;
  if (!brothers || !sisters || !absl::SimpleAtoi(right_answer, &right)) return std::nullopt;
  const bool asks_brothers = absl::StrContains(problem, "How many brothers");
  return Counts{right, asks_brothers ? *brothers : *sisters, asks_brothers ? *sisters : *brothers};
}

char symbol_in(const std::string& problem) {
  const std::string asked = absl::StrContains(problem, "How many brothers") ? "brother" : "sister";
  const std::vector<std::string> words = absl::StrSplit(problem, ' ', absl::SkipEmpty());
  for (size_t i = 0; i + 1 < words.size(); ++i)
    if (words[i].size() == 1 && absl::ascii_isupper(static_cast<unsigned char>(words[i][0])) &&
        absl::StartsWith(words[i + 1], asked))
      return words[i][0];
  return 0;
}

absl::StatusOr<std::vector<SampledItem>> read_prompts(const std::string& path,
                                                      const std::vector<int64_t>& ids) {
  ROUX_ASSIGN_OR_RETURN(const std::vector<Entry> entries, read_entries(path));
  std::map<std::string, SampledItem> by_id;
  std::vector<std::string> order;
  for (const Entry& entry : entries) {
    SampledItem item;
    ROUX_ASSIGN_OR_RETURN(const std::string id, entry.text("id"));
    // The authors' file also holds conversations, whose prompt is a list, and prompts without a right answer.
    const auto is_id = [&](int64_t wanted) { return absl::StrCat(wanted) == id; };
    if (!ids.empty() && std::none_of(ids.begin(), ids.end(), is_id)) continue;
    ROUX_ASSIGN_OR_RETURN(item.prompt, entry.text("prompt"));
    ROUX_ASSIGN_OR_RETURN(item.right_answer, entry.text("right_answer"));
    std::string description;
    if (entry.has("description")) {
      ROUX_ASSIGN_OR_RETURN(description, entry.text("description", /*empty=*/true));
    }
    item.variation = id;
    const std::string described = prompt_type_in(description);
    item.type = described == "OTHER" ? prompt_type_in(item.prompt) : described;
    item.counts = counts_in(problem_in(item.prompt), item.right_answer);
    item.symbol = symbol_in(problem_in(item.prompt));
    if (!by_id.emplace(id, std::move(item)).second)
      return entry.error(absl::StrCat("id ", id, " comes twice"));
    order.push_back(id);
  }
  if (!ids.empty()) {
    order.clear();
    for (const int64_t id : ids) order.push_back(absl::StrCat(id));
  }
  std::vector<SampledItem> items;
  for (const std::string& id : order) {
    const auto item = by_id.find(id);
    if (item == by_id.end())
      return absl::NotFoundError(
          absl::StrCat(path, ": there is no prompt with id ", id, " among ", entries.size()));
    items.push_back(item->second);
  }
  return items;
}

absl::StatusOr<std::vector<ModelTrials>> read_trials(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(const std::vector<Entry> entries, read_entries(path));
  std::vector<ModelTrials> models;
  std::map<std::string, size_t> model_index;
  std::map<std::pair<std::string, std::pair<std::string, std::string>>, size_t> item_index;
  for (const Entry& entry : entries) {
    ROUX_ASSIGN_OR_RETURN(const std::string model, entry.text("model"));
    ROUX_ASSIGN_OR_RETURN(const Trial trial, trial_of(entry));
    const size_t m = model_index.emplace(model, models.size()).first->second;
    if (m == models.size()) models.push_back({.model = model});
    ModelTrials& trials = models[m];
    const size_t i =
        item_index
            .emplace(std::pair(model, std::pair(trial.item.type, trial.item.variation)), trials.items.size())
            .first->second;
    if (i == trials.items.size()) trials.items.push_back(trial.item), trials.responses.emplace_back();
    if (trials.items[i].right_answer != trial.item.right_answer) {
      return entry.error(absl::StrCat("\"right_answer\" is ", trial.item.right_answer,
                                      ", in an earlier trial of \"", trial.item.variation, "\" it is ",
                                      trials.items[i].right_answer));
    }
    trials.responses[i].texts.push_back(trial.response);
  }
  return models;
}

absl::StatusOr<Benchmarks> read_benchmarks(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(kit::CsvReader csv, kit::CsvReader::open(path));
  ROUX_ASSIGN_OR_RETURN(const size_t model, csv.column("model"));
  Benchmarks out;
  for (size_t i = 0; i < csv.columns().size(); ++i)
    if (i != model) out.names.push_back(csv.columns()[i]);
  for (;;) {
    ROUX_ASSIGN_OR_RETURN(const bool more, csv.next());
    if (!more) break;
    const std::string& name = csv.fields()[model];
    if (out.scores.contains(name))
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": line ", csv.line_number(), ": model ", name, " comes twice"));
    std::vector<double>& scores = out.scores[name];
    for (size_t i = 0; i < csv.fields().size(); ++i) {
      if (i == model) continue;
      double score = std::numeric_limits<double>::quiet_NaN();
      if (!csv.fields()[i].empty() && !absl::SimpleAtod(csv.fields()[i], &score)) {
        return absl::InvalidArgumentError(absl::StrCat(path, ": line ", csv.line_number(), ": \"",
                                                       csv.fields()[i], "\" in column ", csv.columns()[i],
                                                       " is no number"));
      }
      scores.push_back(score);
    }
  }
  return out;
}

}  // namespace roux::alice
