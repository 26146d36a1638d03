#include "recipes/llm_datasets_survey/published_list.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace roux::llm_datasets_survey {
namespace {

using Pair = std::pair<absl::string_view, const char*>;

constexpr Pair kPartHeadings[] = {{"pre-training corpora", "pretraining"},
                                  {"instruction fine-tuning datasets", "instruction"},
                                  {"preference datasets", "preference"},
                                  {"evaluation datasets", "evaluation"},
                                  {"traditional nlp datasets", "traditional"}};
constexpr Pair kFieldNames[] = {{"publisher", "publisher"},
                                {"size", "size"},
                                {"train/dev/test/all size", "size"},
                                {"license", "license"},
                                {"source", "source"},
                                {"domain", "domain"},
                                {"instruction category", "instruction_category"},
                                {"preference evaluation method", "preference_method"},
                                {"question type", "question_type"},
                                {"evaluation method", "evaluation_method"},
                                {"focus", "focus"},
                                {"numbers of evaluation categories/subcategories", "category_counts"},
                                {"evaluation category", "evaluation_category"},
                                {"number of entity categories", "entity_types"},
                                {"number of relationship categories", "relation_types"},
                                {"category", ""}};
constexpr const char* kHeadDimensions[] = {"public", "language", "construction"};

template <size_t n>
const Pair* entry(const Pair (&pairs)[n], absl::string_view key) {
  const auto* found = std::find_if(pairs, pairs + n, [&](const Pair& pair) { return pair.first == key; });
  return found == pairs + n ? nullptr : found;
}

// Between the bars; a link is one piece, whatever it holds.
std::vector<std::string> head_fields(absl::string_view head) {
  std::vector<std::string> fields(1);
  for (size_t at = 0; at < head.size();) {
    size_t end = at + 1;
    if (const size_t middle = head.find("](", at); head[at] == '[' && middle != head.npos) {
      int open = 1;
      for (end = middle + 2; end < head.size() && open > 0; ++end)
        open += (head[end] == '(') - (head[end] == ')');
    }
    if (head[at] == '|') {
      fields.emplace_back();
    } else {
      absl::StrAppend(&fields.back(), head.substr(at, end - at));
    }
    at = end;
  }
  for (std::string& field : fields) absl::StripAsciiWhitespace(&field);
  return fields;
}

// "9427/3270/3245/15942" is 15942 instances, "7.5K/-/1K/-" 8500; empty where none is stated.
std::string size_of_splits(const std::string& text) {
  const std::vector<std::string> splits = absl::StrSplit(text, '/');
  const auto count = [](const std::string& split) {
    const auto size = parse_size(absl::StrCat(split, " instances"));
    return size.ok() ? size->amount : -1;
  };
  if (splits.size() == 4 && count(splits[3]) >= 0) return absl::StrCat(splits[3], " instances");
  double sum = -1;
  for (const std::string& split : splits) {
    if (count(split) >= 0) sum = std::max(sum, 0.0) + count(split);
  }
  return sum < 0 ? "" : absl::StrCat(static_cast<int64_t>(sum), " instances");
}

class Reader {
 public:
  void line(absl::string_view text) {
    if (absl::StartsWith(text, "```")) fenced_ = !fenced_, open_ = nullptr;
    if (fenced_) return;
    if (absl::StartsWith(text, "#")) {
      heading(text);
    } else if (absl::ConsumePrefix(&text, "- **")) {
      open_ = nullptr;
      head(text);
    } else if (text = absl::StripAsciiWhitespace(text); absl::ConsumePrefix(&text, "- ")) {
      field(text);
    }
  }

  Catalogue finish() {
    if (elsewhere_ > 0)
      catalogue_.notes.push_back(
          absl::StrCat(elsewhere_, " data sets below other headings than the five parts"));
    return std::move(catalogue_);
  }

 private:
  void note(const std::string& name, const std::string& what) {
    catalogue_.notes.push_back(absl::StrCat(name, ": ", what));
  }

