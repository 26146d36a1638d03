#include "recipes/lora_education/judged_answers.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/text/readers/jsonl.h"
#include "tensor/error.h"

namespace roux::lora_education {
namespace {

using kit::format_number;

struct Counted {
  const char* field;
  int64_t most;
  std::vector<int64_t> JudgedAnswers::*values;
};
constexpr int64_t kAny = 1000;
constexpr Counted kCounted[] = {{"base_accuracy", 3, &JudgedAnswers::base_accuracy},
                                {"tuned_accuracy", 3, &JudgedAnswers::tuned_accuracy},
                                {"base_helpfulness", 3, &JudgedAnswers::base_helpfulness},
                                {"tuned_helpfulness", 3, &JudgedAnswers::tuned_helpfulness},
                                {"base_errors", kAny, &JudgedAnswers::base_errors},
                                {"tuned_errors", kAny, &JudgedAnswers::tuned_errors}};

std::string interval(const stats::Interval& i, int digits = 3) {
  return absl::StrCat(format_number(i.estimate, digits), " [", format_number(i.low, digits), ", ",
                      format_number(i.high, digits), "]");
}
std::string json_interval(const stats::Interval& i) {
  return kit::JsonObject().add("estimate", i.estimate).add("low", i.low).add("high", i.high).text();
}
std::string json_scores(const AnswerScores& scores) {
  kit::JsonObject object;
  AnswerScores copy = scores;
  copy.visit([&](const char* name, double& value) { object.add(name, value); });
  return object.text();
}

// Scores of one question to the judge, base and tuned.
void add_scores(const std::string& name, const std::vector<int64_t>& base, const std::vector<int64_t>& tuned,
                kit::Table& table, kit::JsonObject& json) {
  if (base.empty()) return;
  const auto mean = [](const std::vector<int64_t>& x) {
    return static_cast<double>(std::accumulate(x.begin(), x.end(), int64_t{0})) /
           static_cast<double>(x.size());
  };
  const SymmetryTest test = bowker_test(score_table(base, tuned));
  table.rows.push_back({name, format_number(mean(base)), format_number(mean(tuned)),
                        absl::StrCat("Bowker ", format_number(test.statistic), ", ", test.degrees,
                                     " degrees, p ", format_number(test.p_value, 3))});
  json.add_raw(name, kit::JsonObject()
                         .add("base", mean(base))
                         .add("tuned", mean(tuned))
                         .add("bowker", test.statistic)
                         .add("degrees", test.degrees)
                         .add("p", test.p_value)
                         .text());
}

}  // namespace

absl::StatusOr<JudgedAnswers> read_judged_answers(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(kit::JsonlReader reader, kit::JsonlReader::open(path));
  JudgedAnswers out;
  for (;;) {
    ROUX_ASSIGN_OR_RETURN(const bool more, reader.next());
    if (!more) break;
    const auto refuse = [&](const std::string& what) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": line ", reader.line_number(), ": ", what));
    };
    const size_t before = out.reference.size();
    for (const auto& [field, values] :
         {std::pair{"reference", &out.reference}, {"base", &out.base}, {"tuned", &out.tuned}}) {
      ROUX_ASSIGN_OR_RETURN(std::string text, reader.string_field(field));
      values->push_back(std::move(text));
    }
    const auto given = [&](const char* field, size_t so_far) -> absl::StatusOr<bool> {
      const bool there = reader.value().find(field) != nullptr;
      if (there == (so_far == before) || before == 0) return there;
      return refuse(absl::StrCat(
          field, there ? " is here, but not in the lines before" : " is missing, the lines before have it"));
    };
    for (const Counted& counted : kCounted) {
      std::vector<int64_t>& values = out.*counted.values;
      ROUX_ASSIGN_OR_RETURN(const bool there, given(counted.field, values.size()));
      if (!there) continue;
      const JsonValue& value = *reader.value().find(counted.field);
      if (!value.is_integer() || value.integer() < 0 || value.integer() > counted.most) {
        return refuse(absl::StrCat(counted.field, " must be a whole number from 0 to ", counted.most));
      }
      values.push_back(value.integer());
    }
    ROUX_ASSIGN_OR_RETURN(const bool judged, given("preference", out.preference.size()));
    if (!judged) continue;
    ROUX_ASSIGN_OR_RETURN(std::string preference, reader.string_field("preference"));
    if (preference != "base" && preference != "tie" && preference != "tuned") {
      return refuse(absl::StrCat("preference is \"", preference, "\", needed base, tie or tuned"));
    }
    out.preference.push_back(std::move(preference));
  }
  if (out.reference.empty())
    return absl::InvalidArgumentError(absl::StrCat(path, ": there is no record in it"));
  for (const auto& [a, b, name] : {std::tuple{&out.base_accuracy, &out.tuned_accuracy, "accuracy"},
                                   {&out.base_helpfulness, &out.tuned_helpfulness, "helpfulness"},
                                   {&out.base_errors, &out.tuned_errors, "errors"}}) {
    if (a->size() == b->size()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": base_", name, " and tuned_", name, " belong together, one is missing"));
  }
  return out;
}

