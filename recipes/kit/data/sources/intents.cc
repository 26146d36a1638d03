#include "recipes/kit/data/sources/intents.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/data/sources/single_blanks.h"
#include "recipes/kit/data/sources/source_files.h"
#include "tensor/error.h"
#include "tensor/io/json_value.h"

namespace roux::kit {
namespace {

constexpr int kMaxDepth = 50;  // real rules nest seven deep

// Recursive descent over one pattern; what is not taken is read all the same.
class Drawing {
 public:
  Drawing(const std::string& pattern, const std::map<std::string, std::string>& rules,
          stats::RandomStream& random, int depth)
      : text_(pattern), rules_(rules), random_(random), depth_(depth) {}

  absl::StatusOr<std::string> all() {
    ROUX_ASSIGN_OR_RETURN(std::string out, alternatives(/*draws=*/true));
    if (at_ < text_.size()) return error("a bracket is closed that is not open");
    return out;
  }

 private:
  absl::Status error(const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat("sentence pattern '", text_, "': ", what));
  }

  // Up to the end or a closing bracket: one of the parts between |, drawn before they are read.
  absl::StatusOr<std::string> alternatives(bool draws) {
    const int64_t count = count_alternatives();
    const int64_t chosen = draws && count > 1 ? random_.below(count) : 0;
    std::string out;
    for (int64_t i = 0; i < count; ++i) {
      ROUX_ASSIGN_OR_RETURN(const std::string part, sequence(draws && i == chosen));
      if (i == chosen) out = part;
      if (i + 1 < count) ++at_;  // the |
    }
    return out;
  }

  int64_t count_alternatives() const {
    int64_t count = 1, open = 0;
    for (size_t i = at_; i < text_.size(); ++i) {
      const char c = text_[i];
      if (c == '(' || c == '[') ++open;
      if ((c == ')' || c == ']') && --open < 0) break;
      if (c == '|' && open == 0) ++count;
    }
    return count;
  }

  absl::StatusOr<std::string> sequence(bool draws) {
    std::string out;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '|' || c == ')' || c == ']') break;
      ++at_;
      if (c == '(' || c == '[') {
        const bool taken = draws && (c == '(' || random_.below(2) == 1);
        ROUX_ASSIGN_OR_RETURN(const std::string inner, alternatives(taken));
        if (at_ == text_.size() || text_[at_] != (c == '(' ? ')' : ']')) return error("a bracket stays open");
        ++at_;
        if (taken) out += inner;
      } else if (c == '<' || c == '{') {
        const size_t end = text_.find(c == '<' ? '>' : '}', at_);
        if (end == std::string::npos) return error("a bracket stays open");
        const std::string name = text_.substr(at_, end - at_);
        at_ = end + 1;
        if (c == '{') {
          absl::StrAppend(&out, "{", name, "}");
        } else if (draws) {
          ROUX_ASSIGN_OR_RETURN(const std::string drawn, rule(name));
          out += drawn;
        }
      } else {
        out += c;
      }
    }
    return out;
  }

  absl::StatusOr<std::string> rule(const std::string& name) {
    const auto found = rules_.find(name);
    if (found == rules_.end()) return error(absl::StrCat("there is no rule <", name, ">"));
    if (depth_ >= kMaxDepth) return error("the rules go round in a circle");
    return Drawing(found->second, rules_, random_, depth_ + 1).all();
  }

  const std::string& text_;
  const std::map<std::string, std::string>& rules_;
  stats::RandomStream& random_;
  int depth_;
  size_t at_ = 0;
};

}  // namespace

absl::StatusOr<std::string> draw_sentence(const std::string& pattern,
                                          const std::map<std::string, std::string>& rules,
                                          stats::RandomStream& random) {
  ROUX_ASSIGN_OR_RETURN(const std::string sentence, Drawing(pattern, rules, random, 0).all());
  return single_blanks(sentence);
}

absl::StatusOr<Sourced<Intents>> home_intents(const std::string& language, const SourceOptions& options) {
  const std::string path = absl::StrCat("home_assistant_intents/data/", language, ".json");
  ROUX_ASSIGN_OR_RETURN(SourceFiles files, SourceFiles::open("intents", path, options));
  ROUX_ASSIGN_OR_RETURN(const std::string text, files.read(path));
  ROUX_ASSIGN_OR_RETURN(const JsonValue json, parse_json_value(text, path));
  const JsonValue* by_intent = json.find("intents");
  if (by_intent == nullptr || !by_intent->is_object())
    return absl::DataLossError(absl::StrCat(path, ": there is no object 'intents'"));
  Intents intents;
  for (const auto& [intent, description] : by_intent->members()) {
    const JsonValue* data = description.find("data");
    if (data == nullptr || !data->is_array()) continue;
    for (const JsonValue& item : data->items()) {
      const JsonValue* sentences = item.find("sentences");
      if (sentences == nullptr || !sentences->is_array()) continue;
      for (const JsonValue& sentence : sentences->items())
        if (sentence.is_string()) intents.patterns.push_back({intent, sentence.string()});
    }
  }
  if (const JsonValue* rules = json.find("expansion_rules"); rules != nullptr && rules->is_object()) {
    for (const auto& [name, rule] : rules->members())
      if (rule.is_string()) intents.rules.emplace(name, rule.string());
  }
  return Sourced<Intents>{std::move(intents), files.provenance()};
}

}  // namespace roux::kit