  void heading(absl::string_view text) {
    open_ = nullptr;
    const size_t level = text.find_first_not_of('#');
    if (level == text.npos) return;
    text = text.substr(level);
    heading_ = absl::AsciiStrToLower(absl::StripAsciiWhitespace(text.substr(0, text.find("<a "))));
    if (level > 2) return;
    const Pair* part = entry(kPartHeadings, heading_);
    part_ = part == nullptr ? "" : part->second;
  }

  void head(absl::string_view text) {
    text = absl::StripAsciiWhitespace(text);
    absl::ConsumeSuffix(&text, "**");
    const std::vector<std::string> fields = head_fields(text);
    if (fields.size() < 2 || absl::StartsWith(fields[0], "[")) return;  // a link, no data set
    Record record;
    const std::string& first = fields[0];
    const size_t space = first.rfind(' '), gap = first.find("  ");
    if (space != first.npos && fault_of("release", first.substr(space + 1)).empty()) {
      record.fields = {{"name", std::string(absl::StripAsciiWhitespace(first.substr(0, space)))},
                       {"release", first.substr(space + 1)}};
    } else {
      record.fields = {{"name", first.substr(0, gap)}};
    }
    const std::string name = record["name"];
    if (part_.empty()) {
      ++elsewhere_;
      return;
    }
    const auto leaf = std::find_if(taxonomy().begin(), taxonomy().end(),
                                   [&](const Leaf& l) { return l.part == part_ && l.heading == heading_; });
    if (leaf == taxonomy().end()) {
      note(name, absl::StrCat("below '", heading_, "', which is no leaf of the taxonomy"));
      return;
    }
    record.fields["category"] = absl::StrCat(leaf->part, "/", leaf->name);
    if (!names_.emplace(name, record["category"]).second) {
      note(name, absl::StrCat("twice in ", record["category"]));
      return;
    }
    const std::string rest = gap == first.npos ? "" : normal_value("release", first.substr(gap));
    if (!record.fields.contains("release") && !rest.empty())
      note(name, absl::StrCat("'", rest, "' is no date"));
    size_t next = 0;
    for (size_t i = 1; i < fields.size(); ++i) {
      if (fields[i].empty() || fields[i] == "-" || fields[i][0] == '[') continue;
      size_t d = next;
      const auto value = [&] { return normal_value(kHeadDimensions[d], fields[i]); };
      while (d < std::size(kHeadDimensions) && !fault_of(kHeadDimensions[d], value()).empty()) ++d;
      if (d == std::size(kHeadDimensions)) {
        note(name, absl::StrCat("'", fields[i], "' in the head is no code"));
      } else {
        record.fields[kHeadDimensions[d]] = value();
        next = d + 1;
      }
    }
    catalogue_.records.push_back(std::move(record));
    open_ = &catalogue_.records.back();
  }

  void field(absl::string_view text) {
    const size_t colon = text.find(':');
    if (open_ == nullptr || colon == text.npos) return;
    const std::string key = absl::AsciiStrToLower(absl::StripAsciiWhitespace(text.substr(0, colon)));
    const Pair* known = entry(kFieldNames, key);
    const std::string name = (*open_)["name"];
    if (known == nullptr) {
      note(name, absl::StrCat("a field '", key, "'"));
      return;
    }
    const std::string dimension = known->second;
    if (dimension.empty()) return;
    std::string value = normal_value(dimension, std::string(text.substr(colon + 1)));
    if (key != "size" && dimension == "size") value = size_of_splits(value);
    if (value.empty()) return;
    if (const std::string fault = fault_of(dimension, value); !fault.empty()) {
      note(name, fault);
    } else {
      open_->fields[dimension] = value;
    }
  }

  Catalogue catalogue_;
  Record* open_ = nullptr;  // the record that fields belong to
  std::string part_, heading_;
  std::set<std::pair<std::string, std::string>> names_;
  int64_t elsewhere_ = 0;
  bool fenced_ = false;
};

}  // namespace

Catalogue read_published_list(const std::string& text) {
  Reader reader;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) reader.line(line);
  return reader.finish();
}

}  // namespace roux::llm_datasets_survey