stats::Matrix score_table(const std::vector<int64_t>& base, const std::vector<int64_t>& tuned) {
  ROUX_CHECK(base.size() == tuned.size())
      << "score_table: there are " << base.size() << " and " << tuned.size() << " scores";
  stats::Matrix counts(4, 4);
  for (size_t i = 0; i < base.size(); ++i) counts(base[i], tuned[i]) += 1;
  return counts;
}

absl::Status evaluate_table(const std::string& path, kit::Run& run) {
  ROUX_ASSIGN_OR_RETURN(const JudgedAnswers a, read_judged_answers(path));
  const AnswerScores base = score_answers(a.base, a.reference), tuned = score_answers(a.tuned, a.reference);
  const SimilarityGain gain = similarity_gain(a.base, a.tuned, a.reference, run.seeds()[0]);
  kit::Table table{
      absl::StrCat(a.reference.size(), " items"), {"", "base", "tuned", "tuned minus base, or test"}, {}};
  const auto row = [&](const char* name, double x, double y, const std::string& test = "") {
    table.rows.push_back(
        {name, format_number(x), format_number(y), test.empty() ? format_number(y - x) : test});
  };
  row("heading", base.heading, tuned.heading), row("list", base.list, tuned.list),
      row("bold", base.bold, tuned.bold);
  row("Action Steps", base.action_steps, tuned.action_steps), row("all four", base.markdown, tuned.markdown);
  row("caveats", base.caveat, tuned.caveat);
  row("ROUGE-L", base.rouge_l, tuned.rouge_l, interval(gain.rouge_l));
  row("BLEU", base.bleu, tuned.bleu, interval(gain.bleu));
  kit::JsonObject json;
  json.add("items", static_cast<int64_t>(a.reference.size()));
  json.add_raw("base", json_scores(base)).add_raw("tuned", json_scores(tuned));
  json.add_raw("rouge_l_gain", json_interval(gain.rouge_l)).add_raw("bleu_gain", json_interval(gain.bleu));
  add_scores("accuracy", a.base_accuracy, a.tuned_accuracy, table, json);
  add_scores("helpfulness", a.base_helpfulness, a.tuned_helpfulness, table, json);
  if (!a.base_errors.empty()) {
    const auto sum = [](const std::vector<int64_t>& x) {
      return std::accumulate(x.begin(), x.end(), int64_t{0});
    };
    table.rows.push_back(
        {"factual errors", absl::StrCat(sum(a.base_errors)), absl::StrCat(sum(a.tuned_errors)), ""});
    json.add("base_errors", sum(a.base_errors)).add("tuned_errors", sum(a.tuned_errors));
  }
  if (!a.preference.empty()) {
    const auto count = [&](const char* whose) {
      return std::count(a.preference.begin(), a.preference.end(), whose);
    };
    const PreferenceTest test = preference_test(count("tuned"), count("tie"), count("base"));
    table.rows.push_back({absl::StrCat("preferred (", count("tie"), " ties)"), absl::StrCat(count("base")),
                          absl::StrCat(count("tuned")),
                          absl::StrCat("sign test p ", format_number(test.sign_p, 3), "; thirds chi-square ",
                                       format_number(test.thirds), ", p ", format_number(test.thirds_p, 3))});
    json.add_raw("preference", kit::JsonObject()
                                   .add("base", static_cast<int64_t>(count("base")))
                                   .add("tie", static_cast<int64_t>(count("tie")))
                                   .add("tuned", static_cast<int64_t>(count("tuned")))
                                   .add("sign_p", test.sign_p)
                                   .add("thirds", test.thirds)
                                   .add("thirds_p", test.thirds_p)
                                   .text());
  }
  run.table(table);
  return run.write("table.json", json.text(kit::JsonObject::kPretty) + "\n");
}

}  // namespace roux::lora_education
